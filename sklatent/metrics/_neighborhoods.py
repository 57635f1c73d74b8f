"""Whether neighbours in a view are neighbours in the table, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.utils import check_array, check_random_state

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent.metrics._distances import MixedSpace
from sklatent.metrics._figures import Figure, FigureTable
from sklatent.metrics._tables import read_tables

_Float = NDArray[np.float64]


@dataclass(frozen=True)
class NeighborhoodScores(FigureTable):
    """What :func:`neighborhood_scores` found; printed as a table.

    Parameters
    ----------
    trustworthiness : float
        1 if the neighbours in the view are neighbours in the table; 0.5 by chance.
    continuity : float
        1 if the neighbours in the table are neighbours in the view; 0.5 by chance.
    n_neighbors : int
        How many neighbours were looked at.
    n_rows : int
        How many rows.
    """

    trustworthiness: float
    continuity: float
    n_neighbors: int
    n_rows: int

    def _table(self) -> tuple[str, str, list[tuple[str, Figure]]]:
        named = ("trustworthiness", "continuity")
        rows = [(name, Figure(getattr(self, name), floor=0.5)) for name in named]
        return f"{self.n_neighbors} neighbours, {self.n_rows} rows", "value", rows


@validate_params(
    {
        "X": ["array-like"],
        "view": ["array-like"],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_rows": [Interval(Integral, 3, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def neighborhood_scores(
    X: Any,
    view: Any,
    *,
    n_neighbors: int = 10,
    max_rows: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> NeighborhoodScores:
    """Trustworthiness and continuity of a latent view of a table.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)
        The table, or the codes that a picture was made of. Distances of numbers alone are
        Euclidean, in the units at hand; in a table with strings, categories, dates or missing cells
        they are sums over the columns of differences in interquartile ranges and mismatches.
    view : array-like of shape (n_samples, n_components)
        Codes or places of the same rows.
    n_neighbors : int, default=10
        How many neighbours count; fewer than half of the rows.
    max_rows : int, default=2000
        More rows are subsampled: the cost grows with their square.
    random_state : int, RandomState instance or None, default=0
        Of the subsample.

    Returns
    -------
    NeighborhoodScores
        Both figures.

    Raises
    ------
    ValueError
        If lengths differ, or the rows are too few for ``n_neighbors``.

    See Also
    --------
    sklearn.manifold.trustworthiness : The same first figure for arrays of numbers.

    References
    ----------
    .. [1] Venna and Kaski, "Neighborhood preservation in nonlinear projection methods: An
       experimental study", ICANN, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.metrics import neighborhood_scores
    >>> X = load_iris().data
    >>> scores = neighborhood_scores(X, PCA(2).fit_transform(X))
    >>> round(scores.trustworthiness, 2), round(scores.continuity, 2)
    (0.98, 0.99)
    """
    places = check_array(view, dtype=np.float64, input_name="view")
    tables = read_tables({"X": X}, 1)
    matrix = tables.matrices[0]
    if len(matrix) != len(places):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[len(matrix), len(places)]}"
        )
    if len(matrix) > max_rows:
        rng = check_random_state(random_state)
        chosen = np.sort(rng.choice(len(matrix), max_rows, replace=False))
        matrix, places = matrix[chosen], places[chosen]
    n = len(matrix)
    if n_neighbors >= n / 2:
        raise ValueError(f"n_neighbors ({n_neighbors}) should be less than n_samples / 2 ({n / 2})")
    numbers = all(column.kind == "number" for column in tables.columns)
    if numbers and not np.isnan(matrix).any():
        original = cdist(matrix, matrix)
    else:
        points = MixedSpace(tables.columns, matrix).points(matrix)
        original = cdist(points[1], points[1], "hamming") * points[1].shape[1]
        if points[0].shape[1]:
            original += cdist(points[0], points[0], "cityblock")
    seen = cdist(places, places)
    return NeighborhoodScores(
        trustworthiness=_kept(original, seen, n_neighbors),
        continuity=_kept(seen, original, n_neighbors),
        n_neighbors=n_neighbors,
        n_rows=n,
    )


def _kept(original: _Float, seen: _Float, k: int) -> float:
    """One less the scaled ranks, in ``original``, of neighbours in ``seen`` that are strangers."""
    n = len(original)
    original, seen = original.copy(), seen.copy()
    for distances in (original, seen):
        np.fill_diagonal(distances, -1.0)  # a row comes first among equal ones
    ranks = np.argsort(np.argsort(original, axis=1, kind="stable"), axis=1)
    neighbors = np.argsort(seen, axis=1, kind="stable")[:, 1 : k + 1]
    excess = np.maximum(0, np.take_along_axis(ranks, neighbors, axis=1) - k)
    return float(1.0 - excess.sum() * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))
