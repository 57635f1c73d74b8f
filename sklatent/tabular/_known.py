"""What is asked of rows: conditions on columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import ndtri

from sklatent.tabular._cells import TIMES, Cells, is_missing, read_array
from sklatent.tabular._codecs import (
    Column,
    decode_levels,
    decode_number,
    encode_levels,
    encode_number,
)
from sklatent.tabular._dates import with_dates
from sklatent.tabular._mixed import UNWRITTEN, align, decode_columns, time_in_units

# A code or score that cells must have; the levels that are allowed, as a mask; score, least and
# greatest score of each value that is allowed, as rows; or the least and greatest score.
Limit = float | np.ndarray | tuple[float, float]

# The share of the range of a number that its values are wide, where these have no steps.
_WIDTH = 1e-9


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
        ends included, None or infinity for an open one.

    Returns
    -------
    limits : dict
        By position of the column.

    Raises
    ------
    TypeError
        If the conditions are no mapping, or a value is of a kind that no column has.
    ValueError
        If a column does not exist, or no row of the model can obey.
    """
    limits: dict[int, Limit] = {}
    for place, column, name, wanted in _each(fitted, names, conditions):
        if isinstance(wanted, tuple):
            limits[place] = _range(column, wanted, name)
        elif _is_list(wanted):
            limits[place] = _any_of(column, list(wanted), name)
        else:
            limits[place] = float(_codes(column, [wanted], name)[0])
    return limits


