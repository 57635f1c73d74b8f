"""Tables of any library become the same matrices; what cannot be compared is named."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent.metrics._tables import read_tables

nan = np.nan
DAY = datetime.datetime(2020, 1, 1)


def columns_in_pandas() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "float": [1.5, None, 2.0],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "word": ["b", None, "a"],
            "day": pd.to_datetime([DAY, None, DAY]),
            "zone": pd.to_datetime([DAY, None, DAY]).tz_localize("UTC"),
            "span": pd.to_timedelta([1, None, 3], unit="h"),
        }
    )


EXPECTED = {
    "whole": ("number", [1, 2, 3]),
    "float": ("number", [1.5, nan, 2]),
    "nullable": ("number", [1, nan, 3]),
    "flag": ("bool", [1, 0, 1]),
    "maybe": ("bool", [1, nan, 0]),
    "word": ("category", [1, nan, 0]),
    "day": ("date", [1577836800e6, nan, 1577836800e6]),
    "zone": ("date", [1577836800e6, nan, 1577836800e6]),
    "span": ("duration", [3600e6, nan, 3 * 3600e6]),
}


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "pandas with arrow dtypes"])
def test_kinds_and_missing_cells(library: str) -> None:
    frame: Any = columns_in_pandas()
    if library in ("polars", "pyarrow"):
        frame = pl.from_pandas(frame)
    if library == "pyarrow":
        frame = frame.to_arrow()
    if "arrow dtypes" in library:
        frame = pl.from_pandas(frame).to_pandas(use_pyarrow_extension_array=True)
    tables = read_tables({"a": frame, "b": columns_in_pandas()}, 1)
    for column, cells, same in zip(tables.columns, *(m.T for m in tables.matrices), strict=True):
        kind, values = EXPECTED[column.name]
        assert column.kind == kind, column.name
        np.testing.assert_array_equal(cells, values, err_msg=column.name)
        np.testing.assert_array_equal(same, values, err_msg=column.name)


def test_cells_of_python_objects() -> None:
    frame = pd.DataFrame(
        {
            "mixed": ["x", 1, None],
            "numbers": [1, 2.5, None],
            "flags": [True, None, False],
            "days": [DAY.date(), None, DAY],
            "spans": [datetime.timedelta(hours=1), None, datetime.timedelta(0)],
            "none": [None, nan, pd.NA],
        },
        dtype=object,
    )
    for table in (frame, frame.to_numpy(), frame.to_numpy().tolist()):
        tables = read_tables({"a": table}, 1)
        assert [c.kind for c in tables.columns] == (
            ["category", "number", "bool", "date", "duration", "category"]
        )
        assert tables.columns[0].levels == ("1", "x")
        assert tables.columns[2].levels == ("False", "True")
        np.testing.assert_array_equal(tables.matrices[0][:, 0], [1, 0, nan])
        np.testing.assert_array_equal(tables.matrices[0][:, 4], [3600e6, nan, 0])
        assert np.isnan(tables.matrices[0][:, 5]).all()


def test_levels_of_real_tables_have_codes_and_others_share_one() -> None:
    kinds = pd.CategoricalDtype(["low", "high", "unused"], ordered=True)
    real = pd.DataFrame({"c": pd.Series(["low", "high", None], dtype=kinds)})
    synthetic = pl.DataFrame({"c": ["high", "new", "newer", None]})
    tables = read_tables({"real": real, "synthetic": synthetic}, 1)
    assert tables.columns[0].levels == ("low", "high")
    np.testing.assert_array_equal(tables.matrices[1][:, 0], [1, 2, 2, nan])


def test_numbers_as_levels_are_sorted_and_compare_across_types() -> None:
    real = pd.DataFrame({"c": pd.Categorical([10, 9, 1])})
    synthetic = pd.DataFrame({"c": [9.0, 1.0, 10.0]})
    tables = read_tables({"real": real, "synthetic": synthetic}, 1)
    assert tables.columns[0].levels == ("1", "9", "10")
    np.testing.assert_array_equal(tables.matrices[1][:, 0], [1, 0, 2])
    flags = pd.DataFrame({"c": [True, False, True]})
    tables = read_tables({"real": flags, "synthetic": pd.DataFrame({"c": [0, 1, 0]})}, 1)
    np.testing.assert_array_equal(tables.matrices[1][:, 0], [0, 1, 0])


def test_order_of_columns_follows_the_first_table() -> None:
    a = pd.DataFrame({"x": [1.0], "y": [2.0]})
    tables = read_tables({"a": a, "b": a[["y", "x"]], "c": a.to_numpy()}, 1)
    for matrix in tables.matrices:
        np.testing.assert_array_equal(matrix, [[1, 2]])


def test_a_column_without_known_cells_takes_the_kind_of_the_others() -> None:
    empty = pd.DataFrame({"x": [None, None]})
    known = pd.DataFrame({"x": [1.0, 2.0]})
    tables = read_tables({"a": empty, "b": known}, 1)
    assert tables.columns[0].kind == "number"
    assert np.isnan(tables.matrices[0]).all()


def test_numbers_of_float32_equal_themselves_in_float64() -> None:
    real = pd.DataFrame({"x": np.array([0.1, 0.2], dtype=np.float32)})
    tables = read_tables({"a": real, "b": pd.DataFrame({"x": [0.1, 0.2]})}, 1)
    np.testing.assert_array_equal(*tables.matrices)


FRAME = pd.DataFrame({"x": [1.0, 2.0], "word": ["a", "b"]})


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (FRAME.drop(columns="word"), ValueError, "yet missing in b: 'word'"),
        (FRAME.assign(z=1), ValueError, "unseen in a: 'z'"),
        (FRAME.assign(x="a"), ValueError, "'x' holds numbers in a, but strings .* in b"),
        (FRAME.assign(x=DAY), ValueError, "'x' holds numbers in a, but dates in b"),
        (FRAME.assign(x=[1, np.inf]), ValueError, r"infinity \(column 'x'\)"),
        (FRAME.assign(x=[[1], [2]]), TypeError, "column 'x' of b, row 0: got list"),
        (np.zeros((2, 3)), ValueError, "b has 3 features, but a has 2"),
        (np.zeros(2), ValueError, "Expected 2D array, got 1D array instead: b"),
        (np.zeros((2, 2), dtype=complex), TypeError, "column 0 of b .* complex"),
        (FRAME.set_axis(["x", "x"], axis=1), ValueError, "columns of b must have different names"),
        (pl.DataFrame({"x": [[1.0]], "word": ["a"]}), TypeError, "column 'x' of b .* List"),
    ],
)
def test_tables_that_cannot_be_compared(other: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_tables({"a": FRAME, "b": other}, 1)


NAIVE = pd.DataFrame({"t": pd.to_datetime([DAY, DAY, None])})
AWARE = pd.DataFrame({"t": NAIVE["t"].dt.tz_localize("America/New_York")})


@pytest.mark.parametrize("as_library", [lambda X: X, pl.from_pandas, lambda X: X.astype(object)])
def test_dates_with_and_without_a_time_zone_are_not_compared(as_library: Any) -> None:
    naive, aware = as_library(NAIVE), as_library(AWARE)
    with pytest.raises(ValueError, match=r"'t' have no time zone in a, but a time zone in b"):
        read_tables({"a": naive, "b": aware}, 1)
    with pytest.raises(ValueError, match=r"'t' have a time zone in a, but no time zone in b"):
        read_tables({"a": aware, "b": naive}, 1)
    # the same instants, whatever clocks show
    utc = AWARE.assign(t=AWARE["t"].dt.tz_convert("Etc/GMT-14"))
    tables = read_tables({"a": aware, "b": utc, "c": aware}, 1)
    for matrix in tables.matrices:
        np.testing.assert_array_equal(matrix[:, 0], [1577836800e6 + 5 * 3600e6] * 2 + [nan])


def test_record_batches_are_read_by_name() -> None:
    batch = pa.RecordBatch.from_pandas(FRAME[["word", "x"]])
    tables = read_tables({"a": FRAME, "b": batch}, 1)
    np.testing.assert_array_equal(*tables.matrices)
