"""Colours that can be told apart, also by those who do not see red or green."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import quadratic_assignment
from scipy.spatial.distance import cdist

_Float = NDArray[np.float64]

# Okabe and Ito, "Color Universal Design", 2008, without black and without the purple that small
# points share with their green where red is not seen.
_FIRST = ("0072B2", "D55E00", "009E73", "E69F00", "56B4E9", "F0E442")
# Lightness of what is seen on white and is not taken for black.
_DARKEST, _LIGHTEST = 0.35, 0.85
# Shades of each channel among which further colours are chosen.
_N_SHADES = 9
# Linear RGB as seen without red and without green (Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", 2009), and as it is.
_EYES = np.array(
    [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    ]
)
# Linear RGB to Oklab (Ottosson, 2020), whose distances are those that are seen.
_CONES = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
_OKLAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def _seen(colors: _Float) -> _Float:
    """Places of colours in Oklab for each kind of eye."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    light = np.clip(np.einsum("eij,nj->eni", _EYES, linear), 0.0, 1.0)
    return np.asarray(np.cbrt(light @ _CONES.T) @ _OKLAB.T)


def color_distances(colors: _Float, others: _Float) -> _Float:
    """Tell how different colours are to the eye that tells them apart least.

    Parameters
    ----------
    colors, others : ndarray of shape (n_colors, 3) and (n_others, 3)
        Red, green and blue between 0 and 1.

    Returns
    -------
    ndarray of shape (n_colors, n_others)
        Distances in Oklab; below about 0.05 colours of small points are taken for one another.
    """
    pairs = zip(_seen(colors), _seen(others), strict=True)
    return np.asarray(np.min([cdist(one, other) for one, other in pairs], axis=0))


def distinct_colors(n_colors: int) -> _Float:
    """Give colours that are as different as so many can be.

    Parameters
    ----------
    n_colors : int
        How many.

    Returns
    -------
    ndarray of shape (n_colors, 3)
        Red, green and blue between 0 and 1; the same first colours for any number.
    """
    chosen = np.array([list(bytes.fromhex(text)) for text in _FIRST]) / 255
    shades = np.linspace(0.0, 1.0, _N_SHADES)
    grid = np.stack(np.meshgrid(shades, shades, shades), axis=-1).reshape(-1, 3)
    light = _seen(grid)[0, :, 0]
    grid = grid[(light > _DARKEST) & (light < _LIGHTEST)]
    nearest = color_distances(grid, chosen).min(1)
    while len(chosen) < n_colors:
        best = grid[nearest.argmax()][None]
        chosen = np.vstack([chosen, best])
        nearest = np.minimum(nearest, color_distances(grid, best)[:, 0])
    return np.asarray(chosen[:n_colors])


def map_colors(colormap: Any, n_colors: int) -> _Float:
    """Take colours of a map of matplotlib for groups.

    Parameters
    ----------
    colormap : matplotlib Colormap
        The map. Of one with 20 colours or fewer each is taken in turn, every second one first,
        since some come in pairs.
    n_colors : int
        How many.

    Returns
    -------
    ndarray of shape (n_colors, 3)
        Red, green and blue between 0 and 1.
    """
    n = colormap.N
    if n <= 20:
        order = [*range(0, n, 2), *range(1, n, 2)]
        return np.asarray(colormap([order[code % n] for code in range(n_colors)]))[:, :3]
    return np.asarray(colormap(np.linspace(0.0, 1.0, n_colors)))[:, :3]


def spread_colors(places: _Float) -> _Float:
    """Give distinct colours to groups, the most different ones to those that lie side by side.

    Parameters
    ----------
    places : ndarray of shape (n_groups, 2)
        Where the groups lie; NaN where that is not known.

    Returns
    -------
    ndarray of shape (n_groups, 3)
        Red, green and blue between 0 and 1.
    """
    colors = distinct_colors(len(places))
    if len(places) < 3:
        return colors
    squares = cdist(places, places, "sqeuclidean")
    # groups in the same place are nearer than any others, but not infinitely
    known = squares[~np.isnan(squares)]
    squares = squares / (float(known.mean()) if known.any() else 1.0) + 1e-3
    different = color_distances(colors, colors)
    near = np.nan_to_num(squares**-2.0)
    np.fill_diagonal(near, 0.0)
    np.fill_diagonal(different, 1.0)
    order = quadratic_assignment(
        near, different**-3.0, options={"rng": np.random.default_rng(0)}
    ).col_ind
    return np.asarray(colors[order])
