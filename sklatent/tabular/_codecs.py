"""Columns of a mixed table to one number per cell and back: levels to codes, numbers to scores."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from sklatent.tabular._cells import Cells

# What is fitted about a column: strings, numbers, arrays and lists, so that it saves as it is.
Column = dict[str, Any]

_UNITS_PER_DAY = {
    "s": 86_400,
    "ms": 86_400 * 10**3,
    "us": 86_400 * 10**6,
    "ns": 86_400 * 10**9,
}
# Scores end here, so that their squares fit into float32.
_FARTHEST = 1e15
# Shares of the training cells between which the scale beyond them is measured: the first whose
# values differ.
_INNER = ((0.25, 0.75), (0.1, 0.9), (0.05, 0.95), (0.01, 0.99))
_TAIL = 0.1
_NEXT_TO_NOTHING = 1e-6
_INT64 = {-1: np.iinfo(np.int64).min, 1: np.iinfo(np.int64).max}

# A number is a category only if its levels are seen this often on average.
_ROWS_PER_LEVEL = 5
_MOST_DECIMALS = 6
_LOG_2PI = float(np.log(2 * np.pi))
# Probabilities this near to 0 and 1 bound the interval of a tie: its scores stay within 4.75.
_END = 1e-6
_NATURAL_STEPS = {
    "ns": (86_400_000_000_000, 3_600_000_000_000, 60_000_000_000, 10**9, 10**6, 10**3),
    "us": (86_400_000_000, 3_600_000_000, 60_000_000, 10**6, 10**3),
    "ms": (86_400_000, 3_600_000, 60_000, 10**3),
    "s": (86_400, 3_600, 60),
}


def fit_column(cells: Cells, *, role: str, n_quantiles: int, max_levels: int) -> Column:
    """Learn how to encode a column.

    Parameters
    ----------
    cells : Cells
        The training cells.
    role : {"category", "number", ""}
        What the column is to be; "" leaves that to its cells.
    n_quantiles : int
        Most values of a number that are kept, besides those of large shares.
    max_levels : int
        Numbers with at most this many different values are categories, if each is seen five
        times on average.

    Returns
    -------
    column : dict
        "kind" ("number", "category" or "constant") and what it needs.
    """
    column: Column = {
        "family": cells.family,
        "unit": cells.unit,
        "store": cells.store,
        "has_missing": cells.missing is not None,
    }
    present = cells.present()
    if not len(present):  # nothing is known of its cells, which stay missing
        return {**column, "kind": "constant", "levels": [], "declared": list(cells.levels)}
    if cells.family == "label":
        return {**column, **_fit_labels(cells, present)}
    distinct, counts = np.unique(present, return_counts=True)
    few = len(distinct) <= max_levels and _ROWS_PER_LEVEL * len(distinct) <= len(present)
    if len(distinct) == 1 and cells.missing is None:
        return {**column, "kind": "constant", "levels": distinct}
    if cells.family == "boolean":
        return {**column, "kind": "category", "levels": np.arange(2)}
    if role == "category" or len(distinct) == 1 or (few and role != "number"):
        ordered = role != "category"
        return {**column, "kind": "category", "levels": distinct, "ordered": ordered}
    return {**column, "kind": "number", **_fit_number(distinct, counts, n_quantiles, cells.unit)}


def _fit_labels(cells: Cells, present: np.ndarray) -> Column:
    """Keep declared levels as they are; sort those that were only seen."""
    levels = list(cells.levels)
    if not cells.store.get("declared"):
        levels = sorted(map(levels.__getitem__, np.unique(present)))
    lonely = len(levels) == 1 and cells.missing is None
    return {"kind": "constant" if lonely else "category", "levels": levels}


def _fit_number(distinct: np.ndarray, counts: np.ndarray, n_quantiles: int, unit: str) -> Column:
    """Keep values with the interval of training probability that each of them covers.

    A value seen once, or too rarely to be worth an interval of its own, is a point in the middle.
    """
    n = int(counts.sum())
    ends = np.cumsum(counts)
    lo, hi = (ends - counts) / n, ends / n
    tied = counts > 1
    kept = np.arange(len(distinct))
    if len(distinct) > n_quantiles:
        tied = counts >= n / n_quantiles
        kept = np.union1d(np.flatnonzero(tied), _grid(counts, tied, n_quantiles))
    middle = (lo + hi) / 2
    lo, hi = np.where(tied, lo, middle)[kept], np.where(tied, hi, middle)[kept]
    narrow = int(np.count_nonzero(lo[1:] <= hi[:-1]))
    return {
        "values": distinct[kept],
        "beyond": _beyond(distinct[kept], lo, hi, n),
        "lo": lo,
        "hi": hi,
        # Where no training cell lies between two values, one cell is shared by all such gaps.
        "floor": 1.0 / (n * max(1, narrow)),
        "step": _step(distinct, unit) if distinct.dtype == np.int64 else 0,
        "decimals": -1 if distinct.dtype == np.int64 else decimals_of(distinct),
    }


def _beyond(values: np.ndarray, lo: np.ndarray, hi: np.ndarray, n: int) -> np.ndarray:
    """Say how scores go on beyond both ends.

    Returns
    -------
    beyond : ndarray of shape (2, 2), dtype=float64
        For the lower and the upper end the score where they go on, and the distance in the units
        of the column that counts as one: the robust scale of the column or the mean slope of the
        outer tenth, whichever is wider, so that a heavy tail is not far out at its end.
    """
    wide, last = gap(values, values[:1]), float(ndtri(1 - 0.5 / max(n, 2)))
    shares = np.array([*_INNER, (_TAIL, 1 - _TAIL)])
    low, high = wide[np.searchsorted(hi, shares).clip(0, len(wide) - 1)].T
    scales = [*(high - low) / (ndtri(shares[:, 1]) - ndtri(shares[:, 0]))]
    scales.append((wide[-1] - wide[0]) / (2 * last))
    scale = next((scale for scale in scales if scale > 0), np.finfo(np.float64).tiny)
    way = max(last - float(ndtri(1 - _TAIL)), 1.0)
    below, above = (low[-1] - wide[0]) / way, (wide[-1] - high[-1]) / way
    return np.array([[-last, max(scale, below)], [last, max(scale, above)]])


def _grid(counts: np.ndarray, tied: np.ndarray, n_quantiles: int) -> np.ndarray:
    """Pick values at even quantiles, more closely towards both ends, and the ends themselves."""
    light = np.flatnonzero(~tied)
    ends = np.cumsum(counts[light])
    size = max(2, n_quantiles - int(np.count_nonzero(tied)))
    even = np.linspace(0.0, ends[-1], size)
    # Rows 1, 2, 4, ... from either end: a straight line over the outermost share of 1 / size
    # would make the tails flat.
    ladder = 2.0 ** np.arange(max(0, int(np.log2(ends[-1] / size))))
    wanted = np.concatenate([even, ladder, ends[-1] - ladder])
    picked = np.searchsorted(ends, wanted).clip(0, len(light) - 1)
    return np.unique(np.concatenate([light[picked], [0, len(counts) - 1]]))


def _step(values: np.ndarray, unit: str) -> int:
    """Return the largest natural unit of time of which all values are whole multiples."""
    for step in _NATURAL_STEPS.get(unit, ()):
        if not (values % step).any():
            return step
    return 1


def decimals_of(values: np.ndarray) -> int:
    """Find how many decimals the values of a column have.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        In float32 or float64.

    Returns
    -------
    decimals : int
        The fewest, up to six, to which all values are rounded already, or -1.
    """
    wide = values.astype(np.float64)
    for decimals in range(_MOST_DECIMALS + 1):
        if (np.round(wide, decimals).astype(values.dtype) == values).all():
            return decimals
    return -1


# -- levels ------------------------------------------------------------------------------------


def level_codes(column: Column, cells: Cells) -> np.ndarray:
    """Find the positions of the levels of a category or constant.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.

    Returns
    -------
    codes : ndarray of shape (n_samples,), dtype=float64
        Positions, NaN where missing and -1 where ``fit`` has not seen the level. Numbers and
        times that were constant are never unknown: how far they are from their level, in their
        own units or days.
    """
    levels = column["levels"]
    if column["family"] == "label" or not len(levels):
        place = dict(zip(levels, range(len(levels)), strict=True))
        given = cells.levels if cells.family == "label" else _as_list(cells.values)
        table = np.array(list(map(place.get, given, repeat(-1))), dtype=np.int64)
        codes = table[cells.values] if cells.family == "label" and len(table) else table
        if len(codes) != len(cells.values):
            codes = np.full(len(cells.values), -1)
    elif counts_in_own_units(column):
        codes = np.where(
            cells.values < levels[0], -gap(levels[0], cells.values), gap(cells.values, levels[0])
        ) / _UNITS_PER_DAY.get(column["unit"], 1)
    else:
        codes = _nearest(levels, cells.values)
        if not column.get("nearest"):  # files of earlier releases take the nearest
            codes[~_are_equal(levels[codes], cells.values)] = -1
    out = codes.astype(np.float64)
    if cells.missing is not None:
        out[cells.missing] = np.nan
    return out


def counts_in_own_units(column: Column) -> bool:
    """Tell whether a constant column is coded by how far its cells are from the constant."""
    number = column["family"] not in ("label", "boolean", "empty") and len(column["levels"]) == 1
    return number and column["kind"] == "constant" and "nearest" not in column


def encode_levels(column: Column, cells: Cells) -> np.ndarray:
    """Encode cells of a category or constant as the positions of their levels.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.

    Returns
    -------
    codes : ndarray of shape (n_samples,), dtype=float64
        As :func:`level_codes`, but NaN where the level is unknown.
    """
    codes = level_codes(column, cells)
    return codes if counts_in_own_units(column) else np.where(codes < 0, np.nan, codes)


def unknown_cells(column: Column, cells: Cells) -> np.ndarray:
    """Tell which cells hold a level that ``fit`` has not seen.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.

    Returns
    -------
    unknown : ndarray of shape (n_samples,), dtype=bool
        All False for numbers.
    """
    if column["kind"] == "number" or counts_in_own_units(column):
        return np.zeros(len(cells.values), dtype=bool)
    return np.asarray(level_codes(column, cells) < 0)


def _as_list(values: np.ndarray) -> list[Any]:
    return list(values.tolist())


def _nearest(levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    right = np.searchsorted(levels, values).clip(0, len(levels) - 1)
    left = np.maximum(right - 1, 0)
    closer = np.abs(levels[right] - values) <= np.abs(values - levels[left])
    return np.where(closer, right, left)


def _are_equal(levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Compare numbers, fractions as far as float32 goes: 0.1 is read in either precision."""
    if levels.dtype.kind == values.dtype.kind == "i":
        return np.asarray(levels == values)
    return np.asarray(np.isclose(levels, values, rtol=1e-6, atol=0.0))


