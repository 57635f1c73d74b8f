"""Columns by themselves and in pairs: how alike two tables are distributed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._tables import Column

_Float = NDArray[np.float64]
N_BINS = 10
_MOST_LEVELS = 50  # of one column in a pair; joint shares of rarer categories would be noise
_MOST_BARS = 25


@dataclass(frozen=True)
class Marginal:
    """How real and synthetic cells of one column are distributed, ready to be drawn.

    Parameters
    ----------
    kind : str
        "number", "bool", "date", "duration" or "category".
    edges : ndarray of shape (n_bars + 1,) or None
        Ends of the bins of numbers; dates and durations in microseconds. The first and the last
        bin hold what lies beyond them too. None for columns with one bar for each category.
    labels : tuple of str
        The categories, or empty where there are edges.
    real, synthetic : ndarray of shape (n_bars,)
        Shares of the rows. What is left to 1 is missing.
    """

    kind: str
    edges: _Float | None
    labels: tuple[str, ...]
    real: _Float
    synthetic: _Float


def column_shapes(columns: tuple[Column, ...], real: _Float, other: _Float) -> _Float:
    """Likeness of each column's distribution in two tables, 1 for equal ones.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    real, other : ndarray of shape (n_samples, n_columns)
        The tables.

    Returns
    -------
    shapes : ndarray of shape (n_columns,)
        For categories 1 minus the total variation distance, with missing cells as a category. For
        numbers 1 minus the larger of two distances: the Kolmogorov-Smirnov distance of the known
        cells, and the difference between the shares of missing ones.
    """
    distances = [
        _variation(_codes(column, real[:, j]), _codes(column, other[:, j]))
        if column.is_category
        else _kolmogorov(real[:, j], other[:, j])
        for j, column in enumerate(columns)
    ]
    return 1.0 - np.array(distances)


def _codes(column: Column, cells: _Float) -> NDArray[np.intp]:
    """Codes with one for categories unseen and the last one for missing cells."""
    return np.where(np.isnan(cells), len(column.levels) + 1.0, cells).astype(np.intp)


def _variation(a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    size = int(max(a.max(), b.max())) + 1
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (a, b)]
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def _kolmogorov(a: _Float, b: _Float) -> float:
    gap = abs(np.isnan(a).mean() - np.isnan(b).mean())
    a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
    if not len(a) or not len(b):
        return 1.0 if len(a) or len(b) else 0.0
    steps = np.concatenate([a, b])
    below = [np.searchsorted(known, steps, side="right") / len(known) for known in (a, b)]
    return float(max(gap, np.abs(below[0] - below[1]).max()))


class PairBins:
    """Bins of every column that all tables share.

    Numbers fall into the deciles of the reference, or keep their values where these are at most
    ten; categories stay as they are, the rarest beyond 50 together; missing cells are a bin. A
    table binned by itself would look like any other table with the same ranks.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    reference : ndarray of shape (n_samples, n_columns)
        The table whose deciles are the bins.
    """

    def __init__(self, columns: tuple[Column, ...], reference: _Float) -> None:
        self._categories = [column.is_category for column in columns]
        self._bins = [
            _level_bins(column, reference[:, j]) if column.is_category else _edges(reference[:, j])
            for j, column in enumerate(columns)
        ]

    def codes(self, table: _Float) -> list[tuple[NDArray[np.intp], int]]:
        """Put the cells of a table into their bins.

        Parameters
        ----------
        table : ndarray of shape (n_samples, n_columns)
            The table.

        Returns
        -------
        codes : list of (ndarray of shape (n_samples,), int)
            For each column its bins by row, and how many there are.
        """
        coded = []
        for j, (is_category, bins) in enumerate(zip(self._categories, self._bins, strict=True)):
            cells, gaps = table[:, j], np.isnan(table[:, j])
            if is_category:
                places = bins[np.where(gaps, 0, cells).astype(np.intp)].astype(np.intp)
                size = int(bins.max()) + 1
            else:
                places = np.searchsorted(bins, np.where(gaps, 0.0, cells), side="left")
                size = len(bins) + 1
            coded.append((np.where(gaps, size, places), size + 1))
        return coded


def _edges(cells: _Float) -> _Float:
    known = cells[~np.isnan(cells)]
    distinct = np.unique(known)
    if len(distinct) <= N_BINS:
        return distinct
    return np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS))


def _level_bins(column: Column, cells: _Float) -> _Float:
    """Bin of each code: its own, or the one for categories that are rare or not real."""
    counts = np.bincount(cells[~np.isnan(cells)].astype(np.intp), minlength=len(column.levels) + 1)
    order = np.argsort(-counts[: len(column.levels)], kind="stable")
    bins = np.full(len(column.levels) + 1, float(min(len(column.levels), _MOST_LEVELS)))
    bins[order[:_MOST_LEVELS]] = np.arange(min(len(order), _MOST_LEVELS))
    return bins


def pair_trends(bins: PairBins, real: _Float, other: _Float) -> _Float:
    """Likeness of the joint distribution of each pair of columns, 1 for equal ones.

    Parameters
    ----------
    bins : PairBins
        The bins shared by all tables.
    real, other : ndarray of shape (n_samples, n_columns)
        The tables.

    Returns
    -------
    trends : ndarray of shape (n_columns, n_columns)
        1 minus the total variation distance of the joint bins; NaN on the diagonal.
    """
    a, b = bins.codes(real), bins.codes(other)
    trends = np.full((len(a), len(a)), np.nan)
    for i in range(len(a)):
        for j in range(i):
            size = a[j][1]
            joint = [codes[i][0] * size + codes[j][0] for codes in (a, b)]
            trends[i, j] = trends[j, i] = 1.0 - _variation(joint[0], joint[1])
    return trends


def mean_of_pairs(trends: _Float) -> float:
    """Mean over the pairs of columns.

    Parameters
    ----------
    trends : ndarray of shape (n_columns, n_columns)
        As :func:`pair_trends` returns it, of two columns or more.

    Returns
    -------
    mean : float
        The mean of what is not on the diagonal.
    """
    return float(np.nanmean(trends))


def marginal(column: Column, real: _Float, synthetic: _Float) -> Marginal:
    """Histogram both tables' cells of one column.

    Parameters
    ----------
    column : Column
        The column.
    real, synthetic : ndarray of shape (n_samples,)
        Its cells.

    Returns
    -------
    marginal : Marginal
        Shares in common bins. Numbers have about 25 of equal width over the middle 99 % of the
        real ones; numbers in steps have whole steps in a bin.
    """
    both = real, synthetic
    if column.is_category:
        size = len(column.levels) + 1
        bars = [np.bincount(_codes(column, cells), minlength=size)[:size] for cells in both]
        labels = (*column.levels, "(not real)")[: size if bars[1][-1] else size - 1]
        edges = None
    else:
        edges = _equal_edges(real if not np.isnan(real).all() else synthetic)
        inside = [np.clip(cells[~np.isnan(cells)], edges[0], edges[-1]) for cells in both]
        bars = [np.histogram(cells, edges)[0] for cells in inside]
        labels = ()
    shares = [
        bar[: len(labels) or None] / len(cells) for bar, cells in zip(bars, both, strict=True)
    ]
    return Marginal(column.kind, edges, labels, shares[0], shares[1])


def _equal_edges(cells: _Float) -> _Float:
    known = cells[~np.isnan(cells)]
    distinct = np.unique(known)
    if len(distinct) == 1:
        return np.array([distinct[0] - 0.5, distinct[0] + 0.5])
    low, high = np.quantile(known, [0.005, 0.995], method="nearest")
    if low == high:
        low, high = distinct[0], distinct[-1]
    step = np.diff(distinct).min()
    places = (distinct - low) / step
    if np.abs(places - np.rint(places)).max() > 1e-6:
        return np.linspace(low, high, _MOST_BARS + 1)
    # Whole numbers and the like: bars that hold unequally many of them would look like teeth.
    width = step * np.ceil(((high - low) / step + 1) / _MOST_BARS)
    return np.asarray(np.arange(low - step / 2, high + width, width))
