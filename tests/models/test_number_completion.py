"""Conditions and imputation on tables of numbers, modelled as rows about decoded codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from sklatent import TabularEncoder, VAETransformer

RNG = np.random.default_rng(0)
LOADING = np.array([[1, 0], [0.8, 0.3], [-0.5, 1], [0, 1], [0.5, 0.5], [1, -1], [0.7, 0.7]])
FEW: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_steps": 150, "random_state": 0}


def patients(n: int, seed: int = 0) -> pd.DataFrame:
    """Measures, prices, counts, ages, a flag and a spike, all from two factors."""
    rng = np.random.default_rng(seed)
    E = rng.normal(size=(n, 2)) @ LOADING.T + 0.4 * rng.normal(size=(n, 7))
    return pd.DataFrame(
        {
            "size": E[:, 0].round(2),
            "price": np.exp(E[:, 1]).round(1),
            "visits": rng.poisson(np.exp(0.5 * E[:, 2] + 0.5)),
            "age": np.clip((E[:, 3] * 14 + 45).round(), 18, 90).astype("int32"),
            "ill": E[:, 4] > 0,
            "exact": E[:, 5],
            "dose": np.where(E[:, 6] < 0.5, 0.0, E[:, 6]),
        }
    )


TABLE = patients(800)
MODEL = clone(VAETransformer(2, **FEW)).fit(TABLE)


def to_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({name: frame[name].to_numpy() for name in frame})


OTHERS = {
    "pandas": TABLE,
    "polars": to_polars(TABLE),
    "float64": TABLE.to_numpy("float64"),
    "float32": TABLE.to_numpy("float32"),
    "integers": TABLE[["visits", "age"]].assign(more=TABLE["visits"] // 2).to_numpy("int16"),
}


@pytest.fixture(scope="module")
def models() -> dict[str, VAETransformer]:
    few = {**FEW, "max_steps": 40}
    fitted = {name: VAETransformer(2, **few).fit(X) for name, X in OTHERS.items()}
    return {**fitted, "pandas": MODEL}


def between(low: float, high: float) -> Any:
    return lambda s: (s >= low) & (s <= high)


WANTED: dict[str, tuple[str, Any, Any]] = {
    "count": ("visits", 3, lambda s: s == 3),
    "counts": ("visits", [0, 5], lambda s: (s == 0) | (s == 5)),
    "numpy count": ("visits", np.int64(2), lambda s: s == 2),
    "ages": ("age", (60, None), lambda s: s >= 60),
    "end of the range": ("age", 18, lambda s: s == 18),
    "rare": ("age", (85, np.inf), lambda s: s >= 85),
    "flag": ("ill", True, lambda s: s == 1),
    "decimals": ("size", {0.5, 1.0}, lambda s: (s == 0.5) | (s == 1.0)),
    "decimals of a range": ("size", (0.333, 0.348), lambda s: (s >= 0.333) & (s <= 0.348)),
    "prices": ("price", (None, 0.3), lambda s: s <= 0.3),
    "exact": ("exact", 1.23456789, lambda s: s == 1.23456789),
    "exact, seen": ("exact", float(TABLE["exact"][5]), lambda s: s == TABLE["exact"][5]),
    "exact, range": ("exact", (0.1, 0.11), between(0.1, 0.11)),
    "spike": ("dose", 0, lambda s: s == 0),
    "beside the spike": ("dose", (0.6, 1.0), between(0.6, 1.0)),
}


@pytest.mark.parametrize("case", WANTED)
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_obey(models: dict[str, VAETransformer], container: str, case: str) -> None:
    name, wanted, obeys = WANTED[case]
    like = OTHERS[container]
    rows = models[container].sample(40, conditions={name: wanted}, random_state=0)
    assert type(rows) is type(like)
    assert list(rows.dtypes) == list(like.dtypes)
    assert list(rows.columns) == list(like.columns)
    assert obeys(rows[name].to_numpy()).all()
    assert rows["exact"].n_unique() if container == "polars" else rows["price"].nunique() > 1


@pytest.mark.parametrize("case", [case for case in WANTED if case != "exact, seen"])
@pytest.mark.parametrize("container", ["float64", "float32"])
def test_arrays_obey(models: dict[str, VAETransformer], container: str, case: str) -> None:
    name, wanted, obeys = WANTED[case]
    at = list(TABLE.columns).index(name)
    rows = models[container].sample(40, conditions={at: wanted}, random_state=0)
    assert rows.dtype == container
    if container == "float32" and not isinstance(wanted, tuple):
        # a number is what it is in the precision of the table
        asked = wanted if isinstance(wanted, list | set) else [wanted]
        assert np.isin(rows[:, at], np.array([*asked], dtype="float32")).all()
        return
    column = rows[:, at].astype("float64")
    assert obeys(np.round(column, 6) if container == "float32" else column).all()


def test_all_columns_at_once() -> None:
    row = TABLE.iloc[11]
    conditions = {name: row[name] for name in TABLE}
    rows = MODEL.sample(3, conditions=conditions, random_state=0)
    for name in TABLE:
        assert (rows[name] == row[name]).all()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("age", (60, None)), ("ill", True), ("visits", 3), ("price", (None, 0.5)), ("dose", 0.0)],
)
def test_other_columns_are_those_of_such_rows(name: str, wanted: Any) -> None:
    many = patients(20_000, seed=1)
    column = many[name]
    if isinstance(wanted, tuple):
        low, high = (-np.inf if wanted[0] is None else wanted[0]), (wanted[1] or np.inf)
        real = many[(column >= low) & (column <= high)]
    else:
        real = many[column == wanted]
    drawn = MODEL.sample(1000, conditions={name: wanted}, random_state=0)
    sd = TABLE.std()
    off = (drawn.mean() - real.mean()) / sd
    shift = (real.mean() - TABLE.mean()) / sd
    assert np.abs(off).max() < 0.3, off
    assert np.abs(off).mean() < 0.5 * np.abs(shift).mean()


def test_samples_stay_on_the_grid_of_each_column() -> None:
    for rows in (
        MODEL.sample(300, random_state=0),
        MODEL.sample(300, noise=False, random_state=0),
        MODEL.sample(300, conditions={"exact": (0, None)}, random_state=0),
    ):
        assert (rows["size"] == rows["size"].round(2)).all()
        assert (rows["price"] == rows["price"].round(1)).all()
        for name in TABLE:
            assert rows[name].between(TABLE[name].min(), TABLE[name].max()).all()


@pytest.mark.parametrize("noise", [True, False])
def test_samples_of_integers_stay_whole_and_in_their_range(
    models: dict[str, VAETransformer], noise: bool
) -> None:
    X = OTHERS["integers"]
    rows = models["integers"].sample(2000, noise=noise, random_state=0)
    assert (rows == np.round(rows)).all()
    assert (rows.min(0) >= X.min(0)).all()
    assert (rows.max(0) <= X.max(0)).all()


def test_without_noise_rows_are_decoded_codes(models: dict[str, VAETransformer]) -> None:
    model = models["float64"]
    rows = model.sample(200, noise=False, random_state=0)
    back = model.inverse_transform(model.transform(rows))
    of_real = model.inverse_transform(model.transform(OTHERS["float64"][:200]))
    sd = OTHERS["float64"].std(0)
    assert (
        np.square((back - rows) / sd).mean()
        < 0.3 * np.square((of_real - OTHERS["float64"][:200]) / sd).mean()
    )
    assert np.array_equal(rows, model.sample(200, noise=False, random_state=0))
    with pytest.raises(ValueError, match="noise=False"):
        model.sample(2, noise=False, conditions={0: 1.0})


@pytest.mark.parametrize(
    ("conditions", "error", "words"),
    [
        ({"age": 200}, ValueError, "'age'.*no row of the model can have.*from 18"),
        ({"visits": 2.5}, ValueError, "'visits'.*no row"),
        ({"size": 0.123}, ValueError, "'size'.*no row"),
        ({"age": (95, None)}, ValueError, "'age'.*no row"),
        ({"size": (5, 4)}, ValueError, "'size'.*no row"),
        ({"size": np.nan}, ValueError, "missing cell"),
        ({"size": []}, ValueError, "allows no value"),
        ({"weight": 1}, ValueError, "'weight', which fit has not seen"),
        ({"age": "old"}, ValueError, "'age'.*cannot be read"),
        ([1], TypeError, "mapping"),
    ],
)
def test_what_no_row_can_have_is_refused(conditions: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        MODEL.sample(2, conditions=conditions)
    if conditions != [1]:
        with pytest.raises(error, match=words):
            MODEL.impute(TABLE.head(3), conditions=conditions)


# -- imputation ------------------------------------------------------------------------------------


def with_holes(frame: pd.DataFrame, share: float = 0.3) -> pd.DataFrame:
    frame = frame.astype({"visits": "Int64", "age": "Int32", "ill": "boolean"})
    return frame.mask(np.random.default_rng(5).random(frame.shape) < share)


NEW = patients(300, seed=2)
HOLES = with_holes(NEW)


def test_filled_cells_are_nearer_than_means_and_the_others_untouched() -> None:
    filled = MODEL.impute(HOLES)
    gone = HOLES.isna()
    assert not filled.isna().any().any()
    assert list(filled.dtypes) == list(HOLES.dtypes)
    for name in TABLE:
        assert filled.loc[~gone[name], name].equals(HOLES.loc[~gone[name], name])
        error = (filled[name].astype(float) - NEW[name].astype(float))[gone[name]]
        middle = float(TABLE[name].mean() > 0.5) if name == "ill" else TABLE[name].mean()
        blind = (middle - NEW[name].astype(float))[gone[name]]
        assert (error**2).mean() < 0.85 * (blind**2).mean(), name
    assert (filled["size"] == filled["size"].round(2)).all()
    assert filled["age"].between(TABLE["age"].min(), TABLE["age"].max()).all()


@pytest.mark.parametrize("container", ["polars", "float64", "float32"])
def test_other_containers_are_filled_alike(
    models: dict[str, VAETransformer], container: str
) -> None:
    holes = HOLES.to_numpy("float64", na_value=np.nan)
    given: Any = holes.astype("float64" if container == "polars" else container)
    if container == "polars":
        given = pl.DataFrame(given, schema=list(TABLE.columns)).fill_nan(None)
    filled = models[container].impute(given)
    assert type(filled) is type(given)
    known = ~np.isnan(holes)
    values = filled.to_numpy() if container == "polars" else filled
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[known], holes[known], rtol=1e-6)
    if container != "polars":
        assert filled.dtype == container
        assert np.array_equal(filled[known], given[known])


def test_large_integers_are_copied() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"id": 2**62 + rng.integers(0, 2**40, 200), "x": rng.normal(size=200)})
    X["y"] = X["x"] + 0.1 * rng.normal(size=200)
    model = VAETransformer(1, **FEW).fit(X)
    holes = X.assign(y=X["y"].mask(rng.random(200) < 0.5))
    assert (model.impute(holes)["id"] == X["id"]).all()


def test_a_row_is_filled_whatever_lies_beside_it() -> None:
    whole = MODEL.impute(HOLES)
    for i in (0, 7, 20):
        alone = MODEL.impute(HOLES.iloc[[i]])
        pd.testing.assert_frame_equal(alone, whole.iloc[[i]])
    again = MODEL.impute(HOLES, random_state=0)
    pd.testing.assert_frame_equal(again, whole)
    assert MODEL.impute(NEW).equals(NEW)


def test_completed_tables_scatter_as_the_cells_do() -> None:
    tables = MODEL.sample_imputations(HOLES, 60, random_state=0)
    assert len(tables) == 60
    gone = HOLES.isna()
    inside = []
    for name in ("size", "age", "exact"):
        draws = np.stack([table[name][gone[name]].astype(float) for table in tables])
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        truth = NEW[name][gone[name]].astype(float)
        inside.append(((truth >= low) & (truth <= high)).mean())
        assert len(np.unique(draws[:, 0])) > 5
        # the mean of the draws is what impute gives
        mean = MODEL.impute(HOLES)[name][gone[name]].astype(float)
        off = (draws.mean(0) - mean) / TABLE[name].std()
        assert np.abs(off).mean() < 0.2
    assert np.mean(inside) == pytest.approx(0.9, abs=0.08)
    for name in TABLE:
        there = ~gone[name]
        assert all(table.loc[there, name].equals(HOLES.loc[there, name]) for table in tables)


def test_filled_cells_obey_conditions() -> None:
    conditions = {"age": (60, 70), "visits": [1, 2], "exact": 0.125}
    filled = MODEL.impute(HOLES, conditions=conditions)
    gone = HOLES.isna()
    assert filled.loc[gone["age"], "age"].between(60, 70).all()
    assert filled.loc[gone["visits"], "visits"].isin([1, 2]).all()
    assert (filled.loc[gone["exact"], "exact"] == 0.125).all()
    for name in TABLE:
        assert filled.loc[~gone[name], name].equals(HOLES.loc[~gone[name], name])
    # the other filled cells know of it
    free = MODEL.impute(HOLES)
    both = gone["age"] & gone["visits"]
    old, young = (
        MODEL.impute(HOLES, conditions={"age": ends})["visits"][both].astype(float).mean()
        for ends in ((75, None), (None, 25))
    )
    assert young < free["visits"][both].astype(float).mean() < old


def test_rows_that_missed_cells_in_fit_of_numbers() -> None:
    X = HOLES.to_numpy("float64", na_value=np.nan)
    model = VAETransformer(2, mode="affine", **FEW).fit(X)
    assert model.table_.mode_ == "affine"
    filled = model.impute(X)
    assert np.isfinite(filled).all()
    assert (model.sample(20, conditions={0: (0.0, None)}, random_state=0)[:, 0] >= 0).all()


def test_models_saved_before_say_what_to_do() -> None:
    state = MODEL.__getstate__()
    state["_parts"] = {**state["_parts"]}
    kept = {name: state["_parts"]["calibration"][name] for name in ("noise", "marginals")}
    state["_parts"]["calibration"] = kept
    encoder = TabularEncoder()
    encoder.__setstate__(MODEL.table_.__getstate__())
    state["table_"] = encoder
    former = clone(MODEL)
    former.__setstate__(state)
    assert len(former.sample(3, noise=False, random_state=0)) == 3
    for ask in (
        lambda: former.sample(2, conditions={"age": 30}),
        lambda: former.impute(HOLES),
        lambda: former.sample_imputations(HOLES),
    ):
        with pytest.raises(ValueError, match="earlier release has fitted this VAETransformer"):
            ask()