def unknown_message(column: Column, cells: Cells, unknown: np.ndarray, name: Any) -> str:
    """Say which levels ``fit`` has not seen, and which it has.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.
    unknown : ndarray of shape (n_samples,), dtype=bool
        What :func:`unknown_cells` gave.
    name : object
        Of the column.

    Returns
    -------
    message : str
        In scikit-learn's words.
    """
    found, row = some_levels(cells, unknown), int(np.argmax(unknown))
    if "format" in column["store"]:
        return (
            f"Column {name!r} holds {found} (row {row}), but held dates of the format "
            f"{column['store']['format']!r} in fit. Correct these cells, or set "
            "handle_unknown='missing' before fit."
        )
    levels = column["levels"]
    allowed = (
        levels if isinstance(levels, list) else _shown(levels, column["unit"], column["family"])
    )
    some = ", ".join(map(repr, allowed[:10])) + (", ..." if len(allowed) > 10 else "")
    if not allowed:
        return (
            f"Column {name!r} holds {found} (row {row}), but all its cells were missing in fit. "
            "Fit without this column, or set handle_unknown='missing' before fit."
        )
    return (
        f"Found unknown categories {found} in column {name!r} during transform (row {row}): "
        f"fit saw {some}. Fit on rows with these levels, or "
        "set handle_unknown='missing' before fit."
    )


