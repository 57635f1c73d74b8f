"""Times in words, in other units and with time zones: the same instant, or an error."""

from __future__ import annotations

import warnings
from datetime import date, datetime, timedelta, timezone
from typing import Any, cast
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent import TabularEncoder
from sklatent.tabular._times import duration, in_units, moment

RNG = np.random.default_rng(0)
DURATIONS = [
    "1 days",
    "2 days 03:00:00",
    "-1 days +02:03:00",
    "-1 days 02:00:00",
    "-02:00:00",
    "1 day, 2:03:04",
    "100:00:00",
    "00:00:00.123456789",
    "1h30m",
    "1.5 hours",
    "- 5 min",
    "2 ms 3us 4ns",
    "1W",
    "P1DT2H3M4.5S",
    "-P1D",
    "P2W",
    "PT36H",
]
NO_DURATIONS = ["", "soon", "P", "P1Y", "5", "5 M", "12:30", "1 daysx", "1 days -2 hours"]


@pytest.mark.parametrize("words", DURATIONS)
def test_durations_in_words_are_those_of_pandas(words: str) -> None:
    assert duration(words) == pd.Timedelta(words).value
    assert duration(pd.Timedelta(words)) == pd.Timedelta(words).value


def test_durations_of_python_and_numpy() -> None:
    assert duration(timedelta(days=-400_000)) == -400_000 * 86_400 * 10**9
    assert duration(np.timedelta64(3, "h")) == 3 * 3_600 * 10**9
    assert duration(np.timedelta64(400_000, "D")) == 400_000 * 86_400 * 10**9


