"""Several tables with the same columns, as float matrices that can be compared cell by cell.

Numbers, dates and durations stay numbers; booleans, strings and categories become codes. A
missing cell is NaN. The tables may come in different containers, with their columns in any order.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._cells import Cells, as_text, read_cells
from sklatent.tabular import find_format, stamps

_Float = NDArray[np.float64]
_WORDS = {
    "number": "numbers",
    "bool": "booleans",
    "date": "dates",
    "duration": "durations",
    "category": "strings or categories",
}
# What cells may be where the first table has some kind: a CSV file turns booleans into 0 and 1.
_TURN_INTO = {
    "number": {"number", "bool"},
    "bool": {"number", "bool"},
    "date": {"date"},
    "duration": {"duration"},
    "category": {"number", "bool", "category"},
}
_BOOLEANS = {"0": "False", "1": "True"}


@dataclass(frozen=True)
class Column:
    """What the tables have in common in one column.

    Parameters
    ----------
    name : object
        Its name or, in tables without names, its position.
    kind : str
        "number", "bool", "date", "duration" or "category".
    levels : tuple of str
        The categories of real rows in the order of their codes, which is that of an ordered type;
        empty for numbers, dates and durations. The code after the last one stands for all
        categories that no real row has.
    """

    name: Any
    kind: str
    levels: tuple[str, ...] = ()

    @property
    def is_category(self) -> bool:
        """Whether cells are codes of categories."""
        return self.kind in ("bool", "category")


@dataclass(frozen=True)
class Tables:
    """Tables with the same columns.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    matrices : tuple of ndarray of shape (n_samples, n_columns)
        One float64 matrix for each table.
    """

    columns: tuple[Column, ...]
    matrices: tuple[_Float, ...]

    def without(self, positions: Collection[int]) -> Tables:
        """Give the tables without some columns.

        Parameters
        ----------
        positions : collection of int
            Of the columns.

        Returns
        -------
        tables : Tables
            Of the other columns.
        """
        kept = [j for j in range(len(self.columns)) if j not in positions]
        return Tables(
            tuple(self.columns[j] for j in kept), tuple(rows[:, kept] for rows in self.matrices)
        )


def read_tables(tables: dict[str, Any], n_real: int) -> Tables:
    """Read tables that should have the same columns.

    Parameters
    ----------
    tables : dict of str to table
        The tables by the names that errors call them. The first one settles order and kinds.
    n_real : int
        How many of them, from the first on, settle which categories there are.

    Returns
    -------
    tables : Tables
        Columns and matrices, the matrices in the order of `tables`.

    Raises
    ------
    ValueError
        If a table has other columns, cells of another kind, or infinity.
    TypeError
        If cells are of a type that cannot be compared.
    """
    labels = list(tables)
    read = [read_cells(X, label) for label, X in tables.items()]
    names, first = read[0]
    if not first:
        raise ValueError(
            f"Found array with 0 feature(s) in {labels[0]} while a minimum of 1 is required."
        )
    for label, (other, cells) in zip(labels, read, strict=True):
        _check_columns(names, other, len(first), len(cells), label, labels[0])
    columns, encoded = [], []
    for j in range(len(first)):
        name = j if names is None else names[j]
        cells_of_all = [
            cells[j if names is None or other is None else other.index(name)]
            for other, cells in read
        ]
        column, values = _encode(name, dict(zip(labels, cells_of_all, strict=True)), n_real)
        columns.append(column)
        encoded.append(values)
    return Tables(tuple(columns), tuple(map(np.column_stack, zip(*encoded, strict=True))))


def _check_columns(
    names: list[Any] | None, other: list[Any] | None, n: int, n_other: int, label: str, first: str
) -> None:
    if names is None or other is None:
        if n != n_other:
            raise ValueError(
                f"{label} has {n_other} features, but {first} has {n}: all tables need the same "
                "columns."
            )
        return
    unseen = [name for name in other if name not in names]
    missing = [name for name in names if name not in other]
    if unseen or missing:
        message = f"The feature names of {label} should match those of {first}.\n"
        if unseen:
            message += f"Feature names unseen in {first}: {_listed(unseen)}\n"
        if missing:
            message += f"Feature names of {first}, yet missing in {label}: {_listed(missing)}\n"
        raise ValueError(message)


def _listed(names: list[Any], limit: int = 5) -> str:
    text = ", ".join(repr(name) for name in names[:limit])
    return text + (", ..." if len(names) > limit else "")


def _encode(name: Any, cells: dict[str, Cells], n_real: int) -> tuple[Column, list[_Float]]:
    """Settle the kind of one column and convert its cells to numbers."""
    known = [(label, one) for label, one in cells.items() if one.kind]
    first, pattern = known[0] if known else (next(iter(cells)), Cells("category", np.empty(0)))
    kind = pattern.kind
    for label, one in known:
        if one.kind not in _TURN_INTO[kind]:
            raise ValueError(
                f"Column {name!r} holds {_WORDS[kind]} in {first}, but {_WORDS[one.kind]} in "
                f"{label}: give it the same type in all tables."
            )
        if one.kind == "date" and one.aware != pattern.aware:
            has = {True: "a time zone", False: "no time zone"}
            raise ValueError(
                f"The dates of column {name!r} have {has[pattern.aware]} in {first}, but "
                f"{has[one.aware]} in {label}: give them one in all tables, or in none."
            )
    if kind not in ("bool", "category"):
        numbers = [
            one.values if one.kind else np.full(len(one.values), np.nan) for one in cells.values()
        ]
        if pattern.single:  # what was saved as float32 differs from itself in float64
            numbers = [v.astype(np.float32).astype(np.float64) for v in numbers]
        return Column(name, kind), numbers
    texts = [_texts(one) for one in cells.values()]
    form = find_format(list(dict.fromkeys(text for text in texts[0] if text is not None)))
    if form is not None:
        return Column(name, "date"), [stamps(column, form.format) for column in texts]
    levels = sorted({text for column in texts[:n_real] for text in column if text is not None})
    levels.sort(key=_by_size)
    if pattern.levels:
        order = {level: place for place, level in enumerate(pattern.levels)}
        levels.sort(key=lambda level: order.get(level, len(order)))
    codes: dict[str | None, float] = {level: float(code) for code, level in enumerate(levels)}
    codes[None] = np.nan
    unseen = float(len(levels))
    encoded = [np.array([codes.get(text, unseen) for text in column]) for column in texts]
    column = Column(name, kind, tuple(levels))
    if kind == "bool":
        column = replace(column, levels=tuple(_BOOLEANS.get(level, level) for level in levels))
    return column, encoded


def _texts(cells: Cells) -> list[str | None]:
    if cells.kind == "category":
        return list(cells.values)
    if not cells.kind:
        return [None] * len(cells.values)
    distinct, place = np.unique(cells.values, return_inverse=True)  # NaN comes once, and last
    texts = [None if np.isnan(value) else as_text(value) for value in distinct]
    return [texts[index] for index in place]


def _by_size(level: str) -> tuple[float, str]:
    """Categories that are numbers in the order of numbers, before those that are not."""
    try:
        return float(level), ""
    except ValueError:
        return np.inf, level
