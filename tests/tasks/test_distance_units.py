"""Units of columns: outliers do not move them, and near-constant columns do not explode in them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from sklatent import LatentAnomalyDetector, TabularEncoder
from sklatent.tasks._distance_units import beyond, robust_scale, tails
from sklatent.tasks._distance_view import DistanceView

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=2000)


def view_of(X: Any, **options: Any) -> tuple[DistanceView, np.ndarray]:
    """Fit a view; give it and its matrix."""
    encoder = TabularEncoder()
    rows = encoder.read(X, reset=True)
    table = encoder.fit_rows(rows).table
    view = DistanceView.fit(table, rows, **options)
    return view, view.matrix(table, rows)


def test_scale_is_the_standard_deviation_where_nothing_is_far() -> None:
    for values in (NORMAL, RNG.random(500), RNG.integers(0, 9, 300).astype(float)):
        assert robust_scale(values) == values.std()
    assert robust_scale(np.full(9, 3.0)) == 0.0


@pytest.mark.parametrize(("n", "far"), [(1, 999999.0), (20, 9999.0), (40, -1e30)])
def test_far_cells_hardly_move_the_scale(n: int, far: float) -> None:
    spoiled = NORMAL.copy()
    spoiled[:n] = far
    assert robust_scale(spoiled) == pytest.approx(1.0, rel=0.25)


@pytest.mark.parametrize("share", [0.3, 0.2, 0.08, 0.04])
def test_scale_of_a_spike_is_that_of_its_cells(share: float) -> None:
    """Outliers of a column that is mostly zero do not hide in it either."""
    spike = np.where(RNG.random(2000) < share, NORMAL + 5.0, 0.0)
    clean = spike.std()
    spike[:4] = 1e7
    assert clean < robust_scale(spike) < 1.5 * clean


@pytest.mark.parametrize("n", [1, 3, 9])
def test_stray_values_of_a_near_constant_column_count_as_rare_normal_numbers(n: int) -> None:
    column = np.zeros(2000)
    column[:n] = 0.5
    # the median of the largest n of 2,000 normal numbers without their signs
    as_rare = norm.isf(n / 2000 / 4)
    assert 0.5 / robust_scale(column) == pytest.approx(as_rare)
    assert np.isclose(robust_scale(column * 1e6), robust_scale(column) * 1e6)


def test_columns_in_different_units_have_units_of_their_own() -> None:
    X = RNG.normal(size=(400, 5)) * [1.0, 1e3, 1e-3, 50.0, 0.2]
    view, matrix = view_of(X)
    np.testing.assert_allclose(matrix.std(0), 1.0, rtol=0.05)
    np.testing.assert_allclose(np.median(matrix, 0), 0.0, atol=1e-9)
    assert view.metric == "cityblock"


def test_columns_in_one_unit_keep_their_proportions() -> None:
    X = RNG.normal(size=(400, 5)) * [1.0, 1.5, 1.2, 0.8, 2.0] + 40
    _, matrix = view_of(X)
    np.testing.assert_allclose(matrix.std(0) / matrix[:, 0].std(), X.std(0) / X[:, 0].std())
    assert np.square(matrix.std(0)).mean() == pytest.approx(1.0, rel=0.05)


def test_pictures_keep_their_proportions_and_constant_pixels_have_their_unit() -> None:
    X, y = load_digits(return_X_y=True)
    X = X[y == 3]
    view, matrix = view_of(X)
    assert view.metric == "euclidean"
    assert len({block.scale for block in view.blocks}) > 1  # encoded columns are standardized
    ratio = np.ptp(X, 0) / np.maximum(np.ptp(matrix, 0), 1e-9)
    np.testing.assert_allclose(ratio[np.ptp(X, 0) > 0], ratio[20], rtol=1e-9)
    brighter = X[:1] + 1.0
    encoder = TabularEncoder().fit(X)
    table = encoder.table
    step = view.matrix(table, encoder.read(brighter)) - matrix[:1]
    np.testing.assert_allclose(step, 1.0 / ratio[20], rtol=1e-9)


def test_columns_that_were_standardized_are_no_picture() -> None:
    X, y = load_digits(return_X_y=True)
    X = X[y == 3]
    varying = X.std(0) > 0
    assert view_of((X / np.where(varying, X.std(0), 1.0))[:, varying])[0].metric == "cityblock"


def test_missing_cells_lie_in_the_middle_whatever_is_far() -> None:
    X = RNG.normal(size=(300, 3)) * [1.0, 300.0, 7e-3]
    X[0, 0], X[1, 0] = 1e9, np.nan
    _, matrix = view_of(X)
    assert matrix[1, 0] == 0.0
    assert np.median(matrix[2:, 0]) == pytest.approx(0.0, abs=0.05)


def test_a_network_sees_far_cells_near_by() -> None:
    X = RNG.normal(size=(300, 3)) * [1.0, 300.0, 7e-3]
    X[0, 0] = 1e9
    view, matrix = view_of(X)
    seen = view.within_reach(matrix)
    assert matrix[0, 0] > 1e8
    assert np.abs(seen).max() == view.reach
    np.testing.assert_array_equal(seen[1:], matrix[1:])


def test_state_of_a_view_and_of_one_without_units() -> None:
    view, _ = view_of(RNG.normal(size=(60, 4)) * 5)
    assert DistanceView.from_state(view.to_state()) == view
    old = DistanceView.from_state([{"column": 0, "levels": None, "has_missing": False}])
    out = np.empty((2, 1))
    old.blocks[0].fill(np.array([-2.5, 4.0]), np.zeros(2), np.zeros(2, dtype=bool), out)
    assert out.ravel().tolist() == [-2.5, 4.0]
    assert old.metric == "cityblock"
    assert old.within_reach(np.array([1e9]))[0] == 1e9


# -- what the detector makes of them --------------------------------------------------------------


def masked(n_far: int, far: float) -> np.ndarray:
    """Rows of which the first 12 are outliers of ten sd, and the next ones far beyond them."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1000, 6))
    X[:12, 2] = 10.0 * rng.choice([-1, 1], 12) + rng.normal(size=12)
    X[12 : 12 + n_far, 2] = far
    return X * 1000


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize(("n_far", "far"), [(1, 999999.0), (10, 9999.0)])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, "frame"])
def test_far_cells_do_not_hide_outliers(kind: Any, n_far: int, far: float, novelty: bool) -> None:
    X = masked(n_far, far)
    rows = pd.DataFrame(X, columns=list("abcdef")) if kind == "frame" else X.astype(kind)
    model = LatentAnomalyDetector(novelty=novelty, n_estimators=2, max_steps=30, random_state=0)
    scores = model.fit(rows).score_samples(rows)
    usual = scores[12 + n_far :]
    odd = np.r_[np.ones(12), np.zeros(len(usual))]
    assert roc_auc_score(odd, -np.r_[scores[:12], usual]) > 0.985
    if not novelty:  # where rows are clean, ten of a kind are no outliers
        assert scores[12 : 12 + n_far].max() < usual.min()
        assert (np.asarray(model.explain(rows))[: 12 + n_far].argmin(1) == 2).all()


