"""Nearest neighbours of rows among one another: what clustering and its encoder start from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

Array = NDArray[np.float64]

# Rows of one graph: more are subsampled, so that nothing grows with the square of the rows.
MAX_GRAPH_ROWS = 10_000
# With more columns than this, distances say little: directions in a few principal components do.
MAX_COLUMNS = 100
N_PRINCIPAL = 30


def graph_rows(n_rows: int) -> NDArray[np.intp] | slice:
    """Choose the rows on which a graph is built: all, or a fixed random sample, in order."""
    if n_rows <= MAX_GRAPH_ROWS:
        return slice(0, n_rows)
    chosen = np.random.RandomState(0).choice(n_rows, MAX_GRAPH_ROWS, replace=False)
    return np.sort(chosen)


def graph_space(X: NDArray[Any]) -> Array:
    """Return the space in which rows (n, p) are compared.

    The rows themselves, or the directions of their leading principal components where there are
    more than 100 columns.
    """
    X = np.asarray(X, dtype=np.float64)
    if X.shape[1] <= MAX_COLUMNS:
        return X
    width = min(N_PRINCIPAL, *X.shape)
    with np.errstate(invalid="ignore", divide="ignore"):  # all rows may be equal
        Z = PCA(width, random_state=0).fit_transform(X)
    norms = np.linalg.norm(Z, axis=1, keepdims=True)
    directions: Array = Z / np.where(norms > 0, norms, 1.0)
    return directions


def nearest_neighbors(space: Array, n_neighbors: int) -> tuple[NDArray[np.intp], Array]:
    """Find the nearest other rows of each row.

    Parameters
    ----------
    space : ndarray of shape (n, q)
        At least two rows.
    n_neighbors : int
        How many; shrinks to ``n - 1``.

    Returns
    -------
    index : ndarray of shape (n, k)
        Nearest first, never the row itself.
    distance : ndarray of shape (n, k)
        Euclidean distances.
    """
    n = len(space)
    k = min(n_neighbors, n - 1)
    distance, index = NearestNeighbors(n_neighbors=k + 1).fit(space).kneighbors(space)
    own = index == np.arange(n)[:, None]
    # among equal rows the row itself may not come first, or not at all
    own[~own.any(1), -1] = True
    return index[~own].reshape(n, k), distance[~own].reshape(n, k)
