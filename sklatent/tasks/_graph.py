"""Clusters on the graph of nearest neighbours: modularity, its ascent, and merging."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklatent._utils.neighbors import graph_space, nearest_neighbors

Array = NDArray[np.float64]
Labels = NDArray[np.intp]

# What an edge counts that only one of its two rows has: enough to hold a graph together.
ONE_SIDED = 1e-3
SWEEPS = 100
# Share of the edges below which two clusters count as not connected.
LEAST_SHARE = 2e-3
LEAST_GAIN = 1e-9


@dataclass(frozen=True)
class NeighborGraph:
    """The nearest-neighbour graph of distinct rows, in two weightings.

    Attributes
    ----------
    space : ndarray of shape (n, q)
        Where neighbours were sought.
    plain : sparse array of shape (n, n)
        1 for each of the two rows that counts the other among its neighbours, times how often
        that row occurs.
    mutual : sparse array of shape (n, n)
        1 where both do, next to nothing where one does. One-sided edges join dense clusters to
        the sparse fringes of others; without them modularity finds clusters more reliably.
    counts : ndarray of shape (n,)
        How often each row occurs.
    """

    space: Array
    plain: Any
    mutual: Any
    counts: Labels

    @property
    def copies(self) -> Labels:
        """How often each row is taken: rows that all occur five times count like single ones."""
        copies: Labels = self.counts // np.gcd.reduce(self.counts)
        return copies


def neighbor_graph(
    matrix: NDArray[Any], n_neighbors: int, counts: Labels | None = None
) -> NeighborGraph:
    """Build the graph of distinct rows (n, p); ``counts`` (n,) tells how often each occurs."""
    n = len(matrix)
    counts = np.ones(n, dtype=np.intp) if counts is None else counts
    if n == 1:
        alone = sparse.csr_array(np.ones((1, 1)))
        return NeighborGraph(np.asarray(matrix, dtype=np.float64), alone, alone, counts)
    space = graph_space(matrix)
    index, _ = nearest_neighbors(space, n_neighbors)
    k = index.shape[1]
    rows, weights = np.repeat(np.arange(n), k), np.repeat(counts.astype(np.float64), k)
    directed = sparse.csr_array((weights, (rows, index.ravel())), shape=(n, n))
    turned = directed.T.tocsr()
    mutual = directed.multiply(turned).sqrt() + ONE_SIDED * directed.maximum(turned)
    return NeighborGraph(space, (directed + turned).tocsr(), sparse.csr_array(mutual), counts)


def first_equal(matrix: NDArray[Any]) -> Labels:
    """Find for each row (n, p) the first row that equals it: (n,)."""
    # compared as bytes, so that missing cells are alike; adding 0 turns -0 into 0
    whole = np.ascontiguousarray(matrix + 0.0)
    cells = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1]))).ravel()
    _, firsts, inverse = np.unique(cells, return_index=True, return_inverse=True)
    equal: Labels = firsts[inverse]
    return equal


def distinct_rows(matrix: NDArray[Any]) -> tuple[Labels, Labels]:
    """Find the distinct rows (n, p).

    Returns
    -------
    firsts : ndarray of shape (n_distinct,)
        Where each occurs first, in order.
    counts : ndarray of shape (n_distinct,)
        How often it occurs.
    """
    firsts, counts = np.unique(first_equal(matrix), return_counts=True)
    return firsts, counts


def relabel(labels: NDArray[Any]) -> Labels:
    """Number the labels that occur from 0."""
    numbered: Labels = np.unique(labels, return_inverse=True)[1].astype(np.intp)
    return numbered


def block_weights(graph: Any, labels: Labels) -> Array:
    """Share of the edges between each two clusters: symmetric, sums to one."""
    k = int(labels.max()) + 1
    pairs = np.repeat(labels * k, np.diff(graph.indptr)) + labels[graph.indices]
    weights = np.bincount(pairs, graph.data, k * k).reshape(k, k)
    shares: Array = weights / weights.sum()
    return shares


def modularity(graph: Any, labels: Labels) -> float:
    """Share of the edges inside clusters, less that of a random graph of the same degrees."""
    shares = block_weights(graph, labels)
    return float(np.trace(shares) - (shares.sum(1) ** 2).sum())


def conductance(graph: Any, labels: Labels) -> float:
    """Mean over the clusters of the share of their edges that leaves them."""
    shares = block_weights(graph, labels)
    return float(np.mean(1.0 - np.diag(shares) / shares.sum(1)))


def ascend(graph: Any, labels: Labels, random: np.random.RandomState) -> Labels:
    """Move rows between clusters while modularity rises; no cluster is emptied.

    A random half of the rows that would gain moves at a time, so that neighbours do not swap
    places for ever.
    """
    n, k = len(labels), int(labels.max()) + 1
    every = np.arange(n)
    degrees = np.asarray(graph.sum(1)).ravel()
    total = degrees.sum()
    best, best_score = labels, modularity(graph, labels)
    for _ in range(SWEEPS):
        member = sparse.csr_array((np.ones(n), (every, labels)), shape=(n, k))
        volumes = np.bincount(labels, degrees, k)
        gains = (graph @ member).toarray() - degrees[:, None] * volumes / total
        gains[every, labels] += degrees**2 / total
        target = gains.argmax(1)
        gaining = gains[every, target] > gains[every, labels] + LEAST_GAIN
        if not gaining.any():
            break
        moved = np.where(gaining & (random.random_sample(n) < 0.5), target, labels)
        if len(np.unique(moved)) < k:
            break
        labels = moved
        score = modularity(graph, labels)
        if score > best_score:
            best, best_score = labels, score
    return best


Linkage = Literal["modularity", "average"]


def merge(
    graph: Any, labels: Labels, n_clusters: int, linkage: Linkage
) -> tuple[Labels, dict[int, float]]:
    """Merge clusters two by two until so many are left.

    Parameters
    ----------
    graph : sparse array of shape (n, n)
        Symmetric.
    labels : ndarray of shape (n,)
        Small clusters to start from.
    n_clusters : int
        Where to end.
    linkage : {"modularity", "average"}
        Which two are merged: those whose merger gains or loses least modularity, which prefers
        clusters of like sizes, or those with most edges in proportion to both sizes, which follows
        rings and crescents.

    Returns
    -------
    labels : ndarray of shape (n,)
        Numbered from 0.
    shares : dict of int to float
        For each number of clusters on the way the share of its edges that the smaller of the two
        clusters merged next had with the other.
    """
    labels = relabel(labels)
    weights = block_weights(graph, labels)
    k = len(weights)
    volumes = np.maximum(weights.sum(1), 1e-300)
    group, alive, shares = np.arange(k), np.ones(k, dtype=bool), {}
    for left in range(k, n_clusters, -1):
        product = volumes[:, None] * volumes
        closeness = weights - product if linkage == "modularity" else weights / product
        closeness[~alive] = closeness[:, ~alive] = -np.inf
        np.fill_diagonal(closeness, -np.inf)
        first, second = sorted(divmod(int(closeness.argmax()), k))
        shares[left] = float(weights[first, second] / min(volumes[first], volumes[second]))
        weights[first] += weights[second]
        weights[:, first] += weights[:, second]
        volumes[first] += volumes[second]
        alive[second], group[group == second] = False, first
    return relabel(group[labels]), shares


def merger_drops(graph: Any, labels: Labels, most: int) -> Array:
    """Find where merging small clusters stops to be easy.

    Returns
    -------
    ndarray of shape (most + 1,)
        At k, for 2 <= k <= most: the logarithm of how much fewer edges join the two nearest of k
        clusters than joined the two merged just before. 0 elsewhere.
    """
    _, shares = merge(graph, labels, 1, "average")
    highest = max(shares, default=1)
    drops, before = np.zeros(most + 1), 0.0
    for k in range(min(highest, most + 1), 1, -1):
        # merging may uncover nearer clusters: what counts is the hardest merger so far
        now = float(np.log(min(shares[k] + LEAST_SHARE, np.exp(before) if before else np.inf)))
        if before and k <= most:
            drops[k] = before - now
        before = now
    return drops
