"""The detector finds, explains and never answers NaN; its score is a sum that anyone can redo."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer, LatentAnomalyDetector
from sklatent._utils._params import InvalidParameterError
from sklatent.datasets import make_mixed_table
from sklatent.metrics import pseudo_anomaly_score

RNG = np.random.default_rng(0)
SHEET = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 6)) + 0.1 * RNG.normal(size=(400, 6))
ODD = np.arange(8)
SPOILED = SHEET.copy()
SPOILED[ODD, ODD % 6] += 6.0


def detector(**params: Any) -> LatentAnomalyDetector:
    return LatentAnomalyDetector(**{"n_estimators": 3, "random_state": 0, **params})


def kinds() -> list[Any]:
    return [
        pytest.param(detector(), id="outliers"),
        pytest.param(detector(novelty=True), id="novelty"),
        pytest.param(detector(estimator=PCA(2)), id="pca"),
        pytest.param(detector(estimator=PCA(2), novelty=True), id="pca-novelty"),
    ]


@pytest.mark.parametrize("model", kinds())
def test_finds_what_breaks_the_correlation(model: Any) -> None:
    model = clone(model).fit(SHEET[8:] if model.novelty else SPOILED)
    assert roc_auc_score(np.arange(400) >= 8, model.score_samples(SPOILED)) > 0.97


@pytest.mark.parametrize("model", kinds())
def test_fit_predict_is_fit_then_predict(model: Any) -> None:
    X = np.vstack([SPOILED, SPOILED[:5]])  # with duplicates
    fitted = clone(model).fit(X)
    assert np.array_equal(clone(model).fit_predict(X), fitted.predict(X))
    assert set(fitted.predict(X)) == {-1, 1}
    assert np.array_equal(fitted.decision_function(X), fitted.score_samples(X) - fitted.offset_)


def test_a_training_row_scores_as_a_new_row_that_equals_it() -> None:
    for model in (detector(), detector(novelty=True)):
        model.fit(SHEET)
        alone = np.concatenate([model.score_samples(SHEET[i : i + 1].copy()) for i in range(9)])
        np.testing.assert_allclose(alone, model.score_samples(SHEET)[:9], rtol=1e-10)


@pytest.mark.parametrize("model", kinds())
def test_contributions_sum_to_the_score(model: Any) -> None:
    model = clone(model).fit(SPOILED)
    parts = model.explain(SPOILED)
    assert parts.shape == SPOILED.shape
    assert (parts <= 0).all()
    np.testing.assert_allclose(parts.sum(1), model.score_samples(SPOILED), rtol=1e-9)


@pytest.mark.parametrize("model", kinds())
def test_explains_the_spoiled_column(model: Any) -> None:
    model = clone(model).fit(SHEET[8:])
    assert (model.explain(SPOILED[ODD]).argmin(1) == ODD % 6).mean() > 0.8


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_contamination_is_the_share_beyond_the_threshold(share: float) -> None:
    model = detector(contamination=share).fit(SPOILED)
    assert (model.predict(SPOILED) < 0).sum() == pytest.approx(400 * share, abs=1)


def test_moving_the_threshold_equals_fitting_with_it() -> None:
    model = detector().fit(SPOILED)
    before = model.score_samples(SPOILED)
    assert model.set_contamination(0.1) is model
    assert model.contamination == 0.1
    assert model.offset_ == detector(contamination=0.1).fit(SPOILED).offset_
    assert np.array_equal(model.score_samples(SPOILED), before)
    assert model.set_contamination("auto").offset_ == detector().fit(SPOILED).offset_
    for wrong in (0.0, 0.7, "some", None):
        with pytest.raises(InvalidParameterError, match="contamination"):
            model.set_contamination(wrong)  # type: ignore[arg-type]
    assert model.contamination == "auto"


HARD: dict[str, np.ndarray] = {
    "ten rows": SHEET[:10],
    "two rows": SHEET[:2],
    "two equal rows": np.ones((2, 3)),
    "one column": SHEET[:50, :1],
    "equal rows": np.full((30, 3), 2.5),
    "constant columns": np.hstack([SHEET[:50], np.ones((50, 2))]),
    "duplicates": np.repeat(SHEET[:5], 20, axis=0),
    "more columns than rows": RNG.normal(size=(20, 60)),
    "wide range": SHEET[:50] * 10.0 ** np.array([-200, -9, 0, 3, 9, 90]),
    "one far row": np.vstack([SHEET[:50], np.full((1, 6), 1e9)]),
    "two values": RNG.integers(0, 2, size=(60, 4)).astype(float),
}


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("case", HARD)
def test_no_answer_is_nan(case: str, novelty: bool) -> None:
    X = HARD[case]
    model = detector(novelty=novelty, max_steps=5).fit(X)
    far = np.vstack([X[:2], X[:1] + 1e3, X[:1] - 1e150, np.zeros((1, X.shape[1]))])
    for rows in (X, far):
        assert np.isfinite(model.score_samples(rows)).all()
        assert np.isfinite(model.explain(rows)).all()
        assert set(model.predict(rows)) <= {-1, 1}
    assert np.isfinite(model.offset_)
    assert 1 <= model.n_neighbors_ < len(X)


def test_rows_farther_out_than_all_others_still_differ() -> None:
    model = detector(novelty=True).fit(SHEET)
    scores = model.score_samples(SHEET[:1] + 10.0 ** np.arange(1, 7)[:, None])
    assert (np.diff(scores) < 0).all()


def test_new_row_of_a_constant_column_is_odd() -> None:
    X = np.hstack([SHEET, np.full((400, 1), 7.0)])
    row = X[:1].copy()
    row[0, -1] = 12.0
    model = detector(novelty=True).fit(X)
    assert model.score_samples(row)[0] < model.score_samples(X).min()
    assert model.explain(row)[0].argmin() == 6


# -- mixed tables ---------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_mixed_tables_with_missing_cells(library: str) -> None:
    X: Any = make_mixed_table(300, random_state=0)
    X = pl.from_pandas(X) if library == "polars" else X
    model = detector(novelty=True).fit(X)
    assert list(model.feature_names_in_) == list(X.columns)
    assert np.isfinite(model.score_samples(X)).all()
    parts = np.asarray(model.explain(X))
    assert parts.shape == X.shape
    np.testing.assert_allclose(parts.sum(1), model.score_samples(X), rtol=1e-9)


def test_levels_that_fit_did_not_see_are_odd() -> None:
    X = make_mixed_table(350, random_state=0)
    model = detector(novelty=True).fit(X.head(300))
    known = X.tail(50)
    other = known.assign(soil="moon dust")
    with pytest.warns(UserWarning, match="moon dust"):
        assert (model.score_samples(other) <= model.score_samples(known)).mean() > 0.9
    columns = list(X.columns)
    with pytest.warns(UserWarning, match="moon dust"):
        lower = np.asarray(model.explain(other) - model.explain(known))
    assert lower.mean(0).argmin() == columns.index("soil")


def test_missing_cells_where_fit_saw_none_change_little() -> None:
    X = SHEET.copy()
    model = detector(novelty=True).fit(X)
    holes = X[:20].copy()
    holes[:, 2] = np.nan
    assert np.isfinite(model.score_samples(holes)).all()


def test_categories_by_position() -> None:
    X = np.column_stack([RNG.integers(0, 3, 200), SHEET[:200]]).astype(float)
    model = detector(categorical_features=[0]).fit(X)
    assert model.table_.mode_ == "quantile"
    assert np.isfinite(model.score_samples(X)).all()


# -- other models inside --------------------------------------------------------------------------


def test_score_can_be_redone_by_hand() -> None:
    """PCA in raw units, neighbours in columns of one unit: both are what the guide says."""
    model = detector(estimator=PCA(2)).fit(SPOILED)
    pca = PCA(2).fit(SPOILED)
    low, high = np.quantile(SPOILED, [0.25, 0.75], axis=0)
    within = np.clip(SPOILED, low - 3 * (high - low), high + 3 * (high - low))
    unit = np.sqrt(within.var(0).mean())
    missed = (SPOILED - pca.inverse_transform(pca.transform(SPOILED))) / unit
    Z = SPOILED / unit
    distance = np.sort(np.abs(Z[:, None] - Z).sum(2), axis=1)[:, model.n_neighbors_]

    def tail(values: np.ndarray) -> np.ndarray:
        as_far = (values[None, :] >= values[:, None]).sum(1)
        return np.log((len(values) + 1) / as_far)

    error = np.abs(missed).sum(1)
    start = np.sort(error)[360]
    scale = (start - np.median(error)) / np.log(5)
    by_law = np.where(error > start, np.log(401 / 40) + (error - start) / scale, tail(error))
    expected = -0.07 * by_law - 0.93 * tail(distance)
    # a tie or not is a matter of the last digit
    np.testing.assert_allclose(model.score_samples(SPOILED), expected, rtol=0.01)


def test_pipeline_inside_and_frozen_model() -> None:
    inside = make_pipeline(StandardScaler(), PCA(2)).fit(SHEET)
    frozen = detector(estimator=FrozenEstimator(inside)).fit(SHEET)
    fitted = detector(estimator=clone(inside)).fit(SHEET)
    np.testing.assert_allclose(frozen.score_samples(SPOILED), fitted.score_samples(SPOILED))


def test_frozen_model_without_a_seed_keeps_its_parameters() -> None:
    """FrozenEstimator refuses ``set_params`` of what it holds."""
    inside = PCA(2).fit(SHEET)
    model = detector(estimator=make_pipeline(FrozenEstimator(inside), StandardScaler())).fit(SHEET)
    assert model.estimator_[0].estimator.random_state is None
    latent = AutoencoderTransformer(2, max_steps=5).fit(SHEET)
    again = [detector(estimator=FrozenEstimator(latent)).fit(SHEET) for _ in range(2)]
    assert latent.random_state is None
    assert np.array_equal(*(one.score_samples(SPOILED) for one in again))


def test_frozen_model_of_a_frame_is_asked_with_frames() -> None:
    frame = pd.DataFrame(SHEET, columns=list("abcdef"))
    latent = AutoencoderTransformer(2, max_steps=5, random_state=0).fit(frame)
    model = detector(estimator=FrozenEstimator(latent), novelty=True).fit(frame)
    assert model.score_samples(frame).shape == (400,)


def test_seed_reaches_the_model_inside_unless_it_has_its_own() -> None:
    model = detector(estimator=make_pipeline(StandardScaler(), PCA(2))).fit(SHEET)
    assert model.estimator_[-1].random_state is not None
    assert model.estimator[-1].random_state is None
    model = detector(estimator=PCA(2, random_state=5)).fit(SHEET)
    assert model.estimator_.random_state == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contamination", 0.2),
        ("estimator", PCA(1)),
        ("max_samples", 50),
        ("max_steps", 60),
        ("n_estimators", 5),
        ("n_neighbors", 3),
        ("n_neighbors", 0.5),
        ("novelty", True),
        ("random_state", 1),
    ],
)
def test_parameter_shows_in_the_decisions(name: str, value: Any) -> None:
    model = detector().fit(SHEET)
    other = detector(**{name: value}).fit(SHEET)
    assert not np.array_equal(model.decision_function(SHEET), other.decision_function(SHEET))


def test_neighbours_shrink_to_the_rows() -> None:
    assert detector(n_neighbors=1000, max_steps=2).fit(SHEET[:10]).n_neighbors_ == 9
    assert detector(n_neighbors=0.5, max_steps=2).fit(SHEET[:10]).n_neighbors_ == 5
    assert detector(max_samples=40, max_steps=2).fit(SHEET).n_neighbors_ == 5


def test_many_rows_take_fewer_reference_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklatent.tasks._anomaly.MANY_ROWS", 399)
    monkeypatch.setattr("sklatent.tasks._anomaly.REFERENCE_OF_MANY", 50)
    model = detector(novelty=True, max_steps=2)
    assert model.fit(SHEET).n_neighbors_ == 2
    assert len(model._terms[0].neighbours.reference) == 50
    assert model.fit(SHEET[:399]).n_neighbors_ == 5


def test_search_over_nested_parameters_without_labels() -> None:
    model = detector(estimator=PCA(), novelty=True)
    grid = {"estimator__n_components": [1, 2, 6], "n_neighbors": [5, 100]}
    search = GridSearchCV(model, grid, scoring=pseudo_anomaly_score, cv=3).fit(SHEET)
    assert search.best_params_["n_neighbors"] == 5
    assert search.best_score_ > 0.8


def test_large_tables_are_sampled_and_pickles_stay_small() -> None:
    X = RNG.normal(size=(30_000, 3))
    model = detector(estimator=PCA(1)).fit(X)
    assert len(pickle.dumps(model)) < 2_000_000
    assert (model.predict(X) < 0).mean() == pytest.approx(0.01, abs=0.004)
