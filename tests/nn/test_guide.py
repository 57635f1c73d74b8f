"""Linear factors: their beliefs are those of the joint normal distribution, whatever is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sklatent.nn import FactorGuide, columns_of
from sklatent.nn._cells import FIDELITY

# Stored: a category of 3 levels, then three numbers.
COLUMNS = columns_of(
    (
        ("number", 0, 1, 0, True),
        ("category", 1, 2, 3, True),
        ("number", 2, 3, 0, False),
        ("number", 3, 4, 0, False),
    )
)
N, R, K = 12, 2, 3


@pytest.fixture
def guide() -> FactorGuide:
    draws = torch.Generator().manual_seed(0)
    module = FactorGuide(COLUMNS, R, K).double().requires_grad_(False)
    for name in ("loading", "center", "level_scores"):
        getattr(module, name).normal_(generator=draws)
    module.noise.uniform_(0.2, 1.0, generator=draws)
    return module


@pytest.fixture
def cells() -> Tensor:
    draws = torch.Generator().manual_seed(1)
    x = torch.randn(N, 4, generator=draws, dtype=torch.float64)
    x[:, 0] = torch.randint(0, 3, (N,), generator=draws)
    x[torch.rand(N, 4, generator=draws) < 0.2] = torch.nan
    return x


@pytest.fixture
def codes() -> Tensor:
    return torch.randn(N, 2, K, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def joint(guide: FactorGuide) -> tuple[Tensor, Tensor]:
    """Mean and covariance of (code, factors, scores), with codes as they are at the start."""
    shared = min(R, K)
    code_of = torch.zeros(K, R, dtype=torch.float64)
    code_of[:shared, :shared] = FIDELITY * torch.eye(shared)
    one = torch.eye(R, dtype=torch.float64)
    maps = torch.cat([code_of, one, guide.loading])
    own = torch.ones(K, dtype=torch.float64)
    own[:shared] = 1 - FIDELITY**2
    variances = torch.cat([own, torch.zeros(R).double(), guide.noise])
    mean = torch.cat([torch.zeros(K + R).double(), guide.center])
    return mean, maps @ maps.T + torch.diag(variances)


def conditional(
    guide: FactorGuide, values: Tensor, known: Tensor, wanted: list[int]
) -> tuple[Tensor, Tensor]:
    """Mean and covariance of some variables given those that are known, by brute force."""
    mean, covariance = joint(guide)
    at = torch.nonzero(known)[:, 0]
    cross = covariance[wanted][:, at]
    gain = torch.linalg.solve(covariance[at][:, at], cross.T).T
    found = mean[wanted] + gain @ (values[at] - mean[at])
    return found, covariance[wanted][:, wanted] - gain @ cross.T


@pytest.mark.parametrize("shuffled", [False, True])
def test_guesses_are_conditional_distributions(
    guide: FactorGuide, cells: Tensor, codes: Tensor, shuffled: bool
) -> None:
    draws = torch.Generator().manual_seed(3)
    keep = (torch.rand(N, 4, generator=draws) < 0.7).double()
    order = torch.rand(N if shuffled else 1, 4, generator=draws)
    guess, factors = guide.along(cells, keep, order, codes)
    scores = guide.scores(cells)
    for i in range(N):
        key = order[i if shuffled else 0]
        for m in range(2):
            values = torch.cat([codes[i, m], torch.zeros(R).double(), torch.nan_to_num(scores[i])])
            for column in range(4):
                before = (key < key[column]) & (keep[i] > 0) & ~torch.isnan(scores[i])
                known = torch.cat([torch.ones(K) > 0, torch.zeros(R) > 0, before])
                mean, covariance = conditional(guide, values, known, [K + R + column])
                torch.testing.assert_close(guess.mean[i, m, column], mean[0])
                deviation = torch.exp(guess.log_deviation[i, 0, column])
                torch.testing.assert_close(deviation**2, covariance[0, 0])
                mean, _ = conditional(guide, values, known, [K, K + 1])
                torch.testing.assert_close(factors[i, m, column], mean)


def test_all_at_once_is_cell_by_cell(guide: FactorGuide, cells: Tensor, codes: Tensor) -> None:
    belief = guide.start(codes[:, 0])
    for column in (2, 0, 3, 1):
        belief = guide.seen(belief, cells[:, column], column)
    together = guide.given(cells, codes[:, 0])
    torch.testing.assert_close(belief.mean, together.mean)
    torch.testing.assert_close(belief.covariance, together.covariance)


def test_codes_are_inferred_from_the_cells_that_are_known(
    guide: FactorGuide, cells: Tensor
) -> None:
    mean, variance = guide.code_posterior(cells)
    scores = guide.scores(cells)
    for i in range(N):
        values = torch.cat([torch.zeros(K + R).double(), torch.nan_to_num(scores[i])])
        known = torch.cat([torch.zeros(K + R) > 0, ~torch.isnan(scores[i])])
        expected, covariance = conditional(guide, values, known, [0, 1])
        torch.testing.assert_close(mean[i], expected)
        torch.testing.assert_close(variance[i], covariance.diagonal())


def test_levels_are_as_likely_as_their_scores(
    guide: FactorGuide, cells: Tensor, codes: Tensor
) -> None:
    belief = guide.start(codes[:, 0])
    for column in (1, 2):
        belief = guide.seen(belief, cells[:, column], column)
    guess = guide.guess(belief, 0)
    usual = (guide.loading[0] @ guide.loading[0] + guide.noise[0]).sqrt()
    scores = guide.level_scores
    given = torch.distributions.Normal(guess.mean[:, None], guess.log_deviation.exp()[:, None])
    alone = torch.distributions.Normal(guide.center[0], usual)
    expected = given.log_prob(scores) - alone.log_prob(scores)
    torch.testing.assert_close(
        torch.log_softmax(guide.tilt(guess, 0), 1), torch.log_softmax(expected, 1)
    )


def test_without_factors_scores_are_standard_normal(cells: Tensor, codes: Tensor) -> None:
    guide = FactorGuide(COLUMNS, 1, K).double()
    guess, _ = guide.along(cells, None, torch.arange(4.0)[None], codes)
    assert (guess.mean == 0).all()
    assert (guess.log_deviation == 0).all()
    mean, variance = guide.code_posterior(cells)
    assert (mean == 0).all()
    torch.testing.assert_close(variance, torch.ones_like(variance))
    assert (guide.tilt(guide.guess(guide.start(codes[:, 0]), 0), 0) == 0).all()
