"""Filled cells against what they had held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._figures import Figure, as_plain, html_table, text_table
from sklatent.metrics._tables import Column, Tables, read_tables

_Float = NDArray[np.float64]
_LEVEL = 0.9


@dataclass(frozen=True, repr=False)
class ImputationReport:
    """How near filled cells are to what they had held.

    Made by :func:`imputation_report`, which tells what the figures mean. ``print(report)`` shows
    them as text, a notebook as a table. Floors belong to the mean of the known cells of a column,
    or its most frequent category; for draws to draws from its known cells.

    Parameters
    ----------
    rmse, accuracy : Figure or None
        Means over the columns of numbers and over those of categories; None without any.
    crps, brier, coverage : Figure or None
        Means over the same columns for the draws; None without draws or columns.
    columns : dict of object to dict of str to Figure
        The same by the column's name, for columns with cells to compare.
    n_cells : dict of object to int
        How many cells were compared in each of these columns.
    n_changed : int
        How many known cells came back with another value.
    n_draws : int
        How many draws there were.

    See Also
    --------
    imputation_report : Makes reports.
    """

    rmse: Figure | None
    accuracy: Figure | None
    crps: Figure | None
    brier: Figure | None
    coverage: Figure | None
    columns: dict[Any, dict[str, Figure]]
    n_cells: dict[Any, int]
    n_changed: int
    n_draws: int

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        report : dict
            Nested dicts of numbers and texts, as ``json.dump`` takes them; None stands for what is
            not defined.
        """
        plain: dict[str, Any] = as_plain(self)
        return plain

    def _rows(self) -> list[tuple[str, Figure]]:
        named = ((_TITLES[name], getattr(self, name)) for name in _TITLES)
        return [(title, figure) for title, figure in named if figure is not None]

    def _columns(self) -> list[tuple[str, Figure]]:
        return [
            (f"{name}: {_TITLES[measure]}", figure)
            for name, figures in self.columns.items()
            for measure, figure in figures.items()
        ]

    def _title(self) -> str:
        text = f"{sum(self.n_cells.values())} filled cells in {len(self.n_cells)} columns"
        if self.n_draws:
            text += f", {self.n_draws} draws"
        if self.n_changed:
            text += f"; {self.n_changed} known cells were changed"
        return text

    def __repr__(self) -> str:
        """Give the figures in one line."""
        figures = {name: getattr(self, name) for name in _TITLES}
        shown = (f"{name}={f.value:.3f}" for name, f in figures.items() if f is not None)
        return f"ImputationReport({', '.join(shown)})"

    def __str__(self) -> str:
        """Set all figures as text."""
        parts = [
            self._title(),
            text_table("figure", "imputed", self._rows()),
            text_table("column", "imputed", self._columns()),
        ]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return (
            f"<p>{self._title()}</p>"
            + html_table("figure", "imputed", self._rows())
            + "<details><summary>columns</summary>"
            + html_table("column", "imputed", self._columns())
            + "</details>"
        )


_TITLES = {
    "rmse": "RMSE / standard deviation",
    "accuracy": "accuracy",
    "crps": "CRPS / standard deviation",
    "brier": "Brier score",
    "coverage": "coverage of the 90 % interval",
}


