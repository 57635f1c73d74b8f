"""Cells of a mixed table: vectors in, one likelihood per column out.

A table comes as one float per cell: the code of a category, the normal score of a number, NaN
where the cell is missing. Inside, columns that vary are stored with the categories first.
"""

import torch
from torch import Tensor, nn

from sklatent.nn._columns import Columns
from sklatent.nn._guide import FactorGuide, Guess
from sklatent.nn._losses import LOG_2PI

# Width of the vectors of cells, and of the hidden layers behind the columns.
CELL_WIDTH = 96
# A number is embedded by linear interpolation between so many vectors, over +- REACH scores.
N_HATS = 24
REACH = 4.0
# Normals in the mixture of a number; the first stand by themselves, the others move with the
# guess that the factors make.
N_MIXED = 6
N_FIXED = 3
LOG_SCALE_RANGE = (-6.0, 2.0)


class CellEmbedding(nn.Module):
    """A vector for each cell, looked up by level or interpolated along a number.

    Parameters
    ----------
    columns : Columns
        The columns; each has a vector for missing cells too.
    width : int
        Width of the vectors.
    """

    offset: Tensor
    missing_at: Tensor

    def __init__(self, columns: Columns, width: int) -> None:
        super().__init__()
        n_numbers = len(columns.places) - columns.n_categories
        sizes = [n + 1 for n in columns.n_levels] + [N_HATS + 1] * n_numbers
        self.n_categories = columns.n_categories
        starts = [sum(sizes[:j]) for j in range(len(sizes))]
        self.register_buffer("offset", torch.tensor(starts, dtype=torch.long), persistent=False)
        last = torch.tensor([size - 1 for size in sizes], dtype=torch.long)
        self.register_buffer("missing_at", last, persistent=False)
        # not nn.Embedding: there may be no cell to embed
        vectors = torch.randn(sum(sizes), width) / max(1, len(sizes)) ** 0.5
        # a cell that is missing where none was in training says as much as a hidden one
        vectors[self.offset + self.missing_at] = 0.0
        self.vectors = nn.Parameter(vectors)

    def forward(self, x: Tensor) -> Tensor:
        """Embed stored cells (n, q) as (n, q, width)."""
        return self.columns(x, slice(None))

    def columns(self, x: Tensor, which: slice) -> Tensor:
        """Embed the cells of some columns (n, m), all categories or all numbers if m < q."""
        missing = torch.isnan(x)
        n_categories = len(range(self.n_categories)[which])
        offset, missing_at = self.offset[which], self.missing_at[which]
        codes = torch.where(missing, missing_at, torch.nan_to_num(x).long())[:, :n_categories]
        levels = nn.functional.embedding(codes + offset[:n_categories], self.vectors)
        if n_categories == x.shape[1]:
            return levels
        missing, offset = missing[:, n_categories:], offset[n_categories:]
        at = (torch.nan_to_num(x[:, n_categories:]).clamp(-REACH, REACH) + REACH) * (
            (N_HATS - 1) / (2 * REACH)
        )
        low = at.floor().clamp(0, N_HATS - 2)
        share = (at - low).masked_fill(missing, 0.0)[..., None]
        low = torch.where(missing, N_HATS, low.long()) + offset
        high = torch.where(missing, low, low + 1)
        numbers = torch.lerp(
            nn.functional.embedding(low, self.vectors),
            nn.functional.embedding(high, self.vectors),
            share,
        )
        return torch.cat([levels, numbers], 1) if n_categories else numbers


