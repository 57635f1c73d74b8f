"""Ways to cluster rows, and the choice among them: without labels."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from sklatent.tasks._cluster_mixture import ClusterMixture, kmeans
from sklatent.tasks._graph import (
    Linkage,
    NeighborGraph,
    ascend,
    conductance,
    merge,
    merger_drops,
    modularity,
    relabel,
)

Array = NDArray[np.float64]
Labels = NDArray[np.intp]

# Small clusters that merging starts from: so many for each cluster, and at least so large.
MICRO = (8, 16)
MICRO_ROWS = 5
# Small clusters from which the number of clusters is read, and how often that is done.
MICRO_COUNT, MICRO_COUNT_ROWS, COUNTS = 100, 8, 12
# Where none is clear: rows and principal components in which Gaussians are counted.
BIC_ROWS, BIC_WIDTH = 2000, 10
# Share of the largest drop, and drop, at which a number of clusters is clear.
CLEAR, LEAST_DROP = 0.5, 0.7
# Starts of each way; the best by modularity goes on.
RESTARTS = 3
# Of all mergers those that are looked at further: what costs.
ASCENTS = 8
# Modularity is blind to less than this; within it, k-means of the latent space is preferred.
BLIND = 1e-3
# A share of edges between clusters so small that they are islands.
ISLANDS = 0.01


@dataclass(frozen=True)
class Clustering:
    """One way to divide the rows.

    Attributes
    ----------
    name : str
        "latent-kmeans", "latent-gmm", "latent-merge", "merge" or "gmm".
    labels : ndarray of shape (n,)
        Numbered from 0.
    modularity : float
        On the graph of mutual neighbours.
    mixture : ClusterMixture or None
        The Gaussians, where the way consists in them.
    """

    name: str
    labels: Labels
    modularity: float
    mixture: ClusterMixture | None = None


def gmm(
    codes: Array, copies: Labels, n_clusters: int, random: np.random.RandomState
) -> ClusterMixture:
    """Fit one Gaussian for each cluster; k-means where rows are too few for that."""
    n, q = codes.shape
    if n > n_clusters * (q + 2):
        mixture = _gaussians(np.repeat(codes, copies, axis=0), n_clusters, random)
        if mixture.tells_apart(codes):
            return mixture
    labels = kmeans(codes, n_clusters, random, n_init=10, copies=copies)
    return ClusterMixture.fit(codes, labels, random, copies)


def describe(
    found: Clustering, codes: Array, copies: Labels, random: np.random.RandomState
) -> ClusterMixture:
    """Give the Gaussians of clusters; those of k-means where codes do not tell them apart."""
    if found.mixture is not None:
        return found.mixture
    mixture = ClusterMixture.fit(codes, found.labels, random, copies)
    if mixture.tells_apart(codes):
        return mixture
    labels = kmeans(codes, mixture.n_clusters, random, n_init=10, copies=copies)
    return ClusterMixture.fit(codes, labels, random, copies)


def _gaussians(codes: Array, n_clusters: int, random: np.random.RandomState) -> ClusterMixture:
    """Fit a mixture of scikit-learn's, which takes no weights: rows come as often as they occur."""
    seed = int(random.randint(2**31 - 1))
    floor = 1e-3 * max(float(codes.var(0).mean()), 1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianMixture(
            n_clusters, n_init=5, max_iter=300, reg_covar=floor, random_state=seed
        ).fit(codes)
    return ClusterMixture(
        fitted.weights_, fitted.means_, fitted.covariances_, np.arange(n_clusters, dtype=np.intp)
    )


def gmm_candidate(
    name: str, codes: Array, graph: NeighborGraph, n_clusters: int, random: np.random.RandomState
) -> Clustering:
    """Cluster by one Gaussian each."""
    mixture = gmm(codes, graph.copies, n_clusters, random)
    labels = relabel(mixture.predict(codes))
    return Clustering(name, labels, modularity(graph.mutual, labels), mixture)


def graph_candidates(
    name: str,
    space: Array,
    graph: NeighborGraph,
    n_clusters: int,
    random: np.random.RandomState,
    *,
    restarts: int = RESTARTS,
) -> list[Clustering]:
    """Merge small clusters of a space along the graph, and let modularity rise."""
    merged: list[Labels] = []
    linkages: tuple[Linkage, ...] = ("modularity", "average")
    for _ in range(restarts):
        for factor in MICRO:
            n_micro = min(factor * n_clusters, len(space) // MICRO_ROWS)
            micro = kmeans(space, max(n_micro, n_clusters), random, copies=graph.copies)
            for linkage in linkages:
                for weights in (graph.plain, graph.mutual):
                    merged.append(merge(weights, micro, n_clusters, linkage)[0])
    merged.sort(key=lambda labels: -modularity(graph.mutual, labels))
    best = merged[: ASCENTS * restarts // RESTARTS]
    return [_risen(name, graph, labels, random) for labels in best]


def kmeans_candidates(
    name: str, codes: Array, graph: NeighborGraph, n_clusters: int, random: np.random.RandomState
) -> list[Clustering]:
    """Cluster by k-means, and let modularity rise."""
    starts = [
        kmeans(codes, n_clusters, random, n_init=3, copies=graph.copies) for _ in range(RESTARTS)
    ]
    return [_risen(name, graph, labels, random) for labels in starts]


def _risen(
    name: str, graph: NeighborGraph, labels: Labels, random: np.random.RandomState
) -> Clustering:
    labels = ascend(graph.mutual, labels, random)
    return Clustering(name, labels, modularity(graph.mutual, labels))


def best_of(found: list[Clustering]) -> Clustering:
    """Take the highest modularity; within its blindness, k-means of the latent space."""
    highest = max(found, key=lambda one: one.modularity)
    near = [one for one in found if one.modularity >= highest.modularity - BLIND]
    preferred = [one for one in near if one.name == "latent-kmeans"]
    return max(preferred or [highest], key=lambda one: one.modularity)


def islands_or(plain: Clustering, other: Clustering, graph: NeighborGraph) -> Clustering:
    """Take the plain mixture, unless the graph falls into islands that it cuts through."""
    if len(np.unique(other.labels)) < 2:
        return plain
    cut, islands = (conductance(graph.plain, one.labels) for one in (plain, other))
    return other if islands < ISLANDS and 2 * islands < cut else plain


def find_n_clusters(graph: NeighborGraph, most: int, random: np.random.RandomState) -> int:
    """Read the number of clusters off the graph.

    The largest number at which merging stops to be easy clearly: clusters may lie in groups,
    which show by a larger drop at a smaller number. Where no number is clear, clusters overlap:
    the number of Gaussians that BIC prefers, which may be one. Rows of a few kinds that occur
    often are one cluster for each kind.
    """
    n = len(graph.space)
    if n <= most and graph.counts.sum() >= MICRO_COUNT_ROWS * n:
        return n
    n_micro = min(MICRO_COUNT, n // MICRO_COUNT_ROWS)
    most = min(most, n_micro - 1)
    if most < 2:
        return 1
    looks = []
    for _ in range(COUNTS):
        micro = kmeans(graph.space, n_micro, random, copies=graph.copies)
        looks.append(merger_drops(graph.plain, micro, most))
    drops = np.mean(looks, axis=0)
    clear = np.flatnonzero(drops >= max(CLEAR * drops.max(), LEAST_DROP))
    return int(clear[-1]) if len(clear) else _by_bic(graph, most, random)


def _by_bic(graph: NeighborGraph, most: int, random: np.random.RandomState) -> int:
    """Count Gaussians where clusters overlap: the first low of the Bayesian criterion.

    Rows that are equal tell no more than one of them.
    """
    rows = np.sort(random.permutation(len(graph.space))[:BIC_ROWS])
    some, n = np.repeat(graph.space[rows], graph.copies[rows], axis=0), len(rows)
    width = min(BIC_WIDTH, n, some.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):  # rows may differ by next to nothing
        codes = PCA(width, random_state=0).fit_transform(some)
    floor = 1e-3 * max(float(codes.var(0).mean()), 1e-9)
    best, lowest = 1, np.inf
    for k in range(1, min(most, n // MICRO_COUNT_ROWS) + 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = GaussianMixture(k, n_init=2, reg_covar=floor, random_state=0).fit(codes)
        n_parameters = k * (1 + width + width * (width + 1) // 2) - 1
        bic = n_parameters * np.log(n) - 2 * n * float(fitted.score(codes))
        if bic < lowest:
            best, lowest = k, bic
        elif k > best + 2:
            break
    return best
