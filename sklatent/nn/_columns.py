"""The columns of a mixed table, in the order in which modules store them: categories first."""

from collections.abc import Sequence
from typing import NamedTuple

# Kind, first column, one past the last, number of levels, whether cells are missing.
Block = tuple[str, int, int, int, bool]


class Columns(NamedTuple):
    """The columns of a table that vary, in the order in which they are stored.

    Attributes
    ----------
    places : tuple of int
        Where each stands in the table.
    n_levels : tuple of int
        Number of levels of each category; the numbers follow them.
    may_miss : tuple of bool
        Whether cells were missing, for each column.
    """

    places: tuple[int, ...]
    n_levels: tuple[int, ...]
    may_miss: tuple[bool, ...]

    @property
    def n_categories(self) -> int:
        """Number of categories."""
        return len(self.n_levels)

    @property
    def in_table_order(self) -> list[int]:
        """Positions here, sorted by where the columns stand in the table."""
        return sorted(range(len(self.places)), key=self.places.__getitem__)


def columns_of(blocks: Sequence[Block]) -> Columns:
    """Sort the columns that vary into categories and numbers."""
    categories = [block for block in blocks if block[0] == "category"]
    numbers = [block for block in blocks if block[0] == "number"]
    return Columns(
        places=tuple(block[1] for block in categories + numbers),
        n_levels=tuple(block[3] for block in categories),
        may_miss=tuple(block[4] for block in categories + numbers),
    )
