"""Held-out rows, cross-validation, or neither; and the guard against getting worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sklatent._training import Budget, Fit, FitOutcome, FitPlan, RowSource, Session
from sklatent._training._strategies import _rules_a_column, clearly_lower
from tests.training.conftest import source_of, tiny_recipe

CPU = torch.device("cpu")


def budget(validation: str, **changes: Any) -> Budget:
    options: dict[str, Any] = {
        "batch_size": 8,
        "n_steps": 30,
        "max_total_steps": 30,
        "n_checks": 10,
        "patience": 10,
        "tol": 0.0,
        "validation": validation,
        "n_validation": 10 if validation == "holdout" else 0,
    }
    return Budget(**{**options, **changes})


def fit(
    rows: RowSource, plan: Budget, valid: RowSource | None = None, **options: Any
) -> FitOutcome:
    recipe = options.pop("recipe", tiny_recipe(from_pca=True))
    session = Session(options.pop("watch", None))
    settings = FitPlan(
        budget=plan,
        learning_rate=options.pop("lr", 0.05),
        weight_decay=0.0,
        device=CPU,
        seed=options.pop("seed", 0),
        **options,
    )
    return Fit(rows, valid, settings, session).run(lambda part: recipe)


def start_weights() -> dict[str, np.ndarray]:
    return fit(source_of(np.zeros((3, 4), np.float32)), budget("skip")).net.weights()


def is_start(outcome: FitOutcome) -> bool:
    start = start_weights()
    return all(np.array_equal(value, start[name]) for name, value in outcome.net.weights().items())


@pytest.fixture
def noise() -> RowSource:
    """Rows with nothing in them to be learned."""
    return source_of(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))


def mean_recipe() -> Any:
    """Only the bias of the decoder has a gradient here, and its best value is where it starts."""
    zero = {
        "encoder.weight": np.zeros((2, 4)),
        "encoder.bias": np.zeros(2),
        "decoder.weight": np.zeros((4, 2)),
        "decoder.bias": np.zeros(4),
    }
    return tiny_recipe(start=zero, from_pca=True)


def test_clearly_lower() -> None:
    reference = torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert clearly_lower(reference - 0.1, reference, 1.0)
    assert not clearly_lower(reference, reference, 1.0)
    assert not clearly_lower(reference + 0.1, reference, 1.0)
    # gains of 1.5, 0, 0, 0: mean 0.375, standard error 0.375
    uneven = reference - torch.tensor([1.5, 0.0, 0.0, 0.0])
    assert not clearly_lower(uneven, reference, 1.01)
    assert clearly_lower(uneven, reference, 0.99)
    assert clearly_lower(torch.tensor([0.5]), torch.tensor([1.0]), 1.0)
    assert not clearly_lower(torch.tensor([1.0]), torch.tensor([1.0]), 1.0)


def test_skip_keeps_the_start(rows: RowSource) -> None:
    outcome = fit(rows, budget("skip"))
    assert (outcome.n_steps, outcome.best_step, outcome.history) == (0, 0, [])
    assert is_start(outcome)


def test_none_trains_to_the_end(rows: RowSource) -> None:
    outcome = fit(rows, budget("none"))
    assert (outcome.n_steps, outcome.best_step) == (30, 30)
    assert len(outcome.history) == 10
    assert "valid_loss" not in outcome.history[0]


def test_holdout_splits_once_and_trains(rows: RowSource) -> None:
    outcome = fit(rows, budget("holdout"))
    assert 0 < outcome.best_step <= outcome.n_steps == 30
    assert "valid_loss" in outcome.history[-1]
    assert not is_start(outcome)


def ruled_rows() -> np.ndarray:
    """Noise; two rows make up the first column, and a hole lies beside them."""
    X = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    X[:, 0] *= 0.01
    X[[3, 40], 0] = -30.0, 20.0
    X[5, 0] = np.nan
    return X


def test_rows_that_rule_a_column() -> None:
    X = ruled_rows()
    assert np.flatnonzero(_rules_a_column(source_of(X))).tolist() == [3, 40]
    # whatever the unit of the column
    assert np.flatnonzero(_rules_a_column(source_of(1e-6 * X))).tolist() == [3, 40]
    # none where many rows have the value, or where rows are so few that each weighs a lot
    X[::5, 0] = 30.0
    assert not _rules_a_column(source_of(X)).any()
    assert not _rules_a_column(source_of(X[:15])).any()
    assert not _rules_a_column(source_of(np.zeros((100, 4), np.float32))).any()


def test_rows_that_rule_a_column_are_not_held_out() -> None:
    rows = source_of(ruled_rows()[:, [0, 0, 1, 2]]).subset(np.delete(np.arange(100), 5))
    for seed in range(5):
        outcome = fit(rows, budget("holdout", n_validation=40, n_steps=2), seed=seed)
        assert outcome.valid is not None
        assert len(outcome.valid) == 40
        assert max(float(batch["x"][:, 0].abs().max()) for batch in outcome.valid.chunks()) < 1
    # unless nothing else is left
    outcome = fit(rows, budget("holdout", n_validation=98, n_steps=2))
    assert outcome.valid is not None
    assert len(outcome.valid) == 98


def test_holdout_of_the_caller(rows: RowSource, X: np.ndarray) -> None:
    valid = source_of(X[:5])
    first = fit(rows, budget("holdout"), valid)
    assert first.history != fit(rows, budget("holdout")).history
    assert first.history[-1]["valid_loss"] < first.history[0]["valid_loss"]


@pytest.mark.parametrize("validation", ["holdout", "cross"])
def test_noise_keeps_the_start(noise: RowSource, validation: str) -> None:
    outcome = fit(noise, budget(validation), recipe=mean_recipe(), lr=0.3)
    assert outcome.best_step == 0
    weights = outcome.net.weights()
    assert not weights["encoder.weight"].any()
    assert not weights["decoder.bias"].any()


def test_without_a_good_start_the_best_weights_are_kept_unguarded(
    noise: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent._training._strategies.GUARD", 1e9)
    outcome = fit(noise, budget("holdout"), recipe=tiny_recipe(from_pca=False))
    assert outcome.best_step > 0
    assert fit(noise, budget("holdout")).best_step == 0


def test_cross_validation_trains_on_all_rows_to_the_best_step(rows: RowSource) -> None:
    outcome = fit(rows, budget("cross"))
    assert 0 < outcome.best_step == outcome.n_steps <= 30
    assert outcome.n_steps % 3 == 0
    # the refit is the training on all rows, stopped there
    whole = fit(rows, budget("none"))
    assert outcome.history == whole.history[: len(outcome.history)]


def test_folds_may_ask_for_a_share_of_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    # a mean of few noisy rows is best estimated by a part of theirs
    rng = np.random.default_rng(0)
    few = source_of((0.25 + rng.normal(size=(24, 4))).astype(np.float32))
    monkeypatch.setattr("sklatent._training._strategies.clearly_lower", lambda *_: True)
    plan = budget("cross", n_steps=60, max_total_steps=60, n_checks=1, batch_size=24)
    shrunk = fit(few, plan, recipe=mean_recipe(), lr=0.05)
    whole = fit(few, replace(plan, validation="none"), recipe=mean_recipe(), lr=0.05)
    assert shrunk.best_step == whole.best_step == 60
    weights, all_of_it = shrunk.net.weights(), whole.net.weights()
    assert np.abs(all_of_it["decoder.bias"]).max() > 0.1
    share = weights["decoder.bias"] / all_of_it["decoder.bias"]
    assert share[0] in (0.25, 0.5, 0.75)
    np.testing.assert_allclose(share, share[0], rtol=1e-5)


@pytest.mark.parametrize("validation", ["holdout", "cross", "none"])
def test_same_seed_same_weights(rows: RowSource, validation: str) -> None:
    first, again = fit(rows, budget(validation)), fit(rows, budget(validation))
    assert first.history == again.history
    for name, value in first.net.weights().items():
        assert np.array_equal(value, again.net.weights()[name])


def stops(net: Any, record: dict[str, float]) -> bool:
    return True


def interrupts(net: Any, record: dict[str, float]) -> bool:
    raise KeyboardInterrupt


@pytest.mark.parametrize("validation", ["holdout", "cross", "none"])
def test_watcher_stops_and_interrupts(rows: RowSource, validation: str) -> None:
    stopped = fit(rows, budget(validation), watch=stops)
    assert not stopped.interrupted
    assert stopped.n_steps <= 3
    interrupted = fit(rows, budget(validation), watch=interrupts)
    assert interrupted.interrupted
    assert interrupted.n_steps <= 3


def test_shrinking_never_raises_the_validation_loss(rows: RowSource, X: np.ndarray) -> None:
    valid = source_of(X[::3] + np.float32(0.2))
    outcome = fit(rows, budget("holdout", n_steps=200, max_total_steps=200, patience=200), valid)
    best = min(record["valid_loss"] for record in outcome.history)
    net = outcome.net
    encoded = net.run("encode", len(valid), lambda index: X[::3][index] + np.float32(0.2), X.dtype)
    rebuilt = net.run("decode", len(valid), lambda index: encoded[index], X.dtype)
    target = X[::3] + np.float32(0.2)
    loss = ((rebuilt - target) ** 2).sum(1) + 0.01 * (rebuilt**2).sum(1)
    assert float(loss.mean()) <= best * (1 + 1e-5)
