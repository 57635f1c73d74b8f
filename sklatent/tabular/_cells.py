"""Cells of one column in a form that no data frame library owns, and how to read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from importlib import import_module
from numbers import Integral, Real
from typing import Any

import narwhals as nw
import numpy as np

from sklatent.tabular._frames import open_frame, spell
from sklatent.tabular._times import zone_of

# Families of whole numbers of a unit of time.
TIMES = frozenset({"date", "datetime", "duration"})
_LARGEST_INT = np.iinfo(np.int64).max
_UNSUPPORTED = (
    "Input X has a column of dtype {dtype}, which is not supported: turn it into numbers, words or "
    "dates, or drop it. (column {name!r})"
)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The cells of one column.

    Parameters
    ----------
    family : {"number", "boolean", "label", "date", "datetime", "duration", "empty"}
        What the cells are; "empty" where all are missing and nothing says what they would be.
    values : ndarray of shape (n_samples,)
        Numbers as float32, float64 or int64; booleans as 0 and 1; dates and durations as whole
        multiples of ``unit``; labels as positions in ``levels``. Anything where missing.
    missing : ndarray of shape (n_samples,), dtype=bool, or None
        Mask of the missing cells; None if there are none.
    levels : list
        What labels stand for: different strings, or different numbers.
    unit : str
        NumPy's name of the unit of dates and durations, else "".
    store : dict
        How the library keeps the column, in strings and lists: what the way back needs.
    """

    family: str
    values: np.ndarray
    missing: np.ndarray | None = None
    levels: Sequence[Any] = ()
    unit: str = ""
    store: dict[str, Any] = field(default_factory=dict)

    def take(self, index: np.ndarray | slice) -> Cells:
        """Select cells; a slice shares memory."""
        missing = None if self.missing is None else self.missing[index]
        return Cells(self.family, self.values[index], missing, self.levels, self.unit, self.store)

    def present(self) -> np.ndarray:
        """The values of the cells that are not missing."""
        return self.values if self.missing is None else self.values[~self.missing]


def read_frame(X: Any) -> list[Cells]:
    """Read the columns of a data frame.

    Parameters
    ----------
    X : data frame
        Of pandas, polars or pyarrow.

    Returns
    -------
    columns : list of Cells
        One entry per column.

    Raises
    ------
    ValueError
        If a column holds infinity, or both words and numbers.
    TypeError
        If a column or a cell is of a kind that no encoding exists for.
    """
    frame = open_frame(X)
    columns = []
    for j, name in enumerate(frame.columns):
        columns.append(_read_series(frame[:, j], name))
    return columns


def read_array(X: np.ndarray) -> list[Cells]:
    """Read the columns of an array of numbers, strings or objects.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        In any dtype.

    Returns
    -------
    columns : list of Cells
        One entry per column.

    Raises
    ------
    ValueError
        If a column holds infinity, or both words and numbers.
    TypeError
        If a cell is neither a string nor a number.
    """
    store = {"dtype": "object"}
    if X.dtype.kind in "OUS":
        return [_from_objects(X[:, j].tolist(), store, j) for j in range(X.shape[1])]
    return [_from_numbers(X[:, j], None, {"dtype": "float"}, j) for j in range(X.shape[1])]