def what_is_unknown(column: Column) -> str:
    """Say what the cells of a column are that ``fit`` has not seen, for messages."""
    if "format" in column["store"]:
        return "words that are no dates"
    return (
        "unknown categories during transform"
        if len(column["levels"])
        else ("values where fit saw none")
    )


def some_levels(cells: Cells, chosen: np.ndarray) -> list[Any]:
    """List up to five different levels of the chosen cells."""
    found = np.unique(cells.values[chosen])[:5]
    if cells.family == "label":
        return [cells.levels[v] for v in found]
    return _shown(found, cells.unit, cells.family)


def _shown(values: np.ndarray, unit: str, family: str) -> list[Any]:
    """List numbers, and times as they are written."""
    if not unit:
        return _as_list(values)
    return list(map(str, values.astype(f"{'m8' if family == 'duration' else 'M8'}[{unit}]")))


def decode_levels(column: Column, codes: np.ndarray) -> Cells:
    """Turn positions, rounded and clipped, into cells.

    Parameters
    ----------
    column : dict
        The fitted column.
    codes : ndarray of shape (n_samples,)
        Positions, NaN for missing.

    Returns
    -------
    cells : Cells
        Of the family that ``fit`` saw.
    """
    levels = column["levels"]
    missing = np.isnan(codes) if len(levels) else np.ones(len(codes), dtype=bool)
    whole = np.rint(np.where(missing, 0, codes)).clip(0, max(0, len(levels) - 1)).astype(np.int64)
    values = levels[whole] if isinstance(levels, np.ndarray) else whole
    listed = levels if isinstance(levels, list) else []
    return _cells(column, values, missing, column.get("declared", listed))


