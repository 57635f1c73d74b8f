"""Tables of numbers and booleans: each column is centred and divided by its scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NoReturn, Self

import numpy as np

from sklatent.tabular._blocks import Block
from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column
from sklatent.tabular._columns import (
    Moments,
    affine_decode,
    affine_encode,
    column_moments,
    near_constant,
    observed_moments,
)
from sklatent.tabular._extremes import inside_ends, number_ends
from sklatent.tabular._frames import FrameSchema, build_frame
from sklatent.tabular._gaussian import MAX_CELLS, MAX_ROWS, GaussianFill
from sklatent.tabular._identifiers import fit_identifier, missing_cells, new_identifiers
from sklatent.tabular._known import Limit
from sklatent.tabular._native import as_floats, build_columns, number_cells
from sklatent.tabular._roles import number_columns
from sklatent.tabular._rows import Reconstruction, Rows, check_rows
from sklatent.tabular._table import AnyRows, Ties, schema_state


@dataclass(frozen=True, eq=False)
class AffineTable:
    """A fitted table of numbers; see :class:`~sklatent.tabular._table.Table`.

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,), dtype=float64
        What each column is less, and what it is divided by then.
    constant : ndarray of shape (n_features,), dtype=bool
        Columns whose variance is no more than rounding.
    same : ndarray of shape (n_features,), dtype=bool
        Columns whose values were all equal: they come back as exactly that value.
    unit : float
        The common scale of the columns, else 1.0.
    has_missing : bool
        Whether cells were missing in ``fit``.
    schema : FrameSchema or None
        Of the data frame that ``fit`` saw; None for an array.
    dtype : dtype
        Of the rows of ``fit``.
    gaussian : GaussianFill or None, default=None
        What to expect of missing cells, in tables of models; None in those that were saved before
        models took any.
    identifiers : tuple of dict
        What is fitted about each column that names rows, which is 0 in the matrix: "at" is its
        position.
    ends : ndarray of shape (2, n_ranks, n_features) or None, default=None
        Values near the ends of each column, in tables of models; None as above.
    """

    center: np.ndarray
    scale: np.ndarray
    constant: np.ndarray
    same: np.ndarray
    unit: float
    has_missing: bool
    schema: FrameSchema | None
    dtype: np.dtype[Any]
    gaussian: GaussianFill | None = None
    identifiers: tuple[Column, ...] = ()
    ends: np.ndarray | None = None

    @classmethod
    def fit(
        cls,
        rows: Rows,
        *,
        standardize: bool,
        common_scale: bool,
        completes: bool = False,
        identifiers: Sequence[int] = (),
    ) -> Self:
        """Learn centres and scales.

        Parameters
        ----------
        rows : Rows
            Training rows.
        standardize : bool
            Whether each column is divided by its own standard deviation.
        common_scale : bool
            Whether the others are divided by one number instead.
        completes : bool, default=False
            Whether it learns what to expect of missing cells, from complete rows.
        identifiers : sequence of int, default=()
            Positions of the columns that name rows.

        Returns
        -------
        table : AffineTable
            The fitted table.
        """
        named = [{"at": j, "family": "number", "unit": "", **_stored(rows, j)} for j in identifiers]
        if named:
            rows = _blanked(rows, list(identifiers))
        moments = column_moments(rows.values)
        has_missing = False
        if not np.isfinite(moments.var).all():
            has_missing = bool(np.isnan(rows.values).any())
            if has_missing:
                moments = observed_moments(rows.values)
            _check_moments(moments, rows)
        constant = near_constant(moments.mean, moments.var, len(rows))
        scale, unit = np.ones_like(moments.var), 1.0
        if standardize:
            scale[~constant] = np.sqrt(moments.var[~constant])
        if common_scale and not constant.all():
            unit = float(np.sqrt(moments.var[~constant].mean()))
            scale[~constant] = unit
        about = (unit, has_missing, rows.schema, rows.dtype, None, tuple(named))
        table = cls(moments.mean, scale, constant, moments.same, *about)
        if not completes:
            return table
        return replace(table, gaussian=table._fit_gaussian(rows), ends=number_ends(rows.values))

    def _fit_gaussian(self, rows: Rows) -> GaussianFill:
        n, most = len(rows), max(2, min(MAX_ROWS, MAX_CELLS // self.n_encoded))
        if n > most:
            rows = rows.take(np.sort(np.random.RandomState(0).choice(n, most, replace=False)))
        return GaussianFill.fit(self.encode(rows))

    def handling(self, handle_unknown: str) -> Self:
        """Return the table: no level of a number is unknown."""
        return self

    # -- what the columns are ------------------------------------------------------------------

    @property
    def kind(self) -> Literal["affine", "quantile"]:
        """Name of the kind."""
        return "affine"

    @property
    def names(self) -> list[Any]:
        """Column names, or positions where ``fit`` saw an array."""
        return [*range(self.n_encoded)] if self.schema is None else self.schema.names

    @property
    def n_encoded(self) -> int:
        """Number of columns of the matrix."""
        return len(self.center)

    @property
    def owners(self) -> np.ndarray:
        """Each column of the matrix is that of the table."""
        return np.arange(self.n_encoded)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All columns are one block."""
        return (Block("numeric", 0, self.n_encoded, 0, self.has_missing),)

    @property
    def ties(self) -> Ties:
        """None for each column."""
        return (None,) * self.n_encoded

    @cached_property
    def varying(self) -> np.ndarray:
        """Mask of the columns that are not constant."""
        return ~self.constant

    @property
    def numbers(self) -> np.ndarray:
        """All columns are numbers."""
        return np.ones(self.n_encoded, dtype=bool)

    # -- rows in and out -----------------------------------------------------------------------

    def read(
        self, X: Any, *, estimator: Any, min_rows: int = 1, allow_missing: bool = False
    ) -> AnyRows:
        """Validate rows of numbers."""
        return check_rows(estimator, X, reset=False, min_rows=min_rows, allow_missing=allow_missing)

    def read_reconstructions(self, X: Any) -> AnyRows:
        """Validate numbers, whatever container and names they come with."""
        return check_rows(Reconstruction(), X, reset=True, allow_missing=True)

    def encode(self, rows: AnyRows) -> np.ndarray:
        """Encode validated rows into a new C-contiguous matrix in their dtype."""
        matrix = affine_encode(_values_of(rows), self.center, self.scale)
        matrix[:, self._named] = 0.0
        return matrix

    @cached_property
    def _named(self) -> list[int]:
        """Positions of the identifiers."""
        return [column["at"] for column in self.identifiers]

    def blanked(self, rows: AnyRows) -> AnyRows:
        """Put 0 in the place of identifiers."""
        return _blanked(rows, self._named) if self._named and isinstance(rows, Rows) else rows

    def unknown(self, rows: AnyRows) -> np.ndarray:
        """No number is unknown."""
        return np.zeros(rows.shape, dtype=bool)

    def cells(self, rows: AnyRows) -> list[Cells]:
        """Give the numbers column by column."""
        values, absent = _values_of(rows), np.isnan(_values_of(rows))
        return [Cells("number", values[:, j], absent[:, j]) for j in range(self.n_encoded)]

    @property
    def takes_missing(self) -> bool:
        """Whether it knows what to expect of missing cells."""
        return self.gaussian is not None

    def completed(self, matrix: np.ndarray) -> np.ndarray:
        """Fill missing cells of a matrix by their mean given the other cells of the row."""
        return matrix if self.gaussian is None else self.gaussian(matrix)

    def without_missing(self, rows: AnyRows) -> AnyRows:
        """Fill missing cells of rows in the same way, in the units of X."""
        values = _values_of(rows)
        if self.gaussian is None or not (missing := np.isnan(values)).any():
            return rows
        filled = self.values(self.completed(self.encode(rows)))
        return Rows(np.where(missing, filled, values), rows.schema)

    def decode(self, matrix: np.ndarray, *, beyond: bool = False) -> Any:
        """Decode a matrix into the container that ``fit`` saw."""
        return self.build(self.values(matrix))

    def values(self, matrix: np.ndarray) -> np.ndarray:
        """Decode a matrix into an array in the units of X."""
        values = affine_decode(matrix, self.center, self.scale)
        if self.same.any():
            values[:, self.same] = np.where(
                np.isnan(values[:, self.same]), np.nan, self.center[self.same]
            )
        values[:, self._named] = np.nan
        return values

    def build(self, values: np.ndarray) -> Any:
        """Put numbers in the units of X into the container that ``fit`` saw."""
        return self._built(values, None)

    def sampled(self, values: np.ndarray, rng: np.random.RandomState) -> Any:
        """Put numbers of new rows, with new identifiers, into the container that ``fit`` saw."""
        return self._built(values, rng)

    def _built(self, values: np.ndarray, rng: np.random.RandomState | None) -> Any:
        named = {}
        for column in self.identifiers:
            made = missing_cells(column, len(values))
            named[column["at"]] = made if rng is None else new_identifiers(column, len(values), rng)
        if self.schema is None:
            for j, cells in named.items():
                values[:, j] = as_floats(cells)
            return values
        if named or np.isnan(values).any():
            columns = number_cells(values, self.schema)
            for j, cells in named.items():
                columns[j] = cells
            return build_columns(columns, self.schema.names, self.schema.backend)
        return build_frame(values, self.schema)

    def contain(
        self, rows: Any, dtype: np.dtype[Any], rng: np.random.RandomState | None = None
    ) -> Any:
        """Put an array in the units of X into the container that ``fit`` saw."""
        if not isinstance(rows, np.ndarray):
            return rows
        return self._built(rows.astype(dtype, copy=bool(self.identifiers)), rng)

    # -- densities -----------------------------------------------------------------------------

    def log_slope(self, rows: AnyRows) -> np.ndarray:
        """Minus the logarithm of the scale, 0 for constant columns and missing cells."""
        slope = np.zeros(rows.shape)
        slope[:, self.varying] = -np.log(self.scale[self.varying])
        slope[np.isnan(_values_of(rows))] = 0.0
        return slope

    @cached_property
    def log_abs_det(self) -> float:
        """Logarithm of the Jacobian determinant of the encoding."""
        return float(-np.log(self.scale).sum())

    def log_det(self, rows: AnyRows) -> Any:
        """Logarithm of the Jacobian determinant, the same for all rows without missing cells."""
        if isinstance(rows, Rows) and rows.has_missing():
            return self.log_slope(rows).sum(1)
        return self.log_abs_det

    # -- what is known about rows --------------------------------------------------------------

    def limits(self, conditions: Mapping[Any, Any]) -> dict[int, Limit]:
        """Refuse conditions."""
        _refuse("conditions")

    def obeying(
        self,
        conditions: Mapping[Any, Any],
        matrix: np.ndarray,
        rng: np.random.RandomState | None = None,
    ) -> Any:
        """Refuse conditions."""
        _refuse("conditions")

    def filled(
        self,
        X: Any,
        rows: AnyRows,
        completions: Sequence[np.ndarray],
        conditions: Mapping[Any, Any] | None = None,
    ) -> Any:
        """Refuse to fill cells."""
        _refuse("imputation")

    def inside(self, X: Any, k: int, but: Collection[Any]) -> np.ndarray:
        """Tell which rows hold no number beyond the k-th from an end."""
        asked = [j for j, name in enumerate(self.names) if self.varying[j] and name not in but]
        values = _values_of(self.read_reconstructions(X))
        within = inside_ends(self.ends, values, k)
        return np.asarray(within[:, asked].all(1))

    # -- comparing rows ------------------------------------------------------------------------

    def may_miss(self, matrix: np.ndarray) -> np.ndarray:
        """Mask of the columns of the matrix with missing cells."""
        return np.asarray(np.isnan(matrix).any(0))

    def ranges(self, matrix: np.ndarray) -> np.ndarray:
        """Interquartile range of each column."""
        low, high = np.nanquantile(matrix, [0.25, 0.75], axis=0)
        return np.asarray(high - low)

    # -- saving --------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays."""
        return {
            "kind": self.kind,
            "center": self.center,
            "scale": self.scale,
            "constant": self.constant,
            "same": self.same,
            "unit": self.unit,
            "has_missing": self.has_missing,
            "frame": schema_state(self.schema),
            "dtype": self.dtype.name,
            "gaussian": None if self.gaussian is None else self.gaussian.to_state(),
            "identifiers": list(self.identifiers),
            "ends": self.ends,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Make the table that :meth:`to_state` has described."""
        frame, gaussian = state["frame"], state.get("gaussian")
        return cls(
            state["center"],
            state["scale"],
            state["constant"],
            state["same"],
            state["unit"],
            state["has_missing"],
            None if frame is None else FrameSchema(**frame),
            np.dtype(state["dtype"]),
            None if gaussian is None else GaussianFill.from_state(gaussian),
            tuple(state.get("identifiers", ())),
            state.get("ends"),
        )


def _values_of(rows: AnyRows) -> np.ndarray:
    if not isinstance(rows, Rows):
        raise TypeError("These rows were read for a mixed table: read them with the same table.")
    return rows.values


def _stored(rows: Rows, column: int) -> Column:
    """Learn the form of the identifiers of a column, and how these are kept."""
    cells = number_columns(rows, [column])[0]
    return {"store": cells.store, **fit_identifier(cells)}


def _blanked(rows: Rows, columns: list[int]) -> Rows:
    values = rows.values.copy()
    values[:, columns] = 0.0
    return replace(rows, values=values)


def _refuse(what: str) -> NoReturn:
    raise ValueError(
        f"A table of numbers alone, in mode 'affine', has no {what}: fit "
        "TabularEncoder(mode='quantile') instead."
    )


def _check_moments(moments: Moments, rows: Rows) -> None:
    """Refuse columns whose squares overflow."""
    if np.isfinite(moments.var).all():
        return
    column = int(np.argmin(np.isfinite(moments.var)))
    name = column if rows.schema is None else rows.schema.names[column]
    raise ValueError(
        "Input X contains values whose squares are too large for dtype('float64'). "
        f"(column {name!r})"
    )
