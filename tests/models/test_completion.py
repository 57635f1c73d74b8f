"""Conditions and imputation: the verbs of models of mixed tables."""

from __future__ import annotations

import warnings
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chisquare
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklatent import VAETransformer
from sklatent.datasets import make_mixed_table

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


def test_filled_cells_obey_conditions(pandas_model: VAETransformer) -> None:
    holes = PLANTS.head(30).copy()
    for name in ("soil", "height_cm", "n_flowers", "sown", "exact"):
        holes.loc[::2, name] = None
    gone = holes.isna()
    wanted = {
        "soil": ["clay", "peat"],
        "height_cm": (20, 40),
        "n_flowers": [2, 5],
        "sown": ("2020-01-01", "2020-06-30"),
        "exact": 4.25,
    }
    filled = pandas_model.impute(holes, conditions=wanted)
    assert filled.loc[::2, "soil"].isin(["clay", "peat"]).all()
    assert filled.loc[::2, "height_cm"].between(20, 40).all()
    assert filled.loc[::2, "n_flowers"].isin([2, 5]).all()
    assert filled.loc[::2, "sown"].between("2020-01-01", "2020-06-30").all()
    assert (filled.loc[::2, "exact"] == 4.25).all()
    # cells that were there need not obey
    for name in holes:
        there = ~gone[name]
        assert filled.loc[there, name].astype(str).equals(holes.loc[there, name].astype(str))
    # and the other cells know of it: taller plants have larger leaves
    holes["leaf_mm"] = np.nan
    holes["height_cm"] = np.nan
    low, high = (
        pandas_model.impute(holes, conditions={"height_cm": ends})["leaf_mm"].mean()
        for ends in ((None, 15), (90, None))
    )
    free = pandas_model.impute(holes)["leaf_mm"].mean()
    assert low < free < high
    # a row does not depend on the rows beside it
    for i in (0, 3):
        alone = pandas_model.impute(holes.iloc[[i]], conditions={"height_cm": (90, None)})
        beside = pandas_model.impute(holes, conditions={"height_cm": (90, None)})
        pd.testing.assert_frame_equal(alone, beside.iloc[[i]], rtol=1e-4)
    with pytest.raises(ValueError, match="'mud'"):
        pandas_model.impute(holes, conditions={"soil": "mud"})


def test_decoded_codes_are_samples_without_noise(pandas_model: VAETransformer) -> None:
    rows = pandas_model.sample(40, noise=False, random_state=0)
    assert list(rows.dtypes) == list(PLANTS.dtypes)
    again = pandas_model.inverse_transform(pandas_model.transform(rows))
    assert (again["family"] == rows["family"]).mean() > 0.3
    noisy = pandas_model.sample(200, random_state=0)
    assert rows["exact"].std() < noisy["exact"].std()
    with pytest.raises(ValueError, match="noise=False"):
        pandas_model.sample(3, noise=False, conditions={"soil": "peat"})


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


@pytest.mark.parametrize("kind", ["UInt64", "object", "polars"])
def test_integers_of_64_bits_and_decimals_are_copied(kind: str) -> None:
    ids = [2**64 - 1 - 3 * i for i in range(60)]
    prices = [Decimal(f"{i}.10") for i in range(60)]
    frame = pd.DataFrame({"id": pd.Series(ids, dtype=object), "price": prices})
    frame["word"] = list("abc") * 20
    frame.loc[::7, ["id", "price", "word"]] = None
    if kind == "UInt64":
        frame["id"] = frame["id"].astype("UInt64")
    X: Any = frame
    if kind == "polars":
        kinds = {"id": pl.UInt64, "price": pl.Decimal(6, 2), "word": pl.String}
        gone = frame.astype(object).where(frame.notna(), None)
        X = pl.DataFrame(
            {name: pl.Series(gone[name].to_list(), dtype=kinds[name]) for name in kinds}
        )
    model = fitted(X, n_components=1, max_steps=5)
    for table in (model.impute(X), *model.sample_imputations(X, 2, random_state=0)):
        assert type(table) is type(X)
        for name, cells in {"id": ids, "price": prices}.items():
            assert table[name].dtype == X[name].dtype
            found = list(table[name])
            assert all(isinstance(cell, int | np.integer | Decimal) for cell in found)
            assert [c for i, c in enumerate(found) if i % 7] == [
                c for i, c in enumerate(cells) if i % 7
            ]
    assert model.sample(3)["price"].dtype == X["price"].dtype


