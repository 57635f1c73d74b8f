"""What has moved between two tables: columns, and directions of a latent space."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import narwhals as nw
import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklatent._utils._params import Interval, Real, StrOptions, validate_params
from sklatent._utils.latent import component_names, encode
from sklatent.metrics._drift_tests import (
    Drift,
    adjusted,
    compare_column,
    compare_numbers,
    middle_halves,
)
from sklatent.metrics._figures import as_plain, html_lines, text_lines
from sklatent.metrics._tables import read_tables
from sklatent.tabular import as_table, is_frame

_NAMES = {"holm": "Holm", "bh": "Benjamini-Hochberg"}


@dataclass(frozen=True, repr=False)
class DriftReport:
    """What has moved between two tables; made by :func:`drift_report`.

    ``print(report)`` shows it as text, a notebook as a table.

    Parameters
    ----------
    columns : list of Drift
        For each column its known cells, and its missing ones where there are any.
    directions : list of Drift
        The components of the codes.
    alpha : float
        Level of the adjusted p-values.
    method : {"holm", "bh"}
        How they are adjusted.
    n_rows : dict of str to int
        Rows of either table, by "then" and "now".
    library : {"pandas", "polars", "pyarrow"}
        Of the frame that :meth:`to_frame` gives by default.

    See Also
    --------
    drift_report : Makes reports.
    """

    columns: list[Drift]
    directions: list[Drift]
    alpha: float
    method: Literal["holm", "bh"]
    n_rows: dict[str, int]
    library: Literal["pandas", "polars", "pyarrow"] = "pandas"

    @property
    def moved_columns(self) -> list[Any]:
        """Names of the columns that have moved."""
        return list(dict.fromkeys(one.name for one in self.columns if one.moved))

    @property
    def moved_directions(self) -> list[Any]:
        """Names of the directions that have moved."""
        return [one.name for one in self.directions if one.moved]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        report : dict
            Nested dicts and lists as ``json.dump`` takes them.
        """
        plain: dict[str, Any] = as_plain(self)
        return plain

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give a data frame with one row for each test.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, default=None
            The library, which must be installed; by default that of the table.

        Returns
        -------
        frame : DataFrame
            Columns ``kind`` ("column" or "direction"), ``name``, ``what``, ``distance``,
            ``p_value``, ``p_adjusted``, ``moved`` and ``words``.
        """
        kinds = ["column"] * len(self.columns) + ["direction"] * len(self.directions)
        tests = [*self.columns, *self.directions]
        data: dict[str, Any] = {"kind": kinds, "name": [str(one.name) for one in tests]}
        for field in ("what", "distance", "p_value", "p_adjusted", "moved", "words"):
            data[field] = [getattr(one, field) for one in tests]
        return nw.from_dict(data, backend=backend or self.library).to_native()

    def _table(self) -> list[list[str]]:
        """Set the cells of the table: columns, then directions, what moved most comes first."""
        lines = [["", "moved", "distance", "p", "adjusted", "then, and now"]]
        for tests in (self.columns, self.directions):
            for one in sorted(tests, key=lambda one: (one.p_adjusted, -one.distance)):
                lines.append(
                    [
                        str(one.name),
                        "yes" if one.moved else "-",
                        f"{one.distance:.3f}",
                        f"{one.p_value:.2g}",
                        f"{one.p_adjusted:.2g}",
                        one.words,
                    ]
                )
        return lines

    def _title(self) -> str:
        n_columns = len({one.name for one in self.columns})
        then, now = self.n_rows["then"], self.n_rows["now"]
        return (
            f"{len(self.moved_columns)} of {n_columns} columns and {len(self.moved_directions)} of "
            f"{len(self.directions)} directions moved between {then} rows and {now} "
            f"({_NAMES[self.method]} at {self.alpha:g})"
        )

    def __repr__(self) -> str:
        """Give the report in one line."""
        return f"DriftReport({self._title()})"

    def __str__(self) -> str:
        """Set the report as text."""
        return f"{self._title()}\n\n{text_lines(self._table(), words=(0, 1, -1))}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{html_lines(self._table())}"


@validate_params(
    {
        "model": "no_validation",
        "X_then": ["array-like"],
        "X_now": ["array-like"],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "method": [StrOptions({"holm", "bh"})],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def drift_report(
    model: Any,
    X_then: Any,
    X_now: Any,
    *,
    alpha: float = 0.05,
    method: Literal["holm", "bh"] = "holm",
    random_state: int | np.random.RandomState | None = 0,
) -> DriftReport:
    """Tell which columns, and which directions of a latent space, have moved.

    Parameters
    ----------
    model : transformer
        Fitted, with ``transform``: a latent model, PCA, or a pipeline of such.
    X_then : {array-like, data frame} of shape (n_samples, n_features)
        Rows of the past. Codes of rows that a network was trained on may differ from those of
        new rows: rows held out are the better reference for the directions.
    X_now : {array-like, data frame} of shape (n_others, n_features)
        Rows of today, with the same columns.
    alpha : float, default=0.05
        Level of the adjusted p-values at which something has moved, in (0, 1).
    method : {"holm", "bh"}, default="holm"
        How p-values are adjusted for the number of all tests. "holm": with a probability of at most
        ``alpha`` anything is said to have moved that has not. "bh": of what is said to have moved,
        a share of at most ``alpha`` has not, in expectation.
    random_state : int, RandomState instance or None, default=0
        Of tables drawn where a category is rare.

    Returns
    -------
    DriftReport
        Numbers, dates and codes are compared by the test of Kolmogorov and Smirnov, categories and
        shares of missing cells by a chi-square test, which draws tables with the same margins
        where fewer than five cells of a category are expected. Rows are taken as independent.

    Raises
    ------
    TypeError
        If the model has no ``transform``.
    NotFittedError
        If it is not fitted.
    ValueError
        If the tables have other columns, or none that can be compared.

    References
    ----------
    .. [1] Rabanser, Günnemann and Lipton, "Failing Loudly: An Empirical Study of Methods for
       Detecting Dataset Shift", NeurIPS, 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.metrics import drift_report
    >>> X = load_iris(as_frame=True).data
    >>> then, now = X[::2], X[1::2].copy()
    >>> now["sepal width (cm)"] += 0.5
    >>> report = drift_report(PCA(2).fit(then), then, now)
    >>> report.moved_columns
    ['sepal width (cm)']
    """
    if not hasattr(model, "transform"):
        raise TypeError(f"{type(model).__name__} has no transform: give a fitted transformer.")
    check_is_fitted(model)
    random = check_random_state(random_state)
    X_then, X_now = as_table(X_then), as_table(X_now)
    tables = read_tables({"X_then": X_then, "X_now": X_now}, 1)
    found: list[tuple[Any, ...]] = []
    for j, column in enumerate(tables.columns):
        cells = [matrix[:, j] for matrix in tables.matrices]
        tests = compare_column(column, cells[0], cells[1], random)
        found += [(column.name, *test) for test in tests]
    n_columns = len(found)
    found += _directions(model, X_then, X_now)
    p = adjusted(np.array([one[3] for one in found]), method)
    drifts = [
        Drift(name, what, distance, value, float(fixed), bool(fixed <= alpha), words)
        for (name, what, distance, value, words), fixed in zip(found, p, strict=True)
    ]
    return DriftReport(
        drifts[:n_columns],
        drifts[n_columns:],
        alpha,
        method,
        {"then": len(tables.matrices[0]), "now": len(tables.matrices[1])},
        nw.from_native(X_then).implementation.value if is_frame(X_then) else "pandas",
    )


def _directions(model: Any, X_then: Any, X_now: Any) -> list[tuple[Any, ...]]:
    """Compare the codes, component by component."""
    then, now = (encode(model, X).astype(np.float64) for X in (X_then, X_now))
    return [
        (name, "values", *compare_numbers(a, b), middle_halves("number", a, b))
        for name, a, b in zip(component_names(model, then.shape[1]), then.T, now.T, strict=True)
    ]
