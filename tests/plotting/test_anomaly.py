"""The display holds arrays, and draws what they say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from sklatent import LatentAnomalyDetector
from sklatent.plotting import AnomalyScoreDisplay

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(200, 4)), columns=["a", "b", "c", "d"])
X.loc[3, "c"] = 20.0


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.fixture(scope="module")
def detector() -> Any:
    return LatentAnomalyDetector(PCA(2), random_state=0).fit(X.drop(index=3))


def test_scores_threshold_and_columns(detector: Any) -> None:
    display = AnomalyScoreDisplay.from_estimator(detector, X)
    assert display.row == 3
    assert len(display.axes_) == 2
    counts = [patch.get_height() for patch in display.axes_[0].patches]
    assert sum(counts) == 200
    names = [label.get_text() for label in display.axes_[1].get_yticklabels()]
    assert names[0] == "c"
    assert display.axes_[0].lines[0].get_xdata()[0] == detector.offset_
    display.figure_.canvas.draw()


def test_given_row_and_axes(detector: Any, pyplot: Any) -> None:
    _, axes = pyplot.subplots(1, 2)
    display = AnomalyScoreDisplay.from_estimator(detector, X, row=5, ax=axes, max_columns=2)
    assert len(display.axes_[1].patches) == 2
    assert display.axes_[0] is axes[0]
    one = display.plot(ax=pyplot.figure().add_subplot())
    assert len(one.axes_) == 1


def test_other_detectors_have_a_histogram() -> None:
    display = AnomalyScoreDisplay.from_estimator(IsolationForest(random_state=0).fit(X), X)
    assert len(display.axes_) == 1


def test_bad_values_are_refused(detector: Any) -> None:
    with pytest.raises(ValueError, match="row == 200"):
        AnomalyScoreDisplay.from_estimator(detector, X, row=200)
    with pytest.raises(ValueError, match="max_columns == 0"):
        AnomalyScoreDisplay.from_estimator(detector, X, max_columns=0)


def test_without_matplotlib_says_what_to_install(
    detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sklatent\[plot\]"):
        AnomalyScoreDisplay(scores=np.zeros(3), offset=0.0).plot()


@pytest.mark.parametrize("far", [-1e9, -np.inf])
def test_a_far_score_does_not_take_the_axis(far: float) -> None:
    scores = -np.random.default_rng(0).gamma(3.0, size=300)
    usual = AnomalyScoreDisplay(scores=scores.copy(), offset=-6.0).plot().axes_[0]
    assert usual.get_xlabel() == "score"
    scores[7] = far
    panel = AnomalyScoreDisplay(scores=scores, offset=-6.0).plot().axes_[0]
    assert panel.get_xlabel() == "score (1 lower in the first bar)"
    heights = np.array([patch.get_height() for patch in panel.patches])
    assert heights.sum() == 300
    assert (heights > 0).sum() > 20
    assert panel.get_xlim()[0] > -40
    assert panel.lines[0].get_xdata()[0] == -6.0
