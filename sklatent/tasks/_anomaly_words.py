"""Cells of odd rows in words, each beside what is usual in its column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.tabular import AnyRows, Cells, Table, decimals_of, zone_of

# What is usual lies between these quantiles of the training cells, read off so many at most.
USUAL, MAX_ROWS = (0.01, 0.99), 20_000
# Longest word that is shown, and most decimals of a number.
LONGEST, MOST_DECIMALS = 40, 6
# Columns of more levels than so many, and of more than half as many as cells, say no share.
MANY_LEVELS = 1000
TIMES = ("date", "datetime", "duration")
WORDS = ("label", "boolean")


@dataclass(frozen=True)
class UsualCells:
    """What is usual in a column.

    Parameters
    ----------
    family, unit : str
        Of the training cells.
    zone : str or None
        Time zone of moments.
    missing : float
        Share of the training cells that were missing.
    low, high : float, int or None, default=None
        Numbers and times between which most training cells lie.
    decimals : int, default=0
        That numbers are shown with.
    shares : dict or None, default=None
        Share of each level; None for numbers and for columns of too many levels.
    """

    family: str
    unit: str
    zone: str | None
    missing: float
    low: float | int | None = None
    high: float | int | None = None
    decimals: int = 0
    shares: dict[Any, float] | None = None

    @classmethod
    def fit(cls, cells: Cells) -> UsualCells:
        """Learn from the training cells of a column."""
        present, n = cells.present(), len(cells.values)
        column = cls(cells.family, cells.unit, cells.store.get("zone"), 1.0 - len(present) / n)
        if not len(present):
            return column
        if cells.family in WORDS:
            found, counts = np.unique(present, return_counts=True)
            if len(found) > min(MANY_LEVELS, n / 2):
                return column
            levels, shares = _levels(cells, found), (counts / n).tolist()
            return replace(column, shares=dict(zip(levels, shares, strict=True)))
        some = present[:: max(1, len(present) // MAX_ROWS)]
        low, high = np.quantile(some, USUAL, method="inverted_cdf").tolist()
        decimals = 0 if cells.family in TIMES else _decimals(some)
        return replace(column, low=low, high=high, decimals=decimals)

    def tell(self, cells: Cells, row: int, *, unseen: bool) -> str:
        """Say what a cell is, and what is usual."""
        if cells.missing is not None and cells.missing[row]:
            return f"missing ({_share(self.missing)})"
        if self.family in WORDS:
            level = _levels(cells, cells.values[row : row + 1])[0]
            word = repr(_short(level) if isinstance(level, str) else level)
            share = 0.0 if unseen else (self.shares or {}).get(level)
            return word if share is None else f"{word} ({_share(share)})"
        value = self._text(cells.values[row].item())
        if unseen or self.low is None or self.high is None:
            return f"{value} (never seen)"
        low, high = self._text(self.low), self._text(self.high)
        return f"{value} (always {low})" if low == high else f"{value} (usual {low} to {high})"

    def _text(self, value: float | int) -> str:
        """Write a number or a time in the form of the column."""
        if self.family == "duration":
            return str(np.array(value).astype(f"m8[{self.unit}]").astype("m8[us]").item())
        if self.family in TIMES:
            return _moment(np.array(value).astype(f"M8[{self.unit}]"), self.zone)
        if isinstance(value, int):
            return str(value)
        text = f"{value:.{self.decimals}f}"
        # neither half a year of an age nor a number of forty digits
        is_near = abs(float(text) - value) <= 0.005 * abs(value) and abs(value) < 1e15
        return text if is_near else f"{value:.4g}"


def tell_rows(
    usual: list[UsualCells],
    table: Table,
    rows: AnyRows,
    parts: NDArray[np.float64],
    *,
    top: int,
    least: float,
) -> list[str]:
    """Say of each row which cells make it odd.

    Parameters
    ----------
    usual : list of UsualCells
        One for each column.
    table : Table
        Fitted.
    rows : Rows or MixedRows
        Validated rows.
    parts : ndarray of shape (n_rows, n_columns)
        Contributions of the columns, none of them positive.
    top : int
        How many columns are named at most.
    least : float
        Share of the score from which on a further column is named.

    Returns
    -------
    texts : list of str
        One for each row.
    """
    cells, unseen = table.cells(rows), table.unknown(rows)
    names = [name if isinstance(name, str) else f"x{name}" for name in table.names]
    texts = []
    for i, row in enumerate(parts):
        order = np.argsort(row, kind="stable")[:top]
        named = [j for j in order if j == order[0] or row[j] <= least * row.sum()]
        texts.append(
            "; ".join(
                f"{names[j]} = {usual[j].tell(cells[j], i, unseen=bool(unseen[i, j]))}"
                for j in named
            )
        )
    return texts


def _levels(cells: Cells, values: NDArray[Any]) -> list[Any]:
    if cells.family == "boolean":
        return [bool(value) for value in values]
    return [cells.levels[value] for value in values]


def _short(word: str) -> str:
    return word if len(word) <= LONGEST else word[: LONGEST - 3] + "..."


def _share(share: float) -> str:
    if share == 0.0:
        return "never seen"
    percent = 100 * share
    if percent < 0.1:
        return "in less than 0.1 % of rows"
    return f"in {percent:.0f} % of rows" if percent >= 10 else f"in {percent:.1f} % of rows"


def _decimals(values: NDArray[Any]) -> int:
    """Return the decimals to which numbers are rounded, or which tell most of them apart."""
    decimals = decimals_of(values)
    if decimals >= 0:
        return decimals
    low, high = np.quantile(values.astype(np.float64), [0.25, 0.75])
    width = high - low or np.ptp(values)
    return int(np.clip(2 - np.floor(np.log10(width)), 0, MOST_DECIMALS))


def _moment(value: NDArray[np.datetime64], zone: str | None) -> str:
    if zone is None:
        return str(np.datetime_as_string(value, unit="auto")).replace("T", " ")
    moment = value.astype("M8[us]").item().replace(tzinfo=UTC)
    return str(moment.astimezone(zone_of(zone)))
