"""Moments and durations, in words or objects of any library, as whole nanoseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

NANOSECONDS = {"D": 86_400 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LARGEST_INT = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)

# NumPy's other units, and those that hold them.
_WITHIN = {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s", "ps": "ns", "fs": "ns", "as": "ns"}
_MONTH = re.compile(r"\d{4}(-\d\d)?")
_LAST_DIGITS = re.compile(r"[.,]\d{6}(\d{1,3})")
_ISO_DURATION = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?"
    r"(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:\.\d+)?)S)?)?"
)
_TERM = re.compile(
    r"[\s,]*(?P<plus>\+)?\s*(?:(?P<number>\d+\.?\d*|\.\d+)\s*(?P<unit>[A-Za-zµ]+)"
    r"|(?P<h>\d+):(?P<m>\d+):(?P<s>\d+\.?\d*))"
)
_UNITS = {
    name: length
    for names, length in [
        ("w week", 7 * NANOSECONDS["D"]),
        ("d day", NANOSECONDS["D"]),
        ("h hr hour", 3_600 * 10**9),
        ("m min minute", 60 * 10**9),
        ("s sec second", 10**9),
        ("ms milli millisecond", 10**6),
        ("us µs micro microsecond", 10**3),
        ("ns nano nanosecond", 1),
    ]
    for name in names.split()
}


def zone_of(name: str) -> tzinfo:
    """Look up a time zone.

    Parameters
    ----------
    name : str
        A name of the IANA database or an offset, as "+01:30" or "UTC+01:30".

    Returns
    -------
    zone : tzinfo
        The zone.

    Raises
    ------
    ValueError
        If there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        offset = datetime.strptime(name.removeprefix("UTC"), "%z").tzinfo
        assert offset is not None
        return offset


def moment(value: Any, zone: str | None) -> int:
    """Read a date or a time.

    Parameters
    ----------
    value : str, date, datetime or numpy.datetime64
        Words as ISO 8601 has them.
    zone : str or None
        Time zone of the column; None if its times have none. Words without an offset are what
        clocks show in this zone.

    Returns
    -------
    nanoseconds : int
        Since 1970 in UTC, or on the clock where there is no zone.

    Raises
    ------
    ValueError
        If the value is no date.
    TypeError
        If the value has a time zone and the column has none, or the reverse.
    """
    if isinstance(value, str):
        nanoseconds, offset = _written(value)
        _check_zone(offset is not None or zone is not None, zone)
        if offset is None and zone is not None:
            offset = _offset(nanoseconds, zone)
        return nanoseconds - (offset or timedelta(0)) // _MICROSECOND * 1000
    if not isinstance(value, date | np.datetime64):
        raise ValueError(f"{value!r} is no date")
    aware = isinstance(value, datetime) and value.tzinfo is not None
    _check_zone(aware, zone)
    if hasattr(value, "to_datetime64"):  # of pandas, in nanoseconds and in UTC
        return _whole(value.to_datetime64())
    if aware and isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    return _whole(np.datetime64(value))


def _check_zone(aware: bool, zone: str | None) -> None:
    if aware and zone is None:
        raise TypeError("it has a time zone, which the times of this column do not have")
    if not aware and zone is not None:
        raise TypeError(f"it has no time zone, but the times of this column are in {zone}")


def _written(text: str) -> tuple[int, timedelta | None]:
    """Read what clocks show, and how far they are ahead of UTC where that is written."""
    if _MONTH.fullmatch(text):
        return _whole(np.datetime64(text)), None
    time = datetime.fromisoformat(text)
    last = _LAST_DIGITS.search(text)
    digits = int(last[1].ljust(3, "0")) if last else 0
    shown = time.replace(tzinfo=None) - _EPOCH
    return shown // _MICROSECOND * 1000 + digits, time.utcoffset()


def _offset(nanoseconds: int, zone: str) -> timedelta:
    """How far the clocks of a zone that show this are ahead of UTC."""
    shown = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    return shown.replace(tzinfo=zone_of(zone)).utcoffset() or timedelta(0)


def _whole(time: Any) -> int:
    """Turn a time or a duration of numpy into nanoseconds."""
    if np.isnat(time):
        raise ValueError("it is missing")
    unit, count = np.datetime_data(time.dtype)
    if unit in _WITHIN:
        unit, count = _WITHIN[unit], 1
        time = time.astype(f"{time.dtype.kind}8[{unit}]")
    return int(time.astype(np.int64)) * count * NANOSECONDS[unit]


def duration(value: Any) -> int:
    """Read a duration.

    Parameters
    ----------
    value : str, timedelta or numpy.timedelta64
        Words as pandas reads them ("1 days", "-1 days +02:00:00", "90 min") or as ISO 8601 has
        them ("P1DT2H").

    Returns
    -------
    nanoseconds : int
        Its length; what is finer is cut off.

    Raises
    ------
    ValueError
        If the value is no duration.
    """
    if hasattr(value, "to_timedelta64"):  # of pandas
        value = value.to_timedelta64()
    if isinstance(value, timedelta):
        return value // _MICROSECOND * 1000
    if isinstance(value, np.timedelta64):
        return _whole(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no duration")
    text = value.strip()
    sign, text = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    iso = _ISO_DURATION.fullmatch(text)
    if iso and any(iso.groups()):
        return sign * int(sum(_term(number, unit) for unit, number in iso.groupdict("0").items()))
    total, at = Fraction(0), 0
    while at < len(text) or not at:
        term = _TERM.match(text, at)
        if term is None:
            raise ValueError(f"{value!r} is no duration")
        found = term.groupdict()
        if found["plus"] or (at and found["h"]):  # "-1 days 02:00:00" is 22 hours, as in pandas
            sign = 1
        at = term.end()
        if found["number"]:
            total += sign * _term(found["number"], found["unit"])
        else:
            total += sign * sum(_term(found[unit], unit) for unit in "hms")
    return int(total)


def _term(number: str, unit: str) -> Fraction:
    name = unit.lower()
    name = name if name in _UNITS else name.removesuffix("s")
    if name not in _UNITS or unit == "M":  # which would be months
        raise ValueError(f"{unit!r} is no unit of durations")
    return Fraction(number) * _UNITS[name]


def in_units(nanoseconds: int, unit: str) -> tuple[int, bool]:
    """Convert nanoseconds.

    Parameters
    ----------
    nanoseconds : int
        Any number of them.
    unit : {"D", "s", "ms", "us", "ns"}
        The unit wanted.

    Returns
    -------
    whole : int
        Whole units at or before this time, or the last that int64 can count.
    later : bool
        Whether the time is later than these.
    """
    whole, rest = divmod(nanoseconds, NANOSECONDS[unit])
    if abs(whole) > _LARGEST_INT:
        return (_LARGEST_INT if whole > 0 else -_LARGEST_INT), False
    return whole, rest > 0
