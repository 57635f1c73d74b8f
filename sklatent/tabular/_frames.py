"""Any data frame library in, the same one out.

A schema is three plain lists of strings, so that a fitted model pickles small and knows nothing of
the library whose frames it saw until it has to build one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from itertools import repeat
from typing import Any

import narwhals as nw
import numpy as np

_Columns = Iterator[np.ndarray]
_ARROW_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "boolean": "bool"}
_NUMBERS = frozenset(
    ["bool", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)
# Cells of these are numbers as far as validation can tell, but no numpy dtype gives them back.
_LOOSE = ("object", "decimal", "sparse[", "int128", "uint128")


@dataclass(frozen=True, slots=True)
class FrameSchema:
    """Library, column names and dtypes of a data frame.

    Parameters
    ----------
    backend : str
        Name of the library: "pandas", "polars", "pyarrow"; "pyarrow.RecordBatch" where the frame
        was one.
    names : list
        Column names in their order, strings or not.
    dtypes : list of str
        The dtypes as the library spells them, for instance "Int64" or "double[pyarrow]".
    kinds : list of str
        The numpy dtype that holds a column's numbers ("bool", "int8", ..., "float64"), "object"
        for columns whose cells have to be numbers without the dtype saying so, and "" for columns
        that are not numeric.
    """

    backend: str
    names: list[Any]
    dtypes: list[str]
    kinds: list[str]
    has_string_names: bool = field(init=False)
    """Whether all column names are strings, which is when scikit-learn heeds them."""

    def __post_init__(self) -> None:
        strings = all(map(isinstance, self.names, repeat(str)))
        object.__setattr__(self, "has_string_names", strings)

    @property
    def library(self) -> str:
        """Name of the library alone."""
        return self.backend.partition(".")[0]

    @property
    def float_dtype(self) -> type[np.floating[Any]]:
        """The type that these columns are read in: float32 where it loses nothing."""
        if not self.kinds or "object" in self.kinds or "" in self.kinds:
            return np.float64
        return np.float32 if np.result_type(*set(self.kinds)) == np.float32 else np.float64


def is_frame(X: Any) -> bool:
    """Tell whether X is a data frame of a library that narwhals knows.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    answer : bool
        True for eager data frames: pandas, polars, tables and record batches of pyarrow.
    """
    if isinstance(X, np.ndarray | list):
        return False
    return bool(nw.dependencies.is_into_dataframe(as_table(X)))


def as_table(X: Any) -> Any:
    """Turn a record batch of pyarrow, which few libraries take for a frame, into a table.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    table : object
        A table that shares its memory, or X.
    """
    return sys.modules["pyarrow"].Table.from_batches([X]) if _is_batch(X) else X


def _is_batch(X: Any) -> bool:
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and isinstance(X, pyarrow.RecordBatch)


def open_frame(X: Any) -> nw.DataFrame[Any]:
    """Wrap a data frame in the interface of narwhals.

    Parameters
    ----------
    X : data frame
        One for which :func:`is_frame` is true.

    Returns
    -------
    frame : narwhals.DataFrame
        The same columns.
    """
    return nw.from_native(as_table(X), eager_only=True)


def frame_schema(X: Any) -> FrameSchema:
    """Read the schema of a data frame.

    Parameters
    ----------
    X : data frame
        One for which :func:`is_frame` is true.

    Returns
    -------
    schema : FrameSchema
        Its description in plain strings.

    Raises
    ------
    ValueError
        If two columns have the same name.
    TypeError
        If rows could not be given back in this library.
    """
    try:
        frame = open_frame(X)
    except nw.exceptions.DuplicateError as error:
        raise ValueError(f"The columns of X must have different names. {error}") from error
    native = frame.to_native()
    backend = str(frame.implementation.value)
    if backend not in _BUILDERS:
        raise TypeError(
            f"Data frames of {backend} are not supported, only those of {', '.join(_BUILDERS)}: "
            "convert X first, for instance by X.to_pandas()."
        )
    types = native.schema.types if backend == "pyarrow" else list(native.dtypes)
    dtypes, kinds = [], []
    for dtype in types:
        name, kind = spell(dtype)
        dtypes.append(name)
        kinds.append(kind)
    backend += ".RecordBatch" * _is_batch(X)
    return FrameSchema(backend, list(frame.columns), dtypes, kinds)


@lru_cache(maxsize=256)
def spell(dtype: Any) -> tuple[str, str]:
    """Name a library's dtype and the numpy dtype of its numbers.

    Cached: numpy takes a microsecond to spell a dtype, which counts in a one-row frame.

    Parameters
    ----------
    dtype : dtype
        Of pandas, polars or pyarrow.

    Returns
    -------
    name, kind : str
        Entries of ``FrameSchema.dtypes`` and ``FrameSchema.kinds``.
    """
    name = str(dtype)
    plain = name.lower().removesuffix("[pyarrow]")
    plain = _ARROW_NAMES.get(plain, plain)
    if plain in _NUMBERS:
        return name, plain
    return name, "object" if plain.startswith(_LOOSE) else ""


def build_frame(values: np.ndarray, schema: FrameSchema) -> Any:
    """Make a data frame of decoded numbers.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Numbers in float32 or float64.
    schema : FrameSchema
        Library, names and dtypes of the frame.

    Returns
    -------
    frame : data frame
        Of the library that the schema names. Booleans are the values from 0.5 up, integers
        are rounded and clipped to the range of their dtype.
    """
    columns = (to_kind(values[:, j], kind) for j, kind in enumerate(schema.kinds))
    return contained(_BUILDERS[schema.library](columns, values, schema), schema.backend)


def contained(table: Any, backend: str) -> Any:
    """Turn a table of pyarrow into a record batch where that is wanted.

    Parameters
    ----------
    table : data frame
        Of any library.
    backend : str
        As of :class:`FrameSchema`.

    Returns
    -------
    frame : data frame
        In the container of the backend.
    """
    if backend != "pyarrow.RecordBatch":
        return table
    return table.combine_chunks().to_batches()[0]


def to_kind(column: np.ndarray, kind: str) -> np.ndarray:
    """Turn floats into the numbers that a column of some kind holds.

    Parameters
    ----------
    column : ndarray of shape (n_samples,)
        Floats.
    kind : str
        An entry of ``FrameSchema.kinds``.

    Returns
    -------
    numbers : ndarray of shape (n_samples,)
        In the numpy dtype of that kind; float64 for "object".
    """
    if kind == "bool":
        return np.asarray(column >= 0.5)
    dtype = np.dtype("float64" if kind == "object" else kind)
    if dtype.kind == "f":
        return column.astype(dtype)
    limits = np.iinfo(dtype)
    whole = np.rint(column.astype(np.float64))
    # float(limits.max) rounds up to 2**63 or 2**64 for 64 bits, where a cast would overflow.
    above = whole >= float(limits.max)
    below = whole <= float(limits.min)
    numbers = np.where(above | below, 0.0, whole).astype(dtype)
    numbers[above], numbers[below] = limits.max, limits.min
    return numbers


def _build_pandas(columns: _Columns, values: np.ndarray, schema: FrameSchema) -> Any:
    pandas = import_module("pandas")
    if set(schema.dtypes) == {values.dtype.name}:
        frame = pandas.DataFrame(values)
    else:
        data = {
            j: column if kind == "object" else pandas.array(column, dtype=dtype)
            for j, (column, kind, dtype) in enumerate(
                zip(columns, schema.kinds, schema.dtypes, strict=True)
            )
        }
        frame = pandas.DataFrame(data)
    frame.columns = pandas.Index(schema.names)
    return frame


def _build_polars(columns: _Columns, values: np.ndarray, schema: FrameSchema) -> Any:
    polars = import_module("polars")
    series = [
        polars.Series(name, column) for name, column in zip(schema.names, columns, strict=True)
    ]
    return polars.DataFrame(series)


def _build_pyarrow(columns: _Columns, values: np.ndarray, schema: FrameSchema) -> Any:
    pyarrow = import_module("pyarrow")
    return pyarrow.table([pyarrow.array(column) for column in columns], names=schema.names)


_BUILDERS: dict[str, Callable[[_Columns, np.ndarray, FrameSchema], Any]] = {
    "pandas": _build_pandas,
    "polars": _build_polars,
    "pyarrow": _build_pyarrow,
}


def with_index_of(table: Any, like: Any) -> Any:
    """Give a pandas frame the index of another one."""
    index = getattr(like, "index", None)
    if index is None or callable(index) or not hasattr(table, "index"):
        return table
    return table.set_axis(index, axis=0)
