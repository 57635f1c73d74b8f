"""SparseAutoencoder: rows as mixtures of few parts. A complete model in one file."""

from typing import Any, ClassVar

from torch import Generator, Tensor, nn

from sklatent import develop
from sklatent.develop import Batch, Interval, Player, Recipe, ResidualMap, squared_error


class SparseModule(nn.Module):
    """Encoder and decoder with codes that are zero or positive."""

    def __init__(
        self, n_features: int, n_components: int, *, hidden: tuple[int, ...], activation: str
    ) -> None:
        super().__init__()
        kind: dict[str, Any] = {"activation": activation, "n_extra": 0}
        self.encoder = ResidualMap(n_features, hidden, n_components, **kind)
        self.decoder = ResidualMap(n_components, hidden[::-1], n_features, **kind)

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, n_features) to codes (n, n_components)."""
        # softplus, not relu: a component that is off for all rows must be able to come back
        return nn.functional.softplus(self.encoder(x), beta=10.0)

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (n, n_components) to rows (n, n_features)."""
        return self.decoder.forward(z)

    def forward(self, batch: Batch, generator: Generator | None) -> dict[str, Tensor]:
        """Return what the loss needs; ``generator`` is None outside training."""
        z = self.encode(batch["x"])
        return {"z": z, "x_hat": self.decode(z)}


def sparse_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, sparsity: float
) -> dict[str, Tensor]:
    """Squared error, and how evenly each code is spread: one value per row and term."""
    z, x_hat = output["z"], output["x_hat"]
    # a ratio of norms: a bare sum could be made small by small codes and a large decoder
    spread = z.abs().sum(-1) / z.norm(dim=-1).clamp_min(1e-6)
    return {"reconstruction": squared_error(x_hat, batch["x"]), "sparsity": sparsity * spread}


class SparseBody(develop.Body["SparseAutoencoder"]):
    """Tables of numbers; training starts from random weights."""

    module = SparseModule

    def recipe(self, rows: develop.RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the module and its one player."""
        hidden, activation = tuple(self.model.hidden_layer_sizes), self.model.activation
        params: dict[str, Any] = {"n_features": self.table.n_encoded, "n_components": n_components}
        params |= {"hidden": hidden, "activation": activation}
        player = Player(loss=sparse_loss, loss_params={"sparsity": self.model.sparsity})
        return Recipe(module=SparseModule, module_params=params, players=(player,))


@develop.latent_model
class SparseAutoencoder(develop.EncoderMixin, develop.DecoderMixin, develop.BaseLatentModel):
    """Autoencoder that uses few of its components for each row.

    Parameters
    ----------
    n_components : int, default=2
        Width of the latent space.
    sparsity : float, default=0.1
        Weight of the penalty on codes that use many components.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> SparseAutoencoder(2, max_steps=50).fit_transform(load_iris().data).shape
    (150, 2)
    """

    bodies = (SparseBody,)
    _declares = develop.Declaration(
        question="Which parts make up a row?", tables=("numeric",), cost="seconds", classic="NMF"
    )
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(develop.Integral, 1, None, closed="left")],
        "sparsity": [Interval(develop.Real, 0, None, closed="left")],
    }

    n_components: int = 2
    _: develop.KW_ONLY
    sparsity: float = 0.1
