"""SparseAutoencoder: rows as mixtures of few parts. A complete model in one file."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sklatent._training import NetSpec, RowSource
from sklatent._utils._params import Interval
from sklatent.base import BaseLatentModel, DecoderMixin, EncoderMixin
from sklatent.nn import ResidualMap, squared_error


class SparseModule(nn.Module):
    """Encoder and decoder with codes that are zero or positive."""

    def __init__(
        self,
        n_features: int,
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
    ) -> None:
        super().__init__()
        sizes = hidden_layer_sizes
        self.encoder = ResidualMap(
            n_features, sizes, n_components, activation=activation, n_extra=0
        )
        self.decoder = ResidualMap(
            n_components, sizes[::-1], n_features, activation=activation, n_extra=0
        )

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, n_features) to codes (n, n_components)."""
        # softplus, not relu: a component that is off for all rows must be able to come back
        return nn.functional.softplus(self.encoder(x), beta=10.0)

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (n, n_components) to rows (n, n_features)."""
        rows: Tensor = self.decoder(z)
        return rows

    def forward(self, x: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return what the loss needs; ``generator`` is None outside training."""
        z = self.encode(x)
        return {"z": z, "x_hat": self.decode(z)}


def sparse_loss(
    output: dict[str, Tensor], x: Tensor, progress: float, *, sparsity: float
) -> dict[str, Tensor]:
    """Squared error, and how evenly each code is spread: one value per row and term."""
    z = output["z"]
    # A ratio of norms: a bare sum could be made small by small codes and a large decoder.
    spread = z.abs().sum(-1) / z.norm(dim=-1).clamp_min(1e-6)
    return {
        "reconstruction": squared_error(output["x_hat"], x),
        "sparsity": sparsity * spread,
    }


class SparseAutoencoder(EncoderMixin, DecoderMixin, BaseLatentModel):
    """Autoencoder that uses few of its components for each row.

    Parameters
    ----------
    n_components : int, default=2
        Width of the latent space.
    hidden_layer_sizes : tuple of int, default=(64,)
        Hidden layers of the encoder's network; the decoder has them in reverse.
    activation : str, default="silu"
        Activation of the hidden layers.
    sparsity : float, default=0.1
        Weight of the penalty on codes that use many components.
    standardize : bool, default=True
        Whether each column counts equally.
    learning_rate : float, default=5e-3
        Peak step size of AdamW.
    weight_decay : float, default=1e-2
        Decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Rows per step.
    max_steps : int or "auto", default="auto"
        Most training steps.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training.
    validation_fraction : float, default=0.15
        Share of the rows held out.
    n_iter_no_change : int, default=6
        Checks without improvement after which training stops.
    tol : float, default=0.0
        Relative improvement of the validation loss that counts as one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before.
    device : str, default="auto"
        Torch device.
    net_params : dict, default=None
        Further parameters of the skorch net.
    verbose : int, default=0
        If positive, each check is logged.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random in ``fit``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> SparseAutoencoder(2, max_steps=50, random_state=0).fit_transform(X).shape
    (150, 2)
    """

    _module: ClassVar[type] = SparseModule
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "sparsity": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        hidden_layer_sizes: tuple[int, ...] = (64,),
        activation: str = "silu",
        sparsity: float = 0.1,
        standardize: bool = True,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        batch_size: int | str = "auto",
        max_steps: int | str = "auto",
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 6,
        tol: float = 0.0,
        warm_start: bool = False,
        device: str = "auto",
        net_params: dict[str, Any] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.sparsity = sparsity
        self.standardize = standardize
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.net_params = net_params
        self.verbose = verbose
        self.random_state = random_state

    def _starts_at_pca(self) -> bool:
        return False

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        return NetSpec(
            module=SparseModule,
            module_params={
                "n_features": self.table_.n_encoded_,
                "n_components": n_components,
                "hidden_layer_sizes": tuple(self.hidden_layer_sizes),
                "activation": self.activation,
            },
            criterion=sparse_loss,
            criterion_params={"sparsity": self.sparsity},
        )
