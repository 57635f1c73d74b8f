"""The parts behind sampling: prior, residual noise, variance function, marginals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from sklatent.parts._calibration import (
    N_KNOTS,
    add_residual_noise,
    fit_marginals,
    fit_residual_noise,
    marginal_digits,
    match_marginals,
)
from sklatent.parts._prior import draw_codes, fit_mixture, normal_draws, standard_normal
from sklatent.parts._scatter import Scatter, measure_scatter, variance_function


@pytest.fixture
def rng() -> np.random.RandomState:
    return np.random.RandomState(0)


# -- prior ----------------------------------------------------------------------------------------


def blobs(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    left = rng.normal(size=(n // 4, 2)) * [0.5, 0.2] + [-4.0, 0.0]
    right = rng.normal(size=(n - n // 4, 2)) @ [[0.6, 0.3], [0.0, 0.4]] + [4.0, 2.0]
    return rng.permutation(np.vstack([left, right]))


def test_mixture_recovers_two_blobs() -> None:
    codes = blobs(2000)
    mixture = fit_mixture(codes, seed=0)
    for side in (codes[:, 0] < 0, codes[:, 0] > 0):
        part = codes[side]
        here = (mixture.means_[:, 0] > 0) == (part[0, 0] > 0)
        weights = mixture.weights_[here]
        assert weights.sum() == pytest.approx(side.mean(), abs=0.01)
        shares = weights / weights.sum()
        mean = shares @ mixture.means_[here]
        np.testing.assert_allclose(mean, part.mean(0), atol=0.05)
        centred = mixture.means_[here] - mean
        within = np.einsum("c,cij->ij", shares, mixture.covariances_[here])
        between = (centred * shares[:, None]).T @ centred
        np.testing.assert_allclose(within + between, np.cov(part.T), atol=0.05)


def test_mixture_is_as_likely_as_maximum_likelihood_with_two_components() -> None:
    train, test = blobs(2000)[:1000], blobs(2000)[1000:]
    best = GaussianMixture(2, n_init=3, random_state=0).fit(train).score(test)
    assert fit_mixture(train, seed=0).score(test) > best - 0.1


def test_mixture_of_few_codes_is_one_normal() -> None:
    codes = blobs(2000)[:40]
    mixture = fit_mixture(codes, seed=0)
    assert len(mixture.weights_) == 1
    np.testing.assert_allclose(mixture.means_[0], codes.mean(0), atol=0.05)


def test_draws_have_the_moments_of_the_mixture(rng: np.random.RandomState) -> None:
    mixture = fit_mixture(blobs(2000), seed=0)
    codes = draw_codes(mixture, 40_000, rng)
    mean = mixture.weights_ @ mixture.means_
    centred = mixture.means_ - mean
    covariance = np.einsum("c,cij->ij", mixture.weights_, mixture.covariances_)
    covariance += (centred * mixture.weights_[:, None]).T @ centred
    error = 5 * np.sqrt(np.diag(covariance) / len(codes))
    assert (np.abs(codes.mean(0) - mean) < error).all()
    np.testing.assert_allclose(np.cov(codes.T), covariance, rtol=0.05)
    # not sorted by component
    assert abs(codes[:20_000, 0].mean() - codes[20_000:, 0].mean()) < 0.2


def test_draws_of_one_narrow_component_are_correlated(rng: np.random.RandomState) -> None:
    train = rng.standard_normal((29, 2)) @ [[1.0, 0.9], [0.0, 0.2]]
    mixture = fit_mixture(train, seed=0)
    assert len(mixture.weights_) == 1
    codes = draw_codes(mixture, 40_000, rng)
    expected = mixture.covariances_[0]
    np.testing.assert_allclose(np.cov(codes.T), expected, rtol=0.05, atol=0.01)


def test_standard_normal_is_standard_normal(rng: np.random.RandomState) -> None:
    normal = standard_normal(3)
    z = rng.standard_normal((50, 3)) * 2
    expected = multivariate_normal(np.zeros(3), np.eye(3)).logpdf(z)
    np.testing.assert_allclose(normal.score_samples(z), expected, rtol=1e-12)
    codes = draw_codes(normal, 20_000, rng)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(3), atol=0.05)


def test_importance_draws_are_standard_normal_points() -> None:
    for n, k in ((128, 1), (100, 5)):
        draws = normal_draws(n, k, seed=0)
        assert draws.shape == (n, k)
        np.testing.assert_allclose(draws.mean(0), 0.0, atol=0.05)
        np.testing.assert_allclose(draws.std(0), 1.0, atol=0.12)
        assert np.array_equal(draws, normal_draws(n, k, seed=0))
        assert not np.array_equal(draws, normal_draws(n, k, seed=1))


# -- noise ----------------------------------------------------------------------------------------


def heteroscedastic(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Decoded means, and residuals whose spread rises in column 0 and is 0.3 in column 1."""
    rng = np.random.default_rng(seed)
    decoded = rng.uniform(0, 1, size=(n, 2))
    normal = rng.multivariate_normal([0, 0], [[1.0, 0.6], [0.6, 1.0]], size=n)
    return decoded, normal * np.column_stack([spread(decoded[:, 0]), np.full(n, 0.3)])


