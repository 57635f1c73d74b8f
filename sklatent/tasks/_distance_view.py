"""Rows of any table as a matrix in which distances mean something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.tabular import AnyRows, Table
from sklatent.tasks._distance_units import Units, fit_units

Matrix = NDArray[np.float64]

# Levels of a category with a column of their own; all others, unknown and missing ones share one.
MOST_LEVELS = 30
# Farther out all rows are alike; squares of this still fit into float32.
FARTHEST = 1e15
# A network sees cells farther out as lying here: one far cell would be all that it learns.
REACH = 30.0


@dataclass(frozen=True)
class Block:
    """Columns of the matrix that one encoded column becomes.

    Parameters
    ----------
    column : int
        The encoded column.
    levels : ndarray of float or None
        The codes that have a column of their own; None for numbers.
    has_missing : bool
        Whether the cells of a number were missing in ``fit``, which is a column of its own.
    center, scale : float, default=0.0, 1.0
        What a number is less, and what it is divided by then. Files from before there were units
        have none.
    """

    column: int
    levels: NDArray[np.float64] | None
    has_missing: bool
    center: float = 0.0
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 + self.has_missing if self.levels is None else len(self.levels) + 1

    def fill(self, codes: NDArray[Any], out: Matrix) -> None:
        """Write the columns of an encoded column into ``out`` of shape (n_rows, width)."""
        if self.levels is None:
            missing = np.isnan(codes)
            units = (codes - self.center) / self.scale
            # the median: a missing cell is no reason to be far out
            out[:, 0] = np.where(missing, 0.0, np.clip(units, -FARTHEST, FARTHEST))
            if self.has_missing:
                out[:, 1] = missing
            return
        out[:, :-1] = codes[:, None] == self.levels
        out[:, -1] = 1.0 - out[:, :-1].sum(1)


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
    def fit(cls, table: Table, rows: AnyRows) -> DistanceView:
        """Learn units, the frequent levels, and where cells are missing."""
        matrix = table.encode(rows)
        n = matrix.shape[1]
        units = Units(np.zeros(n), np.ones(n), picture=False)
        if table.kind == "affine":
            units = fit_units(table, matrix)
        blocks = [
            Block(j, None, bool(may), float(units.center[j]), float(units.scale[j]))
            for j, may in enumerate(table.may_miss(matrix))
        ]
        for j in np.flatnonzero(~table.numbers):
            blocks[j] = Block(int(j), _frequent(matrix[:, j]), False)
        return cls(tuple(blocks), "euclidean" if units.picture else "cityblock", REACH)

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
        encoded = table.encode(rows)
        out = np.empty((len(encoded), sum(block.width for block in self.blocks)))
        start = 0
        for block in self.blocks:
            stop = start + block.width
            block.fill(encoded[:, block.column], out[:, start:stop])
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
        return {**vars(self), "blocks": [vars(block).copy() for block in self.blocks]}

    @classmethod
    def from_state(cls, state: dict[str, Any] | list[dict[str, Any]]) -> DistanceView:
        """Make the view that :meth:`to_state` has described."""
        if isinstance(state, list):  # the blocks were all there was
            state = {"blocks": state}
        blocks = tuple(Block(**block) for block in state["blocks"])
        return cls(**{**state, "blocks": blocks})


def _frequent(codes: NDArray[Any]) -> Matrix:
    """Return the codes of the most frequent levels, sorted."""
    levels, counts = np.unique(codes, return_counts=True)
    known = ~np.isnan(levels)
    order = np.argsort(-counts[known], kind="stable")[:MOST_LEVELS]
    return np.sort(levels[known][order]).astype(np.float64)
