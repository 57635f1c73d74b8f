"""The distribution of the codes: fitted after training, where the codes lie."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.cluster import KMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

Array = NDArray[np.float64]

MAX_ROWS = 5000
MAX_COMPONENTS = 32
ROWS_PER_COMPONENT = 30
# One round of the fit costs about rows x components x width^2 multiplications.
MAX_COST = 1.5e8
MIN_VARIANCE = 1e-4
# Gain of the bound per row, in nats, below which the fit has converged.
TOL = 1e-3


def standard_normal(n_components: int) -> GaussianMixture:
    """N(0, I) in the clothes of a mixture, so that it is read like any other prior."""
    return _as_mixture(
        np.ones(1), np.zeros((1, n_components)), np.eye(n_components)[None], random_state=0
    )


def fit_mixture(codes: Array, seed: int) -> GaussianMixture:
    """Fit a full-covariance mixture to sampled codes.

    The covariances are shrunk towards the pooled one within clusters (an inverse-Wishart prior):
    with few rows a component, plain maximum likelihood needs many fewer components to be as good.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Draws from the posteriors of the training rows; their means would be too narrow.
    seed : int
        Seed.

    Returns
    -------
    GaussianMixture
        With ``weights_``, ``means_`` and ``covariances_`` set; ``score_samples`` works.
    """
    rng = np.random.RandomState(seed)
    if len(codes) > MAX_ROWS:
        codes = codes[rng.choice(len(codes), MAX_ROWS, replace=False)]
    n, k = codes.shape
    affordable = int(MAX_COST / (n * k**2))
    n_clusters = max(1, min(n // ROWS_PER_COMPONENT, MAX_COMPONENTS, affordable))
    degrees = k + 2
    fitted = BayesianGaussianMixture(
        n_components=n_clusters,
        covariance_prior=degrees * _within_clusters(codes, n_clusters, seed)
        + MIN_VARIANCE * np.eye(k),
        degrees_of_freedom_prior=degrees,
        mean_precision_prior=0.01,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1.0,
        # the bound that is watched is a sum over the rows
        tol=TOL * n,
        max_iter=1000,
        random_state=seed,
    ).fit(codes)
    return _as_mixture(fitted.weights_, fitted.means_, fitted.covariances_, random_state=seed)


def _within_clusters(codes: Array, n_clusters: int, seed: int) -> Array:
    labels = KMeans(n_clusters, n_init=1, random_state=seed).fit_predict(codes)
    centred = codes.copy()
    for label in np.unique(labels):
        centred[labels == label] -= codes[labels == label].mean(0)
    within: Array = centred.T @ centred / len(codes)
    return within


def _as_mixture(
    weights: Array, means: Array, covariances: Array, *, random_state: int
) -> GaussianMixture:
    mixture = GaussianMixture(len(weights), random_state=random_state)
    mixture.weights_ = weights / weights.sum()
    mixture.means_ = np.ascontiguousarray(means)
    mixture.covariances_ = np.ascontiguousarray(covariances)
    eye = np.eye(means.shape[1])
    factors = [solve_triangular(np.linalg.cholesky(c), eye, lower=True).T for c in covariances]
    mixture.precisions_cholesky_ = np.ascontiguousarray(np.stack(factors))
    mixture.precisions_ = np.stack([factor @ factor.T for factor in factors])
    mixture.converged_, mixture.n_iter_, mixture.lower_bound_ = True, 0, -np.inf
    mixture.n_features_in_ = means.shape[1]
    return mixture


def draw_codes(mixture: GaussianMixture, n: int, rng: np.random.RandomState) -> Array:
    """Draw codes; ``mixture.sample`` would return them sorted by component."""
    chosen = rng.choice(len(mixture.weights_), size=n, p=mixture.weights_)
    noise = rng.standard_normal((n, mixture.means_.shape[1]))
    factors = np.linalg.cholesky(mixture.covariances_)
    codes: Array = mixture.means_[chosen]
    for component in np.unique(chosen):
        rows = chosen == component
        codes[rows] += noise[rows] @ factors[component].T
    return codes
