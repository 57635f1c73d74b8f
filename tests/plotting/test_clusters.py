"""ClusterDisplay: what is drawn is what was found."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs

from sklatent import LatentClusterer
from sklatent.plotting import ClusterDisplay
from sklatent.plotting._palette import color_distances

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


def _adjacent(centers: np.ndarray) -> np.ndarray:
    """Pairs of neighbours: the nearest two of each."""
    distances = cdist(centers, centers)
    return np.array([(i, j) for i, row in enumerate(distances) for j in np.argsort(row)[1:3]])


@pytest.mark.parametrize("n", [2, 3, 6, 10, 14, 24, 40])
def test_neighbours_have_colours_that_differ(n: int) -> None:
    centers = np.random.default_rng(n).uniform(size=(n, 2))
    display = ClusterDisplay(
        plane=centers, labels=np.arange(n), sizes=np.ones(n), centers=centers
    ).plot()
    colors = np.array([bar.get_facecolor()[:3] for bar in display.axes_[1].patches])
    points = [tuple(c.get_facecolor()[0, :3]) for c in display.axes_[0].collections]
    assert points == [tuple(color) for color in colors]
    assert len(set(points)) == n
    different = color_distances(colors, colors)
    i, j = _adjacent(centers).T
    # the two blues of a paired map are 0.09 apart, and colours 0.02 apart are taken for one
    assert different[i, j].min() > (0.1 if n <= 24 else 0.05)
    assert different[i, j].mean() > 0.25 or n < 6
    again = display.plot().axes_[1].patches
    assert [bar.get_facecolor()[:3] for bar in again] == [tuple(color) for color in colors]


def test_distances_of_colours_are_those_of_the_eye() -> None:
    red, green, grey = np.array([[0.8, 0.25, 0.25], [0.45, 0.5, 0.0], [0.5, 0.5, 0.5]])
    # Oklab of white is (1, 0, 0), of black (0, 0, 0)
    assert color_distances(np.ones((1, 3)), np.zeros((1, 3))).item() == pytest.approx(1, abs=2e-3)
    # red and olive, far apart otherwise, look alike without green
    assert color_distances(red[None], green[None]).item() < 0.1
    assert color_distances(grey[None], grey[None]).item() == 0.0


def test_clusters_without_centres_and_in_one_place() -> None:
    options = {"plane": X[:4, :2], "labels": np.arange(4), "sizes": np.ones(4)}
    for centers in (None, np.zeros((4, 2)), np.full((4, 2), np.nan)):
        display = ClusterDisplay(**options, centers=centers).plot()
        assert len({bar.get_facecolor() for bar in display.axes_[1].patches}) == 4


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
