"""Containers whose rows are elsewhere, or not there yet: refused before anything reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scipy.sparse import issparse

_ALLOWED = "Allowed are arrays, nested lists, and data frames of pandas, polars and pyarrow."

# By library and class: what turns it into something allowed. Told by their names, so that the
# libraries are not imported; by classes, since a view of anndata is a frame or an array as well.
_CURES = {
    "anndata.AnnData": "X.to_df(), or X.X as a dense array",
    "mudata.MuData": "X[modality].to_df()",
    "polars.LazyFrame": "X.collect()",
    "dask.DataFrame": "X.compute()",
    "dask.Series": "X.compute()",
    "dask.Array": "X.compute()",
    "dask.Bag": "X.compute()",
    "dask.Delayed": "X.compute()",
    "pyarrow.RecordBatchReader": "X.read_all()",
    "pyarrow.Dataset": "X.to_table()",
    "pyarrow.Scanner": "X.to_table()",
    "pyarrow.ParquetFile": "X.read()",
    "pandas.TextFileReader": "pandas.concat(X)",
    "pyspark.DataFrame": "X.toPandas()",
    "duckdb.DuckDBPyRelation": "X.arrow()",
    "_duckdb.DuckDBPyRelation": "X.arrow()",
    "ibis.Table": "X.to_pandas()",
    "torch.Dataset": "its rows as one array",
    "torch.DataLoader": "its rows as one array",
}


def check_container(X: Any) -> None:
    """Refuse sparse matrices, annotated and lazy tables, readers and generators.

    Parameters
    ----------
    X : object
        What was passed as a table.

    Raises
    ------
    TypeError
        With what was got, what it can be turned into, and what is allowed.
    """
    if issparse(X):
        raise TypeError(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert "
            "to a dense numpy array; where that is too large, reduce the columns first, for "
            "instance by TruncatedSVD in a pipeline."
        )
    for cls in type(X).__mro__:
        library = cls.__module__.partition(".")[0]
        cure = _CURES.get(f"{library}.{cls.__name__}")
        if cure is not None:
            raise TypeError(
                f"Got the {cls.__name__} of {library.strip('_')} as X, whose rows are not read "
                f"here: pass {cure}. {_ALLOWED}"
            )
    if isinstance(X, Iterator):
        raise TypeError(
            f"Got a {type(X).__name__} as X, which gives rows one by one: pass list(X). {_ALLOWED}"
        )
