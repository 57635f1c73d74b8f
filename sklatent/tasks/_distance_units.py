"""Units in which columns of numbers are compared: no outlier moves them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sklatent.tabular import Table

Matrix = NDArray[np.float64]

# Rows that units are read off, at most.
MAX_ROWS = 20_000
# Shares of the rows left out at either end: quartiles, and wider where these are equal.
SHARES = (0.25, 0.1, 0.05, 0.025, 0.01)
# A cell farther from these than so many times their distance counts as lying there.
FENCE = 3.0
# The range of a column: between the quantiles at this share and at one less it.
RANGE_SHARE = 0.025
# Ranges of columns in one unit lie within this factor of one another, between the deciles.
ONE_UNIT = 4.0


# Shares whose quantiles tell how a side of a column goes on beyond the last of them.
TAIL = (0.5, 0.75, 0.95)
# What is farther out than its rank says by less is where its rank says.
SLACK = 0.5


class Units(NamedTuple):
    """What columns are less, and what they are divided by, before they are compared."""

    center: Matrix
    """Medians, of shape (n_columns,)."""
    scale: Matrix
    """Robust standard deviations, or one scale for all columns that have a common unit."""
    picture: bool
    """Whether columns of one unit have spreads unlike each other, as pixels have."""


def fit_units(table: Table, matrix: NDArray[np.floating]) -> Units:
    """Read units off encoded rows.

    Columns whose ranges are alike have a common unit and keep their proportions: near-constant
    ones then count as little as they vary. Where spreads differ although ranges are alike, the
    table is a picture, whose constant columns have that unit too.

    Parameters
    ----------
    table : Table
        Of numbers.
    matrix : ndarray of shape (n_rows, n_columns)
        Encoded rows; NaN is a missing cell.

    Returns
    -------
    units : Units
        In those of the matrix.
    """
    center, scale, width = _each(matrix, table.constant)
    varying = scale > 0
    ranges = (width * table.scale)[varying & (width > 0)]
    if not len(ranges) or _ratio(ranges) > ONE_UNIT:
        return Units(center, np.where(varying, scale, 1.0), picture=False)
    own = table.scale[varying]
    common = np.sqrt(np.square(scale[varying] * own).mean())
    picture = _ratio(own) > ONE_UNIT
    unit = np.where(varying | picture, common / table.scale, 1.0)
    return Units(center, unit, picture=picture)


def tails(values: Matrix) -> Matrix:
    """Learn how a column goes on where ranks no longer tell how far out a value is.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Training cells; NaN is a missing cell. At least one is not.

    Returns
    -------
    tails : ndarray of shape (2, 3), dtype=float64
        For the lower and the upper side the quantile where it starts, the distance there that
        counts as one score, and by how much the logarithm of that grows from score to score.
    """
    some = _observed(values[:: max(1, len(values) // MAX_ROWS)])
    scale = robust_scale(some) or robust_scale(_observed(values)) or 1.0
    lower, upper = _tail(-some, scale), _tail(some, scale)
    return np.array([[-lower[0], *lower[1:]], upper])


def _tail(values: Matrix, scale: float) -> tuple[float, float, float]:
    """Learn the upper side."""
    quantiles, scores = np.quantile(values, TAIL), ndtri(TAIL)
    inner, outer = np.diff(quantiles) / np.diff(scores)
    # the rest of a column of which half is one value, as counts are, has a heavy tail
    growth = 0.0 if inner > 0 else 1.0
    unit = outer * np.exp(growth * (scores[2] - scores[1]) / 2)
    return float(quantiles[2]), max(scale, float(unit)), growth


def beyond(tails: Matrix, values: Matrix) -> Matrix:
    """Return how far out values are, as scores that go on as the column does.

    Parameters
    ----------
    tails : ndarray of shape (2, 3)
        What :func:`tails` learned.
    values : ndarray of shape (n_rows,)
        Cells; NaN stays.

    Returns
    -------
    far : ndarray of shape (n_rows,), dtype=float64
        Scores less ``SLACK``, negative on the lower side; 0 for what is not in the tails.
    """
    far = [
        _scores(sign * values, sign * side[0], *side[1:])
        for sign, side in zip((-1, 1), tails, strict=True)
    ]
    return np.asarray(np.where(np.isnan(values), values, far[1] - far[0]))


def _scores(values: Matrix, start: float, unit: float, growth: float) -> Matrix:
    way = np.maximum(values - start, 0.0) / unit
    if growth > 0:
        way = np.log1p(growth * way) / growth
    return np.where(way > 0, np.maximum(ndtri(TAIL[-1]) + way - SLACK, 0.0), 0.0)


def _each(matrix: NDArray[np.floating], constant: NDArray[np.bool_]) -> tuple[Matrix, ...]:
    """Return median, robust scale and range of each column; no scale where nothing varies."""
    step = max(1, len(matrix) // MAX_ROWS)
    center, scale, width = np.zeros((3, matrix.shape[1]))
    for j, column in enumerate(matrix.T):
        some = _observed(column[::step])
        center[j] = np.median(some)
        low, high = np.quantile(some, [RANGE_SHARE, 1 - RANGE_SHARE])
        # what is rare in a sample may be missing there
        scale[j] = robust_scale(some) or robust_scale(_observed(column))
        width[j] = high - low
    scale[constant] = 0.0
    return center, scale, width


def _observed(column: NDArray[np.floating]) -> Matrix:
    seen = column[~np.isnan(column)].astype(np.float64)
    return seen if len(seen) else np.zeros(1)


def robust_scale(values: Matrix) -> float:
    """Return the standard deviation of a column whose far cells are moved to its fences.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Cells without missing ones.

    Returns
    -------
    scale : float
        0.0 where all cells are equal. Where all but a hundredth are, the others count as much as
        normal numbers that are as rare: the scale does not shrink with their share.

    References
    ----------
    .. [1] Tukey, "Exploratory Data Analysis", 1977: the outer fences, for the quartiles.
    """
    for share in SHARES:
        low, high = np.quantile(values, [share, 1 - share])
        if high > low:
            reach = FENCE * (high - low)
            return float(np.clip(values, low - reach, high + reach).std())
    distance = np.abs(values - np.median(values))
    odd = distance[distance > 0]
    if not len(odd):
        return 0.0
    # of normal numbers, the median of the largest such share of the absolute values
    return float(np.median(odd) / ndtri(1 - len(odd) / len(values) / 4))


def _ratio(values: Matrix) -> float:
    """Return how many times the last decile is the first one."""
    low, high = np.quantile(np.log(values), [0.1, 0.9])
    return float(np.exp(high - low))