def test_a_column_that_was_empty_stays_so() -> None:
    X = pd.DataFrame({"a": list("xy") * 20, "e": [None] * 40, "b": np.arange(40.0)})
    X.loc[::5, "b"] = np.nan
    filled = fitted(X, n_components=1, max_steps=5).impute(X)
    assert filled["e"].isna().all()
    assert filled[["a", "b"]].notna().all().all()


def test_unknown_levels_count_as_missing_and_stay(pandas_model: VAETransformer) -> None:
    X = PLANTS.head(3).assign(soil="bronze", fruit_g=np.nan)
    with pytest.warns(UserWarning, match=r"'soil' \(3: 'bronze'\)") as told:
        filled = pandas_model.impute(X)
    assert len(told) == 1
    assert (filled["soil"] == "bronze").all()
    empty = X.assign(soil=pd.Series([None] * 3, dtype=PLANTS["soil"].dtype))
    assert filled["fruit_g"].equals(pandas_model.impute(empty)["fruit_g"])
    with pytest.warns(UserWarning, match="bronze"):
        found = pandas_model.score_samples(X)
    np.testing.assert_allclose(found, pandas_model.score_samples(empty))


def test_a_thousand_levels() -> None:
    """A list of all but one of a thousand levels."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": [f"i{j}" for j in range(1000)], "x": rng.normal(size=1000)})
    model = fitted(X, n_components=1, max_steps=10, identifier_features=None)
    assert (model.sample(3, conditions={"id": "i7"}, random_state=0)["id"] == "i7").all()
    allowed = [f"i{j}" for j in range(1, 1000)]
    S = model.sample(300, conditions={"id": allowed}, random_state=0)
    assert "i0" not in set(S["id"])
    assert S["id"].nunique() > 150


def test_ordered_numbers_are_filled_as_by_a_regression() -> None:
    """Ages in whole years: a guess between two frequent ones is better than either."""
    rng = np.random.default_rng(0)
    spend = rng.normal(size=600)
    age = np.clip((45 + 12 * spend + 6 * rng.normal(size=600)).round(), 18, 90)
    X = pd.DataFrame({"age": age, "spend": spend, "kind": rng.choice(["a", "b"], 600)})
    hidden = rng.random(600) < 0.3
    holes = X.assign(age=X["age"].where(~hidden))
    model = VAETransformer(1, max_steps=150, random_state=0).fit(holes)
    found = model.impute(holes)["age"][hidden] - age[hidden]
    slope, offset = np.polyfit(spend[~hidden], age[~hidden], 1)
    left = (offset + slope * spend[hidden]) - age[hidden]
    assert np.sqrt(np.mean(found**2)) < 1.15 * np.sqrt(np.mean(left**2))
    assert (model.impute(holes)["age"] % 1 == 0).all()


@pytest.mark.parametrize("novel", [999.0, -5.0])
def test_a_typo_makes_its_row_unlikely_and_no_other_cell(novel: float) -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "kind": rng.choice(["a", "b", "c"], 400),
            "age": np.clip(rng.normal(45, 14, 400), 18, 90).round(),
            "visits": rng.poisson(3, 400),
        }
    )
    model = VAETransformer(1, max_steps=100, random_state=0).fit(X)
    typo = X.head(20).assign(age=novel)
    assert (model.score_samples(typo) < model.score_samples(X).min() - 3).all()
    cells = model.score_columns(typo)
    assert (cells.argmin(1) == 1).all()
    np.testing.assert_allclose(cells[:, [0, 2]], model.score_columns(X.head(20))[:, [0, 2]], atol=3)
