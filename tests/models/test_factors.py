"""Where models of mixed tables start: frequencies, scores of levels, factor analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from sklatent import VAETransformer
from sklatent._training import row_source
from sklatent.models._vae._factors import factor_start, fit_factors, level_scores_of
from sklatent.nn import columns_of

NUMBERS = columns_of(tuple(("number", j, j + 1, 0, True) for j in range(6)))


def planted(n: int, holes: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    loading = rng.normal(size=(6, 2))
    X = rng.normal(size=(n, 2)) @ loading.T + 0.5 * rng.normal(size=(n, 6)) + 1.0
    X[rng.random(X.shape) < holes] = np.nan
    return X, loading @ loading.T + 0.25 * np.eye(6)


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_factor_analysis_finds_the_covariance(holes: float) -> None:
    X, covariance = planted(3000, holes)
    factors = fit_factors(X, 2)
    found = factors.loading @ factors.loading.T + np.diag(factors.noise)
    assert np.abs(found - covariance).max() < 0.25
    np.testing.assert_allclose(factors.center, np.ones(6), atol=0.15)


def test_number_of_factors_is_that_of_the_table() -> None:
    X, _ = planted(1000, 0.1)
    rows = row_source(lambda index: X[index], len(X), 6, torch.device("cpu"))
    n_factors, start = factor_start(rows, NUMBERS, 0)
    assert n_factors == 2
    assert start["guide.loading"].shape == (6, 2)
    # the axes are told apart by the cells: their precision is diagonal, the largest first
    precision = start["guide.loading"].T @ (start["guide.loading"] / start["guide.noise"][:, None])
    assert abs(precision[0, 1]) < 1e-6 * precision[1, 1]
    assert precision[0, 0] > precision[1, 1]
    share = np.isnan(X).mean(0)
    np.testing.assert_allclose(1 / (1 + np.exp(-start["missing_bias"])), share, atol=1e-3)


def test_levels_are_ordered_by_what_goes_with_them() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=2000)
    level = np.digitize(hidden, [-1.0, 0.0, 1.0])
    code = np.array([2, 0, 3, 1])[level].astype(float)  # numbered in any order
    cells = np.column_stack([code, hidden + 0.5 * rng.normal(size=2000)])
    cells[::7, 0] = np.nan
    columns = columns_of((("category", 0, 1, 4, True), ("number", 1, 2, 0, False)))
    scores, (table,) = level_scores_of(cells, columns, rng)
    ordered = table[[2, 0, 3, 1]]
    assert (np.diff(ordered) > 0).all() or (np.diff(ordered) < 0).all()
    assert np.nanmean(scores[:, 0]) == pytest.approx(0, abs=1e-6)
    assert np.nanstd(scores[:, 0]) == pytest.approx(1, abs=1e-6)
    assert np.isnan(scores[::7, 0]).all()


def test_categories_of_many_levels_say_nothing_at_the_start() -> None:
    rng = np.random.default_rng(0)
    cells = np.column_stack([rng.integers(0, 200, 400), rng.normal(size=(400, 3))])
    blocks = (("category", 0, 1, 200, False), *(("number", j, j + 1, 0, False) for j in (1, 2, 3)))
    rows = row_source(lambda index: cells[index], 400, 4, torch.device("cpu"))
    n_factors, start = factor_start(rows, columns_of(blocks), 0)
    assert n_factors == 1
    assert not start["guide.loading"][0].any()
    assert start["guide.noise"][0] == 1
    assert not start["guide.level_scores"].any()


@pytest.mark.parametrize("n", [2, 5, 25])
def test_few_rows_have_a_start(n: int) -> None:
    X, _ = planted(n, 0.3)
    rows = row_source(lambda index: X[index], n, 6, torch.device("cpu"))
    _, start = factor_start(rows, NUMBERS, 0)
    assert all(np.isfinite(value).all() for value in start.values())


def test_imputation_by_the_start_alone_knows_linear_ties() -> None:
    X, _ = planted(300, 0.0)
    frame = pd.DataFrame(X).assign(word=np.where(X[:, 0] > 1, "more", "less"))
    frame.columns = frame.columns.astype(str)
    holed = frame.copy()
    holed.loc[:99, "2"] = np.nan
    holed.loc[50:149, "word"] = None
    model = VAETransformer(2, max_steps=1, learning_rate=1e-9, random_state=0).fit(holed)
    filled = model.impute(holed)
    error = (filled["2"] - frame["2"])[:50].std()
    others = np.delete(X, 2, 1)
    line = LinearRegression().fit(others[100:], X[100:, 2])
    assert error < 1.15 * (line.predict(others[:50]) - X[:50, 2]).std()
    assert (filled["word"] == frame["word"])[50:150].mean() > 0.8
    assert model.kl_per_component_.sum() > 1  # codes that say something without training
