"""Unknown cells drawn given known ones: importance sampling of codes, then column by column."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from sklatent.nn import (
    Belief,
    ColumnHeads,
    Columns,
    FactorGuide,
    Guess,
    draw_levels,
    draw_mixture,
    draw_truncated,
    gaussian_log_prob,
    log_mass_between,
    mixture_parts,
    pick,
)
from sklatent.parts._prior import draw_codes

# Codes tried per row; half of them come from the encoder, half from the prior. Rows that have the
# same cells known share theirs, so many for each row and at least so many.
N_PARTICLES = 32
SHARED_PARTICLES, FEWEST_SHARED = 8, 1024
# Numbers held for the particles of one chunk: bounds the memory, whatever the number of columns.
MAX_NUMBERS = 1 << 25
# The encoder's part of the proposal is wider than the posterior, so that no weight is huge.
WIDENING = 1.2


class Completable(Protocol):
    """A module whose columns can be drawn one by one, given a code and any other cells."""

    columns: Columns
    places: Tensor
    heads: ColumnHeads
    widest: int

    @property
    def guide(self) -> FactorGuide:
        """What the columns expect of one another."""

    def trunk(self, z: Tensor, /) -> Tensor:
        """Return what columns read of codes."""

    def infer_stored(self, cells: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the codes given stored cells."""

    def known_context(self, cells: Tensor) -> Tensor:
        """Return what columns read of the cells that are known."""

    def known_log_likelihood(self, cells: Tensor, z: Tensor) -> Tensor:
        """Return the log-likelihood of the cells that are known."""

    def hidden_of(self, trunk: Tensor, context: Tensor, belief: Belief, column: int) -> Tensor:
        """Return the hidden vector of one column."""

    def vector_of(self, cells: Tensor, column: int) -> Tensor:
        """Return what others read of the cells of one column."""

    def draw_cells(
        self, hidden: Tensor, column: int, guess: Guess, generator: torch.Generator
    ) -> Tensor:
        """Draw the cells of one column."""


class Particles(NamedTuple):
    """What is known of each code that is tried.

    Attributes
    ----------
    trunk, context : Tensor of shape (n_particles, width)
        Of the code, and of the cells that are known.
    cells : Tensor of shape (n_particles, q)
        The stored cells, NaN where unknown.
    belief : Belief
        What the guide expects of the others.
    """

    trunk: Tensor
    context: Tensor
    cells: Tensor
    belief: Any


