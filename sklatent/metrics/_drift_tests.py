"""Tests of whether cells of two tables come from one distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp, random_table

from sklatent.metrics._cluster_traits import in_words
from sklatent.metrics._tables import Column

_Float = NDArray[np.float64]

# Below this expected count the distribution of the statistic is drawn, not taken from its limit.
_LEAST_EXPECTED, _DRAWS = 5.0, 9999
# Samples of fewer numbers have an exact test.
_FEW = 500
NEW_LEVEL = "levels not there then"


@dataclass(frozen=True)
class Drift:
    """How one column or one latent direction has moved.

    Parameters
    ----------
    name : object
        Of the column or of the direction.
    what : {"values", "missing"}
        What was compared: the known cells, or the share of missing ones.
    distance : float
        Largest difference of the distribution functions of numbers; half the sum of the absolute
        differences of the shares of levels, or of missing cells. Between 0 and 1.
    p_value : float
        How probable such a distance is if nothing has moved.
    p_adjusted : float
        The same, adjusted for the number of tests.
    moved : bool
        Whether that is at most the level of the report.
    words : str
        Then and now.
    """

    name: Any
    what: Literal["values", "missing"]
    distance: float
    p_value: float
    p_adjusted: float
    moved: bool
    words: str


def adjusted(p: _Float, method: str) -> _Float:
    """Adjust p-values for their number, by Holm or by Benjamini and Hochberg."""
    if method == "bh":
        return np.asarray(false_discovery_control(p))
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1.0)
    return out


def compare_numbers(then: _Float, now: _Float) -> tuple[float, float]:
    """Return the distance and the p-value of the test of Kolmogorov and Smirnov."""
    exact = max(len(then), len(now)) < _FEW
    found = ks_2samp(then, now, method="exact" if exact else "asymp")
    return float(found.statistic), float(found.pvalue)


def compare_counts(
    then: NDArray[np.intp], now: NDArray[np.intp], random: np.random.RandomState
) -> tuple[float, float]:
    """Return half the sum of the differences of shares, and the p-value of a chi-square test.

    Where a level is rare, tables with the same margins are drawn.
    """
    table = np.array([then, now])
    table = table[:, table.sum(0) > 0]
    distance = float(np.abs(np.diff(table / table.sum(1, keepdims=True), axis=0)).sum() / 2)
    if table.shape[1] < 2:
        return distance, 1.0
    found = chi2_contingency(table, correction=False)
    if found.expected_freq.min() >= _LEAST_EXPECTED:
        return distance, float(found.pvalue)
    drawn = random_table(*(table.sum(axis) for axis in (1, 0))).rvs(_DRAWS, random_state=random)
    statistic = (np.square(drawn - found.expected_freq) / found.expected_freq).sum((1, 2))
    as_far = np.count_nonzero(statistic >= found.statistic * (1 - 1e-9))
    return distance, (1 + as_far) / (1 + _DRAWS)


def compare_column(
    column: Column, then: _Float, now: _Float, random: np.random.RandomState
) -> list[tuple[str, float, float, str]]:
    """Compare the cells of a column.

    Parameters
    ----------
    column : Column
        What they are.
    then, now : ndarray of shape (n_rows,)
        Numbers or codes; NaN is a missing cell.
    random : RandomState
        Of tables that are drawn.

    Returns
    -------
    tests : list of (str, float, float, str)
        What was compared, the distance, the p-value, and both in words. Missing cells where there
        are any; known cells where both tables have some.
    """
    tests = []
    gaps = [np.isnan(cells) for cells in (then, now)]
    known = [cells[~gap] for cells, gap in zip((then, now), gaps, strict=True)]
    if all(map(len, known)):
        compare = _of_levels if column.is_category else _of_numbers
        tests.append(("values", *compare(column, known[0], known[1], random)))
    if any(gap.any() for gap in gaps):
        counts = [np.bincount(gap, minlength=2) for gap in gaps]
        shares = [float(gap.mean()) for gap in gaps]
        words = f"missing: {shares[0]:.1%}, now {shares[1]:.1%}"
        tests.append(("missing", *compare_counts(counts[0], counts[1], random), words))
    return tests


def _of_levels(
    column: Column, then: _Float, now: _Float, random: np.random.RandomState
) -> tuple[float, float, str]:
    names = [*column.levels, NEW_LEVEL]
    counts = [np.bincount(cells.astype(np.intp), minlength=len(names)) for cells in (then, now)]
    shares = [count / count.sum() for count in counts]
    most = int(np.abs(shares[1] - shares[0]).argmax())
    words = f"{names[most]}: {shares[0][most]:.1%}, now {shares[1][most]:.1%}"
    return *compare_counts(counts[0], counts[1], random), words


def _of_numbers(
    column: Column, then: _Float, now: _Float, random: np.random.RandomState
) -> tuple[float, float, str]:
    return *compare_numbers(then, now), middle_halves(column.kind, then, now)


def middle_halves(kind: str, then: _Float, now: _Float) -> str:
    """Say between what the middle half of numbers lies, then and now."""
    halves = [np.quantile(cells, [0.25, 0.75]).tolist() for cells in (then, now)]
    texts = [f"{in_words(kind, low)} to {in_words(kind, high)}" for low, high in halves]
    return f"middle half {texts[0]}, now {texts[1]}"
