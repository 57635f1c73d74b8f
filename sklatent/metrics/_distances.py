"""Distances between rows: whether a sampler hands back the rows of its fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from sklatent.metrics._tables import Column

_Float = NDArray[np.float64]
_CHUNK = 4_000_000  # distances at a time: 32 MB


class MixedSpace:
    """Rows as points, so that the sum of two cheap distances compares all kinds of columns.

    A number counts by its difference in units of the interquartile range, a category by 1 where
    categories differ. A missing cell is a category of its own: a missing number counts as the
    median, and 1 more against every known one.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    reference : ndarray of shape (n_samples, n_columns)
        The table that gives medians and ranges.
    """

    def __init__(self, columns: tuple[Column, ...], reference: _Float) -> None:
        self._categories = np.array([column.is_category for column in columns])
        numbers = reference[:, ~self._categories]
        # Columns without known cells would be numpy's "All-NaN slice": they are 0 everywhere.
        known = [cells[~np.isnan(cells)] for cells in numbers.T]
        self._centre = np.array([np.median(cells) if len(cells) else 0.0 for cells in known])
        self._scale = np.array([_spread(cells) for cells in known])

    def points(self, table: _Float) -> tuple[_Float, _Float]:
        """Map rows to the two parts of their points.

        Parameters
        ----------
        table : ndarray of shape (n_samples, n_columns)
            The rows.

        Returns
        -------
        numbers : ndarray of shape (n_samples, n_numbers)
            Compared by the sum of absolute differences.
        codes : ndarray of shape (n_samples, n_columns)
            Compared by the number of mismatches.
        """
        numbers = (table[:, ~self._categories] - self._centre) / self._scale
        gaps = np.isnan(table)
        codes = np.where(gaps, -1.0, np.where(self._categories, table, 0.0))
        return np.where(np.isnan(numbers), 0.0, numbers), codes


def _spread(cells: _Float) -> float:
    """Interquartile range; for columns that hardly vary their standard deviation, else 1."""
    if not len(cells):
        return 1.0
    low, high = np.quantile(cells, [0.25, 0.75])
    return float(high - low) or float(cells.std()) or 1.0


def between(a: tuple[_Float, _Float], b: tuple[_Float, _Float]) -> _Float:
    """Distances (n_a, n_b) between points of a :class:`MixedSpace`."""
    distances = cdist(a[1], b[1], "hamming") * a[1].shape[1]
    if a[0].shape[1]:
        distances += cdist(a[0], b[0], "cityblock")
    return np.asarray(distances)


def nearer_share(
    space: MixedSpace, rows: _Float | None, train: _Float, holdout: _Float
) -> tuple[float, float]:
    """Share of rows that lie nearer to a training row than to any row held out.

    Both sides have to be equally many: of the larger side, a random subset of the size of the
    smaller one counts. The share returned is the mean over *all* such subsets, which has a closed
    form: with k rows of the larger side (of n) nearer than the nearest of the smaller side (of h),
    a subset of h holds one of them with probability 1 - C(n - k, h) / C(n, h). A tie counts half.

    Parameters
    ----------
    space : MixedSpace
        The distance.
    rows : ndarray of shape (n_samples, n_columns) or None
        The rows asked about; None for those of `holdout`, each against the others.
    train, holdout : ndarray of shape (n_samples, n_columns)
        The two sides.

    Returns
    -------
    share : float
        Its expectation is .5 for rows that know nothing of the training rows but their
        distribution.
    standard_error : float
        Of the share, by the draw of rows, training rows and rows held out.
    """
    alone = rows is None
    points = [space.points(holdout if rows is None else rows)]
    points += [space.points(train), space.points(holdout)]
    n_rows, n_train, n_holdout = (len(codes) for _, codes in points)
    n_holdout -= alone
    shares, cells = np.empty(n_rows), np.zeros(len(train) + len(holdout))
    step = max(1, _CHUNK // (len(train) + len(holdout)))
    half = min(n_train, n_holdout)
    for start in range(0, n_rows, step):
        chosen = slice(start, start + step)
        some = points[0][0][chosen], points[0][1][chosen]
        to_train, to_holdout = between(some, points[1]), between(some, points[2])
        if alone:
            places = np.arange(len(some[0]))
            to_holdout[places, start + places] = np.inf
        shares[chosen] = _train_first(to_train, to_holdout, n_holdout)
        # Territories of a single cut: how unevenly rows spread over them tells the error.
        to_train[:, half:], to_holdout[:, half + alone :] = np.inf, np.inf
        both = np.hstack([to_train, to_holdout])
        nearest = both <= both.min(axis=1, keepdims=True) * (1.0 + 1e-9) + 1e-9
        cells += (1.0 / nearest.sum(axis=1)) @ nearest
    cells = np.concatenate([cells[:half], cells[n_train : n_train + half]])
    return float(shares.mean()), _standard_error(shares, cells, half, max(n_train, n_holdout))


def _train_first(to_train: _Float, to_holdout: _Float, n_holdout: int) -> _Float:
    """Probability, for each row, that the nearest of a random cut is a training row."""
    n_train = to_train.shape[1]
    swapped = n_train < n_holdout
    large, small = (to_holdout, to_train) if swapped else (to_train, to_holdout)
    n, h = max(n_train, n_holdout), min(n_train, n_holdout)
    limit = small.min(axis=1, keepdims=True)
    slack = 1e-9 * (1.0 + limit)  # equal rows may differ by the rounding of sums
    before = _any_in_cut((large < limit - slack).sum(axis=1), n, h)
    until = _any_in_cut((large <= limit + slack).sum(axis=1), n, h)
    share = 0.5 * (before + until)
    return 1.0 - share if swapped else share


def _any_in_cut(k: NDArray[np.intp], n: int, h: int) -> _Float:
    """Probability that a random subset of h out of n contains one of k rows."""
    rest = np.maximum(n - k, h)  # with fewer than h others one of the k is always in it
    log_none = gammaln(rest + 1) - gammaln(rest - h + 1) - gammaln(n + 1) + gammaln(n - h + 1)
    return np.where(n - k < h, 1.0, -np.expm1(np.minimum(log_none, 0.0)))


def _standard_error(shares: _Float, territories: _Float, half: int, n_large: int) -> float:
    """Standard error under the hypothesis that the sides are exchangeable.

    For a single cut it follows from permuting the sides of its 2 h rows, whose territories hold
    different shares of the rows. That variance has a part from the rows asked about, 1 / (4 n), and
    a part from the two sides, equally large. Averaging over cuts shrinks the first one to the
    variance of the averages, and the part of the larger side by h / n_large.
    """
    weights = territories / len(shares)
    single = 0.5 * half * weights.var(ddof=1)
    sides = max(single - 0.25 / len(shares), 0.0) * 0.5 * (1.0 + half / n_large)
    return float(np.sqrt(shares.var() / len(shares) + sides))


def copied_share(rows: _Float, train: _Float) -> float:
    """Share of rows that equal a training row in every column.

    Parameters
    ----------
    rows, train : ndarray of shape (n_samples, n_columns)
        The tables; missing cells equal one another.

    Returns
    -------
    share : float
        Between 0 and 1.
    """
    return float(np.isin(_as_keys(rows), _as_keys(train)).mean())


def _as_keys(table: _Float) -> NDArray[np.void]:
    plain = np.where(np.isnan(table), np.nan, table + 0.0)  # one NaN, one zero
    return np.ascontiguousarray(plain).view(np.dtype((np.void, plain.shape[1] * 8))).ravel()
