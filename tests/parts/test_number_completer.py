"""Completions of numbers where the conditional law is known: a linear decoder, normal residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from sklatent.parts import NumberCompleter, fit_mixture, standard_normal
from sklatent.tabular import GaussianFill

P, K = 5, 2
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(P, K))
CENTER = RNG.normal(size=P)
SCALE = np.array([0.5, 0.3, 0.8, 0.4, 0.6])
FACTOR = np.array([[0.6], [0.3], [-0.5], [0.0], [0.4]])
NOISE = 1.0 - (FACTOR**2).sum(1)
RESIDUALS = GaussianFill(np.zeros(P), FACTOR, NOISE)
OF_RESIDUAL = (FACTOR @ FACTOR.T + np.diag(NOISE)) * np.outer(SCALE, SCALE)
COVARIANCE = WEIGHT @ WEIGHT.T + OF_RESIDUAL


class Linear:
    """``x = W z + b``, with a standard deviation for each cell."""

    def decode_whitened(self, z: Tensor) -> Tensor:
        return z @ torch.from_numpy(WEIGHT).T.to(z) + torch.from_numpy(CENTER).to(z)

    def spread(self, decoded: Tensor) -> Tensor:
        return torch.from_numpy(SCALE).to(decoded).expand_as(decoded)


def at_zero(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.new_zeros(len(x), K), x.new_ones(len(x), K)


def completer(limits: Any = None, **kwargs: Any) -> NumberCompleter:
    known: dict[str, Any] = {"rng": np.random.RandomState(0), "n_codes": 2000, **kwargs}
    prior = known.pop("prior", standard_normal(K))
    return NumberCompleter(Linear(), prior, RESIDUALS, at_zero, limits or {}, **known)


def conditional(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a row given its known cells."""
    u, k = np.isnan(row), ~np.isnan(row)
    weights = COVARIANCE[np.ix_(u, k)] @ np.linalg.inv(COVARIANCE[np.ix_(k, k)])
    mean, covariance = row.copy(), np.zeros((P, P))
    mean[u] = CENTER[u] + weights @ (row[k] - CENTER[k])
    covariance[np.ix_(u, u)] = COVARIANCE[np.ix_(u, u)] - weights @ COVARIANCE[np.ix_(k, u)]
    return mean, covariance


def rows_with_holes() -> np.ndarray:
    rows = np.random.default_rng(1).multivariate_normal(CENTER, COVARIANCE, size=12)
    rows[np.random.default_rng(2).random(rows.shape) < 0.4] = np.nan
    rows[0] = np.nan
    rows[1] = CENTER + 4 * np.sqrt(np.diag(COVARIANCE))  # far out
    rows[1, 2] = np.nan
    return rows


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_means_are_conditional_means(dtype: torch.dtype) -> None:
    rows = rows_with_holes()
    found = completer().mean(torch.from_numpy(rows).to(dtype)).numpy()
    expected = np.array([conditional(row)[0] for row in rows])
    np.testing.assert_allclose(found, expected, atol=0.05)
    known = ~np.isnan(rows)
    np.testing.assert_allclose(found[known], rows[known], rtol=1e-5)


def test_few_codes_are_enough() -> None:
    rows = rows_with_holes()
    found = completer(n_codes=64).mean(torch.from_numpy(rows)).numpy()
    expected = np.array([conditional(row)[0] for row in rows])
    np.testing.assert_allclose(found, expected, atol=0.3)


def finished(drawn: Tensor) -> np.ndarray:
    """Rows of draws, with normal residuals."""
    decoded, scores, given = np.split(drawn.numpy(), 3, axis=2)
    return np.where(np.isnan(given), decoded + scores * SCALE, given)


def test_draws_have_the_conditional_law() -> None:
    rows = rows_with_holes()
    drawn = finished(completer().draws(torch.from_numpy(rows), 3000))
    for row, draws in zip(rows, drawn, strict=True):
        mean, covariance = conditional(row)
        np.testing.assert_allclose(draws.mean(0), mean, atol=0.12)
        np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.2)


