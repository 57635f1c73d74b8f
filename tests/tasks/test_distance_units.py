"""Units of columns: outliers do not move them, and near-constant columns do not explode in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from sklatent import LatentAnomalyDetector, TabularEncoder
from sklatent.tasks._distance_units import robust_scale
from sklatent.tasks._distance_view import DistanceView

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=2000)


def view_of(X: Any) -> tuple[DistanceView, np.ndarray]:
    """Fit a view; give it and its matrix."""
    encoder = TabularEncoder()
    rows = encoder.read(X, reset=True)
    table = encoder.fit_rows(rows).table
    view = DistanceView.fit(table, rows)
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
    old.blocks[0].fill(np.array([-2.5, 4.0]), out)
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
