"""What the rows of a picture are coloured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._cells import Cells, read_cells
from sklatent.tabular import is_frame, open_frame

_DAY = 86_400e6  # dates and durations are read in microseconds


@dataclass(frozen=True)
class Shades:
    """One number, string or date for each row.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        float64 with NaN for missing cells, durations in days; datetime64 with NaT; or strings, with
        None.
    name : str or None
        The name of the column or Series.
    levels : tuple of str
        The strings in the order of a column whose type has one; else empty.
    """

    values: NDArray[Any]
    name: str | None = None
    levels: tuple[str, ...] = ()


def read_shades(color: Any, n_rows: int) -> Shades:
    """Read one number, string or date for each row.

    Parameters
    ----------
    color : array-like or Series of shape (n_rows,), or Shades
        What was given.
    n_rows : int
        How many rows there are.

    Returns
    -------
    Shades
        With the name of a Series.

    Raises
    ------
    ValueError
        If there is not one for each row.
    """
    if isinstance(color, Shades):
        return color
    array = np.asarray(color, dtype=object if isinstance(color, list | tuple) else None)
    if array.shape != (n_rows,):
        raise ValueError(
            f"color has shape {array.shape}, but there are {n_rows} rows: give one number or "
            "string for each."
        )
    name, ordered = None, False
    table: Any = array.reshape(-1, 1)
    if nw.dependencies.is_into_series(color):
        series = nw.from_native(color, series_only=True)
        name = series.name if isinstance(series.name, str) and series.name else None
        ordered = nw.is_ordered_categorical(series)
        table = series.alias("color").to_frame().to_native()
    if array.dtype.kind in "iuf" and not ordered:
        return Shades(array.astype(np.float64), name)  # scores may be infinite
    return _shades(read_cells(table, "color")[1][0], name)


def column_shades(X: Any, key: Any) -> Shades:
    """Read a column of a table by its name or position.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)
        The table.
    key : str or int
        Which column.

    Returns
    -------
    Shades
        With the name of the column.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if is_frame(X):
        frame = open_frame(X)
        names = frame.columns
        is_place = not isinstance(key, str) and key not in names and -len(names) <= key < len(names)
        name = names[key] if is_place else key
        if name not in names:
            raise ValueError(f"X has no column {key!r} to colour by; it has {names}.")
        return _shades(read_cells(frame.select(name).to_native(), "X")[1][0], str(name))
    table = np.asarray(X)
    if isinstance(key, str) or not -table.shape[1] <= key < table.shape[1]:
        raise ValueError(f"X has no column {key!r} to colour by; it has {table.shape[1]} columns.")
    place = int(key) % table.shape[1]
    return replace(read_shades(table[:, place], len(table)), name=str(place))


def _shades(cells: Cells, name: str | None) -> Shades:
    return Shades(_values(cells), name, cells.levels)


def _values(cells: Cells) -> NDArray[Any]:
    if cells.kind == "date":
        known = ~np.isnan(cells.values)
        stamps = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[us]")
        stamps[known] = cells.values[known].astype("int64").astype("datetime64[us]")
        return stamps
    if cells.kind == "bool":
        words = np.where(cells.values == 1.0, "True", "False").astype(object)
        words[np.isnan(cells.values)] = None
        return words
    return cells.values / _DAY if cells.kind == "duration" else cells.values


def split_groups(
    shades: NDArray[Any], levels: Sequence[str] = ()
) -> tuple[list[str], NDArray[np.intp]]:
    """Sort numbers or strings into groups.

    Parameters
    ----------
    shades : ndarray of shape (n_rows,)
        Numbers or strings.
    levels : sequence of str, default=()
        Strings in their order; others follow by the alphabet.

    Returns
    -------
    names : list of str
        The groups, without rows whose cell is missing.
    places : ndarray of shape (n_rows,)
        Positions in ``names``; -1 for a missing cell.
    """
    if shades.dtype.kind == "f":
        known = ~np.isnan(shades)
        values, found = np.unique(shades[known], return_inverse=True)
        names = [f"{value:.0f}" if value == np.round(value) else f"{value:g}" for value in values]
    else:
        known = np.array([cell is not None for cell in shades], dtype=bool)
        words = [str(cell) for cell in shades[known]]
        order = {level: place for place, level in enumerate(levels)}
        names = sorted(set(words), key=lambda word: (order.get(word, len(order)), word))
        place_of = {name: place for place, name in enumerate(names)}
        found = np.array([place_of[word] for word in words], dtype=np.intp)
    places = np.full(len(shades), -1, dtype=np.intp)
    places[known] = found
    return names, places