def test_draws_within_an_interval_follow_the_truncated_law() -> None:
    exact = np.random.default_rng(3).multivariate_normal(CENTER, COVARIANCE, size=400_000)
    low, high = CENTER[0] + 1.0, CENTER[0] + 2.0
    kept = exact[(exact[:, 0] > low) & (exact[:, 0] < high) & (exact[:, 3] < CENTER[3])]
    limits = {0: np.array([[low, high]]), 3: np.array([[-np.inf, CENTER[3]]])}
    nothing = torch.full((1, P), torch.nan, dtype=torch.float64)
    for of_prior in (1.0, 0.25):
        drawn = finished(completer(limits, of_prior=of_prior).draws(nothing, 3000))[0]
        assert (drawn[:, 0] >= low).all()
        assert (drawn[:, 0] <= high).all()
        assert (drawn[:, 3] <= CENTER[3]).all()
        np.testing.assert_allclose(drawn.mean(0), kept.mean(0), atol=0.1)
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(kept.T), atol=0.25)
    mean = completer(limits).mean(nothing).numpy()[0]
    np.testing.assert_allclose(mean, kept.mean(0), atol=0.08)


def test_several_intervals_are_drawn_by_their_mass() -> None:
    scale = np.sqrt(COVARIANCE[1, 1])
    ends = CENTER[1] + scale * np.array([[-1.0, -0.5], [1.0, 1.1]])
    drawn = finished(completer({1: ends}).draws(torch.full((1, P), torch.nan).double(), 3000))[
        0, :, 1
    ]
    mass = np.diff(norm.cdf((ends - CENTER[1]) / scale), axis=1)[:, 0]
    assert (drawn < CENTER[1]).mean() == pytest.approx(mass[0] / mass.sum(), abs=0.04)
    inside = (drawn[:, None] >= ends[:, 0]) & (drawn[:, None] <= ends[:, 1])
    assert inside.any(1).all()


def test_an_interval_as_narrow_as_a_value_is_that_value() -> None:
    row = np.full(P, np.nan)
    value = CENTER[2] + 2.0
    limits = {2: np.array([[value - 1e-9, value + 1e-9]])}
    found = completer(limits).mean(torch.from_numpy(row[None])).numpy()[0]
    row[2] = value
    np.testing.assert_allclose(found, conditional(row)[0], atol=0.06)


def test_limits_leave_known_cells_alone() -> None:
    rows = rows_with_holes()
    limits = {0: np.array([[9.0, 10.0]])}
    found = completer(limits, n_codes=200).mean(torch.from_numpy(rows)).numpy()
    known = ~np.isnan(rows)
    np.testing.assert_allclose(found[known], rows[known])
    assert (found[np.isnan(rows[:, 0]), 0] >= 9.0).all()
    assert (found[np.isnan(rows[:, 0]), 0] <= 10.0).all()


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    rows = torch.from_numpy(rows_with_holes())
    limits = {0: np.array([[CENTER[0], np.inf]])}
    whole = completer(limits, n_codes=64).mean(rows)
    alone = torch.cat([completer(limits, n_codes=64).mean(row[None]) for row in rows])
    torch.testing.assert_close(alone, whole, rtol=1e-9, atol=1e-9)


def test_prior_of_several_clusters() -> None:
    """Two clusters of codes, of which the known cell tells one."""
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(size=(500, K)) * 0.2 + c for c in (-2.0, 2.0)])
    prior = fit_mixture(codes, 0)
    row = np.full(P, np.nan)
    row[1] = CENTER[1] + 2.0 * WEIGHT[1].sum()
    exact = codes[rng.integers(len(codes), size=300_000)] @ WEIGHT.T + CENTER
    exact += rng.multivariate_normal(np.zeros(P), OF_RESIDUAL, size=len(exact))
    near = np.abs(exact[:, 1] - row[1]) < 0.05
    found = completer(prior=prior).mean(torch.from_numpy(row[None])).numpy()[0]
    np.testing.assert_allclose(found, exact[near].mean(0), atol=0.12)
