"""The classifier test and its error."""

from __future__ import annotations

import numpy as np
import pytest

from sklatent.metrics._classifiers import Features, auc_error, classifier_auc
from sklatent.metrics._tables import Column

COLUMNS = (Column("x", "number"), Column("y", "number"))


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_error_of_the_area_is_honest(shift: float) -> None:
    rng = np.random.default_rng(0)
    areas = []
    for seed in range(25):
        a, b = rng.normal(size=(2, 60, 2))
        b[:, 0] += shift
        areas.append(classifier_auc(Features(COLUMNS, a), a, b, seed))
    assert np.std(areas) == pytest.approx(auc_error(float(np.mean(areas)), 60), rel=0.4)


def test_error_of_extreme_areas() -> None:
    assert auc_error(1.0, 50) == pytest.approx(0, abs=1e-9)
    assert auc_error(0.5, 400) == pytest.approx(np.sqrt(2 * 801 / (12 * 400**2)), rel=0.01)


def test_rare_levels_are_pooled_by_frequency() -> None:
    columns = (Column("w", "category", tuple(map(str, range(300)))),)
    cells = np.append(np.arange(300.0), np.arange(250.0))[:, None]
    codes = Features(columns, cells).of(np.array([[0.0], [249], [250], [299], [300], [np.nan]]))
    np.testing.assert_array_equal(codes[:, 0], [0, 249, 250, 250, 250, np.nan])
