"""Identifiers, free text and dates in words, from fit to samples, in every model."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent import (
    AutoencoderTransformer,
    LatentAnomalyDetector,
    LatentClusterer,
    NeighborEmbedding,
    TabularEncoder,
    VAETransformer,
)

TOPICS = {
    "a": ["refund", "money", "price"],
    "b": ["parcel", "late", "box"],
    "c": ["thanks", "good"],
}


def customers(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.RandomState(seed)
    kind = rng.choice(list("abc"), n)
    age = np.clip(rng.normal(45, 14, n) + 8 * (kind == "a"), 18, 90).round().astype(int)
    days = pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.randint(0, 4000, n), unit="D")
    words = ["customer", "called", "again", "order", "today"]
    notes = [" ".join([*rng.choice(TOPICS[k], 2), *rng.choice(words, 5)]) for k in kind]
    return pd.DataFrame(
        {
            "customer_id": [f"C{i:06d}" for i in rng.choice(10**6, n, replace=False)],
            "since": days.strftime("%d/%m/%Y"),
            "age": age,
            "amount": rng.lognormal(4, 1, n).round(2),
            "kind": kind,
            "member": rng.rand(n) < 0.4,
            "notes": notes,
        }
    )


def numbers(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.RandomState(seed)
    factor = rng.randn(n)
    columns = {f"x{i}": factor + 0.5 * rng.randn(n) for i in range(4)}
    return pd.DataFrame({"number": rng.permutation(n) + 500, **columns})


MODELS = {
    "vae": VAETransformer(2, max_steps=10, random_state=0),
    "autoencoder": AutoencoderTransformer(2, max_steps=10, random_state=0),
    "clusterer": LatentClusterer(
        2, estimator=AutoencoderTransformer(2, max_steps=10), random_state=0
    ),
    "detector": LatentAnomalyDetector(max_steps=10, random_state=0),
}
CONTAINERS = {"pandas": lambda frame: frame, "polars": pl.from_pandas}


@pytest.fixture(scope="module", params=CONTAINERS)
def fitted(request: pytest.FixtureRequest) -> tuple[Any, VAETransformer]:
    frame = CONTAINERS[request.param](customers())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return frame, VAETransformer(2, max_steps=10, random_state=0).fit(frame)


@pytest.mark.parametrize("name", MODELS)
def test_each_role_is_said_once_and_new_rows_are_read_in_silence(name: str) -> None:
    model = MODELS[name]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(customers())
    texts = [str(one.message) for one in said if "Found" in str(one.message)]
    assert len(texts) == 3
    for part in ("'customer_id'", "identifier_features=None", "'notes'", "['notes']", "%d/%m/%Y"):
        assert sum(part in text for text in texts) == 1
    assert {one.filename for one in said if "Found" in str(one.message)} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new = customers(40, seed=1)
        ask = model.score_samples if name == "detector" else model.transform
        codes = ask(new)
        np.testing.assert_array_equal(codes, ask(new.assign(customer_id="something else")))
        changed = ask(new.assign(notes="thanks again for the good parcel"))
        assert not np.allclose(codes, changed)
        later = ask(new.assign(since="01/01/2012"))
        assert not np.allclose(codes, later)


def test_samples_hold_new_identifiers_no_text_and_dates_in_their_format(
    fitted: tuple[Any, VAETransformer],
) -> None:
    frame, model = fitted
    rows = model.sample(400, random_state=1)
    assert type(rows) is type(frame)
    assert list(rows.columns) == list(frame.columns)
    if isinstance(frame, pl.DataFrame):
        assert rows.schema == frame.schema
        frame, rows = frame.to_pandas(), rows.to_pandas()
    ids = rows["customer_id"]
    assert all(re.fullmatch(r"C\d{6}", one) for one in ids)
    assert ids.is_unique
    assert not ids.isin(frame["customer_id"]).any()
    assert rows["notes"].isna().all()
    known, days = (pd.to_datetime(one["since"], format="%d/%m/%Y") for one in (frame, rows))
    assert days.between(known.min(), known.max()).all()
    again = model.sample(400, random_state=1)
    again = again.to_pandas() if isinstance(again, pl.DataFrame) else again
    pd.testing.assert_frame_equal(rows, again)


def test_conditions_are_refused_on_what_is_not_modelled_and_kept_on_dates(
    fitted: tuple[Any, VAETransformer],
) -> None:
    frame, model = fitted
    for column, what in (("customer_id", "identifier"), ("notes", "free text")):
        with pytest.raises(ValueError, match=f"'{column}', which is an? {what}"):
            model.sample(3, conditions={column: frame[column][0]})
    day = frame["since"][0]
    rows = model.sample(5, conditions={"since": day, "kind": "a"}, random_state=0)
    assert set(rows["since"]) == {day}
    assert len(set(rows["customer_id"])) == 5
    later = model.sample(5, conditions={"since": ("2020-01-01", None)}, random_state=0)
    assert all(int(one[-4:]) >= 2020 for one in later["since"])


def test_impute_copies_what_is_not_modelled(fitted: tuple[Any, VAETransformer]) -> None:
    frame, model = fitted
    library = type(frame)
    given = customers(30, seed=2)
    given.loc[:9, "since"] = None
    given.loc[5:14, "notes"] = None
    given.loc[3:5, "customer_id"] = None
    filled = model.impute(library(given) if library is pd.DataFrame else pl.from_pandas(given))
    filled = filled if library is pd.DataFrame else filled.to_pandas()
    for column in ("customer_id", "notes"):
        same = (filled[column] == given[column]) | (filled[column].isna() & given[column].isna())
        assert same.all()
    known = given["since"].notna()
    assert (filled["since"][known] == given["since"][known]).all()
    assert pd.to_datetime(filled["since"], format="%d/%m/%Y").notna().all()


def test_decoded_rows_have_no_identifier_and_no_text(fitted: tuple[Any, VAETransformer]) -> None:
    frame, model = fitted
    back = model.inverse_transform(model.transform(frame))
    assert all(one is None or one != one for one in [*back["customer_id"], *back["notes"]])
    again = model.transform(back)
    assert np.isfinite(again).all()


def test_saved_models_hold_no_identifier_and_no_text(fitted: tuple[Any, VAETransformer]) -> None:
    frame, model = fitted
    state = pickle.dumps(model)
    for column in ("customer_id", "notes"):
        assert not any(str(one).encode() in state for one in frame[column])
    other = pickle.loads(state)
    first, second = (one.sample(5, random_state=0) for one in (model, other))
    assert first.equals(second)
    np.testing.assert_array_equal(model.transform(frame), other.transform(frame))


def test_words_that_are_no_dates_count_as_missing(fitted: tuple[Any, VAETransformer]) -> None:
    _, model = fitted
    odd = customers(20, seed=3)
    odd.loc[4, "since"] = "soon"
    gone = odd.assign(since=odd["since"].where(odd["since"] != "soon"))
    with pytest.warns(UserWarning, match=r"'since' \(1: 'soon'\)"):
        codes = model.transform(odd)
    np.testing.assert_array_equal(codes, model.transform(gone))
    real = odd.assign(since=pd.to_datetime(odd["since"], format="%d/%m/%Y", errors="coerce"))
    np.testing.assert_allclose(model.transform(real), codes, atol=1e-6)


def test_the_user_may_choose_otherwise() -> None:
    frame = customers(120)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder = TabularEncoder(
            identifier_features=None, categorical_features=["notes", "since"]
        ).fit(frame)
        kinds = [block.kind for block in encoder.blocks_]
        assert kinds.count("category") == 5
        assert encoder.inverse_transform(encoder.transform(frame)).equals(frame)
        named = TabularEncoder(
            identifier_features=["customer_id", "age"], categorical_features=["notes", "since"]
        ).fit(frame)
        assert named.constant_.tolist() == [True, False, True, False, False, False, False]
    with pytest.raises(ValueError, match="both name the column 'age'"):
        TabularEncoder(identifier_features=["age"], numerical_features=["age"]).fit(frame)
    with pytest.raises(ValueError, match="identifier_features has items"):
        TabularEncoder(identifier_features=["nobody"]).fit(frame)


# -- tables of numbers alone -----------------------------------------------------------------------

NUMERIC = [
    VAETransformer(2, max_steps=10, random_state=0),
    AutoencoderTransformer(2, max_steps=10, random_state=0),
    NeighborEmbedding(2, max_steps=10, random_state=0),
    LatentClusterer(2, random_state=0),
    LatentAnomalyDetector(max_steps=10, random_state=0),
    LatentAnomalyDetector(AutoencoderTransformer(2, max_steps=10), random_state=0),
]


@pytest.mark.parametrize("dtype", ["int64", "int32", "Int64"])
@pytest.mark.parametrize("model", NUMERIC, ids=lambda one: type(one).__name__)
def test_an_identifier_among_numbers_changes_nothing(model: Any, dtype: str) -> None:
    frame = numbers().astype({"number": dtype})
    with pytest.warns(UserWarning, match="identifiers in column 'number'"):
        model.fit(frame)
    assert model.table_.mode_ == "affine"
    assert model.table_.constant_.tolist() == [True] + 4 * [False]
    ask = model.score_samples if hasattr(model, "score_samples") else model.transform
    new = numbers(20, seed=1).astype({"number": dtype})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(ask(new), ask(new.assign(number=7)))
        if hasattr(model, "sample"):
            rows = model.sample(50, random_state=0)
            assert rows.dtypes.tolist() == frame.dtypes.tolist()
            assert rows["number"].tolist() == list(range(800, 850))
        if hasattr(model, "inverse_transform"):
            back = model.inverse_transform(model.transform(new))
            assert back["number"].isna().all()
            assert np.isfinite(model.transform(back.assign(number=1))).all()


def test_the_same_column_in_an_array_is_a_number() -> None:
    frame = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        array = TabularEncoder().fit(frame.to_numpy())
        assert not array.constant_.any()
        kept = TabularEncoder(identifier_features=None).fit(frame)
        assert not kept.constant_.any()
        named = TabularEncoder(identifier_features=[0]).fit(frame.to_numpy())
    matrix = named.transform(frame.to_numpy())
    assert not matrix[:, 0].any()
    np.testing.assert_array_equal(matrix[:, 1:], array.transform(frame.to_numpy())[:, 1:])
    assert np.isnan(named.inverse_transform(matrix)[:, 0]).all()


@pytest.mark.parametrize("standardize", [True, False])
def test_scales_and_principal_components_are_those_without_it(standardize: bool) -> None:
    frame = numbers()
    options: dict[str, Any] = {"standardize": standardize, "max_steps": 5, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = AutoencoderTransformer(2, **options).fit(frame)
    rest = AutoencoderTransformer(2, **options).fit(frame.drop(columns="number"))
    assert whole.table_.unit_ == rest.table_.unit_
    np.testing.assert_allclose(whole.score(frame), rest.score(frame.drop(columns="number")))


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_the_encoder_names_the_numbers_of_a_text(output: str) -> None:
    frame = customers(120)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoder = TabularEncoder().set_output(transform=output).fit(frame)
    names = [*frame.columns, *(f"notes_{i}" for i in range(8))]
    assert encoder.get_feature_names_out().tolist() == names
    matrix = encoder.transform(frame)
    assert matrix.shape == (120, encoder.n_encoded_) == (120, 15)
    if output != "default":
        assert list(matrix.columns) == names
    assert encoder.n_features_in_ == 7
    assert encoder.inverse_transform(matrix)["since"].tolist() == frame["since"].tolist()


@pytest.mark.parametrize("columns", [["customer_id"], ["notes"], ["customer_id", "notes"]])
def test_tables_of_nothing_else_give_nothing_back(columns: list[str]) -> None:
    frame = customers()[columns]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = VAETransformer(1, max_steps=5, random_state=0).fit(frame)
    rows = model.sample(50, random_state=0)
    for column in columns:
        assert not rows[column].isin(frame[column]).any()
    assert np.isfinite(model.transform(frame)).all()
