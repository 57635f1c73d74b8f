"""A table of words, numbers and dates as one number per cell: column by column, with names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from sklatent.tabular._blocks import Block, BlockKind
from sklatent.tabular._cells import TIMES, Cells
from sklatent.tabular._codecs import (
    Column,
    decode_levels,
    decode_number,
    encode_levels,
    encode_number,
    fit_column,
    log_slope,
    tie_table,
    unknown_cells,
)
from sklatent.tabular._dates import as_times
from sklatent.tabular._identifiers import fit_identifier, missing_cells
from sklatent.tabular._times import NANOSECONDS, duration, in_units, moment

# Kinds of columns that are never written, but for new identifiers in samples.
UNWRITTEN = ("identifier", "text")
_TIMES = ("date", "datetime")
_PLAIN = ("number", "boolean")
_LARGEST_INT = np.iinfo(np.int64).max
_WORDS_FOR = {"label": "words", "number": "numbers", "boolean": "booleans", "duration": "durations"}


def fit_columns(
    columns: Sequence[Cells],
    roles: Sequence[str],
    names: Sequence[Any],
    *,
    n_quantiles: int,
    max_levels: int,
) -> list[Column]:
    """Learn how to encode each column.

    Parameters
    ----------
    columns : sequence of Cells
        The training rows.
    roles : sequence of {"category", "number", "identifier", "text", ""}
        What each column is to be; "" leaves that to its cells.
    names : sequence
        Column names, for messages.
    n_quantiles, max_levels : int
        As in :func:`fit_column`.

    Returns
    -------
    fitted : list of dict
        One description per column.

    Raises
    ------
    ValueError
        If a column of words is to be a number.
    """
    fitted = []
    for cells, role, name in zip(columns, roles, names, strict=True):
        if role == "number" and cells.family == "label":
            raise ValueError(
                f"numerical_features names the column {name!r}, which holds categories: turn it "
                "into numbers first."
            )
        if role in UNWRITTEN:
            fitted.append(_fit_unwritten(cells, role))
            continue
        column = fit_column(cells, role=role, n_quantiles=n_quantiles, max_levels=max_levels)
        column["n_known"] = len(cells.present())
        if column["kind"] == "category":
            codes = encode_levels(column, cells)
            known = codes[~np.isnan(codes)].astype(np.int64)
            column["counts"] = np.bincount(known, minlength=len(column["levels"]))
        fitted.append(column)
    return fitted


def _fit_unwritten(cells: Cells, role: str) -> Column:
    """Learn the form of identifiers, or which numbers stand for texts."""
    kept = {"family": cells.family, "unit": cells.unit, "store": cells.store}
    if role == "identifier":
        return {**kept, "has_missing": False, **fit_identifier(cells)}
    # loaded where there are texts
    from sklatent.tabular._text import fit_text

    return {**kept, "has_missing": cells.missing is not None, **fit_text(cells)}


def owners_of(fitted: list[Column]) -> np.ndarray:
    """Tell to which column of the table each column of the matrix belongs.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.

    Returns
    -------
    owners : ndarray of shape (n_encoded,), dtype=int64
        The columns of the table in their order, and after them the numbers of each text.
    """
    extra = [np.full(len(column.get("components", ())), j) for j, column in enumerate(fitted)]
    return np.concatenate([np.arange(len(fitted)), *extra]).astype(np.int64)


def encode_columns(
    fitted: list[Column],
    columns: Sequence[Cells],
    *,
    names: Sequence[Any],
    dtype: np.dtype[Any],
) -> np.ndarray:
    """Encode rows.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.
    columns : sequence of Cells
        The rows.
    names : sequence
        Column names, for messages.
    dtype : dtype
        Of the matrix.

    Returns
    -------
    matrix : ndarray of shape (n_samples, n_encoded)
        Codes and scores, NaN where missing or unknown; 0 for identifiers and texts, whose numbers
        stand behind all columns.

    Raises
    ------
    ValueError
        If a column holds something else than in ``fit``.
    """
    owners = owners_of(fitted)
    matrix = np.zeros((len(columns[0].values), len(owners)), dtype=dtype)
    for j, (column, cells, name) in enumerate(zip(fitted, columns, names, strict=True)):
        cells = align(column, cells, name)
        if column["kind"] == "number":
            matrix[:, j] = encode_number(column, cells)
        elif column["kind"] == "text":
            from sklatent.tabular._text import embed

            matrix[:, np.flatnonzero(owners == j)[1:]] = embed(column, cells)
        elif column["kind"] != "identifier":
            matrix[:, j] = encode_levels(column, cells)
    return matrix


def unknown_columns(
    fitted: list[Column], columns: Sequence[Cells], names: Sequence[Any]
) -> np.ndarray:
    """Tell which cells hold levels that ``fit`` has not seen.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.
    columns : sequence of Cells
        The rows.
    names : sequence
        Column names, for messages.

    Returns
    -------
    unknown : ndarray of shape (n_samples, n_columns), dtype=bool
        All False for numbers.
    """
    found = []
    for column, cells, name in zip(fitted, columns, names, strict=True):
        aligned = align(column, cells, name)
        if column["kind"] in UNWRITTEN:
            found.append(np.zeros(len(cells.values), dtype=bool))
            continue
        unknown = unknown_cells(column, aligned)
        if "format" in column["store"] and aligned.missing is not None:
            # words that are no dates
            unknown |= (
                aligned.missing if cells.missing is None else aligned.missing & ~cells.missing
            )
        found.append(unknown)
    return np.column_stack(found)


def decode_columns(
    fitted: list[Column], matrix: np.ndarray, *, beyond: bool = False
) -> list[Cells]:
    """Decode rows.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.
    matrix : ndarray of shape (n_samples, n_columns)
        Codes and scores, NaN where missing.
    beyond : bool, default=False
        Whether numbers go on beyond the training range, or end with it.

    Returns
    -------
    columns : list of Cells
        The rows.
    """
    columns = []
    for j, column in enumerate(fitted):
        if column["kind"] == "number":
            columns.append(decode_number(column, matrix[:, j], beyond=beyond))
        elif column["kind"] in UNWRITTEN:
            columns.append(missing_cells(column, len(matrix)))
        else:
            columns.append(decode_levels(column, matrix[:, j]))
    return columns


def slopes(fitted: list[Column], columns: Sequence[Cells], names: Sequence[Any]) -> np.ndarray:
    """Stack :func:`log_slope` of all columns.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.
    columns : sequence of Cells
        The rows.
    names : sequence
        Column names, for messages.

    Returns
    -------
    slope : ndarray of shape (n_samples, n_columns), dtype=float64
        0 for missing cells and columns that are not numbers.
    """
    return np.column_stack(
        [
            log_slope(column, align(column, cells, name))
            for column, cells, name in zip(fitted, columns, names, strict=True)
        ]
    )


def align(column: Column, cells: Cells, name: Any) -> Cells:
    """Bring cells of another container into the form that a column had in ``fit``.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the same meaning, perhaps in another unit or as categories of numbers.
    name : object
        Of the column, for messages.

    Returns
    -------
    cells : Cells
        Of the family and unit of ``fit``.

    Raises
    ------
    ValueError
        If the cells mean something else than in ``fit``.
    TypeError
        If times have a time zone and those of ``fit`` had none, or the reverse.
    """
    family = column["family"]
    if "format" in column["store"] and cells.family == "label":
        cells = as_times(cells, column["store"]["format"])
    if cells.missing is not None and cells.missing.all():
        return Cells("empty", np.zeros(len(cells.values), dtype=np.int64), cells.missing)
    if column["kind"] == "constant" and not len(column["levels"]):
        return cells  # fit saw no cell, and cannot say what they are
    numbers = cells.family in _PLAIN or (
        cells.family == "label" and not any(map(isinstance, cells.levels, repeat(str)))
    )
    if family in _PLAIN and numbers:
        values = cells.values
        if cells.family == "label":
            values = np.array(cells.levels)[values]
        return Cells("number", values, cells.missing)
    if (family in _TIMES and cells.family in _TIMES) or family == cells.family == "duration":
        _check_zones(column["store"].get("zone"), cells.store.get("zone"), name)
        return in_unit(cells, column["unit"])
    if family in TIMES and cells.family == "label" and not numbers:
        return _read_times(column, cells, name)
    if family == "label" and (
        cells.family == "label"
        or (numbers and not isinstance(next(iter(column["levels"]), ""), str))
    ):
        return cells
    was, now = (_WORDS_FOR.get(kind, "dates") for kind in (family, cells.family))
    raise ValueError(f"Column {name!r} holds {now}, but held {was} in fit.")


def _check_zones(was: str | None, now: str | None, name: Any) -> None:
    """Refuse times with a time zone where there was none, and the reverse."""
    if (was is None) != (now is None):
        kinds = ["without a time zone" if zone is None else f"in {zone}" for zone in (was, now)]
        raise TypeError(
            f"Column {name!r} holds times {kinds[1]}, but held times {kinds[0]} in fit: give both "
            "a time zone, or none."
        )


def time_in_units(value: Any, column: Column) -> tuple[int, bool]:
    """Read a date, a time or a duration, in words or not.

    Parameters
    ----------
    value : object
        What stands for a time of the column.
    column : dict
        A fitted column of such.

    Returns
    -------
    whole : int
        Whole units of the column at or before the time, or the last that these can count.
    later : bool
        Whether the time is later than these.

    Raises
    ------
    ValueError
        If it is none.
    TypeError
        If it has a time zone and the column has none, or the reverse.
    """
    if column["family"] == "duration":
        return in_units(duration(value), column["unit"])
    return in_units(moment(value, column["store"].get("zone")), column["unit"])


def _read_times(column: Column, cells: Cells, name: Any) -> Cells:
    """Read words as the dates or durations that ``fit`` saw."""
    whole = np.zeros(len(cells.levels), dtype=np.int64)
    for at in np.unique(cells.present()):
        try:
            whole[at], _ = time_in_units(cells.levels[at], column)
        except (TypeError, ValueError) as error:
            was = _WORDS_FOR.get(column["family"], "dates")
            raise type(error)(
                f"Column {name!r} holds words, but held {was} in fit, and {cells.levels[at]!r} "
                f"cannot be read as such in ISO 8601: {error}."
            ) from error
    return Cells(column["family"], whole[cells.values], cells.missing, unit=column["unit"])


def in_unit(cells: Cells, unit: str) -> Cells:
    """Give times in another unit.

    Parameters
    ----------
    cells : Cells
        Dates, times or durations.
    unit : str
        NumPy's name of the unit.

    Returns
    -------
    cells : Cells
        Whole units, those at or before each time. Times beyond all that the unit can count, which
        NumPy would wrap around, are the last of these.
    """
    if cells.unit == unit:
        return cells
    now, then = NANOSECONDS[cells.unit], NANOSECONDS[unit]
    if now < then:
        values = cells.values // (then // now)
    else:
        most = _LARGEST_INT // (now // then)
        values = cells.values.clip(-most, most) * (now // then)
    return Cells(cells.family, values, cells.missing, unit=unit)


def blocks(fitted: list[Column]) -> tuple[tuple[Block, ...], tuple[np.ndarray | None, ...]]:
    """Describe the columns of the matrix.

    Parameters
    ----------
    fitted : list of dict
        What :func:`fit_columns` learned.

    Returns
    -------
    blocks : tuple of Block
        One for each column of the matrix; identifiers and texts themselves are constant.
    ties : tuple of {ndarray of shape (n_ties, 3), None}
        The values of each number that were seen more than once; None for other columns.
    """
    found: list[Block] = []
    ties: list[np.ndarray | None] = []
    for j, column in enumerate(fitted):
        n_levels = 0 if column["kind"] == "number" else len(column["levels"])
        kind: BlockKind = "constant" if column["kind"] in UNWRITTEN else column["kind"]
        may_miss = column["has_missing"] and column["kind"] != "text"
        found.append(Block(kind, j, j + 1, n_levels, may_miss))
        ties.append(tie_table(column))
    for column in fitted:
        for i in range(len(column.get("components", ()))):
            # all numbers of a text are missing where one is
            at, may_miss = len(found), column["has_missing"] and i == 0
            found.append(Block("text", at, at + 1, 0, may_miss))
            ties.append(None)
    return tuple(found), tuple(ties)
