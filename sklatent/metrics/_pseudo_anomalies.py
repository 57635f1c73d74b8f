"""Judging anomaly detectors without labels: rows that were spoiled on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, StrOptions, validate_params
from sklatent.tabular import TabularEncoder

Matrix = NDArray[np.float64]

_KINDS = ("cell", "cells", "jitter")
# Share of the cells of a row that the kind "cells" replaces.
_REPLACED = 0.3
# Standard deviation of the kind "jitter": half an interquartile range of each number.
_JITTER = 0.5


@validate_params(
    {
        "X": ["array-like"],
        "kind": [StrOptions(set(_KINDS))],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_pseudo_anomalies(
    X: Any, *, kind: str = "cells", random_state: int | np.random.RandomState | None = None
) -> tuple[Any, Any]:
    """Spoil each row of a table.

    Parameters
    ----------
    X : {array-like, data frame} of shape (n_samples, n_features)
        Two rows at least.
    kind : {"cell", "cells", "jitter"}, default="cells"
        What happens to a row: one cell, or 30 % of the cells, are taken from another row; or half
        an interquartile range of noise is added to each number, and 30 % of the other cells are
        taken from another row.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same rows in each call.

    Returns
    -------
    intact, spoiled : array or data frame of shape (n_samples, n_features)
        The rows as they were and spoiled, in the container of ``X``. Both went through the same
        encoding, which tables of categories and numbers do not pass to the last digit.

    Raises
    ------
    ValueError
        If there is one row only, or a cell is infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import make_pseudo_anomalies
    >>> X = np.arange(12.0).reshape(4, 3)
    >>> intact, spoiled = make_pseudo_anomalies(X, kind="cell", random_state=0)
    >>> (intact != spoiled).sum(axis=1)
    array([1, 1, 1, 1])
    """
    rng = check_random_state(random_state)
    table = TabularEncoder().fit(X)
    matrix = table.transform(X).astype(np.float64)
    n = len(matrix)
    if n < 2:
        raise ValueError(
            f"Found array with n_samples={n} while a minimum of 2 is required by "
            "make_pseudo_anomalies."
        )
    changed = _places(rng, matrix.shape, kind)
    # a row other than the row itself
    others = (np.arange(n)[:, None] + rng.randint(1, n, size=matrix.shape)) % n
    spoiled = np.where(changed, np.take_along_axis(matrix, others, axis=0), matrix)
    if kind == "jitter":
        noise = _JITTER * rng.standard_normal(matrix.shape) * table.table.ranges(matrix)
        # cells that are categories have no range, and keep what was taken from another row
        spoiled = np.where(noise != 0, matrix + noise, spoiled)
    return table.inverse_transform(matrix), table.inverse_transform(spoiled)


def _places(rng: np.random.RandomState, shape: tuple[int, int], kind: str) -> NDArray[np.bool_]:
    order = np.argsort(rng.uniform(size=shape), axis=1)
    count = 1 if kind == "cell" else max(1, round(_REPLACED * shape[1]))
    return np.asarray(order < count)


@validate_params(
    {
        "estimator": "no_validation",
        "X": ["array-like"],
        "y": "no_validation",
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def pseudo_anomaly_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    n_repeats: int = 1,
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    """Score a detector by how well it tells rows from the same rows spoiled.

    No labels are needed, so that it can choose the parameters of a detector: pass the function
    itself as ``scoring`` of a search.

    Parameters
    ----------
    estimator : object
        Fitted detector with ``score_samples``, higher for normal rows.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Rows that it was not fitted to; two at least.
    y : None
        Ignored; part of the interface of a scorer.
    n_repeats : int, default=1
        How often each kind of pseudo-anomaly is chosen.
    random_state : int, RandomState instance or None, default=0
        An int gives each candidate of a search the same spoiled rows.

    Returns
    -------
    float
        Mean area under the ROC curve over the three kinds of :func:`make_pseudo_anomalies`: 1 is
        perfect, 0.5 chance.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from sklatent import LatentAnomalyDetector
    >>> from sklatent.metrics import pseudo_anomaly_score
    >>> X = load_wine().data
    >>> search = GridSearchCV(
    ...     LatentAnomalyDetector(novelty=True, max_steps=5, random_state=0),
    ...     {"n_neighbors": [1, 5, 50]},
    ...     scoring=pseudo_anomaly_score,
    ...     cv=KFold(3, shuffle=True, random_state=0),
    ... ).fit(X)
    >>> bool(search.best_score_ > 0.7), search.best_params_["n_neighbors"] < 50
    (True, True)
    """
    rng = check_random_state(random_state)
    figures = []
    for kind in _KINDS * n_repeats:
        pair = make_pseudo_anomalies(X, kind=kind, random_state=rng.randint(2**31 - 1))
        scores = [np.asarray(estimator.score_samples(rows)) for rows in pair]
        is_intact = np.repeat([1, 0], [len(part) for part in scores])
        figures.append(roc_auc_score(is_intact, np.concatenate(scores)))
    return float(np.mean(figures))