def imputation_report(
    X_true: Any, X_missing: Any, X_imputed: Any, *, draws: Sequence[Any] | None = None
) -> ImputationReport:
    """Compare filled cells with what they had held.

    The cells that count are those missing in `X_missing` and known in `X_true`. Means are over
    columns: each column with such cells counts equally.

    ============= ==========================================================================
    Figure        What it is
    ============= ==========================================================================
    `rmse`        root mean squared error of numbers, dates and durations, in units of the
                  column's standard deviation in `X_true`; best 0
    `accuracy`    share of categories and booleans that are right; best 1
    `crps`        continuous ranked probability score of the draws in the same units: mean
                  distance to the truth less half the mean distance between two draws
    `brier`       the same with mismatch as the distance: for two categories the usual
                  Brier score, in general half the sum over the categories
    `coverage`    share of true numbers inside the central 90 % interval of the draws; best
                  .9. With draws as good as the truth it is .9 for any number of draws
    ============= ==========================================================================

    Parameters
    ----------
    X_true : {array-like, data frame} of shape (n_samples, n_columns)
        The complete table.
    X_missing : {array-like, data frame} of shape (n_samples, n_columns)
        The same rows with missing cells.
    X_imputed : {array-like, data frame} of shape (n_samples, n_columns)
        The same rows with the missing cells imputed.
    draws : sequence of tables, default=None
        Several random completions of the same rows, at least two, in any container that
        `X_imputed` may have. 20 or more make intervals worth reading.

    Returns
    -------
    report : ImputationReport
        The figures with the floor of an imputation that knows only the column.

    Raises
    ------
    ValueError
        If the tables have other columns, types or numbers of rows, no cell can be compared, one is
        still missing, or there is only one draw.
    TypeError
        If cells are of a type that cannot be compared.

    See Also
    --------
    synthetic_report : Judges whole rows.

    Notes
    -----
    The truth takes a random place among the m sorted draws; its place u, spread evenly over the
    slot between its neighbours, is uniform on (0, 1) for perfect draws. `coverage` is the
    expected share of u between .05 and .95, which no choice of quantile can bias. The score of the
    draws is the fair one of [1]_, whose expectation does not depend on their number.

    References
    ----------
    .. [1] C. A. T. Ferro. Fair scores for ensemble forecasts. Quarterly Journal of the Royal
       Meteorological Society 140, 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import imputation_report
    >>> true = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [4.0, 8.0]])
    >>> missing, imputed = true.copy(), true.copy()
    >>> missing[3, 1], imputed[3, 1] = np.nan, 7.0
    >>> print(imputation_report(true, missing, imputed).rmse)
    0.447 (floor 1.789, ceiling 0.000, best 0)
    """
    draws = [] if draws is None else list(draws)
    if len(draws) == 1:
        raise ValueError("draws needs two tables or more, got 1: leave it out for a single one.")
    given = {"X_true": X_true, "X_missing": X_missing, "X_imputed": X_imputed}
    tables = read_tables({**given, **{f"draws[{i}]": X for i, X in enumerate(draws)}}, 2)
    labels = [*given, *(f"draws[{i}]" for i in range(len(draws)))]
    _check_lengths(labels, tables)
    true, missing, imputed, *drawn = tables.matrices
    cells = np.isnan(missing) & ~np.isnan(true)
    if not cells.any():
        raise ValueError("No cell is missing in X_missing and known in X_true.")
    _check_filled(labels[2:], tables, cells)
    columns, counts = {}, {}
    for j in np.flatnonzero(cells.any(axis=0)):
        column, rows = tables.columns[j], cells[:, j]
        known = missing[~np.isnan(missing[:, j]), j]
        sample = np.array([table[rows, j] for table in drawn])
        figures = _single(column, true[:, j], rows, imputed[rows, j], known)
        if drawn:
            scale = _scale(column, true[:, j])
            figures |= _several(column, true[rows, j], sample, known, scale)
        columns[column.name], counts[column.name] = figures, int(rows.sum())
    # Not to the last bit: a model may have passed the cells through float32.
    changed = ~np.isnan(missing) & ~np.isclose(missing, imputed, rtol=1e-6, atol=0.0)
    return ImputationReport(
        **{name: _mean_of([figures.get(name) for figures in columns.values()]) for name in _TITLES},
        columns=columns,
        n_cells=counts,
        n_changed=int(changed.sum()),
        n_draws=len(drawn),
    )


def _check_lengths(labels: list[str], tables: Tables) -> None:
    lengths = [len(matrix) for matrix in tables.matrices]
    for label, length in zip(labels, lengths, strict=True):
        if length != lengths[0]:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {lengths[0]} in "
                f"X_true, {length} in {label}."
            )


def _check_filled(labels: list[str], tables: Tables, cells: NDArray[np.bool_]) -> None:
    for label, matrix in zip(labels, tables.matrices[2:], strict=True):
        rows, places = np.nonzero(cells & np.isnan(matrix))
        if len(rows):
            raise ValueError(
                f"{label} contains NaN where it should be filled (column "
                f"{tables.columns[places[0]].name!r}, row {rows[0]}): fill it, or drop the column "
                "from all tables."
            )


