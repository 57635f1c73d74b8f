"""Rows without what few training rows have: the ends of numbers, and rare categories."""

from __future__ import annotations

from collections.abc import Callable, Collection
from numbers import Integral
from typing import Any

import narwhals as nw
import numpy as np

from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column, level_codes
from sklatent.tabular._frames import contained, frame_schema, is_frame, open_frame
from sklatent.tabular._table import Table

# Values that a table of numbers keeps: the first, second ... from either end.
RANKS = (1, 2, 3, 5, 10, 20, 50, 100)
# Of larger tables they are those of a random part.
MAX_ROWS, MAX_CELLS = 10_000, 1 << 21
# Rows drawn for one that is wanted, at most.
_MOST_DRAWN = 200
_UNKNOWN = (
    "protect_extremes needs what this model does not keep: an earlier release has fitted it, or it "
    "holds a transformer of numbers that was given to it."
)


def number_ends(values: np.ndarray) -> np.ndarray:
    """Find the values near both ends of columns of numbers.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Training rows, NaN where missing.

    Returns
    -------
    ends : ndarray of shape (2, n_ranks, n_columns), dtype=float64
        The values at ``RANKS`` from below and from above, NaN where there are fewer.
    """
    n, p = values.shape
    most = max(10 * RANKS[-1], min(MAX_ROWS, MAX_CELLS // p))
    if n > most:
        values = values[np.sort(np.random.RandomState(0).choice(n, most, replace=False))]
        n = most
    ends = np.full((2, len(RANKS), p), np.nan)
    places = np.array([rank - 1 for rank in RANKS if rank <= n])
    last = min(RANKS[-1], n)
    for side, sign in enumerate((1.0, -1.0)):
        # missing cells go to the end
        columns = np.multiply(sign, values.T, order="C", dtype=np.float64)
        first = np.partition(columns, last - 1, axis=1)[:, :last]
        ends[side, : len(places)] = sign * np.sort(first, axis=1)[:, places].T
    return ends


def inside_ends(ends: np.ndarray | None, values: np.ndarray, k: int) -> np.ndarray:
    """Tell which numbers lie within the k-th value from either end.

    Parameters
    ----------
    ends : ndarray of shape (2, n_ranks, n_columns) or None
        What :func:`number_ends` gave.
    values : ndarray of shape (n_samples, n_columns)
        New rows.
    k : int
        The next rank that was kept counts.

    Returns
    -------
    inside : ndarray of shape (n_samples, n_columns), dtype=bool
        True for missing cells.
    """
    if ends is None:
        raise ValueError(_UNKNOWN)
    at = int(np.searchsorted(RANKS, k))
    if at == len(RANKS):
        raise ValueError(f"protect_extremes should be at most {RANKS[-1]}, got {k}.")
    low, high = ends[:, at]
    return np.asarray(((values >= low) & (values <= high)) | np.isnan(values))


def inside_column(column: Column, cells: Cells, k: int) -> np.ndarray:
    """Tell which cells are within the k-th value from either end, or of a level of k rows.

    Parameters
    ----------
    column : dict
        A fitted number or category.
    cells : Cells
        Cells of new rows, as ``align`` gives them.
    k : int
        How many training rows.

    Returns
    -------
    inside : ndarray of shape (n_samples,), dtype=bool
        True for missing cells, which say nothing.
    """
    n_known = column.get("n_known")
    if n_known is None:
        raise ValueError(_UNKNOWN)
    if column["kind"] == "number":
        # a value seen once stands in the middle of its rank
        low = column["values"][column["hi"] * n_known >= k - 0.5 - 1e-6]
        high = column["values"][(1 - column["lo"]) * n_known >= k - 0.5 - 1e-6]
        if not len(low) or not len(high):
            return np.zeros(len(cells.values), dtype=bool)
        inside = (cells.values >= low[0]) & (cells.values <= high[-1])
    else:
        codes = level_codes(column, cells)
        known = np.nan_to_num(codes).clip(0).astype(np.int64)
        inside = column["counts"][known] >= k
    return np.asarray(inside if cells.missing is None else inside | cells.missing)


def sample_inside(
    draw: Callable[[int], Any], n: int, table: Table, k: Any, but: Collection[Any]
) -> Any:
    """Draw rows until enough of them hold nothing that few training rows have.

    Parameters
    ----------
    draw : callable
        Gives so many new rows, in the container of the table.
    n : int
        How many are wanted.
    table : Table
        Of the training rows.
    k : int
        Numbers beyond the k-th from either end, and categories of fewer rows, are left out.
    but : collection
        Names of columns in which all is allowed.

    Returns
    -------
    rows : array or data frame of shape (n, n_features)
        In the container of the table.

    Raises
    ------
    ValueError
        If ``k`` is no positive integer, or hardly any row is left.
    """
    if not isinstance(k, Integral) or isinstance(k, bool | np.bool_) or k < 1:
        raise ValueError(f"protect_extremes should be a positive integer or None, got {k!r}.")
    size = n + n // 4 + 16
    while size <= _MOST_DRAWN * n + 1000:
        rows = draw(size)
        found = np.flatnonzero(table.inside(rows, int(k), but))
        if len(found) >= n:
            return _taken(rows, found[:n])
        size = int(1.5 * size * max(1.0, min(20.0, n / max(1, len(found))))) + 1
    raise ValueError(
        f"protect_extremes={k} leaves hardly a row: fewer than {n} of {size} rows drawn have no "
        "rare category and no number near its ends. Take a smaller number."
    )


def _taken(rows: Any, index: np.ndarray) -> Any:
    """Take some rows, numbered from 0."""
    if not is_frame(rows):
        return rows[index]
    backend = frame_schema(rows).backend
    taken = nw.maybe_reset_index(open_frame(rows)[index])
    return contained(taken.to_native(), backend)
