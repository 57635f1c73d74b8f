"""Values near the ends of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sklatent.tabular._extremes import MAX_ROWS, RANKS, inside_ends, number_ends


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_ends_are_order_statistics(dtype: str, n: int) -> None:
    values = np.random.RandomState(0).randn(n, 3).astype(dtype)
    values[::4, 1] = np.nan
    ends = number_ends(values)
    for j, column in enumerate(values.T):
        known = np.sort(column[~np.isnan(column)])
        for i, rank in enumerate(RANKS):
            found: Any = ends[:, i, j]
            if rank <= len(known):
                np.testing.assert_array_equal(found, [known[rank - 1], known[-rank]])
            else:
                assert np.isnan(found).all()


def test_ends_of_a_part_lie_within() -> None:
    values = np.random.RandomState(0).randn(3 * MAX_ROWS, 1)
    low, high = number_ends(values)[:, :, 0]
    known = np.sort(values[:, 0])
    for i, rank in enumerate(RANKS):
        assert low[i] >= known[rank - 1]
        assert high[i] <= known[-rank]


def test_the_next_rank_counts() -> None:
    ends = number_ends(np.arange(200.0)[:, None])
    values = np.array([[3.0], [4.0], [195.0], [196.0], [np.nan]])
    assert inside_ends(ends, values, 4)[:, 0].tolist() == [False, True, True, False, True]
    assert inside_ends(ends, values, 5)[:, 0].tolist() == [False, True, True, False, True]
    with pytest.raises(ValueError, match="at most 100, got 101"):
        inside_ends(ends, values, 101)
    with pytest.raises(ValueError, match="earlier release"):
        inside_ends(None, values, 5)
