"""Rows of any table as a matrix in which distances mean something."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sklatent.tabular import AnyRows, Table
from sklatent.tasks._distance_units import beyond, fit_units, tails

Matrix = NDArray[np.float64]

# Levels of a category with a column of their own; all others, unknown and missing ones share one.
MOST_LEVELS = 30
# Farther out all rows are alike; squares of this still fit into float32.
FARTHEST = 1e15
# A network sees cells farther out as lying here: one far cell would be all that it learns.
REACH = 100.0
# What another word has in a column that has never been otherwise.
CONSTANT = 10.0
# What an unseen level has at least: more than the rarest ones, which share a column.
LEAST_UNSEEN = 1.5


@dataclass(frozen=True)
class Block:
    """Columns of the matrix that one encoded column becomes.

    What files from before there were units do not hold has its default.

    Parameters
    ----------
    column : int
        The encoded column.
    levels : ndarray of float or None
        The codes that have a column of their own; None for numbers.
    has_missing : bool
        Whether the cells of a number were missing in ``fit``, which is a column of its own.
    center, scale : float, default=0.0, 1.0
        What a number is less, and what it is divided by then.
    tails : ndarray of shape (2, 2) or None, default=None
        From where on a cell counts by its value, not by its code.
    usual : float or None, default=None
        The level that a missing cell of a category passes for; None has all other cells in one
        column, as cells that are missing in ``fit`` are.
    unseen : float, default=1.0
        What a level that ``fit`` did not see has in that column.
    """

    column: int
    levels: NDArray[np.float64] | None
    has_missing: bool
    center: float = 0.0
    scale: float = 1.0
    tails: Matrix | None = None
    usual: float | None = None
    unseen: float = 1.0

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + self.has_missing if self.levels is None else len(self.levels) + 1

    def fill(
        self, codes: NDArray[Any], values: Matrix, unseen: NDArray[np.bool_], out: Matrix
    ) -> None:
        """Write the columns of an encoded column.

        Parameters
        ----------
        codes : ndarray of shape (n_rows,)
            Of the column; NaN where missing or unseen.
        values : ndarray of shape (n_rows,), dtype=float64
            The cells themselves; looked at where there are ``tails``.
        unseen : ndarray of shape (n_rows,), dtype=bool
            Cells with a level that ``fit`` did not see.
        out : ndarray of shape (n_rows, width)
            Where to write.
        """
        far = np.zeros(1) if self.tails is None else np.nan_to_num(beyond(self.tails, values))
        missing = np.isnan(codes)
        if self.levels is None:
            units = (codes - self.center) / self.scale
            units = np.where(np.abs(far) > np.abs(units), far, units)
            # the median: a missing cell is no reason to be far out
            out[:, 0] = np.where(missing, 0.0, np.clip(units, -FARTHEST, FARTHEST))
            if self.has_missing:
                out[:, 1] = missing
            return
        if self.usual is not None:
            codes = np.where(missing & ~unseen, self.usual, codes)
        out[:, :-1] = codes[:, None] == self.levels
        out[:, -1] = 1.0 - out[:, :-1].sum(1)
        out[:, -1] = np.where(unseen, np.clip(np.abs(far), self.unseen, FARTHEST), out[:, -1])

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays: the parameters."""
        return vars(self).copy()


