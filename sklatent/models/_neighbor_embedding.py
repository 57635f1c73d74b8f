"""NeighborEmbedding: codes in which a row lies near its neighbours and far from other rows."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sklatent import develop
from sklatent._utils.neighbors import graph_rows, graph_space, nearest_neighbors
from sklatent.develop import AnyRows, Batch, Body, Interval, Player, Recipe, RowSource, StrOptions

# Width of the code that "auto" gives where rows and columns allow it.
AUTO_WIDTH = 16
# Longer training only sharpens what the graph has said already.
STEPS = 500
# Share of the columns that each view of a row lacks in training.
DROPPED = 0.1


class NeighborNet(nn.Module):
    """Encoder into the unit ball, and a decoder that learns without moving the codes.

    Parameters
    ----------
    n_features, n_components : int
        Width of the rows and of the code.
    hidden_layer_sizes : tuple of int
        Hidden layers of the encoder; the decoder has them in reverse.
    activation : str
        Name of the activation.
    noise : float
        Standard deviation of the Gaussian noise added to the inputs in training.
    """

    def __init__(
        self,
        n_features: int,
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        noise: float,
    ) -> None:
        super().__init__()
        self.noise = noise
        sizes = hidden_layer_sizes
        self.encoder = develop.mlp(n_features, sizes, n_components, activation)
        # all codes at zero would attract and repel nothing
        last = self.encoder[-1].get_parameter("weight")
        nn.init.normal_(last, std=last.shape[1] ** -0.5)
        self.decoder = develop.mlp(n_components, sizes[::-1], n_features, activation)

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, n_features) into the open unit ball: (n, n_components)."""
        h: Tensor = self.encoder(torch.asinh(x))
        return h / torch.sqrt(1.0 + (h**2).sum(-1, keepdim=True))

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (n, n_components) to rows (n, n_features)."""
        return self.decoder(z)  # type: ignore[no-any-return]

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Encode rows and a neighbour of each."""
        z = self.encode(self._view(batch["x"], generator))
        near = self.encode(self._view(batch["partner"], generator))
        # detached: codes that must reconstruct rows as well separate clusters worse
        error = develop.squared_error(self.decoder(z.detach()), batch["x"])
        return {"codes": z, "neighbor_codes": near, "error": error}

    def _view(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Add noise and drop columns, in training alone."""
        if generator is None or not self.training:
            return x
        if self.noise > 0:
            x = x + self.noise * torch.empty_like(x).normal_(generator=generator)
        kept = torch.rand(x.shape, generator=generator, device=x.device) >= DROPPED
        return x * kept


def neighbor_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, temperature: float, unit: float
) -> dict[str, Tensor]:
    """Tell each row's neighbour from the other rows of the batch, and reconstruct the row."""
    similarity = output["codes"] @ output["neighbor_codes"].T / temperature
    target = torch.arange(len(similarity), device=similarity.device)
    there = nn.functional.cross_entropy(similarity, target, reduction="none")
    back = nn.functional.cross_entropy(similarity.T, target, reduction="none")
    return {"contrast": 0.5 * (there + back), "reconstruction": output["error"] / unit}


class NeighborBody(Body["NeighborEmbedding"]):
    """Rows come with their neighbours; training starts from random weights."""

    module: ClassVar[type[nn.Module]] = NeighborNet
    start_on_all_rows: ClassVar[bool] = False

    def source(self, rows: AnyRows, fields: Any, device: Any) -> RowSource:
        """Find the neighbours of rows, of a sample where there are many."""
        encoded = develop.Encoded(self.table, rows.take(graph_rows(len(rows))))
        n, width = encoded.shape
        neighbors = np.zeros((1, 1), dtype=np.intp)  # a single row is its own neighbour
        if n > 1:
            space = graph_space(encoded(slice(0, n)))
            neighbors, _ = nearest_neighbors(space, self.model.n_neighbors)
        return develop.row_source(encoded, n, width, device, neighbors=neighbors)

    def width(self, fit: develop.Fit, seed: int) -> int:
        """Take 16 for "auto", or as many as there are rows or columns."""
        if self.model.n_components == "auto":
            return min(AUTO_WIDTH, len(fit.rows), self.table.n_encoded)
        return super().width(fit, seed)

    def plan(self, n_rows: int, **given: Any) -> develop.Budget:
        """Train for 500 steps unless told otherwise."""
        budget = develop.plan_budget(n_rows, **given)
        if self.model.max_steps != "auto":
            return budget
        return replace(budget, n_steps=STEPS, max_total_steps=STEPS, n_checks=15)

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the net; reconstructions count in units of the rows' own squares."""
        model = self.model
        squares: Any = sum(float((x**2).sum()) for x in rows.arrays())
        unit = max(squares / len(rows), 1e-30)
        loss_params = {"temperature": model.temperature, "unit": unit}
        return Recipe(
            module=NeighborNet,
            module_params={
                "n_features": self.table.n_encoded,
                "n_components": n_components,
                "hidden_layer_sizes": tuple(model.hidden_layer_sizes),
                "activation": model.activation,
                "noise": model.noise,
            },
            players=(Player(loss=neighbor_loss, loss_params=loss_params),),
        )

    score = Body.explained


@develop.latent_model
class NeighborEmbedding(
    develop.EncoderMixin,
    develop.DecoderMixin,
    develop.ReconstructionMixin,
    develop.BaseLatentModel,
):
    """Encoder that draws neighbouring rows together and pushes other rows apart.

    Each step takes rows and one of the nearest neighbours of each, noisy and with some columns
    dropped, and asks which neighbour belongs to which row (InfoNCE). Clusters become compact and
    lie apart, whatever their shape was. A decoder learns beside, from codes that it does not
    move, so that codes can be decoded.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Width of the latent space; "auto" is 16, or as many as there are rows or columns.
    hidden_layer_sizes : tuple of int, default=(256, 256)
        Hidden layers of the encoder; the decoder has them in reverse.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="relu"
        Activation of the hidden layers.
    n_neighbors : int, default=15
        Neighbours of a row; at most the other rows there are.
    temperature : float, default=0.5
        Scale of the similarities: lower values separate nearer rows.
    noise : float, default=0.2
        Standard deviation of Gaussian noise added in training, in units of the columns' standard
        deviation.
    standardize : bool, default=True
        Whether each column counts equally. If False, columns keep their proportions, as is right
        for pixels and other columns in one unit.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows: the model leaves them out. See :class:`TabularEncoder`.
    max_steps : int or "auto", default="auto"
        Most training steps; "auto" is 500.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training and to choose the best weights, as "auto" does
        from 20 rows on. Held-out rows still serve as neighbours of others. If False, the model
        trains on all rows to the end.
    n_iter_no_change : int, default=6
        Checks (15 in all) without improvement after which training stops.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches and the neighbours drawn. Pass an int for the same result
        in each call.

    Attributes
    ----------
    history_ : list of dict
        A record per check: ``step``, ``train_loss``, its terms ``train_contrast`` and
        ``train_reconstruction`` and, where rows are held out, ``valid_loss``.

    See Also
    --------
    LatentClusterer : Clusters rows in such codes.
    AutoencoderTransformer : Codes that reconstruct rows best.

    Notes
    -----
    Codes lie in the open unit ball, most of them near its surface; distances between them tell
    clusters apart and nothing about the units of X. Above 100 columns neighbours are those in
    direction among the first 30 principal components. Above 10,000 rows the model is trained on a
    random 10,000 of them.

    References
    ----------
    .. [1] van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive
       Coding", 2018.
    .. [2] Dwibedi et al., "With a Little Help from My Friends: Nearest-Neighbor Contrastive
       Learning of Visual Representations", ICCV, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklatent import NeighborEmbedding
    >>> X = load_digits().data
    >>> model = NeighborEmbedding(8, standardize=False, max_steps=50, random_state=0).fit(X)
    >>> model.transform(X[:3]).shape
    (3, 8)
    """

    _declares: ClassVar[develop.Declaration] = develop.Declaration(
        question="Place rows so that neighbours lie together and clusters apart?",
        tables=("numeric",),
        cost="within the 3.4 CPU seconds of LatentClusterer on digits, which trains one",
        classic=(
            "k-means or a graph of neighbours: Gaussian clusters, rings and moons are found as "
            "well without a network"
        ),
    )

    bodies: ClassVar[tuple[type[Body[Any]], ...]] = (NeighborBody,)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(develop.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_neighbors": [Interval(develop.Integral, 1, None, closed="left")],
        "temperature": [Interval(develop.Real, 0, None, closed="neither")],
        "noise": [Interval(develop.Real, 0, None, closed="left")],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
    }

    n_components: int | Literal["auto"] = "auto"
    _: develop.KW_ONLY
    hidden_layer_sizes: tuple[int, ...] = (256, 256)
    activation: str = "relu"
    n_neighbors: int = 15
    temperature: float = 0.5
    noise: float = 0.2
    identifier_features: Any = "auto"
