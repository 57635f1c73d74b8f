"""Mixtures of normals: densities, masses of ranges, draws."""

import torch
from torch import Tensor, nn

from sklatent.nn._layers import LOG_2PI

# Normals in the mixture of a number.
N_MIXED = 6
LOG_SCALE_RANGE = (-6.0, 2.0)
# Least share of a normal distribution that is drawn, or that an interval is taken to have.
SMALLEST = 1e-300


def mixture_parts(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-weights, means and log-scales of mixtures of normals, (..., N_MIXED) each."""
    logits, means, log_scales = torch.split(outputs, N_MIXED, -1)
    return nn.functional.log_softmax(logits, -1), means, log_scales.clamp(*LOG_SCALE_RANGE)


def mixture_log_prob(outputs: Tensor, x: Tensor) -> Tensor:
    """Log-density of numbers (...,) under mixtures of normals given by (..., 3 * N_MIXED)."""
    log_weights, means, log_scales = mixture_parts(outputs)
    parts = gaussian_log_prob(x[..., None], means, log_scales)
    return torch.logsumexp(log_weights + parts, -1)


def gaussian_log_prob(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log-density of normals, element by element."""
    return -0.5 * ((x - mean) * torch.exp(-log_scale)) ** 2 - log_scale - 0.5 * LOG_2PI


def draw_mixture(outputs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one number per mixture of normals (n, 3 * N_MIXED)."""
    log_weights, means, log_scales = mixture_parts(outputs)
    chosen = torch.multinomial(torch.exp(log_weights), 1, generator=generator)
    noise = torch.empty_like(chosen, dtype=means.dtype).normal_(generator=generator)
    drawn = means.gather(1, chosen) + torch.exp(log_scales.gather(1, chosen)) * noise
    return drawn[:, 0]


def pick(probability: Tensor, uniform: Tensor) -> Tensor:
    """Choose columns (n, 1) of probabilities (n, q) by uniform numbers (n,)."""
    reached = probability.double().cumsum(1)
    return torch.searchsorted(reached, uniform[:, None]).clamp(max=probability.shape[1] - 1)


def draw_truncated(
    outputs: Tensor,
    low: float,
    high: float,
    generator: torch.Generator,
    noise: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw from mixtures of normals (n, 3 * N_MIXED) within a range; and the log of its mass.

    ``noise`` holds uniform numbers (2, n) to draw with instead of the generator.
    """
    log_weights, means, log_scales = mixture_parts(outputs.double())
    lower, upper, mirrored = _standardized(low, high, means, log_scales)
    log_mass = log_weights + _log_between(lower, upper)
    share = torch.softmax(log_mass, 1)
    if noise is None:
        chosen = torch.multinomial(share, 1, generator=generator)
    else:
        chosen = pick(share, noise[0])
    lower, upper, mirrored = (part.gather(1, chosen) for part in (lower, upper, mirrored))
    if noise is None:
        uniform = torch.empty_like(lower).uniform_(generator=generator)
    else:
        uniform = noise[1][:, None].to(lower)
    drawn = _between(lower, upper, uniform)
    drawn = torch.where(mirrored, -drawn, drawn)
    drawn = means.gather(1, chosen) + torch.exp(log_scales.gather(1, chosen)) * drawn
    return drawn[:, 0].clamp(low, high).to(outputs), torch.logsumexp(log_mass, 1).to(outputs)


def draw_normal_between(lower: Tensor, upper: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Turn uniform numbers into standard normal ones within intervals; and the log of their mass.

    All are of one shape.
    """
    mirrored = lower > 0
    lower, upper = torch.where(mirrored, -upper, lower), torch.where(mirrored, -lower, upper)
    drawn = _between(lower, upper, torch.where(mirrored, 1 - uniform, uniform))
    return torch.where(mirrored, -drawn, drawn), _log_between(lower, upper)


def _between(lower: Tensor, upper: Tensor, uniform: Tensor) -> Tensor:
    log_share = torch.logaddexp(
        torch.log1p(-uniform) + torch.special.log_ndtr(lower),
        torch.log(uniform) + torch.special.log_ndtr(upper),
    )
    # so far out that no number holds the share, all of it lies at the nearest edge
    share = torch.exp(log_share).clamp(SMALLEST, 1 - 1e-16)
    drawn: Tensor = torch.special.ndtri(share).clamp(lower, upper)
    return drawn


def log_mass_between(outputs: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Log-probability (n,) of ranges under mixtures of normals (n, 3 * N_MIXED).

    The ends are numbers, or of shape (n,).
    """
    log_weights, means, log_scales = mixture_parts(outputs.double())
    low, high = (end[:, None].double() if torch.is_tensor(end) else end for end in (low, high))
    lower, upper, _ = _standardized(low, high, means, log_scales)
    log_mass: Tensor = torch.logsumexp(log_weights + _log_between(lower, upper), 1)
    return log_mass.to(outputs)


def _standardized(
    low: float | Tensor, high: float | Tensor, means: Tensor, log_scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Ends of a range in standard normal units, mirrored to below the mean if it lies above.

    There small masses are exact; above the mean they are lost in the rounding of a share near 1.
    """
    lower = (low - means) * torch.exp(-log_scales)
    upper = (high - means) * torch.exp(-log_scales)
    mirrored = lower > 0
    return torch.where(mirrored, -upper, lower), torch.where(mirrored, -lower, upper), mirrored


def _log_between(lower: Tensor, upper: Tensor) -> Tensor:
    """Log-probability of an interval of the standard normal distribution."""
    log_upper: Tensor = torch.special.log_ndtr(upper)
    rest = -torch.expm1(torch.special.log_ndtr(lower) - log_upper)
    return log_upper + torch.log(rest.clamp_min(SMALLEST))
