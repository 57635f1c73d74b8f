"""What an anomaly score is made of: distances to neighbours, and tail probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

Matrix = NDArray[np.float64]

# Cells of one block of distances: what the caches of a processor hold.
BLOCK_CELLS = 2**18
# Up to here a heap per row is faster than sorting the distances of the row apart.
FEW_NEIGHBOURS = 32
# Distances below this share of the norm are zero: reconstructions of equal rows differ by rounding.
ZERO = 1e-8
# The tail beyond the training rows follows a Pareto law fitted to this share of them.
TAIL_SHARE = 0.1
# Bounds of its exponent: ties would make it 0, an outlier among ten rows larger than any law.
TAIL_EXPONENT = (0.02, 10.0)
# What is below this on standardized columns is rounding.
LEAST_SCALE = 1e-6


@dataclass(frozen=True)
class Neighbours:
    """Distance of rows to their nearest reference rows.

    In the sum of absolute differences a single column counts for less than in a sum of squares,
    and each has a share that is its own. Squares are for pictures, whose columns have one unit.
    One neighbour at distance zero does not count, so that a reference row has the same distance
    as a new row that equals it.

    Parameters
    ----------
    reference : ndarray of shape (n_reference, n_columns)
        At least two rows.
    k : int
        Number of neighbours, below ``n_reference``.
    farthest : bool
        Whether the distance is that of the k-th neighbour, or the mean of all k.
    metric : {"cityblock", "euclidean"}, default="cityblock"
        As in :func:`scipy.spatial.distance.cdist`.
    """

    reference: Matrix
    k: int
    farthest: bool
    metric: str = "cityblock"

    def distance(self, X: Matrix) -> Matrix:
        """Return the distance of each row, of shape (n_rows,)."""
        return np.concatenate([self._distance(part) for part in self._blocks(X)])

    def columns(self, X: Matrix) -> Matrix:
        """Return the share that each column has in the distance of each row.

        Shares of the way to the mean of the neighbours, of shape (n_rows, n_columns).
        """
        return np.concatenate([self._shares(part) for part in self._blocks(X)])

    def _blocks(self, X: Matrix) -> list[Matrix]:
        if self._by_heap:
            return [X]  # scikit-learn has blocks of its own
        size = max(1, BLOCK_CELLS // max(self.reference.shape))
        return [X[start : start + size] for start in range(0, len(X), size)]

    def _distance(self, X: Matrix) -> Matrix:
        k = self.k
        if self._by_heap:
            nearest = self._few(X)[0]
        else:
            table = cdist(X, self.reference, self.metric)
            nearest = np.partition(table, k, axis=1)[:, : k + 1]
        nearer, last = nearest[:, :k], nearest[:, k]
        own = self._are_zero(nearer.min(1), X)
        if self.farthest:
            return np.asarray(np.where(own, last, nearer.max(1)))
        return np.asarray((nearer.sum(1) + np.where(own, last - nearer.min(1), 0.0)) / k)

    def _shares(self, X: Matrix) -> Matrix:
        if self._by_heap:
            nearest, index = self._few(X)
        else:
            table = cdist(X, self.reference, self.metric)
            index = np.argsort(table, axis=1, kind="stable")[:, : self.k + 1]
            nearest = np.take_along_axis(table, index, axis=1)
        own = self._are_zero(nearest[:, 0], X)
        counts = np.full(index.shape, 1.0 / self.k)
        counts[own, 0] = counts[~own, -1] = 0.0
        middle = np.stack([c @ self.reference[i] for c, i in zip(counts, index, strict=True)])
        return shares(np.abs(X - middle) ** (1 if self.metric == "cityblock" else 2))

    @property
    def _by_heap(self) -> bool:
        # scikit-learn's Euclidean distances are those of rounded products
        return self.k <= FEW_NEIGHBOURS and self.metric == "cityblock"

    def _few(self, X: Matrix) -> tuple[Matrix, NDArray[np.intp]]:
        """Return the k + 1 smallest distances in order, and whose they are."""
        search = NearestNeighbors(
            n_neighbors=self.k + 1, algorithm="brute", metric="manhattan"
        ).fit(self.reference)
        distance, index = search.kneighbors(X)
        return distance, index

    def _are_zero(self, distance: Matrix, X: Matrix) -> NDArray[np.bool_]:
        return np.asarray(distance <= ZERO * np.abs(X).sum(1))


@dataclass(frozen=True)
class Tail:
    """Minus the logarithm of the share of the training rows that lie as far out.

    The empirical distribution of the training values, linear in the logarithm between them, and
    a Pareto law beyond the largest: rows farther out than all training rows still differ.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Different training values, sorted.
    minus_log : ndarray of shape (n_values,)
        Minus the logarithm of the tail probability of each.
    floor : float
        Added to values before their logarithm is taken.
    exponent : float
        Of the Pareto law: mean excess of the logarithm in the tail (Hill).
    """

    values: Matrix
    minus_log: Matrix
    floor: float
    exponent: float

    @classmethod
    def fit(cls, training: Matrix) -> Tail:
        """Learn from the values of the training rows, none of which is negative."""
        n = len(training)
        values, counts = np.unique(training, return_counts=True)
        as_far = n - np.cumsum(counts) + counts
        positive = values[values > 0]
        floor = 1e-9 * float(np.median(positive)) if len(positive) else 1.0
        top = np.sort(training)[-1 - max(1, int(TAIL_SHARE * n)) :]
        excess = np.log((top + floor) / (top[0] + floor))
        exponent = float(np.clip(excess[1:].mean(), *TAIL_EXPONENT))
        return cls(values, np.log((n + 1) / as_far), floor, exponent)

    def __call__(self, values: Matrix) -> Matrix:
        """Return minus the logarithm of the tail probability of each value."""
        last = self.values[-1]
        beyond = np.log((np.maximum(values, last) + self.floor) / (last + self.floor))
        inside = np.interp(values, self.values, self.minus_log)
        return np.asarray(inside + beyond / self.exponent)


@dataclass(frozen=True)
class BulkTail:
    """Minus the logarithm of tail probabilities where outliers are among the training values.

    The empirical distribution of the smaller values, and an exponential law for the largest tenth.
    Its scale is that of the larger half of the others: outliers neither hide one another nor
    count as no more than the one in so many that they are.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Different training values up to the start of the law, sorted.
    minus_log : ndarray of shape (n_values,)
        Minus the logarithm of the tail probability of each.
    scale : float
        Of the exponential law.
    """

    values: Matrix
    minus_log: Matrix
    scale: float

    @classmethod
    def fit(cls, training: Matrix) -> BulkTail:
        """Learn from the values of the training rows, none of which is negative."""
        n = len(training)
        values, counts = np.unique(training, return_counts=True)
        as_far = n - np.cumsum(counts) + counts
        start = np.sort(training)[int((1 - TAIL_SHARE) * n)]
        kept = values <= start
        # of an exponential law, between the quantiles 1/2 and 1 - TAIL_SHARE
        scale = float(start - np.median(training)) / np.log(0.5 / TAIL_SHARE)
        if scale <= LEAST_SCALE:
            scale = float(training.mean())
        return cls(values[kept], np.log((n + 1) / as_far[kept]), max(scale, LEAST_SCALE))

    def __call__(self, values: Matrix) -> Matrix:
        """Return minus the logarithm of the tail probability of each value."""
        beyond = np.maximum(values - self.values[-1], 0.0) / self.scale
        return np.asarray(np.interp(values, self.values, self.minus_log) + beyond)


def shares(parts: Matrix) -> Matrix:
    """Divide rows by their sums; a row of zeros is shared out evenly."""
    largest = parts.max(1, keepdims=True)
    scaled = np.divide(parts, largest, out=np.ones_like(parts), where=largest > 0)
    return np.asarray(scaled / scaled.sum(1, keepdims=True))
