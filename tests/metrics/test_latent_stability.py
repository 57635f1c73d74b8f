"""The scorer that asks whether a latent space is found again in other rows."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import DBSCAN
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, FastICA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from sklatent import AutoencoderTransformer
from sklatent.datasets import make_mixed_table
from sklatent.metrics import latent_stability, one_standard_error

COMPONENTS = partial(latent_stability, up_to="permutation")
HALVES = KFold(2, shuffle=True, random_state=0)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}


def generated(n_factors: int, n_columns: int, n_rows: int = 400, seed: int = 0) -> Any:
    """Factors of different strength, far from normal, and as much noise in each column."""
    rng = np.random.default_rng(seed)
    factors = rng.laplace(size=(n_rows, n_factors)) * np.linspace(2.0, 1.0, n_factors)
    loadings = np.linalg.qr(rng.normal(size=(n_columns, n_factors)))[0]
    return 2 * factors @ loadings.T + 0.5 * rng.normal(size=(n_rows, n_columns))


class Given(TransformerMixin, BaseEstimator):
    """Turns rows by a random matrix of its own in each fit, or not at all."""

    def __init__(self, kind: str = "linear", n_components: int = 3, random_state: Any = None):
        self.kind = kind
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Given:
        rng = np.random.default_rng(len(X) if self.random_state is None else self.random_state)
        k = self.n_components
        if self.kind == "linear":
            self.matrix_ = rng.normal(size=(k, k))
        else:  # an order, signs and units
            self.matrix_ = np.eye(k)[rng.permutation(k)] * rng.choice([-3.0, 0.5], k)
        return self

    def transform(self, X: Any) -> Any:
        return X[:, : self.n_components] @ self.matrix_


@pytest.mark.parametrize("cv", [HALVES, KFold(5)])
@pytest.mark.parametrize("shape", [(3, 12), (8, 12), (5, 40)])
def test_linear_factors_are_counted(shape: tuple[int, int], cv: KFold) -> None:
    X, r = generated(*shape), shape[0]
    widths = [k for k in (1, 2, 3, 5, 6, 8, 10, 12, 20) if k <= shape[1]]
    search = GridSearchCV(
        PCA(),
        {"n_components": widths},
        scoring=latent_stability,
        refit=one_standard_error("n_components"),
        cv=cv,
    ).fit(X)
    assert search.best_params_ == {"n_components": r}
    scores = dict(zip(widths, search.cv_results_["mean_test_score"], strict=True))
    assert scores[r] == pytest.approx(r, abs=0.1)
    # dimensions of noise are told from those that are there
    more = [scores[k] for k in widths if k >= r]
    assert more[1] < more[0] - 1
    assert more[-1] < 0


# FastICA finds no end among normal components
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("model", [PCA(), FastICA(random_state=0)])
def test_components_are_counted(model: Any) -> None:
    X = generated(3, 12, 3000)
    search = GridSearchCV(
        model,
        {"n_components": [1, 2, 3, 4, 6, 12]},
        scoring=COMPONENTS,
        refit=one_standard_error("n_components"),
        cv=HALVES,
    ).fit(X)
    assert search.best_params_ == {"n_components": 3}
    assert search.cv_results_["mean_test_score"][2] > 2.5


def test_what_does_not_matter() -> None:
    X = np.random.default_rng(0).normal(size=(200, 9))
    for kind, score in (("linear", latent_stability), ("order", COMPONENTS)):
        first = Given(kind, random_state=1).fit(X)
        assert score(first, X) == pytest.approx(3.0)
    # and what does: a turned space has other components
    turned = Given("linear", random_state=1).fit(X)
    assert COMPONENTS(turned, X) < 2.5


def test_spaces_of_noise_are_not_found() -> None:
    rng = np.random.default_rng(0)
    scores = []
    for seed in range(30):
        X = rng.normal(size=(300, 10))
        model = GaussianRandomProjection(4, random_state=seed).fit(X)
        scores.append([latent_stability(model, X), COMPONENTS(model, X)])
    # as many dimensions as two random spaces share count as none; below zero is cut off
    assert np.mean(scores, axis=0) == pytest.approx([-4, -4], abs=0.8)


def test_a_shared_seed_is_no_agreement() -> None:
    X = np.random.default_rng(0).normal(size=(300, 12))
    model = make_pipeline(StandardScaler(), GaussianRandomProjection(2, random_state=0)).fit(X)
    assert latent_stability(model, X) < 0
    assert model[-1].random_state == 0


def test_a_space_as_wide_as_the_table_says_nothing() -> None:
    X = generated(3, 6)
    assert latent_stability(PCA().fit(X[:200]), X[200:]) == -6
    # constant columns add nothing that could be found
    wide = np.hstack([X, np.ones((400, 4))])
    assert latent_stability(PCA(6).fit(wide[:200]), wide[200:]) == -6
    # nor do more columns than rows
    few = np.random.default_rng(0).normal(size=(12, 50))
    assert latent_stability(PCA(5).fit(few[:6]), few[6:]) == -5


def test_widths_may_differ() -> None:
    X = generated(3, 12)
    train, test = X[:200] + 0.5 * np.random.default_rng(1).normal(size=(200, 12)), X[200:]
    model = PCA(0.8).fit(train)
    assert (model.n_components_, PCA(0.8).fit(test).n_components_) == (3, 2)
    # both dimensions of the narrower space are found, and 2 * 3 / 12 are taken off for chance
    found = 2 * (1 - 3 / 12) / (1 - 2 / 12)
    assert latent_stability(model, test) == pytest.approx(2 * found - 3, abs=0.01)


def test_dead_components_do_not_count() -> None:
    factors = np.random.default_rng(0).normal(size=(200, 2))
    X = factors @ np.random.default_rng(1).normal(size=(2, 8))
    with_dead = latent_stability(PCA(5).fit(X[:100]), X[100:])
    assert with_dead == pytest.approx(latent_stability(PCA(2).fit(X[:100]), X[100:]))
    assert with_dead == pytest.approx(2.0)
    flat = np.ones((20, 3))
    zeros = Given(n_components=2, random_state=0).fit(flat)
    assert latent_stability(zeros, 0 * flat) == 0.0
    # nor does what varies by rounding
    spread = PCA(2).fit(np.column_stack([X[:, 0], np.full((200, 4), 0.1)]))
    assert latent_stability(spread, np.column_stack([X[:, 0], np.full((200, 4), 0.1)])) == -1.0


def test_same_seed_same_score() -> None:
    X = generated(2, 6, 60)
    model = GaussianRandomProjection(2, random_state=0).fit(X[:30])
    for kind in ("linear", "permutation"):
        scores = [
            latent_stability(model, X[30:], up_to=kind, random_state=seed) for seed in (0, 0, 1)
        ]
        assert scores[0] == scores[1] != scores[2]


def test_tables_of_any_kind() -> None:
    table = make_mixed_table(200, random_state=0)
    words = [name for name in table.columns if table[name].dtype.kind not in "iufbM"]
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), words)), PCA(2)
    )
    hardly_trained = AutoencoderTransformer(2, **SMALL)
    for score in (latent_stability, COMPONENTS):
        found, lost = (
            score(model.fit(table[:100]), table[100:]) for model in (pipeline, hardly_trained)
        )
        assert 2 >= found > 1 > lost >= -2
    X = generated(2, 10)
    sparse = TruncatedSVD(2, random_state=0).fit(csr_array(X[:200]))
    dense = TruncatedSVD(2, random_state=0).fit(X[:200])
    assert latent_stability(sparse, csr_array(X[200:])) == pytest.approx(
        latent_stability(dense, X[200:]), abs=1e-6
    )
    single = PCA(2).fit(X[:200].astype(np.float32))
    assert latent_stability(single, X[200:].astype(np.float32)) > 1.9
    assert latent_stability(PCA(2).fit(X[:200].tolist()), X[200:].tolist()) > 1.9
    framed = PCA(2).set_output(transform="pandas").fit(X[:200])
    assert latent_stability(framed, X[200:]) > 1.9


def test_texts_and_classes() -> None:
    texts = np.array([f"{a} {b}" for a in ("sea", "sand") for b in ("red", "blue", "new")] * 10)
    model = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    assert np.isfinite(cross_val_score(model, texts, scoring=latent_stability, cv=HALVES)).all()
    X = generated(2, 6)
    supervised = LinearDiscriminantAnalysis(n_components=1)
    scores = cross_val_score(supervised, X, X[:, 0] > 0, scoring=latent_stability, cv=HALVES)
    assert scores.min() > 0.5


def test_what_is_refused() -> None:
    X = generated(2, 6)
    with pytest.raises(TypeError, match="DBSCAN has no transform"):
        latent_stability(DBSCAN().fit(X), X)
    with pytest.raises(NotFittedError):
        latent_stability(TruncatedSVD(), X)
    with pytest.raises(ValueError, match="'up_to' parameter"):
        latent_stability(PCA().fit(X), X, up_to="rotation")
    with pytest.raises(ValueError, match="6 features"):
        latent_stability(PCA().fit(X), X[:, :5])
    with pytest.raises(ValueError, match="minimum of 2"):
        latent_stability(PCA(1).fit(X), X[:1])
