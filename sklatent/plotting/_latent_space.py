"""A latent space in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from sklatent._utils.latent import check_latent_model, component_names, encode, short_name
from sklatent.plotting._palette import distinct_colors, map_colors
from sklatent.plotting._panels import SECOND, color_limits, make_panels, pyplot, short
from sklatent.plotting._shades import column_shades, read_shades, split_groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

_VIEWS = ("pca", "tsne", "umap")
# t-SNE and UMAP move rows one by one: more are subsampled. Fewer have no neighbourhoods.
_MOST_ROWS, _FEWEST_ROWS = 3000, 4
_UMAP_NEIGHBORS = 15
# Paler than any tone of a group.
_MISSING = "#c9ced4"
# As many groups can be told apart by colour, and listed.
_MOST_GROUPS = 12


class LatentSpaceDisplay:
    """Codes of rows in a plane, coloured by a column, labels, clusters or scores.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`, which draw at once. The arrays
    are kept, so that :meth:`plot` can draw again.

    Parameters
    ----------
    plane : ndarray of shape (n_samples, 2)
        Where the rows lie.
    color : ndarray of shape (n_samples,), default=None
        Numbers, dates or strings, one for each row; NaN, NaT and None are missing.
    color_name : str, default=None
        What they are.
    color_levels : sequence of str, default=()
        Strings in the order of the legend; those that are not named follow by the alphabet.
    axis_names : (str, str), default=("", "")
        What the axes are.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    ax_ : matplotlib.axes.Axes
        The map.

    See Also
    --------
    ClusterDisplay : Adds sizes and silhouettes of clusters.
    sklatent.metrics.neighborhood_scores : How far the neighbourhoods in the plane can be trusted.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.plotting import LatentSpaceDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> LatentSpaceDisplay.from_estimator(PCA(5).fit(X), X, color=y)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    ax_: Axes

    def __init__(
        self,
        *,
        plane: _Float,
        color: NDArray[Any] | None = None,
        color_name: str | None = None,
        color_levels: Sequence[str] = (),
        axis_names: tuple[str, str] = ("", ""),
    ) -> None:
        self.plane = plane
        self.color = color
        self.color_name = color_name
        self.color_levels = color_levels
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        color: Any = None,
        color_name: str | None = None,
        view: Literal["pca", "tsne", "umap"] = "pca",
        ax: Axes | None = None,
        **options: Any,
    ) -> LatentSpaceDisplay:
        """Encode rows and draw their codes.

        Parameters
        ----------
        estimator : transformer
            Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows.
        color : object or array-like of shape (n_samples,), default=None
            Name or position of a column of ``X``; or a number, date or string for each row, such as
            labels, clusters, or scores. Ordered categories keep their order.
        color_name : str, default=None
            What the colours are; by default the name of the column or Series, where there is one.
        view : {"pca", "tsne", "umap"}, default="pca"
            How more than two components come into the plane. "tsne" and "umap" show at most 3,000
            rows; "umap" needs umap-learn.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        ValueError
            If there is no such column, not one colour for each row, or too few rows for the view.
        ImportError
            If the view needs a library that is not installed.
        """
        check_latent_model(estimator)
        codes = encode(estimator, X)
        if isinstance(color, str | Integral):
            color = column_shades(X, color)
        return cls.from_predictions(
            codes,
            color=color,
            color_name=color_name,
            component_names=component_names(estimator, codes.shape[1]),
            view=view,
            ax=ax,
            **options,
        )

    @classmethod
    def from_predictions(
        cls,
        Z: Any,
        *,
        color: Any = None,
        color_name: str | None = None,
        component_names: list[str] | None = None,
        view: Literal["pca", "tsne", "umap"] = "pca",
        ax: Axes | None = None,
        **options: Any,
    ) -> LatentSpaceDisplay:
        """Draw codes that are at hand.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            The codes.
        color : array-like of shape (n_samples,), default=None
            Numbers, dates or strings. Ordered categories keep their order.
        color_name : str, default=None
            What they are; by default the name of a Series.
        component_names : list of str, default=None
            Names of the components, for axes that are components.
        view : {"pca", "tsne", "umap"}, default="pca"
            See :meth:`from_estimator`.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LatentSpaceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is not one colour for each row, no such view, or too few rows for it.
        ImportError
            If the view needs a library that is not installed.
        """
        if view not in _VIEWS:
            raise ValueError(f"view must be one of {_VIEWS}, got {view!r}.")
        codes = np.asarray(Z, dtype=np.float64)
        shades = None if color is None else read_shades(color, len(codes))
        if view != "pca" and len(codes) > _MOST_ROWS:
            some = np.sort(np.random.RandomState(0).choice(len(codes), _MOST_ROWS, replace=False))
            codes, shades = codes[some], shades and replace(shades, values=shades.values[some])
        plane, axis_names = _plane(codes, view, component_names)
        display = cls(plane=plane, axis_names=axis_names, color_name=color_name)
        if shades is not None:
            display.color, display.color_levels = shades.values, shades.levels
            display.color_name = color_name or shades.name
        return display.plot(ax=ax, **options)

    def plot(
        self, ax: Axes | None = None, *, cmap: str | None = None, size: float | None = None
    ) -> LatentSpaceDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. By default a new figure.
        cmap : str, default=None
            Name of a colour map; by default "viridis" for numbers, from their 2 % to their 98 %
            quantile, and for groups colours that can be told apart, also without red or green.
        size : float, default=None
            Area of a point; by default it shrinks with the number of rows.

        Returns
        -------
        display : LatentSpaceDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot("LatentSpaceDisplay", ax)
        self.figure_, panels = make_panels(plt, ax, (1, 1), (5.6, 4.4))
        self.ax_ = panels[0, 0]
        area = float(np.clip(12_000 / max(1, len(self.plane)), 0.8, 18)) if size is None else size
        # thousands of points as vectors make files that no viewer opens
        style: dict[str, Any] = {"s": area, "linewidths": 0, "rasterized": len(self.plane) > 5000}
        if self.color is None:
            self.ax_.scatter(*self.plane.T, color=SECOND, **style)
        elif _is_continuous(self.color):
            self._draw_numbers(cmap or "viridis", style)
        else:
            self._draw_groups(None if cmap is None else plt.get_cmap(cmap), style)
        self.ax_.set_xlabel(self.axis_names[0], fontsize=8)
        self.ax_.set_ylabel(self.axis_names[1], fontsize=8)
        self.ax_.set_xticks([])
        self.ax_.set_yticks([])
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_numbers(self, cmap: str, style: dict[str, Any]) -> None:
        assert self.color is not None
        dates: Any = import_module("matplotlib.dates")
        is_date = self.color.dtype.kind == "M"
        values = np.asarray(dates.date2num(self.color) if is_date else self.color, dtype=np.float64)
        known = ~np.isnan(values)
        low, high, extend = color_limits(values)
        finite = values[np.isfinite(values)]
        # what is infinite would not be drawn
        tones = np.clip(values[known], finite.min(), finite.max())
        if not known.all():
            self.ax_.scatter(*self.plane[~known].T, color=_MISSING, label="missing", **style)
            self.ax_.legend(fontsize=7, frameon=False, handletextpad=0.2, **_markers(style))
        x, y = self.plane[known].T
        points = self.ax_.scatter(x, y, c=tones, cmap=cmap, vmin=low, vmax=high, **style)
        bar = self.figure_.colorbar(points, ax=self.ax_, pad=0.02, shrink=0.8, extend=extend)
        if is_date:
            bar.locator = dates.AutoDateLocator()
            bar.formatter = dates.ConciseDateFormatter(bar.locator)
            bar.update_ticks()
        bar.set_label(self.color_name or "", fontsize=8)
        bar.ax.tick_params(labelsize=7, length=2)
        bar.outline.set_visible(False)

    def _draw_groups(self, tones: Any, style: dict[str, Any]) -> None:
        assert self.color is not None
        groups, places = split_groups(self.color, self.color_levels)
        colors = distinct_colors(len(groups)) if tones is None else map_colors(tones, len(groups))
        if (places < 0).any():
            self.ax_.scatter(*self.plane[places < 0].T, color=_MISSING, label="missing", **style)
        for code, name in enumerate(groups):
            mine = self.plane[places == code]
            self.ax_.scatter(*mine.T, color=colors[code], label=short(name), **style)
        if len(groups) > _MOST_GROUPS:
            title = f"{self.color_name or 'colour'}: {len(groups)} groups"
            self.ax_.set_title(title, fontsize=8, loc="left")
            return
        self.ax_.legend(
            title=self.color_name,
            fontsize=7,
            title_fontsize=8,
            frameon=False,
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            handletextpad=0.2,
            **_markers(style),
        )


def _markers(style: dict[str, Any]) -> dict[str, Any]:
    """Make points of a legend large enough to tell their colour."""
    return {"scatterpoints": 1, "markerscale": float(np.sqrt(24 / style["s"]))}


def _is_continuous(color: NDArray[Any]) -> bool:
    if color.dtype.kind == "M":
        return bool((~np.isnat(color)).any())
    return color.dtype.kind in "iuf" and len(np.unique(color[np.isfinite(color)])) > _MOST_GROUPS


def _plane(codes: _Float, view: str, names: list[str] | None) -> tuple[_Float, tuple[str, str]]:
    n, k = codes.shape
    if k <= 2 and view == "pca":
        plane = np.zeros((n, 2))
        plane[:, :k] = codes
        named = [*map(short_name, names or ["z0", "z1"][:k]), ""]
        return plane, (named[0], named[1])
    if view == "pca":
        pca = PCA(2, svd_solver="covariance_eigh") if n > 2 * k else PCA(min(2, n))
        plane, shares = np.zeros((n, 2)), [0.0, 0.0]
        # rows that are all alike have no axes
        if np.ptp(codes, axis=0).any():
            found = pca.fit_transform(codes)
            plane[:, : found.shape[1]] = found
            shares = [*pca.explained_variance_ratio_, 0.0]
        return plane, (
            f"first principal component of the codes ({shares[0]:.0%})",
            f"second ({shares[1]:.0%})",
        )
    if n < _FEWEST_ROWS:
        raise ValueError(
            f"view={view!r} needs {_FEWEST_ROWS} rows at least, got n_samples={n}: take view='pca'."
        )
    # principal components keep the large picture, where there are two of them
    start = "pca" if k > 1 and np.ptp(codes, axis=0).any() else "random"
    if view == "tsne":
        perplexity = min(30.0, max(1.0, (n - 1) / 3))
        plane = TSNE(perplexity=perplexity, init=start, random_state=0).fit_transform(codes)
        return plane.astype(np.float64), ("t-SNE", "")
    try:
        umap = import_module("umap")
    except ImportError as error:
        raise ImportError(
            "view='umap' needs umap-learn, which is not installed: pip install umap-learn, or take "
            "view='tsne'."
        ) from error
    # a seed and few rows set these numbers anyway, each with a warning
    options = {"n_neighbors": min(_UMAP_NEIGHBORS, n - 1), "n_jobs": 1, "random_state": 0}
    plane = umap.UMAP(init=start, **options).fit_transform(codes)
    return np.asarray(plane, dtype=np.float64), ("UMAP", "")