@dataclass(frozen=True)
class DistanceView:
    """How encoded rows become a matrix for distances.

    Numbers of a table of numbers are in robust units; normal scores stay as they are. A category
    becomes one column per frequent level, 0 or 1: two levels lie as far apart as two typical
    numbers.

    Parameters
    ----------
    blocks : tuple of Block
        In the order of the columns.
    metric : {"cityblock", "euclidean"}, default="cityblock"
        Of distances between rows: sums of absolute differences, or Euclidean in pictures.
    reach : float, default=FARTHEST
        How far out a network sees a cell.
    """

    blocks: tuple[Block, ...]
    metric: str = "cityblock"
    reach: float = FARTHEST

    @classmethod
    def fit(cls, table: Table, rows: AnyRows, *, far: bool = False) -> DistanceView:
        """Learn units, the frequent levels, and where cells are missing.

        Parameters
        ----------
        table : Table
            Fitted to the rows.
        rows : Rows or MixedRows
            Training rows.
        far : bool, default=False
            Whether what is unlike all others is far out, without bounds: scores of numbers that
            lie far beyond the others, and levels that are not among the rows.

        Returns
        -------
        view : DistanceView
            The fitted view.
        """
        matrix = table.encode(rows)
        if table.kind == "affine":
            units = fit_units(table, matrix)
            metric = "euclidean" if units.picture else "cityblock"
            pairs = zip(units.center.tolist(), units.scale.tolist(), strict=True)
            may = table.may_miss(matrix)
            return cls(
                tuple(Block(j, None, bool(may[j]), *p) for j, p in enumerate(pairs)), metric, REACH
            )
        values = _values(table, rows)
        return cls(tuple(_mixed_blocks(table, matrix, values, far=far)), reach=REACH)

    @property
    def owners(self) -> NDArray[np.intp]:
        """The encoded column to which each column of the matrix belongs."""
        return np.repeat([b.column for b in self.blocks], [b.width for b in self.blocks])

    @property
    def are_levels(self) -> NDArray[np.bool_]:
        """Which columns of the matrix are levels of categories."""
        return np.repeat(
            [b.levels is not None for b in self.blocks], [b.width for b in self.blocks]
        )

    def matrix(self, table: Table, rows: AnyRows) -> Matrix:
        """Return the matrix of validated rows, of shape (n_rows, sum of widths)."""
        encoded, unseen = table.encode(rows), table.unknown(rows)[:, table.owners]
        has_tails = any(block.tails is not None for block in self.blocks)
        values = _values(table, rows) if has_tails else encoded
        out = np.empty((len(encoded), sum(block.width for block in self.blocks)))
        start = 0
        for block in self.blocks:
            stop = start + block.width
            j = block.column
            block.fill(encoded[:, j], values[:, j], unseen[:, j], out[:, start:stop])
            start = stop
        return out

    def within_reach(self, matrix: Matrix) -> Matrix:
        """Return the matrix as a network sees it."""
        return np.clip(matrix, -self.reach, self.reach)

    def by_column(self, parts: Matrix, owners: NDArray[np.integer[Any]]) -> Matrix:
        """Sum the columns of the matrix into those of the table, which own encoded columns."""
        sums = np.zeros((len(parts), owners.max() + 1))
        np.add.at(sums.T, owners[self.owners], parts.T)
        return sums

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays, from which :meth:`from_state` makes the same view."""
        return {**vars(self), "blocks": [block.to_state() for block in self.blocks]}

    @classmethod
    def from_state(cls, state: dict[str, Any] | list[dict[str, Any]]) -> DistanceView:
        """Make the view that :meth:`to_state` has described."""
        if isinstance(state, list):  # the blocks were all there was
            state = {"blocks": state}
        blocks = tuple(Block(**block) for block in state["blocks"])
        return cls(**{**state, "blocks": blocks})


def _mixed_blocks(table: Table, matrix: NDArray[Any], values: Matrix, *, far: bool) -> list[Block]:
    """Describe the columns of a mixed table."""
    blocks = []
    for j, may_miss in enumerate(table.may_miss(matrix).tolist()):
        codes, cells = matrix[:, j], values[:, j]
        known, constant = far and not np.isnan(cells).all(), not table.varying[j]
        ends = tails(cells) if known and not constant else None
        if table.numbers[j] or (known and constant):
            # the code of a constant number is in its own units
            blocks.append(Block(j, None, may_miss, tails=ends))
            continue
        block = Block(j, _frequent(codes), False)
        if far and block.width > 1:
            usual = None if may_miss else float(_frequent(codes, 1)[0])
            rarity = CONSTANT if constant else _rarity(codes)
            block = replace(block, tails=ends, usual=usual, unseen=rarity)
        blocks.append(block)
    return blocks


def _rarity(codes: NDArray[Any]) -> float:
    """Return the absolute value that normal numbers exceed as often as rows have unseen levels.

    The share of such rows is that of the levels seen once (Good and Turing).
    """
    counts = np.unique(codes[~np.isnan(codes)], return_counts=True)[1]
    share = max(1, int((counts == 1).sum())) / (len(codes) + 1)
    return max(LEAST_UNSEEN, float(ndtri(1 - share / 2)))


def _values(table: Table, rows: AnyRows) -> Matrix:
    """Return the cell behind each encoded one as a number; NaN for words and missing ones."""
    columns = []
    for cells in table.cells(rows):
        is_number = cells.family in ("number", "date", "datetime", "duration")
        known = np.ones(len(rows), dtype=bool) if cells.missing is None else ~cells.missing
        columns.append(np.where(known & is_number, cells.values, np.nan))
    return np.column_stack(columns)[:, table.owners]


def _frequent(codes: NDArray[Any], most: int = MOST_LEVELS) -> Matrix:
    """Return the codes of the most frequent levels, sorted."""
    levels, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return np.sort(levels[order]).astype(np.float64)
