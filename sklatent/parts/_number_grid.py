"""Columns of numbers as a quantile table sees them: conditions in, values on their grid out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sklatent.parts._calibration import Array, Calibration
from sklatent.tabular import (
    AffineTable,
    Cells,
    QuantileTable,
    as_lists,
    fill_missing,
    moved,
    number_stores,
)

# Levels end here: scores of the ends of a column stay finite.
LEAST_LEVEL = 1e-12


class NumberGrid:
    """Between what a model of numbers draws and the values that the columns of a table have.

    A column has a level in (0, 1) at each place of its marginal, and the score of a level is its
    normal quantile. So conditions, exact values, decimals and messages are those of tables in
    quantile mode.

    Parameters
    ----------
    calibration : Calibration
        Marginals of the columns, and their decimals.
    table : AffineTable
        The table.
    """

    def __init__(self, calibration: Calibration, table: AffineTable) -> None:
        self.affine = table
        stores = number_stores(table.schema, table.dtype, table.n_encoded)
        marginals = zip(calibration.marginals, calibration.decimals, stores, strict=True)
        columns = [
            _column(target, len(source), decimals, store)
            for (source, target, _), decimals, store in marginals
        ]
        for column in table.identifiers:
            columns[column["at"]] = column
        self.places = [_places(source, target) for source, target, _ in calibration.marginals]
        self.table = QuantileTable(columns, table.schema, table.dtype, "missing")

    def limits(self, conditions: Mapping[Any, Any]) -> dict[int, NDArray[np.float64]]:
        """Translate conditions into intervals of encoded cells, (n_intervals, 2) by column."""
        limits = {}
        for at, limit in self.table.limits(as_lists(conditions)).items():
            ends = np.array([limit]) if isinstance(limit, tuple) else np.asarray(limit)[:, 1:]
            x, levels = self.places[at]
            encoded = np.interp(ndtr(ends), levels, x) - self.affine.center[at]
            limits[at] = np.where(np.isinf(ends), ends, encoded / self.affine.scale[at])
        return limits

    def obeying(
        self, conditions: Mapping[Any, Any], values: NDArray[Any], rng: np.random.RandomState
    ) -> Any:
        """Calibrate drawn rows in the units of the table, and let them obey to the last digit."""
        columns = [np.interp(x, *places) for x, places in zip(values.T, self.places, strict=True)]
        levels = np.clip(np.stack(columns, axis=1), LEAST_LEVEL, 1 - LEAST_LEVEL)
        return self.table.obeying(conditions, ndtri(levels), rng)

    def rounded(self, values: NDArray[Any]) -> NDArray[Any]:
        """Move numbers into the training range and to the decimals of their columns."""
        moved = np.empty(values.shape)
        for j, column in enumerate(self.table.columns):
            moved[:, j] = np.nan
            if column["kind"] == "number":
                moved[:, j] = np.clip(values[:, j], column["values"][0], column["values"][-1])
                if column["decimals"] >= 0:
                    moved[:, j] = np.round(moved[:, j], column["decimals"])
        return moved

    def filled(self, X: Any, values: NDArray[Any], conditions: Mapping[Any, Any] | None) -> Any:
        """Copy rows, and fill their missing cells with numbers of the same rows."""
        rows: Any = self.table.read_reconstructions(X)
        cells = []
        for column, numbers in zip(self.table.columns, self.rounded(values).T, strict=True):
            empty = column["kind"] != "number"
            missing = np.ones(len(numbers), dtype=bool) if empty else None
            cells.append(Cells(column["family"], numbers, missing, store=column["store"]))
        if conditions:
            cells = moved(self.table.columns, self.table.names, conditions, cells)
        library = None if self.table.schema is None else self.table.schema.library
        return fill_missing(X, rows.columns, cells, library=library)


def _column(target: Array, n_thresholds: int, decimals: int, store: dict[str, Any]) -> Any:
    """Describe a column by the values of its marginal, each of which covers a few levels."""
    family = "boolean" if store["kind"] == "bool" else "number"
    column = {"family": family, "unit": "", "store": store, "has_missing": False}
    if np.isnan(target).any():
        return {**column, "kind": "constant", "levels": []}
    kind = np.dtype(store["kind"])
    values, first, counts = np.unique(
        target.astype(kind if kind.kind == "f" else np.float64),
        return_index=True,
        return_counts=True,
    )
    if n_thresholds < len(target):  # each value has an interval
        lo, hi = np.arange(len(values)) / len(values), np.arange(1, len(values) + 1) / len(values)
    else:
        lo, hi = (at / (len(target) - 1) for at in (first, first + counts - 1))
    return {
        **column,
        "kind": "number",
        "values": values,
        "lo": lo,
        "hi": hi,
        "floor": 1.0 / len(target),
        "step": 0,
        "decimals": decimals,
    }


def _places(source: Array, target: Array) -> tuple[Array, Array]:
    """Give places of the model's numbers, and the levels there."""
    if len(source) == len(target):
        return source, np.linspace(0.0, 1.0, len(source))
    if not len(source):
        return np.zeros(1), np.full(1, 0.5)
    # beyond the thresholds a level lies within the interval of the first or the last value
    ends = [source[:1] - 1.0, source, source[-1:] + 1.0]
    return np.concatenate(ends), np.linspace(0.0, 1.0, len(target) + 1)
