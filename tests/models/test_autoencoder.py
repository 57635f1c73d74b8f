"""AutoencoderTransformer: PCA where PCA is best, better than PCA elsewhere."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer
from sklatent._training import _recipe as rows_module

LOADERS = [load_breast_cancer, load_diabetes, load_iris, load_wine]
SMALL = pytest.mark.parametrize("load", LOADERS, ids=lambda load: load.__name__[5:])


@pytest.fixture
def ae(device: str) -> Any:
    def make(n_components: Any = 2, **params: Any) -> AutoencoderTransformer:
        return AutoencoderTransformer(
            n_components, **{"device": device, "random_state": 0, **params}
        )

    return make


@pytest.fixture
def curve(dtype: np.dtype) -> np.ndarray:
    """500 rows along a bent line in 5 columns: one number explains them, but not linearly."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1.5, 1.5, size=(500, 1))
    table = np.hstack([u, u**2, np.sin(2 * u), np.cos(2 * u), u**3])
    return (table + 0.05 * rng.normal(size=table.shape)).astype(dtype)


def pca_of(n_components: int) -> Pipeline:
    return make_pipeline(StandardScaler(), PCA(n_components, svd_solver="full"))


def fvu(model: Any, train: np.ndarray, test: np.ndarray, *, standardize: bool = True) -> float:
    """Share of the variance of new rows that is lost, columns counting equally or in raw units."""
    scale = train.std(0) if standardize else 1.0
    error = ((test - model.inverse_transform(model.transform(test))) / scale) ** 2
    return float(error.sum() / (((test - train.mean(0)) / scale) ** 2).sum())


# -- PCA itself ----------------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
@SMALL
def test_below_100_rows_it_is_pca(ae: Any, load: Any, standardize: bool, dtype: np.dtype) -> None:
    X = load().data[::7][:99].astype(dtype)
    X = X[:, X.std(0) > 0]
    model = ae(2, standardize=standardize).fit(X)
    pca = pca_of(2) if standardize else PCA(2, svd_solver="full")
    pca.fit(X.astype("float64"))
    tolerance = 1e-6 if dtype == np.float64 else 2e-4
    expected = pca.transform(X.astype("float64"))
    largest = np.abs(expected).max()
    np.testing.assert_allclose(model.transform(X), expected, rtol=0, atol=tolerance * largest)
    back = model.inverse_transform(model.transform(X))
    spread = X.std(0)
    expected = pca.inverse_transform(expected)
    np.testing.assert_allclose(back / spread, expected / spread, rtol=tolerance, atol=tolerance)
    assert model.n_iter_ == model.best_iter_ == 0
    assert model.loss_curve_ == []


def test_linear_autoencoder_that_starts_at_pca_stays_there(ae: Any) -> None:
    X = load_wine().data
    model = ae(3, hidden_layer_sizes=()).fit(X)
    pca = pca_of(3).fit(X)
    assert fvu(model, X, X) <= fvu(pca, X, X) * (1 + 1e-3)
    untrained = ae(3, hidden_layer_sizes=()).fit(X[::2])
    np.testing.assert_allclose(
        untrained.transform(X), pca_of(3).fit(X[::2]).transform(X), atol=1e-6
    )


def test_linear_autoencoder_from_random_weights_finds_pcas_subspace(
    ae: Any, dtype: np.dtype
) -> None:
    rng = np.random.default_rng(0)
    scales = np.array([3.0, 2.0, 1.5, 0.3, 0.2, 0.1])
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    X = (rng.normal(size=(200, 6)) * scales @ rotation).astype(dtype)
    model = ae(
        3,
        hidden_layer_sizes=(),
        init="random",
        standardize=False,
        early_stopping=False,
        max_steps=1500,
        batch_size=200,
        learning_rate=0.02,
        weight_decay=0.0,
    ).fit(X)
    axes = PCA(3).fit(X).components_
    decoded = model.net_.weights()["decoder.linear.weight"]
    encoded = model.net_.weights()["encoder.linear.weight"].T
    assert np.degrees(subspace_angles(decoded, axes.T)).max() < 1.0
    assert np.degrees(subspace_angles(encoded, axes.T)).max() < 5.0
    assert fvu(model, X, X, standardize=False) <= 1.001 * fvu(
        PCA(3).fit(X), X, X, standardize=False
    )


@pytest.mark.parametrize("n_rows", [150, 450])
def test_linear_rows_are_left_to_pca(ae: Any, n_rows: int, dtype: np.dtype) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows + 1000, 2)) @ rng.normal(size=(2, 6))
    X = (X + 0.3 * rng.normal(size=X.shape)).astype(dtype)
    train, test = X[:n_rows], X[n_rows:]
    model = ae(2, hidden_layer_sizes=(32,), max_steps=150).fit(train)
    assert fvu(model, train, test) <= 1.01 * fvu(pca_of(2).fit(train), train, test)


