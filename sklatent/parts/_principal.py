"""Principal components of encoded rows: where the models start."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

Array = NDArray[np.float64]

# Up to this many cells a singular value decomposition of the rows themselves is affordable; it
# is more exact than the eigenvectors of their covariance.
MAX_CELLS_SVD = 250_000
MAX_COLUMNS_COVARIANCE = 2500


@dataclass(frozen=True)
class PrincipalAxes:
    """Mean, leading principal axes and what they leave.

    Attributes
    ----------
    mean : ndarray of shape (n_features,)
    components : ndarray of shape (n_components, n_features)
        Orthonormal rows, signs as in :class:`sklearn.decomposition.PCA`.
    scale : ndarray of shape (n_components,)
        Standard deviation along each axis, floored so that it can be divided by.
    residual_variance : ndarray of shape (n_features,)
        Variance of each column that the axes leave unexplained.
    total_variance : float
        Variance of all columns together.
    """

    mean: Array
    components: Array
    scale: Array
    residual_variance: Array
    total_variance: float


def principal_axes(
    chunks: Callable[[], Iterator[Array]], n_rows: int, n_components: int, seed: int
) -> PrincipalAxes:
    """Compute the leading principal axes of rows that come in chunks.

    Parameters
    ----------
    chunks : callable
        Each call goes once through the rows, as float64 arrays of shape (n, n_features).
    n_rows : int
        Number of rows.
    n_components : int
        Number of axes, at most ``n_features``; beyond the rank they are arbitrary.
    seed : int
        For the randomized solver, used where both numbers are in the thousands.

    Returns
    -------
    PrincipalAxes
    """
    mean, column_variance = _moments(chunks(), n_rows)
    n_features = len(mean)
    if n_features > MAX_COLUMNS_COVARIANCE and n_rows > MAX_COLUMNS_COVARIANCE:
        X = np.concatenate(list(chunks()))
        pca = PCA(min(n_components, n_rows), svd_solver="randomized", random_state=seed).fit(X)
        # PCA divides by n - 1, the scaling of the columns by n
        variance = pca.explained_variance_ * (n_rows - 1) / n_rows
        components = pca.components_
    elif n_rows * n_features <= MAX_CELLS_SVD or n_features > MAX_COLUMNS_COVARIANCE:
        centred = np.concatenate(list(chunks())) - mean
        values, vectors = np.linalg.svd(centred, full_matrices=False)[1:]
        variance, components = (values**2 / n_rows)[:n_components], vectors[:n_components]
    else:
        variance, components = _eigenvectors(chunks(), mean, n_rows, n_components)
    components, variance = _completed(_with_signs(components), variance, n_components)
    explained = np.einsum("k,kj->j", variance, components**2)
    scale = np.sqrt(np.maximum(variance, 0.0))
    floor = 1e-6 * scale.max(initial=0.0)
    return PrincipalAxes(
        mean=mean,
        components=np.ascontiguousarray(components),
        scale=np.maximum(scale, floor) if floor > 0 else np.ones_like(scale),
        residual_variance=np.maximum(column_variance - explained, 0.0),
        total_variance=float(column_variance.sum()),
    )


def _moments(chunks: Iterator[Array], n_rows: int) -> tuple[Array, Array]:
    """Mean and variance of the columns, merged chunk by chunk (Chan et al., 1983)."""
    count = 0
    mean = squares = np.zeros(0)
    for chunk in chunks:
        size, chunk_mean = len(chunk), chunk.mean(0)
        chunk_squares = ((chunk - chunk_mean) ** 2).sum(0)
        if count == 0:
            mean, squares = chunk_mean, chunk_squares
        else:
            delta = chunk_mean - mean
            squares = squares + chunk_squares + delta**2 * (count * size / (count + size))
            mean = mean + delta * (size / (count + size))
        count += size
    return mean, squares / n_rows


def _eigenvectors(
    chunks: Iterator[Array], mean: Array, n_rows: int, n_components: int
) -> tuple[Array, Array]:
    covariance = np.zeros((len(mean), len(mean)))
    for chunk in chunks:
        centred = chunk - mean
        covariance += centred.T @ centred
    variance, vectors = np.linalg.eigh(covariance / n_rows)
    leading = slice(None, -n_components - 1, -1)
    return variance[leading], vectors.T[leading]


def _completed(components: Array, variance: Array, n_components: int) -> tuple[Array, Array]:
    """Add orthonormal axes of no variance where the rows span fewer than are asked for."""
    found, n_features = components.shape
    missing = n_components - found
    if missing <= 0:
        return components, variance
    fill = np.random.RandomState(0).standard_normal((missing, n_features))
    basis = np.linalg.qr(np.concatenate([components, fill]).T)[0].T
    return np.concatenate([components, basis[found:]]), np.pad(variance, (0, missing))


def _with_signs(components: Array) -> Array:
    """Make the largest entry of each axis positive, as scikit-learn does."""
    largest = np.abs(components).argmax(1)
    signs = np.sign(components[np.arange(len(components)), largest])
    flipped: Array = components * signs[:, None]
    return flipped
