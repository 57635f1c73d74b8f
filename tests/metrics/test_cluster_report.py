"""Reports on clusters: sizes, medoids, what distinguishes them, stability."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer, LatentClusterer
from sklatent.metrics import cluster_report
from sklatent.tabular import as_table

RNG = np.random.default_rng(0)
KIND = np.repeat([0, 1, 2], [60, 30, 10])
X = RNG.normal(size=(100, 3))
X[:, 0] += 10.0 * KIND


class ByFirstColumn(ClusterMixin, BaseEstimator):
    """Labels rows by the first column, as it finds it in a table of any kind."""

    def fit(self, X: Any, y: Any = None) -> ByFirstColumn:
        self.fitted_ = True
        return self

    def predict(self, X: Any) -> Any:
        first = X.iloc[:, 0] if hasattr(X, "iloc") else X[:, 0]
        return np.asarray(first)


def table(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    kind = np.arange(n) % 4 == 0
    frame = pd.DataFrame({"group": np.where(kind, "left", "right")})
    frame["amount"] = np.where(kind, 20.0, 10.0) + rng.normal(size=n)
    frame["word"] = np.where(kind & (rng.random(n) < 0.8), "b", "a")
    frame["noise"] = rng.normal(size=n)
    frame["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        np.where(kind, 100, 0) + rng.integers(0, 5, n), unit="D"
    )
    frame["gap"] = np.where(~kind & (rng.random(n) < 0.9), np.nan, 1.0)
    return frame


@pytest.mark.parametrize(
    "model",
    [
        KMeans(3, n_init=5, random_state=0),
        GaussianMixture(3, covariance_type="tied", n_init=3, random_state=0),
        LatentClusterer(3, random_state=0),
        make_pipeline(StandardScaler(with_std=False), KMeans(3, n_init=5, random_state=0)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_clusterers_with_predict(model: Any, dtype: Any) -> None:
    rows = X.astype(dtype)
    report = cluster_report(model.fit(rows), rows)
    assert report.labels.tolist() == [0, 1, 2]
    assert sorted(report.sizes) == [10, 30, 60]
    np.testing.assert_allclose(report.shares, report.sizes / 100)
    assert (report.stability > 0.95).all()
    labels = model.predict(rows)
    for i, label in enumerate(report.labels):
        assert labels[report.medoids[i]] == label
        first = report.traits[i][0]
        assert first.column == 0
        assert first.here == pytest.approx(rows[labels == label, 0].mean(), rel=1e-5)
        assert first.others == pytest.approx(rows[labels != label, 0].mean(), rel=1e-5)
    assert np.array_equal(report.medoid_rows, rows[report.medoids])


def test_medoid_is_the_row_with_the_least_mean_distance() -> None:
    model = KMeans(3, n_init=5, random_state=0).fit(X)
    report = cluster_report(model, X, n_resamples=0)
    assert report.stability is None
    ranges = np.subtract(*np.quantile(X, [0.75, 0.25], axis=0))
    for i, label in enumerate(report.labels):
        mine = np.flatnonzero(model.labels_ == label)
        distances = np.abs((X[mine, None] - X[mine]) / ranges).sum(2).mean(1)
        assert report.medoids[i] == mine[distances.argmin()]


def test_what_distinguishes_numbers_levels_dates_and_gaps() -> None:
    frame = table()
    report = cluster_report(ByFirstColumn().fit(frame), frame, n_resamples=0)
    assert report.labels.tolist() == ["left", "right"]
    assert report.shares.tolist() == [0.25, 0.75]
    left = {trait.column: trait for trait in report.traits[0]}
    # noise distinguishes nothing
    assert set(left) == {"group", "amount", "word", "since", "gap"}
    kind = frame["group"] == "left"
    amount = left["amount"]
    assert amount.here == pytest.approx(frame["amount"][kind].mean())
    assert amount.effect == pytest.approx(10.0, rel=0.15)
    assert amount.lift is None
    assert amount.level is None
    share, rest = (frame["word"][kind] == "b").mean(), (frame["word"][~kind] == "b").mean()
    word = left["word"]
    assert (word.level, word.here, word.others) == ("b", share, rest)
    assert word.lift == pytest.approx(share / (frame["word"] == "b").mean()) == pytest.approx(4.0)
    assert word.effect == pytest.approx(2 * np.arcsin(share**0.5))
    assert word.words == f"word = b: {share:.0%} (others 0%, lift 4)"
    assert left["since"].words.startswith("since 2020-04-11 (others 2020-01-0")
    right = {trait.column: trait for trait in report.traits[1]}
    assert right["gap"].level == "missing"
    assert right["gap"].words.startswith("gap missing: 9")
    assert right["word"].level == "a"
    assert right["amount"].effect == pytest.approx(-amount.effect)
    assert [trait.strength for trait in report.traits[0]] == sorted(
        (trait.strength for trait in report.traits[0]), reverse=True
    )


def test_one_far_cell_changes_little() -> None:
    rows = X.copy()
    rows[0, 1] = 1e9
    report = cluster_report(KMeans(3, n_init=5, random_state=0).fit(X), rows, n_resamples=0)
    plain = cluster_report(KMeans(3, n_init=5, random_state=0).fit(X), X, n_resamples=0)
    for mine, before in zip(report.traits, plain.traits, strict=True):
        assert [trait.column for trait in mine] == [trait.column for trait in before] == [0]


def test_columns_do_not_differ_by_chance() -> None:
    noise = RNG.normal(size=(100, 20))
    noise[:, 0] = np.arange(100) % 2
    report = cluster_report(ByFirstColumn().fit(noise), noise, n_resamples=0)
    assert [[trait.column for trait in traits] for traits in report.traits] == [[0], [0]]


def test_stability_is_the_mean_jaccard_index() -> None:
    class Shifting(ByFirstColumn):
        """The first one stands; clones take a quarter of the second cluster to the third."""

        def fit(self, X: Any, y: Any = None) -> Any:
            super().fit(X)
            self.moved_ = True
            return self

        def predict(self, X: Any) -> Any:
            labels = np.round(X[:, 0] / 10.0).astype(int)
            if hasattr(self, "moved_"):
                labels[60:75] = 2
            return labels

    model = Shifting()
    model.fitted_ = True
    rows = X.copy()
    rows[:, 0] = 10.0 * KIND
    found = cluster_report(model, rows, n_resamples=3).stability
    assert found == pytest.approx([1.0, 15 / 30, 10 / 25])
    notes = cluster_report(model, rows, n_resamples=1).notes
    assert notes == ("Clusters 1, 2: not found again in resampled rows (stability below 0.6).",)


def test_clusters_that_are_not_there_are_not_found_again() -> None:
    noise = RNG.normal(size=(200, 6))
    report = cluster_report(KMeans(6, n_init=1, random_state=0).fit(noise), noise)
    assert report.stability.mean() < 0.6
    assert "not found again" in str(report)
    again = cluster_report(KMeans(6, n_init=1, random_state=0).fit(noise), noise)
    assert np.array_equal(report.stability, again.stability)


def test_mixed_table_and_a_model_that_stays_as_it_is() -> None:
    frame = table(120)
    latent = FrozenEstimator(AutoencoderTransformer(2, max_steps=5, random_state=0).fit(frame))
    model = LatentClusterer(2, estimator=latent, random_state=0).fit(frame)
    report = cluster_report(model, frame, n_resamples=2)
    assert report.sizes.sum() == 120
    assert report.medoid_rows.equals(frame.iloc[report.medoids])
    assert model.random_state == 0


@pytest.mark.parametrize(
    ("make", "library"),
    [
        (pd.DataFrame, "pandas"),
        (pl.from_pandas, "polars"),
        (pa.Table.from_pandas, "pyarrow"),
        (pa.RecordBatch.from_pandas, "pyarrow"),
        (lambda frame: frame.to_numpy(), "pandas"),
    ],
)
def test_containers(make: Any, library: str) -> None:
    rows = make(pd.DataFrame(X, columns=["a", "b", "c"]))
    model = LatentClusterer(3, random_state=0).fit(rows)
    report = cluster_report(model, rows, n_resamples=1)
    assert isinstance(report.medoid_rows, type(as_table(rows)))
    frame = report.to_frame()
    assert type(frame).__module__.split(".")[0] == library
    names = list(frame.columns if library != "pyarrow" else frame.column_names)
    assert names == ["cluster", "size", "share", "stability", "medoid", "traits"]
    column = report.traits[0][0].column
    assert column == ("a" if isinstance(rows, pd.DataFrame) or library != "pandas" else 0)


def test_report_is_shown() -> None:
    frame = table().rename(columns={"word": "<word>"})
    report = cluster_report(ByFirstColumn().fit(frame), frame, n_resamples=2)
    text = str(report)
    assert text.startswith("2 clusters of 400 rows")
    assert text.index("right") < text.index("left")
    assert repr(report) == "ClusterReport(2 clusters of 400 rows)"
    html = report._repr_html_()
    assert "<table>" in html
    assert "<word>" not in html
    plain = report.to_dict()
    assert json.loads(json.dumps(plain))["sizes"] == [100, 300]
    assert plain["traits"][0][0]["column"] in list(frame.columns)


def test_one_cluster() -> None:
    report = cluster_report(KMeans(1).fit(X), X)
    assert report.traits == [[]]
    assert report.stability.tolist() == [1.0]
    assert report.notes == ()


def test_what_cannot_be_reported_on() -> None:
    with pytest.raises(TypeError, match=r"DBSCAN has no predict: give a fitted clusterer"):
        cluster_report(DBSCAN().fit(X), X)
    with pytest.raises(NotFittedError):
        cluster_report(KMeans(3), X)
    with pytest.raises(ValueError, match="n_resamples"):
        cluster_report(KMeans(3).fit(X), X, n_resamples=-1)