def test_a_near_constant_pixel_does_not_explain_odd_pictures() -> None:
    X, y = load_digits(return_X_y=True)
    fit, odd = X[y == 0], X[y == 8].copy()
    fit[0, 0] = 1.0  # a stray corner, which is constant otherwise
    odd[:, 0] = RNG.integers(0, 4, len(odd))
    model = LatentAnomalyDetector(novelty=True, n_estimators=2, max_steps=20, random_state=0)
    parts = np.asarray(model.fit(fit).explain(odd))
    assert (parts.argmin(1) == 0).mean() < 0.02
    assert (parts[:, 0] / parts.sum(1)).mean() < 0.02


# -- what a mixed table has that no training row has ----------------------------------------------


def mixed(n: int, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    return frame.assign(kind=rng.choice(["x", "y", "z"], n), **columns)


@pytest.mark.parametrize("novelty", [False, True])
def test_far_cells_do_not_hide_outliers_in_mixed_tables(novelty: bool) -> None:
    X = mixed(600)
    X.loc[:11, "b"] = masked(0, 0.0)[:12, 2] / 1000
    X.loc[12, "b"] = 999999.0
    model = LatentAnomalyDetector(novelty=novelty, n_estimators=2, max_steps=20, random_state=0)
    scores = model.fit(X).score_samples(X)
    odd = np.r_[np.ones(12), np.zeros(587)]
    assert roc_auc_score(odd, -np.delete(scores, 12)) > 0.98
    assert scores.argmin() == 12


@pytest.mark.parametrize("p", [1, 4, 16])
@pytest.mark.parametrize("novelty", [False, True])
def test_huge_cells_are_flagged_among_any_number_of_columns(p: int, novelty: bool) -> None:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(400, p))).add_prefix("x").assign(kind=["a", "b"] * 200)
    model = LatentAnomalyDetector(
        novelty=novelty, contamination=0.01, n_estimators=2, max_steps=20, random_state=0
    ).fit(X)
    for value in (1e9, -1e9):
        assert (model.predict(X.head(50).assign(x0=value)) == -1).all()


