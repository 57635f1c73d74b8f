"""Whether rows are nearer to training rows: expectations, closed forms, errors."""

from __future__ import annotations

import numpy as np
import pytest

from sklatent.metrics._distances import MixedSpace, copied_share, nearer_share
from sklatent.metrics._tables import Column

NUMBERS = tuple(Column(j, "number") for j in range(4))
MIXED = (Column(0, "number"), Column(1, "category", ("a", "b")))


def points(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(size=(n, 4))


def test_distance_counts_ranges_and_mismatches() -> None:
    table = np.array([[0.0, 0], [1, 0], [2, 0], [3, 1], [4, 1]])  # interquartile range 2
    space = MixedSpace(MIXED, table)
    rows = np.array([[2.0, 0], [4, 1], [np.nan, 0], [np.nan, np.nan]])
    numbers, codes = space.points(rows)
    distances = np.abs(numbers[:, None] - numbers).sum(-1)
    distances += (codes[:, None] != codes).sum(-1)
    # the first two: one range and one mismatch; a missing number is the median and one away
    np.testing.assert_allclose(distances[0], [0, 2, 1, 2])
    np.testing.assert_allclose(distances[2], [1, 3, 0, 1])


def test_columns_that_hardly_vary_have_a_scale() -> None:
    table = np.array([[0.0] * 9 + [5.0], [7.0] * 10, [np.nan] * 10]).T
    numbers, _ = MixedSpace(NUMBERS[:3], table).points(table)
    assert np.isfinite(numbers).all()
    assert numbers[-1, 0] == pytest.approx(5 / np.std(table[:, 0]))


@pytest.mark.parametrize(("n_train", "n_holdout"), [(60, 25), (25, 60)])
def test_closed_form_is_the_mean_over_random_cuts(n_train: int, n_holdout: int) -> None:
    rng = np.random.default_rng(0)
    rows, train, holdout = (points(rng, n) for n in (40, n_train, n_holdout))
    space = MixedSpace(NUMBERS, train)
    share, _ = nearer_share(space, rows, train, holdout)
    h = min(n_train, n_holdout)
    cuts = [
        nearer_share(space, rows, rng.permutation(train)[:h], rng.permutation(holdout)[:h])[0]
        for _ in range(600)
    ]
    assert share == pytest.approx(np.mean(cuts), abs=0.01)


def test_rows_held_out_against_each_other_leave_themselves_out() -> None:
    rng = np.random.default_rng(0)
    train, holdout = points(rng, 12), points(rng, 12)
    space = MixedSpace(NUMBERS, train)
    each = [
        nearer_share(space, holdout[[i]], train, np.delete(holdout, i, axis=0))[0]
        for i in range(12)
    ]
    assert nearer_share(space, None, train, holdout)[0] == pytest.approx(np.mean(each))


@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize(("n_train", "n_holdout"), [(80, 80), (200, 60), (60, 200)])
def test_fresh_rows_share_half_and_the_error_is_honest(
    n_train: int, n_holdout: int, decimals: int
) -> None:
    rng = np.random.default_rng(1)
    shares, errors = [], []
    for _ in range(80):
        train, holdout, rows = (
            np.round(points(rng, n), decimals) for n in (n_train, n_holdout, 150)
        )
        share, error = nearer_share(MixedSpace(NUMBERS, train), rows, train, holdout)
        shares.append(share)
        errors.append(error)
    spread = np.std(shares)
    assert np.mean(shares) == pytest.approx(0.5, abs=3 * spread / np.sqrt(80))
    assert np.mean(errors) == pytest.approx(spread, rel=0.4)


def test_copies_are_nearer_and_ties_count_half() -> None:
    rng = np.random.default_rng(0)
    train, holdout = points(rng, 50), points(rng, 50)
    space = MixedSpace(NUMBERS, train)
    assert nearer_share(space, train, train, holdout)[0] == 1
    assert nearer_share(space, holdout, train, holdout)[0] == 0
    assert nearer_share(space, train, train, train)[0] == 0.5
    # with a holdout half as long, a copied row is in half of the cuts
    assert nearer_share(space, train, train, holdout[:25])[0] == pytest.approx(0.75, abs=0.06)


def test_copied_share_compares_whole_rows() -> None:
    train = np.array([[1.0, np.nan], [0.0, 2.0]])
    rows = np.array([[1.0, -np.nan], [-0.0, 2.0], [1.0, 2.0], [0.0, np.nan]])
    assert copied_share(rows, train) == 0.5
