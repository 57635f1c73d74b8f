"""The module of NeighborEmbedding, its loss, and rows that come with a neighbour each."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklatent._training import NetSpec, RowSource, row_source
from sklatent._training._rows import Encode
from sklatent.nn import mlp, squared_error

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
        self.encoder = mlp(n_features, sizes, n_components, activation)
        # all codes at zero would attract and repel nothing
        last = self.encoder[-1].get_parameter("weight")
        nn.init.normal_(last, std=last.shape[1] ** -0.5)
        self.decoder = mlp(n_components, sizes[::-1], n_features, activation)

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, n_features) into the open unit ball: (n, n_components)."""
        h = self.encoder(torch.asinh(x))
        z: Tensor = h / torch.sqrt(1.0 + (h**2).sum(-1, keepdim=True))
        return z

    def decode(self, z: Tensor) -> Tensor:
        """Map codes (n, n_components) to rows (n, n_features)."""
        rows: Tensor = self.decoder(z)
        return rows

    def forward(self, x: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Encode rows and their neighbours, side by side in (n, 2 n_features)."""
        anchor, partner = x.chunk(2, dim=1)
        z = self.encode(self._view(anchor, generator))
        near = self.encode(self._view(partner, generator))
        # detached: codes that must rebuild rows as well separate clusters worse
        error = squared_error(self.decoder(z.detach()), anchor)
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
    output: dict[str, Tensor], x: Tensor, progress: float, *, temperature: float, unit: float
) -> dict[str, Tensor]:
    """Tell each row's neighbour from the other rows of the batch, and rebuild the row."""
    similarity = output["codes"] @ output["neighbor_codes"].T / temperature
    target = torch.arange(len(x), device=x.device)
    there = nn.functional.cross_entropy(similarity, target, reduction="none")
    back = nn.functional.cross_entropy(similarity.T, target, reduction="none")
    return {"contrast": 0.5 * (there + back), "reconstruction": output["error"] / unit}


class PairRows(RowSource):
    """Rows (n, 2 p): each beside one of its neighbours, drawn anew in each pass.

    Parameters
    ----------
    encode, index, device, resident
        As :class:`RowSource`.
    neighbors : Tensor of shape (n_table, k)
        Places of the neighbours of each row of the table.
    """

    def __init__(
        self,
        encode: Encode,
        index: NDArray[np.intp],
        device: torch.device,
        resident: Tensor | None,
        neighbors: Tensor,
    ) -> None:
        super().__init__(encode, index, device, resident)
        self._neighbors = neighbors
        # what validation looks at: near neighbours and farther ones, the same at each check
        turn = torch.arange(len(neighbors), device=device) % neighbors.shape[1]
        self._partners = neighbors.gather(1, turn[:, None])[:, 0]

    def subset(self, positions: NDArray[np.intp]) -> "PairRows":
        """Return the rows at some positions; their neighbours may lie outside."""
        index = self._index[positions]
        return PairRows(self._encode, index, self.device, self._resident, self._neighbors)

    def shuffled(self, generator: torch.Generator) -> Tensor:
        """Return the places of all rows in random order, and draw their neighbours."""
        n, k = self._neighbors.shape
        drawn = torch.randint(k, (n, 1), generator=generator, device=self.device)
        self._partners = self._neighbors.gather(1, drawn)[:, 0]
        return super().shuffled(generator)

    def at(self, rows: Tensor) -> Tensor:
        """Return rows and neighbours side by side."""
        return torch.cat([super().at(rows), super().at(self._partners[rows])], 1)


def pair_rows(
    encode: Encode, n_columns: int, device: torch.device, neighbors: NDArray[np.intp]
) -> PairRows:
    """Make the source of the rows that ``neighbors`` (n, k) describes."""
    plain = row_source(encode, len(neighbors), n_columns, device)
    table = torch.from_numpy(neighbors.astype(np.int64)).to(device)
    return PairRows(encode, plain._index, device, plain._resident, table)


def neighbor_spec(
    rows: RowSource,
    n_features: int,
    n_components: int,
    *,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    noise: float,
    temperature: float,
) -> NetSpec:
    """Describe the net for these rows."""
    squares: Any = sum(float((x**2).sum()) for x in rows.arrays())
    return NetSpec(
        module=NeighborNet,
        module_params={
            "n_features": n_features,
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
            "noise": noise,
        },
        criterion=neighbor_loss,
        criterion_params={"temperature": temperature, "unit": max(squares / len(rows), 1e-30)},
    )
