"""The scorer that asks for cells which the model did not see."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer
from sklatent.datasets import make_mixed_table
from sklatent.metrics import hidden_cell_score, one_standard_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3)) @ RNG.normal(size=(3, 10)) + 0.5 * RNG.normal(size=(300, 10))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}


def test_width_is_found_where_reconstruction_finds_none() -> None:
    scores = {k: hidden_cell_score(PCA(k).fit(X[:200]), X[200:]) for k in (1, 2, 3, 5, 8, 10)}
    assert max(scores, key=lambda k: scores[k]) == 3
    # a model that copies gives the means back, which are those of the rows
    assert scores[10] == pytest.approx(0.0, abs=1e-12)


def test_cells_are_hidden() -> None:
    # independent columns tell nothing of each other
    noise = RNG.normal(size=(400, 6))
    assert hidden_cell_score(PCA(6).fit(noise), noise) == pytest.approx(0.0, abs=1e-12)
    assert hidden_cell_score(PCA(3).fit(noise), noise) < 0.05
    # copies of one column tell all
    copies = np.repeat(noise[:, :1], 6, axis=1)
    assert hidden_cell_score(PCA(1).fit(copies), copies, n_folds=6) > 0.9


def test_in_a_search() -> None:
    search = GridSearchCV(
        make_pipeline(StandardScaler(), PCA()),
        {"pca__n_components": [1, 3, 4, 9]},
        scoring=hidden_cell_score,
        refit=one_standard_error("pca__n_components"),
        cv=3,
    ).fit(X)
    assert search.best_params_ == {"pca__n_components": 3}
    assert search.best_estimator_[-1].n_components_ == 3


def test_simplest_within_one_standard_error() -> None:
    results: dict[str, Any] = {
        "mean_test_score": np.array([0.1, 0.48, 0.5, np.nan]),
        "std_test_score": np.array([0.1, 0.1, 0.04, 0.1]),
        "params": [{"k": 1}, {"k": 2}, {"k": 3}, {"k": 0}],
        **{f"split{i}_test_score": [] for i in range(5)},
    }
    assert one_standard_error("k")(results) == 1  # .48 >= .5 - .04 / 2
    results["std_test_score"][2] = 0.02
    assert one_standard_error("k")(results) == 2
    with pytest.raises(ValueError, match="does not vary 'width'"):
        one_standard_error("width")(results)
    with pytest.raises(ValueError, match="'parameter' parameter"):
        one_standard_error(3)  # type: ignore[arg-type]


def test_searches_without_a_simplest_candidate() -> None:
    results: dict[str, Any] = {
        "mean_test_score": np.array([0.5, 0.5]),
        "std_test_score": np.array([0.1, 0.1]),
        "params": [{"k": "auto"}, {"k": 2}],
    }
    with pytest.raises(TypeError, match=r"can be ordered, got \['auto', 2\]"):
        one_standard_error("k")(results)
    with pytest.raises(ValueError, match="All scores of the search are nan"):
        one_standard_error("k")({**results, "mean_test_score": np.array([np.nan, np.nan])})
    with pytest.raises(ValueError, match="with a single score"):
        one_standard_error("k")({"mean_test_r2": [0.5, 0.5], "params": results["params"]})


def test_units_do_not_matter() -> None:
    tiny = 2.0**-100 * X
    assert hidden_cell_score(PCA(3).fit(tiny), tiny) == pytest.approx(
        hidden_cell_score(PCA(3).fit(X), X)
    )


def test_mixed_table() -> None:
    table = make_mixed_table(150, random_state=0)
    model = AutoencoderTransformer(2, **SMALL).fit(table)
    first, again = (hidden_cell_score(model, table) for _ in range(2))
    assert first == again
    assert first < 1
    assert hidden_cell_score(model, table, random_state=1) != first


def test_what_is_refused() -> None:
    with pytest.raises(NotFittedError):
        hidden_cell_score(PCA(), X)
    with pytest.raises(TypeError, match="no inverse_transform"):
        hidden_cell_score(AutoencoderTransformer.__mro__[-1](), X)
    with pytest.raises(ValueError, match="a minimum of 2 is required"):
        hidden_cell_score(PCA(1).fit(X[:, :1]), X[:, :1])


def test_identifiers_and_texts_have_no_say() -> None:
    rng = np.random.RandomState(0)
    factor = rng.randn(200, 1)
    frame = pd.DataFrame(factor + 0.3 * rng.randn(200, 4), columns=list("abcd"))
    words = np.array(["late", "parcel", "called", "shop", "refund", "happy"])
    mixed = frame.assign(
        kind=np.where(factor[:, 0] > 0, "x", "y"),
        number=[f"N{i:04d}" for i in rng.permutation(9000)[:200]],
        note=[" ".join(row) for row in words[rng.randint(6, size=(200, 5))]],
    )
    model = AutoencoderTransformer(2, max_steps=50, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(mixed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = hidden_cell_score(model, mixed, random_state=0)
    assert 0.2 < score < 1
    # a transformer without such columns sees all of them
    counted = frame.assign(number=rng.permutation(200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hidden_cell_score(PCA(1).fit(frame), frame, random_state=0) > 0.5
        assert np.isfinite(hidden_cell_score(PCA(1).fit(counted), counted, random_state=0))
