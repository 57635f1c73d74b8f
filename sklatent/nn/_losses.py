"""Losses as pure functions: tensors in, one value per row out."""

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Squared error of each row, summed over the columns: shape (n,)."""
    return torch.sum((x_hat - x) ** 2, dim=-1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), per element, in nats.

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return 0.5 * (mean**2 + torch.exp(log_variance) - 1.0 - log_variance)