@pytest.mark.parametrize("standardize", [True, False])
def test_rows_far_beyond_the_training_rows_are_rebuilt_as_by_pca(
    ae: Any, curve: np.ndarray, standardize: bool
) -> None:
    train, test = curve[:400], curve[400:]
    model = ae(2, standardize=standardize).fit(train)
    assert model.best_iter_ > 0
    pca = (pca_of(2) if standardize else PCA(2)).fit(train)
    center = train.mean(0)
    for factor in (1e2, 1e4):
        far = center + factor * (test - center)
        codes = pca.transform(far)
        np.testing.assert_allclose(model.transform(far), codes, atol=1e-4 * np.abs(codes).max())
        back = pca.inverse_transform(codes)
        scale = np.abs(back - center).max()
        np.testing.assert_allclose(model.inverse_transform(codes), back, atol=1e-4 * scale)
    # no row of the training is that far
    gap = np.abs(model.transform(train) - pca.transform(train)).max()
    assert gap > 0.01 * np.abs(codes).max() / factor


# -- never worse than PCA, and better where rows bend ----------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("n_components", [1, 2])
def test_bent_rows_are_rebuilt_much_better(
    ae: Any, curve: np.ndarray, n_components: int, standardize: bool
) -> None:
    train, test = curve[:400], curve[400:]
    model = ae(n_components, standardize=standardize, max_steps=600).fit(train)
    pca = (pca_of(n_components) if standardize else PCA(n_components)).fit(train)
    assert model.best_iter_ > 0
    ours = fvu(model, train, test, standardize=standardize)
    assert ours < 0.5 * fvu(pca, train, test, standardize=standardize)


@SMALL
def test_never_worse_than_pca_on_new_rows(ae: Any, load: Any, dtype: np.dtype) -> None:
    X = load().data.astype(dtype)
    train, test = train_test_split(X, test_size=0.3, random_state=0)
    model = ae(2, hidden_layer_sizes=(32, 32)).fit(train)
    assert fvu(model, train, test) <= 1.02 * fvu(pca_of(2).fit(train), train, test)


def test_never_worse_than_its_start_on_the_given_validation_rows(
    ae: Any, curve: np.ndarray
) -> None:
    train, valid = curve[:300], curve[300:]
    for max_steps in (5, 50, 300):
        model = ae(1, max_steps=max_steps).fit(train, X_val=valid)
        pca = pca_of(1).fit(train)
        assert fvu(model, train, valid) <= fvu(pca, train, valid) * (1 + 1e-5)


def test_validation_rows_far_from_the_training_rows_keep_pca(ae: Any, curve: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    axes = PCA(1).fit(curve - curve.mean(0)).components_
    line = (rng.normal(size=(200, 1)) @ axes + curve.mean(0)).astype(curve.dtype)
    model = ae(1, max_steps=100, standardize=False).fit(curve, X_val=line)
    assert model.best_iter_ == 0
    np.testing.assert_allclose(model.transform(line), PCA(1).fit(curve).transform(line), atol=1e-4)


def test_codes_have_the_scale_of_principal_components(ae: Any, curve: np.ndarray) -> None:
    model = ae(2, max_steps=300).fit(curve)
    expected = pca_of(2).fit(curve).transform(curve).std(0)
    np.testing.assert_allclose(model.transform(curve).std(0), expected, rtol=0.5)


# -- parameters ------------------------------------------------------------------------------------


def test_score_is_the_share_of_variance_that_survives(ae: Any, curve: np.ndarray) -> None:
    train, test = curve[:400], curve[400:]
    for standardize in (True, False):
        model = ae(1, standardize=standardize, max_steps=50).fit(train)
        expected = 1 - fvu(model, train, test, standardize=standardize)
        assert model.score(test) == pytest.approx(expected, rel=1e-4)


def test_all_components_rebuild_the_rows(ae: Any, matrix: np.ndarray) -> None:
    model = ae(6).fit(matrix)
    tolerance = 1e-9 if matrix.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(matrix)), matrix, atol=tolerance
    )
    assert model.score(matrix) == pytest.approx(1.0, abs=tolerance)


@pytest.mark.parametrize("max_steps", [1, 100])
def test_all_components_after_training(ae: Any, curve: np.ndarray, max_steps: int) -> None:
    model = ae(5, max_steps=max_steps).fit(curve)
    assert model.score(curve) > 1 - 1e-4


