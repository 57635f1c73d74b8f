"""What has moved is named, what has not is left alone, and the tests are those of scipy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chi2_contingency, false_discovery_control, hypergeom, ks_2samp
from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer
from sklatent._utils._params import InvalidParameterError
from sklatent.metrics import Drift, DriftReport, drift_report
from sklatent.metrics._drift_tests import adjusted, compare_counts


def numbers(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ np.array([[1.0, 1, 1, 0, 0], [0, 0, 0, 1, 1]])
    return pd.DataFrame(X + 0.3 * rng.normal(size=(n, 5)), columns=list("abcde"))


def mixed(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return numbers(n, seed).assign(
        kind=rng.choice(["x", "y", "z"], n, p=[0.6, 0.39, 0.01]),
        day=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, n), "D"),
        open=rng.random(n) < 0.5,
    )


PCA2 = PCA(2).fit(numbers(300, 0))


class Nothing(BaseEstimator):
    """A model of one direction that never moves."""

    def fit(self, X: Any) -> Nothing:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> np.ndarray:
        return np.zeros((len(X), 1))


def test_figures_are_those_of_scipy() -> None:
    then, now = numbers(400, 1), numbers(250, 2)
    report = drift_report(PCA2, then, now)
    for one in report.columns:
        expected = ks_2samp(then[one.name], now[one.name])
        assert one.distance == pytest.approx(expected.statistic)
        assert one.p_value == pytest.approx(expected.pvalue)
    for j, one in enumerate(report.directions):
        expected = ks_2samp(PCA2.transform(then)[:, j], PCA2.transform(now)[:, j])
        assert one.name == f"pca{j}"
        assert one.p_value == pytest.approx(expected.pvalue)
    assert report.n_rows == {"then": 400, "now": 250}


@pytest.mark.parametrize("n", [200, 2000])
def test_shares_by_chi_square_and_by_drawing(n: int) -> None:
    rng = np.random.RandomState(0)
    frequent = np.array([n // 2, n // 4, n // 4]), np.array([n // 3, n // 4, n // 5])
    distance, p = compare_counts(*frequent, rng)
    assert p == chi2_contingency(np.array(frequent), correction=False).pvalue
    shares = [one / one.sum() for one in frequent]
    assert distance == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)
    # rare ones: the law of the statistic given the margins, here of a single count
    rare = np.array([n, 1]), np.array([n, 7])
    counts = np.arange(9)
    statistic = np.abs(counts - 8 * (n + 1) / (2 * n + 8))
    as_far = statistic >= statistic[1] - 1e-9
    exact = hypergeom(2 * n + 8, 8, n + 1).pmf(counts)[as_far].sum()
    assert compare_counts(*rare, rng)[1] == pytest.approx(exact, abs=4 * np.sqrt(exact / 9999))
    assert compare_counts(np.array([n, 0]), np.array([9, 0]), rng) == (0.0, 1.0)


def test_adjusted_p_values() -> None:
    p = np.array([0.04, 0.001, 0.03, 0.02])
    np.testing.assert_allclose(adjusted(p, "holm"), [0.06, 0.004, 0.06, 0.06])
    np.testing.assert_allclose(adjusted(p, "bh"), false_discovery_control(p))
    assert adjusted(np.array([0.9, 0.8]), "holm").max() == 1.0


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_what_moved_is_named(library: str) -> None:
    then, now = mixed(900, 3), mixed(700, 4)
    now["b"] += 0.5
    now["c"] *= 2.0  # the mean is where it was
    now["kind"] = np.where(np.arange(700) % 7 == 0, "new", now["kind"])
    now["day"] += pd.Timedelta("30D")
    now.loc[:60, "d"] = np.nan
    then["e"] = np.nan
    model = AutoencoderTransformer(2, max_steps=5, random_state=0)
    tables: list[Any] = [then, now]
    if library != "pandas":
        tables = [pl.from_pandas(frame) for frame in tables]
    if library == "pyarrow":
        tables = [frame.to_arrow() for frame in tables]
    with pytest.warns(UserWarning, match="unknown categories"):
        report = drift_report(model.fit(tables[0]), *tables)
    assert set(report.moved_columns) == {"b", "c", "d", "e", "kind", "day"}
    by_name = {(one.name, one.what): one for one in report.columns}
    assert not by_name["d", "values"].moved
    assert by_name["d", "missing"].words == f"missing: 0.0%, now {61 / 700:.1%}"
    assert by_name["e", "missing"].distance == 1.0
    assert ("e", "values") not in by_name
    assert by_name["kind", "values"].words.startswith("levels not there then: 0.0%, now 14.3%")
    assert by_name["day", "values"].words.startswith("middle half 2024-01-2")
    frame = report.to_frame()
    assert type(frame) is type(tables[0])
    assert len(frame) == len(report.columns) + 2


@pytest.mark.parametrize("kind", [np.float64, np.float32, "frame"])
def test_directions_move_where_their_columns_do(kind: Any) -> None:
    then, now = numbers(800, 5), numbers(800, 6)
    now[["a", "b", "c"]] += 0.5
    model = make_pipeline(StandardScaler(), PCA(2))
    tables = [then, now] if kind == "frame" else [X.to_numpy(dtype=kind) for X in (then, now)]
    report = drift_report(model.fit(tables[0]), *tables)
    assert report.moved_directions == ["pca0"]
    assert report.moved_columns == (["a", "b", "c"] if kind == "frame" else [0, 1, 2])


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_nothing_is_said_to_move_where_nothing_has(method: Any) -> None:
    false = 0
    for seed in range(60):
        then, now = mixed(200, 2 * seed), mixed(150, 2 * seed + 1)
        report = drift_report(Nothing().fit(then), then, now, method=method)
        assert len(report.columns) == 8
        false += bool(report.moved_columns)
    assert false <= 8  # three expected; one run in a hundred has more than eight


def test_bh_finds_no_less_than_holm_and_alpha_is_the_level() -> None:
    then, now = numbers(300, 7), numbers(300, 8) + 0.15
    holm, bh = (drift_report(PCA2, then, now, method=method) for method in ("holm", "bh"))
    for one, other in zip(holm.columns, bh.columns, strict=True):
        assert other.p_adjusted <= one.p_adjusted
    p = [one.p_adjusted for one in bh.columns]
    report = drift_report(PCA2, then, now, method="bh", alpha=float(np.median(p)))
    assert len(report.moved_columns) == 3


def test_report_shows_itself() -> None:
    then, now = numbers(300, 9), numbers(200, 10)
    now["a"] += 9.0
    report = drift_report(PCA2, then, now)
    title = "1 of 5 columns and 1 of 2 directions moved between 300 rows and 200 (Holm at 0.05)"
    assert repr(report) == f"DriftReport({title})"
    lines = str(report).splitlines()
    assert lines[0] == title
    assert lines[3].split()[:2] == ["a", "yes"]
    assert len(lines) == 3 + 5 + 2
    html = report._repr_html_()
    assert html.count("<tr>") == 8
    assert json.loads(json.dumps(report.to_dict()))["n_rows"] == {"then": 300, "now": 200}
    assert isinstance(report, DriftReport)
    assert isinstance(report.columns[0], Drift)
    assert isinstance(report.to_frame("polars"), pl.DataFrame)


def test_what_cannot_be_compared() -> None:
    X = numbers(30, 11)
    with pytest.raises(TypeError, match="DBSCAN has no transform"):
        drift_report(DBSCAN().fit(X), X, X)
    with pytest.raises(NotFittedError):
        drift_report(PCA(2), X, X)
    with pytest.raises(ValueError, match="Feature names unseen in X_then"):
        drift_report(PCA2, X, X.rename(columns={"a": "z"}))
    with pytest.raises(InvalidParameterError, match="alpha"):
        drift_report(PCA2, X, X, alpha=1.0)
    with pytest.raises(InvalidParameterError, match="method"):
        drift_report(PCA2, X, X, method="none")  # type: ignore[arg-type]