def _cells(column: Column, values: np.ndarray, missing: np.ndarray, levels: list[Any]) -> Cells:
    mask = missing if missing.any() else None
    return Cells(column["family"], values, mask, levels, column["unit"], column["store"])


# -- numbers -----------------------------------------------------------------------------------


def number_scores(column: Column) -> np.ndarray:
    """Scores of the values that a number column keeps."""
    return np.asarray(ndtri((column["lo"] + column["hi"]) / 2))


def tie_table(column: Column) -> np.ndarray | None:
    """List the ties of a number column.

    Parameters
    ----------
    column : dict
        A fitted column.

    Returns
    -------
    ties : ndarray of shape (n_ties, 3) or None
        Score, lower and upper end of the interval of training probability, sorted; None for
        other kinds of columns.
    """
    if column["kind"] != "number":
        return None
    table = np.column_stack([number_scores(column), column["lo"], column["hi"]])
    return table[table[:, 2] > table[:, 1]]


def _place(column: Column, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the kept value at or below each value, the share of the way to the next, and matches.

    Values outside the training range are moved to its ends.
    """
    knots = column["values"]
    values = np.clip(values, knots[0], knots[-1])
    at = np.searchsorted(knots, values, side="right") - 1
    after = np.minimum(at + 1, len(knots) - 1)
    share = gap(values, knots[at]) / np.maximum(gap(knots[after], knots[at]), 1e-300)
    return at, share, knots[at] == values


def gap(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Subtract without losing the last digits of large whole numbers.

    Parameters
    ----------
    above, below : ndarray
        Numbers, in int64 or floats.

    Returns
    -------
    gap : ndarray, dtype=float64
        Not negative for whole numbers, of which ``above`` must be the larger ones.
    """
    if above.dtype == below.dtype == np.int64:
        return (above.astype(np.uint64) - below.astype(np.uint64)).astype(np.float64)
    return above.astype(np.float64) - below.astype(np.float64)


def encode_number(column: Column, cells: Cells) -> np.ndarray:
    """Encode numbers as normal scores of their ranks among the training cells.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.

    Returns
    -------
    scores : ndarray of shape (n_samples,), dtype=float64
        NaN where missing.
    """
    at, share, exact = _place(column, cells.values)
    lo, hi = column["lo"], column["hi"]
    after = np.minimum(at + 1, len(lo) - 1)
    width = lo[after] - hi[at]
    between = np.where(
        width > 0,
        hi[at] + share * width,
        # No training cell lies between these two values: the nearer one.
        np.where(share < 0.5, (lo + hi)[at], (lo + hi)[after]) / 2,
    )
    scores = np.asarray(ndtri(np.where(exact, (lo + hi)[at] / 2, between)))
    _go_on(column, cells.values, scores)
    if cells.missing is not None:
        scores[cells.missing] = np.nan
    return scores


def _go_on(column: Column, values: np.ndarray, scores: np.ndarray) -> None:
    """Move the scores of values beyond the training range on, in place."""
    if "beyond" not in column:  # files of earlier releases end with the range
        return
    (low, below), (high, above) = column["beyond"]
    knots, (under, over) = column["values"], _outside(column, values)
    with np.errstate(over="ignore"):
        scores[under] = low - gap(knots[0], values[under]) / below
        scores[over] = high + gap(values[over], knots[-1]) / above
    np.clip(scores, -_FARTHEST, _FARTHEST, out=scores)


def _outside(column: Column, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell which values lie below the training range, and which above."""
    return values < column["values"][0], values > column["values"][-1]


def decode_number(column: Column, scores: np.ndarray, *, beyond: bool = False) -> Cells:
    """Turn scores into numbers: the quantile function of the training cells.

    Parameters
    ----------
    column : dict
        The fitted column.
    scores : ndarray of shape (n_samples,)
        In float32 or float64, NaN for missing.
    beyond : bool, default=False
        Whether numbers go on beyond the training range as scores do, or end with it.

    Returns
    -------
    cells : Cells
        Training values where a score is that of one or lies in its interval, else numbers
        between two of them, rounded as the column is.
    """
    tolerance = 1e-6 if scores.dtype == np.float32 else 1e-12
    missing = np.isnan(scores)
    scores = np.where(missing, 0.0, scores.astype(np.float64))
    knots, lo, hi = column["values"], column["lo"], column["hi"]
    at = (np.searchsorted(lo, p := ndtr(scores), side="right") - 1).clip(0)
    after = np.minimum(at + 1, len(lo) - 1)
    share = ((p - hi[at]) / np.maximum(lo[after] - hi[at], 1e-300)).clip(0.0, 1.0)
    # Back and forth a score loses its last digits: those of training values are recognised.
    kept, near = number_scores(column), tolerance * (1 + np.abs(scores))
    with np.errstate(invalid="ignore"):  # scores of the ends may be infinite
        share[np.abs(scores - kept[at]) <= near] = 0.0
        share[np.abs(scores - kept[after]) <= near] = 1.0
    values = _between(column, knots[at], knots[after], share)
    if beyond and "beyond" in column:
        _extend(column, scores, values)
    return _cells(column, values, missing, [])


def _extend(column: Column, scores: np.ndarray, values: np.ndarray) -> None:
    """Move the values of scores beyond those of the training range on, in place."""
    knots, step = column["values"], column["step"] or 1
    for (start, scale), side, end in zip(column["beyond"], (-1, 1), knots[[0, -1]], strict=True):
        far = side * (scores - start) > _NEXT_TO_NOTHING
        way = scale * (scores[far] - start)
        if knots.dtype == np.int64:
            room = abs(int(_INT64[side]) - int(end)) // step  # steps before int64 ends
            steps = np.minimum(np.rint(np.abs(way) / step), min(float(room), 2.0**63))
            moved = np.minimum(steps.astype(np.uint64), np.uint64(room)) * np.uint64(step)
            start = np.full(len(way), end).astype(np.uint64)
            values[far] = (start + moved if side > 0 else start - moved).astype(np.int64)
        elif column["decimals"] >= 0:
            values[far] = np.round(float(end) + way, column["decimals"])
        else:
            values[far] = float(end) + way


def _between(column: Column, below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    if below.dtype == np.int64:
        step = column["step"]
        way = np.rint(share * gap(above, below) / step).astype(np.uint64) * np.uint64(step)
        values = (below.astype(np.uint64) + way).astype(np.int64)
    else:
        wide = below.astype(np.float64) * (1 - share) + above.astype(np.float64) * share
        if column["decimals"] >= 0:
            wide = np.round(wide, column["decimals"])
        values = wide.astype(below.dtype)
    ends = np.where(share == 0.0, below, np.where(share == 1.0, above, values))
    return np.clip(ends, column["values"][0], column["values"][-1])


def log_slope(column: Column, cells: Cells) -> np.ndarray:
    """Logarithm of how fast scores grow with the value.

    A tie has a probability, not a density: 0. In files of earlier releases, whose models take
    the density of scores there, the logarithm of the width of its interval.

    Parameters
    ----------
    column : dict
        A fitted column.
    cells : Cells
        Cells of the family that ``fit`` saw.

    Returns
    -------
    slope : ndarray of shape (n_samples,), dtype=float64
        0 for missing cells and columns that are not numbers.
    """
    if column["kind"] != "number":
        return np.zeros(len(cells.values))
    knots, lo, hi = column["values"], column["lo"], column["hi"]
    at, _, exact = _place(column, cells.values)
    after = np.minimum(at + 1, len(lo) - 1)
    # At a value that was seen once the pieces on both sides count, at the ends there is one.
    before = np.where(exact, np.maximum(at - 1, 0), at)
    width = np.where(before == at, 0.0, lo[at] - hi[before]) + lo[after] - hi[at]
    width = np.where(after == at, lo[at] - hi[before], width)
    rise = np.where(width > 0, width, column["floor"]) / gap(knots[after], knots[before])
    scores = encode_number(column, Cells("number", cells.values))
    slope = np.log(rise) + 0.5 * (scores**2 + _LOG_2PI)
    tied = exact & (hi > lo)[at]
    if "beyond" in column:
        slope[tied] = 0.0
        for (_, scale), far in zip(column["beyond"], _outside(column, cells.values), strict=True):
            slope[far] = -np.log(scale)
    else:
        ends = ndtri(np.clip([lo[at[tied]], hi[at[tied]]], _END, 1 - _END))
        slope[tied] = np.log(ends[1] - ends[0])
    if cells.missing is not None:
        slope[cells.missing] = 0.0
    return np.asarray(slope)
