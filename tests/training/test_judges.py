"""Judges: which step each of them chooses, and the distance of samples that one of them takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sklatent._training import (
    Batch,
    HeldOutLoss,
    HeldOutScore,
    Judge,
    LastWeights,
    Player,
    Recipe,
    RowSource,
    SampleDistance,
)
from sklatent._training._loop import Trainer
from sklatent.nn import energy_distance
from tests.training.conftest import source_of, tiny_recipe
from tests.training.test_net import BUDGET, new_net
from tests.training.test_strategies import budget, fit, is_start


class Walker(nn.Module):
    """One number, which each step of training raises: 0, 0.1, 0.2 ... with SGD."""

    def __init__(self, n_components: int) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(n_components))

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        return {"place": self.place.expand(len(batch["x"]), -1)}

    def draw(self, n: int, generator: torch.Generator | None) -> Tensor:
        return self.place + torch.randn(n, 4, generator=generator)


def falling(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"height": -output["place"][:, 0]}


def walk(judge: Judge, **changes: Any) -> Recipe:
    recipe = Recipe(
        module=Walker,
        module_params={"n_components": 1},
        players=(Player(loss=falling),),
        judge=judge,
    )
    return replace(recipe, **changes)


def walked(rows: RowSource, judge: Judge, **changes: Any) -> Trainer:
    return new_net(walk(judge, **changes)).train(rows, rows, BUDGET)


def far_from(goal: float) -> HeldOutScore:
    def score(module: Walker, batch: Batch) -> Tensor:
        return (module.place - goal).square().expand(len(batch["x"]))

    return HeldOutScore(score)


def place_of(net: Trainer) -> float:
    return float(net.fitted().weights()["place"][0])


def test_score_chooses_another_step_than_the_loss(rows: RowSource) -> None:
    by_loss = walked(rows, HeldOutLoss())
    assert by_loss.checks_.best.step == 40  # the loss falls without end
    end = place_of(by_loss)
    by_score = walked(rows, far_from(0.5 * end))
    assert 0 < by_score.checks_.best.step < 40
    assert abs(place_of(by_score) - 0.5 * end) < 0.15 * end
    # the start is a candidate of any judge
    assert place_of(walked(rows, far_from(-1.0))) == 0.0


def test_score_reaches_the_outcome_of_a_fit(rows: RowSource) -> None:
    loss = fit(rows, budget("holdout"), recipe=walk(HeldOutLoss()))
    goal = 0.5 * float(loss.net.weights()["place"][0])
    score = fit(rows, budget("holdout"), recipe=walk(far_from(goal)))
    assert loss.best_step == 30
    assert 0 < score.best_step < 30
    # what is recorded is what was judged
    recorded = [record["valid_loss"] for record in score.history]
    reached = float(score.net.weights()["place"][0])
    assert min(recorded) == pytest.approx((reached - goal) ** 2, rel=1e-5)


def test_unguarded_training_replaces_its_start_by_the_least_gain(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent._training._strategies.GUARD", 1e9)
    for judge, kept in ((HeldOutLoss(), True), (HeldOutLoss(guards=False), False)):
        outcome = fit(rows, budget("holdout"), recipe=tiny_recipe(from_pca=True, judge=judge))
        assert is_start(outcome) == kept
        assert (outcome.best_step == 0) == kept


def test_judge_that_does_not_guard_is_not_cross_validated(rows: RowSource) -> None:
    plan = budget("cross", n_validation=10)
    guarded = fit(rows, plan, recipe=tiny_recipe(from_pca=True))
    free = fit(rows, plan, recipe=tiny_recipe(from_pca=True, judge=HeldOutLoss(guards=False)))
    assert guarded.valid is None
    assert free.valid is not None
    assert len(free.valid) == 10


def test_sample_distance_prefers_samples_like_the_rows() -> None:
    X = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    player = Player(loss=falling)
    module = Walker(1)
    losses = []
    for place in (0.0, 0.5, 2.0):
        with torch.no_grad():
            module.place.fill_(place)
        losses.append(SampleDistance("draw").losses(module, player, source_of(X)))
    assert losses[0].shape == (1,)
    assert losses[0].dtype == torch.float64
    assert abs(float(losses[0])) < 0.05 < float(losses[1]) < float(losses[2])
    again = SampleDistance("draw").losses(module, player, source_of(X))
    assert torch.equal(again, losses[2])
    few = SampleDistance("draw", most=20).losses(module, player, source_of(X))
    assert not torch.equal(few, again)


def test_sample_distance_chooses_the_step_whose_samples_lie_there(rows: RowSource) -> None:
    end = place_of(walked(rows, HeldOutLoss()))
    rng = np.random.default_rng(0)
    there = source_of((0.5 * end + rng.normal(size=(1000, 4))).astype(np.float32))
    net = new_net(walk(SampleDistance("draw"))).train(rows, there, BUDGET)
    assert 0 < net.checks_.best.step < 40
    assert abs(place_of(net) - 0.5 * end) < 0.25 * end


def test_last_weights_are_those_of_the_last_step(rows: RowSource) -> None:
    recipe = tiny_recipe(judge=LastWeights())
    kept = new_net(recipe).train(rows, rows, replace(BUDGET, patience=1))
    bare = new_net().train(rows, None, BUDGET)
    assert kept.n_steps_ == 40
    assert "valid_loss" not in kept.history[-1]
    for name, value in bare.module_.state_dict().items():
        assert torch.equal(kept.module_.state_dict()[name], value)
    outcome = fit(rows, budget("holdout"), recipe=replace(recipe, from_pca=True))
    assert outcome.best_step == outcome.n_steps == 30


# -- energy distance -------------------------------------------------------------------------------


def by_hand(x: np.ndarray, y: np.ndarray) -> float:
    """Means over all pairs, and within a sample over pairs of two different rows."""

    def mean(one: np.ndarray, other: np.ndarray, *, within: bool) -> float:
        pairs = [
            float(np.sqrt(np.sum((a - b) ** 2)))
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if not (within and i == j)
        ]
        return sum(pairs) / len(pairs)

    return 2 * mean(x, y, within=False) - mean(x, x, within=True) - mean(y, y, within=True)


@pytest.mark.parametrize(("n", "m", "p"), [(12, 12, 3), (9, 17, 1), (30, 5, 2)])
def test_energy_distance_is_that_of_all_pairs(n: int, m: int, p: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, p)), 1 + 2 * rng.normal(size=(m, p))
    found = float(energy_distance(torch.from_numpy(x), torch.from_numpy(y)))
    assert found == pytest.approx(by_hand(x, y), rel=1e-9)
    assert found == pytest.approx(
        float(energy_distance(torch.from_numpy(y), torch.from_numpy(x))), rel=1e-12
    )


def test_energy_distance_is_zero_for_equal_distributions() -> None:
    rng = np.random.default_rng(0)
    found = [
        float(energy_distance(*(torch.from_numpy(rng.normal(size=(60, 2))) for _ in range(2))))
        for _ in range(200)
    ]
    # unbiased: zero on average, not merely small
    assert abs(np.mean(found)) < 4 * np.std(found) / 200**0.5
    assert np.std(found) < 0.05
    apart = energy_distance(
        torch.from_numpy(rng.normal(size=(60, 2))), torch.from_numpy(1 + rng.normal(size=(60, 2)))
    )
    assert float(apart) > 10 * np.std(found)
