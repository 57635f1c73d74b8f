"""Conditions become codes and scores, and decoded cells obey them to the last digit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.stats import norm

from sklatent import TabularEncoder
from sklatent.tabular._cells import is_missing
from tests.tabular.test_mixed_frames import ARROW, PANDAS, POLARS

RNG = np.random.default_rng(0)
N = 400
FRAME = pd.DataFrame(
    {
        "word": RNG.choice(["a", "b", "c"], N),
        "size": pd.Categorical(
            RNG.choice(["S", "M", "L"], N), categories=["S", "M", "L", "XL"], ordered=True
        ),
        "few": RNG.choice([0.5, 1.5, 4.0], N),
        "count": RNG.integers(0, 4000, N),
        "cents": np.round(np.exp(3 + RNG.normal(size=N)), 2),
        "real": RNG.normal(size=N),
        "single": RNG.normal(size=N).astype("float32"),
        "spike": np.where(RNG.random(N) < 0.4, 0.0, np.round(RNG.exponential(size=N), 3)),
        "flag": RNG.random(N) < 0.3,
        "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(RNG.permutation(N), unit="D"),
        "stamp": pd.to_datetime("2020-01-01")
        + pd.to_timedelta(RNG.integers(0, 10**16, N), unit="ns"),
        "zoned": pd.date_range("2024-03-01", periods=N, freq="h", tz="Europe/Berlin"),
        "wait": pd.to_timedelta(RNG.permutation(N), unit="s"),
        "empty": [None] * N,
        "same": "x",
    }
)
TABLE = TabularEncoder(mode="quantile", max_levels=10).fit(FRAME)
NAMES = list(FRAME.columns)


def limit(conditions: dict[Any, Any]) -> Any:
    (name,) = conditions
    return TABLE.table.limits(conditions)[NAMES.index(name)]


def settled(conditions: dict[Any, Any], seed: int = 0) -> pd.DataFrame:
    """Rows with scores anywhere within the limits, in the precision of the net."""
    rng = np.random.default_rng(seed)
    matrix = TABLE.transform(FRAME)
    for place, known in TABLE.table.limits(conditions).items():
        if isinstance(known, float):
            matrix[:, place] = known
        elif isinstance(known, tuple):
            drawn = norm.ppf(rng.uniform(*norm.cdf(known), size=N))
            drawn[:3], drawn[3:6] = np.nan_to_num(known, posinf=9, neginf=-9)
            matrix[:, place] = drawn.astype("float32")
        elif known.dtype == bool:
            matrix[:, place] = rng.choice(np.flatnonzero(known), N)
        else:
            matrix[:, place] = rng.choice(known[:, 0], N).astype("float32")
    frame = TABLE.table.obeying(conditions, matrix)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.dtypes) == list(FRAME.dtypes)
    return frame


REAL = FRAME["real"]
ONE_REAL = float(REAL[3])
LEAST = float(REAL.min())

OBEYED: dict[str, tuple[str, Any, Any]] = {
    "word": ("word", "b", lambda s: s == "b"),
    "words": ("word", ["a", "c"], lambda s: s.isin(["a", "c"])),
    "set of words": ("word", {"a", "c"}, lambda s: s.isin(["a", "c"])),
    "array of words": ("word", np.array(["a", "c"]), lambda s: s.isin(["a", "c"])),
    "series of words": ("word", pd.Series(["a", "c"]), lambda s: s.isin(["a", "c"])),
    "constant": ("same", "x", lambda s: s == "x"),
    "ordered": ("size", ("M", "L"), lambda s: (s >= "M") & (s <= "L")),
    "ordered, open below": ("size", (None, "M"), lambda s: s <= "M"),
    "ordered, open above": ("size", ("L", None), lambda s: s >= "L"),
    "level that was only declared": ("size", "XL", lambda s: s == "XL"),
    "few numbers": ("few", 1.5, lambda s: s == 1.5),
    "few numbers, range": ("few", (1, 9), lambda s: s.isin([1.5, 4.0])),
    "few numbers, list": ("few", [0.5, 4], lambda s: s.isin([0.5, 4.0])),
    "integer": ("count", 2100, lambda s: s == 2100),
    "integer, range": ("count", (2050.5, 2150.5), lambda s: s.between(2051, 2150)),
    "integer, one in the range": ("count", (2100, 2100), lambda s: s == 2100),
    "integer, list": ("count", [2100, 2107], lambda s: s.isin([2100, 2107])),
    "integer, NumPy's": ("count", np.int32(2100), lambda s: s == 2100),
    "cents": ("cents", 20.31, lambda s: s == 20.31),
    "cents, range": ("cents", (20.305, 20.334), lambda s: s.isin([20.31, 20.32, 20.33])),
    "cents, open": ("cents", (50, None), lambda s: s >= 50),
    "cents, infinite": ("cents", (-np.inf, 10.0), lambda s: s <= 10),
    "real, seen": ("real", ONE_REAL, lambda s: s == ONE_REAL),
    "real, between": ("real", 0.123456789, lambda s: s == 0.123456789),
    "real, list": ("real", [0.1, ONE_REAL], lambda s: s.isin([0.1, ONE_REAL])),
    "real, range": ("real", (0.1, 0.3), lambda s: s.between(0.1, 0.3)),
    "real, narrow": ("real", (0.1, 0.1 + 1e-12), lambda s: s.between(0.1, 0.1 + 1e-12)),
    "real, no width": ("real", (0.1, 0.1), lambda s: s == 0.1),
    "real, least": ("real", (None, LEAST), lambda s: s == LEAST),
    "single, between": ("single", 0.1, lambda s: s == np.float32(0.1)),
    "single, range": ("single", (0.1, 0.3), lambda s: s.between(0.1, 0.3)),
    "spike": ("spike", 0, lambda s: s == 0),
    "spike, range": ("spike", (0, 0), lambda s: s == 0),
    "beside the spike": ("spike", (0.001, None), lambda s: s > 0),
    "yes": ("flag", True, lambda s: s),
    "no": ("flag", 0, lambda s: ~s),
    "both": ("flag", (False, True), lambda s: s | ~s),
    "day in words": ("day", "2020-03-01", lambda s: s == "2020-03-01"),
    "day": ("day", date(2020, 3, 1), lambda s: s == "2020-03-01"),
    "days": (
        "day",
        [datetime(2020, 3, 1), pd.Timestamp("2020-03-02"), np.datetime64("2020-03-03")],
        lambda s: s.between("2020-03-01", "2020-03-03"),
    ),
    "days, range": (
        "day",
        ("2020-03-01", "2020-03-31"),
        lambda s: s.between("2020-03-01", "2020-03-31"),
    ),
    # half a day: the first whole one behind it
    "days, from noon": ("day", ("2020-03-01T12", None), lambda s: s >= "2020-03-02"),
    "days, to the end of time": ("day", ("2020-12-01", "9999-12-31"), lambda s: s >= "2020-12-01"),
    "moment": ("stamp", FRAME["stamp"][7], lambda s: s == FRAME["stamp"][7]),
    "moments, range": (
        "stamp",
        ("2020-02-01", "2020-02-02"),
        lambda s: s.between("2020-02-01", "2020-02-02"),
    ),
    "moments, to the end of time": (
        "stamp",
        ("2020-03-01", "9999-12-31"),
        lambda s: s >= "2020-03-01",
    ),
    # 12:00 on the clocks of Berlin is 11:00 in UTC
    "clock": (
        "zoned",
        "2024-03-02T12:00",
        lambda s: s == pd.Timestamp("2024-03-02 11:00", tz="UTC"),
    ),
    "other zone": (
        "zoned",
        datetime(2024, 3, 2, 11, tzinfo=UTC),
        lambda s: s == pd.Timestamp("2024-03-02 12:00", tz="Europe/Berlin"),
    ),
    "clock and offset": (
        "zoned",
        "2024-03-02T20:00+09:00",
        lambda s: s == pd.Timestamp("2024-03-02 11:00", tz="UTC"),
    ),
    "offsets, range": (
        "zoned",
        ("2024-03-02T20:00+09:00", "2024-03-02T12:00:00Z"),
        lambda s: s.between(
            pd.Timestamp("2024-03-02 11:00", tz="UTC"), pd.Timestamp("2024-03-02 12:00", tz="UTC")
        ),
    ),
    "wait": ("wait", timedelta(seconds=30), lambda s: s == pd.Timedelta("30s")),
    "wait in words": ("wait", "0 days 00:00:30", lambda s: s == pd.Timedelta("30s")),
    "wait, ISO": ("wait", ["PT30S", "PT1M"], lambda s: s.dt.total_seconds().isin([30, 60])),
    "waits in words": (
        "wait",
        ("1 min", "2 minutes"),
        lambda s: s.between(pd.Timedelta("60s"), pd.Timedelta("120s")),
    ),
    "waits": (
        "wait",
        (pd.Timedelta("29.5s"), np.timedelta64(31, "s")),
        lambda s: s.isin(pd.to_timedelta([30, 31], unit="s")),
    ),
}


@pytest.mark.parametrize("case", OBEYED)
def test_every_row_obeys(case: str) -> None:
    name, wanted, obeys = OBEYED[case]
    assert obeys(settled({name: wanted})[name]).all()


IMPOSSIBLE: dict[str, tuple[Any, str]] = {
    "unknown column": ({"nope": 1}, r"column 'nope', which fit has not seen.*'word'"),
    "unknown word": ({"word": "z"}, r"'word' asks for 'z', .*training rows hold a, b, c"),
    "unknown among others": ({"word": ["a", "z"]}, r"'word' asks for 'z'"),
    "unknown level": ({"size": ("M", "XXL")}, r"'size'.*\('M', 'XXL'\).*hold S, M, L, XL"),
    "levels reversed": ({"size": ("L", "S")}, r"'size' asks for \('L', 'S'\)"),
    "range of words": ({"word": ("a", "b")}, r"'word' is a range, .*without an order: give the l"),
    "empty list": ({"word": []}, "'word' allows no value"),
    "empty set": ({"count": set()}, "'count' allows no value"),
    "triple": ({"count": (1, 2, 3)}, "'count' is a tuple of 3; a range is a tuple of two"),
    "single": ({"few": (1,)}, "'few' is a tuple of 1"),
    "missing word": ({"word": None}, "'word' asks for a missing cell"),
    "missing among words": ({"word": ["a", None]}, "'word' asks for a missing cell"),
    "missing number": ({"cents": np.nan}, "'cents' asks for a missing cell"),
    "missing end": ({"cents": (np.nan, 3)}, "'cents' asks for a missing cell"),
    "missing end of few": ({"few": (np.nan, 3)}, "'few' asks for a missing cell"),
    "missing day": ({"day": None}, "'day' asks for a missing cell"),
    "pandas' missing day": ({"day": (pd.NaT, None)}, "'day' asks for a missing cell"),
    "outside": ({"cents": 1e9}, r"'cents' asks for 1000000000.0, .*training rows go from"),
    "range outside": ({"cents": (1e9, None)}, r"'cents'.*training rows go from"),
    "range reversed": ({"cents": (30, 20)}, r"'cents' asks for \(30, 20\)"),
    "too fine": ({"cents": 20.3112}, r"'cents' asks for 20.3112"),
    "range between cents": ({"cents": (20.312, 20.318)}, r"'cents' asks for \(20.312, 20.318\)"),
    "half": ({"count": 2100.5}, r"'count' asks for 2100.5"),
    "between few": ({"few": 1.0}, r"'few' asks for 1.0, .*training rows hold 0.5, 1.5, 4.0"),
    "range between few": ({"few": (2, 3)}, r"'few' asks for \(2, 3\)"),
    "number for a word": ({"word": 3}, r"'word' .*holds numbers, but held words in fit"),
    "word for a number": ({"cents": "x"}, r"'cents' .*holds words, but held numbers in fit"),
    "infinity": ({"cents": np.inf}, "'cents' .*infinity"),
    "half true": ({"flag": 0.5}, r"'flag' asks for 0.5, .*training rows hold False, True"),
    "no date": ({"day": "soon"}, r"'day' holds \['soon'\], which are not all dates"),
    "number for a date": ({"day": 20200301}, "'day' .*not all dates"),
    "noon": ({"day": "2020-03-01T12"}, "'day' asks for .*training rows go from 2020-01-01"),
    "beyond all dates": ({"stamp": "9999-12-31"}, "'stamp' asks for"),
    "no wait": ({"wait": "long"}, "'wait' .*not all durations"),
    "never there": ({"empty": "x"}, "'empty' asks for 'x', .*all its cells were missing in fit"),
    "other constant": ({"same": "y"}, "'same' asks for 'y', .*training rows hold x"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_conditions_say_what_the_column_holds(case: str) -> None:
    conditions, words = IMPOSSIBLE[case]
    with pytest.raises(ValueError, match=words):
        TABLE.table.limits(conditions)


WITHOUT = [
    "2024-01-10",
    datetime(2024, 3, 2),
    date(2024, 3, 2),
    np.datetime64("2024-03-02"),
    pd.Timestamp("2024-03-02"),
]
WITH = [
    "2024-03-02T12:00+09:00",
    datetime(2024, 3, 2, tzinfo=UTC),
    pd.Timestamp("2024-03-02", tz="Asia/Tokyo"),
]


@pytest.mark.parametrize("wanted", WITH)
@pytest.mark.parametrize("name", ["day", "stamp"])
def test_times_with_a_zone_where_the_column_has_none(name: str, wanted: Any) -> None:
    for condition in (wanted, [wanted], (wanted, None)):
        with pytest.raises(TypeError, match=rf"'{name}' asks for .*: it has a time zone, which"):
            TABLE.table.limits({name: condition})


@pytest.mark.parametrize("wanted", WITHOUT[1:])
def test_times_without_a_zone_where_the_column_has_one(wanted: Any) -> None:
    for condition in (wanted, [wanted], (None, wanted)):
        with pytest.raises(TypeError, match=r"'zoned' asks for .*no time zone.* Europe/Berlin"):
            TABLE.table.limits({"zoned": condition})


def tables_of_each_kind() -> dict[str, Any]:
    return {
        **{f"pandas {kind}": column.to_frame("a") for kind, column in PANDAS.items()},
        **{f"polars {kind}": pl.DataFrame({"a": column}) for kind, column in POLARS.items()},
        **{f"arrow {kind}": pa.table({"a": column}) for kind, column in ARROW.items()},
    }


EACH_KIND = tables_of_each_kind()


@pytest.mark.parametrize("kind", EACH_KIND)
def test_cells_of_every_kind_can_be_asked_for(kind: str) -> None:
    X = EACH_KIND[kind]
    table = TabularEncoder(mode="quantile").fit(X).table
    cells = [cell for cell in nw.from_native(X)["a"].to_list() if not is_missing(cell)]
    column = table.columns[0]
    ordered = column["store"].get("ordered") or column["store"]["dtype"] == "Enum"
    for cell in cells:
        for wanted in (cell, [cell], (cell, cell)):
            if isinstance(wanted, tuple) and column["family"] == "label" and not ordered:
                continue
            limit = table.limits({"a": wanted})[0]
            if isinstance(limit, np.ndarray) and limit.dtype == bool:
                limit = np.flatnonzero(limit)
            score = np.clip(np.ravel(limit)[0], -9, 9)
            found = table.obeying({"a": wanted}, np.full((2, 1), score, dtype=float))
            assert nw.from_native(found)["a"].to_list() == [cell] * 2


# Neighbours as float64 has them.
HUGE = [2**64 - 2048 * i for i in range(1, 41)]
HUGE_COLUMNS: list[Any] = [
    pd.Series(np.array(HUGE, dtype="uint64")),
    pd.Series(HUGE, dtype="UInt64"),
    pd.Series(HUGE, dtype=object),
    pl.Series(HUGE, dtype=pl.UInt64),
    pl.Series(HUGE, dtype=pl.Int128),
    pl.Series(HUGE, dtype=pl.Int128).cast(pl.Decimal(30, 0)),
]


def huge_table(column: Any, few: bool) -> Any:
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    how: dict[str, Any] = {"categorical_features": ["id"]} if few else {}
    return TabularEncoder(mode="quantile", **how).fit(frame({"id": column})).table


@pytest.mark.parametrize("few", [False, True], ids=["number", "category"])
@pytest.mark.parametrize("column", HUGE_COLUMNS, ids=lambda c: f"{type(c).__module__} {c.dtype}")
def test_conditions_on_huge_integers_are_exact_or_an_error(column: Any, few: bool) -> None:
    table = huge_table(column, few)
    for wanted in (HUGE[3], [HUGE[3]], Decimal(HUGE[3]), (HUGE[3], HUGE[3])):
        limit = table.limits({"id": wanted})[0]
        if few:
            code = np.flatnonzero(limit)[0] if isinstance(limit, np.ndarray) else limit
            assert table.columns[0]["levels"][int(code)] == HUGE[3]
            continue
        score = limit if isinstance(limit, float) else np.ravel(limit)[0]
        found = table.obeying({"id": wanted}, np.full((5, 1), score))["id"]
        assert list(map(int, found)) == [HUGE[3]] * 5
        assert found.dtype == column.dtype
    for between in (HUGE[3] - 1, HUGE[3] + 1, Decimal(HUGE[3] - 1)):
        for wanted in (between, [HUGE[3], between], (None, between)):
            with pytest.raises(ValueError, match=r"'id' asks for .*, which cannot be told from"):
                table.limits({"id": wanted})
    # beyond all that the column has
    assert np.all(np.isinf(table.limits({"id": (0, 2**100 + 1)})[0])) or few


@pytest.mark.parametrize("container", ["pandas", "polars", "array"])
def test_conditions_at_the_ends_of_int64_do_not_wrap(container: str) -> None:
    ends = [-(2**63), 2**63 - 1]
    cells = np.array([*ends, *np.random.default_rng(1).integers(*ends, 200)])
    name: Any = 0 if container == "array" else "a"
    X: Any = {"a": cells}
    if container == "array":
        X = np.array([cells, cells]).T.astype(object)
    else:
        X = pd.DataFrame(X) if container == "pandas" else pl.DataFrame(X)
    table = TabularEncoder(mode="quantile").fit(X).table
    scores = np.tile(np.linspace(-9, 9, 500)[:, None], X.shape[1])
    for low, high in ((ends[0], 0), (0, ends[1]), (None, -1), (-(2**70), 2**70)):
        limit = table.limits({name: (low, high)})[0]
        found = table.obeying({name: (low, high)}, np.clip(scores, *limit))
        found = np.asarray(found)[:, 0].astype(object)
        assert all((low is None or low <= cell) and cell <= high for cell in found)
        assert len(set(found)) > 50
    for value in ends:
        limit = table.limits({name: value})[0]
        found = table.obeying({name: value}, np.full(scores.shape, limit))
        assert set(np.asarray(found)[:, 0]) == {value}
    found = np.asarray(table.obeying({name: ends}, scores))[:, 0]
    assert (found[scores[:, 0] < -1] == ends[0]).all()
    assert (found[scores[:, 0] > 1] == ends[1]).all()


def test_neighbours_that_floats_cannot_tell_apart_are_both_drawn() -> None:
    ids = pd.DataFrame({"id": 2**62 + np.arange(20) * 3})
    table = TabularEncoder(mode="quantile").fit(ids).table
    asked = [2**62 + 9, 2**62 + 12]
    limits = table.limits({"id": asked})[0]
    found = table.obeying({"id": asked}, limits[:, :1])["id"]
    assert found.tolist() == asked


@pytest.mark.parametrize("wrong", [[("word", "a")], "word", 3])
def test_conditions_are_a_mapping(wrong: Any) -> None:
    with pytest.raises(TypeError, match="conditions must be a mapping"):
        TABLE.table.limits(wrong)


def test_a_cell_of_a_kind_that_no_column_has() -> None:
    with pytest.raises(TypeError, match=r"'cents' .*string or a number"):
        TABLE.table.limits({"cents": {"a": 1}})


def test_whole_range_is_no_limit() -> None:
    for name in ("count", "cents", "real", "spike", "day"):
        assert limit({name: (None, None)}) == (-np.inf, np.inf)
        assert limit({name: (FRAME[name].min(), FRAME[name].max())}) == (-np.inf, np.inf)
    assert limit({"few": (None, None)}).all()
    assert limit({"size": (None, None)}).all()


def test_ranges_of_a_grid_cover_it_without_gaps() -> None:
    """Where one range ends the next one begins, so that their probabilities add up."""
    for name, step in (("cents", 0.01), ("count", 1)):
        cut = float(FRAME[name].median()) + 20 * step
        cut = round(cut, 2) if name == "cents" else int(cut)
        assert cut not in set(FRAME[name])
        below, above = limit({name: (None, cut)}), limit({name: (round(cut + step, 2), None)})
        assert below[1] == pytest.approx(above[0], abs=1e-9)


def test_a_tie_has_the_interval_of_its_share() -> None:
    low, high = limit({"spike": (0, 0)})
    assert low == -np.inf
    assert norm.cdf(high) == pytest.approx((FRAME["spike"] == 0).mean(), abs=1e-6)
    rows = limit({"spike": [0, float(FRAME["spike"].max())]})
    assert rows.shape == (2, 3)
    assert (rows[:, 1] < rows[:, 0]).all()
    assert (rows[:, 0] < rows[:, 2]).all()
    # most of the rows that are either have the tie
    share = np.diff(norm.cdf(rows[:, 1:]), axis=1)[:, 0]
    assert share[0] > 50 * share[1]


def test_values_of_one_width_count_by_their_density() -> None:
    rows = limit({"real": [0.0, 2.0]})
    share = np.diff(norm.cdf(rows[:, 1:]), axis=1)[:, 0]
    seen = [(np.abs(REAL - at) < 0.2).mean() for at in (0.0, 2.0)]
    assert 0 < share[1] < share[0]
    assert share[0] / share[1] == pytest.approx(seen[0] / seen[1], rel=0.9)


def test_polars_has_the_same_limits() -> None:
    columns = ["word", "few", "count", "cents", "real", "spike", "flag", "day", "stamp", "wait"]
    other = pl.DataFrame({name: FRAME[name].to_numpy() for name in columns})
    other = other.with_columns(
        size=pl.Series(FRAME["size"].to_list(), dtype=pl.Enum(["S", "M", "L", "XL"]))
    )
    table = TabularEncoder(mode="quantile", max_levels=10).fit(other)
    for name, wanted, _ in OBEYED.values():
        if name not in other.columns or isinstance(wanted, pd.Series):
            continue
        found = table.table.limits({name: wanted})
        expected = limit({name: wanted})
        np.testing.assert_allclose(
            np.asarray(found[other.columns.index(name)], float), np.asarray(expected, float)
        )
    categories = pl.DataFrame({"size": pl.Series(["S", "M"] * 5, dtype=pl.Categorical)})
    table = TabularEncoder(mode="quantile").fit(categories)
    with pytest.raises(ValueError, match="without an order"):
        table.table.limits({"size": ("S", None)})


def test_columns_of_an_array_go_by_position() -> None:
    X = np.array([["a", 1.5], ["b", 2.5], ["a", 3.5]], dtype=object)
    table = TabularEncoder().fit(X)
    found = table.table.limits({0: "b", np.int64(1): (2.0, None)})
    assert found[0] == 1.0
    assert found[1][1] == np.inf
    with pytest.raises(ValueError, match="column 2, which fit has not seen"):
        table.table.limits({2: "b"})
