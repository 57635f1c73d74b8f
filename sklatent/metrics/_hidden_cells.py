"""Choosing the width of a latent space: scores of unseen cells, and the simplest good model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent._utils.latent import check_latent_model, decode, encode
from sklatent._utils.notice import told_already
from sklatent.metrics._reconstruction import Comparison
from sklatent.tabular import TabularEncoder

_Float = NDArray[np.float64]


@validate_params(
    {
        "estimator": "no_validation",
        "X": ["array-like"],
        "y": "no_validation",
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def hidden_cell_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    n_folds: int = 5,
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    """Score a latent model by cells that it reconstructs without having seen them.

    Reconstruction always prefers the widest latent space, which may pass cells through. Here each
    cell is hidden once, replaced by the mean or the most frequent category of its column, and
    compared with what the model makes of it from the other cells of its row. That needs dependence
    between columns, and more components than the table has factors make it worse. It has the form
    of a scorer: pass the function itself as ``scoring`` of a search over ``n_components``.

    Parameters
    ----------
    estimator : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Rows that it was not fitted to; two columns at least.
    y : None
        Ignored; part of the interface of a scorer.
    n_folds : int, default=5
        The cells of each row are hidden in so many parts, or in as many as there are columns.
    random_state : int, RandomState instance or None, default=0
        An int hides the same cells for each candidate of a search.

    Returns
    -------
    float
        Mean over the columns of the share of the variance of a number, or of the errors of the
        most frequent category of a category: 1 is perfect, 0 as good as the mean. Higher is better.

    Raises
    ------
    TypeError
        If the estimator has no ``inverse_transform``.
    ValueError
        If there is one column only.

    References
    ----------
    .. [1] Wold, "Cross-Validatory Estimation of the Number of Components in Factor and Principal
       Components Models", Technometrics, 1978.
    .. [2] Owen and Perry, "Bi-Cross-Validation of the SVD and the Nonnegative Matrix
       Factorization", Annals of Applied Statistics, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklatent.metrics import hidden_cell_score
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(300, 12))
    >>> grid = {"n_components": [1, 2, 3, 4, 6, 10]}
    >>> search = GridSearchCV(PCA(), grid, scoring=hidden_cell_score, cv=3).fit(X)
    >>> search.best_params_
    {'n_components': 3}
    """
    check_latent_model(estimator)
    table = _all_columns(X)
    matrix = np.asarray(table.transform(X), dtype=np.float64)
    n, p = matrix.shape
    if p < 2:
        raise ValueError(
            f"Found array with {p} feature(s) while a minimum of 2 is required by "
            "hidden_cell_score: a cell is told from the other cells of its row."
        )
    rng = check_random_state(random_state)
    folds = np.argsort(rng.uniform(size=(n, p)), axis=1) % min(n_folds, p)
    usual, known = _usual(table, matrix), ~np.isnan(matrix)
    answers = np.full((n, p), np.nan)
    for fold in range(min(n_folds, p)):
        hidden = (folds == fold) & known
        rows = table.inverse_transform(np.where(hidden, usual, matrix))
        found = Comparison.of(X, decode(estimator, encode(estimator, rows)))
        answers = np.where(hidden, found.others, answers)
    losses, floors = found.losses(answers)
    # identifiers and free text have no answer
    varying = found.varying(floors) & ~np.isnan(answers).all(0)
    return float(np.mean(1.0 - losses[varying] / floors[varying])) if varying.any() else 0.0


def _all_columns(X: Any) -> TabularEncoder:
    """Fit an encoder that gives every column back: what a model leaves out is its own to decide."""
    table = TabularEncoder(identifier_features=None)
    roles = table.settle(table.read(X, reset=True)).roles
    texts = [j for j, role in enumerate(roles) if role == "text"]
    table.set_params(categorical_features=texts or None)
    with told_already():
        table.fit(X)
    return table


def _usual(table: TabularEncoder, matrix: _Float) -> _Float:
    """Mean of each number, most frequent code of each category."""
    usual = np.zeros(matrix.shape[1])
    numbers = table.table.numbers
    for j, column in enumerate(matrix.T):
        cells = column[~np.isnan(column)]
        if len(cells):
            values, counts = np.unique(cells, return_counts=True)
            usual[j] = cells.mean() if numbers[j] else values[counts.argmax()]
    return usual


@validate_params({"parameter": [str]}, prefer_skip_nested_validation=True)
def one_standard_error(parameter: str) -> Callable[[dict[str, Any]], int]:
    """Choose the smallest value of a parameter that is within one standard error of the best.

    Parameters
    ----------
    parameter : str
        Name of a parameter whose small values mean simple models, for instance "n_components" or
        "pca__n_components".

    Returns
    -------
    refit : callable
        For ``GridSearchCV(..., refit=one_standard_error("n_components"))``, with a single score.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984.

    Examples
    --------
    >>> from sklatent.metrics import one_standard_error
    >>> results = {
    ...     "mean_test_score": [0.2, 0.5, 0.51], "std_test_score": [0.1, 0.1, 0.1],
    ...     "split0_test_score": [], "split1_test_score": [],
    ...     "params": [{"n_components": k} for k in (1, 2, 3)],
    ... }
    >>> one_standard_error("n_components")(results)
    1
    """
    return partial(_simplest, parameter)


def _simplest(parameter: str, results: dict[str, Any]) -> int:
    params = results["params"]
    if not all(parameter in candidate for candidate in params):
        raise ValueError(
            f"The search does not vary {parameter!r}: its first candidate is {params[0]}."
        )
    if "mean_test_score" not in results:
        raise ValueError(
            "one_standard_error needs a search with a single score, which several in `scoring` are "
            "not."
        )
    means = np.asarray(results["mean_test_score"], dtype=np.float64)
    if np.isnan(means).all():
        raise ValueError("All scores of the search are nan: error_score='raise' shows why.")
    n_splits = sum(name.startswith("split") and name.endswith("_test_score") for name in results)
    best = int(np.nanargmax(means))
    error = float(results["std_test_score"][best]) / np.sqrt(max(1, n_splits - 1))
    near = np.flatnonzero(means >= means[best] - error)
    try:
        return int(min(near, key=lambda index: (params[index][parameter], -means[index])))
    except TypeError as failure:
        values = [candidate[parameter] for candidate in params]
        raise TypeError(
            f"one_standard_error needs values of {parameter!r} that can be ordered, got {values}."
        ) from failure