def spread(decoded: np.ndarray) -> np.ndarray:
    return 0.1 + decoded


def test_noise_keeps_spread_and_correlation(rng: np.random.RandomState) -> None:
    noise = fit_residual_noise(*heteroscedastic(4000, seed=0))
    decoded, _ = heteroscedastic(8000, seed=1)
    residual = add_residual_noise(decoded, noise, rng) - decoded
    for low, high in ((0.05, 0.25), (0.4, 0.6), (0.75, 0.95)):
        here = (decoded[:, 0] > low) & (decoded[:, 0] < high)
        expected = np.sqrt(np.mean(spread(decoded[here, 0]) ** 2))
        # the outermost quantiles end at 1.5 %: a little narrow
        assert residual[here, 0].std() == pytest.approx(expected, rel=0.12)
        assert residual[here, 1].std() == pytest.approx(0.3, rel=0.12)
    scores = residual / np.column_stack([spread(decoded[:, 0]), np.full(len(decoded), 0.3)])
    assert np.corrcoef(scores.T)[0, 1] == pytest.approx(0.6, abs=0.06)
    assert np.abs(residual.mean(0)).max() < 0.03


def test_noise_of_many_columns_is_uncoupled(
    rng: np.random.RandomState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent.parts._calibration.MAX_CORRELATED", 1)
    noise = fit_residual_noise(*heteroscedastic(2000, seed=0))
    decoded, _ = heteroscedastic(4000, seed=1)
    residual = add_residual_noise(decoded, noise, rng) - decoded
    assert abs(np.corrcoef(residual.T)[0, 1]) < 0.07
    assert residual[:, 1].std() == pytest.approx(0.3, rel=0.12)


def test_noise_of_few_rows_is_finite(rng: np.random.RandomState) -> None:
    for n in (2, 5, 25):
        decoded, residual = heteroscedastic(n, seed=0)
        noise = fit_residual_noise(decoded, residual)
        rows = add_residual_noise(decoded, noise, rng)
        assert np.isfinite(rows).all()
        assert np.abs(rows - decoded).max() <= np.abs(residual).max() + 1e-6


def log_variance(function: dict[str, np.ndarray], decoded: np.ndarray) -> np.ndarray:
    hinges = np.maximum(decoded[:, None] - function["noise_knots"], 0)
    return function["noise_base"] + (hinges * function["noise_slopes"]).sum(1)


def test_variance_function_recovers_planted_noise() -> None:
    function = variance_function(Scatter(*heteroscedastic(8000, seed=0)), 8)
    at = np.column_stack([np.linspace(0.1, 0.9, 9)] * 2)
    found = np.exp(0.5 * log_variance(function, at))
    # the first knot sees a bend between itself and the next one, and the floor of the variance
    np.testing.assert_allclose(found[1:, 0], spread(at[1:, 0]), rtol=0.2)
    assert found[0, 0] == pytest.approx(spread(at[0, 0]), rel=0.4)
    np.testing.assert_allclose(found[:, 1], 0.3, rtol=0.12)
    beyond = log_variance(function, np.array([[-5.0, -5.0], [-1.0, -1.0], [2.0, 2.0], [9.0, 9.0]]))
    np.testing.assert_allclose(beyond[0], beyond[1], atol=1e-9)
    np.testing.assert_allclose(beyond[2], beyond[3], atol=1e-9)


def test_variance_function_of_a_column_that_is_decoded_to_one_value() -> None:
    decoded, residual = heteroscedastic(2000, seed=0)
    decoded[:, 1] = 0.5
    function = variance_function(Scatter(decoded, residual), 8)
    found = log_variance(function, np.full((1, 2), 0.5))
    assert np.exp(0.5 * found[0, 1]) == pytest.approx(0.3, rel=0.12)


def test_training_residuals_are_widened_to_those_of_validation_rows() -> None:
    rng = np.random.default_rng(0)
    # a net that overfits: it rebuilds the rows that it knows ten times as well
    train, valid = rng.normal(size=(3000, 2)), rng.normal(size=(800, 2)) + 50.0

    def redraw(x: np.ndarray) -> np.ndarray:
        error = 0.2 if x.mean() < 25 else 0.5
        return x + error * rng.normal(size=x.shape)

    scatter = measure_scatter(train, valid, redraw)
    assert len(scatter.decoded) == len(scatter.residual) == 3000 + 2 * 800
    np.testing.assert_allclose(scatter.residual[:3000].std(0), 0.5, rtol=0.1)
    np.testing.assert_allclose(scatter.residual[3000:].std(0), 0.5, rtol=0.1)
    alone = measure_scatter(train, None, redraw)
    np.testing.assert_allclose(alone.residual.std(0), 0.2, rtol=0.1)


# -- marginals ------------------------------------------------------------------------------------


def test_marginals_are_matched_by_monotone_maps() -> None:
    rng = np.random.default_rng(0)
    table = np.column_stack(
        [
            rng.exponential(size=3000),
            rng.choice([0.0, 1.5, 7.0], p=[0.2, 0.5, 0.3], size=3000),
            np.where(rng.random(3000) < 0.5, 0.0, rng.uniform(1, 2, size=3000)),
            np.full(3000, 4.0),
        ]
    )
    maps, digits = fit_marginals(rng.normal(size=(10_000, 4)), table), marginal_digits(table)
    assert digits == [-1, 1, -1, 0]
    # values beyond what was sampled for the fit stay within the bounds of the table
    grid = np.repeat(np.linspace(-9, 9, 2001)[:, None], 4, axis=1)
    mapped = match_marginals(grid, maps, digits)
    assert (np.diff(mapped, axis=0) >= 0).all()
    assert np.array_equal(mapped[0], table.min(0))
    assert np.array_equal(mapped[-1], table.max(0))
    matched = match_marginals(rng.normal(size=(20_000, 4)), maps, digits)
    for level in (0.05, 0.25, 0.75, 0.95):
        assert np.quantile(matched[:, 0], level) == pytest.approx(
            np.quantile(table[:, 0], level), rel=0.1, abs=0.02
        )
    values, counts = np.unique(matched[:, 1], return_counts=True)
    assert values.tolist() == [0.0, 1.5, 7.0]
    np.testing.assert_allclose(
        counts / 20_000, np.unique(table[:, 1], return_counts=True)[1] / 3000, atol=0.02
    )
    assert (matched[:, 2] == 0).mean() == pytest.approx((table[:, 2] == 0).mean(), abs=0.03)
    assert (matched[:, 3] == 4.0).all()


@pytest.mark.parametrize("n_distinct", [N_KNOTS, N_KNOTS + 1])
def test_marginal_at_the_limit_of_few_values(n_distinct: int) -> None:
    rng = np.random.default_rng(0)
    table = np.repeat(np.arange(n_distinct, dtype=float), 10)[:, None]
    maps = fit_marginals(rng.normal(size=(10_000, 1)), table)
    matched = match_marginals(rng.normal(size=(5000, 1)), maps, marginal_digits(table))
    assert (matched == np.round(matched)).all()
    assert np.quantile(matched, 0.5) == pytest.approx(n_distinct / 2, abs=5)
