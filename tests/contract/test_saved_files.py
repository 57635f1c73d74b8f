"""Models saved by earlier releases still load, and still answer as they did."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from tests.instances import declaring, fitted, trains

FOLDER = Path(__file__).parents[1] / "data"
NAMES = [cls.__name__ for cls in declaring("transform") if trains(cls)]


def load(name: str) -> Any:
    with warnings.catch_warnings():
        # later versions, of this library and of scikit-learn, say that they are later
        warnings.simplefilter("ignore", UserWarning)
        return joblib.load(FOLDER / f"{name}.joblib")


@pytest.mark.parametrize("name", NAMES)
def test_saved_model_keeps_its_answers(name: str) -> None:
    model = load(name)
    with np.load(FOLDER / f"{name}.npz") as saved:
        expected = dict(saved)
    X = expected.pop("X")
    given = {"transform": model.transform(X)}
    if "inverse_transform" in expected:
        given["inverse_transform"] = model.inverse_transform(expected["transform"])
    if "score_samples" in expected:
        given["score_samples"] = model.score_samples(X)
    if "sample" in expected:
        given["sample"] = model.sample(len(expected["sample"]), random_state=0)
    assert given.keys() == expected.keys()
    for verb, answer in expected.items():
        scale = np.maximum(np.abs(answer).max(0), 1e-12)
        np.testing.assert_allclose(given[verb] / scale, answer / scale, atol=1e-6, err_msg=verb)


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_of_a_saved_model_has_an_expected_answer(name: str) -> None:
    model = load(name)
    assert type(model).__name__ == name
    # a trained net, not its start
    assert model.best_iter_ > 0
    with np.load(FOLDER / f"{name}.npz") as saved:
        verbs = set(saved.files) - {"X"}
    known = ("transform", "inverse_transform", "score_samples", "sample")
    assert verbs == {verb for verb in known if hasattr(model, verb)}


@pytest.mark.parametrize("name", NAMES)
def test_saved_model_can_be_fitted_again(name: str) -> None:
    model = load(name)
    with np.load(FOLDER / f"{name}.npz") as saved:
        X = saved["X"]
    width = model.n_components_
    assert fitted(model, X).transform(X).shape == (len(X), width)


@pytest.mark.parametrize("name", NAMES)
def test_files_stay_small(name: str) -> None:
    assert (FOLDER / f"{name}.joblib").stat().st_size < 60_000
    assert (FOLDER / f"{name}.npz").stat().st_size < 60_000
