"""The search for the number of components: its rule, its fallbacks, and known dimensions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent._training import row_source
from sklatent.parts import _width
from sklatent.parts._width import MAX_AUTO, MIN_ROWS, search_width

QUICK = {"max_steps": 600, "hidden_layer_sizes": (64, 64), "random_state": 0}


def cube(k: int, n: int, n_columns: int = 30, seed: int = 0) -> np.ndarray:
    """Rows on a smooth random map of a k-cube, with 5 % noise."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-1, 1, size=(n, k))
    hidden = np.tanh(u @ rng.normal(size=(k, 64)) + rng.normal(size=64))
    table = hidden @ rng.normal(size=(64, n_columns))
    return table + 0.05 * table.std(0) * rng.normal(size=table.shape)


def fit(X: np.ndarray, n_components: Any, cls: type = AutoencoderTransformer, **params: Any) -> Any:
    return cls(n_components, **{**QUICK, **params}).fit(X)


# -- the rule, on a curve that is given -----------------------------------------------------------


def search(
    monkeypatch: pytest.MonkeyPatch,
    share: float | None,
    curve: list[float],
    *,
    n_columns: int,
) -> tuple[int, list[int]]:
    """Search where an ordered fit would give this curve; also the widths it was asked for."""
    X = np.random.default_rng(0).normal(size=(MIN_ROWS, n_columns))
    rows = row_source(lambda index: X[index], len(X), n_columns, torch.device("cpu"))
    widths = []

    def train_ordered(width: int) -> Any:
        widths.append(width)
        return SimpleNamespace(valid=None)

    monkeypatch.setattr(_width, "prefix_errors", lambda *_: np.array(curve))
    return search_width(share, rows, n_columns, train_ordered, 0), widths


@pytest.mark.parametrize(
    ("share", "expected"), [(0.4, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.9, 3), (0.99, 4)]
)
def test_share_takes_the_fewest_components(
    monkeypatch: pytest.MonkeyPatch, share: float, expected: int
) -> None:
    found, widths = search(monkeypatch, share, [8.0, 4.0, 2.0, 0.4, 0.2], n_columns=8)
    # a share out of reach takes the whole width of the search
    assert found == expected
    assert len(widths) == 1


def test_auto_takes_the_last_component_above_an_average_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # an average column has variance 1
    curve = [8.0, 5.0, 3.9, 3.0, 1.6, 0.8, 0.3]
    found, widths = search(monkeypatch, None, curve, n_columns=8)
    assert found == 4
    assert widths == [8]


def test_auto_has_a_floor_a_ceiling_and_a_widest_search(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = [8.0, 7.9, 7.8, 7.7]
    assert search(monkeypatch, None, nothing, n_columns=8)[0] == 2
    everything = [8.0, 6.7, 5.4, 4.1, 2.8, 1.5, 0.2, 0.1, 0.0]
    assert search(monkeypatch, None, everything, n_columns=8)[0] == 6
    assert search(monkeypatch, None, [40.0, 30.0, 20.0], n_columns=40)[1] == [MAX_AUTO]


# -- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 5])
def test_auto_finds_the_dimension_of_a_cube_within_one(k: int, device: str) -> None:
    found = fit(cube(k, 1500), "auto", device=device).n_components_
    assert abs(found - k) <= 1


def test_both_models_search_alike(device: str) -> None:
    X = cube(3, 500)
    widths = {
        cls.__name__: fit(X, "auto", cls, max_steps=200, device=device).n_components_
        for cls in (AutoencoderTransformer, VAETransformer)
    }
    assert len(set(widths.values())) == 1


def test_share_of_variance_is_reached_with_the_fewest(device: str) -> None:
    X = cube(3, 1200)
    train, test = X[:900], X[900:]
    shares = [0.4, 0.7, 0.9]
    models = [fit(train, share, device=device) for share in shares]
    widths = [model.n_components_ for model in models]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    for share, model in zip(shares, models, strict=True):
        # all components together explain more than a prefix of an ordered fit
        assert model.score(test) >= share - 0.03
        if model.n_components_ > 1:
            fewer = fit(train, model.n_components_ - 1, ordered=True, device=device)
            assert fewer.score(test) < share + 0.03


def linear(n: int, n_columns: int, scales: list[float]) -> np.ndarray:
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(n, len(scales))) * scales
    axes = np.linalg.qr(rng.normal(size=(n_columns, n_columns)))[0][: len(scales)]
    return signal @ axes + 0.1 * rng.normal(size=(n, n_columns))


def test_below_400_rows_auto_reads_the_curve_of_pca(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_search(*args: Any) -> None:
        raise AssertionError("a search ran")

    monkeypatch.setattr(_width, "prefix_errors", no_search)
    X = linear(MIN_ROWS - 1, 12, [3.0, 3.0, 3.0, 3.0])
    params = {"max_steps": 5, "standardize": False}
    assert fit(X, "auto", **params).n_components_ == 4
    cumulated = np.cumsum(np.linalg.eigvalsh(np.cov(X.T))[::-1]) / np.cov(X.T).trace()
    for share in (0.2, 0.45, 0.9, 0.999):
        expected = int(np.searchsorted(cumulated, share)) + 1
        assert fit(X, share, **params).n_components_ == expected


@pytest.mark.parametrize("n", [100, 200, 399, 600])
def test_pure_noise_takes_the_floor(n: int, device: str) -> None:
    X = np.random.default_rng(n).normal(size=(n, 10))
    assert fit(X, "auto", max_steps=5, device=device).n_components_ == 2


@pytest.mark.parametrize("n", [60, 450])
@pytest.mark.parametrize(("n_columns", "expected"), [(1, 1), (2, 1), (3, 2)])
def test_few_columns(n: int, n_columns: int, expected: int, device: str) -> None:
    X = np.random.default_rng(0).normal(size=(n, n_columns))
    for cls in (AutoencoderTransformer, VAETransformer):
        assert fit(X, "auto", cls, max_steps=5, device=device).n_components_ == expected


def test_equal_rows_take_one_component(device: str) -> None:
    X = np.full((40, 5), 2.0)
    assert fit(X, 0.9, max_steps=5, device=device).n_components_ == 1
    model = fit(X, "auto", max_steps=5, device=device)
    assert np.array_equal(model.inverse_transform(model.transform(X)), X)
