"""The table of budgets: what a number of rows and the parameters make of a fit."""

from __future__ import annotations

from typing import Any

import pytest

from sklatent._training import Budget, plan_budget
from sklatent._training._loop import _schedule


def plan(n_rows: int, **changes: Any) -> Budget:
    options: dict[str, Any] = {
        "batch_size": "auto",
        "max_steps": "auto",
        "early_stopping": "auto",
        "validation_fraction": 0.15,
        "n_iter_no_change": 6,
        "tol": 0.0,
        "has_validation": False,
        "from_pca": True,
        "cross": True,
    }
    return plan_budget(n_rows, **{**options, **changes})


@pytest.mark.parametrize(
    ("n_rows", "validation", "n_validation", "n_steps", "batch_size"),
    [
        (2, "skip", 0, 400, 2),
        (99, "skip", 15, 400, 16),
        (100, "cross", 15, 400, 16),
        (399, "cross", 60, 400, 32),
        (400, "holdout", 60, 1500, 32),
        (1000, "holdout", 150, 1500, 64),
        (8000, "holdout", 1000, 1500, 128),
        (50_000, "holdout", 1000, 1500, 128),
        (1_000_000, "holdout", 10_000, 1500, 128),
    ],
)
def test_defaults(
    n_rows: int, validation: str, n_validation: int, n_steps: int, batch_size: int
) -> None:
    budget = plan(n_rows)
    assert budget.validation == validation
    assert budget.n_validation == n_validation
    assert budget.n_steps == n_steps
    assert budget.batch_size == batch_size


@pytest.mark.parametrize(
    ("n_rows", "changes", "validation"),
    [
        (50, {"early_stopping": True}, "cross"),
        (19, {"early_stopping": True}, "skip"),
        (50, {"early_stopping": False}, "none"),
        (5000, {"early_stopping": False}, "none"),
        (5000, {"early_stopping": True}, "holdout"),
        (50, {"has_validation": True}, "holdout"),
        (2, {"has_validation": True}, "holdout"),
        (5000, {"has_validation": True, "early_stopping": False}, "holdout"),
        (50, {"from_pca": False}, "holdout"),
        (20, {"from_pca": False}, "holdout"),
        (19, {"from_pca": False}, "none"),
        (2, {"from_pca": False}, "none"),
        (99, {"cross": False}, "skip"),
        (100, {"cross": False}, "holdout"),
        (50, {"cross": False, "early_stopping": True}, "holdout"),
        (5000, {"cross": False}, "holdout"),
    ],
)
def test_where_validation_rows_come_from(
    n_rows: int, changes: dict[str, Any], validation: str
) -> None:
    assert plan(n_rows, **changes).validation == validation


def test_a_search_holds_rows_out_in_any_case() -> None:
    budget = plan(5000, early_stopping=False, max_steps=100).for_search(0.75)
    assert budget.validation == "holdout"
    assert budget.n_validation == 750
    assert budget.n_steps == budget.max_total_steps == 75


@pytest.mark.parametrize("n_rows", range(20, 40))
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_split_leaves_rows_on_both_sides(n_rows: int, fraction: float) -> None:
    budget = plan(n_rows, from_pca=False, validation_fraction=fraction)
    assert 1 <= budget.n_validation <= n_rows - 2


def test_budget_grows_only_on_tables_not_seen_24_times() -> None:
    assert plan(8000).max_total_steps == 1500
    assert plan(1_000_000).max_total_steps == 24 * 1_000_000 // 128
    assert plan(1_000_000, max_steps=700).max_total_steps == 700
    assert plan(1_000_000, early_stopping=False).max_total_steps == 1500


def test_given_numbers_are_kept() -> None:
    budget = plan(5000, batch_size=7, max_steps=33, n_iter_no_change=2, tol=0.5)
    assert (budget.batch_size, budget.n_steps, budget.max_total_steps) == (7, 33, 33)
    assert (budget.patience, budget.tol) == (2, 0.5)
    assert plan(5, batch_size=100).batch_size == 5


@pytest.mark.parametrize("max_steps", [1, 2, 14, 15, 16, 31, 1500])
def test_checks_are_spread_over_the_steps(max_steps: int) -> None:
    budget = plan(5000, max_steps=max_steps)
    assert 1 <= budget.check_every <= max_steps
    assert min(max_steps, 15) <= -(-max_steps // budget.check_every) <= 30


@pytest.mark.parametrize("n_steps", [1, 2, 9, 10, 100, 1500])
def test_schedule_warms_up_and_cools_down(n_steps: int) -> None:
    factors = [_schedule(step, n_steps) for step in range(n_steps)]
    assert all(0.0 < factor <= 1.0 for factor in factors)
    top = factors.index(max(factors))
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    if n_steps >= 10:
        assert max(factors) > 0.9
        assert top <= 0.1 * n_steps + 1
    if n_steps >= 100:
        assert factors[-1] < 0.01