def _scale(column: Column, cells: _Float) -> float:
    return 1.0 if column.is_category else float(np.nanstd(cells)) or 1.0


def _single(
    column: Column, true: _Float, rows: NDArray[np.bool_], filled: _Float, known: _Float
) -> dict[str, Figure]:
    """Compare one filled value for each cell, beside the same guess for all of them."""
    wanted = true[rows]
    if column.is_category:
        guess = np.bincount(known.astype(np.intp)).argmax() if len(known) else -1
        right, floor = (float((wanted == answer).mean()) for answer in (filled, guess))
        return {"accuracy": Figure(right, floor, 1.0, best=1.0)}
    scale = _scale(column, true)
    mean = known.mean() if len(known) else np.nan
    error, floor = (float(np.sqrt(np.mean((wanted - a) ** 2)) / scale) for a in (filled, mean))
    return {"rmse": Figure(error, floor, 0.0, best=0.0)}


def _several(
    column: Column, wanted: _Float, draws: _Float, known: _Float, scale: float
) -> dict[str, Figure]:
    """Score draws of shape (n_draws, n_cells), beside draws from the column's known cells."""
    distance = _mismatch if column.is_category else _gap
    m = len(draws)
    value = np.mean([distance(draw, wanted).mean() for draw in draws])
    spread = sum(distance(draws[i], draws[j]).mean() for i in range(m) for j in range(i))
    value -= spread / (m * (m - 1))  # half the mean over the m (m - 1) / 2 pairs
    floor = _marginal_score(column, wanted, known)
    name = "brier" if column.is_category else "crps"
    figures = {name: Figure(float(value) / scale, floor / scale, best=0.0)}
    if not column.is_category:
        figures["coverage"] = Figure(_coverage(wanted, draws), best=_LEVEL)
    return figures


def _gap(a: _Float, b: _Float) -> _Float:
    return np.asarray(np.abs(a - b))


def _mismatch(a: _Float, b: _Float) -> _Float:
    return np.asarray(a != b, dtype=np.float64)


def _marginal_score(column: Column, wanted: _Float, known: _Float) -> float:
    """Score of all known cells of the column as if they were the draws."""
    if not len(known):
        return float("nan")
    values, counts = np.unique(known, return_counts=True)
    shares = counts / counts.sum()
    if column.is_category:
        right = dict(zip(values, shares, strict=True))
        apart = 1.0 - float(np.mean([right.get(cell, 0.0) for cell in wanted]))
        return apart - 0.5 * (1.0 - float(shares @ shares))
    # The integral of (F - 1[truth <= x])^2 over x, which steps at the known values.
    steps = np.unique(np.concatenate([values, wanted]))
    below = np.concatenate([[0.0], np.cumsum(shares)])[np.searchsorted(values, steps, "right")]
    above = np.searchsorted(np.sort(wanted), steps, "right") / len(wanted)
    widths = np.diff(steps)
    inside = below[:-1] ** 2 * (1.0 - above[:-1]) + (1.0 - below[:-1]) ** 2 * above[:-1]
    return float(widths @ inside)


def _coverage(wanted: _Float, draws: _Float) -> float:
    """Expected share of places in the middle, whatever the number of draws and their ties."""
    slots = len(draws) + 1
    low = (draws < wanted).sum(axis=0) / slots
    high = ((draws <= wanted).sum(axis=0) + 1) / slots
    margin = (1.0 - _LEVEL) / 2
    inside = np.minimum(high, 1.0 - margin) - np.maximum(low, margin)
    return float(np.mean(np.maximum(inside, 0.0) / (high - low)))


def _mean_of(figures: list[Figure | None]) -> Figure | None:
    """Mean over the columns that have the figure."""
    found = [figure for figure in figures if figure is not None]
    if not found:
        return None
    floors = [figure.floor for figure in found if figure.floor is not None]
    return Figure(
        value=float(np.mean([figure.value for figure in found])),
        floor=float(np.mean(floors)) if floors else None,
        ceiling=found[0].ceiling,
        best=found[0].best,
    )
