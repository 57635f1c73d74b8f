"""The display holds arrays, draws what they say, and keeps to its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.datasets import make_mixed_table
from sklatent.metrics import synthetic_report
from sklatent.plotting import SyntheticDisplay

REAL, FRESH, TRAIN = (
    make_mixed_table(120, random_state=seed).assign(
        age=pd.to_timedelta(np.arange(120), unit="D"), empty=None
    )
    for seed in range(3)
)


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_one_panel_for_each_column_and_a_map(library: str) -> None:
    tables = (REAL, FRESH) if library == "pandas" else map(pl.from_pandas, (REAL, FRESH))
    display = SyntheticDisplay.from_tables(*tables)
    assert len(display.axes_) == REAL.shape[1] + 1
    assert all(ax.figure is display.figure_ for ax in display.axes_)
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert titles[:-1] == [*REAL.columns]
    assert titles[-1].startswith("pair trends")
    assert "of real rows" not in titles[-1]
    display.figure_.canvas.draw()  # layout and tick labels warn here, if at all


def test_from_report_draws_the_arrays_of_the_report() -> None:
    report = synthetic_report(TRAIN, REAL, FRESH, n_repeats=1, random_state=0)
    display = SyntheticDisplay.from_report(report)
    assert display.marginals is report.marginals
    lower = display.axes_[-1].images[0].get_array()
    np.testing.assert_array_equal(lower[-1, 0], report.pair_trends[-1, 0])
    assert np.ma.is_masked(lower[0, -1])
    assert "of real rows" in display.axes_[-1].get_title(loc="left")


def test_shares_are_drawn() -> None:
    real = pd.DataFrame({"w": ["a", "a", "b", None]})
    synthetic = pd.DataFrame({"w": ["a", "b", "b", "new"]})
    display = SyntheticDisplay.from_tables(real, synthetic)
    (ax,) = display.axes_
    assert [bar.get_height() for bar in ax.patches] == [0.5, 0.25, 0]
    assert [line[0, 1] for line in ax.collections[0].get_segments()] == [0.25, 0.5, 0.25]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "(not real)"]
    assert [text.get_text() for text in ax.texts] == ["missing 25% | 0%"]


def test_draws_inside_a_given_place(pyplot: Any) -> None:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 5))
    display = SyntheticDisplay.from_tables(REAL, FRESH, ax=left, max_columns=4)
    assert display.figure_ is figure
    assert len(display.axes_) == 5
    assert not left.axison
    assert max(ax.get_position().x1 for ax in display.axes_) < right.get_position().x1 / 1.5
    with pytest.raises(ValueError, match="ax must be on a grid"):
        display.plot(ax=figure.add_axes((0, 0, 1, 1)))


def test_options(pyplot: Any) -> None:
    display = SyntheticDisplay.from_tables(REAL, FRESH, max_columns=3, show_trends=False)
    assert len(display.axes_) == 3
    assert display.axes_[0].get_legend() is not None
    assert display.plot(max_columns=2) is display
    assert len(display.axes_) == 3  # two columns and the map
    with pytest.raises(ValueError, match="max_columns == 0, must be >= 1"):
        display.plot(max_columns=0)


def test_errors_name_the_table() -> None:
    with pytest.raises(ValueError, match="n_samples=0 in synthetic"):
        SyntheticDisplay.from_tables(REAL, FRESH[:0])
    with pytest.raises(ValueError, match="missing in synthetic: 'sown'"):
        SyntheticDisplay.from_tables(REAL, FRESH.drop(columns="sown"))


def test_without_matplotlib_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    display = SyntheticDisplay.from_tables(REAL, FRESH)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delattr("matplotlib.pyplot")
    with pytest.raises(ImportError, match=r"sklatent\[plot\]"):
        display.plot()
