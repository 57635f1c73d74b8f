"""What a few linear factors say of each column, given the cells of a row that are known."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sklatent.nn._columns import Columns

# Correlation of a factor with its component of the code at the start.
FIDELITY = 0.95


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
        starts = [sum(columns.n_levels[:j]) for j in range(columns.n_categories)]
        offset = torch.tensor(starts, dtype=torch.long)
        self.register_buffer("level_offset", offset, persistent=False)
        self.of_code = nn.Parameter(FIDELITY * torch.eye(n_factors, n_components))
        variance = torch.ones(n_factors)
        variance[: self.n_shared] = 1 - FIDELITY**2
        self.register_buffer("prior_variance", variance, persistent=False)

    def scores(self, cells: Tensor, which: slice = slice(None)) -> Tensor:
        """Scores of the stored cells (n, m) of some columns, NaN where missing."""
        offset = self.level_offset[which]
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