def as_lists(conditions: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Give conditions in which one value is a list of one, which has an interval or a mask."""
    if not isinstance(conditions, Mapping):
        return conditions
    listed = {}
    for name, wanted in conditions.items():
        listed[name] = wanted if _is_list(wanted) else [wanted]
    return listed


def obeying(
    fitted: Sequence[Column],
    names: Sequence[Any],
    conditions: Mapping[Any, Any],
    matrix: np.ndarray,
) -> list[Cells]:
    """Decode rows drawn within limits, to values that obey the conditions to the last digit.

    Parameters
    ----------
    fitted : sequence of dict
        The columns of the table.
    names : sequence
        Their names.
    conditions : mapping
        What :func:`limits_of` has translated.
    matrix : ndarray of shape (n_samples, n_columns)
        Encoded rows.

    Returns
    -------
    columns : list of Cells
        The rows.
    """
    return moved(fitted, names, conditions, decode_columns(list(fitted), matrix))


def moved(
    fitted: Sequence[Column],
    names: Sequence[Any],
    conditions: Mapping[Any, Any],
    drawn: Sequence[Cells],
) -> list[Cells]:
    """Move numbers to the nearest values that obey conditions; levels that obey are drawn.

    Parameters
    ----------
    fitted, names, conditions
        As in :func:`obeying`.
    drawn : sequence of Cells
        The rows.

    Returns
    -------
    columns : list of Cells
        The rows, in which all numbers obey.
    """
    columns = list(drawn)
    for place, column, name, wanted in _each(fitted, names, conditions):
        if column["kind"] != "number":
            continue
        # scores are rounded on their way, the edge of a range or a value asked for is not
        values = columns[place].values
        if isinstance(wanted, tuple):
            low, high = _ends(column, wanted, name)
            values = np.clip(values, low, high)
        else:
            asked = _cells(column, list(wanted) if _is_list(wanted) else [wanted], name).values
            asked = np.unique(asked.astype(values.dtype))
            values = asked[np.searchsorted(_middles(asked), values)]
        columns[place] = replace(columns[place], values=values.astype(columns[place].values.dtype))
    return columns


def _middles(values: np.ndarray) -> np.ndarray:
    below, above = values[:-1], values[1:]
    if values.dtype == np.int64:  # the difference may be more than int64 holds
        half = (above.astype(np.uint64) - below.astype(np.uint64)) // 2
        return below + half.astype(np.int64)
    return below / 2 + above / 2


def _each(
    fitted: Sequence[Column], names: Sequence[Any], conditions: Mapping[Any, Any]
) -> Iterator[tuple[int, Column, Any, Any]]:
    """Give place, column, name and what is asked for of each condition."""
    if not isinstance(conditions, Mapping):
        raise TypeError(
            "conditions must be a mapping from column names to what is asked for, got "
            f"{type(conditions).__name__}."
        )
    known = list(names)
    for name, wanted in conditions.items():
        if name not in known:
            raise ValueError(
                f"conditions name the column {name!r}, which fit has not seen. "
                f"Its columns are {known}."
            )
        place = known.index(name)
        if fitted[place]["kind"] in UNWRITTEN:
            what = "an identifier" if fitted[place]["kind"] == "identifier" else "a free text"
            raise ValueError(
                f"conditions name the column {name!r}, which is {what}: the model does not know "
                "which values go with which rows."
            )
        yield place, fitted[place], name, wanted


def _is_list(wanted: Any) -> bool:
    """Tell several values, in a list, a set, an array or a series, from one."""
    return isinstance(wanted, Iterable) and not isinstance(wanted, str | bytes | Mapping)


def _impossible(column: Column, name: Any, wanted: Any) -> ValueError:
    return ValueError(
        f"The condition on column {name!r} asks for {wanted!r}, which no row of the model can "
        f"have: {_extent(column)}."
    )


# -- values ------------------------------------------------------------------------------------


def _codes(column: Column, values: list[Any], name: Any) -> np.ndarray:
    """Encode values, each of which a row of the model can have."""
    if not values:
        raise ValueError(f"The condition on column {name!r} allows no value.")
    cells = _cells(column, values, name)
    if column["kind"] == "number":
        codes = encode_number(column, cells)
        knots = column["values"]
        possible = decode_number(column, codes).values == cells.values
        if column["decimals"] < 0 and knots.dtype != np.int64:
            possible = (cells.values >= knots[0]) & (cells.values <= knots[-1])
    else:
        codes = encode_levels(column, cells)
        possible = ~np.isnan(codes)
        # numbers of which there are few are moved to the nearest
        if column["family"] != "label" and possible.all():
            possible = decode_levels(column, codes).values == cells.values
    if not possible.all():
        raise _impossible(column, name, values[int(np.argmin(possible))])
    return codes


def _cells(column: Column, values: list[Any], name: Any) -> Cells:
    """Read values as cells of a column; words stand for dates where the column holds such."""
    if column["family"] in TIMES:
        whole, later = _times(column, values, name)
        if later.any():
            raise _impossible(column, name, values[int(np.argmax(later))])
        return Cells(column["family"], whole, None, unit=column["unit"])
    objects = np.empty((len(values), 1), dtype=object)
    objects[:, 0] = _spelled(column, values)
    try:
        cells = align(column, read_array(objects)[0], name)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"The condition on column {name!r} asks for {values[:5]}, which cannot be read: {error}"
        ) from error
    if cells.missing is not None:
        raise ValueError(f"The condition on column {name!r} asks for a missing cell: give a value.")
    known = column["values"] if column["kind"] == "number" else column["levels"]
    if not isinstance(known, np.ndarray):
        return cells
    for value, read in zip(values, cells.values.tolist(), strict=True):
        if not _is_exact(value, read) and known[0] <= read <= known[-1]:
            raise ValueError(
                f"The condition on column {name!r} asks for {value!r}, which cannot be told from "
                f"{read!r}: numbers of this size are computed with in float64."
            )
    if known.dtype == np.float32:
        # a number is what it is in the precision of its column
        return replace(cells, values=cells.values.astype(np.float32))
    return cells


def _spelled(column: Column, values: Iterable[Any]) -> list[Any]:
    """Give intervals as the words that are their levels."""
    if "intervals" not in column["store"]:
        return list(values)
    words = dict(
        zip(zip(*column["store"]["intervals"], strict=True), column["levels"], strict=True)
    )
    return [
        words.get((value.left, value.right), str(value)) if hasattr(value, "left") else value
        for value in values
    ]


def _is_exact(value: Any, read: Any) -> bool:
    """Tell whether a whole number or a decimal is the number that was read."""
    if isinstance(value, Decimal):  # as it is written, where floats have digits after the point
        return value == (Decimal(repr(read)) if abs(read) < 2**53 else Decimal(read))
    return not isinstance(value, Integral) or int(read) == int(value)


def _times(column: Column, values: list[Any], name: Any) -> tuple[np.ndarray, np.ndarray]:
    """Whole units at or before each time, and whether the time is later than these."""
    values = with_dates(values, column["store"])
    if any(map(is_missing, values)):
        raise ValueError(f"The condition on column {name!r} asks for a missing cell: give a value.")
    kind = "durations" if column["family"] == "duration" else "dates"
    try:
        pairs = [time_in_units(value, column) for value in values]
    except ValueError as error:
        raise ValueError(
            f"The condition on column {name!r} holds {values}, which are not all {kind}."
        ) from error
    except TypeError as error:
        raise TypeError(f"The condition on column {name!r} asks for {values}: {error}.") from error
    whole, later = zip(*pairs, strict=True)
    return np.array(whole, dtype=np.int64), np.array(later)


def _any_of(column: Column, values: list[Any], name: Any) -> Limit:
    codes = _codes(column, values, name)
    if column["kind"] == "number":
        asked = np.unique(_cells(column, values, name).values)
        scores = encode_number(column, Cells("number", asked))
        return np.array(
            [(score, *_interval(column, value)) for score, value in zip(scores, asked, strict=True)]
        )
    allowed = np.zeros(len(column["levels"]), dtype=bool)
    allowed[codes.astype(int)] = True
    return allowed


# -- ranges ------------------------------------------------------------------------------------


def _range(column: Column, ends: tuple[Any, ...], name: Any) -> Limit:
    if column["kind"] == "number":
        low, high = _ends(column, ends, name)
        return _interval(column, low)[0], _interval(column, high)[1]
    levels = column["levels"]
    if isinstance(levels, list):
        allowed = _between_words(column, ends, name)
    else:
        allowed = np.ones(len(levels), dtype=bool)
        for side, compare in enumerate((np.greater_equal, np.less_equal)):
            end = _end(column, ends, side, name)
            if end is not None:
                allowed &= compare(levels, end)
    if not allowed.any():
        raise _impossible(column, name, ends)
    return allowed


def _end(column: Column, ends: tuple[Any, ...], side: int, name: Any) -> Any:
    """Read one end of a range: a number, or None where it is open."""
    if len(ends) != 2:
        raise ValueError(
            f"The condition on column {name!r} is a tuple of {len(ends)}; a range is a tuple of "
            "two, and several values are a list."
        )
    end = ends[side]
    if end is None or (isinstance(end, Real) and end == (-np.inf, np.inf)[side]):
        return None
    if column["family"] in TIMES:
        whole, later = _times(column, [end], name)
        return whole[0] + (later[0] and side == 0)
    return _cells(column, [end], name).values[0]


def _between_words(column: Column, ends: tuple[Any, ...], name: Any) -> np.ndarray:
    levels, store = column["levels"], column["store"]
    ends = tuple(_spelled(column, ends))
    if not (store.get("ordered") or store["dtype"] == "Enum"):
        raise ValueError(
            f"The condition on column {name!r} is a range, but the column holds levels "
            f"without an order: give the list of those that are allowed, from {levels[:10]}."
        )
    if len(ends) != 2 or any(end is not None and end not in levels for end in ends):
        raise _impossible(column, name, ends)
    first = 0 if ends[0] is None else levels.index(ends[0])
    last = len(levels) - 1 if ends[1] is None else levels.index(ends[1])
    places = np.arange(len(levels))
    return np.asarray((first <= places) & (places <= last))


def _ends(column: Column, ends: tuple[Any, ...], name: Any) -> tuple[Any, Any]:
    """Ends of a range, moved inwards to values that a number column can have."""
    values = column["values"]
    low, high = (_end(column, ends, side, name) for side in (0, 1))
    low = values[0] if low is None else max(low, values[0])
    high = values[-1] if high is None else min(high, values[-1])
    if values.dtype == np.int64:
        step = column["step"] or 1
        low, high = (end.item() if isinstance(end, np.generic) else end for end in (low, high))
        low, high = int(-(-low // step) * step), int(high // step * step)
    elif column["decimals"] >= 0:
        low, high = (_rounded(column, low, np.ceil), _rounded(column, high, np.floor))
    if not low <= high:
        raise _impossible(column, name, ends)
    return low, high


def _rounded(column: Column, end: Any, outwards: Any) -> Any:
    """Move an end inwards to the decimals of a column; one that has these stays."""
    decimals = column["decimals"]
    rounded = np.round(np.float64(end), decimals).astype(end.dtype)
    if rounded == end:
        return end
    factor = 10.0**decimals
    return np.round(outwards(np.float64(end) * factor) / factor, decimals).astype(end.dtype)


def _interval(column: Column, value: Any) -> tuple[float, float]:
    """Least and greatest score that stand for a value."""
    values = column["values"]
    at = int(np.searchsorted(values, value))
    if at < len(values) and values[at] == value and column["lo"][at] < column["hi"][at]:
        share = np.array([column["lo"][at] + 1e-9, column["hi"][at] - 1e-9])
        low, high = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    else:
        low, high = encode_number(column, Cells("number", _around(column, value)))
        if not low < high:
            low, high = low - _WIDTH, high + _WIDTH
    # whatever lies beyond the ends comes back as these
    return (
        -np.inf if value <= values[0] else float(low),
        np.inf if value >= values[-1] else float(high),
    )


def _around(column: Column, value: Any) -> np.ndarray:
    """Give the places at which rounding to a value begins and ends."""
    values = column["values"]
    steps = column["step"] if values.dtype == np.int64 else 0
    if column["decimals"] >= 0:
        steps = 10.0 ** -column["decimals"]
    half = max(steps / 2, _WIDTH * (float(values[-1]) - float(values[0])))
    if values.dtype == np.int64 and half >= 1:
        value, half = int(value), int(half)
        # whatever is outside is moved to the ends
        return np.array([max(value - half, values[0]), min(value + half, values[-1])])
    return np.array([value - half, value + half])


def _extent(column: Column) -> str:
    """Say what the cells of a column are, for messages."""
    values = column["values"] if column["kind"] == "number" else column["levels"]
    if not len(values):
        return "all its cells were missing in fit"
    if column["family"] == "boolean":
        values = np.asarray(values).astype(bool)
    if column["family"] in TIMES:
        kind = "m8" if column["family"] == "duration" else "M8"
        values = np.asarray(values).astype(f"{kind}[{column['unit']}]")
    if column["kind"] == "number":
        return f"training rows go from {values[0]} to {values[-1]}"
    return f"training rows hold {', '.join(map(str, values[:10]))}{', ...' * (len(values) > 10)}"
