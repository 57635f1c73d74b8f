"""Principal axes equal scikit-learn's PCA, whichever way they are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sklatent.parts import _principal
from sklatent.parts._principal import PrincipalAxes, principal_axes

# The limits that lead into each branch, for 60 rows and 8 columns.
BRANCHES = {
    "svd": {},
    "svd of wide rows": {"MAX_CELLS_SVD": 0, "MAX_COLUMNS_COVARIANCE": 4},
    "covariance": {"MAX_CELLS_SVD": 0},
    "randomized": {"MAX_COLUMNS_COVARIANCE": 4},
}


@pytest.fixture(params=list(BRANCHES), ids=lambda name: name.replace(" ", "-"))
def branch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in BRANCHES[request.param].items():
        monkeypatch.setattr(_principal, name, value)
    return str(request.param)


@pytest.fixture
def X(branch: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    scales = np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.7, 0.4, 0.2])
    n_rows = 4 if branch == "svd of wide rows" else 60
    return rng.normal(size=(n_rows, 8)) * scales @ rng.normal(size=(8, 8)) + 7.0


def in_chunks(X: np.ndarray, size: int = 17) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: (X[start : start + size] for start in range(0, len(X), size))


def axes_of(X: np.ndarray, n_components: int) -> PrincipalAxes:
    return principal_axes(in_chunks(X), len(X), n_components, seed=0)


def test_axes_are_those_of_scikit_learn(X: np.ndarray) -> None:
    axes = axes_of(X, 3)
    pca = PCA(3, svd_solver="full").fit(X)
    n = len(X)
    np.testing.assert_allclose(axes.mean, X.mean(0), rtol=1e-12)
    np.testing.assert_allclose(axes.components, pca.components_, atol=1e-8)
    # PCA divides by n - 1, the scaling of the columns by n
    np.testing.assert_allclose(axes.scale**2, pca.explained_variance_ * (n - 1) / n, rtol=1e-8)
    assert axes.total_variance == pytest.approx(X.var(0).sum(), rel=1e-12)
    left = X - pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(
        axes.residual_variance, left.var(0), rtol=1e-6, atol=1e-9 * axes.total_variance
    )


def test_each_branch_is_the_one_that_runs(
    branch: str, X: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    eigenvectors, pca, svd = _principal._eigenvectors, _principal.PCA, np.linalg.svd
    monkeypatch.setattr(
        _principal,
        "_eigenvectors",
        lambda *args: (ran.append("covariance"), eigenvectors(*args))[1],
    )
    monkeypatch.setattr(
        _principal, "PCA", lambda *args, **kw: (ran.append("randomized"), pca(*args, **kw))[1]
    )
    monkeypatch.setattr(
        np.linalg, "svd", lambda *args, **kw: (ran.append("svd"), svd(*args, **kw))[1]
    )
    axes_of(X, 3)
    assert ran[0] == branch.split()[0]


def test_axes_do_not_depend_on_the_chunks(X: np.ndarray) -> None:
    whole = principal_axes(in_chunks(X, len(X)), len(X), 3, seed=0)
    for size in (1, 7):
        parts = principal_axes(in_chunks(X, size), len(X), 3, seed=0)
        np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(parts.components, whole.components, atol=1e-9)
        np.testing.assert_allclose(
            parts.residual_variance,
            whole.residual_variance,
            rtol=1e-6,
            atol=1e-12 * whole.total_variance,
        )


def test_moments_far_from_zero_keep_their_digits() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2)) + 1e8
    mean, variance = _principal._moments(in_chunks(X)(), len(X))
    np.testing.assert_allclose(mean, X.mean(0), rtol=1e-15)
    np.testing.assert_allclose(variance, X.var(0), rtol=1e-6)


def test_constant_columns_have_no_part_in_the_axes(X: np.ndarray) -> None:
    constant = np.full((len(X), 1), 3.0)
    axes = axes_of(np.hstack([X[:, :2], constant, X[:, 2:]]), 3)
    plain = axes_of(X, 3)
    np.testing.assert_allclose(axes.components[:, 2], 0.0, atol=1e-8)
    np.testing.assert_allclose(np.delete(axes.components, 2, axis=1), plain.components, atol=1e-7)
    np.testing.assert_allclose(axes.scale, plain.scale, rtol=1e-7)
    assert axes.residual_variance[2] <= 1e-9 * axes.total_variance


@pytest.mark.parametrize("max_cells", [250_000, 0], ids=["svd", "covariance"])
def test_equal_rows_have_axes_that_can_be_divided_by(
    monkeypatch: pytest.MonkeyPatch, max_cells: int
) -> None:
    monkeypatch.setattr(_principal, "MAX_CELLS_SVD", max_cells)
    axes = axes_of(np.full((20, 4), 2.5), 2)
    assert np.array_equal(axes.mean, np.full(4, 2.5))
    assert np.array_equal(axes.scale, np.ones(2))
    np.testing.assert_allclose(axes.components @ axes.components.T, np.eye(2), atol=1e-12)
    assert axes.total_variance == 0.0
    assert np.array_equal(axes.residual_variance, np.zeros(4))


def test_axes_without_variance_are_floored(X: np.ndarray) -> None:
    flat = X[:, :2] @ np.random.default_rng(1).normal(size=(2, 8))
    axes = axes_of(flat, 4)
    assert (axes.scale >= 1e-6 * axes.scale[0]).all()
    assert axes.scale[2:].max() < 1e-5 * axes.scale[0]
    assert axes.residual_variance.max() <= 1e-9 * axes.total_variance
