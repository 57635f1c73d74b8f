"""The module for mixed tables: a latent code, and columns that also see those before them."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sklatent._training import Batch, Player, Recipe, RowSource
from sklatent.models._vae._factors import factor_start
from sklatent.nn import (
    ACTIVATIONS,
    CELL_WIDTH,
    Belief,
    CellEmbedding,
    ColumnHeads,
    FactorGuide,
    Guess,
    columns_of,
    draw_levels,
    draw_mixture,
    gaussian_kl,
    mixture_parts,
    mlp,
)

# Up to this share of the earlier cells of a row is hidden from the later ones in training: what
# they could tell must then come through the code, which stays alive. The share differs from row to
# row, since no cell is hidden when rows are drawn.
CONTEXT_DROPOUT = 0.8
# This share of the rows is encoded with a random part of the cells hidden, so that codes can be
# inferred from the cells that are known.
SHARE_HIDDEN = 0.3
# This share of the rows sees its columns in random order, so that any cells can be given.
SHARE_MIXED = 0.3
# Up to so many columns their contexts are one product, beyond cumulative sums.
MAX_PRODUCT = 128
# Farther out no number lies: the end of the interval of a least or greatest value.
BEYOND = 1e4
LOG_VARIANCE_RANGE = (-12.0, 4.0)


class TabularVAE(nn.Module):
    """Variational autoencoder whose decoder is autoregressive over the columns.

    ``p(x | z) = prod_j p(x_j | z, x_1, ..., x_{j-1})`` with a likelihood per kind of column. The
    context of a column is the sum of the vectors of the cells before it (NADE, Larochelle and
    Murray, 2011).

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
    n_ties : int
        Most tied values of any number.
    n_factors : int
        Number of linear factors whose guess the columns start from.
    interval_ties : bool
        Whether a tied value has the probability of its interval; else, in files of earlier
        releases, the density of its score.
    """

    EARLIER: ClassVar[dict[str, Any]] = {"interval_ties": False}

    table_order: Tensor
    places: Tensor
    tie_scores: Tensor
    tie_low: Tensor
    tie_high: Tensor

    def __init__(
        self,
        blocks: tuple[tuple[str, int, int, int, bool], ...],
        n_components: int,
        *,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        n_ties: int,
        n_factors: int,
        interval_ties: bool,
    ) -> None:
        super().__init__()
        self.interval_ties = interval_ties
        k, sizes, width = n_components, tuple(hidden_layer_sizes), CELL_WIDTH
        self.n_table = len(blocks)
        self.columns = columns_of([block for block in blocks if block[0] != "text"])
        self.texts = [at for kind, at, *_ in blocks if kind == "text"]
        q = len(self.columns.places)
        self.widest = max(1, q) * width
        places = torch.tensor(self.columns.places, dtype=torch.long)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("table_order", places[None].float(), persistent=False)
        self.act = ACTIVATIONS[activation]()
        self.encoder_cells = CellEmbedding(self.columns, width)
        self.encoder = mlp(width, sizes, 2 * k, activation)
        self.context_cells = CellEmbedding(self.columns, width)
        self.trunk = mlp(k, sizes[::-1], width, activation)
        # a code that says nothing at the first step may never learn to speak
        nn.init.normal_(self.trunk[-1].get_parameter("weight"), std=(sizes or (k,))[0] ** -0.5)
        self.first_bias = nn.Parameter(0.3 * torch.randn(q, width))
        self.second = nn.Linear(width, width)
        self.second_bias = nn.Parameter(0.3 * torch.randn(q, width))
        self.heads = ColumnHeads(self.columns, width, n_factors=n_factors, n_components=k)
        self.context_factors = nn.Linear(n_factors, width, bias=False)
        if self.texts:  # read by the encoder, and told by the code alone
            self.from_texts = nn.Linear(len(self.texts), width, bias=False)
            self.to_texts = nn.Linear(k, len(self.texts))
        n_numbers = q - self.columns.n_categories
        for name in ("tie_scores", "tie_low", "tie_high"):
            self.register_buffer(name, torch.full((n_numbers, n_ties), torch.inf))

    @property
    def guide(self) -> FactorGuide:
        """The linear factors that the columns start from."""
        return self.heads.guide

    # -- encoder -------------------------------------------------------------------------------

    def infer(self, x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the posterior, (n, k) each; ``keep`` (n, q) hides cells."""
        return self.infer_stored(x[:, self.places], keep, x[:, self.texts])

    def infer_stored(
        self, cells: Tensor, keep: Tensor | None, texts: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Do the same for cells (n, q) in the order in which they are stored, and texts."""
        vectors = self.encoder_cells(cells)
        if keep is not None:
            vectors = vectors * keep[..., None]
            cells = cells.masked_fill(keep == 0, torch.nan)
        vector = vectors.sum(1)
        if texts is not None and self.texts:
            vector = vector + self.from_texts(torch.nan_to_num(texts))
        mean, log_variance = self.encoder(self.act(vector)).chunk(2, 1)
        # the network moves the posterior from where the factors put it
        start, variance = self.heads.guide.code_posterior(cells)
        rest = (0, mean.shape[1] - start.shape[1])
        mean = mean + nn.functional.pad(start, rest)
        log_variance = log_variance + nn.functional.pad(torch.log(variance), rest)
        return mean, log_variance.clamp(*LOG_VARIANCE_RANGE)

    def encode(self, x: Tensor) -> Tensor:
        """Posterior mean of the codes, (n, k)."""
        return self.infer(x)[0]

    def posterior(self, x: Tensor) -> Tensor:
        """Posterior mean and standard deviation of the codes side by side, (n, 2 k)."""
        mean, log_variance = self.infer(x)
        return torch.cat([mean, torch.exp(0.5 * log_variance)], dim=1)

    def whitened_posterior(self, x: Tensor) -> Tensor:
        """Posterior mean and log-variance side by side, (n, 2 k)."""
        return torch.cat(self.infer(x), dim=1)

    # -- training ------------------------------------------------------------------------------

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Log-likelihood of each cell given one posterior draw, with cells hidden in training."""
        x = batch["x"]
        cells = x[:, self.places]
        keep = context = None
        order, within = self.table_order, self._intervals(cells)
        if generator is None:
            # validation draws are the same at each check
            draws = torch.Generator(device=x.device).manual_seed(0)
        else:
            draws = generator
            cells = self._spread_ties(cells, generator)
            keep, context = self._hide(cells, generator)
            order = self._orders(cells, generator)
        texts = x[:, self.texts]
        mean, log_variance = self.infer_stored(cells, keep, texts)
        noise = torch.empty_like(mean).normal_(generator=draws)
        z = mean + torch.exp(0.5 * log_variance) * noise
        log_prob = self._log_prob(cells, context, order, z[:, None], within)[:, 0]
        if self.texts:
            squared = torch.nan_to_num(texts - self.to_texts(z)) ** 2
            log_prob = torch.cat([log_prob, -0.5 * squared], 1)
        return {
            "log_prob": log_prob,
            "mean": mean,
            "log_variance": log_variance,
        }

    def _hide(self, cells: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Which cells the encoder and the columns behind see, (n, q) of zeros and ones each."""
        n = len(cells)
        rate, chosen = torch.rand(2, n, 1, generator=generator, device=cells.device)
        rate = rate * (chosen < SHARE_HIDDEN)
        draw = torch.rand(2, *cells.shape, generator=generator, device=cells.device)
        hidden = CONTEXT_DROPOUT * torch.rand(n, 1, generator=generator, device=cells.device)
        return (draw[0] >= rate).to(cells), (draw[1] >= hidden).to(cells)

    def _orders(self, cells: Tensor, generator: torch.Generator) -> Tensor:
        """Keys (n, q) that sort the columns: as in the table, for a share of the rows at random."""
        n, q = cells.shape
        key = torch.rand(n, q, generator=generator, device=cells.device)
        chosen = torch.rand(n, 1, generator=generator, device=cells.device) < SHARE_MIXED
        return torch.where(chosen, key, self.table_order.to(key))

    def _spread_ties(self, cells: Tensor, generator: torch.Generator) -> Tensor:
        """Spread a value that occurs many times over the interval of ranks that it fills."""
        if self.tie_scores.numel() == 0:
            return cells
        first = self.columns.n_categories
        tied, low, high = self._tied(cells)
        draw = torch.rand(tied.shape, generator=generator, device=cells.device)
        share = torch.lerp(low, high, draw).clamp(1e-6, 1 - 1e-6)
        numbers = torch.where(tied, torch.special.ndtri(share), cells[:, first:].T)
        return torch.cat([cells[:, :first], numbers.T], 1)

    def _tied(self, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which numbers occur many times, and the interval of ranks that each fills: (m, n)."""
        numbers = cells[:, self.columns.n_categories :].T.contiguous()
        at = torch.searchsorted(self.tie_scores, numbers).clamp_max(self.tie_scores.shape[1] - 1)
        tied = self.tie_scores.gather(1, at) == numbers
        return tied, self.tie_low.gather(1, at), self.tie_high.gather(1, at)

    def _intervals(self, cells: Tensor) -> tuple[Tensor, Tensor] | None:
        """Ends of the interval of scores of each number (n, m); equal where it is not tied."""
        if not self.interval_ties or self.tie_scores.numel() == 0:
            return None
        tied, *ends = self._tied(cells)
        # whatever lies beyond the ends comes back as these
        low, high = (torch.special.ndtri(end.double()).clamp(-BEYOND, BEYOND) for end in ends)
        return torch.where(tied, low, 0.0).T, torch.where(tied, high, 0.0).T

    # -- decoder -------------------------------------------------------------------------------

    def _contexts(self, cells: Tensor, keep: Tensor | None, order: Tensor) -> Tensor:
        """Sum of the vectors of the cells before each column, (n, q, width).

        ``order`` (n or 1, q) holds the keys that sort the columns.
        """
        vectors = self.context_cells(cells)
        if keep is not None:
            vectors = vectors * keep[..., None]
        if order.shape[1] <= MAX_PRODUCT:
            before = (order[:, None, :] < order[:, :, None]).to(vectors)
            return torch.matmul(before, vectors)
        # of many columns the table of who is before whom would not fit
        ranked = order.argsort(1)[..., None].expand_as(vectors)
        ordered = vectors.gather(1, ranked)
        return torch.zeros_like(vectors).scatter(1, ranked, ordered.cumsum(1) - ordered)

    def _hidden(self, trunk: Tensor, contexts: Tensor) -> Tensor:
        """Hidden vectors (n, q, width) of all columns at once."""
        first = self.act(trunk[:, None] + self.first_bias + contexts)
        hidden: Tensor = first + self.act(self.second(first) + self.second_bias)
        return hidden

    def hidden_of(self, trunk: Tensor, context: Tensor, belief: Belief, column: int) -> Tensor:
        """Hidden vector (n, width) of one stored column given context and belief so far."""
        context = context + self.context_factors(belief.mean)
        first = self.act(trunk + self.first_bias[column] + context)
        hidden: Tensor = first + self.act(self.second(first) + self.second_bias[column])
        return hidden

    def vector_of(self, cells: Tensor, column: int) -> Tensor:
        """Vectors (n, width) of the cells (n,) of one stored column, for the context."""
        return self.context_cells.columns(cells[:, None], slice(column, column + 1))[:, 0]

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood (n, m) of rows (n, p) given codes (n, m, k) each."""
        return self.cell_log_likelihood(x, z).sum(2)

    def cell_log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood (n, m, q) of the stored cells of rows given codes (n, m, k) each."""
        cells = x[:, self.places]
        return self._log_prob(cells, None, self.table_order, z, self._intervals(cells))

    def _log_prob(
        self,
        cells: Tensor,
        keep: Tensor | None,
        order: Tensor,
        z: Tensor,
        within: tuple[Tensor, Tensor] | None,
    ) -> Tensor:
        """Log-likelihood (n, m, q) of stored cells given codes (n, m, k) and cells before."""
        n, m, q = *z.shape[:2], cells.shape[1]
        guess, factors = self.heads.guide.along(cells, keep, order, z)
        contexts = self._contexts(cells, keep, order)[:, None] + self.context_factors(factors)
        hidden = self._hidden(self.trunk(z.reshape(n * m, -1)), contexts.view(n * m, q, CELL_WIDTH))
        spread = guess.log_deviation.expand(-1, m, -1)
        flat = Guess(guess.mean.reshape(n * m, q), spread.reshape(n * m, q))
        if within is not None:
            within = within[0].repeat_interleave(m, 0), within[1].repeat_interleave(m, 0)
        log_prob = self.heads.log_prob(hidden, cells.repeat_interleave(m, 0), flat, within)
        return log_prob.view(n, m, -1)

    def known_context(self, cells: Tensor) -> Tensor:
        """Context (n, width) of stored cells (n, q) that are not NaN."""
        vectors: Tensor = self.context_cells(cells)
        return (vectors * (~torch.isnan(cells)).to(cells)[..., None]).sum(1)

    def known_log_likelihood(self, cells: Tensor, z: Tensor) -> Tensor:
        """Log-likelihood (n, m) of the stored cells that are not NaN given codes (n, m, k)."""
        known = (~torch.isnan(cells)).to(cells)
        log_prob = self._log_prob(cells, known, self.table_order, z, self._intervals(cells))
        return (log_prob * known[:, None]).sum(2)

    def decode(self, z: Tensor) -> Tensor:
        """Most likely level or mean of each column in turn, (n, p)."""
        return self._unroll(z, self._most_likely)

    def draw(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Draw each column in turn, (n, p)."""
        return self._unroll(
            z, lambda hidden, column, guess: self.draw_cells(hidden, column, guess, generator)
        )

    def _unroll(self, z: Tensor, cells_of: Any) -> Tensor:
        trunk = self.trunk(z)
        context, belief = torch.zeros_like(trunk), self.guide.start(z)
        x = z.new_zeros(len(z), self.n_table)
        for column in self.columns.in_table_order:
            hidden = self.hidden_of(trunk, context, belief, column)
            cells = cells_of(hidden, column, self.guide.guess(belief, column))
            context = context + self.vector_of(cells, column)
            belief = self.guide.seen(belief, cells, column)
            x[:, self.columns.places[column]] = cells
        return x

    def _most_likely(self, hidden: Tensor, column: int, guess: Guess) -> Tensor:
        if column < self.columns.n_categories:
            cells = self.heads.level_logits(hidden, column, guess).argmax(1).to(hidden)
        else:
            outputs = self.heads.number_outputs(hidden, column, guess)
            log_weights, means, _ = mixture_parts(outputs)
            cells = (torch.exp(log_weights) * means).sum(1)
        logits = self.heads.missing_logits(hidden, column)
        return cells if logits is None else cells.masked_fill(logits > 0, torch.nan)

    def draw_cells(
        self, hidden: Tensor, column: int, guess: Guess, generator: torch.Generator
    ) -> Tensor:
        """Draw the cells (n,) of one stored column, missing ones included."""
        if column < self.columns.n_categories:
            cells = draw_levels(self.heads.level_logits(hidden, column, guess), generator)
        else:
            cells = draw_mixture(self.heads.number_outputs(hidden, column, guess), generator)
        logits = self.heads.missing_logits(hidden, column)
        if logits is None:
            return cells
        uniform = torch.rand(cells.shape, generator=generator, device=cells.device)
        return cells.masked_fill(uniform < torch.sigmoid(logits), torch.nan)


def tabular_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, beta: float
) -> dict[str, Tensor]:
    """Negative evidence lower bound of encoded rows, in nats (at beta = 1)."""
    kl = gaussian_kl(output["mean"], output["log_variance"]).sum(1)
    return {"reconstruction": -output["log_prob"].sum(1), "kl": beta * kl}


def tabular_recipe(
    rows: RowSource,
    blocks: Sequence[tuple[str, int, int, int, bool]],
    ties: tuple[NDArray[Any] | None, ...],
    n_components: int,
    *,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    init: str,
    beta: float,
    seed: int,
) -> Recipe:
    """Describe the net for the columns of a mixed table, which starts at linear factors.

    ``ties`` holds, per column, the score and the interval of ranks of each tied value.
    """
    written = [block for block in blocks if block[0] != "text"]
    n_varying = sum(kind != "constant" for kind, *_ in written)
    tables: list[NDArray[Any]] = []
    for kind, at, *_ in written:
        if kind == "number":
            table = ties[at]
            tables.append(np.zeros((0, 3)) if table is None else table)
    n_ties = max(map(len, tables), default=0)
    names = ("tie_scores", "tie_low", "tie_high")
    start: dict[str, Any] = {}
    for name in names:
        start[name] = np.full((len(tables), n_ties), np.inf)
    for i, table in enumerate(tables):
        for name, values in zip(names, table.T, strict=True):
            start[name][i, : len(values)] = values
    n_factors = 1
    if init == "pca":
        n_factors, of_heads = factor_start(rows, columns_of(written), seed)
        for name, values in of_heads.items():
            start[f"heads.{name}"] = values
    return Recipe(
        module=TabularVAE,
        module_params={
            # plain, since it is saved
            "blocks": tuple(map(tuple, blocks)),
            "n_components": n_components,
            "hidden_layer_sizes": hidden_layer_sizes,
            "activation": activation,
            "n_ties": n_ties,
            "n_factors": n_factors,
            "interval_ties": True,
        },
        players=(
            Player(
                loss=tabular_loss,
                loss_params={"beta": beta},
                loss_scale=1.0 / max(1, n_varying),
            ),
        ),
        start=start,
    )
