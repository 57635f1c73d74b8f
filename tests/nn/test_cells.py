"""Cells of mixed tables: densities are those of torch.distributions, missing cells are a coin."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, MixtureSameFamily, Normal

from sklatent.nn import (
    CellEmbedding,
    ColumnHeads,
    Guess,
    columns_of,
    mixture_log_prob,
    mixture_parts,
)
from sklatent.nn._cells import N_HATS, REACH
from sklatent.nn._mixtures import N_MIXED

# In the order of the table: a number with holes, two categories, a constant, a plain number.
BLOCKS = (
    ("number", 0, 1, 0, True),
    ("category", 1, 2, 3, True),
    ("constant", 2, 3, 1, False),
    ("category", 3, 4, 4, False),
    ("number", 4, 5, 0, False),
)
COLUMNS = columns_of(BLOCKS)
WIDTH = 5


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def scrambled(module: torch.nn.Module, generator: torch.Generator) -> torch.nn.Module:
    """Weights that are nowhere zero, as after training."""
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module.requires_grad_(False)


@pytest.fixture
def heads(generator: torch.Generator) -> ColumnHeads:
    module = scrambled(ColumnHeads(COLUMNS, WIDTH, n_factors=2, n_components=2), generator)
    assert isinstance(module, ColumnHeads)
    for name in ("loading", "center", "level_scores"):
        getattr(module.guide, name).normal_(generator=generator)
    return module


@pytest.fixture
def guess(generator: torch.Generator) -> Guess:
    """What factors might say of 40 rows, some of it quite sure."""
    draws = torch.randn(2, 40, 4, generator=generator, dtype=torch.float64)
    return Guess(draws[0], 0.5 * draws[1])


def of_column(guess: Guess, column: int) -> Guess:
    return Guess(*(part[:, column] for part in guess))


@pytest.fixture
def hidden(generator: torch.Generator) -> Tensor:
    return torch.randn(40, 4, WIDTH, generator=generator, dtype=torch.float64)


@pytest.fixture
def cells(generator: torch.Generator) -> Tensor:
    """Stored order: categories of 3 and 4 levels, then the numbers; holes where there may be."""
    x = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    x[:, 0] = torch.randint(0, 3, (40,), generator=generator)
    x[:, 1] = torch.randint(0, 4, (40,), generator=generator)
    x[::3, 0] = torch.nan
    x[::4, 2] = torch.nan
    return x


def normal_mixture(outputs: Tensor) -> MixtureSameFamily:
    logits, means, log_scales = outputs.split(N_MIXED, -1)
    scales = torch.exp(log_scales.clamp(-6, 2))
    return MixtureSameFamily(Categorical(logits=logits), Normal(means, scales))


def test_columns_are_stored_categories_first_and_know_where_they_stand() -> None:
    assert COLUMNS.places == (1, 3, 0, 4)
    assert COLUMNS.n_levels == (3, 4)
    assert COLUMNS.may_miss == (True, False, True, False)
    assert [COLUMNS.places[i] for i in COLUMNS.in_table_order] == [0, 1, 3, 4]


def test_mixtures_are_those_of_torch_distributions(generator: torch.Generator) -> None:
    outputs = 2 * torch.randn(50, 3 * N_MIXED, generator=generator, dtype=torch.float64)
    x = 3 * torch.randn(50, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(mixture_log_prob(outputs, x), normal_mixture(outputs).log_prob(x))
    log_weights, _, log_scales = mixture_parts(outputs)
    torch.testing.assert_close(log_weights.exp().sum(1), torch.ones(50, dtype=torch.float64))
    assert log_scales.min() >= -6
    assert log_scales.max() <= 2


def test_each_cell_has_the_likelihood_of_its_kind(
    heads: ColumnHeads, hidden: Tensor, cells: Tensor, guess: Guess
) -> None:
    found = heads.log_prob(hidden, cells, guess, None)
    for column in range(4):
        h, x = hidden[:, column], cells[:, column]
        there = ~torch.isnan(x)
        around = Guess(*(part[there] for part in of_column(guess, column)))
        if column < 2:
            law = Categorical(logits=heads.level_logits(h[there], column, around))
        else:
            law = normal_mixture(heads.number_outputs(h[there], column, around))
        expected = torch.zeros_like(x)
        expected[there] = law.log_prob(x[there])
        logits = heads.missing_logits(h, column)
        assert (logits is None) == (column in (1, 3))
        if logits is not None:
            expected += Bernoulli(logits=logits).log_prob((~there).double())
        torch.testing.assert_close(found[:, column], expected)


def test_numbers_start_near_the_guess_and_levels_at_it() -> None:
    heads = ColumnHeads(COLUMNS, WIDTH, n_factors=1, n_components=1).double()
    heads.requires_grad_(False)
    heads.guide.level_scores.copy_(torch.linspace(-1, 1, 7))
    hidden = torch.randn(1, WIDTH, dtype=torch.float64)
    mean, deviation = 1.3, 0.2
    around = Guess(torch.tensor([mean]), torch.tensor([deviation]).log())
    mixture = normal_mixture(heads.number_outputs(hidden, 3, around))
    moving = mixture.component_distribution.mean[0, 3:]
    assert float(moving.mean()) == pytest.approx(mean)
    assert float(moving.max() - mean) == pytest.approx(deviation)
    # some of the weight stands by itself at zero
    assert float(mixture.mean) == pytest.approx(mean, abs=0.2)
    logits = heads.level_logits(hidden, 1, around)
    torch.testing.assert_close(logits - heads.levels[1].bias, heads.guide.tilt(around, 1))


def test_missing_cells_count_with_their_coin_alone_and_leave_no_nan(
    heads: ColumnHeads, hidden: Tensor, guess: Guess
) -> None:
    missing = torch.full((40, 4), torch.nan, dtype=torch.float64)
    hidden = hidden.requires_grad_()
    found = heads.log_prob(hidden, missing, guess, None)
    for column in (0, 2):
        logits = heads.missing_logits(hidden[:, column], column)
        assert logits is not None
        torch.testing.assert_close(found[:, column], torch.nn.functional.logsigmoid(logits))
    # what was never missing has no coin
    assert (found[:, [1, 3]] == 0).all()
    (gradient,) = torch.autograd.grad(found.sum(), hidden)
    assert torch.isfinite(gradient).all()


def test_levels_and_holes_sum_to_one(heads: ColumnHeads, hidden: Tensor, guess: Guess) -> None:
    total = torch.zeros(40, dtype=torch.float64)
    for value in (0.0, 1.0, 2.0, math.nan):
        x = torch.full((40, 4), value, dtype=torch.float64)
        total += heads.log_prob(hidden, x, guess, None)[:, 0].exp()
    torch.testing.assert_close(total, torch.ones_like(total))


def test_numbers_and_holes_integrate_to_one(
    heads: ColumnHeads, hidden: Tensor, guess: Guess
) -> None:
    grid = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
    x = grid[:, None].repeat(1, 4)
    density = heads.log_prob(
        hidden[:1].expand(len(grid), -1, -1),
        torch.cat([torch.zeros_like(x[:, :2]), x[:, 2:]], 1),
        Guess(*(part[:1].expand(len(grid), -1) for part in guess)),
        None,
    ).exp()
    area = density.sum(0) * (grid[1] - grid[0])
    hole = heads.missing_logits(hidden[:1, 2], 2)
    assert hole is not None
    assert float(area[2] + torch.sigmoid(hole)[0]) == pytest.approx(1.0, abs=1e-3)
    assert float(area[3]) == pytest.approx(1.0, abs=1e-3)


def test_numbers_are_embedded_along_a_polygon(generator: torch.Generator) -> None:
    module = scrambled(CellEmbedding(columns_of((("number", 0, 1, 0, True),)), WIDTH), generator)
    vectors = module.get_parameter("vectors").detach()
    knots = torch.linspace(-REACH, REACH, N_HATS, dtype=torch.float64)
    torch.testing.assert_close(module(knots[:, None])[:, 0], vectors[:N_HATS])
    middle = (knots[1:] + knots[:-1]) / 2
    torch.testing.assert_close(
        module(middle[:, None])[:, 0], (vectors[1:N_HATS] + vectors[: N_HATS - 1]) / 2
    )
    # beyond its reach a number counts as the end; a hole has a vector of its own
    out = module(torch.tensor([[-99.0], [99.0], [math.nan]], dtype=torch.float64))[:, 0]
    torch.testing.assert_close(out, vectors[[0, N_HATS - 1, N_HATS]])


def test_embedding_one_column_is_the_column_of_all_of_them(
    generator: torch.Generator, cells: Tensor
) -> None:
    module = scrambled(CellEmbedding(COLUMNS, WIDTH), generator)
    assert isinstance(module, CellEmbedding)
    together = module(cells)
    assert torch.isfinite(together).all()
    for column in range(4):
        alone = module.columns(cells[:, column : column + 1], slice(column, column + 1))
        torch.testing.assert_close(alone[:, 0], together[:, column])
    # levels, holes and columns share no vector
    seen = torch.cat([together[:, 0], together[:, 1]]).unique(dim=0)
    assert len(seen) == 3 + 1 + 4


@pytest.mark.parametrize("blocks", [(), (("constant", 0, 1, 1, False),)])
def test_no_column_that_varies(blocks: tuple[tuple[str, int, int, int, bool], ...]) -> None:
    columns = columns_of(blocks)
    x = torch.empty(3, 0)
    assert CellEmbedding(columns, WIDTH)(x).shape == (3, 0, WIDTH)
    heads = ColumnHeads(columns, WIDTH, n_factors=1, n_components=1)
    assert heads.log_prob(torch.empty(3, 0, WIDTH), x, Guess(x, x), None).shape == (3, 0)
