"""What is fitted about a table, whatever its kind: the one interface that models and tasks use."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, Protocol, Self

import numpy as np

from sklatent.tabular._blocks import Block
from sklatent.tabular._cells import Cells
from sklatent.tabular._known import Limit
from sklatent.tabular._rows import MixedRows, Rows

AnyRows = Rows | MixedRows
Ties = tuple[np.ndarray | None, ...]


class Table(Protocol):
    """A fitted table: how its rows become a float matrix and back.

    One class for each kind of table implements it: :class:`AffineTable` for numbers and
    :class:`QuantileTable` for anything. What differs between them is behind these methods, so
    that nobody else asks for the kind.
    """

    @property
    def kind(self) -> Literal["affine", "quantile"]:
        """Name of the kind, which is ``mode_`` of the encoder."""

    @property
    def names(self) -> list[Any]:
        """Column names, or positions where ``fit`` saw an array."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the rows of ``fit``: float32 or float64."""

    @property
    def n_encoded(self) -> int:
        """Number of columns of the matrix."""

    @property
    def owners(self) -> np.ndarray:
        """Column of the table to which each column of the matrix belongs."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What the columns of the matrix are."""

    @property
    def ties(self) -> Ties:
        """Score, lower and upper end of each value seen more than once; None without scores."""

    @property
    def center(self) -> np.ndarray:
        """What each column is less before it is divided."""

    @property
    def scale(self) -> np.ndarray:
        """What each column is divided by."""

    @property
    def constant(self) -> np.ndarray:
        """Mask of the columns with nothing to learn."""

    @property
    def varying(self) -> np.ndarray:
        """Mask of the columns of the matrix that are not constant."""

    @property
    def unit(self) -> float:
        """What one in the matrix stands for if all columns have a common scale, else 1.0."""

    @property
    def numbers(self) -> np.ndarray:
        """Mask of the columns of the matrix that are numbers, not codes of levels."""

    def handling(self, handle_unknown: str) -> Self:
        """Return the same table that deals with unknown levels in this way."""

    # -- rows in -------------------------------------------------------------------------------

    def read(
        self, X: Any, *, estimator: Any, min_rows: int = 1, allow_missing: bool = False
    ) -> AnyRows:
        """Validate rows of the table that ``fit`` saw.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows.
        estimator : estimator instance
            Whose columns and name count.
        min_rows : int, default=1
            Least number of rows.
        allow_missing : bool, default=False
            Whether cells may be missing in a table of numbers alone. In others they always may.

        Returns
        -------
        rows : Rows or MixedRows
            What :meth:`encode` takes.
        """

    def read_reconstructions(self, X: Any) -> AnyRows:
        """Validate reconstructions of rows, whatever container and names they come with."""

    def encode(self, rows: AnyRows) -> np.ndarray:
        """Encode validated rows into a new C-contiguous matrix in their dtype."""

    def blanked(self, rows: AnyRows) -> AnyRows:
        """Return rows of numbers with 0 in the place of identifiers, for what reads all columns."""

    def unknown(self, rows: AnyRows) -> np.ndarray:
        """Tell which cells hold a level that ``fit`` has not seen.

        Parameters
        ----------
        rows : Rows or MixedRows
            Validated rows.

        Returns
        -------
        unknown : ndarray of shape (n_samples, n_features), dtype=bool
            Numbers are never unknown.
        """

    @property
    def takes_missing(self) -> bool:
        """Whether models of the table answer about rows with missing cells."""

    def completed(self, matrix: np.ndarray) -> np.ndarray:
        """Fill those missing cells of an encoded matrix that a net would not read.

        Numbers in affine tables get their mean given the other cells of the row; where missing
        cells are encoded as such, the matrix comes back as it is.
        """

    def without_missing(self, rows: AnyRows) -> AnyRows:
        """Fill the same cells of rows in their own units, for who does not read the matrix."""

    def cells(self, rows: AnyRows) -> list[Cells]:
        """Give the cells of validated rows column by column, in the units of ``fit``."""

    # -- rows out ------------------------------------------------------------------------------

    def decode(self, matrix: np.ndarray, *, beyond: bool = False) -> Any:
        """Decode a matrix in float32 or float64 into the container that ``fit`` saw.

        Numbers end with the training range, or with ``beyond`` go on as their scores do.
        """

    def values(self, matrix: np.ndarray) -> np.ndarray:
        """Decode a matrix as far as that gives numbers, for :meth:`build` to finish.

        They are in the units of X where all columns are numbers, else the matrix itself.
        """

    def build(self, values: np.ndarray) -> Any:
        """Put what :meth:`values` gave into the container that ``fit`` saw."""

    def sampled(self, values: np.ndarray, rng: np.random.RandomState) -> Any:
        """Do as :meth:`build` with new rows: identifiers are new ones, and missing elsewhere."""

    def contain(
        self, rows: Any, dtype: np.dtype[Any], rng: np.random.RandomState | None = None
    ) -> Any:
        """Put rows that a transformer of the table's own rows answered into its container.

        Numbers in an array are put there in ``dtype``; what is no array, and rows of a mixed
        table, which only their own container can hold, stay as they are. With ``rng`` they are
        new rows, and get new identifiers.
        """

    # -- densities -----------------------------------------------------------------------------

    def log_slope(self, rows: AnyRows) -> np.ndarray:
        """Logarithm of how fast each encoded cell grows with the cell.

        Parameters
        ----------
        rows : Rows or MixedRows
            Validated rows.

        Returns
        -------
        slope : ndarray of shape (n_samples, n_features), dtype=float64
            What turns a log-density of the matrix into one in the units of X, cell by cell; the
            log mass of ties, and 0 for levels, constant columns and missing cells of scores.
        """

    def log_det(self, rows: AnyRows) -> Any:
        """Sum of :meth:`log_slope` over the columns: one number, or one for each row."""

    # -- what is known about rows --------------------------------------------------------------

    def limits(self, conditions: Mapping[Any, Any]) -> dict[int, Limit]:
        """Translate conditions on columns into codes and scores, by position of the column."""

    def obeying(
        self,
        conditions: Mapping[Any, Any],
        matrix: np.ndarray,
        rng: np.random.RandomState | None = None,
    ) -> Any:
        """Decode rows drawn within limits, to values that obey to the last digit.

        An array comes in the precision of the rows of ``fit``.
        """

    def filled(
        self,
        X: Any,
        rows: AnyRows,
        completions: Sequence[np.ndarray],
        conditions: Mapping[Any, Any] | None = None,
    ) -> Any:
        """Copy rows, and fill missing cells with the average of completions of their matrix.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows as they were given.
        rows : Rows or MixedRows
            What :meth:`read` made of them.
        completions : sequence of ndarray of shape (n_samples, n_encoded)
            Encoded rows without missing cells.
        conditions : mapping or None, default=None
            What filled cells obey, as in :meth:`limits`.

        Returns
        -------
        filled : array or data frame
            In the container of ``X``, whose other cells are copied as they are.
        """

    def inside(self, X: Any, k: int, but: Collection[Any]) -> np.ndarray:
        """Tell which new rows hold nothing that few training rows have.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows in any container.
        k : int
            How many training rows are few.
        but : collection
            Names of columns in which all is allowed.

        Returns
        -------
        inside : ndarray of shape (n_samples,), dtype=bool
            False where a number lies beyond the k-th from either end, or a category has fewer
            than k rows.
        """

    # -- comparing rows ------------------------------------------------------------------------

    def may_miss(self, matrix: np.ndarray) -> np.ndarray:
        """Mask of the columns of the matrix of training rows of which cells were missing."""

    def ranges(self, matrix: np.ndarray) -> np.ndarray:
        """Interquartile range of each number in a matrix of rows; 0 for levels."""

    # -- saving --------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays, from which ``from_state`` makes the same table."""


def schema_state(schema: Any) -> dict[str, Any] | None:
    """Turn a schema into plain lists, which a saved state holds."""
    if schema is None:
        return None
    return {
        "backend": schema.backend,
        "names": schema.names,
        "dtypes": schema.dtypes,
        "kinds": schema.kinds,
    }
