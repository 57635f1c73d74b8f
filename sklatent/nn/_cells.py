"""Cells of a mixed table: vectors in, one likelihood per column out.

A table comes as one float per cell: the code of a category, the normal score of a number, NaN
where the cell is missing. Inside, columns that vary are stored with the categories first. What a
few linear factors say of each column, given the cells that are known, is where likelihoods start.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklatent.nn._mixtures import N_MIXED, log_mass_between, mixture_log_prob

# Width of the vectors of cells, and of the hidden layers behind the columns.
CELL_WIDTH = 96
# A number is embedded by linear interpolation between so many vectors, over +- REACH scores.
N_HATS = 24
REACH = 4.0
# Of the normals in the mixture of a number the first stand by themselves, the others move with
# the guess that the factors make.
N_FIXED = 3
# Farther out a cell says no more about the factors: a typo shall not decide about its row.
FARTHEST = 6.0
# Correlation of a factor with its component of the code at the start.
FIDELITY = 0.95
# Kind, first column, one past the last, number of levels, whether cells are missing.
Block = tuple[str, int, int, int, bool]


class Columns(NamedTuple):
    """The columns of a table that vary, in the order in which they are stored.

    Attributes
    ----------
    places : tuple of int
        Where each stands in the table.
    n_levels : tuple of int
        Number of levels of each category; the numbers follow them.
    may_miss : tuple of bool
        Whether cells were missing, for each column.
    n_categories : int
        Number of categories.
    """

    places: tuple[int, ...]
    n_levels: tuple[int, ...]
    may_miss: tuple[bool, ...]
    n_categories: int

    @property
    def in_table_order(self) -> list[int]:
        """Positions here, sorted by where the columns stand in the table."""
        return sorted(range(len(self.places)), key=self.places.__getitem__)


def columns_of(blocks: Sequence[Block]) -> Columns:
    """Sort the columns that vary into categories and numbers, those of texts among these."""
    places: dict[str, list[int]] = {"category": [], "number": []}
    may_miss: dict[str, list[bool]] = {"category": [], "number": []}
    n_levels = []
    for kind, start, _, size, missing in blocks:
        kind = "number" if kind == "text" else kind
        if kind not in places:
            continue
        places[kind].append(start)
        may_miss[kind].append(missing)
        if kind == "category":
            n_levels.append(size)
    return Columns(
        places=(*places["category"], *places["number"]),
        n_levels=tuple(n_levels),
        may_miss=(*may_miss["category"], *may_miss["number"]),
        n_categories=len(n_levels),
    )


class Belief(NamedTuple):
    """Normal distribution of the factors of each row.

    Attributes
    ----------
    mean : Tensor of shape (n, r)
        Their mean.
    covariance : Tensor of shape (n, r, r)
        Their covariance.
    """

    mean: Tensor
    covariance: Tensor

    def at(self, rows: Tensor) -> "Belief":
        """Return the rows at these places."""
        return Belief(*(part[rows] for part in self))


class Guess(NamedTuple):
    """Normal distribution of scores: of one column (n,) each, or of all (n, q).

    Attributes
    ----------
    mean, log_deviation : Tensor
        Their mean, and the logarithm of their standard deviation.
    """

    mean: Tensor
    log_deviation: Tensor


class FactorGuide(nn.Module):
    """Factor analysis of scores: ``score_j = center_j + loading_j . f + noise_j``, f ~ N(0, I).

    A number is its own score, and each level of a category has one. What is believed of the
    factors starts from the code of the row, and is updated cell by cell (a Kalman filter), in any
    order and with any cells unknown. At first a component of the code is a factor with noise:
    ``z = FIDELITY * f + sqrt(1 - FIDELITY ** 2) * e``. Only the way from code to factors is
    trained; without factors all scores are standard normal.

    Parameters
    ----------
    columns : Columns
        The columns.
    n_factors : int
        Number of factors r.
    n_components : int
        Width k of the code; its first components stand for the first factors.
    """

    loading: Tensor
    noise: Tensor
    center: Tensor
    level_scores: Tensor
    level_offset: Tensor
    prior_variance: Tensor

    def __init__(self, columns: Columns, n_factors: int, n_components: int) -> None:
        super().__init__()
        q = len(columns.places)
        self.n_factors, self.n_levels = n_factors, columns.n_levels
        self.n_shared = min(n_factors, n_components)
        self.register_buffer("loading", torch.zeros(q, n_factors))
        self.register_buffer("noise", torch.ones(q))
        self.register_buffer("center", torch.zeros(q))
        self.register_buffer("level_scores", torch.zeros(sum(columns.n_levels)))
        n_levels = torch.tensor(columns.n_levels, dtype=torch.long)
        self.register_buffer("level_offset", n_levels.cumsum(0) - n_levels, persistent=False)
        self.of_code = nn.Parameter(FIDELITY * torch.eye(n_factors, n_components))
        variance = torch.ones(n_factors)
        variance[: self.n_shared] = 1 - FIDELITY**2
        self.register_buffer("prior_variance", variance, persistent=False)

    def scores(self, cells: Tensor, which: slice = slice(None)) -> Tensor:
        """Scores of the stored cells (n, m) of some columns, NaN where missing."""
        offset = self.level_offset[which]
        cells = torch.cat(
            [cells[:, : len(offset)], cells[:, len(offset) :].clamp(-FARTHEST, FARTHEST)], 1
        )
        if not len(offset):
            return cells
        levels = cells[:, : len(offset)]
        found = self.level_scores[torch.nan_to_num(levels).long() + offset]
        found = torch.where(torch.isnan(levels), levels, found)
        return torch.cat([found, cells[:, len(offset) :]], 1)

    def code_posterior(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (n, n_shared) of the code given stored cells (n, q)."""
        belief = self._given(cells, torch.ones_like(self.prior_variance), None)
        shared = slice(self.n_shared)
        variance = belief.covariance.diagonal(dim1=1, dim2=2)[:, shared]
        return (
            FIDELITY * belief.mean[:, shared],
            FIDELITY**2 * variance + (1 - FIDELITY**2),
        )

    def start(self, z: Tensor) -> Belief:
        """What the codes (n, k) alone say."""
        covariance = torch.diag(self.prior_variance).expand(len(z), -1, -1)
        return Belief(z @ self.of_code.T, covariance)

    def given(self, cells: Tensor, z: Tensor) -> Belief:
        """What is believed of rows given their stored cells (n, q) and a code (n, k) each."""
        return self._given(cells, self.prior_variance, z @ self.of_code.T)

    def _given(self, cells: Tensor, variance: Tensor, mean: Tensor | None) -> Belief:
        scores = self.scores(cells) - self.center
        known = (~torch.isnan(scores)).to(scores)
        weighted = self.loading / self.noise[:, None]
        products = (weighted[:, :, None] * self.loading[:, None, :]).flatten(1)
        precision = (known @ products).view(-1, self.n_factors, self.n_factors)
        covariance = torch.linalg.inv(precision + torch.diag(1 / variance))
        evidence = torch.nan_to_num(scores) @ weighted
        if mean is not None:
            evidence = evidence + mean / variance
        return Belief((covariance @ evidence[..., None])[..., 0], covariance)

    def seen(self, belief: Belief, cells: Tensor, column: int) -> Belief:
        """Update with the cells (n,) of a column; those that are missing say nothing."""
        scores = self.scores(cells[:, None], slice(column, column + 1))[:, 0]
        known = (~torch.isnan(scores)).to(scores)
        scores = torch.nan_to_num(scores - self.center[column])
        loading = self.loading[column]
        gain, _, covariance = _gain(belief.covariance, loading, self.noise[column], known)
        mean = torch.addcmul(belief.mean, gain, (scores - belief.mean @ loading)[:, None])
        return Belief(mean, covariance)

    def guess(self, belief: Belief, column: int) -> Guess:
        """Distribution of the scores (n,) of a column."""
        loading = self.loading[column]
        mean = belief.mean @ loading + self.center[column]
        variance = (belief.covariance @ loading) @ loading + self.noise[column]
        return Guess(mean, 0.5 * torch.log(variance))

    def along(
        self, cells: Tensor, keep: Tensor | None, order: Tensor, z: Tensor
    ) -> tuple[Guess, Tensor]:
        """Guess each score from a code and the cells before it.

        Parameters
        ----------
        cells : Tensor of shape (n, q)
            Stored cells.
        keep : Tensor of shape (n, q) or None
            Zero where a cell is hidden from the columns behind.
        order : Tensor of shape (n or 1, q)
            Keys that sort the columns.
        z : Tensor of shape (n, m, k)
            Codes, several for each row.

        Returns
        -------
        guess : Guess
            Means (n, m, q) and log-deviations (n, 1, q).
        factors : Tensor of shape (n, m, q, r)
            Mean factors.
        """
        scores = self.scores(cells) - self.center
        known = (~torch.isnan(scores)).to(scores)
        if keep is not None:
            known = known * keep
        ranked = order.argsort(1).expand(len(cells), -1)
        loading = self.loading[ranked]
        scores, known = torch.nan_to_num(scores).gather(1, ranked), known.gather(1, ranked)
        # how much is learned from a cell does not depend on what it holds, nor on the code
        covariance = torch.diag(self.prior_variance).expand(len(cells), -1, -1)
        noise, gains, variances = self.noise[ranked], [], []
        for t in range(cells.shape[1]):
            gain, variance, covariance = _gain(covariance, loading[:, t], noise[:, t], known[:, t])
            gains.append(gain)
            variances.append(variance)
        factor = z @ self.of_code.T
        means, factors = [], []
        for t in range(cells.shape[1]):
            mean = (factor @ loading[:, t, :, None])[..., 0]
            factors.append(factor)
            means.append(mean)
            factor = torch.addcmul(
                factor, gains[t][:, None], (scores[:, t, None] - mean)[..., None]
            )
        if not means:
            nothing = z[..., :0]
            return Guess(nothing, nothing), nothing[..., None].expand(-1, -1, -1, self.n_factors)
        back = ranked.argsort(1)
        variance = torch.stack(variances, 1).gather(1, back)[:, None]
        at = back[:, None].expand(-1, z.shape[1], -1)
        mean = torch.stack(means, 2).gather(2, at) + self.center
        at = at[..., None].expand(-1, -1, -1, self.n_factors)
        return Guess(mean, 0.5 * torch.log(variance)), torch.stack(factors, 2).gather(2, at)

    def tilt(self, guess: Guess, column: int) -> Tensor:
        """What a guess (n,) adds to the logits (n, n_levels) of a category.

        As if each level stood for its score: ``log p(score | seen) - log p(score)``, up to a
        constant; zero as long as nothing was seen.
        """
        start = int(self.level_offset[column])
        scores = self.level_scores[start : start + self.n_levels[column]] - self.center[column]
        loading = self.loading[column]
        usual = 0.5 / (loading @ loading + self.noise[column])
        mean = (guess.mean - self.center[column])[:, None]
        precision = 0.5 * torch.exp(-2 * guess.log_deviation)[:, None]
        return usual * scores**2 - precision * (scores - mean) ** 2 + precision * mean**2