@pytest.mark.parametrize("words", NO_DURATIONS)
def test_other_words_are_no_durations(words: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(words)


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York", "Asia/Kolkata", "UTC+01:30"])
@pytest.mark.parametrize(
    "words", ["2024-01-10", "2024-07-10 12:30", "1969-12-31T23:59:59.123456789"]
)
def test_words_are_what_clocks_show(words: str, zone: str | None) -> None:
    expected = cast("pd.Timestamp", pd.Timestamp(words))
    expected = expected if zone is None else expected.tz_localize(zone)
    assert moment(words, zone) == expected.value
    assert moment(expected, zone) == expected.value
    if zone is not None:
        assert moment(expected.isoformat(), "Europe/Paris") == expected.value


def test_moments_beyond_nanoseconds() -> None:
    assert moment("9999-12-31", None) == 253_402_214_400 * 10**9
    assert moment(date(1, 1, 1), None) == -62_135_596_800 * 10**9
    assert moment(np.datetime64("9999"), None) == moment("9999-01-01", None)
    assert in_units(moment("9999-12-31", None), "us") == (253_402_214_400 * 10**6, False)
    assert in_units(moment("9999-12-31", None), "ns") == (2**63 - 1, False)
    assert in_units(moment("0001-01-01", None), "ns") == (-(2**63) + 1, False)
    assert in_units(-1, "s") == (-1, True)


# -- rows -----------------------------------------------------------------------------------------


STAMPS = pd.date_range("2024-01-01", periods=60, freq="7h").as_unit("ns")
WAITS = pd.to_timedelta(RNG.permutation(60) * 3_600, unit="s").as_unit("ns")


def encoder(column: Any, **params: Any) -> TabularEncoder:
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    return TabularEncoder(mode="quantile", **params).fit(frame({"t": column}))


@pytest.mark.parametrize("few", [False, True], ids=["number", "category"])
@pytest.mark.parametrize("kind", ["stamp", "day", "zoned", "wait"])
def test_words_are_read_where_fit_saw_times(kind: str, few: bool) -> None:
    column: Any = {
        "stamp": STAMPS,
        "day": pl.Series(STAMPS.date),
        "zoned": STAMPS.tz_localize("Europe/Berlin"),
        "wait": WAITS,
    }[kind]
    table = encoder(column, categorical_features=["t"] if few else None)
    words = [str(time) for time in column]
    if kind == "zoned":
        words[::2] = [time.tz_convert("Asia/Tokyo").isoformat() for time in column[::2]]
    holes: list[Any] = [None, *words]
    frame = pl.DataFrame if kind == "day" else pd.DataFrame
    Z = table.transform(frame({"t": column}))
    found = table.transform(frame({"t": holes}))
    assert np.isnan(found[0, 0])
    assert np.array_equal(found[1:], Z)
    categories = pd.Categorical(words, [*dict.fromkeys(words), "never read"])
    if kind != "day":
        assert np.array_equal(table.transform(pd.DataFrame({"t": categories})), Z)
    with pytest.raises(ValueError, match=r"'t' holds words, but held .* in fit, and 'soon' cannot"):
        table.transform(frame({"t": ["soon", words[0]]}))


def test_words_with_an_offset_where_times_have_no_zone() -> None:
    with pytest.raises(
        TypeError, match=r"'t' holds words, .*'2024-01-10T00:00\+09:00'.* time zone"
    ):
        encoder(STAMPS).transform(pd.DataFrame({"t": ["2024-01-10T00:00+09:00"]}))


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_times_with_and_without_a_zone_are_told_apart(kind: str) -> None:
    def table(zone: str | None) -> Any:
        frame = pd.DataFrame({"t": STAMPS if zone is None else STAMPS.tz_localize(zone)})
        wrap = {"pandas": pd.DataFrame, "polars": pl.from_pandas, "arrow": pa.Table.from_pandas}
        return wrap[kind](frame)

    naive, paris, tokyo = table(None), table("Europe/Paris"), table("Asia/Tokyo")
    aware = TabularEncoder(mode="quantile").fit(paris)
    with pytest.raises(
        TypeError, match=r"'t' holds times without a time zone, but .* Europe/Paris"
    ):
        aware.transform(naive)
    with pytest.raises(
        TypeError, match=r"'t' holds times in Asia/Tokyo, but .* without a time zone"
    ):
        TabularEncoder(mode="quantile").fit(naive).transform(tokyo)
    # other zones are the same instants
    utc = pd.DataFrame({"t": STAMPS.tz_localize("Europe/Paris").tz_convert("UTC")})
    assert np.array_equal(aware.transform(utc), aware.transform(paris))


@pytest.mark.parametrize(
    "zone", [*sorted(available_timezones())[::17], "America/New_York", "Etc/GMT-14"]
)
def test_every_time_zone_of_pandas(zone: str) -> None:
    times = STAMPS.tz_localize("UTC").tz_convert(zone)
    X = pd.DataFrame({"t": times, "w": list("ab") * 30})
    table = TabularEncoder().fit(X)
    pd.testing.assert_frame_equal(table.inverse_transform(table.transform(X)), X)
    limits = table.table.limits({"t": (times[5].tz_localize(None).isoformat(), None)})
    found = table.table.obeying(
        {"t": (times[5], None)}, table.transform(X).clip(limits[0][0], None)
    )
    assert (found["t"] >= times[5]).all()


def test_time_zones_that_nobody_else_could_read() -> None:
    zone = timezone(timedelta(hours=1), "here")
    with pytest.raises(TypeError, match=r"dtype datetime64.*not supported.*'t'"):
        encoder(STAMPS.tz_localize(zone))


@pytest.mark.parametrize("few", [False, True], ids=["number", "category"])
@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_times_beyond_the_unit_of_fit_do_not_wrap(unit: str, few: bool) -> None:
    how: dict[str, Any] = {"categorical_features": ["t"]} if few else {}
    table = encoder(STAMPS, handle_unknown="missing", **how)
    far = np.array(["9999-12-31", "0001-01-01", "2024-01-01"], dtype=f"M8[{unit}]")
    for X in (pd.DataFrame({"t": far}), pl.DataFrame({"t": far.astype("M8[us]")})):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            late, early, first = table.transform(X)[:, 0]
        codes = table.transform(pd.DataFrame({"t": STAMPS}))[:, 0]
        assert first == codes[0]
        if few:
            assert np.isnan([late, early]).all()
        else:
            assert early <= codes.min()
            assert late >= codes.max()
    waits = encoder(WAITS)
    long = pd.DataFrame({"t": np.array([10**9, -(10**9), 0], dtype="m8[s]") * 1_000})
    codes = waits.transform(pd.DataFrame({"t": WAITS}))
    late, early, none = waits.transform(long)[:, 0]
    assert early <= codes.min() == none
    assert late >= codes.max()


@pytest.mark.parametrize("wrap", [pd.DataFrame, pl.DataFrame])
def test_imputed_times_stay_on_their_grid(wrap: Any) -> None:
    whole = np.sort(RNG.integers(1_600_000_000_000, 1_700_000_000_000, 200))
    cells = (whole * 10**6).astype("M8[ns]")
    table = TabularEncoder(mode="quantile").fit(wrap({"t": cells}))
    holes = cells.copy()
    holes[::3] = np.datetime64("NaT")
    X = wrap({"t": holes})
    rows = table.table.read(X, estimator=table)
    matrix = table.table.encode(rows)
    completions = [np.where(np.isnan(matrix), RNG.normal(size=(200, 1)), matrix) for _ in range(32)]
    found = np.asarray(table.table.filled(X, rows, completions)["t"]).astype(np.int64)
    assert not (found % 10**6).any()
    assert np.array_equal(np.delete(found, np.s_[::3]), np.delete(whole, np.s_[::3]) * 10**6)
    # the mean of the draws, to the millisecond
    drawn = np.array([np.asarray(table.table.decode(c)["t"]).astype(np.int64) for c in completions])
    mean = np.array([sum(map(int, column)) / 32 / 10**6 for column in drawn[:, ::3].T])
    assert np.abs(found[::3] / 10**6 - mean).max() <= 0.51


def test_means_at_the_ends_of_int64_do_not_wrap() -> None:
    ends = np.array([-(2**63), 2**63 - 1, 5, 2**62])
    table = TabularEncoder(mode="quantile").fit(pd.DataFrame({"a": ends}))
    Z = table.transform(pd.DataFrame({"a": ends}))
    X = pd.DataFrame({"a": pd.array([None], dtype="Int64")})
    rows = table.table.read(X, estimator=table)
    for low, high, expected in ((0, 1, 0), (1, 3, 2**62 + 2**61), (0, 0, -(2**63))):
        found = table.table.filled(X, rows, [Z[low : low + 1], Z[high : high + 1]])["a"][0]
        assert abs(int(found) - expected) <= 1024
        assert -(2**63) <= int(found) < 2**63


def test_a_time_that_was_read_is_the_one_that_is_asked_for() -> None:
    """Words in rows and in conditions mean the same."""
    column = STAMPS.tz_localize("America/New_York")
    table = encoder(column).table
    for time in column[:5]:
        for words in (
            time.isoformat(),
            str(time.tz_localize(None)),
            time.tz_convert("UTC").isoformat(),
        ):
            score = table.limits({"t": words})[0]
            assert table.obeying({"t": words}, np.array([[score]]))["t"][0] == time
    assert datetime.fromisoformat(str(column[0])) == column[0]


@pytest.mark.parametrize("step", [1, 2**62])
def test_few_values_at_the_ends_of_int64_are_averaged(step: int) -> None:
    values = [-(2**63), -(2**63) + step, 2**63 - 1]
    X = pd.DataFrame(
        {"a": pd.array([*values * 10, None], dtype="Int64"), "w": list("ab") * 15 + ["a"]}
    )
    encoder = TabularEncoder(max_levels=3).fit(X)
    assert encoder.blocks_[0].kind == "category"
    rows = encoder.table.read(X.tail(1), estimator=encoder)
    for codes, expected in (((0, 1, 1), values[1]), ((0, 2, 2), values[2])):
        completions = [np.array([[float(code), 0.0]]) for code in codes]
        found = encoder.table.filled(X.tail(1), rows, completions)["a"].iloc[0]
        assert found == expected


@pytest.mark.parametrize("wrap", [pd.DataFrame, pl.DataFrame])
def test_words_that_are_no_dates_of_the_format_of_fit(wrap: Any) -> None:
    words = [f"{day:02}/02/2024" for day in range(1, 25)]
    seen = wrap({"t": words, "w": ["a", "b"] * 12})
    X = wrap({"t": ["soon", "2024-02-03", "05/02/2024", None], "w": ["a", "z", "b", "a"]})
    told = (
        r"words that are no dates and unknown categories .*'t' \(2: 'soon', '2024-02-03'\), 'w' \(1"
    )
    with pytest.warns(UserWarning, match="dates"):
        encoder = TabularEncoder(handle_unknown="missing").fit(seen)
    with pytest.warns(UserWarning, match=told):
        codes = encoder.transform(X)
    assert np.isnan(codes).T.tolist() == [[True, True, False, True], [False, True, False, False]]
    assert codes[2, 0] == encoder.transform(seen)[4, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strict = TabularEncoder(handle_unknown="error").fit(seen)
    with pytest.raises(
        ValueError, match=r"'t' holds \['soon', '2024-02-03'\] \(row 0\).*'%d/%m/%Y'"
    ):
        strict.transform(X)
