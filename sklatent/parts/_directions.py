"""Directions of codes that mean one thing: independent ones, and those of few columns."""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

Array = NDArray[np.float64]

# A component that spreads less than this share of the widest is dead.
DEAD = 1e-6
# Correlation with which a direction counts as found again in other rows.
FOUND_AGAIN = 0.95
# Bins of equal frequency in which dependence is measured.
N_BINS = 10
# The search for independent directions ends when the cosine of each step is so close to one.
ITERATIONS, ICA_TOL = 500, 1e-4


def whitener_of(centred: Array) -> Array:
    """Give the map that makes centred codes uncorrelated, of unit variance."""
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    least = DEAD**2 * variance[-1] if variance[-1] > 0 else 1.0
    return np.asarray(axes / np.sqrt(np.maximum(variance, least)))


def independent(white: Array, seed: int) -> tuple[Array, bool]:
    """Find the rotation that makes white codes as independent as one can, and whether it stood.

    Hyvarinen, "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", IEEE
    Trans. Neural Networks, 1999: symmetric, with logcosh. The steps are those of scikit-learn's
    FastICA, which reports failure by a warning alone: warnings cannot be caught in one thread
    without losing those of others.
    """
    n, k = white.shape
    weights = _orthogonal(np.random.RandomState(seed).normal(size=(k, k)))
    for _ in range(ITERATIONS):
        bent = np.tanh(weights @ white.T)
        slope = (1 - bent**2).mean(1)
        before, weights = weights, _orthogonal(bent @ white / n - slope[:, None] * weights)
        step = np.abs(np.einsum("ij,ij->i", weights, before))
        if np.abs(step - 1).max() < ICA_TOL:
            return weights.T, True
    return weights.T, False


def _orthogonal(weights: Array) -> Array:
    """Give the orthogonal matrix that is nearest."""
    squares, axes = linalg.eigh(weights @ weights.T)
    squares = np.maximum(squares, np.finfo(squares.dtype).tiny)
    return np.asarray(np.linalg.multi_dot([axes * (1 / np.sqrt(squares)), axes.T, weights]))


def dependence(codes: Array) -> float:
    """Mean mutual information of two components, in nats, that of chance taken off."""
    n, k = codes.shape
    # equal values share a bin: which row comes first says nothing
    bins = ((rankdata(codes, axis=0) - 1) * N_BINS // n).astype(np.intp) + N_BINS * np.arange(k)
    inside = np.zeros((n, N_BINS * k))
    np.put_along_axis(inside, bins, 1.0, axis=1)
    # all tables of two components in one product
    joint = inside.T @ inside / n
    share = np.diag(joint)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / np.outer(share, share)), 0.0)
    pairs = terms.reshape(k, N_BINS, k, N_BINS).sum((1, 3))
    free = (share > 0).reshape(k, N_BINS).sum(1) - 1
    return float((pairs - np.outer(free, free) / (2 * n))[np.triu_indices(k, 1)].mean())


def share_found_again(white: Array, seed: int) -> float:
    """Share of the independent directions of one half of the rows that the other half finds too."""
    k = white.shape[1]
    halves = np.array_split(np.random.RandomState(seed).permutation(len(white)), 2)
    if len(halves[1]) < 2 * k:
        return 0.0
    sources = []
    for half in halves:
        part = white[half] - white[half].mean(0)
        whitener = whitener_of(part)
        sources.append(white @ whitener @ independent(part @ whitener, seed)[0])
    agreement = np.abs(np.corrcoef(sources[0], sources[1], rowvar=False)[:k, k:])
    matched = agreement[linear_sum_assignment(-agreement)]
    return float(np.mean(matched >= FOUND_AGAIN))


def varimax(loadings: Array) -> tuple[Array, float]:
    """Turn loadings so that each column loads on few components.

    Kaiser, "The varimax criterion for analytic rotation in factor analysis", Psychometrika, 1958;
    with columns of equal length, by the iteration of singular value decompositions.

    Parameters
    ----------
    loadings : ndarray of shape (n_columns, k)
        Loadings on white codes.

    Returns
    -------
    turn : ndarray of shape (k, k)
        Orthogonal.
    simplicity : float
        Mean over columns of the sum of fourth powers of rotated loadings of length one: between
        1 / k and 1, where each column loads on one component.
    """
    length = np.linalg.norm(loadings, axis=1)
    unit = loadings[length > 0] / length[length > 0, None]
    turn, before = np.eye(loadings.shape[1]), 0.0
    if not len(unit):
        return turn, 0.0
    for _ in range(ITERATIONS):
        turned = unit @ turn
        gradient = unit.T @ (turned**3 - turned * (turned**2).mean(0))
        left, values, right = np.linalg.svd(gradient)
        turn = left @ right
        if values.sum() <= before * (1 + 1e-10):
            break
        before = values.sum()
    return turn, float(((unit @ turn) ** 4).sum(1).mean())