@pytest.mark.parametrize(("name", "value"), [("volt", 240), ("region", "us"), ("open", False)])
def test_what_was_constant_and_changes_is_flagged(name: str, value: Any) -> None:
    X = mixed(300, volt=230, region="eu", open=True)
    model = LatentAnomalyDetector(novelty=True, n_estimators=2, max_steps=20, random_state=0)
    rows = X.head(40).assign(**{name: value})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X)
        assert (model.predict(rows) == -1).all()
        assert (np.asarray(model.explain(rows)).argmin(1) == list(X).index(name)).all()


LEVELS = {
    "usual": np.repeat(["p", "q", "r"], [300, 200, 100]),
    "rare": np.repeat(["p", "q", "r"], [400, 198, 2]),
    "once": np.repeat(["p", "q", "r"], [400, 199, 1]),
    "many": np.repeat([f"l{i}" for i in range(60)], 10),
    "many rare": np.repeat([f"l{i}" for i in range(80)], np.r_[np.full(20, 27), np.ones(60, int)]),
    "few numbers": np.repeat([1, 2, 7], [300, 295, 5]),
}


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("case", LEVELS)
def test_unseen_levels_are_rarer_than_the_rarest(case: str, novelty: bool) -> None:
    levels = np.random.default_rng(4).permutation(LEVELS[case])
    X = mixed(600, level=levels)
    model = LatentAnomalyDetector(
        novelty=novelty,
        categorical_features=["kind", "level"],
        n_estimators=2,
        max_steps=20,
        random_state=0,
    ).fit(X)
    seen, counts = np.unique(levels, return_counts=True)
    rows, rarest = X.head(100), seen[counts.argmin()]
    unseen: Any = 5 if case == "few numbers" else "never"
    with pytest.warns(UserWarning, match="level"):
        score = model.score_samples(rows.assign(level=unseen)).mean()
    assert score < model.score_samples(rows.assign(level=rarest)).mean() - 0.1


def test_a_first_missing_cell_is_no_fault_of_the_row() -> None:
    X = mixed(400)
    model = LatentAnomalyDetector(novelty=True, n_estimators=2, max_steps=20, random_state=0)
    model.fit(X)
    before = model.score_samples(X).mean()
    for name in ("a", "kind"):
        assert model.score_samples(X.assign(**{name: None})).mean() > before - 0.2


@pytest.mark.parametrize(
    ("draw", "share"),
    [("normal", 0.99), ("uniform", 1.0), ("poisson", 0.98), ("exponential", 0.95)],
)
def test_most_values_are_where_their_ranks_say(draw: str, share: float) -> None:
    rng = np.random.default_rng(5)
    values = getattr(rng, draw)(size=4000) if draw != "poisson" else rng.poisson(3.0, size=4000)
    X = pd.DataFrame({"x": values, "w": ["a", "b"] * 2000})
    _, matrix = view_of(X, far=True)
    scores = TabularEncoder().fit_transform(X)
    assert (matrix[:, 0] == scores[:, 0]).mean() >= share
    assert (np.abs(matrix[:, 0]) >= np.abs(scores[:, 0])).all()
    # the order is that of the values
    assert (np.diff(matrix[np.argsort(values, kind="stable"), 0]) >= -1e-12).all()


def test_counts_of_which_most_are_zero_have_heavy_tails() -> None:
    """Large counts among zeros are farther out, but not by as much as they are larger."""
    rng = np.random.default_rng(6)
    values = np.where(rng.random(2000) < 0.2, rng.lognormal(1.0, 1.0, 2000), 0.0)
    far = tails(values)
    hundred, million = beyond(far, np.array([1e2, 1e6]))
    assert 3 < hundred < 10 < million < 20


def test_values_far_beyond_the_others_are_far_though_fit_saw_them() -> None:
    values = np.r_[NORMAL, 20.0, -30.0, 1e9]
    _, matrix = view_of(pd.DataFrame({"x": values, "w": ["a"] * 1000 + ["b"] * 1003}), far=True)
    np.testing.assert_allclose(matrix[-3:-1, 0], [20, -30], rtol=0.1)
    assert matrix[-1, 0] > 1e8
    _, matrix = view_of(pd.DataFrame({"x": values, "w": ["a"] * 1000 + ["b"] * 1003}))
    assert np.abs(matrix).max() < 5  # where distances to all neighbours count
