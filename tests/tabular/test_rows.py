"""Input that is refused: scikit-learn's words, then the place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from sklatent import TabularEncoder
from sklatent.tabular import check_rows


def wide_hole(n_rows: int = 50_000) -> np.ndarray:
    X = np.zeros((n_rows, 5))
    X[n_rows - 2, 3] = np.nan
    return X


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (
            np.array([[1.0, 2.0], [np.nan, 3.0]]),
            ValueError,
            r"X contains NaN(.|\n)*column 0, row 1",
        ),
        (np.array([[1.0, np.inf]]), ValueError, r"contains infinity(.|\n)*\(column 1, row 0\)"),
        (wide_hole(), ValueError, r"contains NaN(.|\n)*\(column 3, row 49998\)"),
        (pd.DataFrame({"age": [1.0, np.nan]}), ValueError, r"NaN(.|\n)*\(column 'age', row 1\)"),
        (
            pd.DataFrame({"a": [1, 2], "age": pd.array([None, 1], dtype="Int64")}),
            ValueError,
            r"contains NaN(.|\n)*\(column 'age', row 0\)",
        ),
        (pl.DataFrame({"age": [1, None]}), ValueError, r"NaN(.|\n)*\(column 'age', row 1\)"),
        (pa.table({"age": [1.5, None]}), ValueError, r"NaN(.|\n)*\(column 'age', row 1\)"),
        ([[1, "a"]], ValueError, r"could not convert string to float: (.|\n)*\(column 1, row 0\)"),
        (
            pd.DataFrame({"a": [1, 2], "b": ["1", "x"]}),
            ValueError,
            r"could not convert string to float: 'x'\n\(column 'b', row 1\)",
        ),
        (pl.DataFrame({"b": ["x"]}), ValueError, r"convert string(.|\n)*\(column 'b', row 0\)"),
        (
            pd.DataFrame({"b": pd.array(["1", "2"], dtype="string")}),
            ValueError,
            r"not numeric: .*\(column 'b'\)",
        ),
        (pd.DataFrame({"b": pd.Categorical([1, 2])}), ValueError, r"dtype category, .*'b'"),
        (pd.DataFrame({"b": pd.to_datetime(["2020-01-01"])}), ValueError, r"not numeric.*'b'"),
        (
            np.array([[1, 2], [3, {}]], dtype=object),
            TypeError,
            r"argument must be a string or a number \(column 1, row 1: got dict\)",
        ),
        (
            pd.DataFrame({"c": [0, 0, 0, 0], "a": [1, 2, 3, {}]}),
            TypeError,
            r"argument must be a string or a number \(column 'a', row 3: got dict\)",
        ),
        (pd.DataFrame({"a": [1, [2, 3]]}), TypeError, r"number \(column 'a', row 1: got list\)"),
        (pl.DataFrame({"a": [[1], [2]]}), TypeError, r"number \(column 'a', row 0: got list\)"),
        (sp.csr_array(np.eye(2)), TypeError, "Sparse data was passed for X"),
        (np.ones((2, 2)) * 1j, ValueError, "Complex data not supported"),
        (np.ones(3), ValueError, "Expected 2D array, got 1D array instead"),
        (np.ones((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.empty((0, 3)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.empty((3, 0)), ValueError, r"Found array with 0 feature\(s\)"),
        (pd.DataFrame(index=[0, 1]), ValueError, r"Found array with 0 feature\(s\)"),
        (pl.DataFrame({"a": []}, schema={"a": pl.Float64}), ValueError, r"0 sample\(s\)"),
        ([[1, 2], [3]], ValueError, "inhomogeneous"),
        (pd.Series([1.0, 2.0]), ValueError, "Expected a 2-dimensional container"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), TypeError, "Feature names are only supported"),
    ],
)
def test_bad_tables(X: Any, error: type[Exception], words: str) -> None:
    """Models that take numbers alone say so; the encoder by itself takes more."""
    with pytest.raises(error, match=words):
        check_rows(TabularEncoder(), X, reset=True)


def test_other_columns_than_in_fit() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    encoder = TabularEncoder().fit(X)
    with pytest.raises(ValueError, match="X has 1 features, but TabularEncoder is expecting 2"):
        TabularEncoder().fit(X.to_numpy()).transform(X[["a"]].to_numpy())
    with pytest.raises(ValueError, match="yet now missing"):
        encoder.transform(X[["a"]])
    with pytest.raises(ValueError, match=r"NaN(.|\n)*\(column 'b', row 0\)"):
        check_rows(encoder, X.assign(b=np.nan), reset=False)


def test_least_number_of_rows() -> None:
    words = "n_samples=1 while a minimum of 2 is required by TabularEncoder"
    with pytest.raises(ValueError, match=words):
        check_rows(TabularEncoder(), np.ones((1, 3)), reset=True, min_rows=2)
    assert len(check_rows(TabularEncoder(), np.ones((2, 3)), reset=True, min_rows=2)) == 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_floats_are_not_copied(dtype: type) -> None:
    X = np.ones((5, 3), dtype=dtype)
    assert np.shares_memory(check_rows(TabularEncoder(), X, reset=True).values, X)
    frame = pd.DataFrame(X)
    assert check_rows(TabularEncoder(), frame, reset=True).dtype == dtype


def test_frames_that_could_not_be_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklatent.tabular import _frames

    monkeypatch.delitem(_frames._BUILDERS, "polars")
    with pytest.raises(TypeError, match="Data frames of polars are not supported"):
        TabularEncoder().fit(pl.DataFrame({"a": [1.0]}))
