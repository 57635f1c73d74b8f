"""Missing cells are filled in; all others come back as they were given, in value and dtype."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent import TabularEncoder
from sklatent.tabular._cells import is_missing
from sklatent.tabular._filling import average
from tests.tabular.test_known import EACH_KIND
from tests.tabular.test_mixed_frames import POLARS

N = 12
HOLES = [1, 7]
# Neighbours that a float cannot tell apart.
HUGE = [2**64 - 1 - (i % 5) for i in range(N)]
LONG = [2**62 + 1 + (i % 5) for i in range(N)]
WIDE = [-(2**90) + i % 5 for i in range(N)]
CENTS = [Decimal(f"{10**16 + i % 5}.{i % 10}1") for i in range(N)]
MOMENTS = [datetime(2021, 1, 1) + timedelta(days=i % 5, microseconds=i) for i in range(N)]
LEVELS = ["plum", "never", "fig", "pear"]
FLAGS = [True] * 9 + [False] * 3
WORDS = [["fig", "pear", "plum"][i % 3] for i in range(N)]


def holed(cells: list[Any]) -> list[Any]:
    return [None if i in HOLES else cell for i, cell in enumerate(cells)]


def filled(seen: Any, X: Any, **params: Any) -> Any:
    """Fill the missing cells of X with the cell of the first row that ``fit`` has seen."""
    params = {"mode": "quantile", "handle_unknown": "missing", **params}
    encoder = TabularEncoder(**params).fit(seen)
    table = encoder.table
    rows = table.read(X, estimator=encoder)
    matrix = table.encode(rows)
    first = table.encode(table.read(seen, estimator=encoder))[:1]
    return table.filled(X, rows, [np.where(np.isnan(matrix), first, matrix)] * 3)


def listed(table: Any) -> list[list[Any]]:
    if isinstance(table, np.ndarray):
        return table.T.tolist()
    frame = nw.from_native(table, eager_only=True)
    return [frame[:, j].to_list() for j in range(frame.shape[1])]


def dtypes(table: Any) -> Any:
    if isinstance(table, np.ndarray):
        return table.dtype
    return table.schema if hasattr(table, "schema") else list(table.dtypes)


def arrow_frame(values: pa.Array) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(pa.chunked_array([values]))})


def objects(cells: list[Any]) -> np.ndarray:
    return np.array([cells], dtype=object).T


WORKSHOP = {
    "object array of huge integers": lambda c: objects(c),
    "pandas object": lambda c: pd.DataFrame({"a": pd.Series(c, dtype=object)}),
    "list of lists": lambda c: [[cell] for cell in c],
}
CASES: dict[str, tuple[list[Any], Any]] = {
    **{
        f"{name}, {kind}": (cells, make)
        for name, make in WORKSHOP.items()
        for kind, cells in [("huge", HUGE), ("wide", WIDE), ("decimal", CENTS), ("long", LONG)]
    },
    "pandas UInt64": (HUGE, lambda c: pd.DataFrame({"a": pd.array(c, dtype="UInt64")})),
    "pandas Int64": (LONG, lambda c: pd.DataFrame({"a": pd.array(c, dtype="Int64")})),
    "pandas uint64[pyarrow]": (HUGE, lambda c: arrow_frame(pa.array(c, pa.uint64()))),
    "pandas decimal128[pyarrow]": (CENTS, lambda c: arrow_frame(pa.array(c, pa.decimal128(30, 2)))),
    "polars UInt64": (HUGE, lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.UInt64)})),
    "polars Int64": (LONG, lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.Int64)})),
    "polars Int128": (WIDE, lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.Int128)})),
    "polars Decimal": (CENTS, lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.Decimal(30, 2))})),
    "arrow uint64": (HUGE, lambda c: pa.table({"a": pa.array(c, pa.uint64())})),
    "arrow int64": (LONG, lambda c: pa.table({"a": pa.array(c, pa.int64())})),
    "arrow decimal128": (CENTS, lambda c: pa.table({"a": pa.array(c, pa.decimal128(30, 2))})),
    "arrow decimal256": (CENTS, lambda c: pa.table({"a": pa.array(c, pa.decimal256(60, 2))})),
    "pandas words": (WORDS, lambda c: pd.DataFrame({"a": pd.Series(c, dtype=object)})),
    "pandas str": (WORDS, lambda c: pd.DataFrame({"a": pd.Series(c, dtype="string")})),
    "pandas category": (WORDS, lambda c: pd.DataFrame({"a": pd.Categorical(c, LEVELS)})),
    "polars Enum": (
        WORDS,
        lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.Enum(LEVELS))}),
    ),
    "polars Categorical": (WORDS, lambda c: pl.DataFrame({"a": pl.Series(c).cast(pl.Categorical)})),
    "arrow dictionary": (WORDS, lambda c: pa.table({"a": pa.array(c).dictionary_encode()})),
    "pandas datetime": (MOMENTS, lambda c: pd.DataFrame({"a": pd.to_datetime(c).as_unit("us")})),
    "pandas zoned": (
        MOMENTS,
        lambda c: pd.DataFrame({"a": pd.to_datetime(c).tz_localize("Europe/Paris")}),
    ),
    "polars Datetime": (
        MOMENTS,
        lambda c: pl.DataFrame({"a": pl.Series(c, dtype=pl.Datetime("ms"))}),
    ),
    "arrow timestamp": (MOMENTS, lambda c: pa.table({"a": pa.array(c, pa.timestamp("us", "UTC"))})),
    "pandas boolean": (FLAGS, lambda c: pd.DataFrame({"a": pd.array(c, "boolean")})),
    "object array of booleans": (FLAGS, objects),
    "dates in an object array": ([moment.date() for moment in MOMENTS], objects),
}  # fmt: skip


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "with words"])
@pytest.mark.parametrize("case", CASES)
def test_known_cells_are_copied(case: str, beside: bool) -> None:
    cells, make = CASES[case]
    X = make(holed(cells))
    if beside:
        if isinstance(X, np.ndarray):
            X = np.column_stack([X, objects(WORDS)])
        elif isinstance(X, list):
            X = [[*row, word] for row, word in zip(X, WORDS, strict=True)]
        elif isinstance(X, pd.DataFrame):
            X["w"] = WORDS
        elif isinstance(X, pl.DataFrame):
            X = X.with_columns(w=pl.Series(WORDS))
        else:
            X = X.append_column("w", pa.array(WORDS))
    before = listed(np.array(X, dtype=object) if isinstance(X, list) else X)
    found = filled(X, X)
    assert type(found) is (np.ndarray if isinstance(X, list) else type(X))
    if isinstance(X, list):
        X = np.array(X, dtype=object)
    assert dtypes(found) == dtypes(X)
    assert listed(X)[0] == before[0] or X[0, 0] != X[0, 0]
    for given, after in zip(before, listed(found), strict=True):
        for i, (cell, now) in enumerate(zip(given, after, strict=True)):
            if i in HOLES and given is before[0]:
                assert now is not None
                assert now == now
                assert type(now) is type(given[0])
            else:
                assert now == cell
                assert type(now) is type(cell)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, np.array])
def test_columns_without_holes_keep_their_dtype(make: Any) -> None:
    if make is np.array:
        X = np.array([HUGE, HUGE[::-1]], dtype="uint64").T
    else:
        X = make({"a": np.array(HUGE, dtype="uint64"), "b": np.arange(N, dtype="int8")})
    found = filled(X, X)
    assert dtypes(found) == dtypes(X)
    assert listed(found) == listed(X)
    assert found is not X or make is pa.table  # which nobody can write to


def test_fractions_and_mixed_numbers_are_objects_of_numbers() -> None:
    X = objects([Fraction(1, 3), 2**80, None, Decimal("0.1"), 2.5, 7])
    found = filled(X, X)
    for i in (0, 1, 3, 4, 5):
        assert found[i, 0] is X[i, 0]
    assert isinstance(found[2, 0], float)


def test_what_is_filled_in_is_rounded_to_the_dtype_of_the_rows() -> None:
    seen = pd.DataFrame(
        {"a": [2.6, 300.2, 5.5, -7.5], "t": pd.to_datetime(["2021-02-03 04:05"] * 4)}
    )
    X = pl.DataFrame(
        {
            "a": pl.Series([None, 1, 2], dtype=pl.UInt8),
            "t": pl.Series([None, date(2020, 1, 1), date(2020, 1, 2)]),
        }
    )
    found = filled(seen, X)
    assert found.schema == X.schema
    assert found["a"].to_list() == [3, 1, 2]
    assert found["t"].to_list() == [date(2021, 2, 3), date(2020, 1, 1), date(2020, 1, 2)]
    above = filled(seen.assign(a=[300, 300, -4, 7]), X)
    assert above["a"].to_list() == [255, 1, 2]


@pytest.mark.filterwarnings("ignore:X (does not have|has) .*feature names")
@pytest.mark.parametrize("cells", [HUGE, CENTS, WORDS, MOMENTS, [2.5, 7.25] * 6])
def test_rows_come_back_in_the_container_they_came_in(cells: list[Any]) -> None:
    kind = pl.UInt64 if cells is HUGE else None
    made = {
        "pandas": pd.DataFrame({"a": pd.Series(holed(cells), dtype=object)}),
        "polars": pl.DataFrame({"a": pl.Series(holed(cells), dtype=kind)}),
        "arrow": pl.DataFrame({"a": pl.Series(holed(cells), dtype=kind)}).to_arrow(),
        "array": objects(holed(cells)),
    }
    if cells is MOMENTS:
        made["pandas"]["a"] = pd.to_datetime(made["pandas"]["a"])
        del made["array"]  # which hold no moments
    for seen in made.values():
        for X in made.values():
            found = filled(seen, X)
            assert type(found) is type(X)
            assert dtypes(found) == dtypes(X)
            for i, (cell, now) in enumerate(zip(listed(X)[0], listed(found)[0], strict=True)):
                assert (now is not None) if i in HOLES else (now == cell)


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_levels_that_the_rows_do_not_declare() -> None:
    seen = pd.DataFrame({"a": pd.Categorical(["M", "S", "L"], ["S", "M", "L"], ordered=True)})
    X = pd.DataFrame({"a": pd.Categorical(["S", None, "L"], ["S", "L"], ordered=True)})
    found = filled(seen, X)["a"]
    assert found.tolist() == ["S", "M", "L"]
    assert found.dtype == seen["a"].dtype
    other = pd.DataFrame({"a": pd.Categorical(["XL", None, "L"], ["XL", "L"])})
    found = filled(seen, other)["a"]
    assert found.tolist() == ["XL", "M", "L"]
    assert list(found.cat.categories) == ["XL", "L", "M"]
    enum = pl.DataFrame({"a": pl.Series(["XL", None], dtype=pl.Enum(["XL", "L"]))})
    found = filled(seen, enum)["a"]
    assert found.to_list() == ["XL", "M"]
    assert found.dtype == pl.Enum(["XL", "L", "M"])


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_cells_that_fit_has_not_seen_stay_as_they_are() -> None:
    seen = pd.DataFrame({"a": WORDS, "b": pd.Categorical(WORDS)})
    X = pd.DataFrame({"a": ["new", None, "fig"], "b": pd.Categorical(["new", None, "fig"])})
    found = filled(seen, X)
    assert found["a"].tolist() == ["new", "fig", "fig"]
    assert found["b"].tolist() == ["new", "fig", "fig"]


@pytest.mark.filterwarnings("ignore:X (does not have|has) .*feature names")
@pytest.mark.parametrize("empty", [np.nan, None])
def test_rows_without_a_single_cell_get_what_fit_had(empty: Any) -> None:
    seen = pd.DataFrame(
        {
            "n": [3, 5, 7],
            "w": ["x", "y", "x"],
            "c": pd.Categorical(["x", "y", "x"]),
            "t": pd.to_datetime(["2021-02-03 04:05", "2021-02-04 00:00", "2021-02-05 00:00"]),
            "z": pd.to_datetime(["2021-02-03 04:05"] * 3).tz_localize("Europe/Paris"),
            "d": pd.to_timedelta([90, 5, 7], unit="s"),
        }
    )
    X = pd.DataFrame({name: [empty] * 2 for name in seen})
    found = filled(seen, X)
    first = pd.concat([seen.head(1)] * 2, ignore_index=True)
    if empty is not None:  # numbers can stand in a column of floats
        first = first.astype({"n": float})
    pd.testing.assert_frame_equal(found, first)
    other = filled(seen, pl.DataFrame({name: [None] * 2 for name in seen}))
    assert listed(other) == listed(first.astype({"c": object}))
    array = filled(seen, objects([None, None]).repeat(6, axis=1))
    assert array[0].tolist() == [column[0] for column in listed(first)]


def test_categories_of_numbers_and_numbers() -> None:
    numbers = pd.DataFrame({"a": [4, 2, 4, 7, 9]})
    categories = pd.DataFrame({"a": pd.Categorical([4, 2, None, 2])})
    assert filled(numbers, categories)["a"].tolist() == [4, 2, 4, 2]
    holes = pd.DataFrame({"a": [2.0, np.nan, 4.0]})
    assert filled(categories, holes)["a"].tolist() == [2.0, 4.0, 4.0]


def test_columns_that_fit_saw_empty_stay_so() -> None:
    for column in (
        pd.Series([None] * 4, dtype=object),
        pd.Series([np.nan] * 4),
        pd.Series(pd.Categorical([None] * 4)),
        pd.Series(pd.Categorical([None] * 4, ["a", "b"])),
        pd.Series(pd.to_datetime([None] * 4)),
    ):
        X = pd.DataFrame({"e": column, "w": ["x", None, "y", "x"]})
        found = filled(X, X)
        assert found["e"].isna().all()
        assert found["e"].dtype == column.dtype
        assert found["w"].tolist() == ["x", "x", "y", "x"]
    for kind in (pl.Null, pl.String, pl.Categorical, pl.Enum(["a", "b"]), pl.Int64):
        X = pl.DataFrame({"e": pl.Series([None] * 3, dtype=kind), "w": ["x", None, "y"]})
        found = filled(X, X)
        assert found["e"].is_null().all()
        assert found.schema == X.schema


def test_index_names_and_rows_of_a_pandas_frame_stay() -> None:
    X = pd.DataFrame(
        {0: [1.5, np.nan, 2.5], ("a", "b"): ["x", None, "y"], None: [1, 2, 3]},
        index=pd.Index(["r", "r", "s"], name="rows"),
    )
    X.columns = pd.Index(list(X.columns), name="columns", dtype=object)
    X[7] = pd.arrays.SparseArray([0.0, np.nan, 5.0], fill_value=0.0)
    before = X.copy()
    found = filled(X, X)
    pd.testing.assert_frame_equal(X, before)
    expected = X.copy()
    expected.iloc[1, :2] = [1.5, "x"]
    expected[7] = pd.arrays.SparseArray([0.0, 0.0, 5.0], fill_value=0.0)
    pd.testing.assert_frame_equal(found, expected)


def test_arrow_tables_keep_their_metadata() -> None:
    X = pa.table({"a": [1.5, None, 2.5], "w": ["x", "y", None]}).replace_schema_metadata({"k": "v"})
    found = filled(X, X)
    assert found.to_pydict() == {"a": [1.5, 1.5, 2.5], "w": ["x", "y", "x"]}
    assert found.schema.metadata == {b"k": b"v"}


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(
    "values", [[1, 2, 3, 9], [0.5, 1.0, 1.5, 4.5], pd.to_datetime(["2020", "2021", "2022", "2028"])]
)
def test_few_numbers_are_averaged_unless_they_are_categories(values: Any, forced: bool) -> None:
    X = pd.DataFrame({"n": list(values) * 10, "w": ["a", "b"] * 20})
    encoder = TabularEncoder(max_levels=10, categorical_features=["n"] if forced else None).fit(X)
    assert encoder.blocks_[0].kind == "category"
    # completions hold the levels 0, 0 and 3, whose mean lies near the third
    completions = [np.array([[code, 0.0]]) for code in (0.0, 0.0, 3.0)]
    found = average(encoder.table.columns, completions)[0]
    assert found.values[0] == encoder.table.columns[0]["levels"][0 if forced else 2]


def test_record_batches_are_filled() -> None:
    X = pa.RecordBatch.from_pydict({"a": [2**62 + 1, None, 7], "w": ["x", "y", None]})
    found = filled(X, X)
    assert isinstance(found, pa.RecordBatch)
    assert found.schema == X.schema
    assert found.to_pydict() == {"a": [2**62 + 1, 2**62 + 1, 7], "w": ["x", "y", "x"]}


@pytest.mark.parametrize("kind", EACH_KIND)
def test_columns_of_every_kind_are_filled(kind: str) -> None:
    X = EACH_KIND[kind]
    found = filled(X, X)
    assert dtypes(found) == dtypes(X)
    given, after = listed(X)[0], listed(found)[0]
    assert len(given) == len(after)
    known = [not is_missing(cell) for cell in given]
    assert [cell for cell, is_known in zip(after, known, strict=True) if is_known] == (
        [cell for cell, is_known in zip(given, known, strict=True) if is_known]
    )
    assert any(map(is_missing, after)) == (not any(known))


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow", "pandas with arrow dtypes"])
def test_rows_of_every_kind_in_another_library_than_in_fit(library: str) -> None:
    seen = pl.DataFrame(POLARS)
    X: Any = {
        "pandas": seen.to_pandas,
        "polars": seen.clone,
        "arrow": seen.to_arrow,
        "pandas with arrow dtypes": lambda: seen.to_pandas(use_pyarrow_extension_array=True),
    }[library]()
    for one, other in ((seen, X), (X, seen)):
        found = filled(one, other)
        assert type(found) is type(other)
        assert dtypes(found) == dtypes(other)
        for given, after in zip(listed(other), listed(found), strict=True):
            for cell, now in zip(given, after, strict=True):
                assert is_missing(cell) or now == cell
