"""LatentClusterer: what its labels, probabilities, rows and choices mean."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - brings the search
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import sklatent.tasks._clustering as clustering
from sklatent import AutoencoderTransformer, LatentClusterer, NeighborEmbedding
from sklatent._utils import neighbors
from sklatent.datasets import make_mixed_table
from sklatent.metrics import clustering_stability

PLACES = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])


def blobs(n: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return make_blobs(n, centers=PLACES, random_state=seed)


def rings(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two rings, one inside the other, lifted to 12 columns."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1.0 + 1.5 * y
    plane = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    plane += 0.05 * rng.normal(size=plane.shape)
    return plane @ rng.normal(size=(2, 12)) + 0.02 * rng.normal(size=(n, 12)), y


@pytest.mark.parametrize(
    "estimator", [None, PCA(1), NeighborEmbedding(2, hidden_layer_sizes=(16,), max_steps=100)]
)
@pytest.mark.parametrize("method", ["auto", "gmm", "kmeans", "merge"])
def test_blobs_are_found_in_every_way(estimator: Any, method: Any) -> None:
    X, y = blobs()
    if isinstance(estimator, PCA):
        X = (X[:, :1] - X[:, 1:]) * [1.0, 0.5]  # the three still differ on one axis
    model = LatentClusterer(3, estimator=estimator, method=method, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.95
    assert method == "auto" or model.method_.endswith(method)
    new, truth = blobs(60, seed=1)
    if not isinstance(estimator, PCA):
        assert adjusted_rand_score(truth, model.predict(new)) > 0.95


def test_labels_are_predictions_of_the_training_rows() -> None:
    X = load_digits().data[:400]
    network = NeighborEmbedding(4, hidden_layer_sizes=(16,), max_steps=50, standardize=False)
    model = LatentClusterer(10, estimator=network, random_state=0).fit(X)
    assert np.array_equal(model.labels_, model.predict(X))
    assert np.array_equal(model.labels_, clone(model).fit_predict(X))
    assert np.array_equal(model.predict_proba(X).argmax(1), model.labels_)
    assert np.array_equal(model.predict(X[:7]), model.labels_[:7])
    assert model.labels_.max() + 1 <= model.n_clusters_ == 10


def test_probabilities() -> None:
    X, _ = blobs()
    model = LatentClusterer(3, random_state=0).fit(X)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    centers = model.cluster_centers_
    middle = (centers[0] + centers[1]) / 2
    assert np.sort(model.predict_proba(middle[None])[0])[-2] > 0.02
    np.testing.assert_allclose(model.predict_proba(centers).max(1), 1.0, atol=1e-3)
    assert np.isfinite(model.predict_proba(np.full((1, 2), 1e6))).all()


def test_centers_lie_in_the_units_of_the_rows() -> None:
    X, _ = blobs()
    model = LatentClusterer(3, random_state=0).fit(1000 * X + 5)
    given = {tuple(np.round(row, -3)) for row in (model.cluster_centers_ - 5)}
    assert given == {tuple(1000 * place) for place in PLACES + 0.0}
    assert model.weights_.sum() == pytest.approx(1.0)
    assert model.modularity_.keys() >= {"gmm"}


def test_rows_drawn_from_a_cluster_belong_to_it() -> None:
    X, _ = blobs()
    model = LatentClusterer(3, random_state=0).fit(X)
    for cluster in range(3):
        drawn = model.sample(50, cluster=cluster, random_state=0)
        assert (model.predict(drawn) == cluster).mean() > 0.95
    assert set(model.predict(model.sample(60, random_state=0))) == {0, 1, 2}
    for wrong in (3, -1, 0.5):
        with pytest.raises(ValueError, match=r"none of the clusters 0 to 2"):
            model.sample(1, cluster=wrong)


def test_rings_are_islands_that_no_gaussian_finds() -> None:
    X, y = rings()
    assert adjusted_rand_score(y, KMeans(2, n_init=5, random_state=0).fit_predict(X)) < 0.1
    model = LatentClusterer(2, random_state=0).fit(X)
    assert model.method_ == "merge"
    assert adjusted_rand_score(y, model.labels_) > 0.98
    assert adjusted_rand_score(y[:50], model.predict(X[:50])) > 0.98


def test_small_tables_of_few_columns_take_gaussians_and_train_nothing() -> None:
    X, y = load_iris(return_X_y=True)
    model = LatentClusterer(3, random_state=0).fit(X)
    assert model.method_ == "gmm"
    assert not hasattr(model.estimator_, "net_")
    assert adjusted_rand_score(y, model.labels_) > 0.85


def test_network_is_trained_where_columns_are_many() -> None:
    X = load_digits().data[:300]
    model = LatentClusterer(10, random_state=0).fit(X)
    assert {"merge", "latent-kmeans", "latent-gmm", "latent-merge"} <= set(model.modularity_)
    won = max(model.modularity_, key=lambda name: model.modularity_[name])
    assert model.method_ in (won, "latent-kmeans")
    trained = hasattr(model.estimator_, "net_")
    assert trained == model.method_.startswith("latent")


@pytest.mark.parametrize(("make", "k"), [(blobs, 3), (rings, 2)])
def test_number_of_clusters_is_found(make: Any, k: int) -> None:
    assert LatentClusterer("auto", random_state=0).fit(make(400)[0]).n_clusters_ == k


def test_rows_without_clusters_are_one() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    model = LatentClusterer("auto", random_state=0).fit(X)
    assert model.n_clusters_ == 1
    assert model.sample(3, cluster=0, random_state=0).shape == (3, 4)


def test_columns_in_one_unit_keep_their_proportions() -> None:
    X, _ = blobs()
    assert not LatentClusterer(3, random_state=0).fit(X).standardize_
    wide = X * [1.0, 1e4]
    model = LatentClusterer(3, random_state=0).fit(wide)
    assert model.standardize_
    assert adjusted_rand_score(blobs()[1], model.labels_) > 0.95
    assert not LatentClusterer(3, standardize=False, random_state=0).fit(wide).standardize_


def test_fitted_estimator_stays_as_it_is() -> None:
    X, _ = blobs()
    latent = AutoencoderTransformer(2, random_state=0).fit(X)
    before = pickle.dumps(latent)
    model = LatentClusterer(3, estimator=FrozenEstimator(latent), random_state=0).fit(X)
    assert np.array_equal(model.transform(X), latent.transform(X))
    assert pickle.dumps(latent) == before
    unseeded = FrozenEstimator(AutoencoderTransformer(2).fit(X))
    LatentClusterer(3, estimator=unseeded, random_state=0).fit(X)
    assert unseeded.random_state is None
    fresh = PCA(2)
    LatentClusterer(3, estimator=fresh, random_state=0).fit(X)
    assert not hasattr(fresh, "components_")


def test_estimator_fitted_to_a_frame() -> None:
    frame = pd.DataFrame(blobs()[0], columns=["east", "north"])
    latent = FrozenEstimator(PCA(2).fit(frame))
    model = LatentClusterer(3, estimator=latent, random_state=0).fit(frame)
    assert list(model.cluster_centers_.columns) == ["east", "north"]


def test_mixed_tables() -> None:
    table = make_mixed_table(150, random_state=0)
    latent = AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_steps=20)
    model = LatentClusterer(3, estimator=latent, random_state=0).fit(table)
    assert np.array_equal(model.labels_, model.predict(table))
    drawn = model.sample(4, cluster=0, random_state=0)
    assert list(drawn.columns) == list(table.columns)
    assert list(drawn.dtypes) == list(table.dtypes)
    assert len(model.cluster_centers_) == model.n_clusters_


def test_mixed_table_with_the_default_finds_the_same_clusters_with_any_seed() -> None:
    X, y = make_blobs(150, n_features=4, cluster_std=1.5, random_state=0)
    words = np.array(["low", "middle", "high"])[
        np.digitize(X[:, 0], np.quantile(X[:, 0], [0.3, 0.7]))
    ]
    table = pd.DataFrame(X[:, 1:], columns=list("bcd")).assign(a=words)
    table.loc[::9, "b"] = np.nan
    for seed in range(3):
        model = LatentClusterer(3, random_state=seed).fit(table)
        assert adjusted_rand_score(y, model.labels_) > 0.7


def test_a_hole_outside_of_the_rows_of_the_graph_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "MAX_GRAPH_ROWS", 60)
    X, _ = make_blobs(90, n_features=3, random_state=0)
    inside = np.zeros(90, bool)
    inside[neighbors.graph_rows(90)] = True
    X[~inside, 0] = np.nan
    model = LatentClusterer(3, random_state=0).fit(X)
    assert model.table_.mode_ == "quantile"
    assert np.array_equal(model.labels_, model.predict(X))


@pytest.mark.parametrize("n_rows", [8, 10])
def test_few_rows(n_rows: int) -> None:
    X = np.random.default_rng(0).normal(size=(n_rows, 3))
    model = LatentClusterer(random_state=0).fit(X)
    assert model.n_clusters_ == 8
    assert np.isfinite(model.predict_proba(X)).all()
    with pytest.raises(ValueError, match=f"n_samples={n_rows} should be >= n_clusters=11"):
        LatentClusterer(11).fit(X)


@pytest.mark.parametrize("k", [3, "auto"])
def test_one_column_and_equal_rows(k: Any) -> None:
    X = np.concatenate([np.linspace(i, i + 0.1, 20) for i in (0, 1, 2)])[:, None]
    model = LatentClusterer(k, random_state=0).fit(X)
    assert adjusted_rand_score(np.repeat([0, 1, 2], 20), model.labels_) == 1.0
    found_fewer = nullcontext() if k == "auto" else pytest.warns(ConvergenceWarning)
    with found_fewer:
        flat = LatentClusterer(k, random_state=0).fit(np.ones((30, 3)))
    assert flat.n_clusters_ == 1
    assert set(flat.labels_) == {0}
    assert np.array_equal(flat.cluster_centers_, np.ones((1, 3)))
    with found_fewer:
        twice = LatentClusterer(k, random_state=0).fit(
            np.repeat([[0.0, 1.0], [5.0, 5.0]], 40, axis=0)
        )
    assert twice.n_clusters_ == 2
    assert set(twice.labels_[:40]) != set(twice.labels_[40:])


def as_array(X: np.ndarray) -> Any:
    return X


def as_frame(X: np.ndarray) -> Any:
    return pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])


def with_words(X: np.ndarray) -> Any:
    return as_frame(X).assign(word=np.where(X[:, 0] > 0, "yes", "no"))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", [as_array, as_frame])
@pytest.mark.parametrize("k", ["auto", 3])
def test_repeated_rows_count_once(k: Any, make: Any, dtype: Any) -> None:
    for X in (np.random.default_rng(0).normal(size=(60, 3)), blobs(60)[0]):
        once = LatentClusterer(k, random_state=0).fit(make(X.astype(dtype)))
        often = LatentClusterer(k, random_state=0).fit(make(np.repeat(X, 5, axis=0).astype(dtype)))
        assert often.n_clusters_ == once.n_clusters_
        assert adjusted_rand_score(np.repeat(once.labels_, 5), often.labels_) == 1.0


@pytest.mark.filterwarnings("ignore:.*no better than noise")
@pytest.mark.parametrize("make", [as_array, with_words])
def test_repeated_rows_count_once_in_given_codes(make: Any) -> None:
    X = blobs(60)[0]
    latent = PCA(2)
    if make is with_words:
        latent = AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_steps=5, random_state=0)
    # the same codes for both
    model = LatentClusterer("auto", estimator=FrozenEstimator(latent.fit(make(X))), random_state=0)
    once = clone(model).fit(make(X))
    often = clone(model).fit(make(X).take(np.repeat(range(60), 5), axis=0))
    assert often.n_clusters_ == once.n_clusters_ > 1
    assert adjusted_rand_score(np.repeat(once.labels_, 5), often.labels_) == 1.0


def test_shares_count_all_rows() -> None:
    X, y = blobs(150)
    heavy = np.concatenate([X, X[y == 0], X[y == 0]])
    model = LatentClusterer(3, random_state=0).fit(heavy)
    assert adjusted_rand_score(np.concatenate([y, np.zeros(100)]), model.labels_) == 1.0
    assert max(model.weights_) == pytest.approx(0.6, abs=0.01)
    assert model.weights_[model.predict(PLACES[:1])[0]] == max(model.weights_)


@pytest.mark.parametrize("method", ["auto", "gmm", "kmeans", "merge"])
@pytest.mark.parametrize("make", [as_array, as_frame, with_words])
def test_fewer_distinct_rows_than_clusters(make: Any, method: Any) -> None:
    X = make(np.repeat(PLACES, 20, axis=0))
    latent = AutoencoderTransformer(2, max_steps=5) if make is with_words else None
    words = (
        r"Number of distinct clusters \(3\) found smaller than n_clusters \(8\)\. Possibly due to "
        r"duplicate points in X\."
    )
    model = LatentClusterer(8, estimator=latent, method=method, random_state=0)
    with pytest.warns(ConvergenceWarning, match=words) as said:
        model.fit(X)
    assert [Path(one.filename).name for one in said] == [Path(__file__).name]
    assert model.n_clusters_ == 3
    assert set(model.labels_) == {0, 1, 2}
    assert adjusted_rand_score(np.repeat([0, 1, 2], 20), model.labels_) == 1.0
    np.testing.assert_allclose(model.weights_, 1 / 3)


UNCLUSTERED = [
    ("uniform", (300, 2)),
    ("lognormal", (300, 4)),
    ("standard_t", (300, 2)),
]


@pytest.mark.parametrize(("law", "shape"), UNCLUSTERED)
@pytest.mark.parametrize("make", [as_array, as_frame])
def test_clusters_no_better_than_noise_are_said_to_be(make: Any, law: str, shape: Any) -> None:
    options = {"df": 3} if law == "standard_t" else {}
    X = make(getattr(np.random.default_rng(0), law)(size=shape, **options))
    model = LatentClusterer("auto", random_state=0)
    with pytest.warns(UserWarning, match=r"found \d+ clusters, .* no better than noise") as said:
        model.fit(X)
    assert [Path(one.filename).name for one in said] == [Path(__file__).name]
    assert model.n_clusters_ > 1


def test_levels_of_a_word_are_no_clusters_of_their_own() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(0, 3, 300)
    table = as_frame(rng.normal(size=(300, 3))).assign(word=np.array(["a", "b", "c"])[words])
    model = LatentClusterer("auto", random_state=0)
    with pytest.warns(UserWarning, match="no better than noise"):
        model.fit(table)
    # clusters of numbers that go with the word are
    table["column 0"] += 6 * words
    assert model.fit(table).n_clusters_ == 3


def test_columns_that_differ_by_next_to_nothing() -> None:
    X = 1e-200 * np.random.default_rng(0).normal(size=(80, 4))
    model = LatentClusterer("auto", random_state=0).fit(X)
    assert 1 <= model.n_clusters_ <= 20
    assert np.isfinite(model.predict_proba(X)).all()


def test_search_over_the_model_inside() -> None:
    X, _ = blobs(120)
    search = HalvingGridSearchCV(
        make_pipeline(StandardScaler(), LatentClusterer(estimator=PCA(), random_state=0)),
        {"latentclusterer__n_clusters": [2, 3], "latentclusterer__estimator__n_components": [1, 2]},
        scoring=clustering_stability,
        cv=KFold(2, shuffle=True, random_state=0),
        min_resources=60,
        error_score="raise",
        # which rows the first round sees is drawn
        random_state=0,
    ).fit(X)
    assert search.best_score_ > 0.8
    assert search.best_params_["latentclusterer__n_clusters"] == 3


def test_many_rows_are_labelled_through_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "MAX_GRAPH_ROWS", 120)
    X, y = blobs(1000)
    model = LatentClusterer(3, random_state=0).fit(X)
    assert len(model.labels_) == 1000
    assert adjusted_rand_score(y, model.labels_) > 0.95
    monkeypatch.setattr(clustering, "SMALL_ROWS", 0)
    monkeypatch.setattr("sklatent.models._neighbor_embedding.STEPS", 50)
    assert adjusted_rand_score(y, LatentClusterer(3, random_state=0).fit(X).labels_) > 0.95


def test_stability_finds_the_number_of_clusters() -> None:
    search = GridSearchCV(
        LatentClusterer(random_state=0),
        {"n_clusters": [2, 3, 5]},
        scoring=clustering_stability,
        cv=KFold(2, shuffle=True, random_state=0),
    ).fit(blobs(200)[0])
    assert search.best_params_ == {"n_clusters": 3}
    assert search.best_score_ == pytest.approx(1.0)
    flat = LatentClusterer(1).fit(blobs()[0])
    assert clustering_stability(flat, blobs()[0]) == 0.0


def test_nested_parameters_are_searched() -> None:
    X, _ = blobs(90)
    wide = np.hstack([X, 0.01 * np.random.default_rng(0).normal(size=(90, 2))])
    search = GridSearchCV(
        LatentClusterer(3, estimator=PCA(), random_state=0),
        {"estimator__n_components": [1, 2]},
        scoring=clustering_stability,
        cv=2,
        error_score="raise",
    ).fit(wide)
    assert search.best_params_["estimator__n_components"] in (1, 2)


def test_default_passes_the_checks_of_scikit_learn() -> None:
    results = check_estimator(LatentClusterer(), on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []
