"""p-values that mean what they say, and odd rows in words."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import false_discovery_control

from sklatent import LatentAnomalyDetector
from sklatent._utils._params import InvalidParameterError
from sklatent.tasks._anomaly_score import tail_probabilities

RNG = np.random.default_rng(0)
MIXING = RNG.normal(size=(3, 6))


def clean(n: int, kind: str) -> Any:
    X = RNG.normal(size=(n, 3)) @ MIXING + 0.5 * RNG.normal(size=(n, 6))
    if kind == "float32":
        return X.astype(np.float32)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    if kind == "mixed":
        frame = frame.assign(f=frame["f"] ** 3, kind=np.where(RNG.random(n) < 0.2, "x", "y"))
    return frame


def detector(**params: Any) -> LatentAnomalyDetector:
    return LatentAnomalyDetector(
        **{"n_estimators": 2, "max_steps": 30, "random_state": 0, **params}
    )


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("kind", ["frame", "float32", "mixed"])
def test_p_values_of_clean_rows_are_uniform(kind: str, novelty: bool) -> None:
    model = detector(novelty=novelty).fit(clean(2000, kind))
    p = model.p_values(clean(2500, kind))
    assert p.dtype == np.float64
    assert 0 < p.min() < p.max() <= 1
    for level in (0.01, 0.05, 0.1, 0.5):
        # both samples leave three standard errors of chance
        error = 3 * np.sqrt(level * (1 - level) * (1 / 2000 + 1 / 2500))
        assert (p <= level).mean() == pytest.approx(level, abs=max(0.01, error))


def test_p_values_follow_the_scores_and_never_vanish() -> None:
    X = clean(500, "frame")
    model = detector(novelty=True).fit(X)
    far = pd.concat([X, X.head(3) + 1e9])
    p, scores = model.p_values(far), model.score_samples(far)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(p[order]) >= 0).all()
    assert (p > 0).all()
    assert p[-3:].max() < 1e-6


def test_tail_probabilities_by_hand() -> None:
    training = np.array([-3.0, -1.0, -1.0, 0.0])
    p = tail_probabilities(np.array([-3.0, -1.0, 0.0, 5.0, -2.0, -7.0, -1e9]), training)
    third = np.sqrt(1 / 5 * 3 / 5)  # half way between two logarithms
    expected = [1 / 5, 3 / 5, 4 / 5, 4 / 5, third, np.exp(-4) / 5, np.finfo(float).tiny]
    np.testing.assert_allclose(p, expected)


def test_levels_of_predict() -> None:
    X = clean(800, "frame")
    model = detector(contamination=0.2).fit(X)
    rows = pd.concat([clean(190, "frame"), X.head(10) + 30.0])
    p = model.p_values(rows)
    for alpha in (0.01, 0.3):
        assert np.array_equal(model.predict(rows, alpha=alpha) == -1, p <= alpha)
        adjusted = false_discovery_control(p, method="bh")
        assert np.array_equal(
            model.predict(rows, alpha=alpha, method="bh") == -1, adjusted <= alpha
        )
    assert np.array_equal(model.predict(rows) == -1, model.decision_function(rows) < 0)
    assert model.predict(rows, alpha=0.05).dtype == np.int64


def test_false_discoveries_are_few() -> None:
    """Of what is called odd among clean rows and outliers, a tenth is clean, not half."""
    model = detector(novelty=True).fit(clean(2000, "frame"))
    rows = pd.concat([clean(950, "frame"), clean(50, "frame") + 30.0])
    said = model.predict(rows, alpha=0.1, method="bh") == -1
    assert said[-50:].all()
    assert said[:-50].sum() / said.sum() < 0.2
    assert (model.predict(rows, alpha=0.1) == -1)[:-50].sum() > 50


@pytest.mark.parametrize(
    "given", [{"alpha": 0.0}, {"alpha": 1.5}, {"alpha": "some"}, {"alpha": 0.1, "method": "holm"}]
)
def test_levels_that_are_none(given: dict[str, Any]) -> None:
    model = detector(max_steps=2).fit(clean(50, "frame"))
    with pytest.raises(InvalidParameterError, match=next(reversed(given))):
        model.predict(clean(5, "frame"), **given)
    with pytest.raises(ValueError, match="needs a number for alpha"):
        model.predict(clean(5, "frame"), method="bh")


# -- explanations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["frame", "mixed"])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "array"])
def test_explanations_come_in_the_container_of_the_rows(kind: str, library: str) -> None:
    X = clean(100, kind)
    rows = X.set_axis(np.arange(100)[::-1] * 7, axis=0)
    if library == "polars":
        rows = pl.from_pandas(X)
    elif library == "pyarrow":
        rows = pl.from_pandas(X).to_arrow()
    elif library == "array":
        rows = X.to_numpy()
    model = detector().fit(rows)
    parts = model.explain(rows)
    assert type(parts) is type(rows)
    np.testing.assert_allclose(np.asarray(parts).sum(1), model.score_samples(rows), rtol=1e-9)
    if library == "array":
        assert parts.dtype == np.float64
        return
    names = parts.column_names if library == "pyarrow" else list(parts.columns)
    assert names == list(X.columns)
    if library == "pandas":
        assert parts.index.equals(rows.index)
        assert (parts.dtypes == np.float64).all()


def test_names_and_index_that_are_no_strings() -> None:
    X = clean(60, "frame").set_axis(range(6), axis=1)
    parts = detector(max_steps=2).fit(X).explain(X.iloc[[3, 1]])
    assert list(parts.columns) == list(range(6))
    assert list(parts.index) == [3, 1]


N = 600


def business() -> pd.DataFrame:
    start = pd.Timestamp("2024-01-01")
    days = pd.to_timedelta(RNG.integers(0, 300, N), "D")
    frame = pd.DataFrame(
        {
            "spend": RNG.integers(7, 901, N),
            "price": RNG.normal(20, 3, N).round(2),
            "weight": RNG.normal(70, 9, N),
            "age": RNG.normal(45, 10, N).round(),
            "kind": np.repeat(["a", "b", "c"], [400, 198, 2]),
            "at": start + days,
            "local": (start + days + pd.Timedelta("9h")).tz_localize("Europe/Berlin"),
            "took": pd.to_timedelta(RNG.integers(60, 600, N), "m"),
            "open": RNG.random(N) < 0.5,
            "volt": 230,
        }
    )
    frame.loc[:2, "age"] = np.nan
    return frame


BUSINESS = business()
MODEL = detector(novelty=True, identifier_features=None).fit(BUSINESS)


def told(name: str, value: Any) -> str:
    row = BUSINESS.iloc[[300]].astype({name: object} if name in ("kind", "open") else {})
    row = row.assign(**{name: value})
    if name in ("at", "local", "took"):
        row = row.astype({name: BUSINESS[name].dtype})
    found = MODEL.explain_rows(row, top=10)[0]
    (text,) = [part for part in found.split("; ") if part.startswith(f"{name} = ")]
    return text


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("spend", 99999, r"spend = 99999 \(usual \d{1,2} to 8\d\d\)"),
        ("price", 1234.5, r"price = 1234.50 \(usual 1\d\.\d\d to 2\d\.\d\d\)"),
        ("weight", 999.123456, r"weight = 999.1 \(usual \d\d\.\d to \d\d\.\d\)"),
        ("age", 999.0, r"age = 999 \(usual 2\d to 6\d\)"),
        ("age", np.nan, r"age = missing \(in 0.5 % of rows\)"),
        ("price", np.nan, r"price = missing \(never seen\)"),
        ("kind", "zz", r"kind = 'zz' \(never seen\)"),
        ("kind", "c", r"kind = 'c' \(in 0.3 % of rows\)"),
        (
            "at",
            pd.Timestamp("2224-05-01"),
            r"at = 2224-05-01 \(usual 2024-01-\d\d to 2024-10-\d\d\)",
        ),
        (
            "local",
            pd.Timestamp("2224-05-01 09:00", tz="Europe/Berlin"),
            r"local = 2224-05-01 09:00:00\+0[12]:00 \(usual 2024-01-\d\d 09:00:00\+01:00 to .*\)",
        ),
        ("took", pd.Timedelta("40D"), r"took = 40 days, 0:00:00 \(usual 1:\d\d:00 to 9:\d\d:00\)"),
        ("volt", 999, r"volt = 999 \(always 230\)"),
    ],
)
def test_cells_in_words(name: str, value: Any, text: str) -> None:
    assert re.fullmatch(text, told(name, value)), told(name, value)


@pytest.mark.filterwarnings("ignore:Found unknown categories")
def test_one_text_for_each_row_the_oddest_column_first() -> None:
    rows = BUSINESS.head(3).astype({"kind": object}).assign(kind=["a", "zz", "a"])
    rows["spend"] = [10**6, 500, 500]
    texts = MODEL.explain_rows(rows)
    assert len(texts) == 3
    assert texts[0].startswith("spend = 1000000 (usual ")
    assert texts[1].startswith("kind = 'zz' (never seen)")
    assert MODEL.explain_rows(rows, top=1)[1] == "kind = 'zz' (never seen)"
    assert all(text.count(" = ") <= 3 for text in texts)
    # what adds next to nothing is not named
    assert texts[0].count(" = ") == 1
    for wrong in (0, 1.5, "all"):
        with pytest.raises(InvalidParameterError, match="top"):
            MODEL.explain_rows(rows, top=wrong)  # type: ignore[arg-type]


def test_rows_of_an_array_name_columns_by_position() -> None:
    X = RNG.integers(0, 50, size=(300, 3)).astype(float)
    row = np.array([[10.0, 5000.0, 10.0]])
    for given in (X, X.astype(np.float32), X.astype(int)):
        text = detector().fit(given).explain_rows(row.astype(given.dtype), top=1)[0]
        assert re.fullmatch(r"x1 = 5000 \(usual \d to 4\d\)", text), text


def test_words_are_saved() -> None:
    rows = BUSINESS.tail(5)
    again = pickle.loads(pickle.dumps(MODEL))
    assert again.explain_rows(rows) == MODEL.explain_rows(rows)
    assert np.array_equal(again.p_values(rows), MODEL.p_values(rows))


def test_detectors_saved_before_there_were_words() -> None:
    state = MODEL.__getstate__()
    del state["_usual"]
    old = LatentAnomalyDetector.__new__(LatentAnomalyDetector)
    old.__setstate__(state)
    assert isinstance(old.explain(BUSINESS), np.ndarray)
    assert np.array_equal(old.p_values(BUSINESS), MODEL.p_values(BUSINESS))
    with pytest.raises(ValueError, match="fit it again"):
        old.explain_rows(BUSINESS)
