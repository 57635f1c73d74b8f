"""Neighbours and tail probabilities against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sklatent.tasks._anomaly_terms import BulkTail, Neighbours, Tail, shares

RNG = np.random.default_rng(0)
REFERENCE = RNG.normal(size=(120, 4))
NEW = RNG.normal(size=(30, 4))


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("k", [1, 5, 40, 119])
def test_distance_to_neighbours(k: int, farthest: bool, shift: float) -> None:
    search = Neighbours(REFERENCE + shift, k, farthest)
    distances = np.sort(cdist(NEW, REFERENCE, "cityblock"), axis=1)[:, :k]
    expected = distances[:, -1] if farthest else distances.mean(1)
    np.testing.assert_allclose(search.distance(NEW + shift), expected, rtol=1e-6 if shift else 1e-9)


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("k", [3, 60])
def test_one_neighbour_at_distance_zero_does_not_count(k: int, shift: float) -> None:
    twice = np.vstack([REFERENCE, REFERENCE[:10]]) + shift
    search = Neighbours(twice, k, farthest=False)
    apart = cdist(REFERENCE, np.vstack([REFERENCE, REFERENCE[:10]]), "cityblock")
    expected = np.sort(apart, axis=1)[:, 1 : k + 1].mean(1)
    np.testing.assert_allclose(search.distance(REFERENCE + shift), expected, rtol=1e-5)


@pytest.mark.parametrize("k", [2, 50])
def test_shares_of_columns(k: int) -> None:
    reference = REFERENCE * [1e-3, 1.0, 1.0, 1.0]
    row = np.array([[5.0, 0.0, 0.0, 0.0]])
    parts = Neighbours(reference, k, farthest=True).columns(row)
    assert parts.sum() == pytest.approx(1.0)
    assert parts[0].argmax() == 0


def test_shares_of_nothing_are_even() -> None:
    np.testing.assert_array_equal(shares(np.zeros((1, 4))), np.full((1, 4), 0.25))
    assert np.isfinite(shares(np.array([[1e300, 1e300], [1e-300, 0.0]]))).all()


def test_tail_of_training_values_is_the_share_as_far_out() -> None:
    values = RNG.exponential(size=99)
    tail = Tail.fit(values)
    as_far = (values[None, :] >= values[:, None]).sum(1)
    np.testing.assert_allclose(tail(values), np.log(100 / as_far))


def test_tail_rises_and_goes_on_beyond_the_largest_value() -> None:
    tail = Tail.fit(RNG.exponential(size=99))
    grid = np.linspace(0, 100, 1000)
    assert (np.diff(tail(grid)) >= 0).all()
    assert tail(np.array([1e6]))[0] > tail(np.array([1e5]))[0] > np.log(100)
    assert np.isfinite(tail(np.array([1e300])))


def test_tail_of_a_pareto_law() -> None:
    values = (1 - RNG.random(5000)) ** -0.5  # P(V > v) = v ** -2
    tail = Tail.fit(values)
    assert tail.exponent == pytest.approx(0.5, rel=0.2)
    far = values.max() * np.array([1.0, 10.0])
    assert np.diff(tail(far))[0] == pytest.approx(2 * np.log(10), rel=0.2)


def test_tail_that_outliers_do_not_change() -> None:
    """Of an exponential law the tail probability of v is exp(-v), whatever a few rows say."""
    values = RNG.exponential(size=4000)
    clean = BulkTail.fit(values)
    grid = np.linspace(0.1, 30, 100)
    np.testing.assert_allclose(clean(grid), grid, rtol=0.15)
    values[:40] = 1e3
    spoiled = BulkTail.fit(values)
    np.testing.assert_allclose(spoiled(grid), grid, rtol=0.15)
    assert spoiled(values[:1])[0] > 500
    assert (np.diff(spoiled(grid)) > 0).all()


@pytest.mark.parametrize("law", [BulkTail, Tail])
@pytest.mark.parametrize("values", [np.zeros(5), np.ones(5), np.array([0.0, 0.0, 3.0])])
def test_tail_of_ties(values: np.ndarray, law: Any) -> None:
    tail = law.fit(values)
    assert np.isfinite(tail(np.array([0.0, 1.0, 3.0, 1e9]))).all()
