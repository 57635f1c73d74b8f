"""Figures with several panels, and what is drawn in many of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_Float = NDArray[np.float64]

# Mid tones, which read on white and on dark grounds.
ACCENT, SECOND, QUIET = "#d9622b", "#3b82a0", "#9aa3ad"
_LETTERS = 24


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
