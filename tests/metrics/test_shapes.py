"""Columns and pairs of columns: distances against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from sklatent.metrics._shapes import (
    PairBins,
    column_shapes,
    marginal,
    mean_of_pairs,
    pair_trends,
)
from sklatent.metrics._tables import Column

nan = np.nan
NUMBER = (Column("x", "number"),)
WORD = (Column("w", "category", ("a", "b", "c")),)


def shape(columns: tuple[Column, ...], a: list[float], b: list[float]) -> float:
    return float(column_shapes(columns, np.array([a]).T, np.array([b]).T)[0])


def test_numbers_by_kolmogorov_and_smirnov() -> None:
    rng = np.random.default_rng(0)
    a, b = np.round(rng.normal(size=80), 1), np.round(rng.normal(0.5, 1, size=50), 1)
    assert shape(NUMBER, [*a], [*b]) == pytest.approx(1 - ks_2samp(a, b).statistic)
    assert shape(NUMBER, [*a], [*a, *a]) == 1


def test_missing_numbers_count_by_their_share() -> None:
    assert shape(NUMBER, [1, 2, 3, 4], [1, 2, 3, 4, nan, nan, nan, nan]) == 0.5
    assert shape(NUMBER, [nan, nan], [nan]) == 1
    assert shape(NUMBER, [1, 2], [nan, nan]) == 0


def test_categories_by_total_variation_with_missing_as_a_level() -> None:
    assert shape(WORD, [0, 0, 1, 1], [0, 0, 1, 1]) == 1
    assert shape(WORD, [0, 0, 1, 1], [0, 0, 1, nan]) == 0.75
    assert shape(WORD, [0, 0, 1, 1], [3, 3, 3, 3]) == 0  # levels that no real row has
    assert shape(WORD, [nan, nan], [nan]) == 1


def test_deciles_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(1000, 1))
    codes, size = PairBins(NUMBER, reference).codes(reference)[0]
    np.testing.assert_array_equal(np.bincount(codes), np.full(10, 100))
    assert size == 11
    # bins of its own would hide that another table lies elsewhere
    moved, _ = PairBins(NUMBER, reference).codes(reference + 10)[0]
    assert set(moved) == {9}
    np.testing.assert_array_equal(PairBins(NUMBER, reference).codes(np.array([[nan]]))[0][0], [10])


def test_few_values_and_spikes_keep_their_bins() -> None:
    few = PairBins(NUMBER, np.array([[0.0, 1, 5, 5, 1, nan]]).T)
    np.testing.assert_array_equal(
        few.codes(np.array([[0.0, 1, 5, 0.5, 6]]).T)[0][0], [0, 1, 2, 1, 3]
    )
    spike = PairBins(NUMBER, np.array([[0.0] * 60 + [*range(1, 41)]]).T)
    codes, _ = spike.codes(np.array([[0.0, 0.1, 40]]).T)[0]
    assert codes[0] < codes[1] < codes[2]


def test_rare_levels_share_a_bin() -> None:
    many = (Column("w", "category", tuple(map(str, range(70)))),)
    cells = np.concatenate([np.arange(70), np.arange(50)])[:, None].astype(float)
    codes, size = PairBins(many, cells).codes(np.array([[0.0, 49, 50, 69, 70, nan]]).T)[0]
    assert size == 52
    assert codes[0] != codes[1]
    assert (codes[2:5] == 50).all()
    assert codes[5] == 51


def test_trends_see_what_shapes_do_not() -> None:
    rng = np.random.default_rng(0)
    columns = (Column("x", "number"), Column("y", "number"), *WORD)
    x = rng.normal(size=4000)
    table = np.column_stack([x, x + 0.1 * rng.normal(size=4000), np.digitize(x, [-0.5, 0.5])])
    real, fresh = table[:2000], table[2000:]
    apart = np.column_stack([rng.permutation(cells) for cells in fresh.T])
    bins = PairBins(columns, real)
    trends, floor = pair_trends(bins, real, fresh), pair_trends(bins, real, apart)
    assert column_shapes(columns, real, apart).min() > 0.95
    assert mean_of_pairs(trends) > 0.9 > 0.5 > mean_of_pairs(floor)
    assert np.isnan(np.diag(trends)).all()
    np.testing.assert_array_equal(trends, trends.T)
    same = pair_trends(bins, real, real)
    assert mean_of_pairs(same) == 1


def test_marginals_sum_to_what_is_known() -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=200), np.append(rng.normal(size=299) * 3, nan)
    bars = marginal(NUMBER[0], real, synthetic)
    assert bars.edges is not None
    assert len(bars.edges) == 26
    assert bars.real.sum() == pytest.approx(1)
    assert bars.synthetic.sum() == pytest.approx(299 / 300)
    words = marginal(WORD[0], np.array([0.0, 1, nan, 1]), np.array([0.0, 3, 3, nan]))
    assert words.labels == ("a", "b", "c", "(not real)")
    np.testing.assert_array_equal(words.real, [0.25, 0.5, 0, 0])
    np.testing.assert_array_equal(words.synthetic, [0.25, 0, 0, 0.5])


@pytest.mark.parametrize("step", [1.0, 5.0, 0.1])
def test_bins_of_numbers_in_steps_hold_whole_steps(step: float) -> None:
    bars = marginal(NUMBER[0], step * np.arange(80), step * np.arange(80))
    assert bars.edges is not None
    assert np.ptp(np.round(bars.real[:-1], 9)) == 0
    assert len(bars.real) <= 26
    one = marginal(NUMBER[0], np.full(5, step), np.full(5, step))
    assert one.real.sum() == 1
