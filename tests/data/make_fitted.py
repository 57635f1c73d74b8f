"""Write the small fitted models that later releases must still read.

Run ``python -m tests.data.make_fitted NAME ...`` from the root of the repository. Files are
written where there are none; those that are there stand for models that people have saved, and are
written anew only where the format of saved models changes on purpose: remove them first.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch

from sklatent import (
    AutoencoderTransformer,
    LatentAnomalyDetector,
    LatentClusterer,
    NeighborEmbedding,
    TabularEncoder,
    VAETransformer,
)

FOLDER = Path(__file__).parent
NET = {"hidden_layer_sizes": (8,), "device": "cpu"}
PARAMS = {**NET, "max_steps": 300, "random_state": 0}
SHORT = {**NET, "max_steps": 60}
CONDITIONS = {"word": ["oak", "elm"], "height": (None, 2.0)}


# -- tables --------------------------------------------------------------------------------------


def table(n: int = 400) -> np.ndarray:
    """Rows on a bent sheet: 4 columns of numbers, one of counts, one constant."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(-1.5, 1.5, size=(2, n))
    columns = np.column_stack([u + v, u**2, np.sin(2 * v), u * v])
    columns += 0.05 * rng.normal(size=columns.shape)
    counts = np.floor(3 * (1.5 + u))[:, None]
    return np.hstack([columns * [1.0, 10.0, 0.1, 1.0] + 3.0, counts, np.full((n, 1), 7.0)])


def small_table() -> np.ndarray:
    """Few rows, for models that keep some of them."""
    return table(120)


def frame() -> pd.DataFrame:
    """The numbers in a frame of several dtypes."""
    numbers = pd.DataFrame(table(120), columns=["a", "b", "c", "d", "count", "same"])
    return numbers.astype({"b": "float32", "count": "int64"}).assign(high=numbers["a"] > 3)


def mixed_frame() -> pd.DataFrame:
    """Words, categories, numbers, a date and missing cells, all of one factor."""
    rng = np.random.default_rng(1)
    n = 120
    factor = rng.normal(size=n)

    def noisy() -> np.ndarray:
        return factor + 0.5 * rng.normal(size=n)

    word = np.array(["elm", "fir", "oak"], dtype=object)[np.digitize(noisy(), [-0.5, 0.5])]
    word[::15] = None
    grade = pd.Categorical(
        np.array(["low", "middle", "high"], dtype=object)[np.digitize(noisy(), [-0.7, 0.7])],
        categories=pd.Index(["low", "middle", "high"], dtype=object),
        ordered=True,
    )
    height = np.round(np.exp(0.5 * noisy()), 2)
    height[rng.uniform(size=n) < 0.15] = np.nan
    day = np.datetime64("2020-01-01", "s") + (100 * (noisy() + 5)).astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "word": pd.Series(word, dtype=object),
            "grade": grade,
            "height": height,
            "count": rng.poisson(np.exp(1 + 0.5 * factor)),
            "green": noisy() > 0,
            "day": day,
        }
    )


