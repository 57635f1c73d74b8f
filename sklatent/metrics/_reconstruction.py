"""What a latent space keeps of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent._utils._params import validate_params
from sklatent._utils.latent import check_latent_model, decode, encode
from sklatent.metrics._figures import ColumnFigures, Figure
from sklatent.metrics._tables import Column, read_tables
from sklatent.tabular import rows_like

_Float = NDArray[np.float64]
# Dates and durations are read in microseconds; their errors are told in days.
_DAY = 86_400e6
# What varies less than this share of itself varies by rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """Rows and other rows, as matrices with the same columns.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    rows, others : ndarray of shape (n_samples, n_columns) and (n_others, n_columns)
        The cells; NaN where one is missing.
    """

    columns: tuple[Column, ...]
    rows: _Float
    others: _Float

    @classmethod
    def of(cls, X: Any, others: Any) -> Comparison:
        """Read rows and what ``inverse_transform`` made of some of them."""
        if isinstance(X, np.ndarray) and X.dtype == bool:
            X = X.astype(np.float64)  # decoders answer with numbers
        tables = read_tables({"X": X, "the decoded rows": rows_like(others, X)}, 1)
        return cls(tables.columns, *tables.matrices)

    @property
    def names(self) -> list[Any]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    def losses(self, others: _Float | None = None) -> tuple[_Float, _Float]:
        """Give the mean loss of each column, and that of its mean or most frequent category.

        The loss of a number is its squared error, of a category 1 where it is wrong. Cells that
        are missing in ``rows`` do not count; missing answers count as the mean, or as wrong.

        Parameters
        ----------
        others : ndarray of shape (n_samples, n_columns), default=None
            Other answers than those at hand.

        Returns
        -------
        losses, floors : ndarray of shape (n_columns,)
            NaN for columns without known cells.
        """
        answers = self.others if others is None else others
        found = [self._loss(j, answers[:, j]) for j in range(len(self.columns))]
        losses, floors = np.array(found, dtype=np.float64).reshape(-1, 2).T
        return losses, floors

    def _loss(self, j: int, answer: _Float) -> tuple[float, float]:
        known = ~np.isnan(self.rows[:, j])
        wanted, given = self.rows[known, j], answer[known]
        if not len(wanted):
            return np.nan, np.nan
        if self.columns[j].is_category:
            most = np.unique(wanted, return_counts=True)[1].max()
            return float(np.mean(wanted != given)), 1.0 - most / len(wanted)
        mean = wanted.mean()
        given = np.where(np.isnan(given), mean, given)
        return float(np.mean((wanted - given) ** 2)), float(np.mean((wanted - mean) ** 2))

    def varying(self, floors: _Float) -> NDArray[np.bool_]:
        """Tell by their floors which columns vary, and not by rounding."""
        known = np.where(np.isnan(self.rows), 0.0, np.abs(self.rows))
        return np.asarray(floors > (_ROUNDING * known.max(0, initial=0.0)) ** 2)

    def scales(self) -> _Float:
        """Standard deviations of numbers over ``rows``; 1 for categories and constants."""
        scales = np.ones(len(self.columns))
        for j, column in enumerate(self.columns):
            known = self.rows[~np.isnan(self.rows[:, j]), j]
            if len(known) and not column.is_category:
                spread = float(known.std())
                # a constant column has a spread of rounding only
                scales[j] = spread if spread > _ROUNDING * np.abs(known).max() else 1.0
        return scales


@validate_params(
    {"model": "no_validation", "X": ["array-like"]}, prefer_skip_nested_validation=True
)
def reconstruction_errors(model: Any, X: Any) -> ColumnFigures:
    """Error of each column after encoding and decoding.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Rows, held out for an honest answer. Missing cells do not count.

    Returns
    -------
    errors : dict of object to Figure
        By the column's name, or its position in an array. Of numbers the root mean squared error
        in their units (dates and durations in days), its floor that of the mean of ``X``; of
        categories the share of wrong cells, its floor that of the most frequent one. 0 is best.
        ``print`` shows it as a table.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.

    See Also
    --------
    sklatent.plotting.ReconstructionDisplay : Draws originals and reconstructions.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.metrics import reconstruction_errors
    >>> X = load_iris(as_frame=True).data
    >>> errors = reconstruction_errors(PCA(1).fit(X), X)
    >>> [round(error.value / error.floor, 2) for error in errors.values()]
    [0.44, 0.92, 0.07, 0.26]
    """
    check_latent_model(model)
    found = Comparison.of(X, decode(model, encode(model, X)))
    errors = ColumnFigures()
    for column, *losses in zip(found.columns, *found.losses(), strict=True):
        if not column.is_category:
            unit = _DAY if column.kind in ("date", "duration") else 1.0
            losses = [float(np.sqrt(loss)) / unit for loss in losses]
        errors[column.name] = Figure(float(losses[0]), floor=float(losses[1]), best=0.0)
    return errors


def column_shifts(before: Any, after: Any, scale: Any) -> dict[Any, float]:
    """Tell how far each column of decoded rows moved.

    Parameters
    ----------
    before, after : {array, data frame} of shape (n_samples, n_features)
        The same rows, decoded before and after.
    scale : {array-like, data frame} of shape (n_others, n_features)
        Rows that give the standard deviations.

    Returns
    -------
    shifts : dict of object to float
        Mean size of the change of a number in standard deviations, with the sign of the mean, so
        that rows which move apart do not cancel; share of the rows whose category changed.
    """
    first, second = Comparison.of(scale, before), Comparison.of(scale, after)
    scales = first.scales()
    shifts = {}
    for j, column in enumerate(first.columns):
        old, new = first.others[:, j], second.others[:, j]
        if column.is_category:
            shifts[column.name] = float(np.mean(~((old == new) | (np.isnan(old) & np.isnan(new)))))
            continue
        change = (new - old)[~np.isnan(new - old)] / scales[j]
        size = float(np.abs(change).mean()) if len(change) else 0.0
        shifts[column.name] = float(np.copysign(size, change.sum()))
    return shifts
