"""Where models of mixed tables start: the columns' frequencies, and a few linear factors."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from sklatent._training import RowSource
from sklatent.nn import Columns

Array = NDArray[np.float64]

# The factors are fitted to at most so many rows and cells, and to none below the last number.
MAX_ROWS, MAX_CELLS, MIN_ROWS = 4000, 1 << 21, 20
# The numbers of factors that are tried, one after the other while rows held out gain.
N_FACTORS = (1, 2, 4, 8, 16)
N_ROUNDS = 30
# Rounds in which the levels find scores that go with the other columns.
N_SCORINGS = 10
# In wide tables each category looks at so many others, drawn at random.
MAX_OTHERS = 64
# With fewer rows a level a category says nothing here: its scores would be read off the very rows
# that they are compared with.
ROWS_PER_LEVEL = 5
# Scores of rare levels are drawn to the mean as by so many rows there.
SHRINKAGE = 5.0
# Farthest score of a level, in standard deviations.
FARTHEST = 3.0
# Least variance of a column beside the factors, as a share of its own.
LEAST_NOISE = 1e-3


class Factors(NamedTuple):
    """Factor analysis of q columns with r factors.

    Attributes
    ----------
    loading : ndarray of shape (q, r)
    noise, center : ndarray of shape (q,)
        Variances beside the factors, and means.
    """

    loading: Array
    noise: Array
    center: Array


def factor_start(rows: RowSource, columns: Columns, seed: int) -> tuple[int, dict[str, Any]]:
    """Give the number of factors, and what the heads of the columns start from."""
    rng = np.random.default_rng(seed)
    n = len(rows)
    most = min(MAX_ROWS, MAX_CELLS // max(1, len(columns.places)))
    if n > most:
        rows = rows.subset(np.sort(rng.permutation(n)[:most]))
    cells = np.concatenate(list(rows.arrays()))[:, list(columns.places)]
    scores, level_scores = level_scores_of(cells, columns, rng)
    factors = _fit(scores, rng)
    start: dict[str, Any] = {}
    for name, part in zip(("loading", "noise", "center"), factors, strict=True):
        start[f"guide.{name}"] = part
    start["guide.level_scores"] = np.concatenate([np.zeros(0), *level_scores])
    for j, n_levels in enumerate(columns.n_levels):
        code = cells[~np.isnan(cells[:, j]), j].astype(int)
        counts = np.bincount(code, minlength=n_levels) + 0.5
        start[f"levels.{j}.bias"] = np.log(counts / counts.sum())
    missing = np.isnan(cells[:, np.array(columns.may_miss, dtype=bool)]).sum(0)
    start["missing_bias"] = np.log((missing + 0.5) / (len(cells) - missing + 0.5))
    return factors.loading.shape[1], start


def level_scores_of(
    cells: Array, columns: Columns, rng: np.random.Generator
) -> tuple[Array, list[Array]]:
    """Turn stored cells (n, q) into scores, and give the score of each level of each category.

    Levels get the scores that go best with the other columns, one category after the other: the
    leading axis of their means there (correspondence analysis, alternating).
    """
    tables = list(map(rng.standard_normal, columns.n_levels))
    scores = _scored(cells, tables)
    for _ in range(N_SCORINGS if cells.shape[1] > 1 and tables else 0):
        standard = _standardized(scores)
        for j in range(len(tables)):
            others = np.delete(np.arange(cells.shape[1]), j)
            if len(others) > MAX_OTHERS:
                others = rng.choice(others, MAX_OTHERS, replace=False)
            tables[j] = _leading(cells[:, j], standard[:, others], len(tables[j]))
        scores = _scored(cells, tables)
    for j, table in enumerate(tables):
        if np.count_nonzero(~np.isnan(cells[:, j])) < ROWS_PER_LEVEL * len(table):
            scores[:, j], table[:] = np.nan, 0.0
    return scores, tables


def _leading(codes: Array, others: Array, n_levels: int) -> Array:
    there = ~np.isnan(codes)
    code = codes[there].astype(int)
    counts = np.bincount(code, minlength=n_levels)
    of_level = csr_array(
        (np.ones(len(code)), (code, np.arange(len(code)))), shape=(n_levels, len(code))
    )
    means = (of_level @ others[there]) / (counts + SHRINKAGE)[:, None]
    _, _, axes = np.linalg.svd(np.sqrt(counts)[:, None] * means, full_matrices=False)
    table: Array = means @ axes[0]
    return table


def _scored(cells: Array, tables: list[Array]) -> Array:
    """Replace codes by scores, and bring these to mean 0 and variance 1 in place."""
    scores = cells.copy()
    for j, table in enumerate(tables):
        there = ~np.isnan(cells[:, j])
        code = cells[there, j].astype(int)
        if len(code):
            center, scale = table[code].mean(), table[code].std()
            table -= center
            table /= scale if scale > 1e-9 else 1.0
            # a rare level far out would say more than its few rows can know
            np.clip(table, -FARTHEST, FARTHEST, out=table)
        scores[there, j] = table[code]
    return scores


def _standardized(scores: Array) -> Array:
    """Mean 0 and variance 1 by column, missing cells at the mean."""
    known = ~np.isnan(scores)
    count = np.maximum(1, known.sum(0))
    centered = np.where(known, scores, 0.0) - np.where(known, scores, 0.0).sum(0) / count
    centered[~known] = 0.0
    scale = np.sqrt((centered**2).sum(0) / count)
    standardized: Array = centered / np.where(scale > 1e-9, scale, 1.0)
    return standardized


def _fit(scores: Array, rng: np.random.Generator) -> Factors:
    """Fit as many factors as rows held out ask for."""
    n, q = scores.shape
    if n < MIN_ROWS or q < 2:
        return Factors(np.zeros((q, 1)), np.ones(q), np.zeros(q))
    held_out = np.zeros(n, bool)
    held_out[rng.permutation(n)[: n // 5]] = True
    best, chosen = -np.inf, 1
    for n_factors in N_FACTORS:
        if n_factors >= q:
            break
        factors = fit_factors(scores[~held_out], n_factors)
        found = _log_likelihood(scores[held_out], factors)
        if found <= best:
            break
        best, chosen = found, n_factors
    factors = fit_factors(scores, chosen)
    # factors that cells tell apart, the best known first
    loading, noise = factors.loading, factors.noise
    _, axes = np.linalg.eigh(loading.T @ (loading / noise[:, None]))
    return factors._replace(loading=loading @ axes[:, ::-1])


def fit_factors(scores: Array, n_factors: int) -> Factors:
    """Fit by expectation-maximisation to the cells that are there (Rubin and Thayer, 1982).

    A standard normal prior on the loadings and one row's worth of noise keep it defined however
    few cells there are.
    """
    known = (~np.isnan(scores)).astype(np.float64)
    count = np.maximum(1.0, known.sum(0))
    center = np.nan_to_num(scores).sum(0) / count
    centered = np.nan_to_num(scores - center)
    spread = np.sqrt((centered**2).sum(0) / count).clip(0.05)
    standard, shift = centered / spread, np.zeros(len(center))
    n, q = scores.shape
    covariance = (standard.T @ standard) / np.maximum(1.0, known.T @ known)
    values, vectors = np.linalg.eigh(covariance)
    loading = vectors[:, -n_factors:] * np.sqrt(np.maximum(values[-n_factors:] - 0.3, 0.05))
    noise = np.maximum(1 - (loading**2).sum(1), 0.05)
    for _ in range(N_ROUNDS):
        rest = (standard - shift) * known
        mean, spread_of = _posterior(rest, known, loading, noise)
        second = (spread_of + mean[:, :, None] * mean[:, None, :]).reshape(n, -1)
        of_column = (known.T @ second).reshape(q, n_factors, n_factors) + np.eye(n_factors)
        loading = np.linalg.solve(of_column, (rest.T @ mean)[..., None])[..., 0]
        shift = ((standard - mean @ loading.T) * known).sum(0) / count
        rest = (standard - shift - mean @ loading.T) * known
        about = known.T @ spread_of.reshape(n, -1) * _products(loading, loading)
        total = (rest**2).sum(0) + about.sum(1)
        noise = np.maximum((total + 0.05) / (count + 1), LEAST_NOISE)
    noise = np.where(known.any(0), noise * spread**2, 1.0)
    return Factors(loading * spread[:, None], noise, center + shift * spread)


def _products(a: Array, b: Array) -> Array:
    """Outer products of the rows (q, r), flat: (q, r * r)."""
    products: Array = (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
    return products


def _posterior(rest: Array, known: Array, loading: Array, noise: Array) -> tuple[Array, Array]:
    """Mean (n, r) and covariance (n, r, r) of the factors given centred cells (n, q)."""
    r = loading.shape[1]
    weighted = loading / noise[:, None]
    precision = (known @ _products(weighted, loading)).reshape(-1, r, r) + np.eye(r)
    covariance = np.asarray(np.linalg.inv(precision), np.float64)
    mean: Array = (covariance @ (rest @ weighted)[..., None])[..., 0]
    return mean, covariance


def _log_likelihood(scores: Array, factors: Factors) -> float:
    """Mean log-likelihood of the rows, up to a constant of the cells."""
    known = (~np.isnan(scores)).astype(np.float64)
    rest = np.nan_to_num(scores - factors.center)
    mean, covariance = _posterior(rest, known, factors.loading, factors.noise)
    squares = ((rest**2) / factors.noise).sum(1)
    squares -= (mean * (rest @ (factors.loading / factors.noise[:, None]))).sum(1)
    log_det = known @ np.log(factors.noise) - np.linalg.slogdet(covariance)[1]
    return float(np.mean(-0.5 * (squares + log_det)))