def _gain(
    covariance: Tensor, loading: Tensor, noise: Tensor, known: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Move of the mean by unit of surprise, variance of the score, and the new covariance."""
    reach = (covariance @ loading[..., None])[..., 0]
    variance = (reach * loading).sum(1) + noise
    gain = reach * (known / variance)[:, None]
    updated = torch.baddbmm(covariance, gain[:, :, None], reach[:, None, :], alpha=-1)
    return gain, variance, updated


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
        last = torch.tensor([*columns.n_levels, *[N_HATS] * n_numbers], dtype=torch.long)
        self.n_categories = columns.n_categories
        # a vector for each level or step, and one for a missing cell
        self.register_buffer("offset", (last + 1).cumsum(0) - last - 1, persistent=False)
        self.register_buffer("missing_at", last, persistent=False)
        # not nn.Embedding: there may be no cell to embed
        vectors = torch.randn(int((last + 1).sum()), width) / max(1, len(last)) ** 0.5
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
        self.levels = nn.ModuleList()
        for n_levels in columns.n_levels:
            head = nn.Linear(width, n_levels)
            nn.init.zeros_(head.weight)
            self.levels.append(head)
        n_moving = N_MIXED - N_FIXED
        start = [torch.cat([torch.full((N_FIXED,), -2.0), torch.zeros(n_moving)])]
        # together about a standard normal
        start += [torch.linspace(-1, 1, N_FIXED), torch.linspace(-1, 1, n_moving)]
        start += [torch.full((N_MIXED,), -0.4)]
        self.number_bias = nn.Parameter(torch.cat(start).repeat(n_numbers, 1))
        self.number_weight = nn.Parameter(torch.zeros(n_numbers, width, 3 * N_MIXED))
        self.missing: list[int] = torch.tensor(columns.may_miss).nonzero().flatten().tolist()
        self.missing_weight = nn.Parameter(torch.zeros(len(self.missing), width))
        self.missing_bias = nn.Parameter(torch.zeros(len(self.missing)))

    def log_prob(
        self, hidden: Tensor, x: Tensor, guess: Guess, within: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Log-likelihood of stored cells (n, q) given hidden vectors (n, q, width): (n, q).

        ``guess`` is that of the factors, (n, q). A number whose interval ``within`` is wide counts
        with the probability of that, others with their density; a missing cell with the
        probability of being missing alone.
        """
        missing = torch.isnan(x)
        filled = torch.nan_to_num(x)
        mean, log_deviation = guess
        parts = []
        for j in range(self.n_categories):
            logits = self.level_logits(hidden[:, j], j, Guess(mean[:, j], log_deviation[:, j]))
            target = filled[:, j].long()
            parts.append(-nn.functional.cross_entropy(logits, target, reduction="none"))
        found = [torch.stack(parts, 1)] if parts else []
        if self.n_categories < x.shape[1]:
            numbers = slice(self.n_categories, None)
            outputs = torch.einsum("nqh,qho->nqo", hidden[:, numbers], self.number_weight)
            around = Guess(mean[:, numbers], log_deviation[:, numbers])
            outputs = _moved(outputs + self.number_bias, around)
            log_prob = mixture_log_prob(outputs, filled[:, numbers])
            found.append(log_prob if within is None else _with_masses(log_prob, outputs, *within))
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


def _with_masses(log_prob: Tensor, outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Put log-probabilities of wide intervals (n, m) in the place of log-densities."""
    wide = low < high
    if not wide.any():
        return log_prob
    return log_prob.masked_scatter(wide, log_mass_between(outputs[wide], low[wide], high[wide]))


def _moved(outputs: Tensor, guess: Guess) -> Tensor:
    """Put the moving normals (..., 3 * N_MIXED) where the guess (...) lies, in its units."""
    logits, means, log_scales = torch.split(outputs, N_MIXED, -1)
    mean, log_deviation = guess.mean[..., None], guess.log_deviation[..., None]
    moving = torch.addcmul(mean, torch.exp(log_deviation), means[..., N_FIXED:])
    scales = log_scales[..., N_FIXED:] + log_deviation
    parts = [logits, means[..., :N_FIXED], moving, log_scales[..., :N_FIXED], scales]
    return torch.cat(parts, -1)


def draw_levels(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one level per row of logits (n, n_levels)."""
    chosen = torch.multinomial(torch.softmax(logits, 1), 1, generator=generator)
    return chosen[:, 0].to(logits)
