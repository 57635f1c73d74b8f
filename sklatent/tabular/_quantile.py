"""Tables of anything: levels become codes, numbers become normal scores of their ranks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np

from sklatent._utils.notice import is_told, warn_caller
from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column, some_levels, unknown_message, what_is_unknown
from sklatent.tabular._dates import as_words
from sklatent.tabular._extremes import inside_column
from sklatent.tabular._filling import average, fill_missing
from sklatent.tabular._frames import FrameSchema
from sklatent.tabular._identifiers import new_identifiers
from sklatent.tabular._known import Limit, limits_of, moved, obeying
from sklatent.tabular._mixed import (
    align,
    blocks,
    decode_columns,
    encode_columns,
    fit_columns,
    owners_of,
    slopes,
    unknown_columns,
)
from sklatent.tabular._native import build_array, build_columns
from sklatent.tabular._rows import MixedRows, Reconstruction, check_rows
from sklatent.tabular._table import AnyRows, schema_state

# Interquartile range of normal scores.
_NORMAL_RANGE = 1.349


class QuantileTable:
    """A fitted table of anything; see :class:`~sklatent.tabular._table.Table`.

    Nothing is centred or divided: scores have no unit.

    Parameters
    ----------
    columns : list of dict
        What is fitted about each column.
    schema : FrameSchema or None
        Of the data frame that ``fit`` saw; None for an array.
    dtype : dtype
        Of the rows of ``fit``.
    handle_unknown : {"error", "missing"}
        What to do about levels that ``fit`` did not see.
    """

    kind: Literal["affine", "quantile"] = "quantile"
    unit = 1.0

    def __init__(
        self,
        columns: list[Column],
        schema: FrameSchema | None,
        dtype: np.dtype[Any],
        handle_unknown: str,
    ) -> None:
        self.columns, self.schema, self.dtype = columns, schema, dtype
        self.handle_unknown = handle_unknown
        n, self.owners = len(columns), owners_of(columns)
        self.n_encoded = len(self.owners)
        self.names: list[Any] = [*range(n)] if schema is None else schema.names
        self.blocks, self.ties = blocks(columns)
        kinds = np.array([block.kind for block in self.blocks])
        self.varying, self.numbers = kinds != "constant", np.isin(kinds, ["number", "text"])
        self.constant = ~self.varying[:n]
        self.center, self.scale = np.zeros(n), np.ones(n)

    @classmethod
    def fit(
        cls,
        rows: MixedRows,
        roles: Sequence[str],
        *,
        n_quantiles: int,
        max_levels: int,
        handle_unknown: str,
    ) -> Self:
        """Learn the cells of each column.

        Parameters
        ----------
        rows : MixedRows
            Training rows.
        roles : sequence of {"category", "number", "identifier", "text", ""}
            What each column is to be; "" leaves that to its cells.
        n_quantiles, max_levels : int
            As in :func:`~sklatent.tabular._codecs.fit_column`.
        handle_unknown : {"error", "missing"}
            What to do about levels that are not among the rows.

        Returns
        -------
        table : QuantileTable
            The fitted table.
        """
        columns = fit_columns(
            rows.columns, roles, rows.names, n_quantiles=n_quantiles, max_levels=max_levels
        )
        return cls(columns, rows.schema, rows.dtype, handle_unknown)

    def handling(self, handle_unknown: str) -> Self:
        """Return the same table that deals with unknown levels in this way."""
        if handle_unknown == self.handle_unknown:
            return self
        other = copy(self)
        other.handle_unknown = handle_unknown
        return other

    # -- rows in and out -----------------------------------------------------------------------

    def read(
        self, X: Any, *, estimator: Any, min_rows: int = 1, allow_missing: bool = False
    ) -> AnyRows:
        """Validate rows of anything, in which cells may always be missing."""
        rows = check_rows(estimator, X, reset=False, min_rows=min_rows, mixed=True)
        self._tell_unknown(_columns_of(rows))
        return rows

    def _tell_unknown(self, columns: tuple[Cells, ...]) -> None:
        """Warn of levels that ``fit`` has not seen, or refuse them."""
        if is_told():
            return
        unknown = unknown_columns(self.columns, columns, self.names)
        found = []
        for j in np.flatnonzero(unknown.any(0)):
            column, name, cells = self.columns[j], self.names[j], columns[j]
            if "format" not in column["store"]:  # else the words that are no dates
                cells = align(column, cells, name)
            if self.handle_unknown == "error":
                raise ValueError(unknown_message(column, cells, unknown[:, j], name))
            some = ", ".join(map(repr, some_levels(cells, unknown[:, j])))
            found.append(f"{name!r} ({unknown[:, j].sum()}: {some})")
        if found:
            kinds = [what_is_unknown(self.columns[j]) for j in np.flatnonzero(unknown.any(0))]
            warn_caller(
                f"Found {' and '.join(dict.fromkeys(kinds))}, which count as missing values, in "
                f"columns (cells: some of them) {', '.join(found)}. handle_unknown='error' refuses "
                "them."
            )

    def unknown(self, rows: AnyRows) -> np.ndarray:
        """Mask of the cells that hold a level that ``fit`` has not seen."""
        return unknown_columns(self.columns, _columns_of(rows), self.names)

    def read_reconstructions(self, X: Any) -> AnyRows:
        """Validate rows of anything, whatever container and names they come with."""
        return check_rows(Reconstruction(), X, reset=True, mixed=True)

    def encode(self, rows: AnyRows) -> np.ndarray:
        """Encode validated rows into a new C-contiguous matrix in their dtype."""
        return encode_columns(
            self.columns,
            _columns_of(rows),
            names=self.names,
            dtype=rows.dtype,
        )

    def cells(self, rows: AnyRows) -> list[Cells]:
        """Give the cells column by column, in the family and unit of ``fit``."""
        found = map(align, self.columns, _columns_of(rows), self.names)
        return [
            replace(cells, family=column["family"]) if cells.family == "number" else cells
            for column, cells in zip(self.columns, found, strict=True)
        ]

    takes_missing = True

    def completed(self, matrix: np.ndarray) -> np.ndarray:
        """Return the matrix: missing cells are encoded as such."""
        return matrix

    def without_missing(self, rows: AnyRows) -> AnyRows:
        """Return the rows."""
        return rows

    def decode(self, matrix: np.ndarray, *, beyond: bool = False) -> Any:
        """Decode a matrix into the container that ``fit`` saw."""
        return self._contained(decode_columns(self.columns, matrix, beyond=beyond), matrix.dtype)

    def values(self, matrix: np.ndarray) -> np.ndarray:
        """Return the matrix: words have no numbers."""
        return matrix

    def build(self, values: np.ndarray) -> Any:
        """Decode a matrix into the container that ``fit`` saw."""
        return self.decode(values)

    def sampled(self, values: np.ndarray, rng: np.random.RandomState) -> Any:
        """Decode a matrix of new rows, with new identifiers."""
        return self._contained(self._named(decode_columns(self.columns, values), rng), values.dtype)

    def contain(
        self, rows: Any, dtype: np.dtype[Any], rng: np.random.RandomState | None = None
    ) -> Any:
        """Return the rows, which come in the container that can hold them."""
        if rng is None or not any(column["kind"] == "identifier" for column in self.columns):
            return rows
        columns = _columns_of(self.read_reconstructions(rows))
        return self._contained(self._named(list(columns), rng), dtype)

    def blanked(self, rows: AnyRows) -> AnyRows:
        """Return the rows, which nobody takes for numbers."""
        return rows

    def _named(self, columns: list[Cells], rng: np.random.RandomState) -> list[Cells]:
        """Put new identifiers in their columns."""
        return [
            new_identifiers(column, len(cells.values), rng)
            if column["kind"] == "identifier"
            else cells
            for column, cells in zip(self.columns, columns, strict=True)
        ]

    def _contained(self, columns: list[Cells], dtype: np.dtype[Any]) -> Any:
        columns = list(map(as_words, columns))
        if self.schema is None:
            return build_array(columns, dtype)
        return build_columns(columns, self.schema.names, self.schema.backend)

    # -- densities -----------------------------------------------------------------------------

    def log_slope(self, rows: AnyRows) -> np.ndarray:
        """Give log d score / d value of numbers, the log mass of ties, and 0 elsewhere."""
        return slopes(self.columns, _columns_of(rows), self.names)

    def log_det(self, rows: AnyRows) -> np.ndarray:
        """Sum of the slopes of each row."""
        return np.asarray(self.log_slope(rows).sum(1))

    # -- what is known about rows --------------------------------------------------------------

    def limits(self, conditions: Mapping[Any, Any]) -> dict[int, Limit]:
        """Translate conditions on columns into codes and scores."""
        return limits_of(self.columns, self.names, conditions)

    def obeying(
        self,
        conditions: Mapping[Any, Any],
        matrix: np.ndarray,
        rng: np.random.RandomState | None = None,
    ) -> Any:
        """Decode rows drawn within limits, to values that obey to the last digit."""
        columns = obeying(self.columns, self.names, conditions, matrix)
        return self._contained(columns if rng is None else self._named(columns, rng), self.dtype)

    def filled(
        self,
        X: Any,
        rows: AnyRows,
        completions: Sequence[np.ndarray],
        conditions: Mapping[Any, Any] | None = None,
    ) -> Any:
        """Copy rows, and fill their missing cells with the average of several completions."""
        library = None if self.schema is None else self.schema.library
        columns, drawn = _columns_of(rows), average(self.columns, completions)
        if conditions:
            drawn = moved(self.columns, self.names, conditions, drawn)
        drawn = [
            as_words(fill) if cells.family in ("label", "empty") else fill
            for fill, cells in zip(drawn, columns, strict=True)
        ]
        return fill_missing(X, columns, drawn, library=library)

    def inside(self, X: Any, k: int, but: Collection[Any]) -> np.ndarray:
        """Tell which rows hold no number beyond the k-th from an end and no level of fewer rows."""
        rows = self.read_reconstructions(X)
        mask = np.ones(len(rows), dtype=bool)
        for column, cells, name in zip(self.columns, _columns_of(rows), self.names, strict=True):
            if column["kind"] in ("number", "category") and name not in but:
                mask &= inside_column(column, align(column, cells, name), k)
        return mask

    # -- comparing rows ------------------------------------------------------------------------

    def may_miss(self, matrix: np.ndarray) -> np.ndarray:
        """Mask of the columns of which cells were missing in ``fit``."""
        return np.array([block.may_miss for block in self.blocks])

    def ranges(self, matrix: np.ndarray) -> np.ndarray:
        """Interquartile range of scores, and of what a text sums up to; 0 for levels."""
        return np.asarray(_NORMAL_RANGE * self.numbers)

    # -- saving --------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays."""
        return {
            "kind": self.kind,
            "columns": self.columns,
            "frame": schema_state(self.schema),
            "dtype": self.dtype.name,
            "handle_unknown": self.handle_unknown,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Make the table that :meth:`to_state` has described."""
        frame = state["frame"]
        return cls(
            state["columns"],
            None if frame is None else FrameSchema(**frame),
            np.dtype(state["dtype"]),
            state["handle_unknown"],
        )


def _columns_of(rows: AnyRows) -> tuple[Cells, ...]:
    if not isinstance(rows, MixedRows):
        raise TypeError("These rows were read for a table of numbers: read them with this table.")
    return rows.columns
