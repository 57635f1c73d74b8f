"""Displays of rows in an order: as images, or as cells with text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._reconstruction import Comparison
from sklatent.metrics._tables import Column
from sklatent.plotting._panels import (
    brief,
    check_image_shape,
    draw_image,
    make_panels,
    pyplot,
    short,
    usual_range,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

# A number is dark at two standard deviations from its mean.
_FULL_TONE = 2.0
_PALE = ("#e8e3d6", "#cfdfe3", "#e6d3e0", "#d8e5cc", "#f0d9c6", "#d6d7ea")


@dataclass(frozen=True)
class RowSeries:
    """Decoded rows in an order: a path, or a latent traversal.

    Parameters
    ----------
    label : str
        What the series is called.
    ticks : list of str
        What distinguishes the rows.
    cells : ndarray of shape (n_rows, n_columns)
        The rows as :class:`Comparison` reads them.
    """

    label: str
    ticks: list[str]
    cells: _Float


@dataclass(frozen=True)
class TableScale:
    """Columns, and what is usual in them.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    centers, scales : ndarray of shape (n_columns,)
        Means and standard deviations of numbers. Cells far from all others count as the last one
        that is not, so that a few do not take the scale.
    """

    columns: tuple[Column, ...]
    centers: _Float
    scales: _Float

    @classmethod
    def of(cls, found: Comparison) -> TableScale:
        """Take both from the rows of a comparison."""
        limits = [usual_range(cells) for cells in found.rows.T]
        usual = replace(found, rows=np.clip(found.rows, *np.array(limits).T))
        known = ~np.isnan(usual.rows)
        centers = np.where(known, usual.rows, 0.0).sum(0) / np.maximum(known.sum(0), 1)
        return cls(found.columns, centers, usual.scales())

    def text(self, j: int, cell: float) -> str:
        """Write one cell."""
        column = self.columns[j]
        if np.isnan(cell):
            return "missing"
        if column.is_category:
            return short(column.levels[int(cell)], 10) if cell < len(column.levels) else "?"
        if column.kind == "date":
            return str(np.datetime64(round(cell), "us").astype("datetime64[D]"))
        if column.kind == "duration":
            return f"{cell / 86_400e6:.3g} d"
        return brief(cell, 4)

    def liveliest(self, cells: _Float, count: int) -> NDArray[np.intp]:
        """Choose the columns that change most in a series, in the order of the table."""
        changes = np.zeros(len(self.columns))
        for j, column in enumerate(self.columns):
            known = cells[~np.isnan(cells[:, j]), j]
            if not len(known):
                continue
            if column.is_category:
                # one change of category, or a missing cell, counts as much as a standard deviation
                changes[j] = len(np.unique(known)) - 1 + (len(known) < len(cells))
            else:
                changes[j] = np.ptp(known) / self.scales[j]
        best = np.argsort(-changes, kind="stable")[:count]
        return np.sort(best[changes[best] > 1e-9])


def _draw_cells(
    ax: Axes, series: RowSeries, scale: TableScale, columns: NDArray[np.intp], cmap: str
) -> None:
    """Draw the columns of a series as lines of cells with their values."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    tones = colormaps[cmap]
    image = np.zeros((len(columns), len(series.cells), 3))
    for i, j in enumerate(columns):
        # by order of appearance: the first six categories of a line differ, whatever their numbers
        tone_of: dict[float, str] = {}
        for step, cell in enumerate(series.cells[:, j]):
            if np.isnan(cell):
                image[i, step] = 1.0
            elif scale.columns[j].is_category:
                new = _PALE[len(tone_of) % len(_PALE)]
                image[i, step] = to_rgb(tone_of.setdefault(float(cell), new))
            else:
                tone = (cell - scale.centers[j]) / scale.scales[j] / (2 * _FULL_TONE) + 0.5
                image[i, step] = tones(float(np.clip(tone, 0.0, 1.0)))[:3]
    if len(columns):
        ax.imshow(image, aspect="auto", interpolation="nearest")
    luminance = image @ [0.299, 0.587, 0.114]
    for (i, step), light in np.ndenumerate(luminance):
        ink = "black" if light > 0.5 else "white"
        text = scale.text(int(columns[i]), float(series.cells[step, columns[i]]))
        ax.text(step, i, text, ha="center", va="center", fontsize=7, color=ink)
    ax.set_xticks(range(len(series.ticks)), series.ticks)
    ax.set_yticks(range(len(columns)), [short(scale.columns[j].name) for j in columns])
    ax.tick_params(labelsize=7, length=0)
    ax.spines[:].set_visible(False)


