"""A latent space in a plane."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from sklatent._utils.latent import check_latent_model, component_names, encode
from sklatent.metrics._cells import read_cells
from sklatent.plotting._panels import make_panels, pyplot, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

_VIEWS = ("pca", "tsne", "umap")
# t-SNE and UMAP move rows one by one: more are subsampled. Fewer have no neighbourhoods.
_MOST_ROWS, _FEWEST_ROWS = 3000, 4
_UMAP_NEIGHBORS = 15
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
        Numbers, or words, one for each row.
    color_name : str, default=None
        What they are.
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
        axis_names: tuple[str, str] = ("", ""),
    ) -> None:
        self.plane = plane
        self.color = color
        self.color_name = color_name
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
            Name or position of a column of ``X``; or a number or word for each row, such as labels,
            clusters, or scores.
        color_name : str, default=None
            What the colours are; by default the name of the column, where there is one.
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
        if isinstance(color, str | int):
            color_name, color = color_name or str(color), _column(X, color)
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
            Numbers or words.
        color_name : str, default=None
            What they are.
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
        shades = None if color is None else np.asarray(color)
        if shades is not None and shades.shape != (len(codes),):
            raise ValueError(
                f"color has shape {shades.shape}, but there are {len(codes)} rows: give one number "
                "or word for each."
            )
        if view != "pca" and len(codes) > _MOST_ROWS:
            some = np.sort(np.random.RandomState(0).choice(len(codes), _MOST_ROWS, replace=False))
            codes, shades = codes[some], None if shades is None else shades[some]
        plane, axis_names = _plane(codes, view, component_names)
        display = cls(plane=plane, color=shades, color_name=color_name, axis_names=axis_names)
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
            Name of a colour map; by default "viridis" for numbers and "tab20" for groups.
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
        x, y = self.plane.T
        if self.color is None:
            self.ax_.scatter(x, y, color="#3b82a0", **style)
        elif _is_continuous(self.color):
            values = self.color.astype(np.float64)
            points = self.ax_.scatter(x, y, c=values, cmap=cmap or "viridis", **style)
            bar = self.figure_.colorbar(points, ax=self.ax_, pad=0.02, shrink=0.8)
            bar.set_label(self.color_name or "", fontsize=8)
            bar.ax.tick_params(labelsize=7, length=2)
            bar.outline.set_visible(False)
        else:
            self._draw_groups(plt.get_cmap(cmap or "tab20"), style)
        self.ax_.set_xlabel(self.axis_names[0], fontsize=8)
        self.ax_.set_ylabel(self.axis_names[1], fontsize=8)
        self.ax_.set_xticks([])
        self.ax_.set_yticks([])
        self.ax_.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_groups(self, tones: Any, style: dict[str, Any]) -> None:
        assert self.color is not None
        groups, places = _groups(self.color)
        # the strong tones of a paired map first
        order = [*range(0, tones.N, 2), *range(1, tones.N, 2)] if tones.N <= 20 else None
        for code, name in enumerate(groups):
            share = code / max(1, len(groups) - 1)
            tone = tones(order[code % tones.N]) if order else tones(share)
            mine = self.plane[places == code]
            self.ax_.scatter(*mine.T, color=tone, label=short(name), **style)
        if len(groups) <= _MOST_GROUPS:
            self.ax_.legend(
                title=self.color_name,
                fontsize=7,
                title_fontsize=8,
                frameon=False,
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                scatterpoints=1,
                markerscale=float(np.sqrt(24 / style["s"])),
                handletextpad=0.2,
            )


def _column(X: Any, name: Any) -> NDArray[Any]:
    """Read one column of a table as numbers or words."""
    if nw.dependencies.is_into_dataframe(X):
        frame = nw.from_native(X, eager_only=True)
        key = frame.columns[name] if isinstance(name, int) and name not in frame.columns else name
        if key not in frame.columns:
            raise ValueError(f"X has no column {name!r} to colour by; it has {frame.columns}.")
        cells = read_cells(frame.select(key).to_native(), "X")[1][0]
        return cells.values
    table = np.asarray(X)
    if not isinstance(name, int) or not -table.shape[1] <= name < table.shape[1]:
        raise ValueError(f"X has no column {name!r} to colour by; it has {table.shape[1]}.")
    return np.asarray(table[:, name])


def _is_continuous(color: NDArray[Any]) -> bool:
    return color.dtype.kind in "iuf" and len(np.unique(color)) > _MOST_GROUPS


def _groups(color: NDArray[Any]) -> tuple[list[str], NDArray[np.intp]]:
    if color.dtype.kind in "biuf":
        values, places = np.unique(color, return_inverse=True)
        return [f"{value:g}" if color.dtype.kind == "f" else str(value) for value in values], places
    names, places = np.unique(
        ["missing" if cell is None or cell != cell else str(cell) for cell in color],
        return_inverse=True,
    )
    return [str(name) for name in names], places


def _plane(codes: _Float, view: str, names: list[str] | None) -> tuple[_Float, tuple[str, str]]:
    n, k = codes.shape
    if k <= 2 and view == "pca":
        plane = np.zeros((n, 2))
        plane[:, :k] = codes
        named = [*(names or ["z0", "z1"][:k]), ""]
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
