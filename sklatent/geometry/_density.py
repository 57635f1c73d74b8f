"""Paths that bend through where codes lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

Array = NDArray[np.float64]

# Codes that paths may run through: more are subsampled.
MAX_NODES = 2000
N_NEIGHBORS = 10
# An edge costs its length to this power: above 1, many short steps through dense places cost less
# than one long step through an empty one (Fermat distance).
POWER = 2.0
# Points of a path while it is smoothed, and how often.
N_FINE = 64
N_SMOOTHINGS = 40
# The density along a path is judged by the distance to this neighbour.
JUDGE = 5
# The distance of equal codes.
_EQUAL = 1e-12


@dataclass(frozen=True)
class DensityGraph:
    """Codes joined to their neighbours.

    Attributes
    ----------
    codes : ndarray of shape (n, k)
        The nodes.
    edges : csr_matrix of shape (n, n)
        Costs.
    search : NearestNeighbors
        Over the nodes.
    """

    codes: Array
    edges: csr_matrix
    search: NearestNeighbors

    @classmethod
    def of(cls, codes: Array) -> "DensityGraph":
        """Join codes (n, k), or a fixed random 2,000 of them, in units in which they reach to 1."""
        if len(codes) > MAX_NODES:
            chosen = np.random.RandomState(0).choice(len(codes), MAX_NODES, replace=False)
            codes = codes[np.sort(chosen)]
        search = NearestNeighbors().fit(codes)
        graph = search.kneighbors_graph(
            n_neighbors=min(N_NEIGHBORS, len(codes) - 1), mode="distance"
        )
        # equal codes must stay joined, and a sparse zero is no edge
        graph.data = np.maximum(graph.data, _EQUAL)
        graph = graph.maximum(graph.T)
        if connected_components(graph, directed=False)[0] > 1:
            # islands are joined where they are nearest
            apart = np.maximum(cdist(codes, codes), _EQUAL)
            graph = graph.maximum(minimum_spanning_tree(csr_matrix(apart)))
            graph = graph.maximum(graph.T)
        graph = graph.tocsr()
        graph.data **= POWER
        return cls(codes, graph, search)

    def path(self, a: Array, b: Array, n_steps: int) -> Array:
        """Lead from code ``a`` (k,) to ``b`` (k,) in ``n_steps`` codes of equal distance."""
        if np.array_equal(a, b):  # the way through the nearest node would lead out and back
            return np.repeat(a[None], n_steps, axis=0)
        straight = a + np.linspace(0.0, 1.0, N_FINE)[:, None] * (b - a)
        corners = np.vstack([a, self.codes[self._nodes(a, b)], b])
        bent = _even(corners, N_FINE)
        for _ in range(N_SMOOTHINGS):
            bent[1:-1] = 0.25 * bent[:-2] + 0.5 * bent[1:-1] + 0.25 * bent[2:]
        # a straight line through dense places is not improved on by corners
        best = min((straight, bent), key=self._emptiness)
        return _even(best, n_steps)

    def _nodes(self, a: Array, b: Array) -> list[int]:
        """Find the nodes on the cheapest way, which the ends may enter by any near node."""
        n = len(self.codes)
        distance, index = self.search.kneighbors(np.vstack([a, b]), min(N_NEIGHBORS, n))
        cost = np.maximum(distance, _EQUAL) ** POWER
        ends = np.repeat([n, n + 1], index.shape[1])
        shape = (n + 2, n + 2)
        links = coo_matrix((cost.ravel(), (ends, index.ravel())), shape).tocsr()
        inner = self.edges.copy()
        inner.resize(shape)
        before: NDArray[Any] = dijkstra(
            inner + links, directed=False, indices=n, return_predecessors=True
        )[1]
        nodes, node = [], int(before[n + 1])
        while node != n:
            nodes.append(node)
            node = int(before[node])
        return nodes[::-1]

    def _emptiness(self, path: Array) -> float:
        k = min(JUDGE, len(self.codes))
        return float(np.log(self.search.kneighbors(path, k)[0][:, -1] + 1e-12).mean())


def _even(path: Array, n_steps: int) -> Array:
    """Set points at equal distances along a polyline (m, k)."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(lengths)])
    if travelled[-1] == 0:
        return np.repeat(path[:1], n_steps, axis=0)
    moving = np.concatenate([[True], lengths > 0])
    at = np.linspace(0.0, travelled[-1], n_steps)
    return np.column_stack([np.interp(at, travelled[moving], c[moving]) for c in path.T])
