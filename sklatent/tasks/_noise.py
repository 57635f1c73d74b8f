"""Rows without clusters, and whether clusters are better than what is found in these."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from sklatent.tasks._candidates import graph_candidates
from sklatent.tasks._graph import LEAST_SHARE, Labels, conductance, neighbor_graph

Array = NDArray[np.float64]

# Rows that are compared, tables without clusters, and by how many of their standard deviations
# clusters must be better than what is found in these.
ROWS, TABLES, CLEARLY = 600, 10, 3.0
# Columns of so many values are shuffled; the others are bent by a polynomial of this degree, which
# gives them skewness and tails, but no second mode.
FEW, BEND = 10, 3


@dataclass(frozen=True)
class Unclustered:
    """Draws tables whose columns are like those of a table, and which have no clusters.

    Numbers come from a single Gaussian with the correlations of the normal scores, bent column by
    column by the cubic polynomial that is nearest to its quantiles (Fleishman's method). Columns
    of few values are shuffled.

    Parameters
    ----------
    rows : ndarray of shape (n, p)
        The table.
    shuffled : list of ndarray
        Columns that are shuffled together.
    scores : ndarray of shape (n, p_bent)
        Normal scores of the other columns.
    bent : dict of int to Polynomial
        How the scores of a column become its values.
    """

    rows: Array
    shuffled: list[NDArray[np.intp]]
    scores: Array
    bent: dict[int, Polynomial]

    @classmethod
    def of(cls, rows: Array, owners: NDArray[np.intp]) -> Self:
        """Learn from rows (n, p); columns with the same owner (p,) are shuffled together."""
        n, p = rows.shape
        few = np.array([len(np.unique(column)) <= FEW for column in rows.T])
        groups = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
        shuffled = [group for group in groups if few[group].all()]
        rest = np.setdiff1d(np.arange(p), np.concatenate([np.empty(0, np.intp), *shuffled]))
        scores = ndtri((rankdata(rows[:, rest], axis=0) - 0.5) / n)
        bent = {
            int(column): Polynomial.fit(scores[:, j], rows[:, column], BEND)
            for j, column in enumerate(rest)
        }
        return cls(rows, shuffled, scores - scores.mean(0), bent)

    def draw(self, random: np.random.RandomState) -> Array:
        """Draw as many rows as the table has."""
        n = len(self.rows)
        drawn = self.rows.copy()
        for group in self.shuffled:
            drawn[:, group] = self.rows[random.permutation(n)][:, group]
        scores = random.normal(size=(n, n)) @ self.scores / n**0.5
        for j, (column, bend) in enumerate(self.bent.items()):
            drawn[:, column] = bend(scores[:, j])
        return drawn


def better_than_noise(
    space: Array, owners: NDArray[np.intp], n_clusters: int, n_neighbors: int
) -> bool:
    """Tell whether rows fall into clusters more clearly than rows without clusters do.

    The same search is done in both. Clusters are better if far fewer edges of the graph of
    neighbours join them, or if they tell far more of the columns.

    Parameters
    ----------
    space : ndarray of shape (n, p)
        Distinct rows.
    owners : ndarray of shape (p,)
        Columns with the same owner belong together: levels of a category. Not heeded where
        ``space`` consists of other columns than these.
    n_clusters : int
        How many were found.
    n_neighbors : int
        Of the graph.

    Returns
    -------
    bool
        Whether they are.
    """
    random = np.random.RandomState(0)  # the same answer whatever else was drawn
    if len(owners) != space.shape[1]:
        owners = np.arange(space.shape[1])
    some = space[np.sort(random.permutation(len(space))[:ROWS])]
    found = _clearness(some, n_clusters, n_neighbors, random)
    unclustered = Unclustered.of(some, owners)
    noise = np.array(
        [
            _clearness(unclustered.draw(random), n_clusters, n_neighbors, random)
            for _ in range(TABLES)
        ]
    )
    return bool((found > noise.mean(0) + CLEARLY * noise.std(0, ddof=1)).any())


def _clearness(
    rows: Array, n_clusters: int, n_neighbors: int, random: np.random.RandomState
) -> Array:
    """Measure how clear the best clusters are: few edges between them, little spread within."""
    graph = neighbor_graph(rows, n_neighbors)
    found = graph_candidates("merge", graph.space, graph, n_clusters, random, restarts=1)
    labels = max(found, key=lambda one: one.modularity).labels
    between = conductance(graph.mutual, labels)
    return -np.log([between + LEAST_SHARE, 1.0 - _explained(rows, labels) + LEAST_SHARE])


def _explained(rows: Array, labels: Labels) -> Any:
    """Mean over the columns of the share of the variance that lies between clusters."""
    centred = rows - rows.mean(0)
    sums = np.eye(labels.max() + 1)[labels].T @ centred
    between = (sums**2 / np.bincount(labels)[:, None]).sum(0)
    whole = (centred**2).sum(0)
    return (between[whole > 0] / whole[whole > 0]).mean()
