"""The autoencoder of mixed tables: cells in, one prediction per column out."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklatent._training import Batch, Player, Recipe, RowSource
from sklatent.nn import CELL_WIDTH, CellEmbedding, Columns, columns_of, mlp


class TabularAutoencoder(nn.Module):
    """Autoencoder of encoded mixed rows.

    Numbers are reconstructed as scores, categories as levels, and columns with missing cells also
    say whether a cell is missing.

    Parameters
    ----------
    blocks : sequence of (str, int, int, int, bool)
        The columns, as :attr:`TabularEncoder.blocks_` describes them.
    n_components : int
        Width of the code.
    hidden_layer_sizes : tuple of int
        Hidden layers of the encoder; the decoder has them in reverse.
    activation : str
        Name of the activation.
    noise : float
        Share of the cells that are hidden from the encoder in training.
    """

    places: Tensor
    code_scale: Tensor
    code_center: Tensor
    marginals: Tensor

    def __init__(
        self,
        blocks: tuple[tuple[str, int, int, int, bool], ...],
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        noise: float,
    ) -> None:
        super().__init__()
        self.n_table, self.noise = len(blocks), noise
        self.columns = columns_of(blocks)
        places = torch.tensor(self.columns.places, dtype=torch.long)
        self.register_buffer("places", places, persistent=False)
        sizes = tuple(hidden_layer_sizes)
        self.cells = CellEmbedding(self.columns, CELL_WIDTH)
        self.encoder = mlp(CELL_WIDTH, sizes, n_components, activation)
        nn.init.normal_(self.encoder[-1].get_parameter("weight"), std=CELL_WIDTH**-0.5)
        self.n_outputs = sum(output_sizes(self.columns))
        # at least one: torch warns of layers without outputs
        self.decoder = mlp(n_components, sizes[::-1], max(1, self.n_outputs), activation)
        # what the decoder would say if it knew no code: the marginals of the training rows
        self.register_buffer("marginals", torch.zeros(self.n_outputs))
        self.register_buffer("code_center", torch.zeros(n_components))
        self.register_buffer("code_scale", torch.ones(n_components))

    def raw_codes(self, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return codes (n, k) as the encoder gives them, of any mean and spread."""
        vectors = self.cells(cells)
        if generator is not None and self.noise > 0:
            draw = torch.rand(cells.shape, generator=generator, device=cells.device)
            vectors = vectors * (draw >= self.noise).to(vectors)[..., None]
        codes: Tensor = self.encoder(vectors.sum(1))
        return codes

    def _outputs(self, codes: Tensor) -> Tensor:
        outputs: Tensor = self.decoder(codes)[:, : self.n_outputs]
        return outputs

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Error of each stored cell (n, q) of rows reconstructed from their codes."""
        cells = batch["x"][:, self.places]
        outputs = self._outputs(self.raw_codes(cells, generator))
        return {"errors": cell_errors(outputs, cells, self.columns)}

    def encode(self, x: Tensor) -> Tensor:
        """Map rows (n, p) to codes (n, k) of zero mean and unit variance."""
        return (self.raw_codes(x[:, self.places], None) - self.code_center) / self.code_scale

    def decode(self, z: Tensor) -> Tensor:
        """Most likely level or mean of each column, (n, p); NaN where missing."""
        outputs = self._outputs(z * self.code_scale + self.code_center)
        x = z.new_zeros(len(z), self.n_table)
        parts = torch.split(outputs, output_sizes(self.columns), 1)
        for i, (place, part) in enumerate(zip(self.columns.places, parts, strict=True)):
            n_levels = self.columns.n_levels[i] if i < self.columns.n_categories else 0
            cells = part[:, :n_levels].argmax(1).to(z) if n_levels else part[:, 0]
            if self.columns.may_miss[i]:
                cells = cells.masked_fill(part[:, -1] > 0, torch.nan)
            x[:, place] = cells
        return x

    def losses(self, x: Tensor) -> Tensor:
        """Error of each row after encoding and decoding, and without a code: (n, 2)."""
        cells = x[:, self.places]
        blind = self.marginals.expand(len(x), -1)
        outputs = self._outputs(self.raw_codes(cells, None))
        both = [cell_errors(part, cells, self.columns).sum(1) for part in (outputs, blind)]
        return torch.stack(both, 1)


def output_sizes(columns: Columns) -> list[int]:
    """Outputs of each stored column: its levels or one number, and whether it is missing."""
    n_numbers = len(columns.places) - columns.n_categories
    sizes = [*columns.n_levels, *([1] * n_numbers)]
    return [size + may_miss for size, may_miss in zip(sizes, columns.may_miss, strict=True)]


def cell_errors(outputs: Tensor, cells: Tensor, columns: Columns) -> Tensor:
    """Cross-entropy of levels, half the squared error of scores, and of the mask where it varies.

    ``outputs`` (n, sum of the sizes), ``cells`` (n, q): (n, q). A missing cell counts with its
    mask alone.
    """
    missing = torch.isnan(cells)
    filled = torch.nan_to_num(cells)
    errors = []
    for i, part in enumerate(torch.split(outputs, output_sizes(columns), 1)):
        if i < columns.n_categories:
            levels = part[:, : columns.n_levels[i]]
            error = nn.functional.cross_entropy(levels, filled[:, i].long(), reduction="none")
        else:
            error = 0.5 * (part[:, 0] - filled[:, i]) ** 2
        error = error.masked_fill(missing[:, i], 0.0)
        if columns.may_miss[i]:
            target = missing[:, i].to(part)
            error = error + nn.functional.binary_cross_entropy_with_logits(
                part[:, -1], target, reduction="none"
            )
        errors.append(error)
    return torch.stack(errors, 1) if errors else outputs


def cell_loss(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    """Mean error of the cells of each row."""
    errors = output["errors"]
    return {"reconstruction": errors.sum(1) / max(1, errors.shape[1])}


def measure_codes(module: Any, rows: Any) -> None:
    """Set mean and spread of the codes, so that those answered have mean zero and variance one."""
    codes = torch.cat(
        [module.raw_codes(batch["x"][:, module.places], None) for batch in rows.chunks()]
    )
    module.code_center.copy_(codes.mean(0))
    module.code_scale.copy_(codes.std(0, correction=0).clamp_min(1e-6))


def marginal_outputs(chunks: Iterable[NDArray[Any]], columns: Columns) -> NDArray[Any]:
    """Outputs that say of each column what the training rows hold: (sum of the sizes,)."""
    n, sums = 0, [np.zeros(size) for size in output_sizes(columns)]
    for x in chunks:
        n += len(x)
        for i, (total, place) in enumerate(zip(sums, columns.places, strict=True)):
            cells = x[:, place]
            present = cells[~np.isnan(cells)]
            if i < columns.n_categories:
                levels = np.bincount(present.astype(int), minlength=columns.n_levels[i])
                total[: columns.n_levels[i]] += levels
            else:
                total[0] += present.sum()
            if columns.may_miss[i]:
                total[-1] += len(cells) - len(present)
    for i, total in enumerate(sums):
        missing = total[-1] if columns.may_miss[i] else 0.0
        if i < columns.n_categories:
            total[: columns.n_levels[i]] = np.log(total[: columns.n_levels[i]] + 0.5)
        else:
            total[0] /= max(1.0, n - missing)
        if columns.may_miss[i]:
            total[-1] = np.log((missing + 0.5) / (n - missing + 0.5))
    return np.concatenate(sums) if sums else np.zeros(0)


def tabular_autoencoder_recipe(
    rows: RowSource,
    blocks: Sequence[tuple[str, int, int, int, bool]],
    n_components: int,
    *,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    noise: float,
) -> Recipe:
    """Describe the net for the columns of a mixed table."""
    return Recipe(
        module=TabularAutoencoder,
        module_params={
            # plain, since it is saved
            "blocks": tuple(map(tuple, blocks)),
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
            "noise": noise,
        },
        start={"marginals": marginal_outputs(rows.arrays(), columns_of(blocks))},
        players=(Player(loss=cell_loss),),
        refresh=measure_codes,
    )
