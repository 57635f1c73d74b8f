"""Figures with their floor and ceiling, and how reports show them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

_Rows = Sequence[tuple[str, "Figure"]]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One measured number and what to compare it with.

    Parameters
    ----------
    value : float
        The number itself.
    floor : float or None, default=None
        The same for something that knows the columns one by one only.
    ceiling : float or None, default=None
        The same for something that cannot be bettered, for instance real rows.
    best : float, default=1.0
        The value of a perfect answer if there were no chance in it.
    standard_error : float or None, default=None
        Of the value, where it is known.
    """

    value: float
    floor: float | None = None
    ceiling: float | None = None
    best: float = 1.0
    standard_error: float | None = None

    def __str__(self) -> str:
        """Set the number and what it is compared with."""
        value, *others = _cells(self)
        beside = [f"{name} {cell}" for name, cell in zip(_HEADER, others, strict=True) if cell]
        return f"{value or 'nan'} ({', '.join(beside)})"


def as_plain(value: Any) -> Any:
    """Turn a report into what ``json.dump`` takes.

    Parameters
    ----------
    value : object
        Dataclasses, mappings, sequences, arrays, numbers, texts.

    Returns
    -------
    plain : object
        Dicts, lists, numbers, texts and None. NaN becomes None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {k if isinstance(k, str | int) else str(k): as_plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _cell(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    # three decimals, or as many figures where that says nothing
    return f"{value:.3f}" if value == 0 or 0.001 <= abs(value) < 1e5 else f"{value:.3g}"


def _cells(figure: Figure) -> list[str]:
    value = _cell(figure.value)
    if figure.standard_error is not None:
        value += f" ± {figure.standard_error:.3f}"
    return [value, _cell(figure.floor), _cell(figure.ceiling), f"{figure.best:g}"]


_HEADER = ("floor", "ceiling", "best")


def _lines(title: str, value: str, rows: _Rows) -> list[list[str]]:
    """Set the cells of a table, without floors or ceilings where there are none."""
    lines = [[title, value, *_HEADER], *([name, *_cells(figure)] for name, figure in rows)]
    used = [i < 2 or any(line[i] for line in lines[1:]) for i in range(len(lines[0]))]
    return [[cell for cell, keep in zip(line, used, strict=True) if keep] for line in lines]


def text_table(title: str, value: str, rows: _Rows) -> str:
    """Set figures as text.

    Parameters
    ----------
    title : str
        Above the names.
    value : str
        Above the values.
    rows : sequence of (str, Figure)
        Names and figures.

    Returns
    -------
    text : str
        One line for each, without a line feed at the end.
    """
    return text_lines(_lines(title, value, rows), words=(0,))


def html_table(title: str, value: str, rows: _Rows) -> str:
    """Set figures as an HTML table.

    Parameters
    ----------
    title : str
        Above the names.
    value : str
        Above the values.
    rows : sequence of (str, Figure)
        Names and figures.

    Returns
    -------
    html : str
        A ``table`` element.
    """
    header, *lines = _lines(title, value, rows)
    head = "".join(f"<th>{escape(text)}</th>" for text in header)
    body = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in lines
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_notes(notes: Sequence[str]) -> str:
    """Set remarks as an HTML list.

    Parameters
    ----------
    notes : sequence of str
        The remarks.

    Returns
    -------
    html : str
        A ``ul`` element, or nothing without remarks.
    """
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if notes else ""


def text_lines(lines: Sequence[Sequence[str]], words: tuple[int, ...]) -> str:
    """Set cells in columns.

    Parameters
    ----------
    lines : sequence of sequence of str
        The header first.
    words : tuple of int
        Positions of the columns that stand to the left; the others stand to the right.

    Returns
    -------
    text : str
        Without a line feed at the end.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = {position % len(widths) for position in words}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def html_lines(lines: Sequence[Sequence[str]]) -> str:
    """Set cells as an HTML table.

    Parameters
    ----------
    lines : sequence of sequence of str
        The header first.

    Returns
    -------
    html : str
        A ``table`` element.
    """
    head, *body = lines
    rows = "".join(_html_line(line, "td") for line in body)
    return f"<table><thead>{_html_line(head, 'th')}</thead><tbody>{rows}</tbody></table>"


def _html_line(line: Sequence[str], tag: str) -> str:
    cells = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in line)
    return f"<tr>{cells}</tr>"


class FigureTable:
    """What is shown as one table of figures: as text by ``print``, in a notebook as HTML."""

    def _table(self) -> tuple[str, str, _Rows]:
        """Give what stands above the names and above the values, and the figures by name."""
        raise NotImplementedError

    def __str__(self) -> str:
        """Set the figures as text."""
        return text_table(*self._table())

    def _repr_html_(self) -> str:
        return html_table(*self._table())


class ColumnFigures(FigureTable, dict[Any, Figure]):
    """Figures by the column's name: a dict that prints as a table."""

    def _table(self) -> tuple[str, str, _Rows]:
        return "column", "error", [(str(name), figure) for name, figure in self.items()]