class Completer:
    """Draw unknown cells given known ones, ``p(unknown | known)``, from a fitted model.

    Codes are drawn from the encoder and from the prior and weighed by the likelihood of the known
    cells (importance sampling); columns that are limited follow, drawn within their limits and
    weighing by the probability of these; then a code is chosen by weight, and the other columns
    are drawn in turn, each given the known cells and those drawn before.

    Parameters
    ----------
    module : Completable
        The trained module.
    prior : GaussianMixture
        Distribution of the codes.
    limits : mapping of int to ndarray or tuple
        By column of the table: the levels allowed, as a mask; score, least and greatest score
        of each value allowed, as rows; or the least and greatest score.
    may_miss : bool
        Whether unknown cells may be drawn as missing.
    rng : RandomState
        For codes of the prior and, seeded from it, all else.
    same_noise : bool, default=False
        Whether all rows are completed by the same random numbers, which cover their range evenly:
        the completions of a row then do not depend on the rows beside it, their mean is more
        exact, but those of two rows go together. Not with missing cells.
    """

    def __init__(
        self,
        module: Completable,
        prior: GaussianMixture,
        limits: Mapping[int, Any],
        *,
        may_miss: bool,
        rng: np.random.RandomState,
        same_noise: bool = False,
    ) -> None:
        self.module, self.prior, self.may_miss, self.rng = module, prior, may_miss, rng
        self.same_noise = same_noise
        places = {place: i for i, place in enumerate(module.columns.places)}
        self.limits = {places[at]: limit for at, limit in limits.items() if at in places}
        device = module.places.device
        self.seed = rng.randint(2**31 - 1)
        self.generator = torch.Generator(device=device).manual_seed(self.seed)

    def __call__(self, x: Tensor, n_draws: int) -> Tensor:
        """Complete rows (n, p), NaN where unknown, ``n_draws`` times: (n, n_draws, p)."""
        n, m = len(x), N_PARTICLES
        if self.same_noise:
            self.generator.manual_seed(self.seed)
            self.rng = np.random.RandomState(self.seed)
        particles, weight = self._weighed(x, m)
        if self.same_noise:
            chosen = self._systematic(weight, n_draws)
        else:
            chosen = torch.multinomial(weight, n_draws, replacement=True, generator=self.generator)
        chosen = (chosen + m * torch.arange(n, device=x.device)[:, None]).view(-1)
        repeated = x.repeat_interleave(n_draws, 0)
        return self._finished(repeated, particles, chosen, n_draws).view(n, n_draws, -1)

    def alike(self, x: Tensor, n_draws: int) -> Tensor:
        """Complete one row (1, p) ``n_draws`` times from one set of codes: (n_draws, p).

        Systematic resampling takes a code twice only if it weighs as much as several others: what
        is drawn within a limit comes with the code.
        """
        affordable = max(N_PARTICLES, MAX_NUMBERS // self.module.widest)
        m = min(max(FEWEST_SHARED, SHARED_PARTICLES * n_draws), affordable)
        particles, weight = self._weighed(x, m)
        chosen = self._systematic(weight, n_draws)[0]
        chosen = chosen[torch.randperm(n_draws, generator=self.generator, device=x.device)]
        return self._finished(x.expand(n_draws, -1).clone(), particles, chosen, n_draws)

    def _systematic(self, weight: Tensor, n_draws: int) -> Tensor:
        """Choose particles of each row by weights (n, m) at even steps: (n, n_draws)."""
        n, m = weight.shape
        offset = torch.rand(1, generator=self.generator, device=weight.device).double()
        steps = (torch.arange(n_draws, device=weight.device) + offset) / n_draws
        steps = steps.expand(n, -1).contiguous()
        return torch.searchsorted(weight.double().cumsum(1), steps).clamp(max=m - 1)

    def _even(self, n_draws: int) -> Tensor:
        """Uniform numbers (2, n_draws), each row one in each of ``n_draws`` equal intervals."""
        options: dict[str, Any] = {"generator": self.generator, "device": self.generator.device}
        place = torch.rand(2, n_draws, **options).argsort(1)
        return (place + torch.rand(2, n_draws, dtype=torch.float64, **options)) / n_draws

    def _weighed(self, x: Tensor, m: int) -> tuple[Particles, Tensor]:
        """Draw ``m`` codes for each row, and their limited cells; give weights (n, m), too."""
        n = len(x)
        cells = x[:, self.module.places]
        z, log_weight = self._codes(cells, m)
        log_weight = log_weight + self.module.known_log_likelihood(cells, z)
        trunk = self.module.trunk(z.view(n * m, -1))
        context = self.module.known_context(cells).repeat_interleave(m, 0)
        guide = self.module.guide
        cells = cells.repeat_interleave(m, 0)
        belief = guide.given(cells, z.view(n * m, -1))
        for column in self._ordered(limited=True):
            hidden = self.module.hidden_of(trunk, context, belief, column)
            guess = guide.guess(belief, column)
            noise = self._even(m).repeat(1, n) if self.same_noise else None
            new, log_mass = self._draw_within(hidden, column, guess, self.limits[column], noise)
            unknown = torch.isnan(cells[:, column])
            new = torch.where(unknown, new, cells[:, column])
            # known cells were counted at the start
            added = torch.where(unknown[:, None], self.module.vector_of(new, column), 0.0)
            belief = guide.seen(belief, torch.where(unknown, new, torch.nan), column)
            cells = torch.cat([cells[:, :column], new[:, None], cells[:, column + 1 :]], 1)
            context = context + added
            log_weight = log_weight + torch.where(unknown, log_mass, 0.0).view(n, m)
        return Particles(trunk, context, cells, belief), torch.softmax(log_weight, 1)

    def _finished(self, x: Tensor, particles: Particles, chosen: Tensor, n_draws: int) -> Tensor:
        """Draw the other cells of rows (n, p), ``n_draws`` at a time, each from its particle."""
        guide = self.module.guide
        trunk, context, cells, belief = particles
        trunk, context, cells = trunk[chosen], context[chosen], cells[chosen]
        belief = belief.at(chosen)
        for column in self._ordered(limited=False):
            # as many random numbers, whatever is unknown
            even = self._even(n_draws) if self.same_noise else None
            unknown = torch.isnan(cells[:, column]).nonzero()[:, 0]
            if len(unknown):
                here = belief.at(unknown)
                hidden = self.module.hidden_of(trunk[unknown], context[unknown], here, column)
                noise = None if even is None else even[:, unknown % n_draws]
                drawn = self._draw(hidden, column, guide.guess(here, column), noise)
                new = cells[:, column].index_copy(0, unknown, drawn)
                # known cells were counted at the start
                fresh = torch.full_like(new, torch.nan).index_copy(0, unknown, drawn)
                belief = guide.seen(belief, fresh, column)
                added = torch.zeros_like(context)
                added[unknown] = self.module.vector_of(new[unknown], column)
                cells = torch.cat([cells[:, :column], new[:, None], cells[:, column + 1 :]], 1)
                context = context + added
        x[:, self.module.places] = cells
        return x

    def _ordered(self, *, limited: bool) -> list[int]:
        order = self.module.columns.in_table_order
        return [column for column in order if (column in self.limits) is limited]

    def _codes(self, cells: Tensor, m: int) -> tuple[Tensor, Tensor]:
        """Draw codes (n, m, k) and give their log-weights (n, m)."""
        mean, log_variance = self.module.infer_stored(cells, (~torch.isnan(cells)).to(cells))
        spread = WIDENING * torch.exp(0.5 * log_variance)
        n, k = mean.shape
        half, fresh = m // 2, 1 if self.same_noise else n
        noise = torch.empty(fresh, m - half, k, dtype=mean.dtype, device=mean.device)
        noise.normal_(generator=self.generator)
        of_encoder = mean[:, None] + spread[:, None] * noise
        of_prior = torch.from_numpy(draw_codes(self.prior, fresh * half, self.rng)).to(mean)
        z = torch.cat([of_encoder, of_prior.view(fresh, half, k).expand(n, -1, -1)], 1)
        flat = z.reshape(-1, k).double().cpu().numpy()
        log_prior = torch.from_numpy(self.prior.score_samples(flat)).to(mean).view(n, m)
        log_encoder = gaussian_log_prob(z, mean[:, None], torch.log(spread)[:, None]).sum(2)
        share = torch.tensor([(m - half) / m, half / m]).to(mean).log()
        log_proposal = torch.logaddexp(log_encoder + share[0], log_prior + share[1])
        return z, log_prior - log_proposal

    def _draw(self, hidden: Tensor, column: int, guess: Guess, noise: Tensor | None) -> Tensor:
        if self.may_miss:
            return self.module.draw_cells(hidden, column, guess, self.generator)
        heads = self.module.heads
        if column < heads.n_categories:
            return self._draw_levels(heads.level_logits(hidden, column, guess), noise)
        outputs = heads.number_outputs(hidden, column, guess)
        if noise is None:
            return draw_mixture(outputs, self.generator)
        log_weights, means, log_scales = mixture_parts(outputs)
        chosen = pick(torch.exp(log_weights), noise[0])
        normal = torch.special.ndtri(noise[1]).to(means)[:, None]
        drawn: Tensor = means.gather(1, chosen) + torch.exp(log_scales.gather(1, chosen)) * normal
        return drawn[:, 0]

    def _draw_levels(self, logits: Tensor, noise: Tensor | None) -> Tensor:
        if noise is None:
            return draw_levels(logits, self.generator)
        return pick(torch.softmax(logits, 1), noise[0])[:, 0].to(logits)

    def _draw_within(
        self, hidden: Tensor, column: int, guess: Guess, limit: Any, noise: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Draw cells (n,) within a limit, and give the log-probability (n,) that it holds."""
        heads = self.module.heads
        if column < heads.n_categories:
            logits = heads.level_logits(hidden, column, guess)
            allowed = torch.from_numpy(limit).to(logits.device)
            within = logits.masked_fill(~allowed, -torch.inf)
            log_mass = torch.logsumexp(within, 1) - torch.logsumexp(logits, 1)
            drawn = self._draw_levels(within, noise)
        elif isinstance(limit, tuple):
            outputs = heads.number_outputs(hidden, column, guess)
            drawn, log_mass = draw_truncated(outputs, limit[0], limit[1], self.generator, noise)
        else:
            outputs = heads.number_outputs(hidden, column, guess)
            # one by one: all at once would fill the memory
            each = [log_mass_between(outputs, low, high) for _, low, high in limit.tolist()]
            log_masses = torch.stack(each, 1)
            chosen = self._draw_levels(log_masses, noise).long()
            drawn = torch.from_numpy(limit[:, 0]).to(outputs)[chosen]
            log_mass = torch.logsumexp(log_masses, 1)
        missing = heads.missing_logits(hidden, column)
        if missing is not None:  # a cell that obeys is there
            log_mass = log_mass + torch.nn.functional.logsigmoid(-missing)
        return drawn, log_mass