def _read_series(series: Any, name: Any) -> Cells:
    """Read one column of a narwhals frame."""
    native = series.to_native()
    if hasattr(getattr(native, "dtype", None), "pyarrow_dtype"):
        pyarrow = import_module("pyarrow")
        arrow = pyarrow.table({"": native.array}).column(0)
        cells = _read_series(nw.from_native(arrow, series_only=True), name)
        return replace(cells, store={**cells.store, "arrow": True})
    dtype, store = series.dtype, describe(series)
    if store["dtype"].startswith("date64"):  # which narwhals does not know
        days = native.cast(import_module("pyarrow").date32())
        return replace(_read_series(nw.from_native(days, series_only=True), name), store=store)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return _read_categories(series, store, name)
    if isinstance(dtype, nw.Date | nw.Datetime | nw.Duration) or "zone" in store:
        if "zone" in store and not _is_zone(store["zone"]):
            raise TypeError(_UNSUPPORTED.format(dtype=store["dtype"], name=name))
        return _read_times(series, store)
    if isinstance(dtype, nw.Object | nw.List | nw.Array | nw.Struct):
        return _from_objects(series.to_list(), store, name)
    if store["dtype"].lower() == "null":
        return Cells("empty", np.zeros(len(series)), np.ones(len(series), dtype=bool), store=store)
    if store["dtype"].startswith("Sparse["):
        return _from_numbers(np.asarray(native), None, store, name)
    if "digits" in store or store["dtype"] in ("Int128", "UInt128"):
        series = _of_floats(series)
        dtype = series.dtype
    # narwhals before 2.28 does not know half precision
    numeric = dtype.is_numeric() or store["kind"] == "float16"
    if not (numeric or isinstance(dtype, nw.Boolean | nw.String)):
        raise TypeError(_UNSUPPORTED.format(dtype=store["dtype"], name=name))
    if store["dtype"] == store["kind"] != "object" and series.implementation.is_pandas():
        # NumPy's own dtypes: no mask to look up.
        return _from_numbers(native.to_numpy(), None, store, name)
    missing = series.is_null().to_numpy()
    missing = missing if missing.any() else None
    if isinstance(dtype, nw.String):
        if store["dtype"] == "object":
            return _from_objects(series.to_list(), store, name)
        return _from_words(series.to_list(), missing, store)
    if missing is not None:
        series = series.fill_null(False if isinstance(dtype, nw.Boolean) else 0)
    return _from_numbers(series.to_numpy(), missing, store, name)


def _of_floats(series: Any) -> Any:
    """Turn numbers that numpy lacks into those that it has."""
    native = series.to_native()
    if not series.implementation.is_polars():
        native = native.cast("float64")
    elif native.dtype.is_decimal() or native.cast(float).abs().max() >= _LARGEST_INT:
        native = native.cast(float)
    else:
        native = native.cast(int)
    return nw.from_native(native, series_only=True)


def describe(series: Any) -> dict[str, Any]:
    """Say how a library keeps a column, in strings alone.

    Parameters
    ----------
    series : narwhals.Series
        The column.

    Returns
    -------
    store : dict
        "dtype"; "kind", the numpy dtype of numbers; "digits", how many a decimal has, and how many
        of them after the point; "zone", the time zone of times.
    """
    native = series.to_native()
    dtype: Any = native.dtype if hasattr(native, "dtype") else native.type
    name, kind = spell(dtype)
    if series.implementation.is_polars():
        name = name.partition("(")[0]
    elif name == "string" and getattr(dtype, "storage", "") == "python":
        name = "string[python]"  # pandas spells both storages alike
    store: dict[str, Any] = {"dtype": name, "kind": kind}
    if hasattr(dtype, "scale"):  # of polars and pyarrow
        store["digits"] = [dtype.precision, dtype.scale]
    # narwhals does not know the half of the names that pandas gives to time zones
    zone = getattr(dtype, "tz", None) or getattr(series.dtype, "time_zone", None)
    if zone is not None:
        store["zone"] = str(zone)
    return store


def _is_zone(name: str) -> bool:
    try:
        return zone_of(name) is not None
    except ValueError:
        return False


def _from_numbers(
    values: np.ndarray, missing: np.ndarray | None, store: dict[str, Any], name: Any
) -> Cells:
    if values.dtype == bool:
        return Cells("boolean", values.astype(np.int64), missing, store=store)
    if values.dtype.kind in "iu":
        if values.dtype == np.uint64 and values.size and values.max() > _LARGEST_INT:
            return Cells("number", values.astype(np.float64), missing, store=store)
        return Cells("number", values.astype(np.int64), missing, store=store)
    narrow = values.dtype in (np.float16, np.float32)
    values = values.astype(np.float32 if narrow else np.float64)
    absent = np.isnan(values)
    if absent.any():
        missing = absent if missing is None else missing | absent
        values[absent] = 0.0
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"Input X contains infinity or a value too large for {values.dtype!r}.\n"
            f"(column {name!r}, row {int(np.argmax(infinite))})"
        )
    return Cells("number", values, missing, store=store)


