"""The module of mixed tables: probabilities add up, and one column at a time is all at once."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest, norm
from torch import Tensor

from sklatent import VAETransformer
from sklatent._training import row_source
from sklatent.datasets import make_mixed_table
from sklatent.models._vae._tabular_vae import (
    TabularVAE,
    draw_levels,
    draw_mixture,
    tabular_loss,
    tabular_recipe,
)
from sklatent.nn import mixture_parts
from sklatent.tabular import TabularEncoder

Blocks = tuple[tuple[str, int, int, int, bool], ...]
CATEGORIES: Blocks = (
    ("category", 0, 1, 2, True),
    ("constant", 1, 2, 1, False),
    ("category", 2, 3, 3, False),
    ("category", 3, 4, 2, True),
)
MIXED: Blocks = (
    ("number", 0, 1, 0, True),
    ("category", 1, 2, 3, True),
    ("number", 2, 3, 0, False),
    ("category", 3, 4, 4, False),
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scrambled_guide(module: TabularVAE) -> None:
    """Factors that say something, and heads that listen to the hidden vectors."""
    for name in ("loading", "center", "level_scores"):
        torch.nn.init.normal_(getattr(module.guide, name), std=0.7)
    module.guide.noise.uniform_(0.3, 1.0)
    torch.nn.init.normal_(module.heads.number_weight, std=0.1)
    for head in module.heads.levels:
        torch.nn.init.normal_(head.weight, std=0.3)


def module_of(blocks: Blocks, k: int = 2) -> TabularVAE:
    """A module with weights that are nowhere zero, as after training."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = TabularVAE(
            blocks,
            k,
            hidden_layer_sizes=(6,),
            activation="silu",
            n_ties=0,
            n_factors=3,
            interval_ties=True,
        )
        scrambled_guide(module)
        for name in ("missing_weight", "missing_bias"):
            torch.nn.init.normal_(module.heads.get_parameter(name), std=0.5)
        for parameter in module.encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return module.double().eval().requires_grad_(False)


def mixed_cells(n: int) -> Tensor:
    """Rows of ``MIXED`` as they stand in the table, with holes."""
    x = torch.randn(n, 4, generator=generator(1), dtype=torch.float64)
    x[:, 1] = torch.randint(0, 3, (n,), generator=generator(2))
    x[:, 3] = torch.randint(0, 4, (n,), generator=generator(3))
    x[::3, 0] = torch.nan
    x[::4, 1] = torch.nan
    return x


def codes(n: int, m: int = 1) -> Tensor:
    return 2 * torch.randn(n, m, 2, generator=generator(4), dtype=torch.float64)


def mixture_cdf(outputs: Tensor) -> Any:
    log_weights, means, log_scales = (part[0].numpy() for part in mixture_parts(outputs[:1]))
    return lambda x: (
        np.exp(log_weights) * norm.cdf((np.asarray(x)[..., None] - means) / np.exp(log_scales))
    ).sum(-1)


def test_probabilities_of_all_rows_sum_to_one_whatever_the_code() -> None:
    module = module_of(CATEGORIES)
    nan = float("nan")
    rows = torch.tensor([*product((0, 1, nan), (0,), (0, 1, 2), (0, 1, nan))], dtype=torch.float64)
    z = codes(1, 7).expand(len(rows), -1, -1)
    total = module.log_likelihood(rows, z).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(7, dtype=torch.float64))


def test_density_of_a_number_behind_a_category_integrates_to_one() -> None:
    module = module_of((("category", 0, 1, 2, False), ("number", 1, 2, 0, False)))
    grid = torch.linspace(-40, 40, 8001, dtype=torch.float64)
    rows = torch.cat([torch.stack([torch.full_like(grid, a), grid], 1) for a in (0.0, 1.0)])
    z = codes(1, 3).expand(len(rows), -1, -1)
    total = module.log_likelihood(rows, z).exp().sum(0) * (grid[1] - grid[0])
    torch.testing.assert_close(total, torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-3)


