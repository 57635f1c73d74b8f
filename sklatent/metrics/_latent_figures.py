"""What each latent dimension does: the figures behind the report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent._utils.latent import decode
from sklatent.metrics._disentanglement import equal_bins
from sklatent.metrics._reconstruction import Comparison

_Float = NDArray[np.float64]

N_BINS = 20
# Fewer rows than this in a bin say nothing about its mean.
_ROWS_PER_BIN = 10
# Half the distance of the two codes between which a slope is taken, in standard deviations.
_HALF_STEP = 0.1


def single_r2(codes: _Float, found: Comparison) -> _Float:
    """Share of each column that each dimension alone explains.

    The codes of one dimension are cut into bins; between them lies this share of the variance of
    the column, or of the indicators of its categories (Goodman and Kruskal's tau). Chance is taken
    off, as adjusted R2 does.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Codes of the rows.
    found : Comparison
        The same rows.

    Returns
    -------
    ndarray of shape (n_components, n_columns)
        Between 0 and 1; NaN for columns that do not vary.
    """
    n_bins = max(2, min(N_BINS, len(codes) // _ROWS_PER_BIN))
    shares = np.full((codes.shape[1], len(found.columns)), np.nan)
    bins = [equal_bins(z, n_bins) for z in codes.T]
    for j, column in enumerate(found.columns):
        cells = found.rows[:, j]
        known = ~np.isnan(cells)
        targets = cells[known, None]
        if column.is_category:
            targets = (targets == np.unique(targets)).astype(np.float64)
        targets = targets - targets.mean(0) if len(targets) else targets
        total = float((targets**2).sum())
        if total <= 1e-20 * max(float((cells[known] ** 2).sum()), 1e-300):
            continue
        for i, places in enumerate(bins):
            shares[i, j] = _between(places[known], targets, total)
    return shares


def _between(places: NDArray[np.intp], targets: _Float, total: float) -> float:
    counts = np.bincount(places, minlength=N_BINS)
    used, n = counts > 0, len(places)
    sums = np.column_stack([np.bincount(places, t, minlength=N_BINS) for t in targets.T])
    within = total - float((sums[used] ** 2 / counts[used, None]).sum())
    if n <= used.sum() or used.sum() < 2:
        return 0.0
    return float(np.clip(1.0 - within / total * (n - 1) / (n - used.sum()), 0.0, 1.0))


def frozen_shares(model: Any, codes: _Float, X: Any) -> tuple[_Float, float]:
    """Share of the table that is lost when each dimension is held at its mean.

    Parameters
    ----------
    model : transformer
        The model.
    codes : ndarray of shape (n_samples, n_components)
        Codes of the rows.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    shares : ndarray of shape (n_components,)
        Mean over columns of what is lost, as a share of the variance of a number and of the errors
        of the most frequent category. At worst all of a column is lost.
    explained : float
        What all dimensions together explain.
    """
    found = Comparison.of(X, decode(model, codes))
    losses, floors = found.losses()
    varying = found.varying(floors)
    if not varying.any():
        return np.zeros(codes.shape[1]), 0.0
    # a pixel that is hardly ever inked can be missed by forty times its variance: without a bound
    # a few such columns would outweigh all others
    floors = floors[varying]
    losses = np.minimum(losses[varying], floors)
    shares = np.zeros(codes.shape[1])
    for i in range(codes.shape[1]):
        held = codes.copy()
        held[:, i] = codes[:, i].mean()
        without = Comparison.of(X, decode(model, held)).losses()[0][varying]
        shares[i] = float(np.mean((np.minimum(without, floors) - losses) / floors))
    return shares, float(np.mean(1.0 - losses / floors))


def decoder_slopes(model: Any, codes: _Float, spread: _Float, X: Any) -> _Float:
    """Mean absolute slope of each decoded column along each dimension, by central differences.

    Parameters
    ----------
    model : transformer
        The model.
    codes : ndarray of shape (n_samples, n_components)
        Where slopes are taken.
    spread : ndarray of shape (n_components,)
        Standard deviations of the codes.
    X : array-like or DataFrame of shape (n_others, n_features)
        Rows that give the units of the columns.

    Returns
    -------
    ndarray of shape (n_components, n_columns)
        Standard deviations of a number per standard deviation of the code; for a category, how
        often its category changes per standard deviation.
    """
    n, k = codes.shape
    moves = np.zeros((k, 2, 1, k))
    for i in range(k):
        moves[i, :, 0, i] = np.array([-_HALF_STEP, _HALF_STEP]) * spread[i]
    everywhere = (codes[None, None] + moves).reshape(-1, k).astype(codes.dtype)
    found = Comparison.of(X, decode(model, everywhere))
    decoded = found.others.reshape(k, 2, n, -1)
    change = np.abs(decoded[:, 1] - decoded[:, 0]) / found.scales()
    categories = np.array([column.is_category for column in found.columns])
    both_missing = np.isnan(decoded).all(1)
    differs = (decoded[:, 1] != decoded[:, 0]) & ~both_missing
    change = np.where(categories, differs, np.nan_to_num(change))
    slopes: _Float = change.mean(1) / (2 * _HALF_STEP)
    return slopes
