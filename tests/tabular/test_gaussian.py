"""Missing cells of numbers by the normal distribution of the rows: the formulas, to many digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sklatent.tabular import AffineTable, GaussianFill, Rows, patterns

RNG = np.random.default_rng(0)
LOADING = RNG.normal(size=(6, 2))
COVARIANCE = LOADING @ LOADING.T + np.diag(RNG.uniform(0.1, 0.5, 6))
MEAN = np.arange(6.0)
ROWS = RNG.multivariate_normal(MEAN, COVARIANCE, size=400)


def with_holes(rows: np.ndarray, share: float = 0.4) -> np.ndarray:
    holes = rows.copy()
    holes[np.random.default_rng(1).random(rows.shape) < share] = np.nan
    return holes


def conditional(row: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> tuple[Any, Any]:
    """Mean of a row given its known cells, and covariance of the others, by the book."""
    u, k = np.isnan(row), ~np.isnan(row)
    weights = covariance[np.ix_(u, k)] @ np.linalg.inv(covariance[np.ix_(k, k)])
    filled = row.copy()
    filled[u] = mean[u] + weights @ (row[k] - mean[k])
    return filled, covariance[np.ix_(u, u)] - weights @ covariance[np.ix_(k, u)]


def covariance_of(fill: GaussianFill) -> np.ndarray:
    return fill.factor @ fill.factor.T + np.diag(fill.noise)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_filled_by_the_conditional_mean(dtype: str) -> None:
    fill = GaussianFill.fit(ROWS)
    holes = with_holes(ROWS).astype(dtype)
    found = fill(holes)
    assert found.dtype == dtype
    expected = [conditional(row, fill.mean, covariance_of(fill))[0] for row in holes.astype(float)]
    np.testing.assert_allclose(found, expected, rtol=1e-9 if dtype == "float64" else 1e-5)
    known = ~np.isnan(holes)
    assert np.array_equal(found[known], holes[known])


def test_conditional_covariance() -> None:
    fill = GaussianFill.fit(ROWS)
    for row in with_holes(ROWS)[:30]:
        u = np.isnan(row)
        root = fill.root(u)
        assert (root[~u] == 0).all()
        found = (root @ root.T + np.diag(fill.noise))[np.ix_(u, u)]
        np.testing.assert_allclose(found, conditional(row, MEAN, covariance_of(fill))[1])


def test_fitted_to_the_covariance_of_the_rows() -> None:
    fill = GaussianFill.fit(ROWS)
    np.testing.assert_allclose(fill.mean, ROWS.mean(0))
    np.testing.assert_allclose(covariance_of(fill), np.cov(ROWS.T, bias=True), atol=0.06)
    holes = with_holes(ROWS)
    truth = np.array([conditional(row, MEAN, COVARIANCE)[0] for row in holes])
    by_mean = np.where(np.isnan(holes), ROWS.mean(0), holes)
    assert ((fill(holes) - truth) ** 2).mean() < 0.02 * ((by_mean - truth) ** 2).mean()


def test_missing_cells_in_fit_say_nothing() -> None:
    holes = with_holes(ROWS, 0.2)
    fill = GaussianFill.fit(holes)
    np.testing.assert_allclose(fill.mean, np.nanmean(holes, 0))
    np.testing.assert_allclose(covariance_of(fill), COVARIANCE, atol=0.6)
    empty = GaussianFill.fit(np.column_stack([ROWS, np.full(len(ROWS), np.nan)]))
    assert empty(np.full((1, 7), np.nan))[0, 6] == 0
    assert np.isfinite(empty(np.column_stack([holes, holes[:, 0]]))).all()


@pytest.mark.parametrize("n_rows", [2, 5, 60])
@pytest.mark.parametrize("n_columns", [1, 20, 200])
def test_few_rows_and_many_columns(n_rows: int, n_columns: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 3)) @ rng.normal(size=(3, n_columns))
    rows[:, 0] = 7.0  # constant
    fill = GaussianFill.fit(rows)
    found = fill(with_holes(rows))
    # no farther out than a few times the rows
    assert np.abs(found).max() < 10 * max(1.0, np.abs(rows).max())
    assert (fill.noise > 0).all()


def test_wide_tables_by_principal_axes() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 200)) + 0.1 * rng.normal(size=(500, 200))
    fill = GaussianFill.fit(rows[:400])
    assert fill.factor.shape[1] < 128
    holes = with_holes(rows[400:], 0.8)
    missing = np.isnan(holes)
    assert np.sqrt(((fill(holes) - rows[400:])[missing] ** 2).mean()) < 0.13


def test_units_do_not_matter() -> None:
    units = np.array([1e-6, 1.0, 1e3, 1e6, 10.0, 1.0])
    holes = with_holes(ROWS)
    found = GaussianFill.fit(ROWS * units)(holes * units)
    np.testing.assert_allclose(found / units, GaussianFill.fit(ROWS)(holes), rtol=1e-6)


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    fill = GaussianFill.fit(ROWS)
    holes = with_holes(ROWS)
    whole = fill(holes)
    alone = np.concatenate([fill(holes[i : i + 1]) for i in range(len(holes))])
    np.testing.assert_allclose(alone, whole, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(fill(np.full((1, 6), np.nan))[0], fill.mean)
    assert fill(ROWS) is ROWS


def test_patterns_cover_the_incomplete_rows_once() -> None:
    missing = np.isnan(with_holes(ROWS, 0.2))
    seen = np.zeros(len(missing), dtype=int)
    for rows, unknown in patterns(missing):
        assert (missing[rows] == unknown).all()
        seen[rows] += 1
    assert np.array_equal(seen, missing.any(1).astype(int))


def test_table_fills_in_its_own_units_and_keeps_the_fill() -> None:
    plain = AffineTable.fit(Rows(ROWS), standardize=True, common_scale=False)
    assert not plain.takes_missing
    table = AffineTable.fit(Rows(ROWS), standardize=True, common_scale=False, completes=True)
    again = AffineTable.from_state(table.to_state())
    holes = Rows(with_holes(ROWS))
    assert plain.without_missing(holes) is holes
    filled = table.without_missing(holes)
    known = ~np.isnan(holes.values)
    assert isinstance(filled, Rows)
    assert np.array_equal(filled.values[known], holes.values[known])
    np.testing.assert_allclose(
        filled.values, GaussianFill.fit(ROWS)(holes.values), rtol=1e-9, atol=1e-9
    )
    matrix = table.encode(holes)
    assert np.array_equal(again.completed(matrix), table.completed(matrix))
    np.testing.assert_allclose(again.completed(matrix), table.encode(filled), atol=1e-12)
    # an encoder as it was saved before
    state = table.to_state()
    del state["gaussian"]
    assert not AffineTable.from_state(state).takes_missing
    # the Jacobian of known cells alone
    expected = -(np.log(table.scale) * known).sum(1)
    np.testing.assert_allclose(table.log_det(holes), expected)
