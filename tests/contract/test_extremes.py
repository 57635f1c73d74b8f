"""What few training rows have is not drawn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent import LatentClusterer, VAETransformer

N = 300


def mixed() -> pd.DataFrame:
    rng = np.random.RandomState(0)
    spent = rng.lognormal(3, 1.5, N).round(2)
    kind = np.where(spent > np.median(spent), "b", "a").astype(object)
    kind[:4], kind[4:9] = "rare", "five"
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta((300 * rng.rand(N)).astype(int), "D")
    return pd.DataFrame(
        {
            "spent": spent,
            "visits": rng.poisson(np.sqrt(spent)),
            "kind": kind,
            "day": day.strftime("%d.%m.%Y"),
            "flag": np.arange(N) < 3,
            "maybe": np.where(rng.rand(N) < 0.2, np.nan, spent + rng.randn(N)),
            "number": [f"N{i:04d}" for i in rng.permutation(9000)[:N]],
        }
    )


def numbers(dtype: str) -> pd.DataFrame:
    rng = np.random.RandomState(0)
    factor = rng.standard_t(2, N)
    frame = pd.DataFrame({f"x{i}": factor + rng.standard_t(2, N) for i in range(3)})
    return frame.astype(dtype).assign(count=rng.poisson(np.exp(1 + factor / 9)))


CONTAINERS: dict[str, Any] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "batch": pa.RecordBatch.from_pandas,
}


def as_pandas(rows: Any) -> pd.DataFrame:
    if isinstance(rows, pa.RecordBatch):
        rows = pa.Table.from_batches([rows])
    return rows if isinstance(rows, pd.DataFrame) else pl.DataFrame(rows).to_pandas()


def bounds(cells: pd.Series, k: int) -> tuple[Any, Any]:
    known = np.sort(cells.dropna().to_numpy())
    return known[k - 1], known[-k]


def quiet_fit(model: Any, X: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X)


@pytest.fixture(scope="module", params=CONTAINERS)
def fitted(request: pytest.FixtureRequest) -> tuple[Any, VAETransformer]:
    X = CONTAINERS[request.param](mixed())
    return X, quiet_fit(VAETransformer(2, max_steps=20, random_state=0), X)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_mixed_rows_hold_no_extreme_and_no_rare_level(
    fitted: tuple[Any, VAETransformer], k: int
) -> None:
    X, model = fitted
    drawn = model.sample(300, protect_extremes=k, random_state=0)
    assert type(drawn) is type(X)
    rows, train = as_pandas(drawn), mixed()
    assert len(rows) == 300
    assert rows.index.tolist() == list(range(300))
    for column in ("spent", "visits", "maybe"):
        low, high = bounds(train[column], k)
        assert rows[column].dropna().between(low, high).all()
    train_day, day = (pd.to_datetime(one["day"], format="%d.%m.%Y") for one in (train, rows))
    assert day.between(*bounds(train_day, k)).all()
    for column in ("kind", "flag"):
        counts = train[column].value_counts()
        assert set(rows[column]) <= set(counts[counts >= k].index)
    assert rows["number"].is_unique
    assert not rows["number"].isin(train["number"]).any()
    assert rows["maybe"].isna().any()
    again = as_pandas(model.sample(300, protect_extremes=k, random_state=0))
    pd.testing.assert_frame_equal(rows, again)


def test_conditions_come_first(fitted: tuple[Any, VAETransformer]) -> None:
    _, model = fitted
    asked = {"kind": "rare", "visits": (None, None)}
    rows = as_pandas(model.sample(20, conditions=asked, protect_extremes=5, random_state=0))
    assert set(rows["kind"]) == {"rare"}
    assert rows["spent"].between(*bounds(mixed()["spent"], 5)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64"])
@pytest.mark.parametrize("as_array", [True, False])
def test_rows_of_numbers_hold_no_extreme(dtype: str, as_array: bool) -> None:
    X: Any = numbers(dtype)
    if as_array:
        X = X.to_numpy("float32" if dtype == "float32" else "float64")
    model = quiet_fit(VAETransformer(2, max_steps=20, random_state=0), X)
    plain = pd.DataFrame(model.sample(500, random_state=0))
    rows = pd.DataFrame(model.sample(500, protect_extremes=5, random_state=0))
    assert rows.dtypes.tolist() == plain.dtypes.tolist()
    outside = 0
    for j in range(4):
        low, high = bounds(pd.DataFrame(X).iloc[:, j].astype(float), 5)
        assert rows.iloc[:, j].astype(float).between(low, high).all()
        outside += (~plain.iloc[:, j].astype(float).between(low, high)).sum()
    assert outside > 0


@pytest.mark.parametrize("X", [mixed(), numbers("float64")], ids=["mixed", "numbers"])
def test_clusters_hold_no_extreme(X: pd.DataFrame) -> None:
    model = quiet_fit(LatentClusterer(2, random_state=0), X)
    rows = model.sample(50, protect_extremes=5, random_state=0)
    numeric = [c for c in X if X[c].dtype.kind in "if"]
    for column in numeric:
        assert rows[column].dropna().between(*bounds(X[column], 5)).all()


@pytest.mark.parametrize("k", [0, -1, 2.5, True, "5"])
def test_what_is_no_number_of_rows_is_refused(fitted: tuple[Any, VAETransformer], k: Any) -> None:
    with pytest.raises(ValueError, match="protect_extremes should be a positive integer or None"):
        fitted[1].sample(3, protect_extremes=k)


def test_where_hardly_a_row_is_left_it_is_an_error(fitted: tuple[Any, VAETransformer]) -> None:
    with pytest.raises(ValueError, match="protect_extremes=149 leaves hardly a row"):
        fitted[1].sample(3, protect_extremes=149)
