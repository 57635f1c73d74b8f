"""Figures with several panels, and rows drawn in them as images or as cells with text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._reconstruction import Comparison
from sklatent.metrics._tables import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

# Mid tones, which read on white and on dark grounds.
ACCENT, SECOND, QUIET = "#d9622b", "#3b82a0", "#9aa3ad"
_LETTERS = 16
# A number is dark at two standard deviations from its mean.
_FULL_TONE = 2.0
_PALE = ("#e8e3d6", "#cfdfe3", "#e6d3e0", "#d8e5cc", "#f0d9c6", "#d6d7ea")


def pyplot(display: str) -> Any:
    """Import matplotlib, or say what is missing.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display}.plot draws with matplotlib, which is not installed: install it, for "
            "instance with pip install sklatent[plot]."
        ) from error
    return plt


def make_panels(
    plt: Any, ax: Any, shape: tuple[int, int], size: tuple[float, float], **grid: Any
) -> tuple[Figure | SubFigure, NDArray[np.object_]]:
    """Make panels in a new figure, or in the place of an axes, which is switched off.

    Parameters
    ----------
    plt : module
        ``matplotlib.pyplot``.
    ax : matplotlib Axes or None
        Where to draw; a single panel takes the axes itself.
    shape : (int, int)
        Rows and columns of panels.
    size : (float, float)
        Inches of a new figure.
    **grid : dict
        Ratios and spaces, as ``add_gridspec`` takes them.

    Returns
    -------
    figure : matplotlib Figure
        The figure.
    panels : ndarray of Axes of shape ``shape``
        The panels.
    """
    if ax is None:
        figure = plt.figure(figsize=size, layout="constrained")
        place = figure.add_gridspec(1, 1)[0]
    elif shape == (1, 1):
        panels = np.empty((1, 1), dtype=object)
        panels[0, 0] = ax
        return ax.figure, panels
    else:
        figure, place = ax.figure, ax.get_subplotspec()
        if place is None:
            raise ValueError("ax must be on a grid, as plt.subplots and add_subplot make it.")
        ax.set_axis_off()
    inner = place.subgridspec(*shape, **grid)
    panels = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        panels[index] = figure.add_subplot(inner[index])
    return figure, panels


def short(name: Any, letters: int = _LETTERS) -> str:
    """Cut a long name."""
    text = str(name)
    return text if len(text) <= letters else text[: letters - 1] + "…"


def tidy(ax: Axes) -> None:
    """Take away what says nothing."""
    ax.tick_params(labelsize=7, length=2)
    ax.spines[["top", "right"]].set_visible(False)


@dataclass(frozen=True)
class RowSeries:
    """Decoded rows in an order: a path, or the turn of a knob.

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
        Means and standard deviations of numbers.
    """

    columns: tuple[Column, ...]
    centers: _Float
    scales: _Float

    @classmethod
    def of(cls, found: Comparison) -> TableScale:
        """Take both from the rows of a comparison."""
        centers = np.zeros(len(found.columns))
        for j, cells in enumerate(found.rows.T):
            known = cells[~np.isnan(cells)]
            centers[j] = known.mean() if len(known) else 0.0
        return cls(found.columns, centers, found.scales())

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
        return f"{cell:.4g}" if abs(cell) < 1e5 else f"{cell:.2e}"

    def liveliest(self, cells: Sequence[_Float], count: int) -> NDArray[np.intp]:
        """Choose the columns that change most in some series, in the order of the table."""
        changes = np.zeros(len(self.columns))
        for rows in cells:
            for j, column in enumerate(self.columns):
                known = rows[~np.isnan(rows[:, j]), j]
                holes = len(known) < len(rows)
                if column.is_category:
                    # one change of level counts as much as a standard deviation
                    change = float(len(np.unique(known)) - 1 + holes if len(known) else 0)
                else:
                    change = float(np.ptp(known) / self.scales[j]) if len(known) else 0.0
                changes[j] = max(changes[j], change)
        best = np.argsort(-changes, kind="stable")[:count]
        return np.sort(best[changes[best] > 1e-9])


