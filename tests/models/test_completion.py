"""Conditions, imputation and the law of unknown cells given known ones."""

from __future__ import annotations

import warnings
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import chisquare, kstest, norm
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from torch import Tensor

from sklatent import VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.models._completer import Completer, draw_truncated, log_mass_between
from sklatent.models._latent_prior import standard_normal
from sklatent.models._tabular_vae import TabularVAE
from sklatent.nn import Guess, mixture_parts

N_ROWS = 6


def small(**params: Any) -> VAETransformer:
    known: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_steps": 40, "random_state": 0}
    return VAETransformer(**{"n_components": 2, **known, **params})


def fitted(X: Any, **params: Any) -> VAETransformer:
    with warnings.catch_warnings():
        # columns without a tie between them, or too few steps: nothing to do with the test
        warnings.simplefilter("ignore", ConvergenceWarning)
        return small(**params).fit(X)


def plants(n: int) -> pd.DataFrame:
    table = make_mixed_table(n, random_state=0)
    tall = np.digitize(table["height_cm"], [40, 80])
    table["class"] = pd.Categorical.from_codes(tall, ["low", "middle", "high"], ordered=True)
    table["exact"] = np.log(table["height_cm"]) + np.random.default_rng(0).normal(size=n)
    table["stars"] = np.digitize(table["exact"], [3.5, 4.5]) + 1
    return table


PLANTS = plants(200)


def to_polars(frame: pd.DataFrame) -> pl.DataFrame:
    words = {
        name: pl.Series(frame[name].astype(object).where(frame[name].notna(), None).to_list())
        for name in ("family", "soil", "light", "habit")
    }
    frame = frame.astype({"sown": "datetime64[us]"})
    rest = [name for name in frame.columns if name not in (*words, "class")]
    table = pl.DataFrame({**words, **{name: frame[name].to_numpy() for name in rest}})
    levels = pl.Series(frame["class"].to_list(), dtype=pl.Enum(["low", "middle", "high"]))
    table = table.with_columns(levels.alias("class"), pl.col("leaf_mm").fill_nan(None))
    return table.select(list(frame.columns))


@pytest.fixture(scope="module")
def pandas_model() -> VAETransformer:
    return fitted(PLANTS)


@pytest.fixture(scope="module")
def polars_model() -> VAETransformer:
    return fitted(to_polars(PLANTS), max_steps=20)


@pytest.fixture(scope="module")
def numbers_model() -> VAETransformer:
    return fitted(numbers(200), max_steps=150)


