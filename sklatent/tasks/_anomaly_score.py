"""The anomaly score: terms of a row and its reconstruction, joined by their tail probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklatent.tasks._anomaly_terms import BulkTail, Neighbours, Tail, shares

Matrix = NDArray[np.float64]
# Smaller probabilities are no numbers.
LOWEST = np.log(np.finfo(np.float64).tiny)
Space = Literal["rows", "residual", "joint"]


@dataclass(frozen=True)
class Term:
    """One way in which a row may be unlike the training rows.

    Parameters
    ----------
    space : {"rows", "residual", "joint"}
        Where the row is looked at: itself, what its reconstruction misses, or the reconstruction
        and what it misses side by side.
    weight : float
        Of the term in the score.
    neighbours : Neighbours or None
        The training rows in that space; None takes the sum of the absolute values.
    tail : Tail or BulkTail
        From distances to minus the logarithm of tail probabilities.
    """

    space: Space
    weight: float
    neighbours: Neighbours | None
    tail: Tail | BulkTail

    def surprise(self, rows: Matrix, reconstructed: Matrix) -> Matrix:
        """Return minus the logarithm of the tail probability of each row, times the weight."""
        return self.weight * self.tail(distances(self.space, self.neighbours, rows, reconstructed))

    def columns(self, rows: Matrix, reconstructed: Matrix) -> Matrix:
        """Share the surprise out among the columns of the rows."""
        points = place(self.space, rows, reconstructed)
        own = self.neighbours
        parts = shares(np.abs(points)) if own is None else own.columns(points)
        if self.space == "joint":
            parts = parts[:, : rows.shape[1]] + parts[:, rows.shape[1] :]
        return parts * self.surprise(rows, reconstructed)[:, None]

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays, from which :meth:`from_state` makes the same term."""
        own = self.neighbours
        return {
            "space": self.space,
            "weight": self.weight,
            "neighbours": None if own is None else vars(own).copy(),
            "law": type(self.tail).__name__,
            "tail": vars(self.tail).copy(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Term:
        """Make the term that :meth:`to_state` has described."""
        own = state["neighbours"]
        law = {"Tail": Tail, "BulkTail": BulkTail}[state["law"]]
        return cls(
            state["space"],
            state["weight"],
            None if own is None else Neighbours(**own),
            law(**state["tail"]),
        )


def place(space: Space, rows: Matrix, reconstructed: Matrix) -> Matrix:
    """Return the points of rows in a space."""
    if space == "rows":
        return rows
    if space == "residual":
        return rows - reconstructed
    return np.hstack([reconstructed, rows - reconstructed])


def distances(
    space: Space, neighbours: Neighbours | None, rows: Matrix, reconstructed: Matrix
) -> Matrix:
    """Return how far out rows are in a space, of shape (n_rows,)."""
    points = place(space, rows, reconstructed)
    if neighbours is None:
        return np.asarray(np.abs(points).sum(1))
    return neighbours.distance(points)


def fit_term(
    space: Space,
    weight: float,
    n_neighbors: int | None,
    *,
    farthest: bool,
    metric: str,
    rows: Matrix,
    reconstructed: Matrix,
    reference: NDArray[np.intp],
) -> Term:
    """Learn a term.

    Parameters
    ----------
    space : {"rows", "residual", "joint"}
        Of the term.
    weight : float
        Of the term in the score.
    n_neighbors : int or None
        Number of neighbours; None takes the sum of the absolute values.
    farthest : bool
        Whether the farthest of them counts, or their mean.
    metric : {"cityblock", "euclidean"}
        Of distances to neighbours.
    rows, reconstructed : ndarray of shape (n_rows, n_columns)
        Training rows and their reconstructions.
    reference : ndarray of int
        Those of the rows that serve as neighbours.

    Returns
    -------
    Term
    """
    neighbours = None
    if n_neighbors is not None:
        points = place(space, rows[reference], reconstructed[reference])
        neighbours = Neighbours(points, n_neighbors, farthest, metric)
    # one row that is reconstructed badly may be the only one: it must not count as one in so many
    law = BulkTail if neighbours is None else Tail
    return Term(
        space, weight, neighbours, law.fit(distances(space, neighbours, rows, reconstructed))
    )


def tail_probabilities(scores: Matrix, training: Matrix) -> Matrix:
    """Return the share of rows like the training rows that score as low, or lower.

    Between training scores the logarithm is linear. Below all of them it falls as scores do, which
    are logarithms of tail probabilities themselves.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,)
        Scores.
    training : ndarray of shape (n_training,)
        Scores of training rows, sorted.

    Returns
    -------
    p : ndarray of shape (n_rows,), dtype=float64
        In (0, 1).
    """
    different, counts = np.unique(training, return_counts=True)
    logs = np.log(np.cumsum(counts) / (len(training) + 1))
    below = np.minimum(scores - different[0], 0.0)
    return np.asarray(np.exp(np.maximum(np.interp(scores, different, logs) + below, LOWEST)))
