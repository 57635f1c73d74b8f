"""The distribution of the codes, fitted after training, and log-likelihoods of rows under it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import ndtri
from scipy.stats import qmc
from sklearn.cluster import KMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from torch import Tensor

from sklatent.nn import LOG_2PI

Array = NDArray[np.float64]
Proposal = Callable[[Tensor], tuple[Tensor, Tensor]]

MAX_ROWS = 5000
MAX_COMPONENTS = 32
ROWS_PER_COMPONENT = 30
# One round of the fit costs about rows x components x width^2 multiplications.
MAX_COST = 1.5e8
MIN_VARIANCE = 1e-4
# Gain of the bound per row, in nats, below which the fit has converged.
TOL = 1e-3
# The proposal is wider than the posterior, so that no weight is huge.
WIDENING = 1.15
# Temporaries of one chunk stay in the cache: about this many numbers.
CHUNK_CELLS = 1 << 20
# Mixture components below this weight do not change a log-likelihood that is read by people.
MIN_WEIGHT = 1e-4


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
    factors, precisions = [], []
    for covariance in covariances:
        factor = solve_triangular(np.linalg.cholesky(covariance), eye, lower=True).T
        factors.append(factor)
        precisions.append(factor @ factor.T)
    mixture.precisions_cholesky_ = np.ascontiguousarray(np.stack(factors))
    mixture.precisions_ = np.stack(precisions)
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


@dataclass(frozen=True)
class LatentPrior:
    """The distribution of the codes of a module.

    Attributes
    ----------
    mixture : GaussianMixture
        Of the whitened codes.
    """

    mixture: GaussianMixture

    def draw(self, n: int, rng: np.random.RandomState) -> Array:
        """Draw codes (n, n_components)."""
        return draw_codes(self.mixture, n, rng)

    def to_state(self) -> dict[str, Any]:
        """Give plain arrays."""
        mixture = self.mixture
        return {"weights": mixture.weights_, "means": mixture.means_, "covs": mixture.covariances_}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "LatentPrior":
        """Make the prior that gave this state."""
        mixture = _as_mixture(state["weights"], state["means"], state["covs"], random_state=0)
        # divided by their sum once more, they might differ in the last digit
        mixture.weights_ = state["weights"]
        return cls(mixture)


def normal_draws(n_draws: int, n_components: int, seed: int) -> NDArray[np.float32]:
    """Standard normal points of a scrambled Sobol sequence: shape (n_draws, n_components)."""
    sobol = qmc.Sobol(n_components, seed=np.random.default_rng(seed))
    uniform = sobol.random_base2(math.ceil(math.log2(n_draws)))[:n_draws]
    return ndtri(np.clip(uniform, 1e-6, 1 - 1e-6)).astype(np.float32)  # type: ignore[no-any-return]


def posterior_of(module: Any) -> Proposal:
    """Propose codes as the encoder of a module does."""

    def propose(x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = module.infer(x)
        return mean, torch.exp(0.5 * log_variance)

    return propose


class ImportanceSampler:
    """Importance-weighted estimate of log p(x) with one set of draws shared by all rows.

    ``log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)``, in the mean a lower bound (Burda, Grosse and
    Salakhutdinov, "Importance Weighted Autoencoders", 2016). Sharing the draws makes the answer
    deterministic and the same whatever rows lie beside, and lets their error on a normal
    posterior, where the answer is known, be taken off.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``log_likelihood`` and ``widest``, the numbers it holds per code.
    prior : GaussianMixture
        Distribution of the whitened codes.
    draws : ndarray of shape (n_draws, n_components)
        Standard normal points.
    propose : callable
        Gives for rows (n, p) means (n, k) and spreads of codes to try: standard deviations (n, k)
        or, where these go together, roots of the covariance (n, k, k), lower triangular.
    """

    def __init__(
        self,
        module: Any,
        prior: GaussianMixture,
        draws: NDArray[np.float32],
        propose: Proposal,
    ) -> None:
        like = next(module.parameters())
        self.module, self.propose = module, propose
        self.draws = torch.from_numpy(draws).to(like)
        kept = prior.weights_ > MIN_WEIGHT * prior.weights_.max()
        factors = prior.precisions_cholesky_[kept]
        k = factors.shape[1]
        shifts = np.einsum("cij,ci->cj", factors, prior.means_[kept])
        constants = np.log(prior.weights_[kept]) - 0.5 * k * LOG_2PI
        constants += np.log(np.einsum("cii->ci", factors)).sum(1)
        # one product for all components: k x (components * k)
        self.factors = torch.from_numpy(factors.transpose(1, 0, 2).reshape(k, -1).copy()).to(like)
        self.shifts = torch.from_numpy(shifts.reshape(-1)).to(like)
        self.constants = torch.from_numpy(constants).to(like)
        squared = (self.draws**2).sum(1)
        # what a normal posterior would get wrong with just these draws, the same for all rows
        log_weights = 0.5 * (1 - WIDENING**2) * squared + k * math.log(WIDENING)
        error = torch.logsumexp(log_weights, 0) - math.log(len(draws))
        self.log_proposal = -0.5 * squared - 0.5 * k * LOG_2PI + error

    def __call__(self, x: Tensor) -> Tensor:
        """Return the log-likelihood of rows (n, p) as (n, 1)."""
        widest = max(self.module.widest, self.factors.shape[1])
        size = max(1, CHUNK_CELLS // (len(self.draws) * widest))
        return torch.cat([self._chunk(part) for part in torch.split(x, size)])[:, None]

    def cells(self, x: Tensor) -> Tensor:
        """Return the log-likelihood of each cell (n, q), averaged over the codes of the row."""
        size = max(1, CHUNK_CELLS // (len(self.draws) * self.module.widest))
        parts = []
        for rows in torch.split(x, size):
            z, log_ratio = self._weighted(rows)
            weight = torch.softmax(log_ratio, 1)
            parts.append(
                torch.einsum("nm,nmq->nq", weight, self.module.cell_log_likelihood(rows, z))
            )
        return torch.cat(parts)

    def _chunk(self, x: Tensor) -> Tensor:
        z, log_ratio = self._weighted(x)
        return torch.logsumexp(log_ratio, 1) - math.log(z.shape[1])

    def _weighted(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (n, m, k) for rows, and the logarithms of their importance weights (n, m)."""
        mean, spread = self.propose(x)
        spread = spread * WIDENING
        if spread.ndim == 3:
            z = mean[:, None] + self.draws @ spread.mT
            spread = spread.diagonal(dim1=1, dim2=2)
        else:
            z = mean[:, None] + spread[:, None] * self.draws
        log_q = self.log_proposal - torch.log(spread).sum(1, keepdim=True)
        log_x = self.module.log_likelihood(x, z)
        log_prior = self._log_prior(z.reshape(-1, z.shape[2])).view(z.shape[:2])
        return z, log_x + log_prior - log_q

    def _log_prior(self, z: Tensor) -> Tensor:
        whitened = (z @ self.factors).sub_(self.shifts).view(len(z), -1, z.shape[1])
        return torch.logsumexp(self.constants - 0.5 * whitened.square_().sum(2), 1)


@dataclass(frozen=True)
class ImportanceDraws:
    """The normal points that all likelihoods of a model share.

    Attributes
    ----------
    points : ndarray of shape (n_draws, n_components)
        Standard normal.
    """

    points: NDArray[np.float32]

    def sampler(
        self, module: Any, prior: GaussianMixture, propose: Proposal | None = None
    ) -> ImportanceSampler:
        """Return the estimate of log-likelihoods for a module and a prior of its codes."""
        return ImportanceSampler(module, prior, self.points, propose or posterior_of(module))

    def to_state(self) -> dict[str, Any]:
        """Give plain arrays."""
        return {"points": self.points}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "ImportanceDraws":
        """Make the draws that gave this state."""
        return cls(**state)
