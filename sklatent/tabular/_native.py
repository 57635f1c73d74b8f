"""Cells back into the columns of the library that they came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from sklatent.tabular._cells import Cells
from sklatent.tabular._frames import to_kind


def build_columns(columns: Sequence[Cells], names: Sequence[Any], backend: str) -> Any:
    """Make a data frame of decoded cells.

    Parameters
    ----------
    columns : sequence of Cells
        Cells with the ``store`` that ``fit`` read.
    names : sequence
        Column names.
    backend : {"pandas", "polars", "pyarrow"}
        The library.

    Returns
    -------
    frame : data frame
        With the names and dtypes of ``fit``.
    """
    return _BUILDERS[backend](columns, names)


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
        table[:, j] = as_objects(cells) if objects else _as_floats(cells)
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
    if cells.family == "label":
        if cells.levels:
            levels = np.empty(len(cells.levels), dtype=object)
            levels[:] = cells.levels
            out[:] = levels[cells.values]
    elif cells.family == "boolean":
        out[:] = cells.values.astype(bool)
    elif cells.family == "date":
        out[:] = cells.values.astype("datetime64[D]").astype(object)
    elif cells.family != "empty":
        out[:] = cells.values
    if cells.missing is not None:
        out[cells.missing] = float("nan") if cells.store.get("missing") == "nan" else None
    return out


def _as_floats(cells: Cells) -> np.ndarray:
    values = cells.values.astype(np.float64)
    if cells.missing is not None:
        values[cells.missing] = np.nan
    return values


# -- pandas ------------------------------------------------------------------------------------


def _build_pandas(columns: Sequence[Cells], names: Sequence[Any]) -> Any:
    pandas = import_module("pandas")
    frame = pandas.DataFrame({j: _pandas_column(pandas, cells) for j, cells in enumerate(columns)})
    frame.columns = pandas.Index(names)
    return frame


def _pandas_column(pandas: Any, cells: Cells) -> Any:
    dtype = cells.store["dtype"]
    if dtype == "category":
        levels = pandas.Index(cells.levels, dtype=cells.store["levels"])
        codes = cells.values if cells.missing is None else np.where(cells.missing, -1, cells.values)
        return pandas.Categorical.from_codes(codes, levels, ordered=cells.store["ordered"])
    if dtype == "object":
        return pandas.Series(as_objects(cells), dtype=object)
    if cells.family == "label":
        return pandas.array(as_objects(cells), dtype=dtype)
    if cells.family in ("date", "datetime", "duration"):
        letter = "m8" if cells.family == "duration" else "M8"
        times = cells.values.astype(f"{letter}[{cells.unit}]")
        if cells.missing is not None:
            times[cells.missing] = np.array("NaT", dtype=times.dtype)
        if "zone" in cells.store:
            zoned = pandas.DatetimeIndex(times).tz_localize("UTC")
            return zoned.tz_convert(cells.store["zone"])
        return times
    return _pandas_numbers(pandas, cells, dtype)


def _pandas_numbers(pandas: Any, cells: Cells, dtype: str) -> Any:
    plain = dtype.lower()
    if cells.missing is None:
        return pandas.array(to_kind(cells.values, plain), dtype=dtype)
    if plain == dtype and plain.startswith("float"):
        return _as_floats(cells).astype(dtype)
    return pandas.array(as_objects(cells), dtype=dtype)


_BUILDERS: dict[str, Callable[[Sequence[Cells], Sequence[Any]], Any]] = {
    "pandas": _build_pandas,
}
