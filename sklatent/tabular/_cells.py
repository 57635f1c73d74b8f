"""Cells of one column in a form that no data frame library owns, and how to read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import narwhals as nw
import numpy as np

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
    frame = nw.from_native(X, eager_only=True)
    return [_read_series(frame[:, j], name) for j, name in enumerate(frame.columns)]


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
    dtype = series.dtype
    store = describe(series)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        return _read_categories(series, store, name)
    if isinstance(dtype, nw.Date | nw.Datetime | nw.Duration):
        return _read_times(series, store)
    if not (dtype.is_numeric() or isinstance(dtype, nw.Boolean | nw.String | nw.Object)):
        if isinstance(dtype, nw.List | nw.Array | nw.Struct):
            return _from_objects(series.to_list(), store, name)
        raise TypeError(_UNSUPPORTED.format(dtype=store["dtype"], name=name))
    missing = series.is_null().to_numpy()
    missing = missing if missing.any() else None
    if isinstance(dtype, nw.String):
        return _from_words(series.to_list(), missing, store)
    if isinstance(dtype, nw.Object):
        return _from_objects(series.to_list(), store, name)
    if missing is not None:
        series = series.fill_null(False if isinstance(dtype, nw.Boolean) else 0)
    return _from_numbers(series.to_numpy(), missing, store, name)


def describe(series: Any) -> dict[str, Any]:
    """Say how a library keeps a column, in strings alone.

    Parameters
    ----------
    series : narwhals.Series
        The column.

    Returns
    -------
    store : dict
        "dtype" and, where the dtype has them, "unit" and "zone".
    """
    native = series.to_native()
    dtype: Any = native.dtype if hasattr(native, "dtype") else native.type
    name = str(dtype)
    if name == "string" and hasattr(dtype, "storage"):
        name = f"string[{dtype.storage}]"  # pandas spells only one of the two storages
        if dtype.storage == "pyarrow":
            name = "string"
    store = {"dtype": name}
    if isinstance(series.dtype, nw.Datetime | nw.Duration):
        store["unit"] = series.dtype.time_unit
    if isinstance(series.dtype, nw.Datetime) and series.dtype.time_zone is not None:
        store["zone"] = series.dtype.time_zone
    return store


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
    holes = np.isnan(values)
    if holes.any():
        missing = holes if missing is None else missing | holes
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
    codes[~missing], levels = _numbered([cells[i] for i in np.flatnonzero(~missing).tolist()])
    return Cells("label", codes, missing, levels, store=store)


def _numbered(cells: Sequence[Any]) -> tuple[np.ndarray, list[Any]]:
    table: defaultdict[Any, int] = defaultdict()
    table.default_factory = table.__len__
    codes = np.fromiter(map(table.__getitem__, cells), dtype=np.int64, count=len(cells))
    return codes, [str(level) for level in table]


def _from_objects(cells: list[Any], store: dict[str, Any], name: Any) -> Cells:
    """Read a column of Python objects, which must all be of one kind."""
    holes = np.fromiter(map(_is_missing, cells), dtype=bool, count=len(cells))
    missing = holes if holes.any() else None
    present = (
        cells if missing is None else [c for c, hole in zip(cells, holes, strict=True) if not hole]
    )
    if missing is not None:
        first = cells[int(np.argmax(holes))]
        store = {**store, "missing": "nan" if isinstance(first, float) else "none"}
    family = _family(present, cells, name)
    if family == "empty":
        return Cells("empty", np.zeros(len(cells)), missing, store=store)
    if family == "label":
        return _from_words(cells, missing, store)
    if family == "date":
        days = np.zeros(len(cells), dtype=np.int64)
        days[~holes] = np.array(present, dtype="datetime64[D]").astype(np.int64)
        return Cells("date", days, missing, unit="D", store=store)
    dtype: type[Any] = bool if family == "boolean" else np.float64
    if family == "integer":
        dtype = np.int64 if max(abs(int(cell)) for cell in present) <= _LARGEST_INT else np.float64
    values = np.zeros(len(cells), dtype=dtype)
    values[~holes] = present
    return _from_numbers(values, missing, store, name)


def _is_missing(cell: Any) -> bool:
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
        row = next(i for i, c in enumerate(cells) if not _is_missing(c) and families[type(c)] == "")
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
    """Read a categorical column with its levels in their order."""
    native = series.to_native()
    if hasattr(native, "cat") and hasattr(native.cat, "codes"):
        dtype = native.dtype
        codes = native.cat.codes.to_numpy().astype(np.int64)
        levels = dtype.categories.tolist()
        store = {**store, "levels": str(dtype.categories.dtype), "ordered": bool(dtype.ordered)}
        kinds = {_family_of(type(level)) for level in levels}
        if "" in kinds or "date" in kinds:
            raise TypeError(_UNSUPPORTED.format(dtype=f"category of {store['levels']}", name=name))
        missing = codes < 0
        codes[missing] = 0
        store["declared"] = True
        return Cells("label", codes, missing if missing.any() else None, levels, store=store)
    raise TypeError(_UNSUPPORTED.format(dtype=store["dtype"], name=name))


def _read_times(series: Any, store: dict[str, Any]) -> Cells:
    """Read dates, times and durations as whole numbers of their own unit."""
    native = series.to_native()
    if isinstance(series.dtype, nw.Date):
        family, unit = "date", "D"
    else:
        family = "datetime" if isinstance(series.dtype, nw.Datetime) else "duration"
        unit = series.dtype.time_unit
    letter = "m8" if family == "duration" else "M8"
    times = native.to_numpy(dtype=f"{letter}[{unit}]")
    missing = np.isnat(times)
    values = times.astype(np.int64)
    values[missing] = 0
    return Cells(family, values, missing if missing.any() else None, unit=unit, store=store)
