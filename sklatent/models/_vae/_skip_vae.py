"""The module that starts as probabilistic PCA; its loss and the weights it starts from."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklatent._training import Batch, Player, Recipe, RowSource
from sklatent.nn import LOG_2PI, ResidualMap, gaussian_kl
from sklatent.parts import LINEAR_PART, PrincipalAxes, linear_start, principal_axes, reach_of

# Knots of each column's noise variance as a function of its decoded mean.
N_KNOTS = 8


class SkipVAE(nn.Module):
    """Variational autoencoder that starts as probabilistic PCA.

    Parameters
    ----------
    n_features, n_components : int
        Width of the rows and of the code.
    hidden_layer_sizes : tuple of int
        Hidden layers of the encoder's network; the decoder has them in reverse.
    activation : str
        Name of the activation.
    """

    code_scale: Tensor
    decode_scale: Tensor
    start_log_variance: Tensor
    log_noise: Tensor
    noise_base: Tensor
    noise_knots: Tensor
    noise_slopes: Tensor
    noise_floor: Tensor
    varying: Tensor

    def __init__(
        self,
        n_features: int,
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
    ) -> None:
        super().__init__()
        d, k, sizes = n_features, n_components, hidden_layer_sizes
        self.widest = max(d, 128)
        self.encoder = ResidualMap(d, sizes, k, activation=activation, n_extra=k)
        self.decoder = ResidualMap(k, sizes[::-1], d, activation=activation, n_extra=0)
        self.register_buffer("code_scale", torch.ones(k))
        # the posterior means of PPCA are shrunk: with two scales, codes and rows are PCA's
        self.register_buffer("decode_scale", torch.ones(k))
        self.register_buffer("start_log_variance", torch.zeros(k))
        # variance of the rows about their decoded means: one number while training ...
        self.register_buffer("log_noise", torch.zeros(1))
        # ... and afterwards, per column, a piecewise linear function of the decoded mean
        self.register_buffer("noise_base", torch.zeros(d))
        self.register_buffer("noise_knots", torch.zeros(N_KNOTS, d))
        self.register_buffer("noise_slopes", torch.zeros(N_KNOTS, d))
        self.register_buffer("noise_floor", torch.full((1,), 1e-6))
        self.register_buffer("varying", torch.ones(d))

    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the posterior of the whitened codes, (n, k) each."""
        mean, bent = self.encoder.both(x)
        if bent is None:
            return mean, self.start_log_variance.expand_as(mean)
        return mean, self.start_log_variance + bent

    def encode(self, x: Tensor) -> Tensor:
        """Posterior mean of the codes, (n, k)."""
        codes: Tensor = self.encoder(x) * self.code_scale
        return codes

    def posterior(self, x: Tensor) -> Tensor:
        """Posterior mean and standard deviation of the codes side by side, (n, 2 k)."""
        mean, log_variance = self.infer(x)
        spread = torch.exp(0.5 * log_variance)
        return torch.cat([mean * self.code_scale, spread * self.code_scale], dim=1)

    def whitened_posterior(self, x: Tensor) -> Tensor:
        """Posterior mean and log-variance of the whitened codes side by side, (n, 2 k)."""
        return torch.cat(self.infer(x), dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Mean of the rows given their codes, (n, n_features)."""
        rows: Tensor = self.decoder(z / self.decode_scale)
        return rows

    def decode_whitened(self, z: Tensor) -> Tensor:
        """Mean of the rows given whitened codes, (n, n_features)."""
        rows: Tensor = self.decoder(z)
        return rows

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Reconstruct rows from one posterior draw each."""
        x = batch["x"]
        mean, log_variance = self.infer(x)
        if generator is None:
            # validation draws are the same at each check
            generator = torch.Generator(device=x.device).manual_seed(0)
        noise = torch.empty_like(mean).normal_(generator=generator)
        z = mean + torch.exp(0.5 * log_variance) * noise
        if self.training:
            self.decoder.widen_reach(z)
        x_hat = self.decoder(z)
        return {
            "x_hat": x_hat,
            "mean": mean,
            "log_variance": log_variance,
            "log_noise": self.log_noise,
            "varying": self.varying,
        }

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood (n, m) of rows (n, p) given whitened codes (n, m, k) each."""
        decoded = self.decoder(z.reshape(-1, z.shape[2])).view(*z.shape[:2], -1)
        return self.log_density(x[:, None], decoded)

    def cell_log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood (n, m, p) of the cells of rows given whitened codes (n, m, k) each."""
        decoded = self.decoder(z.reshape(-1, z.shape[2])).view(*z.shape[:2], -1)
        return -0.5 * self._terms(x[:, None], decoded) * self.varying

    def slope(self, x: Tensor) -> Tensor:
        """Derivatives (n, k, p) of the posterior means by the cells of rows (n, p)."""
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone().requires_grad_()
            means = self.encoder(x).sum(0)
            each = [torch.autograd.grad(mean, x, retain_graph=True)[0] for mean in means]
            return torch.stack(each, 1)

    def spread(self, decoded: Tensor) -> Tensor:
        """Standard deviations of cells about decoded means, of the same shape."""
        return torch.exp(0.5 * self._log_noise(decoded))

    def _log_noise(self, decoded: Tensor) -> Tensor:
        log_noise = self.noise_base.expand_as(decoded).clone()
        for knot, slope in zip(self.noise_knots, self.noise_slopes, strict=True):
            log_noise.addcmul_(torch.clamp_min(decoded - knot, 0.0), slope)
        return log_noise

    def log_density(self, x: Tensor, decoded: Tensor) -> Tensor:
        """Log-density of rows about decoded means, summed over known cells that vary."""
        return -0.5 * (self._terms(x, decoded) @ self.varying)

    def _terms(self, x: Tensor, decoded: Tensor) -> Tensor:
        """Minus twice the log-density of each cell, 0 for missing ones."""
        log_noise = self._log_noise(decoded)
        squared = (x - decoded).square_() * torch.exp(-log_noise)
        terms = squared + log_noise + LOG_2PI
        missing = torch.isnan(x)
        return terms.masked_fill_(missing, 0.0) if bool(missing.any()) else terms


def evidence_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, beta: float
) -> dict[str, Tensor]:
    """Negative evidence lower bound in nats (at beta = 1), one shared noise variance (sigma-VAE).

    Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders",
    2021.
    """
    log_noise, varying = output["log_noise"], output["varying"]
    squared = ((output["x_hat"] - batch["x"]) ** 2) @ varying * torch.exp(-log_noise)
    constant = 0.5 * varying.sum() * (log_noise + LOG_2PI)
    kl = gaussian_kl(output["mean"], output["log_variance"]).sum(1)
    return {"reconstruction": 0.5 * squared + constant, "kl": beta * kl}


