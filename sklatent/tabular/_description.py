"""What the columns of a table become, and why: said before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np

from sklatent.tabular._affine import AffineTable
from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column
from sklatent.tabular._quantile import QuantileTable
from sklatent.tabular._roles import Settled

_HEADER = ("column", "becomes", "why")
_TIMES = {"date": "date", "datetime": "time", "duration": "duration"}


class ColumnDescription(NamedTuple):
    """One column."""

    name: Any
    """Its name, or its position in an array."""
    becomes: str
    """What a model takes it for."""
    why: str
    """What decided that."""


@dataclass(frozen=True, repr=False)
class TableDescription:
    """What the columns of a table become.

    Made by :meth:`TabularEncoder.describe`. ``print(description)`` shows it as text, a notebook as
    a table.

    Parameters
    ----------
    mode : {"affine", "quantile"}
        How numbers are encoded.
    columns : tuple of ColumnDescription
        One for each column of the table.
    library : str
        Of the frames that :meth:`to_frame` makes.
    """

    mode: str
    columns: tuple[ColumnDescription, ...]
    library: str

    def to_frame(self) -> Any:
        """Give the description as a data frame.

        Returns
        -------
        frame : data frame of shape (n_columns, 3)
            Columns "column", "becomes" and "why", in the library of the table that was described,
            in pandas for an array.
        """
        make: Any = nw.from_dict
        cells = map(list, zip(*self._rows(), strict=True))
        return make(dict(zip(_HEADER, cells, strict=True)), backend=self.library).to_native()

    def _rows(self) -> list[tuple[str, str, str]]:
        return [(str(one.name), one.becomes, one.why) for one in self.columns]

    def _title(self) -> str:
        return f"{len(self.columns)} columns, mode {self.mode!r}"

    def __repr__(self) -> str:
        """Give the number of columns and the mode."""
        return f"TableDescription({self._title()})"

    def __str__(self) -> str:
        """Set one line for each column."""
        lines = [_HEADER, *self._rows()]
        widths = [max(len(line[i]) for line in lines) for i in range(3)]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self._title(), "", *text])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in _HEADER)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>"
            for row in self._rows()
        )
        return (
            f"<p>{escape(self._title())}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def describe(
    table: AffineTable | QuantileTable, settled: Settled, parameters: dict[str, str]
) -> TableDescription:
    """Say what the columns of a table become.

    Parameters
    ----------
    table : AffineTable or QuantileTable
        Fitted.
    settled : Settled
        What was decided about its columns.
    parameters : dict of str to str
        The parameter that asks for each role.

    Returns
    -------
    description : TableDescription
        For the user.
    """
    columns = []
    for j, (name, role) in enumerate(zip(table.names, settled.roles, strict=True)):
        becomes, why = _of_column(table, settled, j)
        if role and j not in settled.found:
            why = f"{parameters[role]} names it"
        columns.append(ColumnDescription(name, becomes, why))
    library = "pandas" if table.schema is None else table.schema.library
    return TableDescription(table.kind, tuple(columns), library)


def _of_column(table: AffineTable | QuantileTable, settled: Settled, j: int) -> tuple[str, str]:
    """Say what one column becomes, and what about its cells decides that."""
    if settled.roles[j] == "identifier":
        is_number = isinstance(table, AffineTable) or table.columns[j]["family"] == "number"
        of_all = "nothing depends on them" if is_number else "have one form"
        return "identifier, left out", f"nearly all cells differ and {of_all}"
    if isinstance(table, AffineTable):
        if table.constant[j]:
            return "constant", "all cells are equal"
        return "number", "numbers"
    column, cells = table.columns[j], settled.columns[j]
    if column["kind"] == "text":
        n = len(column["components"])
        becomes, why = f"free text, read as {n} numbers", "words that mostly differ"
    elif column["kind"] == "category":
        becomes, why = f"category of {len(column['levels'])} levels", _of_levels(column, cells)
    elif column["kind"] == "number":
        becomes = _TIMES.get(column["family"], "number")
        why = f"{len(np.unique(cells.present()))} different values"
    else:
        becomes, why = "constant", "one value" if len(column["levels"]) else "no cell is known"
    if j in settled.formats:
        why = f"words of the format {settled.formats[j].format}"
    return becomes + ", missing too" * (cells.missing is not None and len(cells.present()) > 0), why


def _of_levels(column: Column, cells: Cells) -> str:
    if column["family"] == "label":
        return "declared categories" if column["store"].get("declared") else "words"
    if column["family"] == "boolean":
        return "true or false"
    return f"only {len(column['levels'])} different values"
