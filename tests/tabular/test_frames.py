"""Every kind of data frame in, the same kind out."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from sklatent import TabularEncoder
from sklatent.tabular._frames import to_kind

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
PANDAS_DTYPES = [
    "bool",
    "boolean",
    "bool[pyarrow]",
    *INTEGERS,
    *[f"{name}[pyarrow]" for name in INTEGERS],
    *[name.replace("i", "I").replace("uI", "UI") for name in INTEGERS],
    "float16",
    "float32",
    "float64",
    "Float32",
    "Float64",
    "float[pyarrow]",
    "double[pyarrow]",
]
POLARS_DTYPES = [
    *[pl.Boolean, pl.Int8, pl.Int16, pl.Int32, pl.Int64],
    *[pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64],
]
ARROW_DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64"]


def cells(dtype: object) -> list[float]:
    return [1, 0, 1, 1] if "bool" in str(dtype).lower() else [3, 0, 100, 7]


def round_trip(X: Any) -> Any:
    encoder = TabularEncoder().fit(X)
    return encoder.inverse_transform(encoder.transform(X))


@pytest.mark.parametrize("dtype", PANDAS_DTYPES)
def test_pandas_dtypes(dtype: str) -> None:
    X = pd.DataFrame({"a": pd.array(cells(dtype)).astype(dtype), "b": [0.5, 2.5, 1.0, 0.0]})
    assert_frame_equal(round_trip(X), X, atol=1e-5)
    assert_frame_equal(round_trip(X[["a"]]), X[["a"]], atol=1e-5)


@pytest.mark.parametrize("dtype", POLARS_DTYPES)
def test_polars_dtypes(dtype: Any) -> None:
    X = pl.DataFrame({"a": pl.Series(cells(dtype)).cast(dtype), "b": [0.5, 2.5, 1.0, 0.0]})
    back = round_trip(X)
    assert back.schema == X.schema
    np.testing.assert_allclose(back.to_numpy(), X.to_numpy(), atol=1e-6)


@pytest.mark.parametrize("dtype", ARROW_DTYPES)
def test_pyarrow_dtypes(dtype: str) -> None:
    column = np.asarray(cells(dtype)).astype(dtype)
    X = pa.table({"a": pa.array(column), "b": [0.5, 2.5, 1.0, 0.0]})
    back = round_trip(X)
    assert isinstance(back, pa.Table)
    assert back.schema == X.schema
    np.testing.assert_allclose(np.asarray(back), np.asarray(X).astype(float), atol=1e-12)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(PANDAS_DTYPES), min_size=1, max_size=6),
    st.integers(1, 20),
    st.integers(0, 99),
)
def test_round_trip_of_any_pandas_frame(dtypes: list[str], n_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            f"c{j}": pd.array(rng.integers(0, 2 if "bool" in dtype else 100, n_rows)).astype(dtype)
            for j, dtype in enumerate(dtypes)
        }
    )
    assert_frame_equal(round_trip(X), X, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_float32_frames_give_float32(library: str) -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": [True, False, True]})
    frame = frame.with_columns(pl.col("a").cast(pl.Float32))
    X = {"polars": frame, "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}[library]
    encoder = TabularEncoder().fit(X)
    assert encoder.transform(X).dtype == np.float32
    assert list(encoder.feature_names_in_) == ["a", "b"]


def test_fit_on_one_library_and_transform_another() -> None:
    X = pl.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3, 1, 2]})
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    np.testing.assert_array_equal(encoder.transform(X.to_pandas()), Z)
    np.testing.assert_array_equal(encoder.transform(X.to_arrow()), Z)
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(X.to_pandas()[["b", "a"]])


@pytest.mark.parametrize("names", [[0, 1], [7, 3], [("a", 1), ("a", 2)]])
def test_names_that_are_not_strings(names: list[Any]) -> None:
    X = pd.DataFrame([[1.0, 4], [2.0, 3], [5.0, 9]], columns=pd.Index(names)).astype(
        {names[1]: int}
    )
    encoder = TabularEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert_frame_equal(back, X, check_column_type=False)
    assert list(encoder.get_feature_names_out()) == ["x0", "x1"]
    np.testing.assert_array_equal(encoder.transform(X), encoder.transform(X.to_numpy()))


def test_other_integer_names_or_order() -> None:
    X = pd.DataFrame([[1.0, 2.0], [3.0, 5.0]])
    encoder = TabularEncoder().fit(X)
    words = "The feature names should match those that were passed during fit"
    with pytest.raises(ValueError, match=words + r"\.\nFeature names must be in the same order"):
        encoder.transform(X[[1, 0]])
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- 2\n(.|\n)*now missing:\n- 1\n"):
        encoder.transform(X.rename(columns={1: 2}))
    encoder.fit(X.to_numpy()).transform(X[[1, 0]])


def test_object_columns_of_numbers_come_back_as_floats() -> None:
    X = pd.DataFrame({"a": pd.Series([1, 2.5, True], dtype=object), "b": [1, 2, 3]})
    back = round_trip(X)
    assert back.dtypes.astype(str).to_dict() == {"a": "float64", "b": "int64"}
    decimals = pl.DataFrame({"a": pl.Series([1, 2, 4]).cast(pl.Decimal(10, 2))})
    assert round_trip(decimals).schema == {"a": pl.Float64}


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_are_rounded_and_clipped(kind: str) -> None:
    limits = np.iinfo(kind)
    numbers = to_kind(np.array([1e30, -1e30, 2.6, 0.4]), kind)
    assert numbers.dtype == kind
    assert numbers.tolist() == [limits.max, limits.min, 3, 0]


def test_booleans_are_cut_at_one_half() -> None:
    X = pd.DataFrame({"a": [True, False]})
    back = TabularEncoder(standardize=False).fit(X).inverse_transform([[0.0], [-0.1]])
    assert back["a"].tolist() == [True, False]


# -- record batches of pyarrow ---------------------------------------------------------------------


BATCH = pa.RecordBatch.from_pydict(
    {"a": [1.0, 2.0, 3.0, 7.0], "b": [100, 300, 200, 50], "c": [0.5, 1.0, 2.0, 4.0]}
)
WORDS = BATCH.set_column(2, "c", pa.array(["x", None, "y", "x"]))


@pytest.mark.parametrize("X", [BATCH, WORDS], ids=["numbers", "words"])
def test_record_batches_come_back_as_such(X: pa.RecordBatch) -> None:
    encoder = TabularEncoder().fit(X)
    assert list(encoder.feature_names_in_) == ["a", "b", "c"]
    back = encoder.inverse_transform(encoder.transform(X))
    assert isinstance(back, pa.RecordBatch)
    assert back.schema == X.schema
    assert_frame_equal(back.to_pandas(), X.to_pandas())
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.inverse_transform(copy.transform(X)).equals(back)
    table = pa.Table.from_batches([X])
    assert np.array_equal(encoder.transform(table), encoder.transform(X), equal_nan=True)
    assert isinstance(TabularEncoder().fit(table).inverse_transform(encoder.transform(X)), pa.Table)


@pytest.mark.parametrize("X", [BATCH, WORDS], ids=["numbers", "words"])
@pytest.mark.parametrize("as_batch", [False, True], ids=["table", "batch"])
def test_record_batches_with_other_columns_raise_as_tables_do(
    X: pa.RecordBatch, as_batch: bool
) -> None:
    other = X.select(["c", "a", "b"])
    other = other if as_batch else pa.Table.from_batches([other])
    for encoder in (TabularEncoder().fit(X), TabularEncoder().fit(pa.Table.from_batches([X]))):
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            encoder.transform(other)
        with pytest.raises(ValueError, match=r"now missing:\n- b"):
            encoder.transform(other.rename_columns(["c", "a", "z"]))


@pytest.mark.parametrize("cells", [[3, 2**70, -5, 0], [3, 2**60, -5, 0], [1, 2, 3, 4]])
@pytest.mark.parametrize("dtype", [pl.Int128, pl.Decimal(38, 3)])
def test_numbers_that_numpy_lacks(cells: list[int], dtype: Any) -> None:
    X = pl.DataFrame(
        {"a": pl.Series(cells, dtype=pl.Int128).cast(dtype), "b": [1.5, 2.0, 0.0, 1.0]}
    )
    affine = TabularEncoder().fit(X)
    assert affine.mode_ == "affine"
    back = affine.inverse_transform(affine.transform(X))
    assert back["a"].to_list() == pytest.approx([float(cell) for cell in cells], abs=1e-9 * 2**70)
    encoder = TabularEncoder(mode="quantile").fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.schema == X.schema
    assert back["a"].to_list() == cells
