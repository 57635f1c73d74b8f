"""How a block of columns becomes a float matrix and returns: for now the numeric, affine one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Elements per chunk: 1 MiB of float64 stays in the cache and keeps the extra memory constant.
_CHUNK = 1 << 17


class Moments(NamedTuple):
    """Column moments of a table, all of shape (n_features,)."""

    mean: np.ndarray
    """Mean in float64; the value itself, to the last bit, where all values are equal."""
    var: np.ndarray
    """Population variance in float64; 0.0 where all values are equal."""
    same: np.ndarray
    """Mask of the columns in which all values are equal."""


def chunks(n_rows: int, n_columns: int) -> list[slice]:
    """Cut rows into slices of about a mebibyte of float64.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n_columns : int
        Number of columns.

    Returns
    -------
    slices : list of slice
        Slices that cover the rows in order.
    """
    step = max(1, _CHUNK // max(1, n_columns))
    return [slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def column_moments(values: np.ndarray) -> Moments:
    """Mean and variance per column in float64, without a float64 copy of the table.

    Each chunk is treated in two passes and the chunks are merged by the formula of Chan, Golub
    and LeVeque, all relative to the first row, so that a large common offset does not cancel the
    variance.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        At least one row, float32 or float64, possibly read-only or memory-mapped.

    Returns
    -------
    moments : Moments
        Mean, population variance and the mask of columns whose values are all equal.
    """
    first = np.asarray(values[0], dtype=np.float64)
    n_features = len(first)
    mean, spread = np.zeros(n_features), np.zeros(n_features)
    same = np.ones(n_features, dtype=bool)
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in chunks(*values.shape):
            block = np.subtract(values[rows], first, order="C")
            if same.any():
                same &= (block == 0.0).all(axis=0)
            n_new, n_all = len(block), rows.stop
            block_mean = block.mean(axis=0)
            block -= block_mean
            # What rounding left in the mean, as scikit-learn corrects it.
            rest = block.sum(axis=0)
            block *= block
            delta = block_mean - mean
            spread += block.sum(axis=0) - rest**2 / n_new
            spread += delta**2 * (rows.start * n_new / n_all)
            mean += delta * (n_new / n_all)
        mean += first
    mean[same], spread[same] = first[same], 0.0
    return Moments(mean, spread / len(values), same)


def observed_moments(values: np.ndarray) -> Moments:
    """Mean and variance per column over the cells that are not missing.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        float32 or float64, NaN where missing.

    Returns
    -------
    moments : Moments
        As :func:`column_moments` of each column without its missing cells; mean 0, variance 0
        where all cells are missing.
    """
    n_features = values.shape[1]
    mean, var = np.zeros(n_features), np.zeros(n_features)
    same = np.zeros(n_features, dtype=bool)
    for j in range(n_features):
        observed = values[:, j]
        observed = observed[~np.isnan(observed)]
        if len(observed):
            moments = column_moments(observed[:, np.newaxis])
            mean[j], var[j], same[j] = moments.mean[0], moments.var[0], moments.same[0]
    return Moments(mean, var, same)


def near_constant(mean: np.ndarray, var: np.ndarray, n_samples: int) -> np.ndarray:
    """Tell columns whose variance is no more than rounding, by the rule of StandardScaler.

    Parameters
    ----------
    mean, var : ndarray of shape (n_features,)
        Column moments in float64.
    n_samples : int
        Number of rows that they were taken from.

    Returns
    -------
    mask : ndarray of shape (n_features,), dtype=bool
        True for columns that cannot be told from constant ones.
    """
    eps = np.finfo(np.float64).eps
    bound = n_samples * eps * var + (n_samples * mean * eps) ** 2
    return np.asarray(var <= bound)


def affine_encode(values: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Compute ``(values - center) / scale`` in float64 and cast it to the dtype of the rows.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Rows in float32 or float64.
    center, scale : ndarray of shape (n_features,)
        In float64.

    Returns
    -------
    matrix : ndarray of shape (n_samples, n_features)
        A new C-contiguous array in the dtype of ``values``.
    """
    out = np.empty(values.shape, dtype=values.dtype)
    for rows in chunks(*values.shape):
        np.divide(values[rows] - center, scale, out=out[rows], casting="same_kind")
    return out


def affine_decode(matrix: np.ndarray, center: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Compute ``matrix * scale + center`` in float64 and cast it to the dtype of the matrix.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features)
        Encoded rows in float32 or float64.
    center, scale : ndarray of shape (n_features,)
        In float64.

    Returns
    -------
    values : ndarray of shape (n_samples, n_features)
        A new C-contiguous array in the dtype of ``matrix``.
    """
    out = np.empty(matrix.shape, dtype=matrix.dtype)
    for rows in chunks(*matrix.shape):
        np.add(matrix[rows] * scale, center, out=out[rows], casting="same_kind")
    return out
