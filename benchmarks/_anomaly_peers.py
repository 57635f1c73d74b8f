"""Detectors to compare with: scores of new rows, higher for anomalies, on standardized columns."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import skew

Matrix = NDArray[np.float64]
Score = Callable[[Matrix], Matrix]
CLASSICS = (
    "iforest",
    "lof",
    "ocsvm",
    "knn_mean5",
    "knn_wide",
    "knn_mean5_l1",
    "knn_wide_l1",
    "ecod",
    "copod",
    "gmm",
)
PYOD = {
    "pyod_knn": ("knn", "KNN"),
    "pyod_ae": ("auto_encoder", "AutoEncoder"),
    "pyod_vae": ("vae", "VAE"),
    "pyod_deepsvdd": ("deep_svdd", "DeepSVDD"),
}
FEWEST_NEIGHBOURS = 5


def peer_names() -> list[str]:
    """Those that are installed here."""
    return [*CLASSICS, *(PYOD if find_spec("pyod") else ())]


def fit_peer(name: str, X: Matrix, seed: int) -> Score:
    """Fit a peer with its usual parameters and return its score."""
    if name in PYOD:
        return _fit_pyod(name, X, seed)
    return {
        "iforest": _fit_iforest,
        "lof": _fit_lof,
        "ocsvm": _fit_ocsvm,
        "knn_mean5": _fit_knn_mean,
        "knn_wide": _fit_knn_wide,
        "knn_mean5_l1": partial(_fit_knn_mean, metric="manhattan"),
        "knn_wide_l1": partial(_fit_knn_wide, metric="manhattan"),
        "ecod": _fit_ecod,
        "copod": _fit_copod,
        "gmm": _fit_gmm,
    }[name](X, seed)


def _fit_iforest(X: Matrix, seed: int) -> Score:
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(random_state=seed).fit(X)
    return lambda rows: -model.score_samples(rows)


def _fit_lof(X: Matrix, seed: int) -> Score:
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(n_neighbors=min(20, len(X) - 1), novelty=True).fit(X)

    def score(rows: Matrix) -> Matrix:
        # rows that were fitted have themselves as a neighbour otherwise
        same = rows is X
        return -(model.negative_outlier_factor_ if same else model.score_samples(rows))

    return score


def _fit_ocsvm(X: Matrix, seed: int) -> Score:
    from sklearn.svm import OneClassSVM

    model = OneClassSVM().fit(X)
    return lambda rows: -model.score_samples(rows)


def _fit_knn_mean(X: Matrix, seed: int, metric: str = "euclidean") -> Score:
    return _neighbours(X, FEWEST_NEIGHBOURS, lambda distance: distance.mean(1), metric)


def _fit_knn_wide(X: Matrix, seed: int, metric: str = "euclidean") -> Score:
    k = max(FEWEST_NEIGHBOURS, round(0.1 * len(X)))
    return _neighbours(X, k, lambda distance: distance[:, -1], metric)


def _neighbours(X: Matrix, k: int, summary: Callable[[Matrix], Matrix], metric: str) -> Score:
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(k, len(X) - 1), metric=metric).fit(X)
    # without rows: those of the fit, none its own neighbour
    return lambda rows: summary(model.kneighbors(None if rows is X else rows)[0])


def _tails(X: Matrix) -> Callable[[Matrix], tuple[Matrix, Matrix]]:
    """Minus the logarithm of the empirical tail probabilities, left and right, per column."""
    ordered, n = np.sort(X, axis=0), len(X)

    def tails(rows: Matrix) -> tuple[Matrix, Matrix]:
        left, right = np.empty(rows.shape), np.empty(rows.shape)
        for j in range(rows.shape[1]):
            left[:, j] = np.searchsorted(ordered[:, j], rows[:, j], side="right")
            right[:, j] = n - np.searchsorted(ordered[:, j], rows[:, j], side="left")
        return (-np.log(np.clip(side, 1, None) / n) for side in (left, right))  # type: ignore[return-value]

    return tails


def _by_skewness(X: Matrix, left: Matrix, right: Matrix) -> Matrix:
    skewness = np.nan_to_num(skew(X, axis=0))
    return np.asarray(left * -np.sign(skewness - 1) + right * np.sign(skewness + 1))


def _fit_ecod(X: Matrix, seed: int) -> Score:
    """Li et al., "ECOD: Unsupervised Outlier Detection Using Empirical CDFs", 2022."""
    tails = _tails(X)

    def score(rows: Matrix) -> Matrix:
        left, right = tails(rows)
        farther = np.maximum(np.maximum(left, right), _by_skewness(X, left, right))
        return np.asarray(farther.sum(1))

    return score


def _fit_copod(X: Matrix, seed: int) -> Score:
    """Li et al., "COPOD: Copula-Based Outlier Detection", 2020."""
    tails = _tails(X)

    def score(rows: Matrix) -> Matrix:
        left, right = tails(rows)
        farther = np.maximum((left + right) / 2, _by_skewness(X, left, right))
        return np.asarray(farther.sum(1))

    return score


def _fit_gmm(X: Matrix, seed: int) -> Score:
    """Full covariances, the number of components by the BIC."""
    from sklearn.mixture import GaussianMixture

    models = [
        GaussianMixture(k, reg_covar=1e-4, random_state=seed).fit(X)
        for k in (1, 2, 5)
        if k < len(X)
    ]
    best = min(models, key=lambda model: float(model.bic(X)))
    return lambda rows: -best.score_samples(rows)


def _fit_pyod(name: str, X: Matrix, seed: int) -> Score:
    from importlib import import_module

    place, kind = PYOD[name]
    options: dict[str, Any] = {} if name == "pyod_knn" else {"random_state": seed}
    if name == "pyod_deepsvdd":
        options["n_features"] = X.shape[1]
    model = getattr(import_module(f"pyod.models.{place}"), kind)(**options).fit(X)
    return lambda rows: model.decision_scores_ if rows is X else model.decision_function(rows)