def test_column_by_column_is_all_at_once() -> None:
    module = module_of(MIXED)
    x, z = mixed_cells(30), codes(30)[:, 0]
    cells = x[:, module.places]
    trunk = module.trunk(z)
    guess, factors = module.guide.along(cells, None, module.table_order, z[:, None])
    contexts = module._contexts(cells, None, module.table_order)
    contexts = contexts + module.context_factors(factors[:, 0])
    together = module._hidden(trunk, contexts)
    context, belief = torch.zeros_like(trunk), module.guide.start(z)
    for column in module.columns.in_table_order:
        hidden = module.hidden_of(trunk, context, belief, column)
        torch.testing.assert_close(hidden, together[:, column])
        mean, log_deviation = module.guide.guess(belief, column)
        torch.testing.assert_close(mean, guess.mean[:, 0, column])
        torch.testing.assert_close(log_deviation, guess.log_deviation[:, 0, column])
        context = context + module.vector_of(cells[:, column], column)
        belief = module.guide.seen(belief, cells[:, column], column)


def test_columns_see_those_before_them_and_no_others() -> None:
    module = module_of(MIXED)
    x, z = mixed_cells(30), codes(30)
    before = module.cell_log_likelihood(x, z)
    for place in range(4):
        other = x.clone()
        other[:, place] = 1.0 - torch.nan_to_num(other[:, place]).clamp(0, 1)
        changed = (module.cell_log_likelihood(other, z) != before).any(0)[0]
        seen = {module.columns.places[i] for i in torch.nonzero(changed)[:, 0].tolist()}
        assert seen == set(range(place, 4))


def test_likelihood_of_known_cells_is_that_of_the_row_when_all_are() -> None:
    module = module_of(MIXED)
    x = torch.nan_to_num(mixed_cells(20))
    z = codes(20, 5)
    whole = module.log_likelihood(x, z)
    torch.testing.assert_close(module.known_log_likelihood(x[:, module.places], z), whole)
    torch.testing.assert_close(module.cell_log_likelihood(x, z).sum(2), whole)


def test_unknown_cells_have_no_say() -> None:
    module = module_of(MIXED)
    nothing = torch.full((3, 4), torch.nan, dtype=torch.float64)
    assert (module.known_log_likelihood(nothing, codes(3, 2)) == 0).all()
    assert (module.known_context(nothing) == 0).all()
    # the first column alone has the likelihood that it has in the row
    first = nothing.clone()
    column = module.columns.places.index(0)
    first[:, column] = 0.3
    row = torch.tensor([[0.3, 1.0, 0.0, 2.0]], dtype=torch.float64).expand(3, -1)
    expected = module.cell_log_likelihood(row, codes(3, 2))[:, :, column]
    torch.testing.assert_close(module.known_log_likelihood(first, codes(3, 2)), expected)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    module = module_of(MIXED)
    x, z = mixed_cells(17), codes(17, 3)
    whole, mean = module.log_likelihood(x, z), module.encode(x)
    for i in range(17):
        row = slice(i, i + 1)
        torch.testing.assert_close(module.log_likelihood(x[row], z[row]), whole[row])
        torch.testing.assert_close(module.encode(x[row]), mean[row])
        torch.testing.assert_close(
            module.decode(z[row, 0]), module.decode(z[:, 0])[row], equal_nan=True
        )


def test_codes_do_not_come_from_hidden_cells() -> None:
    module = module_of(MIXED)
    cells = mixed_cells(9)[:, module.places]
    keep = torch.ones_like(cells)
    for own, visible in zip(
        module.infer_stored(cells, None), module.infer_stored(cells, keep), strict=True
    ):
        torch.testing.assert_close(own, visible)
    keep[:, 2] = 0
    other = cells.clone()
    other[:, 2] = 3.0
    torch.testing.assert_close(
        module.infer_stored(cells, keep)[0], module.infer_stored(other, keep)[0]
    )
    assert not torch.allclose(
        module.infer_stored(cells, None)[0], module.infer_stored(other, None)[0]
    )