class ColumnHeads(nn.Module):
    """One likelihood per column: levels, mixtures of normals, and whether a cell is missing.

    Each starts where the guess of a few linear factors puts it, and is moved from there by a
    hidden vector.

    Parameters
    ----------
    columns : Columns
        The columns.
    width : int
        Width of the hidden vector that each column is read from.
    n_factors, n_components : int
        Number of factors of the guide, and width of the code.
    """

    def __init__(self, columns: Columns, width: int, *, n_factors: int, n_components: int) -> None:
        super().__init__()
        self.n_categories = columns.n_categories
        n_numbers = len(columns.places) - columns.n_categories
        self.guide = FactorGuide(columns, n_factors, n_components)
        self.levels = nn.ModuleList([nn.Linear(width, n) for n in columns.n_levels])
        for head in self.levels:
            nn.init.zeros_(head.get_parameter("weight"))
        n_moving = N_MIXED - N_FIXED
        start = [torch.cat([torch.full((N_FIXED,), -2.0), torch.zeros(n_moving)])]
        # together about a standard normal
        start += [torch.linspace(-1, 1, N_FIXED), torch.linspace(-1, 1, n_moving)]
        start += [torch.full((N_MIXED,), -0.4)]
        self.number_bias = nn.Parameter(torch.cat(start).repeat(n_numbers, 1))
        self.number_weight = nn.Parameter(torch.zeros(n_numbers, width, 3 * N_MIXED))
        self.missing = [i for i, may_miss in enumerate(columns.may_miss) if may_miss]
        self.missing_weight = nn.Parameter(torch.zeros(len(self.missing), width))
        self.missing_bias = nn.Parameter(torch.zeros(len(self.missing)))

    def log_prob(self, hidden: Tensor, x: Tensor, guess: Guess) -> Tensor:
        """Log-likelihood of stored cells (n, q) given hidden vectors (n, q, width): (n, q).

        ``guess`` is that of the factors, (n, q). A missing cell counts with the probability of
        being missing alone.
        """
        missing = torch.isnan(x)
        filled = torch.nan_to_num(x)
        parts = [
            -nn.functional.cross_entropy(
                self.level_logits(hidden[:, j], j, Guess(*(part[:, j] for part in guess))),
                filled[:, j].long(),
                reduction="none",
            )
            for j in range(self.n_categories)
        ]
        found = [torch.stack(parts, 1)] if parts else []
        if self.n_categories < x.shape[1]:
            numbers = slice(self.n_categories, None)
            outputs = torch.einsum("nqh,qho->nqo", hidden[:, numbers], self.number_weight)
            around = Guess(*(part[:, numbers] for part in guess))
            outputs = _moved(outputs + self.number_bias, around)
            found.append(mixture_log_prob(outputs, filled[:, numbers]))
        if not found:
            return x
        log_prob = torch.cat(found, 1).masked_fill(missing, 0.0)
        if not self.missing:
            return log_prob
        logits = (hidden[:, self.missing] * self.missing_weight).sum(2) + self.missing_bias
        of_mask = nn.functional.binary_cross_entropy_with_logits(
            logits, missing[:, self.missing].to(logits.dtype), reduction="none"
        )
        places = torch.tensor(self.missing, device=x.device)
        return log_prob.index_add(1, places, of_mask, alpha=-1)

    def level_logits(self, hidden: Tensor, column: int, guess: Guess) -> Tensor:
        """Logits of the levels of a category (n, n_levels)."""
        logits: Tensor = self.levels[column](hidden)
        return logits + self.guide.tilt(guess, column)

    def number_outputs(self, hidden: Tensor, column: int, guess: Guess) -> Tensor:
        """Parameters of the mixture of a number (n, 3 * N_MIXED)."""
        at = column - self.n_categories
        return _moved(hidden @ self.number_weight[at] + self.number_bias[at], guess)

    def missing_logits(self, hidden: Tensor, column: int) -> Tensor | None:
        """Logit that a cell is missing (n,), None where none was."""
        if column not in self.missing:
            return None
        at = self.missing.index(column)
        return hidden @ self.missing_weight[at] + self.missing_bias[at]


def _moved(outputs: Tensor, guess: Guess) -> Tensor:
    """Put the moving normals (..., 3 * N_MIXED) where the guess (...) lies, in its units."""
    logits, means, log_scales = torch.split(outputs, N_MIXED, -1)
    mean, log_deviation = guess.mean[..., None], guess.log_deviation[..., None]
    moving = torch.addcmul(mean, torch.exp(log_deviation), means[..., N_FIXED:])
    scales = log_scales[..., N_FIXED:] + log_deviation
    parts = [logits, means[..., :N_FIXED], moving, log_scales[..., :N_FIXED], scales]
    return torch.cat(parts, -1)


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
