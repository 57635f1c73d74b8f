"""What is known about rows: conditions on columns, and cells that must stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from sklatent.tabular._cells import TIMES, Cells, read_array
from sklatent.tabular._codecs import (
    Column,
    decode_levels,
    decode_number,
    encode_levels,
    encode_number,
)
from sklatent.tabular._mixed import align

# A code or score that cells must have; the codes that are allowed, as a mask; the scores that
# are allowed; or the least and greatest score.
Limit = float | np.ndarray | tuple[float, float]


def limits_of(
    fitted: Sequence[Column], names: Sequence[Any], conditions: Mapping[Any, Any]
) -> dict[int, Limit]:
    """Translate conditions on columns into codes and scores.

    Parameters
    ----------
    fitted : sequence of dict
        The columns of the table.
    names : sequence
        Their names.
    conditions : mapping
        From names to a value, to a list or set of values, or to a range as a tuple of two, both
        ends included, None for an open one.

    Returns
    -------
    limits : dict
        By position of the column.

    Raises
    ------
    ValueError
        If a column does not exist, or no row of the model can obey.
    """
    limits: dict[int, Limit] = {}
    for name, wanted in conditions.items():
        if name not in list(names):
            raise ValueError(
                f"conditions name the column {name!r}, which fit has not seen. "
                f"Its columns are {list(names)}."
            )
        place = list(names).index(name)
        column = fitted[place]
        if isinstance(wanted, tuple):
            limits[place] = _range(column, wanted, name)
        elif isinstance(wanted, list | set | frozenset | np.ndarray):
            limits[place] = _any_of(column, list(wanted), name)
        else:
            limits[place] = float(_codes(column, [wanted], name)[0])
    return limits


def _codes(column: Column, values: list[Any], name: Any) -> np.ndarray:
    """Encode values, every one of which must come back as it is."""
    if not values:
        raise ValueError(f"The condition on column {name!r} allows no value.")
    cells = _cells(column, values, name)
    if cells.missing is not None:
        raise ValueError(f"The condition on column {name!r} asks for a missing cell.")
    if column["kind"] == "number":
        codes = encode_number(column, cells)
        back = decode_number(column, codes)
    else:
        codes = encode_levels(column, cells, name, "error")
        back = decode_levels(column, codes)
    # labels that are unknown are errors already; a number might have been moved to the nearest
    if column["family"] != "label":
        wrong = np.flatnonzero(back.values != cells.values)
        if len(wrong):
            raise ValueError(
                f"The condition on column {name!r} asks for {values[wrong[0]]!r}, which no row of "
                f"the model can have: {_extent(column)}."
            )
    return codes


def _cells(column: Column, values: list[Any], name: Any) -> Cells:
    """Read values as cells of a column; words stand for dates where the column holds such."""
    if column["family"] in TIMES:
        kind = "m8" if column["family"] == "duration" else "M8"
        try:
            times = [np.datetime64(v) if kind == "M8" else np.timedelta64(v) for v in values]
            whole = np.array(times).astype(f"{kind}[{column['unit']}]").astype(np.int64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The condition on column {name!r} holds {values}, which are not all "
                f"{'durations' if kind == 'm8' else 'dates'}."
            ) from error
        return Cells(column["family"], whole, None, unit=column["unit"])
    cells = np.empty((len(values), 1), dtype=object)
    cells[:, 0] = values
    return align(column, read_array(cells)[0], name)


def _any_of(column: Column, values: list[Any], name: Any) -> Limit:
    codes = _codes(column, values, name)
    if column["kind"] == "number":
        return np.unique(codes)
    allowed = np.zeros(len(column["levels"]), dtype=bool)
    allowed[codes.astype(int)] = True
    return allowed


def _range(column: Column, ends: tuple[Any, ...], name: Any) -> Limit:
    if len(ends) != 2:
        raise ValueError(
            f"The condition on column {name!r} is a tuple of {len(ends)}; a range is a tuple of "
            "two, and several values are a list."
        )
    if column["kind"] != "number":
        return _levels_between(column, ends, name)
    values = column["values"]
    low, high = (
        value if end is None else _cells(column, [end], name).values[0]
        for end, value in zip(ends, values[[0, -1]], strict=True)
    )
    low, high = _on_grid(column, max(low, values[0]), min(high, values[-1]))
    if not low <= high:
        raise ValueError(
            f"The condition on column {name!r} asks for {ends}, where no row of the model can be: "
            f"{_extent(column)}."
        )
    return _edge(column, low, "lo"), _edge(column, high, "hi")


def _on_grid(column: Column, low: Any, high: Any) -> tuple[Any, Any]:
    """Move the ends of a range inwards to values that the column can have."""
    if column["values"].dtype == np.int64:
        step = column["step"] or 1
        return int(-(-low // step) * step), int(high // step * step)
    if column["decimals"] < 0:
        return low, high
    factor = 10.0 ** column["decimals"]
    return np.ceil(low * factor - 1e-9) / factor, np.floor(high * factor + 1e-9) / factor


def _edge(column: Column, value: Any, side: str) -> float:
    """Score at which an end of a range begins: ties belong to it with all of their interval."""
    values = column["values"]
    at = int(np.searchsorted(values, value))
    if at < len(values) and values[at] == value and column["lo"][at] < column["hi"][at]:
        inwards = 1e-9 if side == "lo" else -1e-9
        return float(ndtri(np.clip(column[side][at] + inwards, 1e-6, 1 - 1e-6)))
    cells = Cells(column["family"], np.array([value], dtype=values.dtype), unit=column["unit"])
    return float(encode_number(column, cells)[0])


def _levels_between(column: Column, ends: tuple[Any, ...], name: Any) -> np.ndarray:
    levels = column["levels"]
    if isinstance(levels, list):
        if column["store"].get("ordered"):
            places = [levels.index(end) if end in levels else None for end in ends]
            if all(
                end is None or place is not None for end, place in zip(ends, places, strict=True)
            ):
                first = 0 if places[0] is None else places[0]
                last = len(levels) - 1 if places[1] is None else places[1]
                return np.isin(np.arange(len(levels)), np.arange(first, last + 1))
        raise ValueError(
            f"The condition on column {name!r} is a range, but the column holds levels "
            f"without an order: give the list of those that are allowed, from {levels[:10]}."
        )
    allowed = np.ones(len(levels), dtype=bool)
    for end, compare in zip(ends, (np.greater_equal, np.less_equal), strict=True):
        if end is not None:
            allowed &= compare(levels, _cells(column, [end], name).values[0])
    return _not_empty(column, np.flatnonzero(allowed), len(levels), ends, name)


def _not_empty(
    column: Column, codes: np.ndarray, n_levels: int, ends: tuple[Any, ...], name: Any
) -> np.ndarray:
    if not len(codes):
        raise ValueError(
            f"The condition on column {name!r} asks for {ends}, where no row of the model can be: "
            f"{_extent(column)}."
        )
    allowed: np.ndarray = np.isin(np.arange(n_levels), codes)
    return allowed


def _extent(column: Column) -> str:
    values = column["values"] if column["kind"] == "number" else column["levels"]
    if column["family"] in TIMES:
        kind = "m8" if column["family"] == "duration" else "M8"
        values = np.asarray(values).astype(f"{kind}[{column['unit']}]")
    if column["kind"] == "number":
        return f"training rows go from {values[0]} to {values[-1]}"
    return f"training rows hold {', '.join(map(str, values[:10]))}{', ...' * (len(values) > 10)}"


def fill_missing(
    fitted: Sequence[Column],
    columns: Iterable[Cells],
    names: Sequence[Any],
    completions: Sequence[np.ndarray],
) -> list[Cells]:
    """Fill missing cells with the average of several completions; the others stay as they are.

    Parameters
    ----------
    fitted : sequence of dict
        The columns of the table.
    columns : iterable of Cells
        The rows.
    names : sequence
        Column names, for messages.
    completions : sequence of ndarray of shape (n_samples, n_columns)
        Encoded rows without missing cells.

    Returns
    -------
    columns : list of Cells
        Means of numbers, rounded as the column is; the most frequent level of categories.
    """
    filled = []
    for j, (column, cells, name) in enumerate(zip(fitted, columns, names, strict=True)):
        codes = np.stack([matrix[:, j] for matrix in completions])
        cells = align(column, cells, name)
        if column["kind"] == "number":
            drawn = _mean_number(column, codes)
        else:
            counts = [(codes == level).sum(0) for level in range(len(column["levels"]))]
            drawn = decode_levels(column, np.argmax(counts, 0) if counts else codes[0])
            if column["family"] == "label":
                known = encode_levels(column, cells, name, "missing")
                codes = np.where(np.isnan(known), np.argmax(counts, 0), known)
                filled.append(decode_levels(column, codes))
                continue
        filled.append(_keeping(drawn, cells))
    return filled


def _mean_number(column: Column, scores: np.ndarray) -> Cells:
    """Mean of numbers over draws, rounded as the column is."""
    draws = [decode_number(column, draw) for draw in scores]
    if len(draws) == 1:
        return draws[0]
    mean = np.mean([draw.values.astype(np.float64) for draw in draws], axis=0)
    kind = draws[0].values.dtype
    if kind == np.int64:
        step = column["step"] or 1
        mean = np.rint(mean / step) * step
    elif column["decimals"] >= 0:
        mean = np.round(mean, column["decimals"])
    return replace(draws[0], values=mean.astype(kind))


def _keeping(drawn: Cells, cells: Cells) -> Cells:
    """Put known values, as they are, in the place of drawn ones."""
    if cells.family == "empty":
        return drawn
    known = cells.values.astype(drawn.values.dtype)
    if cells.missing is None:
        return replace(drawn, values=known, missing=None)
    return replace(drawn, values=np.where(cells.missing, drawn.values, known))