def test_decoding_is_deterministic_and_gives_cells_of_the_table() -> None:
    module = module_of(MIXED)
    z = codes(200)[:, 0]
    x = module.decode(z)
    torch.testing.assert_close(module.decode(z), x, rtol=0, atol=0, equal_nan=True)
    assert x.shape == (200, 4)
    assert not torch.isnan(x[:, 2:]).any()  # these columns were never missing
    assert set(x[:, 3].tolist()) <= {0.0, 1.0, 2.0, 3.0}
    # each cell is the likeliest given those before it
    cells = x[:, module.places]
    column = module.columns.places.index(3)
    each = []
    for level in range(4):
        other = cells.clone()
        other[:, column] = level
        each.append(module.known_log_likelihood(other, z[:, None])[:, 0])
    assert torch.equal(torch.stack(each).argmax(0).double(), x[:, 3])  # no column follows it


def test_draws_have_the_probabilities_of_the_likelihood() -> None:
    module = module_of(CATEGORIES)
    z = codes(1)[:, 0]
    drawn = module.draw(z.expand(20_000, -1), generator())
    nan = float("nan")
    rows = torch.tensor([*product((0, 1, nan), (0,), (0, 1, 2), (0, 1, nan))], dtype=torch.float64)
    expected = module.log_likelihood(rows, z[:, None].expand(len(rows), 1, -1)).exp()[:, 0]
    same = (drawn[:, None] == rows) | (torch.isnan(drawn)[:, None] & torch.isnan(rows))
    counts = same.all(2).sum(0)
    assert counts.sum() == 20_000
    assert chisquare(counts.numpy(), 20_000 * expected.numpy()).pvalue > 1e-3


def test_drawn_numbers_have_the_law_of_the_mixture() -> None:
    outputs = 0.7 * torch.randn(1, 18, generator=generator(), dtype=torch.float64)
    drawn = draw_mixture(outputs.expand(5000, -1), generator(1)).numpy()
    assert kstest(drawn, mixture_cdf(outputs)).pvalue > 1e-3
    logits = torch.tensor([[0.0, -torch.inf, 1.0]]).expand(3000, -1)
    levels = draw_levels(logits, generator(2))
    assert set(levels.tolist()) == {0.0, 2.0}
    assert float((levels == 2).double().mean()) == pytest.approx(np.e / (1 + np.e), abs=0.03)


def test_loss_is_the_negative_bound() -> None:
    module = module_of(MIXED)
    x = mixed_cells(8)
    output = module({"x": x}, None)
    terms = tabular_loss(output, {"x": x}, 1.0, beta=0.7)
    posterior = torch.distributions.Normal(output["mean"], torch.exp(0.5 * output["log_variance"]))
    prior = torch.distributions.Normal(torch.zeros_like(output["mean"]), 1.0)
    kl = torch.distributions.kl_divergence(posterior, prior).sum(1)
    torch.testing.assert_close(terms["kl"], 0.7 * kl)
    assert output["log_prob"].shape == (8, 4)
    torch.testing.assert_close(terms["reconstruction"], -output["log_prob"].sum(1))
    # validation draws are the same at each look, training draws are not
    torch.testing.assert_close(module({"x": x}, None)["log_prob"], output["log_prob"])
    draws = generator()
    assert not torch.equal(module({"x": x}, draws)["log_prob"], module({"x": x}, draws)["log_prob"])


# -- ties -----------------------------------------------------------------------------------------


def spiked() -> tuple[TabularVAE, TabularEncoder, np.ndarray]:
    """40 % zeros, 20 % thirds, the rest different numbers; a category beside them."""
    rng = np.random.default_rng(0)
    number = np.exp(rng.normal(size=1000))
    number[:400], number[400:600] = 0.0, 0.3
    X = np.column_stack([number, rng.integers(0, 2, 1000)])
    table = TabularEncoder(mode="quantile").fit(X)
    encoded = table.transform(X)
    rows = row_source(lambda index: encoded[index], len(X), 2, torch.device("cpu"))
    recipe = tabular_recipe(
        rows,
        table.blocks_,
        table.ties_,
        1,
        hidden_layer_sizes=(4,),
        activation="silu",
        init="random",
        beta=1.0,
        seed=0,
    )
    module = TabularVAE(**recipe.module_params)
    for name, value in recipe.start.items():
        getattr(module, name).copy_(torch.from_numpy(value))
    return module, table, X


