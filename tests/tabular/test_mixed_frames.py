"""Words, dates, categories and missing cells: every kind of column back as it was."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal

from sklatent import TabularEncoder

WORDS = ["pear", "fig", None, "apple", "fig", "fig"]
NUMBERS = [3, 1, None, 7, 1, 2**60 + 1]
HALVES = [0.5, None, 2.25, -1.0, 0.5, 1e6]
FLAGS = [True, None, False, True, True, False]
DAYS = [
    date(2020, 1, 3),
    date(1969, 12, 31),
    None,
    date(2020, 1, 3),
    date(2021, 5, 6),
    date(1, 1, 1),
]
TIMES = [
    datetime(2020, 1, 3, 4, 5, 6, 789123),
    None,
    datetime(1960, 12, 31),
    datetime(2020, 1, 3),
    datetime(2020, 1, 3),
    datetime(2021, 7, 1, 12),
]
GAPS = [
    timedelta(days=3),
    timedelta(microseconds=-7),
    None,
    timedelta(0),
    timedelta(0),
    timedelta(1),
]


def round_trip(X: Any, **params: Any) -> Any:
    encoder = TabularEncoder(mode="quantile", **params).fit(X)
    Z = encoder.transform(X)
    assert Z.shape == X.shape
    back = encoder.inverse_transform(Z)
    assert np.array_equal(encoder.transform(back), Z, equal_nan=True)
    copy = pickle.loads(pickle.dumps(encoder))
    assert np.array_equal(copy.transform(X), Z, equal_nan=True)
    return copy.inverse_transform(Z)


def zoned(unit: str) -> pd.Series:
    return pd.Series(pd.to_datetime(TIMES)).dt.as_unit(unit).dt.tz_localize("Europe/Paris")


PANDAS: dict[str, Any] = {
    "str": pd.Series(WORDS),
    "string[python]": pd.Series(WORDS, dtype="string[python]"),
    "string[pyarrow]": pd.Series(WORDS, dtype=pd.StringDtype("pyarrow")),
    "object": pd.Series(WORDS, dtype=object),
    "object with NaN": pd.Series([*WORDS[:2], np.nan, *WORDS[3:]], dtype=object),
    "object of numbers": pd.Series([1, 2, None, 2, 2, 7], dtype=object),
    "object of booleans": pd.Series(FLAGS, dtype=object),
    "object of dates": pd.Series(DAYS, dtype=object),
    "object of nothing": pd.Series([None] * 6, dtype=object),
    "category": pd.Series(WORDS, dtype="category"),
    "ordered": pd.Series(pd.Categorical(WORDS, ["pear", "never", "fig", "apple"], ordered=True)),
    "category of integers": pd.Series(pd.Categorical([3, 1, None, 1, 1, 3], [7, 3, 1])),
    "category of floats": pd.Series(pd.Categorical([0.5, 1, None, 1, 1, 0.5])),
    "category of objects": pd.Series(
        pd.Categorical(
            pd.Series(WORDS, dtype=object), pd.Index([*WORDS[:2], "apple"], dtype=object)
        )
    ),
    "intervals": pd.cut(pd.Series(HALVES), [-2, 0, 1, 2, 5]),
    "closed intervals": pd.Series(pd.cut([1, 2, 3, 4, 5, 6], [1, 3, 9], right=False)),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1.5, 0, 0, 0])),
    "empty category": pd.Series(pd.Categorical([None] * 6)),
    "Int64": pd.Series(NUMBERS, dtype="Int64"),
    "UInt8": pd.Series([3, 1, None, 7, 1, 255], dtype="UInt8"),
    "boolean": pd.Series(FLAGS, dtype="boolean"),
    "Float32": pd.Series(HALVES, dtype="Float32"),
    "Float64": pd.Series(HALVES, dtype="Float64"),
    "float32": pd.Series(HALVES, dtype="float32"),
    "float64": pd.Series(HALVES, dtype="float64"),
    "all missing": pd.Series([np.nan] * 6),
    "bool": pd.Series([True, False] * 3),
    "constant bool": pd.Series([True] * 6),
    "int64": pd.Series([-(2**63), 2**63 - 1, 0, 0, 1, 5]),
    "uint64": pd.Series([2**64 - 2**11, 0, 1, 1, 1, 5], dtype="uint64"),
    "int8": pd.Series([-128, 127, 0, 0, 1, 5], dtype="int8"),
    "float16": pd.Series([*HALVES[:5], 3], dtype="float16"),
    **{
        f"datetime64[{u}]": pd.Series(pd.to_datetime(TIMES)).dt.as_unit(u)
        for u in ("s", "us", "ns")
    },
    **{f"datetime64[{u}, Paris]": zoned(u) for u in ("us", "ns")},
    "fixed offset": pd.Series(pd.to_datetime(TIMES)).dt.tz_localize("+01:30"),
    "no time": pd.Series(pd.to_datetime([None] * 6)),
    "timedelta": pd.Series(pd.to_timedelta(GAPS)).dt.as_unit("ns"),
    **{
        f"{kind}[pyarrow]": pd.Series(cells, dtype=pd.ArrowDtype(kind))
        for kind, cells in [
            (pa.string(), WORDS),
            (pa.large_string(), WORDS),
            (pa.dictionary(pa.int32(), pa.string()), WORDS),
            (pa.int64(), NUMBERS),
            (pa.float64(), HALVES),
            (pa.bool_(), FLAGS),
            (pa.date32(), DAYS),
            (pa.timestamp("us", tz="Europe/Paris"), [t and t.astimezone() for t in TIMES]),
            (pa.duration("us"), GAPS),
        ]
    },
}


@pytest.mark.parametrize("kind", PANDAS)
def test_pandas(kind: str) -> None:
    X = PANDAS[kind].to_frame("a")
    assert_frame_equal(round_trip(X), X, check_exact=True)
    with_words = X.assign(w=WORDS)
    assert_frame_equal(round_trip(with_words), with_words, check_exact=True)


def test_pandas_together_with_odd_names() -> None:
    X = pd.DataFrame(dict(enumerate(PANDAS.values())))
    assert_frame_equal(round_trip(X), X, check_exact=True)


POLARS: dict[str, pl.Series] = {
    "String": pl.Series(WORDS),
    "Categorical": pl.Series(WORDS, dtype=pl.Categorical),
    "Enum": pl.Series(WORDS, dtype=pl.Enum(["pear", "never", "fig", "apple"])),
    "Boolean": pl.Series(FLAGS),
    "Int64": pl.Series(NUMBERS),
    "UInt8": pl.Series([3, 1, None, 7, 1, 255], dtype=pl.UInt8),
    "Float32": pl.Series(HALVES, dtype=pl.Float32),
    "Float64": pl.Series(HALVES),
    "Null": pl.Series([None] * 6),
    "no words": pl.Series([None] * 6, dtype=pl.String),
    "no category": pl.Series([None] * 6, dtype=pl.Categorical),
    "Date": pl.Series(DAYS),
    **{f"Datetime {u}": pl.Series(TIMES).dt.cast_time_unit(u) for u in ("ms", "us", "ns")},
    "Datetime Paris": pl.Series(TIMES).dt.replace_time_zone("Europe/Paris"),
    "Duration": pl.Series(GAPS),
    "Duration ns": pl.Series(GAPS).cast(pl.Duration("ns")),
}


@pytest.mark.parametrize("kind", POLARS)
def test_polars(kind: str) -> None:
    X = pl.DataFrame({"a": POLARS[kind]})
    assert_polars_equal(round_trip(X), X, check_exact=True)


def test_polars_together() -> None:
    X = pl.DataFrame(POLARS)
    assert_polars_equal(round_trip(X), X, check_exact=True)


ARROW: dict[str, pa.Array] = {
    "string": pa.array(WORDS),
    "large_string": pa.array(WORDS, pa.large_string()),
    "string_view": pa.array(WORDS, pa.string_view()),
    "dictionary": pa.array(WORDS).dictionary_encode(),
    "ordered dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0, 2, None, 0, 0, 2], pa.int8()), pa.array(["b", "a", "c"]), ordered=True
    ),
    "dictionary of integers": pa.array([3, 1, None, 1, 1, 3]).dictionary_encode(),
    "bool": pa.array(FLAGS),
    "int64": pa.array(NUMBERS),
    "int8": pa.array([1, 2, None, 1, 1, -128], pa.int8()),
    "halffloat": pa.array(np.array([1, 2, 3, 1, 1, 0.5], dtype="float16")),
    "double": pa.array(HALVES),
    "null": pa.nulls(6),
    "date32": pa.array(DAYS),
    "date64": pa.array(DAYS, pa.date64()),
    **{
        f"timestamp {u}": pa.array(TIMES).cast(pa.timestamp(u), safe=False)
        for u in ("s", "us", "ns")
    },
    "timestamp Paris": pa.array(TIMES).cast(pa.timestamp("us", "Europe/Paris")),
    "duration": pa.array(GAPS),
}


@pytest.mark.parametrize("kind", ARROW)
def test_pyarrow(kind: str) -> None:
    X = pa.table({"a": ARROW[kind]})
    assert round_trip(X).equals(X)


def test_pyarrow_in_pieces() -> None:
    X = pa.table(ARROW)
    X = pa.concat_tables([X.slice(0, 2), X.slice(2)])
    back = round_trip(X)
    assert back.schema == X.schema
    assert back.to_pydict() == X.to_pydict()


@pytest.mark.parametrize("kind", ["object", "float64", "float32", "int64", "list", "strings"])
def test_arrays(kind: str) -> None:
    cells = [
        ["a", 1, 0.5, True, None],
        ["b", 2, None, False, None],
        ["a", 2**60 + 1, 0.25, None, None],
    ]
    if kind in ("object", "list"):
        X = cells if kind == "list" else np.array(cells, dtype=object)
        back = TabularEncoder().fit(X).inverse_transform(TabularEncoder().fit_transform(X))
        assert back.dtype == object
        assert back.tolist() == cells
        assert {type(cell) for cell in back.ravel()} <= {str, int, float, bool, type(None)}
    elif kind == "strings":
        X = np.array([["a", "1"], ["b", "2"]])
        back = round_trip(X)
        assert back.tolist() == X.tolist()
    else:
        X = np.array([[1, 2], [3, 5], [7, 5]]).astype(kind)
        back = round_trip(X)
        assert back.dtype == ("float32" if kind == "float32" else "float64")
        assert np.array_equal(back, X)


def test_another_library_or_unit_than_in_fit() -> None:
    columns = ["String", "Categorical", "Enum", "Boolean", "Int64", "Float64", "Date"]
    columns += ["Datetime us", "Datetime ns", "Datetime Paris", "Duration"]
    X = pl.DataFrame({name: POLARS[name] for name in columns})
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    arrow = X.to_arrow()
    assert np.array_equal(encoder.transform(arrow), Z, equal_nan=True)
    assert np.array_equal(
        encoder.transform(X.to_pandas(use_pyarrow_extension_array=True)), Z, equal_nan=True
    )
    back = TabularEncoder().fit(arrow).inverse_transform(Z)
    assert isinstance(back, pa.Table)
