"""Rows that passed validation, and the errors of those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from operator import methodcaller
from typing import Any, Literal, overload

import narwhals as nw
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from sklatent.tabular._cells import Cells, read_array, read_frame
from sklatent.tabular._columns import chunks
from sklatent.tabular._containers import check_container
from sklatent.tabular._frames import FrameSchema, as_table, frame_schema, is_frame, open_frame
from sklatent.tabular._names import check_other_names, curable_names

_FLOATS = [np.float64, np.float32]


class _NotNumeric(Exception):
    """Rows hold more than numbers and booleans: a message and, if known, the name of the column."""


class Reconstruction(BaseEstimator):
    """Whose columns and name count for rows that no estimator of the caller has seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Validated rows of a table, not yet encoded.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        float32 or float64. Shares memory with the caller's array where that had one of these
        dtypes, hence possibly read-only or memory-mapped: never write to it.
    schema : FrameSchema or None
        Library, column names and dtypes where the table was a data frame.
    """

    values: np.ndarray
    schema: FrameSchema | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.values)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of answers about these rows: float32 or float64."""
        return self.values.dtype

    @property
    def names(self) -> list[Any]:
        """Column names, or positions where the table was an array."""
        return [*range(self.values.shape[1])] if self.schema is None else self.schema.names

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
        n_rows, n_columns = self.values.shape
        return n_rows, n_columns

    def has_missing(self) -> bool:
        """Whether any cell is missing; read a few rows at a time."""
        step = 1 + (1 << 17) // self.values.shape[1]
        starts = range(0, len(self), step)
        return any(bool(np.isnan(self.values[i : i + step]).any()) for i in starts)

    def take(self, index: np.ndarray | slice) -> Rows:
        """Select rows.

        Parameters
        ----------
        index : ndarray of int or bool, or slice
            Which rows. A slice shares memory, an array copies.

        Returns
        -------
        rows : Rows
            The rows selected, with the same schema.
        """
        return Rows(self.values[index], self.schema)

    def given(self, X: Any, *, as_array: bool, as_objects: bool) -> Any:
        """Give these rows to a transformer: the numbers as one array, or X as it came.

        ``as_objects`` turns what came and is no frame into an array of objects.
        """
        return self.values if as_array else _as_came(X, as_objects)

    def cast(self, codes: np.ndarray) -> np.ndarray:
        """Give codes of these rows in their precision."""
        return codes.astype(self.dtype, copy=False)

    def spans(self, index: np.ndarray | slice) -> np.ndarray:
        """Distance from the least to the largest number of each column, over some rows."""
        return np.asarray(np.ptp(self.values[index].astype(np.float64), axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class MixedRows:
    """Validated rows of a table of words, numbers and dates, not yet encoded.

    Parameters
    ----------
    columns : tuple of Cells
        The cells, column by column.
    schema : FrameSchema or None
        Library, column names and dtypes where the table was a data frame.
    dtype : dtype
        The dtype of answers about these rows: float32 or float64.
    """

    columns: tuple[Cells, ...]
    schema: FrameSchema | None
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns[0].values)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and of columns."""
        return len(self), len(self.columns)

    @property
    def names(self) -> list[Any]:
        """Column names, or positions where the table was an array."""
        return [*range(len(self.columns))] if self.schema is None else self.schema.names

    def take(self, index: np.ndarray | slice) -> MixedRows:
        """Select rows.

        Parameters
        ----------
        index : ndarray of int or bool, or slice
            Which rows. A slice shares memory, an array copies.

        Returns
        -------
        rows : MixedRows
            The rows selected, with the same schema.
        """
        taken = map(methodcaller("take", index), self.columns)
        return MixedRows(tuple(taken), self.schema, self.dtype)

    def given(self, X: Any, *, as_array: bool, as_objects: bool) -> Any:
        """Give these rows to a transformer: as they came, since no array of numbers holds them."""
        return _as_came(X, as_objects)

    def cast(self, codes: np.ndarray) -> np.ndarray:
        """Give codes of these rows as they are."""
        return codes

    def spans(self, index: np.ndarray | slice) -> np.ndarray:
        """Nothing: categories span no distance."""
        return np.zeros(0)


def _as_came(X: Any, as_objects: bool) -> Any:
    return np.asarray(X, dtype=object) if as_objects and not is_frame(X) else X


@overload
def check_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    min_rows: int = 1,
    mixed: Literal[False] = False,
    allow_missing: bool = False,
    advise: bool = False,
) -> Rows: ...


@overload
def check_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    min_rows: int = 1,
    mixed: bool | Literal["auto"],
    allow_missing: bool = False,
    advise: bool = False,
) -> Rows | MixedRows: ...


def check_rows(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    min_rows: int = 1,
    mixed: bool | Literal["auto"] = False,
    allow_missing: bool = False,
    advise: bool = False,
) -> Rows | MixedRows:
    """Validate a table with scikit-learn's checks and words.

    Parameters
    ----------
    estimator : estimator instance
        Whose ``n_features_in_`` and ``feature_names_in_`` are set or compared. Names that are
        not strings, which scikit-learn ignores, are kept in ``_columns_in`` and compared too.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Numbers and booleans, and words and dates with ``mixed``.
    reset : bool
        True in ``fit``, False elsewhere.
    min_rows : int, default=1
        Least number of rows.
    mixed : bool or "auto", default=False
        False takes numbers and booleans only and gives Rows. True takes any table and gives
        MixedRows. "auto" gives Rows if X holds nothing but numbers and booleans.
    allow_missing : bool, default=False
        Whether cells may be missing. With ``mixed=True`` they always may.
    advise : bool, default=False
        Whether messages about cells that are no numbers say which models take them: for those
        that never do.

    Returns
    -------
    rows : Rows or MixedRows
        Rows hold the same numbers in float32 or float64, copied only if X was something else.

    Raises
    ------
    ValueError
        If X is empty, not two-dimensional, complex, holds infinity, or NaN or words where they
        are not allowed, has too few rows, or has other columns or another order than in ``fit``.
    TypeError
        If X is sparse, lazy or a reader, or a cell is neither a string nor a number.
    """
    check_container(X)
    schema = frame_schema(X) if is_frame(X) else None
    X = as_table(X)
    _check_any_columns(estimator, X, schema)
    rows: Rows | MixedRows
    if mixed is True or (mixed == "auto" and _has_words(X, schema)):
        rows = _mixed_rows(estimator, X, schema, reset=reset)
    else:
        try:
            rows = _numeric_rows(estimator, X, schema, reset=reset, allow_missing=allow_missing)
        except _NotNumeric as error:
            advice = _advice(estimator, error.args[1:]) if advise else ""
            raise ValueError(f"{error.args[0]}{advice}") from error.__cause__
    if len(rows) < min_rows:
        raise ValueError(
            f"Found array with n_samples={len(rows)} while a minimum of {min_rows} is required "
            f"by {type(estimator).__name__}."
        )
    return rows


def _numeric_rows(
    estimator: Any, X: Any, schema: FrameSchema | None, *, reset: bool, allow_missing: bool
) -> Rows:
    """Validate a table of numbers as one block."""
    dtype = _FLOATS if schema is None else schema.float_dtype
    finite: bool | str = "allow-nan" if allow_missing else True
    if schema is None and getattr(getattr(X, "dtype", None), "kind", None) in ("m", "M"):
        message = f"Input X has dtype {X.dtype}, which is not numeric: encode it first."
        raise _NotNumeric(message)
    if schema is not None and not {"Int128", "UInt128"}.isdisjoint(schema.dtypes):
        named = zip(schema.names, schema.dtypes, strict=True)
        wide = [name for name, dtype in named if dtype in ("Int128", "UInt128")]  # numpy lacks them
        X = open_frame(X).with_columns(nw.col(*wide).cast(nw.Float64)).to_native()
    try:
        with curable_names(schema):
            values = validate_data(estimator, X, reset=reset, dtype=dtype, ensure_all_finite=finite)
    except (TypeError, ValueError) as error:
        if isinstance(error, np.exceptions.DTypePromotionError):
            _check_kinds(schema)
        _explain(error, X, schema, estimator)
        raise
    _check_kinds(schema)
    check_other_names(estimator, schema, reset=reset)
    return Rows(values, schema)


def _advice(estimator: Any, column: tuple[Any, ...]) -> str:
    """Say what to do with a table of more than numbers."""
    what = f"column {column[0]!r} holds" if column else "these are"
    return (
        f"\n{type(estimator).__name__} takes tables of numbers and booleans only; {what} something "
        "else. AutoencoderTransformer and VAETransformer take mixed tables; or encode the table "
        "with TabularEncoder first."
    )


def _mixed_rows(estimator: Any, X: Any, schema: FrameSchema | None, *, reset: bool) -> MixedRows:
    """Validate a table of any columns, one by one."""
    if schema is None:
        kind = getattr(getattr(X, "dtype", None), "kind", "O")
        dtype = None if kind in "fiubcmM" else object
        X = check_array(
            X, dtype=dtype, input_name="X", ensure_all_finite=False, estimator=estimator
        )
        if X.dtype.kind in "mM":
            raise ValueError(
                f"Input X is an array of dtype {X.dtype}: pass dates as columns of a data frame."
            )
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        narrow = X.dtype == np.float32
        return MixedRows(tuple(read_array(X)), None, np.dtype("f4" if narrow else "f8"))
    if not len(X):
        raise ValueError(
            f"Found array with 0 sample(s) (shape={tuple(X.shape)}) while a minimum of 1 is "
            f"required by {type(estimator).__name__}."
        )
    with curable_names(schema):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    check_other_names(estimator, schema, reset=reset)
    return MixedRows(tuple(read_frame(X)), schema, np.dtype(schema.float_dtype))


def _has_words(X: Any, schema: FrameSchema | None) -> bool:
    """Tell whether X holds more than numbers and booleans.

    Where X makes no table at all, the answer is no: the numeric checks say what is wrong.
    """
    if schema is not None:
        if "" in schema.kinds:
            return True
        frame = open_frame(X)
        objects = [j for j, kind in enumerate(schema.kinds) if kind == "object"]
        return any(_is_word(cell) for j in objects for cell in frame[:, j].to_list())
    if getattr(getattr(X, "dtype", None), "kind", "O") not in "OUS":
        return False
    if not isinstance(X, list | tuple) and not hasattr(X, "__array__"):
        return False
    try:
        table = np.asarray(X)
    except ValueError:  # ragged
        return False
    return table.dtype.kind in "US" or any(map(_is_word, table.ravel()))


def _is_word(cell: Any) -> bool:
    return isinstance(cell, str | bytes | date)


def _check_any_columns(estimator: Any, X: Any, schema: FrameSchema | None) -> None:
    """Refuse frames without columns, on which scikit-learn's own check fails with numpy's words."""
    if schema is not None and not schema.kinds:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={tuple(X.shape)}) while a minimum of 1 is "
            f"required by {type(estimator).__name__}."
        )


def _check_kinds(schema: FrameSchema | None) -> None:
    """Refuse columns that convert to floats but would not mean anything as such, like dates."""
    if schema is None or "" not in schema.kinds:
        return
    column = schema.kinds.index("")
    raise _NotNumeric(
        f"Input X has a column of dtype {schema.dtypes[column]}, which is not numeric: "
        f"encode or drop it first. (column {schema.names[column]!r})",
        schema.names[column],
    )


def _explain(
    error: TypeError | ValueError, X: Any, schema: FrameSchema | None, estimator: Any
) -> None:
    """Raise scikit-learn's error again with the place of the first cell that caused it.

    Returns without raising where no single cell is at fault.
    """
    text = str(error)
    if "contains NaN" in text or "contains infinity" in text:
        place = _first_not_finite(X, np.isfinite if "contains NaN" in text else _not_infinite)
        if place is not None:
            row, column = place
            name = column if schema is None else schema.names[column]
            if "contains NaN" in text:
                text = f"Input X contains NaN. {_about_missing(estimator)}"
            raise ValueError(f"{text}\n(column {name!r}, row {row})") from error
    wants_scalar = "argument must be" in text or "array element with a sequence" in text
    if not wants_scalar and "could not convert string" not in text:
        return
    cell = _first_cell(X, schema, _not_a_scalar if wants_scalar else _not_a_number)
    if cell is None:
        return
    row, column, kind = cell
    name = column if schema is None else schema.names[column]
    if wants_scalar:
        raise TypeError(
            f"argument must be a string or a number (column {name!r}, row {row}: got {kind})"
        ) from error
    raise _NotNumeric(f"{text}\n(column {name!r}, row {row})", name) from error


def _about_missing(estimator: Any) -> str:
    """Say what to do about missing cells that cannot be taken."""
    name = type(estimator).__name__
    held = getattr(estimator, "estimator", None)
    if held is not None:
        return f"{type(held).__name__}, which {name} holds, does not take missing cells."
    return (
        f"An earlier release has fitted this {name}, to complete numbers: rows may miss cells "
        "once it is fitted again, there with mode='quantile' alone."
    )


def _not_infinite(values: np.ndarray) -> np.ndarray:
    return np.asarray(~np.isinf(values))


def _first_not_finite(X: Any, right: Callable[[np.ndarray], np.ndarray]) -> tuple[int, int] | None:
    """Find the row and column of the first NaN or infinity."""
    values = check_array(X, dtype=_FLOATS, ensure_all_finite=False)
    for rows in chunks(*values.shape):
        wrong = ~right(values[rows])
        if wrong.any():
            row, column = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            return rows.start + int(row), int(column)
    return None


def _first_cell(
    X: Any, schema: FrameSchema | None, wrong: Callable[[Any], bool]
) -> tuple[int, int, str] | None:
    """Find the row, column and type of the first cell, row by row, for which ``wrong`` is true."""
    places = [
        (row, column, type(cells[row]).__name__)
        for column, cells in enumerate(_cells(X, schema))
        if (row := next((i for i, cell in enumerate(cells) if wrong(cell)), None)) is not None
    ]
    return min(places, default=None)


def _cells(X: Any, schema: FrameSchema | None) -> list[list[Any]]:
    """List the Python objects in each column."""
    if schema is not None:
        frame = open_frame(X)
        return [frame[:, j].to_list() for j in range(len(schema.names))]
    try:
        table = np.asarray(X, dtype=object)
    except ValueError:  # ragged lists make no table, so no cell of it is wrong
        return []
    return [list(column) for column in table.T] if table.ndim == 2 else []


def _not_a_number(cell: Any) -> bool:
    return isinstance(cell, str | bytes) and not _is_number(cell)


def _not_a_scalar(cell: Any) -> bool:
    return not isinstance(cell, str | bytes) and cell is not None and not _is_number(cell)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return True
