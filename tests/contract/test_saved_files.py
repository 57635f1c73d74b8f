"""Models saved by earlier releases still load, and still answer as they did."""

from __future__ import annotations

import re
import warnings
import zlib
from importlib import import_module
from typing import Any

import joblib
import numpy as np
import pytest

from sklatent._utils.discovery import all_estimators
from sklatent._utils.persistence import OLD_PATHS
from tests.data.make_fitted import CASES, FOLDER, VERBS, packed, read, rows_of
from tests.instances import trains

every_case = pytest.mark.parametrize("name", CASES)
# Kinds of table on which an estimator answers differently, by its code or by its mixin.
MIXED = {"-mixed", "-quantile"}

# Verbs that the oldest files say nothing of, or that a table of numbers has not.
LEFT_OUT = {
    "AutoencoderTransformer": {"score"},
    "NeighborEmbedding": {"score"},
    "VAETransformer": {"score", "posterior", "score_columns", "impute", "sample_imputations"},
}


def load(name: str) -> Any:
    with warnings.catch_warnings():
        # later versions, of this library and of scikit-learn, say that they are later
        warnings.simplefilter("ignore", UserWarning)
        return joblib.load(FOLDER / f"{name}.joblib")


def assert_same(given: Any, expected: Any, what: str) -> None:
    """Compare answers taken apart: numbers relative to their column, all else exactly."""
    if isinstance(expected, dict):
        assert isinstance(given, dict), what
        assert given.keys() == expected.keys(), what
        for key, value in expected.items():
            assert_same(given[key], value, f"{what}, {key}")
    elif is_numeric(expected):
        given, expected = np.array(given, dtype=float), np.array(expected, dtype=float)
        scale = np.maximum(np.nanmax(np.abs(expected), 0), 1e-12)
        np.testing.assert_allclose(given / scale, expected / scale, 1e-7, 1e-6, err_msg=what)
    elif isinstance(expected, list) and any(isinstance(one, dict | list) for one in expected):
        for i, (one, other) in enumerate(zip(given, expected, strict=True)):
            assert_same(one, other, f"{what}, {i}")
    else:
        assert given == expected, what


def is_numeric(answer: Any) -> bool:
    """Whether an answer is an array or a list of numbers, or of arrays, with None for missing."""
    if isinstance(answer, np.ndarray):
        return True
    if not isinstance(answer, list) or not answer:
        return False
    try:
        array = np.array(answer, dtype=float)
    except (TypeError, ValueError):
        return False
    is_word = any(isinstance(cell, str) for cell in answer)
    return not is_word and not bool(np.isnan(array).all())


@every_case
def test_saved_model_keeps_its_answers(name: str) -> None:
    model, expected = load(name), read(FOLDER / f"{name}.npz")
    X, Z = rows_of(expected.pop("X")), expected.get("transform")
    assert expected.keys() == set(CASES[name].verbs)
    for verb, answer in expected.items():
        assert_same(packed(VERBS[verb](model, X, Z)), answer, verb)


def test_differences_are_seen() -> None:
    X = CASES["VAETransformer-mixed"].table()[:20]
    same = packed(X)
    assert_same(packed(rows_of(same)), same, "rows")
    assert_same(packed(X.assign(height=X["height"] * (1 + 1e-8))), same, "rounded")
    for other in (
        X.assign(height=X["height"] + 1e-4),
        X.assign(height=X["height"].fillna(1.0)),
        X.assign(word=X["word"].replace("oak", "ash")),
        X.assign(green=~X["green"]),
        X.astype({"count": "int32"}),
        X.assign(day=X["day"] + np.timedelta64(1, "D")),
        X[X.columns[::-1]],
        X[::-1],
        X.to_numpy(),
    ):
        with pytest.raises(AssertionError):
            assert_same(packed(other), same, "rows")
    with pytest.raises(AssertionError):
        assert_same(np.ones((3, 2)), np.ones((3, 2)) + np.array([0, 1e-5]), "array")
    with pytest.raises(AssertionError):
        assert_same([np.zeros(2), np.ones(2)], [[0.0, 0.0], [1.0, 1.1]], "arrays")


@every_case
def test_every_verb_of_a_saved_model_has_an_expected_answer(name: str) -> None:
    model = load(name)
    assert type(model).__name__ == name.partition("-")[0]
    if trains(type(model)):
        # a trained net, not its start
        assert model.best_iter_ > 0
    verbs = {verb for verb in VERBS if hasattr(model, verb)} - LEFT_OUT.get(name, set())
    assert verbs <= set(read(FOLDER / f"{name}.npz"))


def test_every_estimator_was_saved_with_every_kind_of_table() -> None:
    names = {name for name, _ in all_estimators()}
    assert {name.partition("-")[0] for name in CASES} == names
    mixed = {name.partition("-")[0] for name in CASES if any(end in name for end in MIXED)}
    assert mixed == names - {"NeighborEmbedding"}  # which takes numbers alone


@every_case
def test_saved_model_can_be_fitted_again(name: str) -> None:
    model, saved = load(name), read(FOLDER / f"{name}.npz")
    X = rows_of(saved["X"])
    verb = CASES[name].verbs[0]
    assert VERBS[verb](model.fit(X), X, None).shape == saved[verb].shape


@every_case
def test_files_stay_small(name: str) -> None:
    assert (FOLDER / f"{name}.joblib").stat().st_size < 60_000
    assert (FOLDER / f"{name}.npz").stat().st_size < 60_000


@pytest.mark.parametrize("path", OLD_PATHS)
def test_old_paths_lead_to_the_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    assert found is getattr(import_module(OLD_PATHS[path]), name)
    assert found.__module__ == OLD_PATHS[path]


def test_old_paths_are_those_that_saved_files_name() -> None:
    named: set[str] = set()
    for case in CASES:
        data = zlib.decompress((FOLDER / f"{case}.joblib").read_bytes())
        named |= {found.decode() for found in re.findall(rb"sklatent\.[a-z_.]+", data)}
    assert named == {path.rpartition(".")[0] for path in OLD_PATHS}
