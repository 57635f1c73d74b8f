"""Containers that are refused unread, and those that only look like them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
import scipy.sparse

from sklatent.metrics import cluster_report, synthetic_report
from sklatent.tabular import check_container

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})


def named(module: str, name: str, *bases: type) -> type:
    return type(name, bases, {"__module__": module})


@pytest.mark.parametrize(
    ("module", "name", "cure"),
    [
        ("anndata._core.anndata", "AnnData", r"X\.to_df\(\), or X\.X"),
        ("mudata._core.mudata", "MuData", r"X\[modality\]\.to_df\(\)"),
        ("dask.dataframe.dask_expr._collection", "DataFrame", r"X\.compute\(\)"),
        ("dask.array.core", "Array", r"X\.compute\(\)"),
        ("pyspark.sql.classic.dataframe", "DataFrame", r"X\.toPandas\(\)"),
        ("_duckdb", "DuckDBPyRelation", r"X\.arrow\(\)"),
        ("ibis.expr.types.relations", "Table", r"X\.to_pandas\(\)"),
    ],
)
def test_libraries_are_told_by_name(module: str, name: str, cure: str) -> None:
    library = module.partition(".")[0].strip("_")
    base = named(module, name)
    for cls in (base, named("of.a.user", "Derived", base)):
        with pytest.raises(TypeError, match=f"Got the {name} of {library} as X.*{cure}.*Allowed"):
            check_container(cls())


@pytest.mark.parametrize(
    ("lazy", "cure"),
    [
        (pl.LazyFrame({"a": [1.0]}), "collect"),
        (pa.table({"a": [1.0]}).to_reader(), "read_all"),
        (pyarrow.dataset.dataset(pa.table({"a": [1.0]})), "to_table"),
        (pyarrow.dataset.dataset(pa.table({"a": [1.0]})).scanner(), "to_table"),
    ],
)
def test_libraries_that_are_here(lazy: Any, cure: str) -> None:
    with pytest.raises(TypeError, match=rf"X\.{cure}\(\)"):
        check_container(lazy)


def test_frames_in_pieces(tmp_path: Any) -> None:
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    with (
        pd.read_csv(tmp_path / "rows.csv", chunksize=1) as pieces,
        pytest.raises(TypeError, match=r"TextFileReader of pandas.*pandas\.concat\(X\)"),
    ):
        check_container(pieces)


def test_iterators() -> None:
    for rows in (iter([[1.0]]), (row for row in [[1.0]]), map(list, [[1.0]])):
        with pytest.raises(TypeError, match=rf"Got a {type(rows).__name__} as X.*list\(X\)"):
            check_container(rows)
        assert list(rows) == [[1.0]]


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.csc_matrix])
def test_sparse(make: Any) -> None:
    with pytest.raises(TypeError, match=r"Sparse data was passed for X.*toarray.*TruncatedSVD"):
        check_container(make(np.eye(2)))


@pytest.mark.parametrize(
    "X",
    [
        np.eye(2),
        [[1.0, 2.0]],
        FRAME,
        pl.from_pandas(FRAME),
        pa.Table.from_pandas(FRAME),
        pa.RecordBatch.from_pandas(FRAME),
        # a part of an annotated table is an array or a frame
        np.eye(2).view(named("anndata._core.views", "ArrayView", np.ndarray)),
        named("anndata._core.views", "DataFrameView", pd.DataFrame)(FRAME),
        # what only has the name
        named("of.a.user", "LazyFrame", pd.DataFrame)(FRAME),
        named("datasets", "Table", np.ndarray)((2, 2)),
        np.lib.format.open_memmap,
    ],
)
def test_everything_else_goes_on(X: Any) -> None:
    check_container(X)


def test_reports_refuse_them_too() -> None:
    class Constant:
        fitted_ = True

        def fit(self, X: Any) -> None: ...

        def predict(self, X: Any) -> Any:
            return np.zeros(2)

    with pytest.raises(TypeError, match=r"X\.collect\(\)"):
        synthetic_report(FRAME, FRAME, pl.LazyFrame(FRAME))
    with pytest.raises(TypeError, match=r"array-like|X\.collect"):
        cluster_report(Constant(), pl.LazyFrame(FRAME))
