"""Tables and images of known factors: the mixture is the one that was promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import FastICA
from sklearn.ensemble import HistGradientBoostingRegressor

from sklatent.datasets import make_factor_table, make_shapes
from sklatent.datasets._factors import _sparse

MIXINGS = ("linear", "bent", "sparse")


@pytest.mark.parametrize("mixing", MIXINGS)
def test_table_has_the_shapes_and_units_that_it_promises(mixing: Any) -> None:
    X, factors = make_factor_table(3000, mixing=mixing, noise=0.0, random_state=0)
    assert (X.shape, factors.shape) == ((3000, 30), (3000, 5))
    assert X.dtype == factors.dtype == np.float64
    np.testing.assert_allclose(X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(X.std(0), 1, rtol=1e-12)
    noisy, same = make_factor_table(3000, mixing=mixing, noise=0.3, random_state=0)
    np.testing.assert_array_equal(factors, same)
    np.testing.assert_allclose((noisy - X).std(0), 0.3, rtol=0.1)


def test_linear_table_has_the_rank_of_its_factors_and_the_others_have_not() -> None:
    rank = {}
    for mixing in MIXINGS:
        X, _ = make_factor_table(500, n_factors=3, mixing=mixing, noise=0.0, random_state=0)
        rank[mixing] = np.linalg.matrix_rank(X, tol=1e-8 * np.linalg.norm(X))
    assert rank["linear"] == 3
    assert min(rank["bent"], rank["sparse"]) == 30
    X, _ = make_factor_table(2000, n_factors=3, mixing="linear", noise=0.1, random_state=0)
    variances = np.linalg.svd(X, compute_uv=False) ** 2 / len(X)
    np.testing.assert_allclose(variances[3:], 0.01, rtol=0.4)
    assert variances[2] > 0.5


def test_sparse_columns_read_their_own_factor_and_at_most_one_more() -> None:
    k, n_features = 5, 60
    rng = np.random.RandomState(0)
    start = np.random.RandomState(1).uniform(-1, 1, (1, k))
    first = _sparse(start, n_features, np.random.RandomState(2))
    reads = np.zeros((k, n_features), dtype=bool)
    for factor in range(k):
        moved = start.copy()
        moved[0, factor] = rng.uniform(-1, 1)
        reads[factor] = (_sparse(moved, n_features, np.random.RandomState(2)) != first)[0]
    assert reads[np.arange(n_features) % k, np.arange(n_features)].all()
    assert set(reads.sum(0)) == {1, 2}
    assert 0.2 < np.mean(reads.sum(0) == 2) < 0.6


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_factors_of_tables_are_independent_and_of_the_same_variance(distribution: Any) -> None:
    _, factors = make_factor_table(20_000, distribution=distribution, random_state=0)
    np.testing.assert_allclose(np.cov(factors.T), np.eye(5) / 3, atol=0.01)
    np.testing.assert_allclose(np.corrcoef((factors**2).T), np.eye(5), atol=0.03)
    kurtosis = np.mean((factors / factors.std(0)) ** 4, axis=0)
    np.testing.assert_allclose(kurtosis, 1.8 if distribution == "uniform" else 3.0, atol=0.2)
    assert distribution == "normal" or np.abs(factors).max() <= 1


@pytest.mark.parametrize("mixing", ["bent", "sparse"])
def test_factors_can_be_read_from_rows(mixing: Any) -> None:
    X, factors = make_factor_table(
        2000, n_factors=2, n_features=10, mixing=mixing, noise=0.02, random_state=0
    )
    for factor in factors.T:
        model = HistGradientBoostingRegressor(max_iter=60).fit(X[:1500], factor[:1500])
        assert model.score(X[1500:], factor[1500:]) > 0.9


def test_independent_components_are_the_factors_of_a_linear_table() -> None:
    X, factors = make_factor_table(4000, n_factors=3, mixing="linear", random_state=0)
    codes = FastICA(3, whiten="unit-variance", random_state=0).fit_transform(X)
    similar = np.abs(np.corrcoef(codes.T, factors.T)[:3, 3:])
    np.testing.assert_allclose(np.sort(similar.max(0)), 1, atol=0.02)
    assert set(similar.argmax(0)) == {0, 1, 2}


def test_shapes_have_their_centre_brightness_and_area() -> None:
    size = 16
    X, factors = make_shapes(500, size=size, noise=0.0, random_state=0)
    x, y, side, brightness = factors.T
    images = X.reshape(-1, size, size)
    mass = images.sum((1, 2))
    places = np.arange(size) + 0.5
    np.testing.assert_allclose(mass, brightness * side**2, rtol=1e-12)
    np.testing.assert_allclose(images.max((1, 2)), brightness, rtol=1e-12)
    # a pixel covered in part counts with its middle: at most 1/8 of a pixel over the side
    np.testing.assert_allclose(images.sum(1) @ places / mass, x, atol=0.125 / 3)
    np.testing.assert_allclose(images.sum(2) @ places / mass, y, atol=0.125 / 3)


@pytest.mark.parametrize("size", [6, 16, 25])
def test_factors_of_shapes_are_in_range_and_independent(size: int) -> None:
    X, factors = make_shapes(5000, size=size, noise=0.0, random_state=0)
    low = [size / 4, size / 4, 3 * size / 16, 0.4]
    high = [3 * size / 4, 3 * size / 4, 7 * size / 16, 1.0]
    assert X.shape == (5000, size * size)
    assert X.min() == 0
    assert X.max() <= 1
    assert (factors >= low).all()
    assert (factors <= high).all()
    np.testing.assert_allclose(factors.mean(0), np.add(low, high) / 2, rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(factors.T), np.eye(4), atol=0.05)


def test_noise_of_shapes_is_that_of_each_pixel() -> None:
    X, factors = make_shapes(300, noise=0.0, random_state=0)
    noisy, same = make_shapes(300, noise=0.1, random_state=0)
    np.testing.assert_array_equal(factors, same)
    assert (noisy - X).std() == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("make", [make_factor_table, make_shapes])
def test_same_seed_gives_the_same_bytes_and_leaves_the_global_stream_alone(make: Any) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    X, factors = make(50, random_state=3)
    again, same = make(50, random_state=3)
    assert X.tobytes() == again.tobytes()
    assert factors.tobytes() == same.tobytes()
    assert not np.array_equal(X, make(50, random_state=4)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("make", [make_factor_table, make_shapes])
def test_one_row_is_finite(make: Any) -> None:
    X, factors = make(1, random_state=0)
    assert len(X) == len(factors) == 1
    assert np.isfinite(X).all()


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (make_factor_table, {"n_samples": 0}),
        (make_factor_table, {"n_factors": 0}),
        (make_factor_table, {"n_features": 2.5}),
        (make_factor_table, {"mixing": "curved"}),
        (make_factor_table, {"noise": -0.1}),
        (make_factor_table, {"noise": np.inf}),
        (make_factor_table, {"distribution": "laplace"}),
        (make_factor_table, {"random_state": "a"}),
        (make_shapes, {"n_samples": 0}),
        (make_shapes, {"size": 5}),
        (make_shapes, {"noise": -1}),
    ],
)
def test_bad_parameters_are_named(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter"):
        make(**options)


def test_fewer_columns_than_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="n_features=4: raise n_features"):
        make_factor_table(n_factors=5, n_features=4)
