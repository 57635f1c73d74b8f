"""Fit the cases of ``same_answers`` with whatever sklatent is first on the path, and write answers.

Started by ``same_answers`` as a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.utils import get_tags

# What is asked about rows, where a model has it.
ROW_VERBS = (
    "transform",
    "score_samples",
    "score",
    "decision_function",
    "predict",
    "predict_proba",
    "explain",
    "posterior",
    "score_columns",
    "impute",
)
# Fitted attributes that the documentation names.
ATTRIBUTES = (
    *("n_features_in_", "feature_names_in_", "n_components_", "n_iter_", "best_iter_"),
    *("history_", "loss_curve_", "explained_variance_ratio_", "rotation_", "rotation_matrix_"),
    *("kl_per_component_", "n_active_components_", "offset_", "n_neighbors_"),
    *("labels_", "n_clusters_", "cluster_centers_", "weights_", "method_", "modularity_"),
    *("standardize_", "mode_", "center_", "scale_", "constant_", "n_encoded_", "varying_"),
    *("unit_", "dtype_", "blocks_", "ties_", "log_abs_det_"),
)
PARTS_OF_PRIOR = ("weights_", "means_", "covariances_")
Pieces = dict[str, np.ndarray]


def pieces_of(answer: Any) -> Pieces:
    """Take an answer apart into plain arrays, of numbers where it holds numbers."""
    if isinstance(answer, pl.DataFrame):
        return {"container": as_words(["polars"]), **_pieces_of_frame(answer.to_pandas())}
    if isinstance(answer, pl.Series | pd.Series):
        return pieces_of(answer.to_frame())
    if isinstance(answer, pd.DataFrame):
        return _pieces_of_frame(answer)
    if isinstance(answer, dict):
        return _prefixed({str(key): pieces_of(value) for key, value in answer.items()})
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        columns = sorted({key for record in answer for key in record})
        return {key: np.array([record.get(key, np.nan) for record in answer]) for key in columns}
    if isinstance(answer, tuple | list) and any(isinstance(one, _CONTAINERS) for one in answer):
        return _prefixed({str(i): pieces_of(one) for i, one in enumerate(answer)})
    array = np.asarray(answer) if not isinstance(answer, tuple | list) else _array_of(answer)
    return {"": array if array.dtype.kind in "fiub" else as_words(array)}


_CONTAINERS = (np.ndarray, pd.DataFrame, pl.DataFrame)


def _array_of(answer: Any) -> np.ndarray:
    if all(isinstance(one, int | float | np.number) for one in answer):
        return np.asarray(answer)
    # records such as the blocks of a table, whatever class of tuple they are
    plain = [tuple(one) if isinstance(one, tuple) else one for one in answer]
    return np.array([repr(one) for one in plain])


def _pieces_of_frame(frame: pd.DataFrame) -> Pieces:
    """Columns of numbers side by side, all others as words, and what the columns are."""
    layout = [f"{name!r}: {dtype}" for name, dtype in frame.dtypes.items()]
    found = {"layout": as_words([*layout, f"index {frame.index.tolist()!r}"])}
    is_number = [getattr(dtype, "kind", "O") in "fiub" for dtype in frame.dtypes]
    numbers, others = frame.loc[:, is_number], frame.loc[:, [not is_it for is_it in is_number]]
    if numbers.shape[1]:
        found[""] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    if others.shape[1]:
        found["words"] = as_words(others.to_numpy(dtype=object))
    return found


def as_words(values: Any) -> np.ndarray:
    """Each cell as Python writes it."""
    cells = np.asarray(values, dtype=object)
    return np.array([repr(cell) for cell in cells.ravel()], dtype=np.str_).reshape(cells.shape)


def _prefixed(nested: dict[str, Pieces]) -> Pieces:
    return {
        ".".join(filter(None, (first, second))): array
        for first, found in nested.items()
        for second, array in found.items()
    }


def asked(model: Any, X: Any, case: Any) -> dict[str, Any]:
    """What is asked of a fitted model: a call for each answer."""
    calls: dict[str, Callable[[], Any]] = {}

    def ask(name: str, verb: str, *args: Any, **params: Any) -> None:
        if hasattr(model, verb):
            calls[name] = lambda: getattr(model, verb)(*args, **params)

    for verb in ROW_VERBS:
        ask(verb, verb, X)
    ask("transform of one row", "transform", X[:1])
    if hasattr(model, "inverse_transform") and hasattr(model, "transform"):
        ask("inverse_transform", "inverse_transform", model.transform(X))
    if isinstance(X, np.ndarray):
        verb = "transform" if hasattr(model, "transform") else "score_samples"
        ask("too few columns", verb, X[:, :-1])
        if X.dtype.kind == "f":
            ask("infinite cells", verb, np.full_like(X, np.inf))
    ask("feature names", "get_feature_names_out")
    ask("sample", "sample", case.n_drawn, random_state=0)
    if hasattr(model, "n_clusters_"):
        ask("sample of a cluster", "sample", 3, cluster=0, random_state=0)
    ask("sample_imputations", "sample_imputations", X, n_samples=2, random_state=0)
    if case.conditions is not None and hasattr(model, "impute"):
        ask("sample with conditions", "sample", 7, conditions=case.conditions, random_state=0)
        ask("wrong conditions", "sample", 2, conditions={"no such column": 1})
    calls["pickled"] = lambda: _first_answer(pickle.loads(pickle.dumps(model)), X)
    calls["repr"] = lambda: repr(model)
    calls["tags"] = lambda: repr(get_tags(model))
    for name in ATTRIBUTES:
        if hasattr(model, name):
            calls[name] = lambda name=name: getattr(model, name)
    if hasattr(model, "prior_"):
        calls["prior_"] = lambda: {name: getattr(model.prior_, name) for name in PARTS_OF_PRIOR}
    return calls


def _first_answer(model: Any, X: Any) -> Any:
    return model.transform(X) if hasattr(model, "transform") else model.score_samples(X)


def answers_of(case: Any, tables: dict[str, Callable[[], Any]]) -> dict[str, Pieces]:
    """Fit a case and collect its answers; a refusal is an answer, too."""
    model, table = case.build(), tables[case.table]()
    given = {} if case.held_out is None else {"X_val": tables[case.held_out]()}
    found: dict[str, Pieces] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(table, **given)
            if case.again is not None:
                table = tables[case.again]()
                model.fit(table)
        except (ValueError, TypeError) as error:
            return {"fit": _refused(error)}
        for name, call in asked(model, table[:15], case).items():
            try:
                found[name] = pieces_of(call())
            except (ValueError, TypeError) as error:
                found[name] = _refused(error)
    said = sorted({f"{one.category.__name__}: {one.message}" for one in caught})
    return {**found, "warnings": {"": np.array(said, dtype=np.str_)}}


def _refused(error: Exception) -> Pieces:
    return {"refused": np.array([f"{type(error).__name__}: {error}"], dtype=np.str_)}


def digest(pieces: Pieces) -> str:
    """Fingerprint of the bytes of an answer, their dtypes and shapes."""
    sha = hashlib.sha256()
    for name, array in sorted(pieces.items()):
        sha.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--save", type=Path, required=True)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    # beside this file, and after the checkout on the path
    sys.path.append(str(Path(__file__).parent))
    import sklatent

    if not Path(sklatent.__file__).is_relative_to(given.root):
        raise SystemExit(f"another sklatent than that of {given.root} comes first on the path")
    from _answer_cases import cases
    from _answer_tables import TABLES

    stored: dict[str, Any] = {}
    digests: list[tuple[str, str, str]] = []
    for case in cases():
        if given.only not in case.name:
            continue
        start = time.process_time()
        for verb, pieces in answers_of(case, TABLES).items():
            digests.append((case.name, verb, digest(pieces)))
            for name, array in pieces.items():
                stored[f"{case.name}|{verb}|{name}"] = array
        print(f"{case.name}: {time.process_time() - start:.1f} s", file=sys.stderr, flush=True)
    with given.save.open("wb") as file:
        np.savez_compressed(file, digests=np.array(digests, dtype=np.str_), **stored)


if __name__ == "__main__":
    main()