def test_ties_are_spread_evenly_over_their_interval() -> None:
    module, table, X = spiked()
    cells = torch.from_numpy(table.transform(X)).float()[:, module.places]
    spread = torch.cat([module._spread_ties(cells, generator(seed)) for seed in range(5)])
    share = norm.cdf(spread[:, 1].numpy())
    value = np.tile(X[:, 0], 5)
    below = (X[:, 0] < 0.3).mean()
    for tied, low, high in ((0.0, 0.0, 0.4), (0.3, below, below + 0.2)):
        assert kstest((share[value == tied] - low) / (high - low), "uniform").pvalue > 1e-3
    # together the scores are normal, and what is not tied stays as it is
    assert kstest(spread[:, 1].numpy(), "norm").pvalue > 1e-3
    once = torch.from_numpy((value != 0.0) & (value != 0.3))
    torch.testing.assert_close(spread[once], cells.repeat(5, 1)[once], rtol=0, atol=0)
    assert torch.equal(spread[:, 0], cells[:, 0].repeat(5))


def test_spread_ties_are_still_the_same_values() -> None:
    module, table, X = spiked()
    cells = torch.from_numpy(table.transform(X)).float()[:, module.places]
    spread = torch.empty_like(cells)
    spread[:, module.places] = module._spread_ties(cells, generator())
    back = table.table.decode(spread.numpy())
    np.testing.assert_allclose(back, X, rtol=1e-6)


def test_missing_cells_are_no_ties() -> None:
    module, _, _ = spiked()
    cells = torch.tensor([[0.0, torch.nan], [torch.nan, torch.nan]])
    torch.testing.assert_close(module._spread_ties(cells, generator()), cells, equal_nan=True)


def test_hidden_cells_and_orders_are_as_often_as_told() -> None:
    module = module_of(MIXED)
    cells = torch.zeros(4000, 4, dtype=torch.float64)
    keep, context = module._hide(cells, generator())
    assert set(keep.unique().tolist()) == set(context.unique().tolist()) == {0.0, 1.0}
    assert float(context.mean()) == pytest.approx(0.6, abs=0.02)
    assert (context.mean(1) == 1).double().mean() > 0.2  # as when rows are drawn
    # three rows in ten lose cells, half of them on average
    assert float(keep.mean()) == pytest.approx(1 - 0.3 * 0.5, abs=0.02)
    # one order is as likely as the other, apart from that of the table
    orders = module._orders(cells, generator()).argsort(1)
    usual = (orders == module.table_order.argsort(1)).all(1).double().mean()
    assert float(usual) == pytest.approx(0.7 + 0.3 / 24, abs=0.03)


@pytest.mark.parametrize("known", [True, False])
def test_contexts_of_many_columns_are_those_of_few(
    monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    module = module_of(MIXED)
    cells = mixed_cells(20)[:, module.places]
    keep = torch.randint(0, 2, cells.shape, generator=generator()).to(cells) if known else None
    for order in (module.table_order, module._orders(cells, generator())):
        product = module._contexts(cells, keep, order)
        monkeypatch.setattr("sklatent.models._vae._tabular_vae.MAX_PRODUCT", 0)
        torch.testing.assert_close(module._contexts(cells, keep, order), product)
        monkeypatch.undo()


def test_codes_say_something_about_dependent_columns() -> None:
    """Columns that see each other could do without a code: it must not fall silent."""
    X = make_mixed_table(1000, random_state=0)
    model = VAETransformer(3, hidden_layer_sizes=(32,), max_steps=100, random_state=0).fit(X)
    assert model.kl_per_component_.sum() > 1.0
    assert model.n_active_components_ >= 2
