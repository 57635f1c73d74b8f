"""The autoencoder that starts as PCA and learns what bends: module, loss and recipe."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklatent._training import Batch, Player, Recipe, RowSource
from sklatent.nn import REACH_MARGIN, ResidualMap, squared_error
from sklatent.parts._principal import PrincipalAxes, principal_axes

# Parameters that move slowly and without decay: the linear part knows its place already.
LINEAR_PART = ("*linear.*",)


class SkipAutoencoder(nn.Module):
    """``z = linear(x) + f(asinh x)``, ``x_hat = linear(z) + r * g(asinh z)``.

    Codes are whitened inside and given to the outside on the scale of the principal components.

    Parameters
    ----------
    n_features, n_components : int
        Width of the rows and of the code.
    hidden_layer_sizes : tuple of int
        Hidden layers of the encoder's network; the decoder has them in reverse.
    activation : str
        Name of the activation.
    noise : float
        Standard deviation of the Gaussian noise added to the inputs in training.
    full_share : float
        Share of the codes that are not cut after a random prefix in training (nested dropout);
        1 for a model whose components are not ordered.
    """

    code_scale: Tensor

    def __init__(
        self,
        n_features: int,
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        noise: float,
        full_share: float,
    ) -> None:
        super().__init__()
        self.noise, self.full_share = noise, full_share
        sizes = hidden_layer_sizes
        self.encoder = ResidualMap(
            n_features, sizes, n_components, activation=activation, n_extra=0
        )
        self.decoder = ResidualMap(
            n_components, sizes[::-1], n_features, activation=activation, n_extra=0
        )
        self.register_buffer("code_scale", torch.ones(n_components))

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, n_features) to codes (n, n_components)."""
        codes: Tensor = self.encoder(x) * self.code_scale
        return codes

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (n, n_components) to rows (n, n_features)."""
        rows: Tensor = self.decoder(z / self.code_scale)
        return rows

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Reconstruct rows from noisy ones; with a generator (in training), from cut codes too."""
        x = batch["x"]
        z = self.encoder(self._noisy(x, generator))
        if self.training:
            self.decoder.widen_reach(z)
        if self.full_share == 1.0:
            return {"x_hat": self.decoder(z)}
        if generator is not None:
            return {"x_hat": self.decoder(z * self._prefix_mask(z, generator))}
        errors = [squared_error(self.decoder(cut), x) for cut in prefixes(z)]
        return {"prefix_errors": torch.stack(errors), "full_share": z.new_tensor(self.full_share)}

    def _noisy(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.noise == 0:
            return x
        if generator is None:
            # validation rows carry the same noise at each check
            generator = torch.Generator(device=x.device).manual_seed(0)
        return x + self.noise * torch.empty_like(x).normal_(generator=generator)

    def _prefix_mask(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Keep all of a share of the codes and a random prefix of the others."""
        n, k = z.shape
        draw = torch.rand(n, generator=generator, device=z.device)
        cut = (draw - self.full_share) / (1 - self.full_share)
        length = torch.where(cut < 0, float(k), (cut * k).floor() + 1)
        return (torch.arange(k, device=z.device) < length[:, None]).to(z.dtype)


def prefixes(z: Tensor) -> Iterator[Tensor]:
    """Cut codes after each component in turn, the shortest first."""
    position = torch.arange(z.shape[1], device=z.device)
    for j in range(z.shape[1]):
        yield z * (position <= j)


def reconstruction_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, unit: float
) -> dict[str, Tensor]:
    """Squared error of each row, in units of what PCA leaves."""
    if "prefix_errors" in output:
        errors, share = output["prefix_errors"], output["full_share"]
        return {"reconstruction": torch.lerp(errors.mean(0), errors[-1], share) / unit}
    return {"reconstruction": squared_error(output["x_hat"], batch["x"]) / unit}


def pca_weights(axes: PrincipalAxes) -> dict[str, NDArray[Any]]:
    """Weights that make the module PCA along these axes."""
    residual = axes.residual_variance
    inverse = axes.components / axes.scale[:, None]
    encoder = inverse, -inverse @ axes.mean
    decoder = (axes.components * axes.scale[:, None]).T, axes.mean
    return {
        **linear_start(encoder, decoder),
        "decoder.residual_scale": np.sqrt(np.maximum(residual, 0.01 * residual.mean())),
        "code_scale": axes.scale,
    }


def linear_start(
    encoder: tuple[NDArray[Any], NDArray[Any]], decoder: tuple[NDArray[Any], NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Weights and biases of the linear maps that the model starts from and fades to far out."""
    return {
        f"{name}.{part}{kind}": value
        for name, values in (("encoder", encoder), ("decoder", decoder))
        for kind, value in zip(("weight", "bias"), values, strict=True)
        for part in ("linear.", "anchor_")
    }


def reach_of(rows: RowSource, start: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """How far rows, and the codes that the start gives them, lie from the origin."""
    weight, bias = start["encoder.linear.weight"], start["encoder.linear.bias"]
    farthest = np.zeros(2)
    for x in rows.arrays():
        norms = [np.linalg.norm(part, axis=1).max() for part in (x, x @ weight.T + bias)]
        farthest = np.maximum(farthest, norms)
    row_reach, code_reach = REACH_MARGIN * farthest[:, None]
    return {"encoder.reach": row_reach, "decoder.reach": code_reach}


def loss_unit(axes: PrincipalAxes) -> float:
    """Squared error that PCA leaves; a millionth of all variance where it leaves nothing."""
    return float(max(axes.residual_variance.sum(), 1e-6 * axes.total_variance, 1e-30))


def autoencoder_recipe(
    rows: RowSource,
    n_features: int,
    n_components: int,
    *,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    init: str,
    noise: float,
    full_share: float,
    scale: float,
    seed: int,
) -> Recipe:
    """Describe the autoencoder that starts from these rows.

    ``scale`` is what one in the rows stands for in the units of X, in which ``noise`` is given
    and codes are answered.
    """
    axes = principal_axes(rows.arrays, len(rows), n_components, seed)
    weights = pca_weights(axes)
    if init == "random":
        # the unit of the errors still comes from the rows
        weights = {"decoder.residual_scale": weights["decoder.residual_scale"]}
    else:
        weights |= reach_of(rows, weights)
    weights["code_scale"] = weights.get("code_scale", np.ones(n_components)) * scale
    unit = loss_unit(axes)
    return Recipe(
        module=SkipAutoencoder,
        module_params={
            "n_features": n_features,
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
            "noise": noise / scale,
            "full_share": full_share,
        },
        players=(
            Player(
                loss=reconstruction_loss,
                loss_params={"unit": unit},
                slow=LINEAR_PART if init == "pca" else (),
            ),
        ),
        unit=unit,
        start=weights,
        from_pca=init == "pca",
    )
