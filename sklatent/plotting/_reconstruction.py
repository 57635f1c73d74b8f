"""Rows beside their reconstructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklatent._utils.latent import check_latent_model, decode, encode
from sklatent.metrics._reconstruction import Comparison
from sklatent.plotting._panels import (
    ACCENT,
    QUIET,
    check_image_shape,
    draw_image,
    make_panels,
    pyplot,
    short,
    tidy,
    usual_range,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_MOST_POINTS = 1000
_MOST_LEVELS = 8
_DAY = 86_400e6


class ReconstructionDisplay:
    """Originals against reconstructions, column by column or as images.

    Make one by :meth:`from_estimator` or :meth:`from_predictions`, which draw at once. The arrays
    are kept, so that :meth:`plot` can draw again.

    Parameters
    ----------
    found : Comparison
        Rows and reconstructions, read cell by cell.
    image_shape : tuple of int, default=None
        Height and width of rows that are images.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        One panel for each column; of images two for each row.

    See Also
    --------
    sklatent.metrics.reconstruction_errors : The error of each column.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.plotting import ReconstructionDisplay
    >>> X = load_wine(as_frame=True).data
    >>> ReconstructionDisplay.from_estimator(PCA(2).fit(X), X)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(self, *, found: Comparison, image_shape: tuple[int, ...] | None = None) -> None:
        self.found = found
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ReconstructionDisplay:
        """Encode and decode rows, and draw both.

        Parameters
        ----------
        estimator : transformer
            Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows, held out for an honest picture.
        image_shape : (int, int), default=None
            Height and width, where rows are images; colours last as a third number.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        """
        check_latent_model(estimator)
        rebuilt = decode(estimator, encode(estimator, X))
        return cls.from_predictions(X, rebuilt, image_shape=image_shape, ax=ax, **options)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        rebuilt: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> ReconstructionDisplay:
        """Draw rows and reconstructions that are at hand.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows.
        rebuilt : {array-like, data frame} of shape (n_samples, n_features)
            The reconstructions.
        image_shape : (int, int), default=None
            See :meth:`from_estimator`.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the tables do not match, or images have another shape.
        """
        found = Comparison.of(X, rebuilt)
        if len(found.rows) != len(found.others):
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"{[len(found.rows), len(found.others)]}"
            )
        shape = check_image_shape(image_shape, len(found.columns))
        return cls(found=found, image_shape=shape).plot(ax=ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        max_columns: int = 16,
        n_images: int = 10,
        cmap: str = "gray_r",
    ) -> ReconstructionDisplay:
        """Draw one panel for each column, or pairs of images.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A place to draw in: it is switched off and divided. By default a new figure.
        max_columns : int, default=16
            How many columns are drawn: where there are more, the first ones that vary.
        n_images : int, default=10
            How many rows are drawn as images, from the first one on.
        cmap : str, default="gray_r"
            Name of the colour map of images.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If one of the numbers is not positive.
        """
        for name, number in (("max_columns", max_columns), ("n_images", n_images)):
            if number < 1:
                raise ValueError(f"{name} == {number}, must be >= 1.")
        plt = pyplot("ReconstructionDisplay", ax)
        if self.image_shape is not None:
            self._draw_images(plt, ax, min(n_images, len(self.found.rows)), cmap)
            return self
        losses, floors = self.found.losses()
        chosen = np.arange(len(self.found.columns))
        if len(chosen) > max_columns:
            # the first pixels of an image say nothing
            varying_first = np.argsort(~self.found.varying(floors), kind="stable")
            chosen = np.sort(varying_first[:max_columns])
        count = len(chosen)
        across = min(4, count)
        down = -(-count // across)
        self.figure_, panels = make_panels(plt, ax, (down, across), (2.4 * across, 2.2 * down))
        for panel in panels.ravel()[count:]:
            panel.set_axis_off()
        for j, panel in zip(chosen.tolist(), panels.ravel(), strict=False):
            self._draw_column(panel, j)
            nothing = "missing" if np.isnan(floors[j]) else "constant"
            kept = f"{1 - losses[j] / floors[j]:.0%} explained" if floors[j] > 0 else nothing
            panel.set_title(short(self.found.columns[j].name, 22), fontsize=9, loc="left")
            panel.text(0.03, 0.97, kept, fontsize=7, va="top", transform=panel.transAxes)
            tidy(panel)
        self.axes_ = panels.ravel()[:count]
        return self

    def _draw_images(self, plt: Any, ax: Any, count: int, cmap: str) -> None:
        assert self.image_shape is not None
        height = 0.8 * 2 * self.image_shape[0] / self.image_shape[1] + 0.2
        self.figure_, self.axes_ = make_panels(
            plt, ax, (2, count), (0.8 * count + 0.8, height), wspace=0.05, hspace=0.05
        )
        limits = usual_range(self.found.rows)
        for i, (label, rows) in enumerate(
            (("original", self.found.rows), ("reconstructed", self.found.others))
        ):
            for panel, row in zip(self.axes_[i], rows, strict=False):
                draw_image(panel, row, self.image_shape, cmap, limits)
            self.axes_[i, 0].set_ylabel(label, fontsize=8, rotation=0, ha="right", va="center")

    def _draw_column(self, ax: Axes, j: int) -> None:
        column = self.found.columns[j]
        before, after = self.found.rows[:, j], self.found.others[:, j]
        known = ~np.isnan(before)
        if column.is_category:
            _draw_levels(ax, column.levels, before[known], after[known])
            return
        both = np.flatnonzero(known & ~np.isnan(after))[:_MOST_POINTS]
        unit, start = (_DAY, 0.0) if column.kind in ("date", "duration") else (1.0, 0.0)
        if column.kind == "date" and len(both):
            start = float(before[both].min())
        x, y = (before[both] - start) / unit, (after[both] - start) / unit
        ax.scatter(x, y, s=5, color=ACCENT, alpha=0.5, linewidths=0)
        if len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            ax.plot(ends, ends, color=QUIET, linewidth=0.8, zorder=0)
            ax.margins(y=0.15)
        # few ticks: long numbers would run into one another
        ax.locator_params(nbins=4)
        ax.set_xlabel("original" + (" (days)" if unit > 1 else ""), fontsize=7)
        ax.set_ylabel("reconstructed", fontsize=7)


def _draw_levels(
    ax: Axes, levels: tuple[str, ...], before: NDArray[np.float64], after: NDArray[np.float64]
) -> None:
    """Bars of how often a category was, in colour how often it came back."""
    counts = np.bincount(before.astype(int), minlength=len(levels))[: len(levels)]
    right = np.bincount(before[before == after].astype(int), minlength=len(levels))[: len(levels)]
    order = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
    places = np.arange(len(order))
    ax.barh(places, counts[order], color=QUIET, height=0.7)
    ax.barh(places, right[order], color=ACCENT, height=0.7)
    ax.set_yticks(places, [short(levels[i], 12) for i in order])
    # room for the text above the bars
    ax.set_ylim(max(1, len(order)) - 0.5, -0.5 - 0.2 * len(order))
    some = f", {len(order)} of {len(levels)} categories" if len(order) < len(levels) else ""
    ax.set_xlabel(f"rows{some} (coloured: right)", fontsize=7)
