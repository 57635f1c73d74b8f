"""Figures with several panels, and what is drawn in many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

_Extend = Literal["neither", "min", "max", "both"]

# Mid tones, which read on white and on dark grounds.
ACCENT, SECOND, QUIET = "#d9622b", "#3b82a0", "#9aa3ad"
_LETTERS = 24
# Values beyond either end of a colour scale.
_SHARE_BEYOND = 0.02
# Values are far if they lie so many times the width of that scale beyond it.
_ROOM = 1.0
_EXTEND: tuple[tuple[_Extend, _Extend], ...] = (("neither", "max"), ("min", "both"))


def pyplot(display: str, ax: Any) -> Any:
    """Import matplotlib, or say what is missing; refuse what nothing can be drawn in.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If ``ax`` is neither None nor an Axes.
    """
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
    except ImportError as error:
        raise ImportError(
            f"{display}.plot draws with matplotlib, which is not installed: install it, for "
            "instance with pip install sklatent[plot]."
        ) from error
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes or None, got {type(ax).__name__}.")
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


def brief(number: float, digits: int) -> str:
    """Write a number in few letters; those of up to seven figures without a power of ten."""
    is_plain = 10**digits - 0.5 <= abs(number) < 1e7
    return f"{number:.0f}" if is_plain else f"{number:.{digits}g}"


def color_limits(values: _Float) -> tuple[float, float, _Extend]:
    """Choose the ends of a colour scale so that a few far values do not take all of it.

    Parameters
    ----------
    values : ndarray
        Numbers; what is not finite does not count.

    Returns
    -------
    low, high : float
        The 2 % and the 98 % quantile; where all between are equal, those of the values that differ.
    extend : {"neither", "min", "max", "both"}
        On which sides there are values beyond, as ``colorbar`` takes it.
    """
    known = values[~np.isnan(values)]
    finite = known[np.isfinite(known)]
    if not len(finite):
        return 0.0, 1.0, "neither"
    # a cell, not a point between two: of ten cells the second and the ninth
    low = float(np.quantile(finite, _SHARE_BEYOND, method="higher"))
    high = float(np.quantile(finite, 1.0 - _SHARE_BEYOND, method="lower"))
    rest = finite[(finite < low) | (finite > high)]
    if low >= high and len(rest):
        ends = np.quantile(rest, [_SHARE_BEYOND, 1.0 - _SHARE_BEYOND], method="nearest")
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return low, high, _EXTEND[bool((known < low).any())][bool((known > high).any())]


def usual_range(values: _Float) -> tuple[float, float]:
    """Give the smallest and the largest of the values that are not far from all others.

    Parameters
    ----------
    values : ndarray
        Numbers; what is not finite does not count.

    Returns
    -------
    low, high : float
        The ends; 0 and 1 without values.
    """
    low, high, _ = color_limits(values)
    room = _ROOM * (high - low)
    inside = values[(values >= low - room) & (values <= high + room)]
    return float(inside.min(initial=low)), float(inside.max(initial=high))


def tidy(ax: Axes) -> None:
    """Take away what says nothing."""
    ax.tick_params(labelsize=7, length=2)
    ax.spines[["top", "right"]].set_visible(False)


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
