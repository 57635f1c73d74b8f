"""Cells back into the columns of the library that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np

from sklatent.tabular._cells import TIMES, Cells
from sklatent.tabular._frames import FrameSchema, contained, to_kind
from sklatent.tabular._times import zone_of


def number_cells(values: np.ndarray, schema: FrameSchema) -> list[Cells]:
    """Make cells of a block of numbers, some of which are missing.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Numbers, NaN where missing.
    schema : FrameSchema
        Names and dtypes of the columns.

    Returns
    -------
    columns : list of Cells
        For :func:`build_columns`. Cells of dtype object or decimal become float64.
    """
    absent = np.isnan(values)
    values = np.where(absent, 0.0, values)
    return [
        Cells(
            "boolean" if store["kind"] == "bool" else "number",
            to_kind(values[:, j], store["kind"]),
            absent[:, j] if absent[:, j].any() else None,
            store=store,
        )
        for j, store in enumerate(number_stores(schema, values.dtype, values.shape[1]))
    ]


def number_stores(
    schema: FrameSchema | None, dtype: np.dtype[Any], n_columns: int
) -> list[dict[str, Any]]:
    """Say how a library keeps the columns of a table of numbers.

    Parameters
    ----------
    schema : FrameSchema or None
        Names and dtypes of the columns; None for an array.
    dtype : dtype
        Of an array.
    n_columns : int
        Number of columns.

    Returns
    -------
    stores : list of dict
        The "dtype" and the "kind" of each column; float64 for objects and decimals.
    """
    if schema is None:
        return [{"dtype": dtype.name, "kind": dtype.name}] * n_columns
    return [
        {"dtype": "float64", "kind": "float64"}
        if kind == "object"
        else {"dtype": dtype_, "kind": kind}
        for dtype_, kind in zip(schema.dtypes, schema.kinds, strict=True)
    ]


def build_columns(columns: Sequence[Cells], names: Sequence[Any], backend: str) -> Any:
    """Make a data frame of decoded cells.

    Parameters
    ----------
    columns : sequence of Cells
        Cells with the ``store`` that ``fit`` read.
    names : sequence
        Column names.
    backend : {"pandas", "polars", "pyarrow", "pyarrow.RecordBatch"}
        The library, and the container where it has several.

    Returns
    -------
    frame : data frame
        With the names and dtypes of ``fit``; what files of earlier releases keep of decimals
        comes back as float64.

    Raises
    ------
    ValueError
        If a cell is missing where the dtype has no missing cells.
    """
    name = backend.partition(".")[0]
    library = import_module(name)
    made = [build_column(name, *column) for column in zip(columns, names, strict=True)]
    if name == "pandas":
        frame = library.DataFrame(dict(enumerate(made)))
        frame.columns = library.Index(names)
        return frame
    if name == "polars":
        return library.DataFrame(made)
    return contained(library.table(made, names=list(names)), backend)


def build_column(backend: str, cells: Cells, name: Any) -> Any:
    """Make a column of decoded cells.

    Parameters
    ----------
    backend : {"pandas", "polars", "pyarrow"}
        The library.
    cells : Cells
        Cells with the ``store`` that was read.
    name : object
        Name of the column.

    Returns
    -------
    column : array of pandas or numpy, polars.Series or pyarrow.Array
        What a frame of the library takes.

    Raises
    ------
    ValueError
        If a cell is missing where the dtype has no missing cells.
    """
    library = import_module(backend)
    if backend == "pandas":
        return _pandas_column(library, cells, name)
    if backend == "polars":
        return _polars_column(library, cells).alias(name)
    return arrow_column(library, cells)


def build_array(columns: Sequence[Cells], dtype: np.dtype[Any]) -> np.ndarray:
    """Make an array of decoded cells.

    Parameters
    ----------
    columns : sequence of Cells
        Cells with the ``store`` that ``fit`` read.
    dtype : dtype
        Of arrays of numbers.

    Returns
    -------
    table : ndarray of shape (n_samples, n_columns)
        Of dtype object if ``fit`` saw objects or strings, else in ``dtype``.
    """
    objects = columns[0].store["dtype"] == "object"
    table = np.empty((len(columns[0].values), len(columns)), dtype=object if objects else dtype)
    for j, cells in enumerate(columns):
        table[:, j] = as_objects(cells) if objects else as_floats(cells)
    return table


def as_objects(cells: Cells) -> np.ndarray:
    """Give cells as Python objects, missing ones as None or NaN as ``fit`` saw them.

    Parameters
    ----------
    cells : Cells
        Of any family.

    Returns
    -------
    objects : ndarray of shape (n_samples,), dtype=object
        Strings, numbers, booleans or dates.
    """
    out = np.empty(len(cells.values), dtype=object)
    if cells.family == "label" and len(cells.levels):
        levels = np.empty(len(cells.levels), dtype=object)
        levels[:] = cells.levels
        out[:] = levels[cells.values]
    elif cells.family == "boolean":
        out[:] = cells.values >= 0.5
    elif cells.family == "date":
        out[:] = cells.values.astype("datetime64[D]").astype(object)
    elif cells.family in TIMES:
        out[:] = _moments(cells)
    elif cells.store.get("cells") == "Decimal":
        out[:] = [Decimal(repr(value)) for value in cells.values.tolist()]
    elif cells.store.get("cells") == "int":
        out[:] = [int(value) for value in cells.values.tolist()]
    elif cells.family not in ("label", "empty"):
        out[:] = cells.values
    if cells.missing is not None:
        out[cells.missing] = float("nan") if cells.store.get("missing") == "nan" else None
    return out


def _moments(cells: Cells) -> list[Any]:
    """Give times as Python has them, with their time zone, and durations."""
    times = _times(replace(cells, missing=None))
    moments = times.astype(f"{times.dtype.str[1:3]}[us]").tolist()
    if "zone" in cells.store:
        zone = zone_of(cells.store["zone"])
        return [time.replace(tzinfo=UTC).astimezone(zone) for time in moments]
    return list(moments)


def as_floats(cells: Cells) -> np.ndarray:
    """Give numbers as float64, NaN where missing.

    Parameters
    ----------
    cells : Cells
        Numbers or booleans.

    Returns
    -------
    numbers : ndarray of shape (n_samples,), dtype=float64
        A new array.
    """
    values = cells.values.astype(np.float64)
    if cells.missing is not None:
        values[cells.missing] = np.nan
    return values


def _numbers(cells: Cells) -> np.ndarray:
    """Give numbers in the dtype that the column had, anything where missing."""
    kind = cells.store["kind"]
    if cells.values.dtype.kind == "i" and kind != "bool":
        if np.dtype(kind).kind in "fO":
            return cells.values if kind == "object" else cells.values.astype(kind)
        least, most = np.iinfo(kind).min, min(np.iinfo(kind).max, np.iinfo(np.int64).max)
        return cells.values.clip(least, most).astype(kind)
    return to_kind(cells.values, kind)


def _times(cells: Cells) -> np.ndarray:
    """Give dates, times and durations as numpy has them."""
    times = cells.values.astype(f"{'m8' if cells.family == 'duration' else 'M8'}[{cells.unit}]")
    if cells.missing is not None:
        times[cells.missing] = np.array("NaT", dtype=times.dtype)
    return times


# -- pandas ------------------------------------------------------------------------------------


def _pandas_column(pandas: Any, cells: Cells, name: Any) -> Any:
    dtype = cells.store["dtype"]
    if cells.store.get("arrow"):
        return pandas.arrays.ArrowExtensionArray(arrow_column(import_module("pyarrow"), cells))
    if dtype == "category":
        codes = cells.values if cells.missing is None else np.where(cells.missing, -1, cells.values)
        levels = _pandas_levels(pandas, cells)
        return pandas.Categorical.from_codes(codes, levels, ordered=cells.store["ordered"])
    if dtype == "object":
        return pandas.Series(as_objects(cells), dtype=object)
    if cells.family == "label":
        return pandas.array(as_objects(cells), dtype=dtype)
    if cells.family in TIMES:
        times = _times(cells)
        if "zone" not in cells.store:
            return times
        return pandas.DatetimeIndex(times).tz_localize("UTC").tz_convert(cells.store["zone"])
    if dtype.startswith("float"):
        return as_floats(cells).astype(dtype)
    if dtype.startswith("Sparse["):  # which pandas reads with few values between cells alone
        kind, _, rest = dtype[len("Sparse[") : -1].partition(", ")
        between = rest == "True" if kind == "bool" else np.dtype(kind).type(rest)
        return pandas.arrays.SparseArray(
            as_floats(cells).astype(kind), dtype=pandas.SparseDtype(kind, between)
        )
    column = pandas.array(_numbers(cells), dtype=dtype)
    if cells.missing is not None:
        if dtype == cells.store["kind"]:
            raise ValueError(
                f"Input X contains NaN, but columns of dtype {dtype} have no missing cells: fit "
                f"on a dtype that has them, for instance Int64 or boolean. (column {name!r})"
            )
        column[cells.missing] = pandas.NA
    return column


def _pandas_levels(pandas: Any, cells: Cells) -> Any:
    kind = cells.store["levels"]
    if "intervals" in cells.store:
        return pandas.IntervalIndex.from_arrays(*cells.store["intervals"], closed=kind)
    return pandas.Index(cells.levels, dtype=kind)


# -- polars ------------------------------------------------------------------------------------


def _polars_column(polars: Any, cells: Cells) -> Any:
    name = cells.store["dtype"]
    if name == "Object":
        return polars.Series(as_objects(cells).tolist(), dtype=polars.Object)
    if cells.family == "empty" or (cells.family == "label" and not len(cells.levels)):
        return polars.Series([None] * len(cells.values), dtype=_polars_dtype(polars, cells))
    if cells.family == "label":
        dtype = _polars_dtype(polars, cells)
        series = polars.Series(list(cells.levels), dtype=polars.String).cast(dtype)
        series = series.gather(cells.values)
    elif cells.family in TIMES:
        whole = polars.Series(cells.values)
        whole = whole.cast(polars.Int32) if name == "Date" else whole
        series = whole.cast(_polars_dtype(polars, cells))
    else:
        numbers, wide = _numbers(cells), name in ("Int128", "UInt128")
        series = polars.Series(np.rint(numbers) if wide and numbers.dtype.kind == "f" else numbers)
        if wide or "digits" in cells.store:
            series = series.cast(_polars_dtype(polars, cells))
    if cells.missing is None:
        return series
    seen = polars.Series(~cells.missing)
    return polars.select(polars.when(seen).then(series)).to_series()


def _polars_dtype(polars: Any, cells: Cells) -> Any:
    name = cells.store["dtype"]
    if name == "Enum":
        return polars.Enum(list(cells.levels))
    if name == "Datetime":
        return polars.Datetime(cells.unit, cells.store.get("zone"))
    if name == "Decimal":
        return polars.Decimal(*cells.store["digits"])
    return polars.Duration(cells.unit) if name == "Duration" else getattr(polars, name)


# -- pyarrow -----------------------------------------------------------------------------------


def arrow_column(pyarrow: Any, cells: Cells) -> Any:
    """Make an arrow array of cells.

    Parameters
    ----------
    pyarrow : module
        The library.
    cells : Cells
        Cells with the ``store`` that ``fit`` read.

    Returns
    -------
    array : pyarrow.Array
        In the type that the store names.
    """
    store = cells.store
    if cells.family == "empty":
        return pyarrow.nulls(len(cells.values))
    if cells.family == "label":
        values = pyarrow.type_for_alias(store.get("values", store["dtype"]))
        if "index" not in store:
            return pyarrow.array(as_objects(cells).tolist(), type=values)
        codes = pyarrow.array(cells.values, mask=cells.missing)
        return pyarrow.DictionaryArray.from_arrays(
            codes.cast(pyarrow.type_for_alias(store["index"])),
            pyarrow.array(list(cells.levels), type=values),
            ordered=store["ordered"],
        )
    if cells.family not in TIMES:
        numbers = pyarrow.array(_numbers(cells), mask=cells.missing)
        if "digits" not in store:
            return numbers
        decimal = getattr(pyarrow, store["dtype"].partition("(")[0])
        return numbers.cast(decimal(*store["digits"]))
    whole = pyarrow.array(cells.values, mask=cells.missing)
    if cells.family == "duration":
        return whole.cast(pyarrow.duration(cells.unit))
    if cells.family == "datetime":
        return whole.cast(pyarrow.timestamp(cells.unit, tz=store.get("zone")))
    days = whole.cast(pyarrow.int32()).cast(pyarrow.date32())
    return days.cast(pyarrow.type_for_alias(store["dtype"]))
