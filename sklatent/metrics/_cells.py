"""One table, column by column: numbers, dates, durations, booleans or strings, some missing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from sklatent.tabular import check_container, is_frame, open_frame

_EPOCH = datetime.datetime(1970, 1, 1)
_MICROSECOND = datetime.timedelta(microseconds=1)


@dataclass(frozen=True)
class Cells:
    """One column of one table.

    Parameters
    ----------
    kind : str
        "number", "bool", "date", "duration" or "category"; "" where no cell is known.
    values : ndarray of shape (n_samples,)
        float64 with NaN for missing cells (dates and durations in microseconds); for "category"
        texts, with None for missing cells.
    single : bool
        Whether the numbers have the precision of float32 only.
    levels : tuple of str
        The texts in the order of a column whose type has one; else empty.
    aware : bool
        Whether the dates have a time zone.
    """

    kind: str
    values: NDArray[Any]
    single: bool = False
    levels: tuple[str, ...] = ()
    aware: bool = False


def read_cells(X: Any, label: str) -> tuple[list[Any] | None, list[Cells]]:
    """Read all columns of a table.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)
        The table: a frame of pandas, polars or pyarrow, an array or nested lists.
    label : str
        What errors call it.

    Returns
    -------
    names : list or None
        The column names; None where the container has none.
    cells : list of Cells
        One for each column.

    Raises
    ------
    ValueError
        If X is not two-dimensional, two columns share a name, or a number is infinite.
    TypeError
        If cells are of a type that cannot be compared, or X is sparse, lazy or a reader.
    """
    check_container(X)
    if is_frame(X):
        try:
            frame = open_frame(X)
        except nw.exceptions.DuplicateError as error:
            text = f"The columns of {label} must have different names. {error}"
            raise ValueError(text) from error
        names: list[Any] | None = list(frame.columns)
        cells = [_from_series(s, f"column {s.name!r} of {label}") for s in frame.iter_columns()]
    else:
        # Nested lists of strings and numbers would all become strings.
        array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        if array.ndim != 2:
            raise ValueError(
                f"Expected 2D array, got {array.ndim}D array instead: {label} must be a table of "
                "rows and columns."
            )
        names = None
        cells = [_from_array(c, f"column {j} of {label}") for j, c in enumerate(array.T)]
    for j, column in enumerate(cells):
        if column.kind == "number" and np.isinf(column.values).any():
            raise ValueError(
                f"Input {label} contains infinity (column {j if names is None else names[j]!r}): "
                "replace it by a number or a missing value."
            )
    return names, cells


def as_text(cell: Any) -> str:
    """Name a category, the same for ``1``, ``1.0`` and ``True``.

    Parameters
    ----------
    cell : object
        A known cell.

    Returns
    -------
    text : str
        Its name.
    """
    if isinstance(cell, bool | np.bool_ | Real) and float(cell).is_integer():
        return f"{float(cell):.0f}"
    return str(cell)


def _from_series(series: nw.Series[Any], place: str) -> Cells:
    zone = getattr(getattr(series.to_native(), "dtype", None), "tz", None)
    if zone is not None:  # of pandas, some of whose zones narwhals does not know
        series = nw.from_native(series.to_native().dt.tz_convert("UTC"), series_only=True)
    dtype = series.dtype
    if dtype.is_numeric() or dtype == nw.Boolean:
        kind = "bool" if dtype == nw.Boolean else "number"
        return _numbers(kind, series.cast(nw.Float64), single=dtype == nw.Float32)
    if dtype in (nw.Date, nw.Datetime):
        stamps = _numbers("date", series.dt.timestamp("us").cast(nw.Float64))
        return replace(stamps, aware=getattr(dtype, "time_zone", None) is not None)
    if dtype == nw.Duration:
        return _numbers("duration", series.dt.total_microseconds().cast(nw.Float64))
    if dtype in (nw.String, nw.Categorical, nw.Enum, nw.Object):
        known = ~series.is_null().to_numpy()
        cells = _from_objects(series.to_list(), known, place, words=dtype != nw.Object)
        return replace(cells, levels=_order(series)) if nw.is_ordered_categorical(series) else cells
    native = series.to_native()
    spelled = getattr(native, "dtype", None) or native.type
    raise TypeError(
        f"The cells of {place} have the type {spelled}, which cannot be compared: convert them to "
        "numbers, strings, booleans or dates, or leave the column out."
    )


def _order(series: nw.Series[Any]) -> tuple[str, ...]:
    """Name the categories of an ordered column in their order."""
    native: Any = series.to_native()
    if series.implementation.is_pyarrow():
        chunks = native.unify_dictionaries().chunks[:1]
        return tuple(as_text(level) for chunk in chunks for level in chunk.dictionary.to_pylist())
    return tuple(as_text(level) for level in native.dtype.categories)


def _numbers(kind: str, series: nw.Series[Any], *, single: bool = False) -> Cells:
    # The gaps are filled first: a nullable column would become an array of objects.
    gaps = series.is_null().to_numpy()
    values = np.array(series.fill_null(0.0).to_numpy(), dtype=np.float64)
    values[gaps] = np.nan
    return Cells("" if np.isnan(values).all() else kind, values, single)


def _from_array(column: NDArray[Any], place: str) -> Cells:
    kinds = column.dtype.kind
    if kinds in "biuf":
        values = column.astype(np.float64)
        kind = "" if np.isnan(values).all() else "bool" if kinds == "b" else "number"
        return Cells(kind, values, column.dtype == np.float32)
    if kinds in "mM":
        known = ~np.isnat(column)
        stamps = column.astype("datetime64[us]" if kinds == "M" else "timedelta64[us]")
        values = np.where(known, stamps.astype(np.int64).astype(np.float64), np.nan)
        return Cells(("date" if kinds == "M" else "duration") if known.any() else "", values)
    if kinds in "OUT":
        cells = column.tolist()
        known = np.array([not _is_missing(cell) for cell in cells], dtype=bool)
        return _from_objects(cells, known, place, words=kinds != "O")
    raise TypeError(f"The cells of {place} have the type {column.dtype}, which cannot be compared.")


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, float | np.floating):
        return math.isnan(cell)
    return cell is None or type(cell).__name__ in ("NAType", "NaTType")


def _from_objects(cells: list[Any], known: NDArray[np.bool_], place: str, *, words: bool) -> Cells:
    """Tell what a column of Python objects holds from its known cells."""
    if not words:
        known = known & np.array([not _is_missing(cell) for cell in cells], dtype=bool)
        for kind, fits, number in _KINDS:
            if known.any() and all(
                fits(cell) for cell, is_known in zip(cells, known, strict=True) if is_known
            ):
                values = np.full(len(cells), np.nan)
                values[known] = [number(cells[row]) for row in np.flatnonzero(known)]
                aware = any(getattr(cell, "tzinfo", None) is not None for cell in cells)
                return Cells(kind, values, aware=aware)
        _refuse_containers(cells, known, place)
    texts = {cell: as_text(cell) for cell in _distinct(cells, known)}
    values = np.full(len(cells), None, dtype=object)
    values[known] = [texts[cells[row]] for row in np.flatnonzero(known)]
    return Cells("category" if known.any() else "", values)


def _distinct(cells: list[Any], known: NDArray[np.bool_]) -> Iterable[Any]:
    return {cell for cell, is_known in zip(cells, known, strict=True) if is_known}


def _refuse_containers(cells: list[Any], known: NDArray[np.bool_], place: str) -> None:
    for row in np.flatnonzero(known):
        if not isinstance(cells[row], str | bytes | bool | np.generic | Real | datetime.date):
            raise TypeError(
                "argument must be a string or a number "
                f"({place}, row {row}: got {type(cells[row]).__name__})"
            )


def _is_bool(cell: Any) -> bool:
    return isinstance(cell, bool | np.bool_)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, Real | Decimal) and not _is_bool(cell)


def _is_date(cell: Any) -> bool:
    return isinstance(cell, datetime.date)


def _is_duration(cell: Any) -> bool:
    return isinstance(cell, datetime.timedelta)


def _stamp(cell: datetime.date) -> float:
    """Microseconds since 1970, as narwhals counts them; time zones in UTC."""
    if not isinstance(cell, datetime.datetime):
        cell = datetime.datetime(cell.year, cell.month, cell.day)
    elif cell.tzinfo is not None:
        cell = cell.astimezone(datetime.UTC).replace(tzinfo=None)
    return (cell - _EPOCH) / _MICROSECOND


def _length(cell: datetime.timedelta) -> float:
    return cell / _MICROSECOND


_KINDS: tuple[tuple[str, Callable[[Any], bool], Callable[[Any], float]], ...] = (
    ("bool", _is_bool, float),
    ("number", _is_number, float),
    ("date", _is_date, _stamp),
    ("duration", _is_duration, _length),
)
