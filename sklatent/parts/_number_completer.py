"""Unknown numbers given known ones: codes by importance sampling, residuals as normal."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture
from torch import Tensor

from sklatent.nn import LOG_2PI, draw_normal_between, pick
from sklatent.parts._prior import Proposal, draw_codes
from sklatent.tabular import GaussianFill

# Codes tried per row, and the share of them that comes from the prior.
N_CODES, OF_PRIOR = 64, 0.25
# The other codes come from a normal distribution about the most likely one, found in so many steps
# of Gauss and Newton with slopes over such a way, and widened so that no weight is huge.
N_STEPS, WAY, WIDENING = 4, 0.1, 1.15
# Numbers held for the codes of one chunk of rows.
MAX_NUMBERS = 1 << 23


class NumberModule(Protocol):
    """A module whose rows are decoded codes and noise."""

    def decode_whitened(self, z: Tensor, /) -> Tensor:
        """Return the mean of the rows (n, p) of codes (n, k)."""

    def spread(self, decoded: Tensor, /) -> Tensor:
        """Return the standard deviations of cells about decoded means, of the same shape."""


class Tried(NamedTuple):
    """What is known of the codes that are tried for each row.

    Attributes
    ----------
    decoded, spread : Tensor of shape (n, m, p)
        Means of the cells, and their standard deviations.
    given : Tensor of shape (n, m, p)
        Residuals of the cells that are known or drawn, in standard deviations; NaN for the others.
    factors : Tensor of shape (n, m, r)
        Means of what residuals have in common, given those.
    covariance : Tensor of shape (n, r, r)
        Of the same.
    log_weight : Tensor of shape (n, m)
        Logarithm of the importance weights.
    """

    decoded: Tensor
    spread: Tensor
    given: Tensor
    factors: Tensor
    covariance: Tensor
    log_weight: Tensor


class Peak(NamedTuple):
    """Codes (n, k), the loss (n,) there, its curvature (n, k, k) and the next step (n, k)."""

    loss: Tensor
    code: Tensor
    precision: Tensor
    step: Tensor

    def unless(self, other: "Peak") -> "Peak":
        """Take what has the smaller loss, row by row."""
        wins = other.loss < self.loss
        pairs = zip(self, other, strict=True)
        return Peak(*(torch.where(wins.view(-1, *[1] * (a.ndim - 1)), b, a) for a, b in pairs))


class NumberCompleter:
    """Complete encoded rows, ``p(unknown | known)``, from a fitted model of numbers.

    A cell is the decoded mean of a code and a residual; the residuals of a row are normal, in
    units of their standard deviations. All rows are completed by the same codes up to where they
    lie, so that an answer does not depend on the rows beside it.

    Parameters
    ----------
    module : NumberModule
        The trained module.
    prior : GaussianMixture
        Distribution of the codes.
    residuals : GaussianFill
        Distribution of the residuals.
    propose : callable
        Gives codes where the search for the most likely one begins, from rows (n, p) with NaN.
    limits : mapping of int to ndarray of shape (n_intervals, 2)
        Where unknown cells of a column must lie.
    rng : RandomState
        For the codes.
    n_codes : int, default=64
        Codes tried per row.
    of_prior : float, default=0.25
        Share of them that comes from the prior.
    """

    def __init__(
        self,
        module: NumberModule,
        prior: GaussianMixture,
        residuals: GaussianFill,
        propose: Proposal,
        limits: Mapping[int, NDArray[np.float64]],
        *,
        rng: np.random.RandomState,
        n_codes: int = N_CODES,
        of_prior: float = OF_PRIOR,
    ) -> None:
        self.module, self.prior, self.propose = module, prior, propose
        self.residuals, self.limits = residuals, limits
        k, m = prior.means_.shape[1], max(1, round(of_prior * n_codes))
        self.of_prior = draw_codes(prior, m, rng)
        self.noise = rng.standard_normal((n_codes - m, k))
        self.uniform = rng.random_sample((2, len(limits), n_codes))
        self.generator = torch.Generator().manual_seed(rng.randint(2**31 - 1))
        self.n_codes = n_codes

    def rows_at_a_time(self, n_columns: int) -> int:
        """Tell how many rows fill the memory that one chunk may take."""
        r = int(self.residuals.factor.shape[1])
        return max(1, MAX_NUMBERS // (self.n_codes * (4 * n_columns + r) + r * r))

    # -- answers -------------------------------------------------------------------------------

    def mean(self, x: Tensor) -> Tensor:
        """Expected cells of rows (n, p), NaN where unknown."""
        tried = self._tried(x)
        expected = tried.factors @ self._like(x, self.residuals.factor).T
        residual = torch.where(torch.isnan(tried.given), expected, tried.given)
        weight = torch.softmax(tried.log_weight, 1)
        return torch.einsum("nm,nmp->np", weight, tried.decoded + tried.spread * residual)

    def draws(self, x: Tensor, n_draws: int) -> Tensor:
        """Draw completions of rows (n, p), as (n, n_draws, 3 p).

        Decoded means, normal scores of the residuals, and the cells that are known or limited,
        NaN for the others: who knows the distribution of residuals better finishes them.
        """
        tried = self._tried(x)
        weight = torch.softmax(tried.log_weight, 1)
        chosen = self._systematic(weight.double().cpu(), n_draws).to(x.device)

        def of_chosen(part: Tensor) -> Tensor:
            return part.gather(1, chosen[:, :, None].expand(-1, -1, part.shape[2]))

        decoded, spread, given, factors = map(of_chosen, tried[:4])
        factor, noise = (
            self._like(x, part) for part in (self.residuals.factor, self.residuals.noise)
        )
        eye = torch.eye(factor.shape[1], dtype=x.dtype, device=x.device)
        root = torch.linalg.cholesky(tried.covariance + 1e-9 * eye)
        common = factors + self._normal(factors) @ root.mT
        residual = common @ factor.T + noise.sqrt() * self._normal(decoded)
        scores = residual / torch.sqrt((factor**2).sum(1) + noise)
        return torch.cat([decoded, scores, decoded + spread * given], 2)

    # -- how -----------------------------------------------------------------------------------

    def _like(self, x: Tensor, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(x)

    def _normal(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.generator, dtype=torch.float64).to(like)

    def _systematic(self, weight: Tensor, n_draws: int) -> Tensor:
        """Choose codes of each row by weights (n, m) at even steps, in random order."""
        n, m = weight.shape
        offset = torch.rand(n, 1, generator=self.generator, dtype=torch.float64)
        steps = (torch.arange(n_draws) + offset) / n_draws
        order = torch.rand(n, n_draws, generator=self.generator).argsort(1)
        chosen = torch.searchsorted(weight.cumsum(1), steps).clamp(max=m - 1)
        return chosen.gather(1, order)

    def _tried(self, x: Tensor) -> Tried:
        known = ~torch.isnan(x)
        z, log_weight = self._codes(x, known)
        decoded = self._decoded(z)
        spread = self.module.spread(decoded)
        given = (x[:, None] - decoded) / spread
        residuals = _Residuals(self.residuals, known, x)
        factors, squares = residuals.given(torch.nan_to_num(given))
        logs = torch.where(known[:, None], torch.log(spread), 0.0).sum(2)
        tried = Tried(
            decoded,
            spread,
            given,
            factors,
            residuals.covariance(),
            log_weight - 0.5 * squares - logs,
        )
        for i, (column, intervals) in enumerate(self.limits.items()):
            tried = self._within(tried, column, self._like(x, intervals), self.uniform[:, i])
        return tried

    def _decoded(self, z: Tensor) -> Tensor:
        return self.module.decode_whitened(z.reshape(-1, z.shape[2])).view(*z.shape[:2], -1)

    def _within(
        self, tried: Tried, column: int, intervals: Tensor, uniform: NDArray[np.float64]
    ) -> Tried:
        """Draw the cells of a column within intervals where they are unknown, and weigh codes."""
        unknown = torch.isnan(tried.given[:, 0, column])
        factor = self._like(tried.decoded, self.residuals.factor[column])
        common = tried.covariance @ factor
        variance = common @ factor + float(self.residuals.noise[column])
        mean, scale = tried.factors @ factor, torch.sqrt(variance)[:, None]
        ends = (intervals - tried.decoded[:, :, column, None, None]) / tried.spread[
            :, :, column, None, None
        ]
        ends = ((ends - mean[:, :, None, None]) / scale[:, :, None, None]).double()
        pick_one, place = (self._like(ends, part) for part in uniform)
        every = place[None, :, None].expand(ends.shape[:3])
        drawn, log_mass = draw_normal_between(ends[..., 0], ends[..., 1], every.contiguous())
        total = torch.logsumexp(log_mass, 2)
        share = torch.softmax(log_mass, 2).reshape(-1, len(intervals))
        chosen = pick(share, pick_one.repeat(len(mean))).view(*mean.shape, 1)
        score = drawn.gather(2, chosen)[:, :, 0].to(mean)
        where = unknown[:, None]
        given = tried.given.clone()
        given[:, :, column] = torch.where(where, mean + scale * score, given[:, :, column])
        # what this cell tells of the others, as in a filter of Kalman
        gain = torch.where(where, common / scale, 0.0)
        return tried._replace(
            given=given,
            factors=tried.factors + score[:, :, None] * gain[:, None],
            covariance=tried.covariance - gain[:, :, None] * gain[:, None],
            log_weight=tried.log_weight + torch.where(where, total.to(mean), 0.0),
        )

    def _codes(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Draw codes (n, m, k), and give the logarithm of prior over proposal (n, m)."""
        of_prior = self._like(x, self.of_prior).expand(len(x), -1, -1)
        m = of_prior.shape[1]
        if m == self.n_codes:
            return of_prior, x.new_zeros(len(x), m)
        center, precision = self._most_likely(x, known)
        root = WIDENING * torch.linalg.cholesky(torch.linalg.inv(precision))
        z = torch.cat([center[:, None] + self._like(x, self.noise) @ root.mT, of_prior], 1)
        standard = torch.linalg.solve_triangular(root, (z - center[:, None]).mT, upper=False)
        log_normal = -0.5 * (standard**2).sum(1) - 0.5 * z.shape[2] * LOG_2PI
        log_normal -= torch.log(root.diagonal(dim1=1, dim2=2)).sum(1)[:, None]
        flat = z.reshape(-1, z.shape[2]).double().cpu().numpy()
        log_prior = torch.from_numpy(self.prior.score_samples(flat)).to(x).view(z.shape[:2])
        share = torch.log(x.new_tensor([1 - m / self.n_codes, m / self.n_codes]))
        return z, log_prior - torch.logaddexp(log_normal + share[0], log_prior + share[1])

    def _most_likely(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Find the most likely codes (n, k) of rows, and the precision (n, k, k) about them.

        The prior is taken as one normal distribution, and steps that make a code less likely are
        not kept.
        """
        x, known = self._guessed(x, known)
        residuals = _Residuals(self.residuals, known, x)
        weights, means = self.prior.weights_, self.prior.means_
        mean = weights @ means
        within = np.einsum("c,cij->ij", weights, self.prior.covariances_)
        between = np.einsum("c,ci,cj->ij", weights, means - mean, means - mean)
        prior_mean = self._like(x, mean)
        prior = self._like(x, np.linalg.inv(within + between))
        way = WAY * torch.eye(len(mean), dtype=x.dtype, device=x.device)

        def about(z: Tensor) -> Peak:
            decoded = self._decoded(torch.cat([z[:, None], z[:, None] + way], 1))
            spread = self.module.spread(decoded[:, 0])
            slope = (decoded[:, 1:] - decoded[:, :1]) / (WAY * spread[:, None])
            rest = torch.nan_to_num((x - decoded[:, 0]) / spread)
            weighted, off = residuals.weighted(slope), prior_mean - z
            squares = residuals.given(rest[:, None])[1][:, 0] + ((off @ prior) * off).sum(1)
            precision = weighted @ slope.mT + prior
            uphill = (weighted @ rest[:, :, None])[:, :, 0] + off @ prior
            loss = 0.5 * squares + torch.where(known, torch.log(spread), 0.0).sum(1)
            return Peak(loss, z, precision, torch.linalg.solve(precision, uphill))

        best = last = about(self.propose(x)[0])
        for _ in range(N_STEPS):
            last = about(last.code + last.step)
            best = best.unless(last)
        return best.code, best.precision

    def _guessed(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Put the ends of intervals that are off the mean in unknown cells, for the proposal."""
        if not self.limits:
            return x, known
        x = x.clone()
        for column, intervals in self.limits.items():
            low, high = float(intervals.min()), float(intervals.max())
            guess = float(np.clip(0.0, low, high))
            if guess != 0.0 or high - low < 1.0:
                x[:, column] = torch.where(known[:, column], x[:, column], guess)
        return x, ~torch.isnan(x)


class _Residuals:
    """What the known residuals of each row tell: shape (n, p) for all rows at once."""

    def __init__(self, law: GaussianFill, known: Tensor, like: Tensor) -> None:
        self.factor = torch.from_numpy(np.ascontiguousarray(law.factor)).to(like)
        noise = torch.from_numpy(np.ascontiguousarray(law.noise)).to(like)
        self.precise = torch.where(known, 1.0 / noise, 0.0)
        products = torch.einsum("pr,np,ps->nrs", self.factor, self.precise, self.factor)
        eye = torch.eye(products.shape[1], dtype=like.dtype, device=like.device)
        self.root = torch.linalg.cholesky(products + eye)

    def covariance(self) -> Tensor:
        """Covariance (n, r, r) of the factors given known residuals."""
        return torch.cholesky_inverse(self.root)

    def given(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Means (n, m, r) of the factors given residuals (n, m, p), and squares of these (n, m).

        The squares are minus twice the log-density up to what is the same for all residuals of a
        row.
        """
        weighted = residual * self.precise[:, None]
        projected = weighted @ self.factor
        factors = torch.cholesky_solve(projected.mT, self.root).mT
        return factors, (weighted * residual).sum(2) - (projected * factors).sum(2)

    def weighted(self, residual: Tensor) -> Tensor:
        """Residuals (n, k, p) times the inverse of their covariance, 0 for unknown ones."""
        factors, _ = self.given(torch.where(self.precise[:, None] > 0, residual, 0.0))
        return (residual - factors @ self.factor.T) * self.precise[:, None]