def numbers(n: int, seed: int = 0) -> np.ndarray:
    """Three correlated normal columns, a tenth of the cells missing."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, 1))
    X = factor * [1.0, 2.0, -1.0] + 0.3 * rng.normal(size=(n, 3))
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


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


# -- completion of a module whose law is known ----------------------------------------------------


def module_of(blocks: tuple[tuple[str, int, int, int, bool], ...]) -> TabularVAE:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = TabularVAE(
            blocks, 1, hidden_layer_sizes=(6,), activation="silu", n_ties=0, n_factors=2
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
    _, log_mass = completer._draw_within(hidden, column, guess, np.ones(2, bool))
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


# -- trained models where the conditional law is known --------------------------------------------


def test_two_dependent_categories() -> None:
    rng = np.random.default_rng(0)
    law = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.05, 0.15, 0.8]])
    first = rng.choice(3, 1000, p=[0.5, 0.3, 0.2])
    second = (rng.random((1000, 1)) > np.cumsum(law[first], axis=1)).sum(1)
    X = pd.DataFrame({"first": np.array(["a", "b", "c"])[first], "second": second.astype(str)})
    model = fitted(X, n_components=1, max_steps=100, n_importance_samples=256)
    seen = pd.crosstab(X["first"], X["second"]).to_numpy() / 1000
    for i, name in enumerate("abc"):
        S = model.sample(300, conditions={"first": name}, random_state=0)
        assert (S["first"] == name).all()
        share = S["second"].value_counts(normalize=True).reindex(["0", "1", "2"]).to_numpy()
        np.testing.assert_allclose(share, seen[i] / seen[i].sum(), atol=0.12)
        # against the order of the columns as well
        S = model.sample(300, conditions={"second": str(i)}, random_state=0)
        share = S["first"].value_counts(normalize=True).reindex(list("abc")).to_numpy()
        np.testing.assert_allclose(share, seen[:, i] / seen[:, i].sum(), atol=0.15)
    rows = pd.DataFrame([*product("abc", "012")], columns=["first", "second"])
    found = np.exp(model.score_samples(rows)).reshape(3, 3)
    assert found.sum() == pytest.approx(1.0, abs=0.03)
    np.testing.assert_allclose(found, seen, atol=0.05)
    S = model.sample(3000, random_state=0)
    drawn = pd.crosstab(S["first"], S["second"]).to_numpy()
    assert chisquare(drawn.ravel(), 3000 * (found / found.sum()).ravel()).pvalue > 1e-3


def test_correlated_numbers(numbers_model: VAETransformer) -> None:
    X = numbers(300, seed=1)
    complete = X[~np.isnan(X).any(1)]
    holes = complete.copy()
    holes[:, 1] = np.nan
    found = numbers_model.impute(holes, random_state=0)[:, 1]
    assert np.corrcoef(found, complete[:, 1])[0, 1] > 0.9
    # and given the second one alone, against the order of the columns
    holes = complete.copy()
    holes[:, [0, 2]] = np.nan
    found = numbers_model.impute(holes, random_state=0)
    assert np.corrcoef(found[:, 0], complete[:, 0])[0, 1] > 0.8
    assert np.corrcoef(found[:, 2], complete[:, 2])[0, 1] > 0.8
    S = numbers_model.sample(200, conditions={1: (2.0, 3.0)}, random_state=0)
    assert ((S[:, 1] >= 2.0) & (S[:, 1] <= 3.0)).all()
    assert np.nanmean(S[:, 0]) == pytest.approx(1.2, abs=0.35)
    assert np.nanmean(S[:, 2]) == pytest.approx(-1.2, abs=0.35)


def test_imputations_vary_about_as_much_as_the_cells(numbers_model: VAETransformer) -> None:
    X = numbers(200, seed=1)
    complete = X[~np.isnan(X).any(1)]
    holes = complete.copy()
    holes[:, 1] = np.nan
    draws = np.stack(
        [T[:, 1] for T in numbers_model.sample_imputations(holes, 20, random_state=0)], axis=1
    )
    rest = (draws - complete[:, 1:2]).std()
    # the noise of the row and that of the draw: 0.3 * 2 for what the others tell of the factor
    assert 0.2 < draws.std(1).mean() < 1.5
    assert rest < 0.5 * complete[:, 1].std() * 2


# -- conditions on a real table -------------------------------------------------------------------

EXACT = float(PLANTS["exact"][3])
WANTED: dict[str, tuple[str, Any, Any]] = {
    "word": ("soil", "peat", lambda s: s == "peat"),
    "words": ("family", ["Rosaceae", "Poaceae"], lambda s: (s == "Rosaceae") | (s == "Poaceae")),
    "set": ("light", {"sun", "shade"}, lambda s: (s == "sun") | (s == "shade")),
    "ordered": ("class", ("middle", None), lambda s: s != "low"),
    "count": ("n_flowers", 3, lambda s: s == 3),
    "counts": ("n_flowers", (3, 7), lambda s: (s >= 3) & (s <= 7)),
    "height": ("height_cm", (50, 60), lambda s: (s >= 50) & (s <= 60)),
    "height, open": ("height_cm", (None, 20.05), lambda s: s <= 20),
    "exact": ("exact", EXACT, lambda s: s == EXACT),
    "exact, new": ("exact", 4.123456789, lambda s: s == 4.123456789),
    "exact, range": ("exact", (4.1, 4.2), lambda s: (s >= 4.1) & (s <= 4.2)),
    "exact, list": ("exact", [3.9, EXACT], lambda s: (s == 3.9) | (s == EXACT)),
    "no fruit": ("fruit_g", 0, lambda s: s == 0),
    "no hole": ("leaf_mm", (None, None), lambda s: s > 0),
    "true": ("evergreen", True, lambda s: s == True),  # noqa: E712 - polars has no other way
    "stars": ("stars", (2, 3), lambda s: s >= 2),
    "day": ("sown", "2020-03-04", lambda s: s == np.datetime64("2020-03-04")),
    "days": (
        "sown",
        ("2020-01-01", "2020-12-31"),
        lambda s: (s >= np.datetime64("2020-01-01")) & (s <= np.datetime64("2020-12-31")),
    ),
    # each of the three in a hundred rows or fewer
    "rare": ("height_cm", (PLANTS["height_cm"].nlargest(2).iloc[1], None), lambda s: s > 100),
}


def check_obeyed(model: VAETransformer, like: Any, case: str) -> None:
    name, wanted, obeys = WANTED[case]
    S = model.sample(N_ROWS, conditions={name: wanted}, random_state=0)
    assert type(S) is type(like)
    assert len(S) == N_ROWS
    assert list(S.columns) == list(like.columns)
    assert list(S.dtypes) == list(like.dtypes)
    obeyed = obeys(S[name].to_numpy() if name == "sown" else S[name])
    assert obeyed.all()


@pytest.mark.parametrize("case", WANTED)
def test_pandas_rows_obey(pandas_model: VAETransformer, case: str) -> None:
    check_obeyed(pandas_model, PLANTS, case)


@pytest.mark.parametrize("case", WANTED)
def test_polars_rows_obey(polars_model: VAETransformer, case: str) -> None:
    check_obeyed(polars_model, to_polars(PLANTS.head(3)), case)


def test_several_conditions_at_once(pandas_model: VAETransformer) -> None:
    S = pandas_model.sample(
        40,
        conditions={
            "soil": ["peat", "clay"],
            "exact": (4.0, None),
            "survived": True,
            "sown": (None, "2020-01-01"),
            "class": ("middle", "high"),
        },
        random_state=0,
    )
    assert S["soil"].isin(["peat", "clay"]).all()
    assert (S["exact"] >= 4).all()
    assert S["survived"].all()
    assert (S["sown"] <= "2020-01-01").all()
    assert (S["class"] >= "middle").all()
    assert S["family"].nunique() > 3  # the rest is drawn, not copied


def test_all_columns_fixed_give_that_row(pandas_model: VAETransformer) -> None:
    row = PLANTS.dropna().iloc[[4]]
    conditions = {name: row[name].iloc[0] for name in row.columns}
    S = pandas_model.sample(3, conditions=conditions, random_state=0)
    for i in range(3):
        pd.testing.assert_frame_equal(
            S.iloc[[i]].reset_index(drop=True), row.reset_index(drop=True)
        )


def test_conditions_move_what_depends_on_them(pandas_model: VAETransformer) -> None:
    low, high = (
        pandas_model.sample(100, conditions={"class": name}, random_state=0)["height_cm"]
        for name in ("low", "high")
    )
    assert low.median() < high.median()


def test_conditional_samples_are_reproducible(pandas_model: VAETransformer) -> None:
    def draw(seed: Any) -> pd.DataFrame:
        return pandas_model.sample(8, conditions={"soil": "peat"}, random_state=seed)

    assert draw(0).equals(draw(0))
    assert not draw(0).equals(draw(1))
    assert draw(np.random.RandomState(3)).equals(draw(np.random.RandomState(3)))
    assert not draw(None).equals(draw(None))
    free = pandas_model.sample(8, conditions={}, random_state=0)
    assert free.equals(pandas_model.sample(8, random_state=0))


@pytest.mark.parametrize(
    ("conditions", "error", "words"),
    [
        ({"nope": 1}, ValueError, "'nope', which fit has not seen"),
        (
            {"soil": "bronze"},
            ValueError,
            "'soil' asks for 'bronze'.*clay, gravel, loam, peat, sand",
        ),
        ({"height_cm": 1e9}, ValueError, "'height_cm' asks for .*training rows go from"),
        ({"soil": []}, ValueError, "'soil' allows no value"),
        ({"height_cm": (1, 2, 3)}, ValueError, "tuple of 3"),
        ({"soil": ("clay", "peat")}, ValueError, "'soil' is a range.*without an order"),
        ({"class": ("high", "low")}, ValueError, "'class' asks for"),
        ({"soil": None}, ValueError, "'soil' asks for a missing cell"),
        ({"leaf_mm": np.nan}, ValueError, "'leaf_mm' asks for a missing cell"),
        ([("soil", "peat")], TypeError, "conditions must be a mapping"),
    ],
)
def test_impossible_conditions(
    pandas_model: VAETransformer, conditions: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        pandas_model.sample(2, conditions=conditions)


def test_wrong_numbers_of_rows_and_draws(pandas_model: VAETransformer) -> None:
    for wrong in (0, -1, 2.5):
        with pytest.raises(ValueError, match="'n_samples'"):
            pandas_model.sample(wrong, conditions={"soil": "peat"})
        with pytest.raises(ValueError, match="'n_samples'"):
            pandas_model.sample_imputations(PLANTS.head(), wrong)
        with pytest.raises(ValueError, match="'n_draws'"):
            pandas_model.impute(PLANTS.head(), n_draws=wrong)


def test_models_of_numbers_alone_say_how_to_get_these_verbs() -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = VAETransformer(1, random_state=0).fit(X)
    assert model.table_.mode_ == "affine"
    with pytest.raises(ValueError, match=r"no conditions: .*mode='quantile'"):
        model.sample(2, conditions={0: (0, None)})
    holes = X.copy()
    holes[0, 0] = np.nan
    for verb in (model.impute, model.sample_imputations):
        with pytest.raises(ValueError, match=r"no imputation: .*mode='quantile'"):
            verb(holes)
    again = fitted(X, mode="quantile", max_steps=5)
    assert (again.sample(5, conditions={0: (0, None)})[:, 0] >= 0).all()
    assert not np.isnan(again.impute(holes)).any()  # holes are new to it


def test_unfitted() -> None:
    for ask in (
        lambda model: model.sample(2, conditions={"a": 1}),
        lambda model: model.impute(PLANTS),
        lambda model: model.sample_imputations(PLANTS),
    ):
        with pytest.raises(NotFittedError):
            ask(VAETransformer())


# -- imputation -----------------------------------------------------------------------------------


def punched(frame: pd.DataFrame) -> pd.DataFrame:
    """Holes in columns that had none in fit; those whose dtype has none stay whole."""
    frame = frame.copy()
    rng = np.random.default_rng(1)
    for name in ("family", "height_cm", "soil", "leaf_mm", "sown", "class", "exact", "water_ml"):
        frame.loc[rng.random(len(frame)) < 0.2, name] = None
    return frame.astype({"class": PLANTS["class"].dtype})


def test_imputation_keeps_known_cells_to_the_bit(pandas_model: VAETransformer) -> None:
    X = punched(PLANTS.head(80)).set_axis([f"plant {i}" for i in range(80)])
    X.loc["plant 3", "height_cm"] = 12_345.678  # beyond the training rows, and finer than they
    before = X.copy()
    filled = pandas_model.impute(X)
    pd.testing.assert_frame_equal(X, before)
    assert list(filled.dtypes) == list(PLANTS.dtypes)
    assert list(filled.index) == list(X.index)
    assert not filled.isna().any().any()
    for name in X.columns:
        known = X[name].notna()
        pd.testing.assert_series_equal(filled.loc[known, name], X.loc[known, name])
    # what is filled in is a value of the column
    assert set(filled["soil"]) <= set(PLANTS["soil"].dropna())
    assert (filled["height_cm"].round(1) == filled["height_cm"]).sum() >= len(X) - 1
    few = X.head(20)
    again = pandas_model.impute(few)
    pd.testing.assert_frame_equal(pandas_model.impute(few), again)
    assert not pandas_model.impute(few, random_state=1).equals(again)


def test_rows_without_holes_come_back(pandas_model: VAETransformer) -> None:
    X = PLANTS.dropna()
    pd.testing.assert_frame_equal(pandas_model.impute(X), X)
    for table in pandas_model.sample_imputations(X.head(2), 3):
        pd.testing.assert_frame_equal(table, X.head(2))


def test_rows_with_nothing_but_holes_are_filled(pandas_model: VAETransformer) -> None:
    X = PLANTS.head(4).copy()
    for name in X.columns:
        if X[name].dtype.kind not in "ib":
            X[name] = pd.Series([None] * 4, dtype=X[name].dtype)
    filled = pandas_model.impute(X)
    assert not filled.isna().any().any()
    assert list(filled.dtypes) == list(PLANTS.dtypes)


def test_multiple_imputation_varies_where_cells_are_missing_alone(
    pandas_model: VAETransformer,
) -> None:
    X = punched(PLANTS.head(60))
    tables = pandas_model.sample_imputations(X, 4, random_state=0)
    assert len(tables) == 4
    for table in tables:
        assert not table.isna().any().any()
        known = X.notna()
        assert (table.where(known) == X).where(known, True).all().all()
    assert not tables[0].equals(tables[1])
    again = pandas_model.sample_imputations(X, 4, random_state=0)
    assert all(one.equals(other) for one, other in zip(tables, again, strict=True))


def test_imputation_of_a_row_does_not_depend_on_the_rows_beside_it(
    pandas_model: VAETransformer,
) -> None:
    rows = PLANTS.head(12).copy()
    rows.iloc[::2, 2] = None
    whole = pandas_model.impute(rows)
    alone = pd.concat([pandas_model.impute(rows.iloc[i : i + 1]) for i in range(len(rows))])
    turned = pandas_model.impute(rows.iloc[::-1]).iloc[::-1]
    for other in (alone, turned):
        pd.testing.assert_frame_equal(other, whole, rtol=1e-5)
    # draws stay draws: rows that are alike are completed differently
    twice = pd.concat([rows.iloc[:1]] * 20, ignore_index=True)
    drawn = pandas_model.sample_imputations(twice, 1, random_state=0)[0]
    assert len(drawn.drop_duplicates()) > 1


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


def test_polars_frames_are_imputed(polars_model: VAETransformer) -> None:
    X = to_polars(PLANTS)
    filled = polars_model.impute(X)
    assert isinstance(filled, pl.DataFrame)
    assert filled.schema == X.schema
    assert sum(filled.null_count().row(0)) == 0
    known = X["soil"].is_not_null()
    assert filled["soil"].filter(known).equals(X["soil"].filter(known))
    assert filled.drop("soil", "leaf_mm").equals(X.drop("soil", "leaf_mm"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_with_nan_come_back_complete(dtype: str) -> None:
    X = numbers(120).astype(dtype)
    model = fitted(X, max_steps=20)
    known = ~np.isnan(X)
    filled = model.impute(X)
    assert filled.dtype == X.dtype
    assert np.array_equal(filled[known], X[known])
    assert not np.isnan(filled).any()
    assert all(table.dtype == X.dtype for table in model.sample_imputations(X, 2))
    assert model.sample(5, conditions={0: (0.0, 1.0)}).dtype == X.dtype
    assert model.sample(5).dtype == X.dtype


def test_a_column_that_was_empty_stays_so() -> None:
    X = pd.DataFrame({"a": list("xy") * 20, "e": [None] * 40, "b": np.arange(40.0)})
    X.loc[::5, "b"] = np.nan
    filled = fitted(X, n_components=1, max_steps=5).impute(X)
    assert filled["e"].isna().all()
    assert filled[["a", "b"]].notna().all().all()


def test_unknown_levels_are_refused_with_their_column(pandas_model: VAETransformer) -> None:
    X = PLANTS.head(3).assign(soil="bronze")
    with pytest.raises(ValueError, match=r"unknown categories \['bronze'\] in column 'soil'"):
        pandas_model.impute(X)


def test_a_thousand_levels() -> None:
    """A list of all but one of a thousand levels."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": [f"i{j}" for j in range(1000)], "x": rng.normal(size=1000)})
    model = fitted(X, n_components=1, max_steps=10)
    assert (model.sample(3, conditions={"id": "i7"}, random_state=0)["id"] == "i7").all()
    allowed = [f"i{j}" for j in range(1, 1000)]
    S = model.sample(300, conditions={"id": allowed}, random_state=0)
    assert "i0" not in set(S["id"])
    assert S["id"].nunique() > 150