class SeriesDisplay:
    """What displays of series share: the arrays, and how they are drawn.

    Parameters
    ----------
    series : list of RowSeries
        The rows.
    scale : TableScale
        The columns with their means and standard deviations.
    limits : (float, float), default=(0.0, 1.0)
        What is white and what is black in images, far pixels aside.
    image_shape : tuple of int, default=None
        Height and width of rows that are images.
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(
        self,
        *,
        series: list[RowSeries],
        scale: TableScale,
        limits: tuple[float, float] = (0.0, 1.0),
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.series = series
        self.scale = scale
        self.limits = limits
        self.image_shape = image_shape

    @classmethod
    def _of(cls, series: list[RowSeries], found: Comparison, image_shape: Any) -> Self:
        """Take columns and limits from the rows of a comparison."""
        return cls(
            series=series,
            scale=TableScale.of(found),
            limits=usual_range(found.rows),
            image_shape=check_image_shape(image_shape, len(found.columns)),
        )

    def plot(
        self, ax: Axes | None = None, *, max_columns: int = 8, cmap: str | None = None
    ) -> Self:
        """Draw one panel for each series, one below the other.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A place to draw in: it is switched off and divided. By default a new figure.
        max_columns : int, default=8
            How many columns each panel shows: those that change most in it.
        cmap : str, default=None
            Name of a colour map; by default "gray_r" for images, and "RdBu_r" for numbers, white
            at the mean of the column and dark at two standard deviations.

        Returns
        -------
        display : object
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``max_columns`` is not positive.
        """
        if max_columns < 1:
            raise ValueError(f"max_columns == {max_columns}, must be >= 1.")
        plt = pyplot(type(self).__name__, ax)
        if self.image_shape is not None:
            self._draw_images(plt, ax, self.image_shape, cmap or "gray_r")
            return self
        chosen = [self.scale.liveliest(one.cells, max_columns) for one in self.series]
        heights = [max(1.2, 0.24 * len(columns) + 0.55) for columns in chosen]
        width = 1.6 + 0.68 * max(len(one.ticks) for one in self.series)
        self.figure_, panels = make_panels(
            plt, ax, (len(self.series), 1), (width, sum(heights)), height_ratios=heights
        )
        self.axes_ = panels[:, 0]
        for panel, one, columns in zip(self.axes_, self.series, chosen, strict=True):
            _draw_cells(panel, one, self.scale, columns, cmap or "RdBu_r")
            panel.set_title(one.label, fontsize=9, loc="left")
        if not all(self.scale.columns[j].is_category for columns in chosen for j in columns):
            ends = "below (blue) or above (red) the mean" if cmap is None else "from the mean"
            key = f"colour of numbers: {ends}, full at {_FULL_TONE:.0f} standard deviations"
            self.axes_[-1].set_xlabel(key, fontsize=7)
        return self

    def _draw_images(self, plt: Any, ax: Any, shape: tuple[int, ...], cmap: str) -> None:
        count, across = len(self.series), max(len(one.ticks) for one in self.series)
        size = (0.75 * across + 1.1, 0.75 * count * shape[0] / shape[1] + 0.35)
        self.figure_, self.axes_ = make_panels(
            plt, ax, (count, across), size, wspace=0.05, hspace=0.05
        )
        same = all(one.ticks == self.series[0].ticks for one in self.series)
        for i, (panels, one) in enumerate(zip(self.axes_, self.series, strict=True)):
            for panel, tick, row in zip(panels, one.ticks, one.cells, strict=False):
                draw_image(panel, row, shape, cmap, self.limits)
                if i == 0 or not same:
                    panel.set_title(tick, fontsize=7, pad=2)
            panels[0].set_ylabel(
                one.label, fontsize=8, rotation=0, ha="right", va="center", labelpad=4
            )
            for panel in panels[len(one.ticks) :]:
                panel.set_axis_off()
