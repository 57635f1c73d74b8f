"""Is a clustering found again in other rows? A score that needs no labels."""

from typing import Any

from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score


def clustering_stability(estimator: Any, X: Any, y: Any = None) -> float:
    """Agreement of a fitted clusterer with one that is fitted to other rows.

    A clone is fitted to ``X`` and labels it; the estimator, fitted to other rows before, predicts
    the same rows. The score is the adjusted Rand index of the two: 1 where both cut the rows
    alike, about 0 where they agree by chance. Clusters that are there are found again; those that
    were cut out of one sample are not. It has the form of a scorer, so that
    ``GridSearchCV(LatentClusterer(), grid, scoring=clustering_stability)`` compares numbers of
    clusters and latent spaces without labels.

    Parameters
    ----------
    estimator : clusterer
        Fitted, with ``predict`` and ``fit_predict``; those of scikit-learn too.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows that the estimator was not fitted to.
    y : None
        Ignored.

    Returns
    -------
    float
        Between -0.5 and 1, higher is better. Where both find a single cluster, 0: nothing was
        found.

    References
    ----------
    .. [1] Lange et al., "Stability-Based Validation of Clustering Solutions", Neural
       Computation, 2004.
    .. [2] Tibshirani and Walther, "Cluster Validation by Prediction Strength", Journal of
       Computational and Graphical Statistics, 2005.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from sklatent.metrics import clustering_stability
    >>> X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> search = GridSearchCV(
    ...     KMeans(n_init=5, random_state=0), {"n_clusters": [2, 3, 4, 5]},
    ...     scoring=clustering_stability, cv=KFold(2, shuffle=True, random_state=0)
    ... ).fit(X)
    >>> search.best_params_
    {'n_clusters': 3}
    """
    predicted = estimator.predict(X)
    found = clone(estimator).fit_predict(X)
    if len(set(predicted)) == 1 and len(set(found)) == 1:
        return 0.0
    return float(adjusted_rand_score(found, predicted))
