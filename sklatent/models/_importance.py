"""Log-likelihood of rows by importance sampling from the encoder."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc
from sklearn.mixture import GaussianMixture
from torch import Tensor

from sklatent.nn import LOG_2PI

# The proposal is wider than the posterior, so that no weight is huge.
WIDENING = 1.15
# Temporaries of one chunk stay in the cache: about this many numbers.
CHUNK_CELLS = 1 << 20
# Mixture components below this weight do not change a log-likelihood that is read by people.
MIN_WEIGHT = 1e-4


def normal_draws(n_draws: int, n_components: int, seed: int) -> NDArray[np.float32]:
    """Standard normal points of a scrambled Sobol sequence: shape (n_draws, n_components)."""
    sobol = qmc.Sobol(n_components, seed=np.random.default_rng(seed))
    uniform = sobol.random_base2(math.ceil(math.log2(n_draws)))[:n_draws]
    return ndtri(np.clip(uniform, 1e-6, 1 - 1e-6)).astype(np.float32)  # type: ignore[no-any-return]


class ImportanceSampler:
    """Importance-weighted estimate of log p(x) with one set of draws shared by all rows.

    ``log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x)``, in the mean a lower bound (Burda, Grosse and
    Salakhutdinov, "Importance Weighted Autoencoders", 2016). Sharing the draws makes the answer
    deterministic and the same whatever rows lie beside, and lets their error on a normal
    posterior, where the answer is known, be taken off.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``infer``, ``log_likelihood`` and ``widest``, the numbers it holds per code.
    prior : GaussianMixture
        Distribution of the whitened codes.
    draws : ndarray of shape (n_draws, n_components)
        Standard normal points.
    """

    def __init__(self, module: Any, prior: GaussianMixture, draws: NDArray[np.float32]) -> None:
        like = next(module.parameters())
        self.module = module
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
        mean, log_variance = self.module.infer(x)
        spread = torch.exp(0.5 * log_variance) * WIDENING
        z = mean[:, None] + spread[:, None] * self.draws
        log_q = self.log_proposal - torch.log(spread).sum(1, keepdim=True)
        log_x = self.module.log_likelihood(x, z)
        log_prior = self._log_prior(z.reshape(-1, z.shape[2])).view(z.shape[:2])
        return z, log_x + log_prior - log_q

    def _log_prior(self, z: Tensor) -> Tensor:
        whitened = (z @ self.factors).sub_(self.shifts).view(len(z), -1, z.shape[1])
        return torch.logsumexp(self.constants - 0.5 * whitened.square_().sum(2), 1)