def measure_noise(module: Any, rows: RowSource) -> None:
    """Set the shared noise variance to what rows that are not trained on show."""
    squared = 0.0
    for batch in rows.chunks():
        x = batch["x"]
        mean, log_variance = module.infer(x)
        # the same draws at each check
        generator = torch.Generator(device=x.device).manual_seed(1)
        noise = torch.empty_like(mean).normal_(generator=generator)
        errors = (x - module.decoder(mean + torch.exp(0.5 * log_variance) * noise)) ** 2
        squared += float((errors @ module.varying).sum())
    variance = squared / len(rows) / max(1.0, float(module.varying.sum()))
    module.log_noise.fill_(math.log(max(variance, float(module.noise_floor))))


def ppca_weights(axes: PrincipalAxes, n_varying: int) -> dict[str, NDArray[Any]]:
    """Weights that make the module probabilistic PCA along these axes.

    Tipping and Bishop, "Probabilistic Principal Component Analysis", 1999, with codes of unit
    variance a priori.
    """
    k = len(axes.scale)
    floor = 1e-4 * axes.total_variance / max(1, n_varying)
    noise = max(axes.residual_variance.sum() / max(1, n_varying - k), floor, 1e-30)
    explained = axes.scale**2 if axes.total_variance > 0 else 0.0 * axes.scale
    variance = np.maximum(explained, 1.02 * noise)
    gain = np.sqrt(variance - noise)
    encoder = axes.components * (gain / variance)[:, None]
    residual = axes.residual_variance
    decoder = (axes.components * gain[:, None]).T
    return {
        **linear_start((encoder, -encoder @ axes.mean), (decoder, axes.mean)),
        "decoder.residual_scale": np.sqrt(np.maximum(residual, max(0.01 * residual.mean(), floor))),
        "code_scale": variance / gain,
        "decode_scale": gain,
        "start_log_variance": np.log(noise / variance),
        "log_noise": np.log([noise]),
        "noise_base": np.full(len(axes.mean), np.log(noise)),
        "noise_floor": np.asarray([0.01 * floor + 1e-30]),
    }


def skip_vae_recipe(
    rows: RowSource,
    n_components: int,
    *,
    varying: NDArray[np.bool_],
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    init: str,
    beta: float,
    scale: float,
    seed: int,
) -> Recipe:
    """Describe the net that starts from these rows; ``scale`` is that of the codes answered."""
    n_varying = max(1, int(varying.sum()))
    weights = ppca_weights(principal_axes(rows.arrays, len(rows), n_components, seed), n_varying)
    if init == "random":
        weights = {name: weights[name] for name in ("decoder.residual_scale", "noise_floor")}
        # a prior-wide posterior would drown the codes before they say anything
        weights["start_log_variance"] = np.full(n_components, math.log(0.1))
        weights |= {name: np.ones(n_components) for name in ("code_scale", "decode_scale")}
    else:
        weights |= reach_of(rows, weights)
    for name in ("code_scale", "decode_scale"):
        weights[name] = weights[name] * scale
    return Recipe(
        module=SkipVAE,
        module_params={
            "n_features": len(varying),
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
        },
        players=(
            Player(
                loss=evidence_loss,
                loss_params={"beta": beta},
                slow=LINEAR_PART if init == "pca" else (),
                loss_scale=2.0 / n_varying,
            ),
        ),
        start={**weights, "varying": varying.astype(np.float64)},
        from_pca=init == "pca",
        refresh=measure_noise,
    )
