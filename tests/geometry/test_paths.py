"""Paths: where they begin and end, and how they run between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from sklearn.datasets import make_moons
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.geometry import interpolate, latent_path
from sklatent.geometry._density import DensityGraph

METHODS = ("linear", "spherical", "density")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 3)) @ RNG.normal(size=(3, 6)) + 0.1 * RNG.normal(size=(150, 6))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}
MODELS = [
    AutoencoderTransformer(2, **SMALL),
    VAETransformer(2, **SMALL),
    PCA(2),
    make_pipeline(StandardScaler(), PCA(2)),
]


@pytest.fixture(scope="module", params=MODELS, ids=lambda m: type(m).__name__)
def model(request: pytest.FixtureRequest) -> Any:
    return request.param.fit(X)


@pytest.mark.parametrize("method", METHODS)
def test_ends_are_reconstructions(model: Any, method: Any) -> None:
    a, b = X[:4], X[4:8]
    path = interpolate(model, a, b, 6, method=method, X=X).reshape(4, 6, -1)
    for end, rows in ((0, a), (-1, b)):
        rebuilt = model.inverse_transform(model.transform(rows))
        np.testing.assert_allclose(path[:, end], rebuilt, rtol=1e-12, atol=1e-12)


def test_codes_in_rows_out(model: Any) -> None:
    codes = model.transform(X[:2])
    from_codes = interpolate(model, codes[0], codes[1], 4, space="latent")
    np.testing.assert_allclose(from_codes, interpolate(model, X[0], X[1], 4), rtol=1e-10)


def test_spherical_path_keeps_the_norm_and_turns_evenly() -> None:
    a, b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in RNG.normal(size=(2, 5, 4)))
    path = latent_path(a, b, 9, method="spherical")
    np.testing.assert_allclose(np.linalg.norm(path, axis=2), 1.0, rtol=1e-12)
    cosines = (path[:, 1:] * path[:, :-1]).sum(2)
    np.testing.assert_allclose(cosines, cosines[:, :1] * np.ones(8), rtol=1e-10)
    longer = latent_path(a, 3 * b, 9, method="spherical")
    np.testing.assert_allclose(
        np.linalg.norm(longer, axis=2), np.tile(np.linspace(1, 3, 9), (5, 1)), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1.0, 0.0, 0.0], [-2.0, 0.0, 0.0]),  # opposite: many ways around
        ([1.0, 2.0, 0.0], [1.0, 2.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 3.0, 0.0]),  # the origin has no direction
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
        ([1.0, 0.0, 0.0], [1.0, 1e-9, 0.0]),
    ],
)
def test_spherical_corner_cases(a: list[float], b: list[float]) -> None:
    path = latent_path(a, b, 5, method="spherical")[0]
    assert path[0].tolist() == a
    assert path[-1].tolist() == b
    ends = np.linalg.norm([a, b], axis=1)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.linspace(*ends, 5), atol=1e-12)


def test_spherical_in_one_dimension_is_straight() -> None:
    path = latent_path([[-1.0]], [[3.0]], 5, method="spherical")
    assert path.ravel().tolist() == [-1, 0, 1, 2, 3]


def test_density_path_stays_where_rows_lie() -> None:
    codes, _ = make_moons(800, noise=0.05, random_state=0)
    others, _ = make_moons(800, noise=0.05, random_state=1)
    density = KernelDensity(bandwidth=0.1).fit(others)
    a, b = codes[:20], codes[20:40]
    mean = {
        method: density.score_samples(
            latent_path(a, b, 15, method=method, codes=codes).reshape(-1, 2)
        ).mean()
        for method in METHODS
    }
    assert mean["density"] > mean["linear"] + 0.5
    steps = np.linalg.norm(np.diff(latent_path(a, b, 15, method="density", codes=codes), axis=1))
    assert np.isfinite(steps).all()


def test_density_path_in_one_cloud_is_nearly_straight() -> None:
    cloud = RNG.uniform(-1, 1, size=(500, 2))
    path = latent_path([-0.5, 0.0], [0.5, 0.0], 10, method="density", codes=cloud)[0]
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() < 1.3


def test_density_path_between_islands_and_equal_rows() -> None:
    codes = np.vstack([np.zeros((30, 2)), np.full((30, 2), 9.0)])
    path = latent_path([0.0, 0.0], [9.0, 9.0], 4, method="density", codes=codes)[0]
    np.testing.assert_allclose(path, np.linspace(0, 9, 4)[:, None] * [1, 1], atol=1e-9)
    same = latent_path([0.0, 0.0], [0.0, 0.0], 3, method="density", codes=codes)
    assert not same.any()


def test_equal_codes_are_joined() -> None:
    codes = np.repeat([[0.0], [1.0], [3.0]], 30, axis=0)
    graph = DensityGraph.of(codes)
    joined = graph.edges + csr_matrix(graph.edges.shape)  # as the search for a path adds its ends
    costs = dijkstra(joined, directed=False, indices=0)
    np.testing.assert_allclose(costs, np.repeat([0.0, 1.0, 5.0], 30), atol=1e-9)


def test_density_path_from_a_code_to_itself_stays_there() -> None:
    far = np.full(3, 100.0)
    path = latent_path(far, far, 4, method="density", codes=X[:, :3])
    assert (path == far).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [2.0**-700, 2.0**-40, 2.0**700])
def test_units_do_not_matter(method: Any, unit: float) -> None:
    codes, _ = make_moons(200, noise=0.05, random_state=0)
    path = latent_path(codes[:2], codes[2:4], 5, method=method, codes=codes)
    ends = unit * codes[:4]
    other = latent_path(ends[:2], ends[2:], 5, method=method, codes=unit * codes)
    np.testing.assert_allclose(other / unit, path, rtol=1e-12, atol=1e-12)


def test_vectors_of_any_kind() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    expected = latent_path([0.0, 1.0], [2.0, 3.0], 3)
    for series in (pandas.Series, polars.Series, tuple):
        np.testing.assert_array_equal(
            latent_path(series([0.0, 1.0]), series([2.0, 3.0]), 3), expected
        )


def test_one_end_is_shared() -> None:
    assert interpolate(PCA(2).fit(X), X[0], X[1:4], 5).shape == (15, 6)


def test_container_of_the_rows() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    frame["n"] = np.arange(len(X)) % 7
    rows = interpolate(PCA(2).fit(frame), frame[:1], frame[1:2], 3)
    assert isinstance(rows, pandas.DataFrame)
    assert rows.dtypes.tolist() == frame.dtypes.tolist()
    other = polars.from_pandas(frame)
    model = AutoencoderTransformer(2, **SMALL).fit(other)
    assert isinstance(interpolate(model, other[:1], other[1:2], 3), polars.DataFrame)


def test_mixed_table() -> None:
    table = make_mixed_table(120, random_state=0)
    model = AutoencoderTransformer(2, **SMALL).fit(table)
    for method in METHODS:
        rows = interpolate(model, table[:2], table[2:4], 4, method=method, X=table)
        assert rows.dtypes.tolist() == table.dtypes.tolist()
        assert len(rows) == 8


def test_single_precision_stays_single() -> None:
    single = X.astype(np.float32)
    model = AutoencoderTransformer(2, **SMALL).fit(single)
    assert interpolate(model, single[0], single[1], 3).dtype == np.float32


def test_what_is_refused() -> None:
    model = PCA(2).fit(X)
    with pytest.raises(ValueError, match="Z has 3 features, but PCA is expecting 2 features"):
        interpolate(model, np.zeros(3), np.ones(3), space="latent")
    with pytest.raises(ValueError, match=r"'n_steps' parameter .* must be an int in the range"):
        interpolate(model, X[0], X[1], 0)
    with pytest.raises(ValueError, match="do not match"):
        interpolate(model, X[:2], X[:3])
    with pytest.raises(ValueError, match="X= to interpolate"):
        interpolate(model, X[0], X[1], method="density")
    with pytest.raises(ValueError, match="features"):
        interpolate(model, X[0, :5], X[1, :5])
    with pytest.raises(ValueError, match="codes has 3 features"):
        latent_path([0.0, 0.0], [1.0, 1.0], method="density", codes=X[:, :3])
    with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
        interpolate(Normalizer().fit(X), X[0], X[1])
    with pytest.raises(NotFittedError):
        interpolate(PCA(2), X[0], X[1])
