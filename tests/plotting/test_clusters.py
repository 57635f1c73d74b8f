"""ClusterDisplay: what is drawn is what was found."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from sklatent import LatentClusterer
from sklatent.plotting import ClusterDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

X, _ = make_blobs(90, centers=[[0, 0, 0], [9, 0, 0], [0, 9, 0]], random_state=0)


@pytest.fixture(scope="module")
def model() -> LatentClusterer:
    return LatentClusterer(3, random_state=0).fit(X)


@pytest.fixture(autouse=True)
def _closed() -> object:
    yield
    plt.close("all")


def test_panels(model: LatentClusterer) -> None:
    display = ClusterDisplay.from_estimator(model, X)
    assert len(display.axes_) == 3
    assert display.sizes.tolist() == np.bincount(model.labels_).tolist()
    assert sum(len(c.get_offsets()) for c in display.axes_[0].collections) == 90
    assert [bar.get_width() for bar in display.axes_[1].patches] == display.sizes.tolist()
    assert display.silhouettes.mean() > 0.7
    assert f"{display.silhouettes.mean():.2f}" in display.axes_[2].get_title("left")
    display.figure_.canvas.draw()


def test_place_of_ones_own(model: LatentClusterer) -> None:
    _, ax = plt.subplots()
    display = ClusterDisplay.from_estimator(model, X, ax=ax, cmap="viridis")
    assert display.axes_.tolist() == [ax]
    assert display.figure_ is ax.figure
    assert display.plot() is display
    assert len(display.axes_) == 3


def test_one_cluster_in_one_column() -> None:
    flat = LatentClusterer(1, random_state=0).fit(X[:, :1])
    display = ClusterDisplay.from_estimator(flat, X[:, :1])
    assert display.silhouettes is None
    assert (display.plane[:, 1] == 0).all()
    display.figure_.canvas.draw()


def test_missing_matplotlib(model: LatentClusterer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="install"):
        ClusterDisplay.from_estimator(model, X)