# -- cases ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A saved model: what it was fitted to, and the verbs whose answers are kept.

    ``rounded`` rounds the weights to 1/256 after the fit: the net of a VAE of mixed tables has a
    fixed width, and rounded weights can be compressed.
    """

    model: Any
    table: Callable[[], Any]
    verbs: tuple[str, ...]
    rounded: bool = False

    def fit(self, rows: Any) -> Any:
        """Fit the model to rows."""
        model = self.model.fit(rows)
        if not self.rounded:
            return model
        with torch.no_grad():
            for weight in model.net_.module_.parameters():
                weight.copy_((256 * weight).round() / 256)
        # the net may keep copies of its module for other dtypes
        return pickle.loads(pickle.dumps(model))


# How each verb is asked: of a model, about rows and their codes as they were when it was saved.
VERBS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "transform": lambda model, X, Z: model.transform(X),
    "inverse_transform": lambda model, X, Z: model.inverse_transform(Z),
    "score_samples": lambda model, X, Z: model.score_samples(X),
    "score": lambda model, X, Z: model.score(X),
    "sample": lambda model, X, Z: model.sample(20, random_state=0),
    "sample with conditions": lambda model, X, Z: model.sample(
        20, conditions=CONDITIONS, random_state=0
    ),
    "sample of a cluster": lambda model, X, Z: model.sample(20, cluster=1, random_state=0),
    "posterior": lambda model, X, Z: list(model.posterior(X)),
    "score_columns": lambda model, X, Z: model.score_columns(X),
    "impute": lambda model, X, Z: model.impute(X),
    "sample_imputations": lambda model, X, Z: model.sample_imputations(
        X, n_samples=2, random_state=0
    ),
    "decision_function": lambda model, X, Z: model.decision_function(X),
    "predict": lambda model, X, Z: model.predict(X),
    "predict_proba": lambda model, X, Z: model.predict_proba(X),
    "explain": lambda model, X, Z: model.explain(X),
}
BOTH_WAYS = ("transform", "inverse_transform")
DENSITY = (*BOTH_WAYS, "score_samples", "sample")
COMPLETION = ("sample with conditions", "impute", "sample_imputations")
DETECTOR = ("score_samples", "decision_function", "predict", "explain")
CLUSTERER = (*BOTH_WAYS, "predict", "predict_proba", "score", "sample", "sample of a cluster")
CASES = {
    "AutoencoderTransformer": Case(AutoencoderTransformer(2, **PARAMS), table, BOTH_WAYS),
    "NeighborEmbedding": Case(NeighborEmbedding(2, **PARAMS), table, BOTH_WAYS),
    "VAETransformer": Case(VAETransformer(2, n_importance_samples=32, **PARAMS), table, DENSITY),
    "AutoencoderTransformer-ica": Case(
        AutoencoderTransformer(2, rotation="ica", **PARAMS), table, (*BOTH_WAYS, "score")
    ),
    "AutoencoderTransformer-mixed": Case(
        AutoencoderTransformer(2, **PARAMS), mixed_frame, (*BOTH_WAYS, "score")
    ),
    "VAETransformer-mixed": Case(
        VAETransformer(2, n_importance_samples=32, early_stopping=False, **PARAMS),
        mixed_frame,
        (*DENSITY, "score", "posterior", "score_columns", *COMPLETION),
        rounded=True,
    ),
    "TabularEncoder-affine": Case(TabularEncoder(), frame, BOTH_WAYS),
    "TabularEncoder-quantile": Case(TabularEncoder(), mixed_frame, BOTH_WAYS),
    "LatentAnomalyDetector": Case(
        LatentAnomalyDetector(n_estimators=2, device="cpu", random_state=0), small_table, DETECTOR
    ),
    "LatentAnomalyDetector-novelty": Case(
        LatentAnomalyDetector(n_estimators=2, novelty=True, device="cpu", random_state=0),
        small_table,
        DETECTOR,
    ),
    "LatentAnomalyDetector-mixed": Case(
        LatentAnomalyDetector(n_estimators=2, device="cpu", random_state=0), mixed_frame, DETECTOR
    ),
    "LatentClusterer": Case(LatentClusterer(2, random_state=0), small_table, CLUSTERER),
    "LatentClusterer-network": Case(
        LatentClusterer(2, estimator=NeighborEmbedding(2, **SHORT), random_state=0),
        frame,
        CLUSTERER,
    ),
    "LatentClusterer-mixed": Case(
        LatentClusterer(2, estimator=AutoencoderTransformer(2, **SHORT), random_state=0),
        mixed_frame,
        CLUSTERER,
    ),
}


# -- answers in files ----------------------------------------------------------------------------


def packed(answer: Any) -> Any:
    """Take an answer apart: numbers stay an array, a frame becomes a dict, a list stays a list."""
    if isinstance(answer, list):
        return [packed(one) for one in answer]
    if isinstance(answer, pd.DataFrame):
        columns = [_packed_column(name, column) for name, column in answer.items()]
        return {"columns": columns, "index": answer.index.tolist()}
    return np.asarray(answer)


def _packed_column(name: Any, column: pd.Series) -> dict[str, Any]:
    cells = [None if pd.isna(cell) else cell for cell in column.tolist()]
    if column.dtype.kind == "M":
        cells = [None if cell is None else cell.isoformat() for cell in cells]
    found = {"name": name, "dtype": str(column.dtype), "cells": cells}
    if isinstance(column.dtype, pd.CategoricalDtype):
        found["categories"] = column.cat.categories.tolist()
        found["ordered"] = column.cat.ordered
    return found


def rows_of(taken_apart: Any) -> Any:
    """Put rows together again, in the container that they came in."""
    if not isinstance(taken_apart, dict):
        return taken_apart
    columns = {}
    for column in taken_apart["columns"]:
        cells = pd.Series(column["cells"], dtype=object)
        dtype: Any = column["dtype"]
        if dtype == "category":
            levels = pd.Index(column["categories"], dtype=object)
            dtype = pd.CategoricalDtype(levels, column["ordered"])
        columns[column["name"]] = cells.astype(dtype)
    return pd.DataFrame(columns).set_axis(taken_apart["index"])


def write(file: Path, answers: dict[str, Any]) -> None:
    """Write answers as plain arrays: what is no array is an array of one text, in JSON."""

    def plain(answer: Any) -> np.ndarray:
        if isinstance(answer, np.ndarray):
            return answer
        return np.array(json.dumps(answer, default=np.ndarray.tolist))

    np.savez_compressed(file, **{name: plain(answer) for name, answer in answers.items()})


def read(file: Path) -> dict[str, Any]:
    """Read what :func:`write` has written."""
    with np.load(file) as saved:
        return {
            name: json.loads(str(array)) if array.dtype.kind == "U" else array
            for name, array in saved.items()
        }


def main(names: list[str]) -> None:
    for name in names or CASES:
        case, file = CASES[name], FOLDER / f"{name}.joblib"
        if file.exists():
            continue
        rows = case.table()
        model, X = case.fit(rows), rows[:30]
        joblib.dump(model, file, compress=3)
        Z = model.transform(X) if hasattr(model, "transform") else None
        answers = {verb: packed(VERBS[verb](model, X, Z)) for verb in case.verbs}
        write(file.with_suffix(".npz"), {"X": packed(X), **answers})


if __name__ == "__main__":
    main(sys.argv[1:])
