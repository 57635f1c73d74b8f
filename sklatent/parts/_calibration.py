"""From decoded means to rows that look real: residual noise, then each column's own marginal."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from sklatent.tabular import GaussianFill, decimals_of

Array = NDArray[np.floating]

N_BINS = 10
N_LEVELS = 25
N_KNOTS = 97
MAX_CORRELATED = 128


def fit_residual_noise(decoded: Array, residual: Array) -> dict[str, Array]:
    """Describe how rows scatter about their decoded means.

    Each column has residual quantiles that depend on its decoded mean (bins of equal counts,
    interpolated in between: counts scatter more where they are high, bounded columns less at the
    bounds). The columns are coupled by the correlation of their normal scores, a Gaussian copula.

    Parameters
    ----------
    decoded, residual : ndarray of shape (n_samples, n_columns)
        Decoded posterior draws, and the rows minus them.

    Returns
    -------
    dict of ndarray
        ``centers`` (n_columns, n_bins), ``quantiles`` (n_columns, n_bins, n_levels) and
        ``factor`` (n_columns, n_columns) or (0, 0) where the columns are too many to couple.
    """
    n, d = residual.shape
    levels = (np.arange(N_LEVELS) + 0.5) / N_LEVELS
    n_bins = max(1, min(N_BINS, n // 20))
    centers = np.empty((d, n_bins))
    quantiles = np.empty((d, n_bins, N_LEVELS))
    scores = np.empty((n, d))
    for j in range(d):
        order = np.argsort(decoded[:, j], kind="stable")
        for b, rows in enumerate(np.array_split(order, n_bins)):
            centers[j, b] = decoded[rows, j].mean()
            quantiles[j, b] = np.quantile(residual[rows, j], levels)
            ranks = np.argsort(np.argsort(residual[rows, j], kind="stable"))
            scores[rows, j] = (ranks + 0.5) / len(rows)
    factor: Array = np.zeros((0, 0))
    if d <= MAX_CORRELATED:
        factor = _copula_factor(ndtri(scores))
    return {
        "centers": centers.astype(np.float32),
        "quantiles": quantiles.astype(np.float32),
        "factor": factor.astype(np.float32),
    }


def _copula_factor(scores: Array) -> Array:
    """Cholesky factor of the correlation, shrunk towards none where rows are few."""
    n, d = scores.shape
    correlation = scores.T @ scores / n
    scale = np.sqrt(np.maximum(np.diag(correlation), 1e-12))
    correlation = correlation / np.outer(scale, scale)
    share = min(1.0, d / n)
    correlation = (1 - share) * correlation + share * np.eye(d)
    return np.linalg.cholesky(correlation + 1e-6 * np.eye(d))


def add_residual_noise(
    decoded: Array, noise: dict[str, Array], rng: np.random.RandomState
) -> Array:
    """Add noise drawn as :func:`fit_residual_noise` describes it to decoded means."""
    normal = rng.standard_normal(decoded.shape)
    if noise["factor"].size:
        normal = normal @ noise["factor"].T.astype(np.float64)
    return add_residuals(decoded, noise, normal)


def add_residuals(decoded: Array, noise: dict[str, Array], normal: Array) -> Array:
    """Add to decoded means the residuals at the quantiles that normal scores stand for."""
    level = np.clip(ndtr(normal) * N_LEVELS - 0.5, 0, N_LEVELS - 1)
    low = np.floor(level).astype(int)
    high = np.minimum(low + 1, N_LEVELS - 1)
    share = level - low
    rows = np.empty(decoded.shape)
    for j, (centers, table) in enumerate(zip(noise["centers"], noise["quantiles"], strict=True)):
        position = np.interp(decoded[:, j], centers, np.arange(len(centers)))
        left = np.floor(position).astype(int)
        right = np.minimum(left + 1, len(centers) - 1)
        weight = position - left

        def at(b: NDArray[Any], j: int = j, table: Array = table) -> Array:
            value: Array = (
                table[b, low[:, j]] * (1 - share[:, j]) + table[b, high[:, j]] * share[:, j]
            )
            return value

        rows[:, j] = decoded[:, j] + at(left) * (1 - weight) + at(right) * weight
    return rows


def fit_marginals(sampled: Array, values: Array) -> list[tuple[Array, Array, bool]]:
    """Fit a monotone map per column from what the model samples to what the table holds.

    Parameters
    ----------
    sampled : ndarray of shape (n_sampled, n_columns)
        A large sample of the model, in the units of ``values``.
    values : ndarray of shape (n_samples, n_columns)
        Training rows, NaN where missing.

    Returns
    -------
    list of (ndarray, ndarray, bool)
        For each column the knots of the map, and whether all its values are whole. A column with
        few distinct values has one threshold less than values and is mapped to these values
        exactly; another is interpolated between quantiles. A column without any cell is NaN.
    """
    return [_marginal(drawn, column) for drawn, column in zip(sampled.T, values.T, strict=True)]


def _marginal(drawn: Array, column: Array) -> tuple[Array, Array, bool]:
    if np.isnan(column).any():
        column = column[~np.isnan(column)]
        if not len(column):
            return np.zeros(0), np.full(1, np.nan), False
    distinct, counts = np.unique(column, return_counts=True)
    whole = np.array_equal(distinct, np.round(distinct))
    # few rows of a continuous column are few values too, but they hardly repeat
    if len(distinct) <= N_KNOTS and (whole or 2 * len(distinct) <= len(column)):
        shares = np.cumsum(counts)[:-1] / len(column)
        return np.quantile(drawn, shares), distinct, whole
    return np.quantile(drawn, _levels()), np.quantile(column, _levels()), whole


def marginal_digits(values: Array) -> list[int]:
    """Fewest decimals that hold all values of each column, -1 where these are more than six."""
    digits = []
    for column in values.T:
        known = column[~np.isnan(column)]
        # most columns of fractions show in a few cells that they are such
        few = decimals_of(known[:: max(1, len(known) // N_KNOTS)])
        digits.append(few if few < 0 else decimals_of(known))
    return digits


def _levels() -> Array:
    """Levels of the quantiles, denser in the tails, where a column may reach far."""
    tail = 0.5 ** np.arange(8, 13)
    return np.unique(np.concatenate([np.linspace(0, 1, N_KNOTS - 2 * len(tail)), tail, 1 - tail]))


def match_marginals(
    rows: Array, maps: list[tuple[Array, Array, bool]], decimals: list[int]
) -> Array:
    """Map each column of sampled rows to its training marginal, -1 decimals being as they come."""
    matched = np.empty(rows.shape)
    for j, ((source, target, _), digits) in enumerate(zip(maps, decimals, strict=True)):
        if len(target) == len(source) + 1:
            matched[:, j] = target[np.searchsorted(source, rows[:, j], side="left")]
        else:
            mapped = np.interp(rows[:, j], source, target)
            matched[:, j] = mapped if digits < 0 else np.round(mapped, digits)
    return matched


@dataclass(frozen=True)
class Calibration:
    """From decoded means to samples: noise about them, then the marginals of the table.

    Attributes
    ----------
    noise : dict of ndarray
        What :func:`fit_residual_noise` found.
    marginals : list of (ndarray, ndarray, bool)
        What :func:`fit_marginals` found; empty before.
    digits : list of int
        Fewest decimals that hold all values of a column, -1 where these are more than six. Files
        of earlier releases have none: they tell whole numbers alone.
    residuals : GaussianFill or None
        Distribution of the residuals, in units of their standard deviations; None in these files.
    """

    noise: dict[str, Array]
    marginals: list[tuple[Array, Array, bool]]
    digits: list[int] = field(default_factory=list)
    residuals: GaussianFill | None = None

    @property
    def decimals(self) -> list[int]:
        """Decimals of each column, -1 for any."""
        return self.digits or [0 if whole else -1 for _, _, whole in self.marginals]

    @classmethod
    def none(cls, n_columns: int) -> "Calibration":
        """Return the calibration that leaves decoded means as they are."""
        noise: dict[str, Array] = {
            "centers": np.zeros((n_columns, 1)),
            "quantiles": np.zeros((n_columns, 1, N_LEVELS)),
            "factor": np.zeros((0, 0)),
        }
        return cls(noise, [])

    def with_noise(self, decoded: Array, rng: np.random.RandomState) -> Array:
        """Add noise to decoded means."""
        return add_residual_noise(decoded, self.noise, rng)

    def noisy(self, decoded: Array, scores: Array) -> Array:
        """Add to decoded means the residuals that normal scores stand for."""
        return add_residuals(decoded, self.noise, scores)

    def matched(self, rows: Array) -> Array:
        """Map each column of rows, in the units of the table, to its training marginal."""
        return match_marginals(rows, self.marginals, self.decimals) if self.marginals else rows

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays."""
        residuals = None if self.residuals is None else self.residuals.to_state()
        return {**vars(self), "residuals": residuals}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Calibration":
        """Make the calibration that gave this state."""
        residuals = state.get("residuals")
        fill = None if residuals is None else GaussianFill.from_state(residuals)
        return cls(**{**state, "residuals": fill})
