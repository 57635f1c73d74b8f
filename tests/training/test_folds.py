"""Nets of folds: none has seen its rows, and all stand at the step that was chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sklatent._training import Fit, FitOutcome, FitPlan, Recipe, RowSource, Session
from sklatent._training._loop import Trainer
from tests.training.conftest import source_of, tiny_recipe
from tests.training.test_strategies import budget, fit

CPU = torch.device("cpu")
OPTIONS: dict[str, Any] = {"learning_rate": 0.05, "weight_decay": 0.0, "device": CPU, "seed": 0}


def started_from(rows: RowSource, from_pca: bool) -> Recipe:
    """A start that tells which rows it was made from."""
    mean = np.concatenate(list(rows.arrays())).mean(0)
    return tiny_recipe(start={"decoder.bias": mean}, from_pca=from_pca)


def crossed(rows: RowSource, from_pca: bool) -> FitOutcome:
    plan = FitPlan(budget=budget("cross"), keep_folds=True, **OPTIONS)
    return Fit(rows, None, plan, Session()).run(lambda part: started_from(part, from_pca))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("from_pca", [True, False])
def test_net_of_a_fold_is_trained_on_the_rest_up_to_the_chosen_step(
    rows: RowSource, from_pca: bool
) -> None:
    outcome = crossed(rows, from_pca)
    assert 0 < outcome.best_step <= 30
    assert len(outcome.folds) == 4
    held_out = np.concatenate([fold.held_out for fold in outcome.folds])
    assert sorted(held_out) == list(range(50))
    for fold in outcome.folds:
        rest = rows.subset(np.setdiff1d(np.arange(50), fold.held_out))
        alone = Trainer.of(started_from(rest, from_pca), **OPTIONS)
        alone.train(rest, None, budget("none"), stop_at=outcome.best_step)
        assert alone.n_steps_ == outcome.best_step
        assert same(alone.fitted().weights(), fold.net.weights())
        assert not same(outcome.net.weights(), fold.net.weights())


def test_rows_of_a_fold_do_not_reach_its_net(rows: RowSource, X: np.ndarray) -> None:
    first = crossed(rows, False)
    held_out = first.folds[0].held_out
    other = X.copy()
    other[held_out] *= 1.01
    again = crossed(source_of(other), False)
    assert again.best_step == first.best_step
    unmoved = [
        same(one.net.weights(), two.net.weights())
        for one, two in zip(first.folds, again.folds, strict=True)
    ]
    assert unmoved == [True, False, False, False]


def test_folds_stand_at_their_start_where_that_is_kept(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent._training._strategies.GUARD_FOLDS", 1e9)
    outcome = crossed(rows, True)
    assert outcome.best_step == 0
    assert len(outcome.folds) == 4
    for fold in outcome.folds:
        rest = rows.subset(np.setdiff1d(np.arange(50), fold.held_out))
        start = Trainer.of(started_from(rest, True), **OPTIONS)
        start.initialize()
        assert same(start.fitted().weights(), fold.net.weights())


def test_random_start_is_never_kept_for_want_of_certainty(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent._training._strategies.clearly_lower", lambda *_: False)
    assert crossed(rows, True).best_step == 0
    outcome = crossed(rows, False)
    assert outcome.best_step > 0
    # nor is the way from it cut short
    whole = Trainer.of(started_from(rows, False), **OPTIONS)
    whole.train(rows, None, budget("none"), stop_at=outcome.best_step)
    assert same(outcome.net.weights(), whole.fitted().weights())


@pytest.mark.parametrize("n_rows", [2, 3])
def test_fewer_rows_than_folds(X: np.ndarray, n_rows: int) -> None:
    outcome = crossed(source_of(X[:n_rows]), False)
    assert len(outcome.folds) == n_rows


def test_folds_are_kept_only_when_asked_for(rows: RowSource) -> None:
    kept, bare = fit(rows, budget("cross"), keep_folds=True), fit(rows, budget("cross"))
    assert (len(kept.folds), bare.folds) == (4, ())
    assert same(kept.net.weights(), bare.net.weights())
    assert fit(rows, replace(budget("holdout")), keep_folds=True).folds == ()