def draw_cells(
    ax: Axes, series: RowSeries, scale: TableScale, columns: NDArray[np.intp], cmap: str
) -> None:
    """Draw the columns of a series as lines of cells with their values."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    tones = colormaps[cmap]
    image = np.zeros((len(columns), len(series.cells), 3))
    for i, j in enumerate(columns):
        for step, cell in enumerate(series.cells[:, j]):
            if scale.columns[j].is_category or np.isnan(cell):
                color = _PALE[int(cell) % len(_PALE)] if np.isfinite(cell) else "#ffffff"
                image[i, step] = to_rgb(color)
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


def draw_image(ax: Axes, row: _Float, image_shape: tuple[int, ...], cmap: str, limits: Any) -> None:
    """Draw a row as an image."""
    ax.imshow(row.reshape(image_shape), cmap=cmap, vmin=limits[0], vmax=limits[1])
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def check_image_shape(image_shape: Any, n_columns: int) -> tuple[int, ...] | None:
    """Refuse shapes that the columns do not fill.

    Raises
    ------
    ValueError
        If the shape has another number of pixels.
    """
    if image_shape is None:
        return None
    shape = tuple(int(length) for length in image_shape)
    if len(shape) not in (2, 3) or int(np.prod(shape)) != n_columns:
        raise ValueError(
            f"image_shape={shape} does not hold {n_columns} columns: give (height, width), or "
            "(height, width, channels)."
        )
    return shape


def draw_series(
    display: str,
    ax: Any,
    series: Sequence[RowSeries],
    scale: TableScale,
    *,
    image_shape: tuple[int, ...] | None,
    limits: tuple[float, float],
    max_columns: int,
    cmap: str | None,
) -> tuple[Figure | SubFigure, NDArray[np.object_]]:
    """Draw series one below the other, as images or as cells.

    Returns
    -------
    figure : matplotlib Figure
        The figure.
    panels : ndarray of Axes
        One for each image, or one for each series.
    """
    if max_columns < 1:
        raise ValueError(f"max_columns == {max_columns}, must be >= 1.")
    plt = pyplot(display)
    if image_shape is not None:
        return _draw_images(plt, ax, series, image_shape, limits, cmap or "gray_r")
    # the same columns in all panels where there is one choice to make, else each its own
    chosen = [scale.liveliest([one.cells], max_columns) for one in series]
    heights = [max(1.2, 0.24 * len(columns) + 0.55) for columns in chosen]
    width = 1.6 + 0.68 * max(len(one.ticks) for one in series)
    figure, panels = make_panels(
        plt, ax, (len(series), 1), (width, sum(heights)), height_ratios=heights
    )
    for panel, one, columns in zip(panels[:, 0], series, chosen, strict=True):
        draw_cells(panel, one, scale, columns, cmap or "RdBu_r")
        panel.set_title(one.label, fontsize=9, loc="left")
    return figure, panels[:, 0]


def _draw_images(
    plt: Any,
    ax: Any,
    series: Sequence[RowSeries],
    shape: tuple[int, ...],
    limits: tuple[float, float],
    cmap: str,
) -> tuple[Figure | SubFigure, NDArray[np.object_]]:
    across = max(len(one.ticks) for one in series)
    size = (0.75 * across + 1.1, 0.75 * len(series) * shape[0] / shape[1] + 0.35)
    figure, panels = make_panels(plt, ax, (len(series), across), size, wspace=0.05, hspace=0.05)
    same = all(one.ticks == series[0].ticks for one in series)
    for i, one in enumerate(series):
        for step, (tick, row) in enumerate(zip(one.ticks, one.cells, strict=True)):
            panel = panels[i, step]
            draw_image(panel, row, shape, cmap, limits)
            if i == 0 or not same:
                panel.set_title(tick, fontsize=7, pad=2)
        panels[i, 0].set_ylabel(
            one.label, fontsize=8, rotation=0, ha="right", va="center", labelpad=4
        )
        for panel in panels[i, len(one.ticks) :]:
            panel.set_axis_off()
    return figure, panels
