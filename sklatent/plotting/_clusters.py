"""Clusters at a glance: the latent space in a plane, sizes and silhouettes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_samples

from sklatent.plotting._palette import distinct_colors, map_colors, spread_colors
from sklatent.plotting._panels import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Array = NDArray[np.float64]

_INK = "#5b6470"
# Rows that are drawn and compared with one another: silhouettes cost the square.
_MOST_ROWS = 3000


class ClusterDisplay:
    """The latent space of a clusterer in a plane, and the sizes and silhouettes of its clusters.

    Make one by :meth:`from_estimator`, which draws at once. The arrays are kept, so that
    :meth:`plot` can draw again.

    Parameters
    ----------
    plane : ndarray of shape (n_samples, 2)
        Where the rows lie.
    labels : ndarray of shape (n_samples,)
        Their clusters, from 0.
    sizes : ndarray of shape (n_clusters,)
        Rows of each cluster.
    silhouettes : ndarray of shape (n_samples,), default=None
        How much nearer each row is to its own cluster than to the next one, from -1 to 1.
    centers : ndarray of shape (n_clusters, 2), default=None
        Where the clusters' names are written.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The map; beside it the sizes and the silhouettes, where there is room for them.

    See Also
    --------
    sklatent.LatentClusterer : The clusterer.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent import LatentClusterer
    >>> from sklatent.plotting import ClusterDisplay
    >>> X = load_iris().data
    >>> model = LatentClusterer(3, random_state=0).fit(X)
    >>> ClusterDisplay.from_estimator(model, X)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(
        self,
        *,
        plane: Array,
        labels: NDArray[Any],
        sizes: NDArray[Any],
        silhouettes: Array | None = None,
        centers: Array | None = None,
    ) -> None:
        self.plane = plane
        self.labels = labels
        self.sizes = sizes
        self.silhouettes = silhouettes
        self.centers = centers

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, ax: Axes | None = None, **options: Any
    ) -> ClusterDisplay:
        """Draw rows as a fitted clusterer sees them.

        Parameters
        ----------
        estimator : clusterer
            Fitted, with ``transform`` and ``predict``.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows. Sizes count all of them; a fixed random 3,000 are drawn.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            The display, drawn.
        """
        labels = np.asarray(estimator.predict(X))
        codes = np.asarray(estimator.transform(X), dtype=np.float64)
        n_clusters = int(getattr(estimator, "n_clusters_", labels.max() + 1))
        sizes = np.bincount(labels, minlength=n_clusters)
        some = np.random.RandomState(0).permutation(len(codes))[:_MOST_ROWS]
        some.sort()
        codes, labels = codes[some], labels[some]
        plane = _plane(codes)
        silhouettes = None
        if 1 < len(np.unique(labels)) < len(labels):
            silhouettes = np.asarray(silhouette_samples(codes, labels), dtype=np.float64)
        centers = np.full((n_clusters, 2), np.nan)
        for label in np.unique(labels):
            centers[label] = np.median(plane[labels == label], axis=0)
        display = cls(
            plane=plane, labels=labels, sizes=sizes, silhouettes=silhouettes, centers=centers
        )
        return display.plot(ax=ax, **options)

    def plot(
        self, ax: Axes | None = None, *, cmap: str | None = None, size: float = 6
    ) -> ClusterDisplay:
        """Draw the map, and beside it sizes and silhouettes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where the map alone is drawn. By default a new figure with all three panels.
        cmap : str, default=None
            Name of a colour map; by default colours that can be told apart, also without red or
            green, the most different ones for clusters that lie side by side.
        size : float, default=6
            Area of a point.

        Returns
        -------
        display : ClusterDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot("ClusterDisplay", ax)
        colors = self._colors(None if cmap is None else plt.get_cmap(cmap))
        if ax is not None:
            self.figure_, panels = ax.figure, [ax]
        else:
            self.figure_ = plt.figure(figsize=(9, 4.4), layout="constrained")
            grid = self.figure_.add_gridspec(1, 3, width_ratios=[5, 1.6, 2.4])
            panels = [self.figure_.add_subplot(grid[0, i]) for i in range(3)]
        self._draw_map(panels[0], colors, size)
        if len(panels) > 1:
            self._draw_sizes(panels[1], colors)
            self._draw_silhouettes(panels[2], colors)
        self.axes_ = np.array(panels, dtype=object)
        return self

    def _colors(self, tones: Any) -> Array:
        """Choose a colour for each cluster."""
        n_clusters = len(self.sizes)
        if tones is not None:
            return map_colors(tones, n_clusters)
        return distinct_colors(n_clusters) if self.centers is None else spread_colors(self.centers)

    def _draw_map(self, ax: Axes, colors: Array, size: float) -> None:
        for label in np.unique(self.labels):
            mine = self.plane[self.labels == label]
            ax.scatter(mine[:, 0], mine[:, 1], s=size, color=colors[label], linewidths=0)
        for label, place in enumerate(() if self.centers is None else self.centers):
            if np.isfinite(place).all():
                ax.annotate(
                    str(label),
                    place,
                    ha="center",
                    va="center",
                    fontsize=9,
                    bbox={"boxstyle": "round", "fc": "white", "ec": "none", "alpha": 0.7},
                )
        ax.set_title("codes, two principal components", fontsize=9, loc="left")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)

    def _draw_sizes(self, ax: Axes, colors: Array) -> None:
        places = np.arange(len(self.sizes))
        ax.barh(places, self.sizes, color=colors)
        ax.set_yticks(places, [str(place) for place in places])
        ax.set_title("rows", fontsize=9, loc="left")
        _tidy(ax)

    def _draw_silhouettes(self, ax: Axes, colors: Array) -> None:
        ax.set_yticks([])
        _tidy(ax)
        if self.silhouettes is None:
            ax.set_title("silhouettes: one cluster", fontsize=9, loc="left")
            return
        ax.locator_params(axis="x", nbins=4)
        base = 0
        for label in range(len(self.sizes)):
            values = np.sort(self.silhouettes[self.labels == label])
            ax.fill_betweenx(base + np.arange(len(values)), 0, values, color=colors[label], lw=0)
            base += len(values) + max(1, len(self.labels) // 100)
        mean = float(self.silhouettes.mean())
        ax.axvline(mean, color=_INK, lw=0.8, ls="--")
        ax.set_title(f"silhouettes, mean {mean:.2f}", fontsize=9, loc="left")


def _plane(codes: Array) -> Array:
    """Two principal components; zero where there are fewer columns."""
    centred = codes - codes.mean(0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    plane = np.zeros((len(codes), 2))
    plane[:, : vectors.shape[1]] = centred @ vectors
    return plane


def _tidy(ax: Axes) -> None:
    ax.tick_params(labelsize=7, length=2)
    ax.spines[["top", "right"]].set_visible(False)