def _from_words(cells: Sequence[Any], missing: np.ndarray | None, store: dict[str, Any]) -> Cells:
    """Number the different strings of a column as they come."""
    if missing is None:
        codes, levels = _numbered(cells)
        return Cells("label", codes, None, levels, store=store)
    codes = np.zeros(len(cells), dtype=np.int64)
    there = map(cells.__getitem__, np.flatnonzero(~missing).tolist())
    codes[~missing], levels = _numbered(list(there))
    return Cells("label", codes, missing, levels, store=store)


def _numbered(cells: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    table: defaultdict[Any, int] = defaultdict()
    table.default_factory = table.__len__
    codes = np.fromiter(map(table.__getitem__, cells), dtype=np.int64, count=len(cells))
    return codes, list(map(str, table))


def _from_objects(cells: list[Any], store: dict[str, Any], name: Any) -> Cells:
    """Read a column of Python objects, which must all be of one kind."""
    absent = np.fromiter(map(is_missing, cells), dtype=bool, count=len(cells))
    missing = absent if absent.any() else None
    present = (
        cells if missing is None else [c for c, gone in zip(cells, absent, strict=True) if not gone]
    )
    if missing is not None:
        first = cells[int(np.argmax(absent))]
        store = {**store, "missing": "nan" if isinstance(first, float) else "none"}
    family = _family(present, cells, name)
    if family == "empty":
        return Cells("empty", np.zeros(len(cells)), missing, store=store)
    if family == "label":
        return _from_words(cells, missing, store)
    if family == "date":
        days = np.zeros(len(cells), dtype=np.int64)
        days[~absent] = np.array(present, dtype="datetime64[D]").astype(np.int64)
        return Cells("date", days, missing, unit="D", store=store)
    dtype: type[Any] = bool if family == "boolean" else np.float64
    if family == "integer":
        whole = list(map(int, present))
        fit = min(whole) >= -_LARGEST_INT - 1 and max(whole) <= _LARGEST_INT
        dtype = np.int64 if fit else float
    kinds = set(map(type, present))
    if kinds == {Decimal} or (family == "integer" and dtype is float):
        store = {**store, "cells": "Decimal" if Decimal in kinds else "int"}
    values = np.zeros(len(cells), dtype=dtype)
    values[~absent] = present
    return _from_numbers(values, missing, store, name)


def is_missing(cell: Any) -> bool:
    """Tell whether a Python object is None, NaN, NaT or ``pandas.NA``.

    Parameters
    ----------
    cell : object
        Anything.

    Returns
    -------
    answer : bool
        False for arrays.
    """
    if cell is None:
        return True
    try:
        return bool(cell != cell)
    except TypeError:  # pandas.NA is neither equal to itself nor not
        return True
    except ValueError:  # an array as a cell, which is refused later
        return False


def _family(present: list[Any], cells: list[Any], name: Any) -> str:
    """Tell what the objects of a column are, or refuse them with the place of the first."""
    types = sorted(set(map(type, present)), key=lambda kind: kind.__name__)
    families = {kind: _family_of(kind) for kind in types}
    if "" in families.values():
        row = next(i for i, c in enumerate(cells) if not is_missing(c) and families[type(c)] == "")
        raise TypeError(
            f"argument must be a string or a number (column {name!r}, row {row}: "
            f"got {type(cells[row]).__name__})"
        )
    found = set(families.values())
    if not found:
        return "empty"
    if len(found) == 1:
        return found.pop()
    if found <= {"number", "integer", "boolean"}:
        return "number"
    raise ValueError(
        "Input X must hold either strings or numbers in each column, not both: got "
        f"{', '.join(kind.__name__ for kind in types)}. Convert the column to one of them. "
        f"(column {name!r})"
    )


def _family_of(kind: type) -> str:
    if issubclass(kind, str):
        return "label"
    if issubclass(kind, bool | np.bool_):
        return "boolean"
    if issubclass(kind, Integral):
        return "integer"
    if issubclass(kind, Real | Decimal):
        return "number"
    return "date" if issubclass(kind, date) and not issubclass(kind, datetime) else ""


def _read_categories(series: Any, store: dict[str, Any], name: Any) -> Cells:
    """Read a categorical column with its levels in their order, unused ones too.

    The levels of polars' Categorical are shared by all columns of a process: only those in use
    count, and they are sorted.
    """
    native = series.to_native()
    if series.implementation.is_polars():
        missing = series.is_null().to_numpy()
        cells = _from_words(series.to_list(), missing if missing.any() else None, store)
        if store["dtype"] != "Enum":
            return cells
        levels = native.dtype.categories.to_list()
        place = np.array([levels.index(level) for level in cells.levels], dtype=np.int64)
        codes = place[cells.values] if len(place) else cells.values
        store = {**store, "declared": True}
        return Cells("label", codes, cells.missing, levels, store=store)
    if series.implementation.is_pyarrow():
        native = native.unify_dictionaries().combine_chunks()
        levels = native.dictionary.to_pylist()
        indices = native.indices.cast(import_module("pyarrow").int64())
        codes = np.array(indices.fill_null(-1))
        kind = native.type
        store = {**store, "index": str(kind.index_type), "values": str(kind.value_type)}
        store["ordered"] = bool(kind.ordered)
    else:
        categories = native.dtype.categories
        levels, codes = categories.tolist(), native.cat.codes.to_numpy().astype(np.int64)
        store = {**store, "levels": str(categories.dtype), "ordered": bool(native.dtype.ordered)}
        if hasattr(categories, "closed"):  # intervals: their words, and what they are made of
            levels = list(map(str, levels))
            store["intervals"] = [categories.left.tolist(), categories.right.tolist()]
            store["levels"] = categories.closed
    if {_family_of(type(level)) for level in levels} & {"", "date"}:
        spelled = f"{store['dtype']} of {type(levels[0]).__name__}"
        raise TypeError(_UNSUPPORTED.format(dtype=spelled, name=name))
    missing = codes < 0
    codes[missing] = 0
    store["declared"] = True
    return Cells("label", codes, missing if missing.any() else None, levels, store=store)


def _read_times(series: Any, store: dict[str, Any]) -> Cells:
    """Read dates, times and durations as whole numbers of their own unit."""
    native, pandas = series.to_native(), series.implementation.is_pandas_like()
    if isinstance(series.dtype, nw.Date):
        family, unit = "date", "D"
    else:
        family = "duration" if isinstance(series.dtype, nw.Duration) else "datetime"
        unit = native.dtype.unit if "zone" in store and pandas else series.dtype.time_unit
    if pandas:
        times = native.to_numpy(dtype=f"{'m8' if family == 'duration' else 'M8'}[{unit}]")
        missing = np.isnat(times)
        values = times.astype(np.int64)
    else:
        missing = series.is_null().to_numpy()
        values = _physical(native, family).to_numpy().astype(np.int64)
    values[missing] = 0
    return Cells(family, values, missing if missing.any() else None, unit=unit, store=store)


def _physical(native: Any, family: str) -> Any:
    """The whole numbers that polars and pyarrow keep dates and times as, 0 where missing."""
    if hasattr(native, "to_physical"):
        return native.to_physical().fill_null(0)
    pyarrow = import_module("pyarrow")
    if family == "date":
        native = native.cast(pyarrow.date32()).cast(pyarrow.int32())
    return native.cast(pyarrow.int64()).fill_null(0)
