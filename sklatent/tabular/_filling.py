"""Missing cells of rows filled in, and nothing else of these rows touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import narwhals as nw
import numpy as np

from sklatent.tabular._cells import TIMES, Cells
from sklatent.tabular._codecs import Column, decode_levels, decode_number, gap
from sklatent.tabular._frames import contained, frame_schema, is_frame, open_frame
from sklatent.tabular._identifiers import missing_cells
from sklatent.tabular._mixed import UNWRITTEN, in_unit
from sklatent.tabular._native import as_objects, build_column


def average(fitted: Sequence[Column], completions: Sequence[np.ndarray]) -> list[Cells]:
    """Average several completions of rows.

    Parameters
    ----------
    fitted : sequence of dict
        The columns of the table.
    completions : sequence of ndarray of shape (n_samples, n_columns)
        Encoded rows without missing cells.

    Returns
    -------
    columns : list of Cells
        Means of numbers, rounded as the column is, or moved to the nearest of few values; the most
        frequent level of categories. All cells are missing where all were missing in ``fit``, and
        of identifiers and texts.
    """
    drawn = []
    for j, column in enumerate(fitted):
        codes = np.stack([matrix[:, j] for matrix in completions])
        if column["kind"] in UNWRITTEN:
            drawn.append(missing_cells(column, codes.shape[1]))
        elif column["kind"] == "number":
            drawn.append(_mean_number(column, codes))
        elif column.get("ordered"):
            drawn.append(decode_levels(column, _mean_level(column["levels"], codes)))
        else:
            counts = [(codes == level).sum(0) for level in range(len(column["levels"]))]
            drawn.append(decode_levels(column, np.argmax(counts, 0) if counts else codes[0]))
    return drawn


def _mean_level(levels: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Find the level nearest to the mean of several, for numbers with few values."""
    apart = gap(levels, levels[0])
    mean = apart[np.nan_to_num(codes).astype(int)].mean(axis=0)
    return np.asarray(np.searchsorted((apart[1:] + apart[:-1]) / 2, mean))


def _mean_number(column: Column, scores: np.ndarray) -> Cells:
    """Mean of numbers over draws, rounded as the column is."""
    draws = [decode_number(column, draw) for draw in scores]
    first = draws[0].values
    if len(draws) == 1:
        return draws[0]
    if first.dtype != np.int64:
        mean = np.mean([draw.values.astype(np.float64) for draw in draws], axis=0)
        mean = np.round(mean, column["decimals"]) if column["decimals"] >= 0 else mean
        return replace(draws[0], values=mean.astype(first.dtype))
    # times in nanoseconds are large: what is averaged is how far they are from the least
    values, step = np.stack([draw.values for draw in draws]), column["step"] or 1
    least = values.min(0)
    above = values.astype(np.uint64) - least.astype(np.uint64)
    steps = np.rint(above.astype(np.float64).mean(0) / step).astype(np.uint64)
    way = np.minimum(steps * np.uint64(step), above.max(0))
    return replace(draws[0], values=(least.astype(np.uint64) + way).astype(np.int64))


def fill_missing(
    X: Any, rows: Sequence[Cells], drawn: Sequence[Cells], *, library: str | None
) -> Any:
    """Copy rows and write into their missing cells.

    The other cells stay what they are in ``X``: no value passes through a float.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)
        The rows as they were given.
    rows : sequence of Cells
        What was read of them.
    drawn : sequence of Cells
        What to fill in, in the form that the columns had in ``fit``. A column is left alone where
        all of it is missing here.
    library : str or None
        Library of the frame that ``fit`` saw; None for an array.

    Returns
    -------
    filled : array or data frame
        In the container and the dtypes of ``X``, to which what is filled in is rounded. A column
        without a single cell, of a dtype for something else, gets the one that it had in ``fit``.
    """
    holes = {
        j: (cells, fill)
        for j, (cells, fill) in enumerate(zip(rows, drawn, strict=True))
        if cells.missing is not None and (fill.missing is None or not fill.missing.all())
    }
    if not is_frame(X):
        return _filled_array(X, holes)
    frame, schema = open_frame(X), frame_schema(X)
    columns = {}
    for j, (cells, fill) in holes.items():
        given = frame[:, j].to_native()
        name, same = schema.names[j], schema.library == library
        columns[j] = _filled_column(schema.library, given, cells, fill, name, as_in_fit=same)
    table = _with_columns(schema.library, frame.to_native(), columns)
    return contained(table, schema.backend)


