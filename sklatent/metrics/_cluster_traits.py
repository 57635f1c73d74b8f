"""What distinguishes the rows of a cluster from all others, column by column."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from sklatent.metrics._tables import Column, Tables

_Float = NDArray[np.float64]

_DAY = 86_400e6  # dates and durations are read in microseconds
# The interquartile range of a normal column, in standard deviations.
_IQR = 1.349
# Numbers farther than this from the median of their rows count as if they were there.
_FARTHEST = 10.0
# Differences of shares that are worth a word: of some size, and beyond so many standard errors.
_LEAST, _ERRORS = 0.2, 3.0


@dataclass(frozen=True)
class ClusterTrait:
    """How one column of a cluster differs from the other rows.

    Parameters
    ----------
    column : object
        Its name or position.
    level : str or None
        The category, or "missing", whose share differs; None for a number, whose mean does.
    here, others : float
        Mean (of dates and durations in microseconds) or share, in the cluster and outside of it.
    effect : float
        Of a number the difference of the means in robust units, the interquartile range within
        the clusters over 1.349: standard deviations, were the clusters normal. Far cells count
        as if they lay ten units from the median. Of a level the difference of the shares as
        angles, Cohen's h, between -pi and pi.
    lift : float or None
        Share of the level in the cluster over its share in all rows; None for numbers.
    words : str
        The same in words.
    """

    column: Any
    level: str | None
    here: float
    others: float
    effect: float
    lift: float | None
    words: str

    @property
    def strength(self) -> float:
        """How well the column tells the cluster from the others, between 0 and pi.

        Of a number Cohen's h of the shares on either side of the middle of the two means.
        """
        if self.level is not None:
            return abs(self.effect)
        return abs(_angle(float(ndtr(self.effect / 2))) - _angle(float(ndtr(-self.effect / 2))))


def traits_of(tables: Tables, codes: NDArray[np.intp]) -> list[list[ClusterTrait]]:
    """Tell in which columns the rows of each cluster differ clearly, the strongest first.

    Parameters
    ----------
    tables : Tables
        One table.
    codes : ndarray of shape (n_samples,)
        Cluster of each row, from 0.

    Returns
    -------
    list of list of ClusterTrait
        For each cluster at most one for each column; none where there are no other rows.
    """
    columns = list(zip(tables.columns, tables.matrices[0].T, strict=True))
    units = [_unit(values, codes) for _, values in columns]
    found: list[list[ClusterTrait]] = []
    for code in range(int(codes.max()) + 1):
        inside = codes == code
        if inside.all():
            return [[]]
        error = np.sqrt(1.0 / inside.sum() + 1.0 / (~inside).sum())
        traits = [
            _strongest(column, values, unit, inside)
            for (column, values), unit in zip(columns, units, strict=True)
        ]
        clear = [one for one in traits if one.strength >= max(_LEAST, _ERRORS * error)]
        found.append(sorted(clear, key=attrgetter("strength"), reverse=True))
    return found


def _unit(values: _Float, codes: NDArray[np.intp]) -> float:
    """Spread of known values about the medians of their clusters."""
    known = ~np.isnan(values)
    values, codes = values[known], codes[known]
    away = values.copy()
    for code in np.unique(codes):
        away[codes == code] -= np.median(values[codes == code])
    if not len(away):
        return 1.0
    low, high = np.quantile(away, [0.25, 0.75])
    return float(high - low) / _IQR or float(away.std()) or float(values.std()) or 1.0


def _strongest(
    column: Column, values: _Float, unit: float, inside: NDArray[np.bool_]
) -> ClusterTrait:
    missing = np.isnan(values)
    found = [_level(column, "missing", missing, inside)]
    if column.is_category:
        found += [
            _level(column, level, values == code, inside)
            for code, level in enumerate(column.levels)
        ]
    elif (inside & ~missing).any() and (~inside & ~missing).any():
        found.append(_number(column, values, unit, inside & ~missing, ~inside & ~missing))
    # of two levels that differ as much, the one that is frequent in the cluster
    return max(found, key=lambda trait: (round(trait.strength, 9), trait.effect))


def _angle(share: float) -> float:
    return 2.0 * float(np.arcsin(np.sqrt(share)))


def _level(
    column: Column, level: str, has: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> ClusterTrait:
    here, others = float(has[inside].mean()), float(has[~inside].mean())
    lift = here / float(has.mean()) if has.any() else 1.0
    is_level = "" if level == "missing" else "= "
    words = f"{column.name} {is_level}{level}: {here:.0%} (others {others:.0%}, lift {lift:.2g})"
    effect = _angle(here) - _angle(others)
    return ClusterTrait(column.name, level, here, others, effect, lift, words)


def _number(
    column: Column,
    values: _Float,
    unit: float,
    inside: NDArray[np.bool_],
    outside: NDArray[np.bool_],
) -> ClusterTrait:
    sides = [values[rows] for rows in (inside, outside)]
    here, others = (float(side.mean()) for side in sides)
    told = [in_words(column.kind, mean) for mean in (here, others)]
    effect = (_robust_mean(sides[0], unit) - _robust_mean(sides[1], unit)) / unit
    words = f"{column.name} {told[0]} (others {told[1]}, {effect:+.1f} sd)"
    return ClusterTrait(column.name, None, here, others, effect, None, words)


def _robust_mean(values: _Float, unit: float) -> float:
    """Mean of values, none of which counts as farther than ten units from their median."""
    middle = float(np.median(values))
    away = np.clip(values - middle, -_FARTHEST * unit, _FARTHEST * unit)
    return middle + float(away.mean())


def in_words(kind: str, value: float) -> str:
    """Write a mean: of dates as a day."""
    if kind == "date":
        return str(np.datetime64(round(value), "us").astype("M8[D]"))
    return f"{value / _DAY:.3g} days" if kind == "duration" else f"{value:.4g}"
