"""Dates that are written as words: which format all cells have, and back into that format."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from sklatent.tabular._cells import Cells

# Of two that fit all cells the first one counts: the day stands before the month.
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    *("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y"),
    *("%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%d.%m.%y"),
    *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d. %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y-%m", "%b %Y", "%B %Y"),
)
_TIMES = tuple(
    f"{between}%H:%M{seconds}" for between in " T" for seconds in ("", ":%S", ":%SZ", ":%S.%f")
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_FIELDS = {
    "Y": r"([0-9]{4})",
    "y": r"([0-9]{2})",
    "m": r"([0-9]{1,2})",
    "d": r"([0-9]{1,2})",
    "b": f"({'|'.join(month[:3] for month in _MONTHS)})",
    "B": f"({'|'.join(_MONTHS)})",
    "H": r"([0-9]{1,2})",
    "M": r"([0-9]{2})",
    "S": r"([0-9]{2})",
    "f": r"([0-9]{6}|[0-9]{3})",
}
# Two digits of a year from this one on are of the 20th century, as POSIX has it.
_PIVOT = 69


class DateFormat(NamedTuple):
    """A format, and what to say about it."""

    format: str
    """As ``strptime`` has it; "%-d" where a single digit has no zero in front, as in C."""
    is_ambiguous: bool
    """Whether the month might as well stand before the day."""


def find_format(texts: Sequence[str]) -> DateFormat | None:
    """Find the format that all texts have.

    Parameters
    ----------
    texts : sequence of str
        The different cells of a column.

    Returns
    -------
    found : DateFormat or None
        None if there are fewer than two texts, or they are not all dates of one format.
    """
    if len(texts) < 2:
        return None
    found = []
    for day in _DATES:
        start = _pattern(day).match(texts[0])
        if start is None:
            continue
        rest = texts[0][start.end() :]
        for time in ("", *_TIMES):
            if _pattern(time).fullmatch(rest):
                fitting = _fitting(texts, day + time)
                if fitting is not None:
                    found.append(fitting)
    both = len(found) > 1 and found[0].find("d") < found[0].find("m")
    return DateFormat(found[0], both) if found else None


def _fitting(texts: Sequence[str], form: str) -> str | None:
    """Give the format with its flags if all texts have it."""
    rows = list(map(_pattern(form).fullmatch, texts))
    if not all(rows):
        return None
    columns = list(zip(*(row.groups() for row in rows if row is not None), strict=True))
    for name, column in zip(_names(form), columns, strict=True):
        if name in "dmH":
            short = sum(len(word) == 1 for word in column)
            if short and any(word[0] == "0" for word in column):
                return None  # no one way to write them back
            if short:
                form = form.replace(f"%{name}", f"%-{name}")
        if name == "f" and len(set(map(len, column))) > 1:
            return None
        if name == "f" and len(column[0]) == 3:
            form = form.replace("%f", "%3f")
    return form if parse_dates(texts, form)[1].all() else None


@lru_cache(maxsize=256)
def _pattern(form: str) -> re.Pattern[str]:
    pieces = re.split(r"%[-3]?([A-Za-z])", form)
    pieces[::2] = map(re.escape, pieces[::2])
    pieces[1::2] = map(_FIELDS.__getitem__, pieces[1::2])
    return re.compile("".join(pieces))


def _names(form: str) -> list[str]:
    return re.findall(r"%[-3]?([A-Za-z])", form)


def unit_of(form: str) -> str:
    """Name the unit in which times of a format are counted."""
    if "%H" not in form and "%-H" not in form:
        return "D"
    return "us" if "%f" in form else "ms" if "%3f" in form else "s"


def parse_dates(texts: Sequence[str], form: str) -> tuple[np.ndarray, np.ndarray]:
    """Read texts in a format.

    Parameters
    ----------
    texts : sequence of str
        Words.
    form : str
        A format that :func:`find_format` gave.

    Returns
    -------
    times : ndarray of shape (n_texts,), dtype=int64
        Whole units since 1970; 0 for words that are no such date.
    fits : ndarray of shape (n_texts,), dtype=bool
        Which are.
    """
    rows = list(map(_pattern(form).fullmatch, texts))
    fits = np.array([row is not None for row in rows], dtype=bool)
    names, read = _names(form), [row.groups() for row in rows if row is not None]
    parts = dict.fromkeys("YmdHMSf", np.zeros(len(read), dtype=np.int64))
    parts["m"] = parts["d"] = np.ones(len(read), dtype=np.int64)
    for name, column in zip(names, zip(*read, strict=True), strict=len(read) > 0):
        if name in "bB":
            months = [month[:3] for month in _MONTHS]
            parts["m"] = np.array([months.index(word[:3]) + 1 for word in column])
        elif name == "y":
            years = np.array(column).astype(np.int64)
            parts["Y"] = years + np.where(years < _PIVOT, 2000, 1900)
        else:
            parts[name] = np.array(column).astype(np.int64)
    month = (12 * (parts["Y"] - 1970) + parts["m"] - 1).astype("M8[M]")
    days = month.astype("M8[D]") + (parts["d"] - 1)
    right = (parts["m"] >= 1) & (parts["m"] <= 12) & (days.astype("M8[M]") == month)
    right &= (parts["H"] < 24) & (parts["M"] < 60) & (parts["S"] < 60)
    unit = unit_of(form)
    whole = days.astype(np.int64)
    if unit != "D":
        seconds = 86_400 * whole + 3_600 * parts["H"] + 60 * parts["M"] + parts["S"]
        whole = seconds * {"s": 1, "ms": 10**3, "us": 10**6}[unit] + parts["f"]
    times = np.zeros(len(texts), dtype=np.int64)
    times[fits] = np.where(right, whole, 0)
    fits[fits] = right
    return times, fits


def spell_dates(times: np.ndarray, form: str) -> list[str]:
    """Write times in a format.

    Parameters
    ----------
    times : ndarray of shape (n,), dtype=int64
        Whole units since 1970.
    form : str
        A format that :func:`find_format` gave.

    Returns
    -------
    texts : list of str
        What :func:`parse_dates` reads as these times.
    """
    stamps = times.astype(f"M8[{unit_of(form)}]")
    months, days = stamps.astype("M8[M]"), stamps.astype("M8[D]")
    since = (stamps.astype("M8[us]") - days).astype(np.int64)
    month = months.astype(np.int64)
    numbers = {
        "Y": month // 12 + 1970,
        "y": (month // 12 + 1970) % 100,
        "m": month % 12 + 1,
        "d": (days - months).astype(np.int64) + 1,
        "H": since // 3_600_000_000,
        "M": since // 60_000_000 % 60,
        "S": since // 1_000_000 % 60,
        "f": since % 1_000_000,
        "k": since // 1_000 % 1_000,
    }
    columns: dict[str, list[Any]] = {name: column.tolist() for name, column in numbers.items()}
    columns["B"] = [_MONTHS[m - 1] for m in columns["m"]]
    columns["b"] = [name[:3] for name in columns["B"]]
    template = form.replace("%3f", "{k:03d}").replace("%f", "{f:06d}").replace("%Y", "{Y:04d}")
    template = re.sub(r"%-([A-Za-z])", r"{\1}", re.sub(r"%([bB])", r"{\1}", template))
    template = re.sub(r"%([A-Za-z])", r"{\1:02d}", template)
    rows = zip(*columns.values(), strict=True)
    return [template.format_map(dict(zip(columns, row, strict=True))) for row in rows]


def stamps(texts: Sequence[str | None], form: str) -> np.ndarray:
    """Read texts in a format as numbers.

    Parameters
    ----------
    texts : sequence of {str, None}
        Words.
    form : str
        A format that :func:`find_format` gave.

    Returns
    -------
    times : ndarray of shape (n_texts,), dtype=float64
        Microseconds since 1970; NaN for None and for words that are no such date.
    """
    times, fits = parse_dates([text or "" for text in texts], form)
    whole = times.astype(f"M8[{unit_of(form)}]").astype("M8[us]").astype(np.int64)
    return np.where(fits, whole.astype(np.float64), np.nan)


# -- columns -----------------------------------------------------------------------------------


def as_times(cells: Cells, form: str) -> Cells:
    """Read a column of words as times; words that are no such date are missing.

    Parameters
    ----------
    cells : Cells
        Labels.
    form : str
        Their format, which goes into the ``store``.

    Returns
    -------
    times : Cells
        Dates, or times where the format has hours.
    """
    times, fits = parse_dates(list(map(str, cells.levels)), form)
    missing = np.zeros(len(cells.values), bool) if cells.missing is None else cells.missing
    if len(times):
        missing = missing | ~fits[cells.values]
        values = np.where(missing, 0, times[cells.values])
    else:
        values = np.zeros(len(cells.values), dtype=np.int64)
    unit = unit_of(form)
    store = {**cells.store, "format": form}
    family = "date" if unit == "D" else "datetime"
    return Cells(family, values, missing if missing.any() else None, unit=unit, store=store)


def as_words(cells: Cells) -> Cells:
    """Write times whose ``store`` has a format as words; other cells stay as they are.

    Parameters
    ----------
    cells : Cells
        Of any family.

    Returns
    -------
    words : Cells
        Labels, or the same cells.
    """
    if "format" not in cells.store:
        return cells
    distinct, codes = np.unique(cells.values, return_inverse=True)
    levels = spell_dates(distinct, cells.store["format"])
    return replace(cells, family="label", values=codes, levels=levels, unit="")


def with_dates(values: list[Any], store: dict[str, Any]) -> list[Any]:
    """Read the words among values in the format of a column; words in another stay as they are.

    Parameters
    ----------
    values : list
        Of anything.
    store : dict
        How the column is kept.

    Returns
    -------
    values : list
        Times of numpy in the place of words.
    """
    if "format" not in store:
        return values
    words = [value if isinstance(value, str) else "" for value in values]
    times, fits = parse_dates(words, store["format"])
    stamps = times.astype(f"M8[{unit_of(store['format'])}]")
    return [stamp if fit else value for value, stamp, fit in zip(values, stamps, fits, strict=True)]