def _filled_array(X: Any, holes: dict[int, tuple[Cells, Cells]]) -> np.ndarray:
    table = np.array(X, dtype=None if isinstance(X, np.ndarray) else object)
    for j, (cells, fill) in holes.items():
        if table.dtype != object and _kind(fill) == "number":
            table[cells.missing, j] = fill.values[cells.missing]
            continue
        store = cells.store if _kind(cells) == _kind(fill) else fill.store
        table = table.astype(object, copy=False)
        table[cells.missing, j] = as_objects(replace(fill, store=store))[cells.missing]
    return table


def _kind(cells: Cells) -> str:
    """Say what columns can hold cells: all kinds of numbers go together, and all times."""
    return {"boolean": "number", "date": "datetime"}.get(cells.family, cells.family)


def _filled_column(
    library: str, given: Any, cells: Cells, fill: Cells, name: Any, *, as_in_fit: bool
) -> Any:
    """Fill a column of a frame of ``library``."""
    gone = np.asarray(cells.missing)
    if _kind(cells) == _kind(fill) == "label":
        return build_column(library, _with_levels(cells, fill), name)
    if fill.family == "label" and not gone.all():  # numbers, which were categories in fit
        fill = _numbers_of(fill)
    if _kind(cells) == _kind(fill):
        fill = in_unit(fill, cells.unit) if fill.family in TIMES else fill
        fill = replace(fill, family=cells.family, store=cells.store, missing=None)
        if cells.store["dtype"].startswith("Sparse["):  # which takes no single cells
            fill = replace(fill, values=np.where(gone, fill.values, cells.values))
            return build_column(library, fill, name)
        return _chosen(library, gone, build_column(library, fill, name), given)
    if not gone.all():  # categories, which were numbers in fit
        fill = replace(fill, values=np.where(gone, fill.values, _numbers_of(cells).values))
    if as_in_fit:
        return build_column(library, fill, name)
    make: Any = nw.new_series
    return make("", as_objects(fill).tolist(), backend=library).to_native()


def _numbers_of(cells: Cells) -> Cells:
    """Turn categories that are numbers into numbers."""
    return replace(cells, family="number", values=np.array(cells.levels)[cells.values], levels=())


def _with_levels(cells: Cells, fill: Cells) -> Cells:
    """Fill levels, and declare those that were not there."""
    gone = np.asarray(cells.missing)
    levels, store = list(cells.levels), cells.store
    new = [fill.levels[at] for at in np.unique(fill.values[gone]) if fill.levels[at] not in levels]
    if new and set(levels) <= set(fill.levels):
        levels = list(fill.levels)  # in the order of fit
        store = fill.store if fill.store["dtype"] == store["dtype"] else store
    else:
        levels += new
    place = {level: at for at, level in enumerate(levels)}
    known, drawn = (
        np.array([place.get(level, 0) for level in one.levels] or [0])[one.values]
        for one in (cells, fill)
    )
    return Cells("label", np.where(gone, drawn, known), None, levels, store=store)


def _chosen(library: str, gone: np.ndarray, fill: Any, given: Any) -> Any:
    """Take the cells of one column of a library where a mask is true, else those of another."""
    if library == "pandas":
        array = given.array.copy()
        array[gone] = fill[gone]
        return array
    if library == "polars":
        return fill.zip_with(import_module("polars").Series(gone), given)
    return import_module("pyarrow.compute").if_else(gone, fill, given)


def _with_columns(library: str, frame: Any, columns: dict[int, Any]) -> Any:
    """Copy a frame with other columns in some places."""
    if library == "pyarrow":
        for j, column in columns.items():
            frame = frame.set_column(j, frame.field(j).with_type(column.type), column)
        return frame
    frame = frame.copy() if library == "pandas" else frame.clone()
    for j, column in columns.items():
        if library == "pandas":
            # an array of objects would be read anew
            series = import_module("pandas").Series(column, dtype=column.dtype)
            frame.isetitem(j, series.set_axis(frame.index))
        else:
            frame.replace_column(j, column.alias(frame.columns[j]))
    return frame
