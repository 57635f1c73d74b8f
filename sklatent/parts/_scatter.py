"""What a trained VAE needs besides its net to draw rows: prior, noise and marginals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.parts._calibration import fit_residual_noise

Array = NDArray[np.floating]

MAX_ROWS = 5000
# A variance is shrunk to its column's as if so many further rows had shown that one.
SHRINKAGE_ROWS = 30.0
NOISE_FLOOR = 0.02


@dataclass(frozen=True)
class Scatter:
    """Rows about their decoded means.

    Attributes
    ----------
    decoded, residual : ndarray of shape (n_samples, n_columns)
        Decoded posterior draws, and the rows minus them.
    """

    decoded: Array
    residual: Array

    def noise(self) -> dict[str, Array]:
        """Describe the scatter for sampling."""
        return fit_residual_noise(self.decoded, self.residual)


def measure_scatter(
    train: Array,
    valid: Array | None,
    redraw: Callable[[Array], Array],
) -> Scatter:
    """Collect residuals of decoded posterior draws.

    Validation rows count as they are, twice. Training rows, of which there are more, scatter too
    little where the net overfits: they are widened, per column, to what validation rows show.

    Parameters
    ----------
    train, valid : ndarray of shape (n_samples, n_columns)
        Encoded rows.
    redraw : callable
        Encodes rows, draws from their posteriors and decodes.
    """
    decoded, rows = [redraw(train)], [train]
    if valid is None:
        return Scatter(decoded[0], train - decoded[0])
    residual = train - decoded[0]
    decoded += [redraw(valid), redraw(valid)]
    rows += [valid, valid]
    held_out = np.mean([np.square(valid - part).mean(0) for part in decoded[1:]], axis=0)
    seen = np.maximum(np.square(residual).mean(0), 1e-12)
    overall = seen * (held_out.mean() / seen.mean())
    expected = (len(valid) * held_out + 20 * overall) / (len(valid) + 20)
    residual = residual * np.clip(np.sqrt(expected / seen), 1.0, 3.0)
    held_out_residual = np.concatenate(rows[1:]) - np.concatenate(decoded[1:])
    return Scatter(np.concatenate(decoded), np.concatenate([residual, held_out_residual]))


def variance_function(scatter: Scatter, n_knots: int) -> dict[str, NDArray[Any]]:
    """Noise variance of each column as a function of its decoded mean.

    The logarithm of the variance is piecewise linear between knots and constant beyond them,
    written as ``base + sum_b slope_b * max(decoded - knot_b, 0)``.

    Returns
    -------
    dict of ndarray
        ``noise_base`` (n_columns,), ``noise_knots`` and ``noise_slopes`` (n_knots, n_columns).
    """
    decoded, squared = scatter.decoded, scatter.residual**2
    overall = squared.mean(0)
    low, high = np.quantile(decoded, [0.02, 0.98], axis=0)
    tiny = 1e-6 * np.sqrt(overall) + 1e-300
    gap = np.maximum(high - low, tiny) / (n_knots - 1)
    knots = low + gap * np.arange(n_knots)[:, None]
    position = np.clip((decoded - low) / gap, 0, n_knots - 1)
    log_variance = np.empty_like(knots)
    for b in range(n_knots):
        near = np.maximum(1 - np.abs(position - b), 0)
        seen = (near * squared).sum(0) + SHRINKAGE_ROWS * overall
        variance = seen / (near.sum(0) + SHRINKAGE_ROWS)
        log_variance[b] = np.log(np.maximum(variance + NOISE_FLOOR * overall.mean(), 1e-30))
    slope = np.diff(log_variance, axis=0) / gap
    flat = high - low < tiny
    slope[:, flat] = 0.0
    bends = np.diff(np.pad(slope, ((1, 1), (0, 0))), axis=0)
    base = np.where(
        flat, np.log(np.maximum(overall + NOISE_FLOOR * overall.mean(), 1e-30)), log_variance[0]
    )
    return {"noise_base": base, "noise_knots": knots, "noise_slopes": bends}