def test_more_columns_than_rows(ae: Any, dtype: np.dtype) -> None:
    X = load_digits().data[:40].astype(dtype)
    model = ae(40).fit(X)
    back = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(back, X, atol=1e-9 if dtype == np.float64 else 1e-2)
    with pytest.raises(ValueError, match=r"n_components=41 must be between 1 and .*=40"):
        ae(41).fit(X)
    trained = ae(5, early_stopping=False, hidden_layer_sizes=(16,), max_steps=20).fit(X)
    assert np.isfinite(trained.transform(X)).all()


def test_constant_columns_change_nothing(ae: Any, curve: np.ndarray) -> None:
    constant = np.full((len(curve), 1), 4.5, curve.dtype)
    wide = np.hstack([curve[:, :2], constant, curve[:, 2:]])
    model = ae(2, max_steps=100).fit(wide)
    assert np.array_equal(model.inverse_transform(model.transform(wide))[:, 2:3], constant)
    plain = ae(2, max_steps=100).fit(curve)
    assert model.score(wide) == pytest.approx(plain.score(curve), abs=0.1)
    small = ae(2).fit(wide[:60])
    np.testing.assert_allclose(
        small.transform(wide[:60]), ae(2).fit(curve[:60]).transform(curve[:60]), atol=1e-4
    )


def test_ordered_prefixes_beat_those_of_pca(ae: Any, dtype: np.dtype) -> None:
    X = load_digits().data.astype(dtype)
    train, test = train_test_split(X, train_size=900, random_state=0)
    varies = train.std(0) > 0
    train, test = train[:, varies], test[:, varies]
    n_components = 6
    model = ae(n_components, ordered=True, max_steps=500).fit(train)
    pca = pca_of(n_components).fit(train)

    def prefix_error(one: Any, keep: int) -> float:
        Z = one.transform(test)
        Z[:, keep:] = 0.0
        return float((((one.inverse_transform(Z) - test) / train.std(0)) ** 2).sum())

    ratios = np.array(
        [prefix_error(model, j) / prefix_error(pca, j) for j in range(1, n_components + 1)]
    )
    assert ratios.mean() < 0.95
    assert ratios.max() <= 1.02


def test_denoising_helps_on_noisy_rows(ae: Any, dtype: np.dtype) -> None:
    rng = np.random.default_rng(0)
    u = rng.uniform(-np.pi, np.pi, size=(600, 1))
    clean = np.hstack([np.sin(u), np.cos(u), np.sin(2 * u), np.cos(2 * u)] * 2)
    noisy = clean + 0.7 * rng.normal(size=clean.shape)

    def error(noise: float) -> float:
        model = ae(2, noise=noise, max_steps=600).fit(clean[:400].astype(dtype))
        back = model.inverse_transform(model.transform(noisy[400:].astype(dtype)))
        return float(((back - clean[400:]) ** 2).mean())

    assert error(1.0) < 0.9 * error(0.0)


def test_outlying_cell_leaves_the_other_rows_alone(ae: Any, curve: np.ndarray) -> None:
    X = curve.copy()
    X[7, 2] = 1e4
    model = ae(2, max_steps=200).fit(X)
    kept = np.delete(np.arange(len(X)), 7)
    pca = pca_of(2).fit(X)
    scale = X.std(0)
    ours = (X - model.inverse_transform(model.transform(X)))[kept] / scale
    theirs = (X - pca.inverse_transform(pca.transform(X)))[kept] / scale
    assert np.isfinite(ours).all()
    assert (ours**2).sum() <= 1.02 * (theirs**2).sum()


def test_early_stopping_true_cross_validates_small_tables(ae: Any, curve: np.ndarray) -> None:
    model = ae(1, early_stopping=True, hidden_layer_sizes=(32,), max_steps=200).fit(curve[:80])
    assert model.n_iter_ > 0
    assert model.n_iter_ == model.best_iter_
    assert "valid_loss" not in model.history_[-1]


def test_hidden_layer_sizes_may_be_any_sequence(ae: Any, matrix: np.ndarray) -> None:
    options = {"init": "random", "max_steps": 5}
    expected = ae(hidden_layer_sizes=(8, 4), **options).fit(matrix).transform(matrix)
    for sizes in ([8, 4], np.array([8, 4])):
        given = ae(hidden_layer_sizes=sizes, **options).fit(matrix)
        assert np.array_equal(given.transform(matrix), expected)


def test_memory_map_is_fitted_without_a_copy(
    ae: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.random.default_rng(0).random(size=(300_000, 40), dtype=np.float32)
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = ae(2, max_steps=20).fit(X).transform(X[:10])
    monkeypatch.setattr(rows_module, "MAX_RESIDENT_BYTES", 2**20)
    tracemalloc.start()
    try:
        model = ae(2, max_steps=20).fit(mapped)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * mapped.nbytes
    assert np.array_equal(model.transform(X[:10]), expected)
