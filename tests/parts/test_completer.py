"""The law of unknown cells given known ones, where it can be computed."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import kstest, norm
from torch import Tensor

from sklatent.models._vae._tabular_vae import TabularVAE
from sklatent.nn import Guess, draw_truncated, log_mass_between, mixture_parts
from sklatent.parts._completer import Completer
from sklatent.parts._prior import standard_normal

# -- truncated draws ------------------------------------------------------------------------------


def outputs_of(weights: list[float], means: list[float], scales: list[float]) -> Tensor:
    rest = [-60.0] * (6 - len(weights)), [0.0] * (6 - len(weights))
    return torch.tensor(
        [[*np.log(weights), *rest[0], *means, *rest[1], *np.log(scales), *rest[1]]],
        dtype=torch.float64,
    )


MIXTURE = outputs_of([0.3, 0.7], [-1.0, 0.5], [0.2, 1.0])
RANGES = [(-0.3, 0.4), (-np.inf, -0.9), (2.0, np.inf), (-np.inf, np.inf), (3.0, 3.0001), (6.0, 9.0)]


def closed_form(low: float, high: float) -> float:
    """Log-mass of a range, in the tail on its side, where differences are exact."""
    log_weights, means, log_scales = (part[0].numpy() for part in mixture_parts(MIXTURE))
    a, b = ((end - means) / np.exp(log_scales) for end in (low, high))
    a, b = np.where(a > 0, -b, a), np.where(a > 0, -a, b)
    with np.errstate(divide="ignore"):
        parts = norm.logcdf(b) + np.log(-np.expm1(norm.logcdf(a) - norm.logcdf(b)))
    return float(logsumexp(log_weights + parts))


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_truncated_draws_have_the_truncated_law(low: float, high: float) -> None:
    n = 4000
    generator = torch.Generator().manual_seed(0)
    drawn, log_mass = draw_truncated(MIXTURE.expand(n, -1), low, high, generator)
    x = drawn.numpy()
    assert ((x >= low) & (x <= high)).all()
    np.testing.assert_allclose(log_mass, closed_form(low, high), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(log_mass_between(MIXTURE, low, high), log_mass[:1])

    def share(x: np.ndarray) -> np.ndarray:
        masses = [closed_form(low, end) if end > low else -np.inf for end in x]
        return np.exp(np.array(masses) - closed_form(low, high))

    assert kstest(x[:400], share).pvalue > 1e-3


def test_both_tails_are_as_exact() -> None:
    """Shares near 1 have lost their digits; those near 0 have not."""
    bell = outputs_of([1.0], [0.0], [1.0])
    for far in (5.0, 8.0, 12.0, 30.0, 200.0):
        above = log_mass_between(bell, far, far + 1)
        below = log_mass_between(bell, -far - 1, -far)
        torch.testing.assert_close(above, below)
        assert float(above) == pytest.approx(norm.logcdf(-far), rel=1e-3)
        drawn, _ = draw_truncated(
            bell.expand(500, -1), far, far + 1, torch.Generator().manual_seed(0)
        )
        assert (drawn >= far).all()
        # far out the law is exponential with this rate
        assert float(drawn.mean()) - far < 1.5 / far


def test_float32_draws_stay_within() -> None:
    low, high = 0.1 + 1e-9, 0.1 + 2e-6
    outputs = MIXTURE.float().expand(1000, -1)
    drawn, log_mass = draw_truncated(outputs, low, high, torch.Generator().manual_seed(0))
    assert drawn.dtype == log_mass.dtype == torch.float32
    assert (drawn >= np.float32(low)).all()
    assert (drawn <= np.float32(high)).all()
    assert torch.isfinite(log_mass).all()


# -- completion of a module -----------------------------------------------------------------------


def module_of(blocks: tuple[tuple[str, int, int, int, bool], ...]) -> TabularVAE:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = TabularVAE(
            blocks,
            1,
            hidden_layer_sizes=(6,),
            activation="silu",
            n_ties=0,
            n_factors=2,
            interval_ties=True,
        )
        for name in ("loading", "center", "level_scores"):
            torch.nn.init.normal_(getattr(module.guide, name), std=0.7)
        torch.nn.init.normal_(module.heads.number_weight, std=0.1)
        for head in module.heads.levels:
            torch.nn.init.normal_(head.weight, std=0.3)
        torch.nn.init.normal_(module.heads.missing_bias, std=0.5)
        for parameter in module.encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        for parameter in module.trunk.parameters():
            torch.nn.init.normal_(parameter, std=2.0)
    return module.double().eval().requires_grad_(False)


def complete(module: TabularVAE, x: Tensor, limits: dict[int, Any], **kwargs: Any) -> np.ndarray:
    completer = Completer(
        module,
        standard_normal(1),
        limits,
        rng=np.random.RandomState(0),
        **{"may_miss": True, **kwargs},
    )
    return completer(x, 1)[:, 0].numpy()


def complete_alike(
    module: TabularVAE, x: Tensor, limits: dict[int, Any], n: int, **kwargs: Any
) -> np.ndarray:
    completer = Completer(
        module, standard_normal(1), limits, rng=np.random.RandomState(0), may_miss=True, **kwargs
    )
    return completer.alike(x, n).numpy()


def prior_codes(n: int = 400) -> Tensor:
    """Codes of equal weight that stand for the prior."""
    return torch.from_numpy(norm.ppf((np.arange(n) + 0.5) / n))[:, None]


CATEGORIES = (("category", 0, 1, 3, False), ("category", 1, 2, 2, True))


@lru_cache(maxsize=1)
def joint(module: TabularVAE) -> np.ndarray:
    """Probability of the rows of ``CATEGORIES``, (3, 3); the last one of a row is missing."""
    rows = torch.tensor([*product((0.0, 1.0, 2.0), (0.0, 1.0, np.nan))], dtype=torch.float64)
    z = prior_codes()[None].expand(len(rows), -1, -1)
    return module.log_likelihood(rows, z).exp().mean(1).view(3, 3).numpy()


def counts(x: np.ndarray) -> np.ndarray:
    second = np.where(np.isnan(x[:, 1]), 2, x[:, 1])
    return np.array([[((x[:, 0] == a) & (second == b)).sum() for b in range(3)] for a in range(3)])


@pytest.fixture(scope="module")
def categories() -> TabularVAE:
    return module_of(CATEGORIES)


def test_completion_of_nothing_known_is_the_joint_law(categories: TabularVAE) -> None:
    n = 1000
    x = torch.full((n, 2), torch.nan, dtype=torch.float64)
    found = counts(complete(categories, x, {})) / n
    np.testing.assert_allclose(found, joint(categories), atol=2 / n**0.5)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_completion_has_the_conditional_law(categories: TabularVAE, first: int) -> None:
    n = 1000
    x = torch.tensor([[float(first), torch.nan]], dtype=torch.float64).repeat(n, 1)
    expected = joint(categories)[first]
    found = counts(complete(categories, x, {}))
    assert found.sum() == found[first].sum() == n
    np.testing.assert_allclose(found[first] / n, expected / expected.sum(), atol=2 / n**0.5)
    # without holes: the same law, renormalized
    there = counts(complete(categories, x, {}, may_miss=False))[first]
    assert there[2] == 0
    np.testing.assert_allclose(there[:2] / n, expected[:2] / expected[:2].sum(), atol=2 / n**0.5)


def test_completion_within_allowed_levels(categories: TabularVAE) -> None:
    n = 1000
    x = torch.full((n, 2), torch.nan, dtype=torch.float64)
    found = counts(complete(categories, x, {0: np.array([True, False, True])})) / n
    expected = joint(categories).copy()
    expected[1] = 0
    np.testing.assert_allclose(found, expected / expected.sum(), atol=2 / n**0.5)


# given level 1 hardly any code has weight, and the grid of `joint` is too coarse
@pytest.mark.parametrize("first", [0, 2, None])
def test_rows_that_share_their_codes_have_the_same_law(
    categories: TabularVAE, first: int | None
) -> None:
    n = 1000
    known = float("nan") if first is None else float(first)
    x = torch.tensor([[known, torch.nan]], dtype=torch.float64)
    expected = joint(categories).copy()
    expected[[level for level in range(3) if first not in (level, None)]] = 0
    found = counts(complete_alike(categories, x, {}, n)) / n
    np.testing.assert_allclose(found, expected / expected.sum(), atol=2 / n**0.5)


def test_rows_that_share_their_codes_differ_in_what_is_limited() -> None:
    module = module_of((("number", 0, 1, 0, False), ("category", 1, 2, 2, False)))
    x = torch.full((1, 2), torch.nan, dtype=torch.float64)
    found = complete_alike(module, x, {0: (0.2, 0.9)}, 500)
    assert ((found[:, 0] >= 0.2) & (found[:, 0] <= 0.9)).all()
    assert len(np.unique(found[:, 0])) > 450
    # in random order, not in that of the codes
    assert abs(np.corrcoef(np.arange(500), found[:, 0])[0, 1]) < 0.15
    np.testing.assert_array_equal(x, np.full((1, 2), np.nan))


def test_a_limited_cell_counts_as_one_that_is_there(categories: TabularVAE) -> None:
    """Codes under which the cell would be missing are unlikely ones."""
    n = 1000
    x = torch.full((n, 2), torch.nan, dtype=torch.float64)
    limited = complete(categories, x, {1: np.array([True, True])})
    assert not np.isnan(limited).any()
    completer = Completer(
        categories,
        standard_normal(1),
        {1: np.ones(2, bool)},
        may_miss=True,
        rng=np.random.RandomState(0),
    )
    column = categories.columns.places.index(1)
    hidden = torch.randn(5, 96, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    guess = Guess(torch.zeros(5).double(), torch.zeros(5).double())
    _, log_mass = completer._draw_within(hidden, column, guess, np.ones(2, bool), None)
    logits = categories.heads.missing_logits(hidden, column)
    assert logits is not None
    torch.testing.assert_close(log_mass, torch.nn.functional.logsigmoid(-logits))


def test_completion_within_a_range_and_a_list_of_numbers() -> None:
    module = module_of((("number", 0, 1, 0, False), ("category", 1, 2, 2, False)))
    n = 1000
    grid = torch.linspace(0.2, 0.9, 15, dtype=torch.float64)
    z = prior_codes()
    rows = torch.tensor([[value, level] for value in grid for level in (0.0, 1.0)])
    density = module.log_likelihood(rows.double(), z[None].expand(len(rows), -1, -1))
    density = density.exp().mean(1).view(-1, 2).numpy()
    expected = np.trapezoid(density, grid.numpy(), axis=0)
    x = torch.full((n, 2), torch.nan, dtype=torch.float64)
    found = complete(module, x, {0: (0.2, 0.9)})
    assert ((found[:, 0] >= 0.2) & (found[:, 0] <= 0.9)).all()
    share = expected[1] / expected.sum()
    assert (found[:, 1] == 1).mean() == pytest.approx(share, abs=2 / n**0.5)
    # two values, one of which is a tie ten times as wide
    values = np.array([[0.2, 0.195, 0.205], [0.9, 0.85, 0.95]])
    found = complete(module, x, {0: values})
    assert set(found[:, 0]) == {0.2, 0.9}
    trunk = module.trunk(z)
    belief = module.guide.start(z)
    hidden = module.hidden_of(trunk, torch.zeros_like(trunk), belief, 1)
    outputs = module.heads.number_outputs(hidden, 1, module.guide.guess(belief, 1))
    weights = np.array(
        [float(log_mass_between(outputs, low, high).exp().mean()) for _, low, high in values]
    )
    assert (found[:, 0] == 0.9).mean() == pytest.approx(weights[1] / weights.sum(), abs=2 / n**0.5)


def test_known_cells_come_back_as_they_are() -> None:
    module = module_of((("number", 0, 1, 0, True), ("category", 1, 2, 2, True)))
    x = torch.tensor([[0.3, torch.nan], [torch.nan, 1.0], [0.1, 0.0]], dtype=torch.float64)
    known = ~torch.isnan(x)
    completer = Completer(
        module, standard_normal(1), {}, may_miss=False, rng=np.random.RandomState(0)
    )
    drawn = completer(x, 7)
    assert drawn.shape == (3, 7, 2)
    assert not torch.isnan(drawn).any()
    for i in range(7):
        assert torch.equal(drawn[:, i][known], x[known])
    assert len(drawn[0, :, 1].unique()) == 2 or len(drawn[1, :, 0].unique()) == 7


def test_even_draws_have_the_same_law(categories: TabularVAE) -> None:
    n = 2000
    x = torch.tensor([[0.0, torch.nan], [2.0, torch.nan]], dtype=torch.float64)
    completer = Completer(
        categories,
        standard_normal(1),
        {},
        may_miss=False,
        rng=np.random.RandomState(0),
        same_noise=True,
    )
    found = completer(x, n)
    for row, first in zip(found.numpy(), (0, 2), strict=True):
        expected = joint(categories)[first, :2]
        share = np.bincount(row[:, 1].astype(int), minlength=2) / n
        # 32 codes stand for all
        np.testing.assert_allclose(share, expected / expected.sum(), atol=0.15)
    assert torch.equal(completer(x[1:], n)[0], found[1])
