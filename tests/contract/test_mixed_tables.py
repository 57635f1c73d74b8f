"""Every estimator of mixed tables: words, dates and holes in, the same kind of table out.

What other libraries break on is listed here case by case.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent._utils.declaration import declaration_of
from sklatent.datasets import make_mixed_table
from tests.instances import (
    HOLDING,
    TRAINED,
    ask,
    declaring,
    holds,
    make,
    on_device,
    target,
    trains,
)

TABLE = make_mixed_table(120, random_state=0)
SURVIVED = TABLE["survived"].to_numpy()
N = 60
RNG = np.random.default_rng(0)
WORDS = RNG.choice(["a", "b", "c"], N)
X1, X2 = RNG.normal(size=(2, N))


MIXED = declaring(tables="mixed")
MODELS = [cls for cls in MIXED if trains(cls)]
NUMERIC = [cls for cls in declaring(tables="numeric") if cls not in MIXED]


def cheap(cls: type) -> Any:
    """A cheap instance; what holds another estimator holds one that takes mixed tables."""
    if not holds(cls):
        return make(cls, {**TRAINED, "n_components": 2, "n_importance_samples": 16})
    held = make(MODELS[0], {**TRAINED, "n_components": 2, "random_state": None})
    return make(cls, {**HOLDING, "estimator": held, "method": "kmeans"})


def by_name(cls: type) -> str:
    return cls.__name__


@pytest.fixture(scope="module", params=MIXED, ids=by_name)
def kind(request: pytest.FixtureRequest) -> type:
    cls: type = request.param
    return cls


@pytest.fixture
def estimator(kind: type, device: str) -> Any:
    """A cheap instance of each that takes mixed tables."""
    return on_device(cheap(kind), device)


@pytest.fixture(params=MODELS, ids=by_name)
def untrained(request: pytest.FixtureRequest, device: str) -> Any:
    """A cheap instance of each latent model that takes mixed tables."""
    return on_device(cheap(request.param), device)


@pytest.fixture(scope="module")
def fitted(kind: type, device: str) -> Any:
    return fit(on_device(cheap(kind), device), TABLE)


def fit(estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> Any:
    y = target(X) if y is None else y
    with warnings.catch_warnings():
        # five steps do not always wake the codes
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y, **kwargs)


def answers(model: Any, X: Any) -> dict[str, Any]:
    """What each verb says, as arrays and frames."""
    given = {}
    if hasattr(model, "transform"):
        given["transform"] = np.asarray(model.transform(X))
    if hasattr(model, "inverse_transform"):
        given["inverse_transform"] = model.inverse_transform(given["transform"])
    if hasattr(model, "score_samples"):
        given["score_samples"] = model.score_samples(X)
    if hasattr(model, "sample"):
        given["sample"] = model.sample(5, random_state=0)
    # tables of numbers alone have no cells to fill
    if hasattr(model, "impute") and model.table_.mode_ == "quantile":
        given["impute"] = model.impute(X, n_draws=2)
        given["imputations"] = model.sample_imputations(X, 1, random_state=0)[0]
    return given


def same(given: dict[str, Any], expected: dict[str, Any]) -> bool:
    return set(given) == set(expected) and all(
        part.equals(expected[verb])
        if hasattr(part, "equals")
        else np.array_equal(part, expected[verb], equal_nan=part.dtype.kind == "f")
        for verb, part in given.items()
    )


def schema(table: Any) -> Any:
    if isinstance(table, np.ndarray):
        return table.dtype, table.shape[1]
    if isinstance(table, pa.Table | pa.RecordBatch):
        return table.schema
    return list(table.columns), list(table.dtypes)


def test_there_are_models_of_mixed_tables_and_models_of_numbers_alone() -> None:
    assert 0 < len(MODELS) < len(MIXED)
    assert NUMERIC


@pytest.mark.parametrize("cls", NUMERIC, ids=by_name)
def test_model_of_numbers_alone_names_the_column(cls: type, device: str) -> None:
    numbers = TABLE.select_dtypes("number").dropna(axis=1)
    assert numbers.shape[1] > 1
    for column in ("soil", "sown"):
        X = numbers.assign(**{column: TABLE[column]})
        with pytest.raises((ValueError, TypeError), match=f"column '{column}'"):
            fit(on_device(cheap(cls), device), X)


# -- what others break on -------------------------------------------------------------------------

TABLES: dict[str, Any] = {
    "numbers with NaN": np.where(RNG.random((N, 3)) < 0.1, np.nan, RNG.normal(size=(N, 3))),
    "dates": pd.DataFrame({"d": pd.date_range("2020", periods=N), "x": X1}),
    "times in a zone": pd.DataFrame(
        {"d": pd.date_range("2020", periods=N, tz="Europe/Berlin"), "w": WORDS}
    ),
    "durations": pd.DataFrame({"d": pd.to_timedelta(np.arange(N), unit="h"), "w": WORDS}),
    "booleans": pd.DataFrame({"b": X1 > 0, "w": WORDS}),
    "booleans with holes": pd.DataFrame(
        {"b": pd.array([True, False, None] * 20, dtype="boolean"), "x": X1}
    ),
    "integers with holes": pd.DataFrame(
        {"i": pd.array([*range(59), None], dtype="Int64"), "w": WORDS}
    ),
    "constant columns": pd.DataFrame({"c": ["x"] * N, "w": WORDS, "k": [3] * N}),
    "only constants": pd.DataFrame({"c": ["x"] * N, "k": [3] * N}),
    "a column of holes": pd.DataFrame({"w": WORDS, "e": [None] * N, "x": X1}),
    "a number of holes": np.column_stack([X1, np.full(N, np.nan), X2]),
    "nothing but holes": pd.DataFrame({"e": [None] * N, "f": [np.nan] * N}),
    "a category without levels": pd.DataFrame({"w": WORDS, "e": pd.Categorical([None] * N)}),
    "declared levels, all holes": pd.DataFrame(
        {"w": WORDS, "e": pd.Categorical([None] * N, categories=["p", "q"])}
    ),
    "integer column names": pd.DataFrame({0: WORDS, 1: X1}),
    "pandas category": pd.DataFrame({"c": pd.Categorical(WORDS), "x": X1}),
    "category of numbers": pd.DataFrame({"c": pd.Categorical(RNG.integers(0, 4, N)), "x": X1}),
    "intervals": pd.DataFrame({"c": pd.cut(X1, 4), "x": X2}),
    "two rows": pd.DataFrame({"w": ["a", "b"], "x": [1.0, 2.0]}),
    "two equal rows": pd.DataFrame({"w": ["a", "a"], "x": [1.0, 1.0]}),
    "two rows with holes": pd.DataFrame({"w": ["a", None], "x": [1.0, np.nan]}),
    "one column": pd.DataFrame({"w": WORDS}),
    "one number": np.where(RNG.random((N, 1)) < 0.2, np.nan, X1[:, None]),
    "200 levels": pd.DataFrame(
        {"w": [f"level {i % 200}" for i in range(400)], "x": np.sin(range(400))}
    ),
    "1,000 levels": pd.DataFrame(
        {"w": [f"level {i % 1000}" for i in range(1200)], "x": np.sin(range(1200))}
    ),
    "objects": np.column_stack([WORDS.astype(object), X1.astype(object)]),
    "objects with holes": np.array([["a", 1.0], [None, 2.0], ["b", np.nan]] * 9, dtype=object),
    "polars": pl.DataFrame(
        {"w": WORDS, "x": X1, "e": pl.Series(WORDS.tolist(), dtype=pl.Enum(["a", "b", "c"]))}
    ),
    "polars with nulls": pl.DataFrame({"w": ["a", None, "b"] * 20, "x": [1.5, 2.5, None] * 20}),
    "pyarrow": pa.table({"w": WORDS.tolist(), "x": X1, "d": pa.array(["x", "y"] * 30)}),
    "record batch": pa.RecordBatch.from_pydict({"w": WORDS.tolist(), "x": X1}),
    "decimals and huge integers": pl.DataFrame(
        {
            "w": WORDS,
            "i": pl.Series([2**64 - 1, 5, None] * 20, dtype=pl.UInt64),
            "d": pl.Series([1, None, 3] * 20).cast(pl.Decimal(8, 2)),
        }
    ),
    "huge numbers": pd.DataFrame({"w": WORDS, "x": np.exp(200 * X1)}),
    "float32 beside words": pd.DataFrame({"w": WORDS, "x": X1.astype("float32")}),
}


def one_component(estimator: Any) -> Any:
    """Codes of one column, which tables of two rows or one column allow; all kinds of cells."""
    for name in ("n_components", "estimator__n_components"):
        if name in estimator.get_params():
            estimator.set_params(**{name: 1})
    if not trains(type(estimator)) and "mode" in estimator.get_params():
        # an object column without words counts as numbers, which come back as floats
        estimator.set_params(mode="quantile")
    return estimator


def has_codes(model: Any) -> bool:
    return hasattr(model, "n_components_") or hasattr(model, "estimator_")


@pytest.mark.parametrize("case", TABLES)
def test_every_verb_answers(estimator: Any, case: str) -> None:
    X = TABLES[case]
    model = fit(one_component(estimator), X)
    given = answers(model, X)
    # what encodes cells one by one keeps what is missing
    keeps_missing = not has_codes(model)
    for verb in ("transform", "score_samples"):
        if verb in given:
            assert len(given[verb]) == len(X)
            assert keeps_missing or np.isfinite(given[verb]).all()
    if "transform" in given:
        assert given["transform"].shape[1] == len(model.get_feature_names_out())
    for verb in ("inverse_transform", "sample", "impute", "imputations"):
        if verb in given:
            assert type(given[verb]) is type(X)
            assert schema(given[verb]) == schema(X)
    first = ask(model, X)[:1]
    assert np.allclose(ask(model, X[:1]), first, rtol=1e-9, equal_nan=keeps_missing)


def test_list_of_lists(estimator: Any) -> None:
    model = fit(one_component(estimator), [["a", 1.0], ["b", 2.0], ["a", 3.0], ["c", None]])
    if not hasattr(model, "inverse_transform"):
        assert np.isfinite(ask(model, [["b", 1.5]])).all()
        return
    back = model.inverse_transform(model.transform([["b", 1.5]]))
    assert back.shape == (1, 2)
    assert back[0, 0] in {"a", "b", "c"}


VERBS = ("transform", "score_samples", "score", "predict", "impute")


def test_unknown_levels_count_as_missing(fitted: Any) -> None:
    """One warning in a call names columns and cells, whatever estimator holds another."""
    X = TABLE.assign(soil="bronze", habit=["spiral", *TABLE["habit"][1:]])
    soil = pd.Series([None] * len(X), dtype=TABLE["soil"].dtype)
    missing = X.assign(soil=soil, habit=X["habit"].where(X["habit"] != "spiral"))
    words = r"'soil' \(120: 'bronze'\), 'habit' \(1: 'spiral'\)"
    for verb in [name for name in VERBS if hasattr(fitted, name)]:
        with pytest.warns(UserWarning, match=words) as told:
            found = getattr(fitted, verb)(X)
        assert len(told) == 1
        assert told[0].filename == __file__
        if verb in ("transform", "score") and not isinstance(found, pd.DataFrame):
            expected = getattr(fitted, verb)(missing)
            np.testing.assert_allclose(found, expected, rtol=1e-9, equal_nan=True)
        if verb == "impute":
            assert found["soil"].equals(X["soil"])
    answers(fitted, TABLE)  # nothing is remembered, and nothing is said


def test_unknown_levels_are_refused_where_that_is_asked_for(estimator: Any) -> None:
    model = fit(estimator.set_params(handle_unknown="error"), TABLE)
    words = r"unknown categories \['bronze'\] in column 'soil'.*fit saw 'clay'"
    for verb in [name for name in VERBS if hasattr(model, name)]:
        with pytest.raises(ValueError, match=words):
            getattr(model, verb)(TABLE.assign(soil="bronze"))
    with pytest.raises(ValueError, match="'height_cm' holds words, but held numbers in fit"):
        ask(model, TABLE.assign(height_cm="tall"))


@pytest.mark.parametrize("column", ["height_cm", "n_flowers", "sown"])
def test_numbers_go_on_beyond_the_training_range(fitted: Any, column: str) -> None:
    span = TABLE[column].max() - TABLE[column].min()
    X = TABLE.head(5)
    looks = [X.assign(**{column: TABLE[column].max() + k * span}) for k in (1, 30, 900)]
    if hasattr(fitted, "score_samples"):
        scores = np.array([fitted.score_samples(look) for look in looks])
        assert (np.diff(scores, axis=0) < 0).all()
        assert np.isfinite(scores).all()
    if hasattr(fitted, "transform"):
        assert all(np.isfinite(fitted.transform(look)).all() for look in looks if has_codes(fitted))
    if hasattr(fitted, "impute"):
        hidden = looks[2].assign(fruit_g=np.nan)
        filled = fitted.impute(hidden)
        assert filled[column].equals(hidden[column])
        assert filled["fruit_g"].between(TABLE["fruit_g"].min(), TABLE["fruit_g"].max()).all()


@pytest.mark.parametrize("cls", MIXED, ids=by_name)
def test_a_rare_category_spoils_no_cross_validation(cls: type, device: str) -> None:
    X = TABLE.drop(columns="survived").astype({"family": object})
    X.loc[7, "family"] = "Rareaceae"
    model = on_device(cheap(cls), device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Found unknown categories")
        for half in (slice(0, 60), slice(60, None)):
            rest = X.drop(index=X.index[half])
            answer = ask(model.fit(rest, target(rest)), X[half])
            assert np.isfinite(answer).all() or not has_codes(model)


def test_holes_where_fit_saw_none(estimator: Any) -> None:
    model = fit(estimator, TABLE)
    X = TABLE.head(5).astype({"family": object})
    X.loc[0, "family"] = None
    X.loc[1, "height_cm"] = np.nan
    if has_codes(model):
        assert np.isfinite(ask(model, X)).all()
    else:
        assert np.isnan(ask(model, X)).any()


# -- answers --------------------------------------------------------------------------------------


def close(actual: Any, expected: Any) -> None:
    largest = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12 * largest)


@pytest.mark.parametrize("verb", ["transform", "score_samples"])
def test_a_row_does_not_depend_on_the_rows_beside_it(fitted: Any, verb: str) -> None:
    if not hasattr(fitted, verb):
        pytest.skip(f"has no {verb}")
    answer = getattr(fitted, verb)
    whole = answer(TABLE)
    close(np.concatenate([answer(TABLE[i : i + 1]) for i in range(20)]), whole[:20])
    close(np.concatenate([answer(TABLE[:7]), answer(TABLE[7:])]), whole)
    close(answer(TABLE[::-1])[::-1], whole)
    close(answer(pd.concat([TABLE] * 10))[-len(TABLE) :], whole)


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(model: Any) -> Any:
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    assert [name for name in unknown if not name.startswith("sklatent.")] == []
    return skops.io.loads(data, trusted=unknown)


@pytest.mark.parametrize("way", [deepcopy, through_joblib, through_pickle, through_skops])
def test_a_copy_has_the_same_answers(fitted: Any, way: Callable[[Any], Any]) -> None:
    X = TABLE.head(30)
    copy = way(fitted)
    assert same(answers(copy, X), answers(fitted, X))
    if hasattr(copy, "impute"):
        S = copy.sample(3, conditions={"soil": "peat"}, random_state=0)
        assert S.equals(fitted.sample(3, conditions={"soil": "peat"}, random_state=0))


def test_same_seed_same_model(estimator: Any, fitted: Any) -> None:
    X = TABLE.head(30)
    again = answers(fit(clone(estimator), TABLE), X)
    assert same(again, answers(fitted, X))
    if not declaration_of(estimator).needs_y:
        assert same(answers(fit(clone(estimator), TABLE, SURVIVED), X), again)
    if "random_state" in estimator.get_params():
        other = answers(fit(clone(estimator).set_params(random_state=1), TABLE), X)
        assert not same(other, again)


def test_fits_in_threads_equal_sequential_ones(estimator: Any) -> None:
    X = TABLE.head(60)

    def one(seed: int) -> dict[str, Any]:
        model = clone(estimator)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        return answers(model.fit(X, target(X)), X)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        with ThreadPoolExecutor(3) as pool:
            threaded = list(pool.map(one, range(3)))
        assert all(same(found, one(seed)) for seed, found in enumerate(threaded))


def test_other_containers_are_known_by_their_names(fitted: Any) -> None:
    expected = ask(fitted, TABLE)
    words = [name for name in TABLE.columns if TABLE[name].dtype.kind == "O" or name == "soil"]
    other = pl.DataFrame(
        {
            name: pl.Series(TABLE[name].astype(object).where(TABLE[name].notna(), None).to_list())
            if name in words or TABLE[name].dtype == "str"
            else TABLE[name].astype("datetime64[us]").to_numpy()
            if name == "sown"
            else TABLE[name].to_numpy()
            for name in TABLE.columns
        }
    )
    assert np.array_equal(ask(fitted, other), expected, equal_nan=True)
    if hasattr(fitted, "inverse_transform"):
        assert isinstance(fitted.inverse_transform(expected[:3]), pd.DataFrame)


def test_input_is_not_written_to(estimator: Any) -> None:
    X = TABLE.head(40).copy()
    answers(fit(estimator, X), X)
    pd.testing.assert_frame_equal(X, TABLE.head(40))


# -- inside scikit-learn --------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_set_output(estimator: Any, fitted: Any, library: str, frame: type) -> None:
    if not hasattr(estimator, "transform"):
        pytest.skip("has no transform")
    model = fit(clone(estimator).set_output(transform=library), TABLE)
    Z = model.transform(TABLE)
    assert isinstance(Z, frame)
    assert list(Z.columns) == list(model.get_feature_names_out())
    assert np.array_equal(Z.to_numpy(), fitted.transform(TABLE), equal_nan=True)
    if hasattr(model, "inverse_transform"):
        assert isinstance(model.inverse_transform(Z), pd.DataFrame)


def test_pipeline_straight_on_the_raw_frame(untrained: Any) -> None:
    X = TABLE.drop(columns="survived")
    model = fit(make_pipeline(untrained, StandardScaler(), LogisticRegression()), X, SURVIVED)
    assert model.predict(X).shape == SURVIVED.shape
    assert model.score(X, SURVIVED) > 0.3


def test_column_transformer(untrained: Any) -> None:
    names = ["family", "soil", "height_cm", "sown"]
    union = ColumnTransformer([("latent", untrained, names)], remainder="drop")
    Z = fit(union, TABLE).transform(TABLE)
    assert Z.shape == (len(TABLE), 2)
    assert np.array_equal(Z, fit(clone(untrained), TABLE[names]).transform(TABLE[names]))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_grid_search_in_two_processes(untrained: Any) -> None:
    if not hasattr(untrained, "score"):
        pytest.skip("has no score")
    model = untrained.set_params(max_steps=10)
    search = GridSearchCV(
        model, {"learning_rate": [1e-3, 1e-1]}, cv=2, n_jobs=2, error_score="raise"
    )
    X = TABLE.head(90)
    scores = search.fit(X, target(X)).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    assert np.isfinite(search.best_estimator_.transform(X)).all()


# -- training -------------------------------------------------------------------------------------


def test_warm_start_goes_on(untrained: Any) -> None:
    # rows held out might choose the weights that there were
    untrained.set_params(warm_start=True, max_steps=20, early_stopping=False)
    model = fit(untrained, TABLE)
    first = model.transform(TABLE)
    fit(model, TABLE)
    assert not np.array_equal(model.transform(TABLE), first)
    fit(through_pickle(model), TABLE)
    with pytest.raises(ValueError, match="feature names"):
        model.fit(TABLE.drop(columns="soil"), SURVIVED)
    with pytest.warns(UserWarning, match="unknown categories"):
        model.fit(TABLE.assign(soil="bronze"), SURVIVED)
    with pytest.raises(ValueError, match="warm_start"):
        model.set_params(hidden_layer_sizes=(9,)).fit(TABLE, SURVIVED)
    # a failed fit leaves the one before
    assert np.isfinite(model.transform(TABLE)).all()


def test_validation_rows(untrained: Any) -> None:
    model = fit(clone(untrained), TABLE.head(80), X_val=TABLE.tail(40))
    assert "valid_loss" in model.history_[-1]
    other = fit(clone(untrained), TABLE.head(80), X_val=TABLE.head(40))
    assert model.history_[-1]["valid_loss"] != other.history_[-1]["valid_loss"]
    with pytest.warns(UserWarning, match="'soil'"):
        fit(untrained, TABLE.head(80), X_val=TABLE.tail(40).assign(soil="bronze"))


@pytest.mark.filterwarnings("ignore:The posterior collapsed")
def test_an_interrupt_leaves_a_model_that_answers(
    untrained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = untrained.set_params(max_steps=60, early_stopping=True)
    from sklatent._training._loop import Trainer

    step = Trainer._set_rates

    def interrupted(net: Any) -> None:
        if net.n_steps_ == 30:
            raise KeyboardInterrupt
        step(net)

    monkeypatch.setattr(Trainer, "_set_rates", interrupted)
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after 30 steps"),
        pytest.raises(KeyboardInterrupt),
    ):
        model.fit(TABLE, SURVIVED)
    given = answers(model, TABLE.head(10))
    assert np.isfinite(given["transform"]).all()
    if hasattr(model, "impute"):
        assert (model.sample(4, conditions={"soil": "peat"})["soil"] == "peat").all()
        assert not model.impute(TABLE.head(10)).isna().any().any()


def test_number_of_components(untrained: Any) -> None:
    auto = fit(clone(untrained).set_params(n_components="auto"), TABLE.head(50))
    assert auto.n_components_ == 7  # half of 13 columns
    wide = fit(clone(untrained).set_params(n_components=20), TABLE.head(50))
    assert wide.transform(TABLE.head(50)).shape == (50, 20)
    with pytest.raises(ValueError, match=r"n_components=0\.5 .*give an int or 'auto'"):
        untrained.set_params(n_components=0.5).fit(TABLE, SURVIVED)
    assert not hasattr(untrained, "n_features_in_")


def test_unfitted_and_cloned(fitted: Any) -> None:
    copy = clone(fitted)
    assert repr(copy.get_params()) == repr(fitted.get_params())
    assert [name for name in vars(copy) if name.endswith("_")] == []


def test_refit_forgets_the_other_kind_of_table(estimator: Any, fitted: Any) -> None:
    numbers = RNG.normal(size=(40, 3))
    fit(estimator, numbers)
    assert getattr(estimator, "table_", estimator).mode_ == "affine"
    answers(estimator, numbers)
    fit(estimator, TABLE)
    assert same(answers(estimator, TABLE.head(5)), answers(fitted, TABLE.head(5)))
    fit(estimator, numbers)
    fresh = fit(clone(estimator), numbers)
    assert same(answers(estimator, numbers), answers(fresh, numbers))
