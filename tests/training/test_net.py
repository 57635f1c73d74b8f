"""The loop: equal to one written by hand, the best weights kept, growth, rewinding, answers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sklatent._training import Budget, FittedNet, Recipe, RowSource, Session, resolve_device
from sklatent._training._loop import Trainer, _schedule
from sklatent._training._recipe import TensorBatches
from sklatent._training._seeding import seeded_construction
from tests.training.conftest import TinyAutoencoder, source_of, tiny_recipe, two_terms

CPU = torch.device("cpu")
BUDGET = Budget(
    batch_size=8,
    n_steps=40,
    max_total_steps=40,
    n_checks=10,
    patience=100,
    tol=0.0,
    validation="holdout",
    n_validation=0,
)


def new_net(recipe: Recipe | None = None, lr: float = 0.01, **options: Any) -> Trainer:
    return Trainer.of(
        recipe or tiny_recipe(), learning_rate=lr, weight_decay=0.1, device=CPU, seed=3, **options
    )


def weights_of(net: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.module_.state_dict().items()}


def by_hand(recipe: Recipe, rows: RowSource, n_steps: int, lr: float) -> dict[str, Tensor]:
    """The plain loop that the engine promises to be."""
    with seeded_construction(3):
        module = recipe.module(**recipe.module_params)
    generator = torch.Generator(device=CPU).manual_seed(3)
    slow = [p for name, p in module.named_parameters() if name.startswith("encoder.")]
    fast = [p for name, p in module.named_parameters() if not name.startswith("encoder.")]
    groups: list[dict[str, Any]] = [{"params": fast, "lr": lr}]
    if recipe.players[0].slow:
        groups = [{"params": slow, "lr": 0.3 * lr, "weight_decay": 0.0}, *groups]
    else:
        groups = [{"params": list(module.parameters()), "lr": lr}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    for step, batch in enumerate(TensorBatches(rows, 8, n_steps, generator)):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * _schedule(step, n_steps)
        optimizer.zero_grad()
        terms = two_terms(module(batch, generator), batch, 0.0)
        sum(term.mean() for term in terms.values()).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
    return dict(module.state_dict())


@pytest.mark.parametrize("slow", [(), ("encoder.*",)])
def test_weights_equal_those_of_a_plain_loop(rows: RowSource, slow: tuple[str, ...]) -> None:
    recipe = tiny_recipe(slow=slow)
    net = new_net(recipe).train(rows, None, BUDGET)
    assert net.n_steps_ == 40
    expected = by_hand(recipe, rows, 40, 0.01)
    for name, value in net.module_.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-6, atol=1e-7)


def test_checks_do_not_change_the_training(rows: RowSource, X: np.ndarray) -> None:
    bare = weights_of(new_net().train(rows, None, BUDGET))
    often = weights_of(new_net().train(rows, None, replace(BUDGET, n_checks=40)))
    watched = new_net().train(rows, None, BUDGET, Session(lambda net, record: False))
    assert all(torch.equal(bare[name], often[name]) for name in bare)
    assert all(torch.equal(bare[name], value) for name, value in weights_of(watched).items())


def test_records_name_the_terms_of_the_loss(rows: RowSource) -> None:
    net = new_net().train(rows, rows, BUDGET)
    assert len(net.history) == 10
    record = net.history[-1]
    assert record["step"] == 40
    assert record["train_loss"] == pytest.approx(record["train_error"] + record["train_size"])
    assert {"valid_loss"} <= set(record)


def losses_by_step(values: dict[int, float]) -> Callable[..., Tensor]:
    """A validation loss that is what the test says at each step."""

    def row_losses(self: Trainer, rows: RowSource) -> Tensor:
        steps = self.n_steps_
        return torch.full((len(rows),), values[steps], dtype=torch.float64)

    return row_losses


@pytest.mark.parametrize(("best", "expected"), [(0, 0), (12, 12), (40, 40)])
def test_best_weights_are_restored_the_start_included(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch, best: int, expected: int
) -> None:
    values = {step: 2.0 + step / 100 for step in range(0, 41, 4)} | {best: -1.0}
    monkeypatch.setattr(Trainer, "row_losses", losses_by_step(values))
    seen: dict[int, dict[str, Tensor]] = {}
    net = new_net()
    net.initialize()
    seen[0] = weights_of(net)
    net.train(
        rows,
        rows,
        BUDGET,
        Session(lambda net, record: seen.update({int(record["step"]): weights_of(net)}) or False),
    )
    assert net.checks_.best.step == expected
    assert net.checks_.best.loss == -1.0
    kept = weights_of(net)
    assert all(torch.equal(kept[name], value) for name, value in seen[expected].items())


def test_patience_counts_checks_without_improvement(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    # negative losses: an improvement is a lower number, whatever its sign
    values = dict.fromkeys(range(0, 41, 4), -1.0) | {4: -1.5, 8: -2.0}
    monkeypatch.setattr(Trainer, "row_losses", losses_by_step(values))
    net = new_net().train(rows, rows, replace(BUDGET, patience=3))
    assert net.n_steps_ == 8 + 3 * 4
    assert net.checks_.best.step == 8


def test_tol_is_relative(rows: RowSource, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {step: 100.0 - step / 10 for step in range(0, 41, 4)}
    monkeypatch.setattr(Trainer, "row_losses", losses_by_step(values))
    assert new_net().train(rows, rows, replace(BUDGET, patience=3)).n_steps_ == 40
    coarse = new_net().train(rows, rows, replace(BUDGET, patience=3, tol=0.1))
    assert coarse.n_steps_ == 12
    # small gains do not count as news, but their weights are better all the same
    assert coarse.checks_.best.step == 12


def test_check_can_stop_the_training(rows: RowSource) -> None:
    net = new_net().train(rows, None, BUDGET, Session(lambda net, record: record["step"] >= 8))
    assert net.n_steps_ == 8
    assert not net.interrupted_


def test_stop_at_a_step(rows: RowSource) -> None:
    assert new_net().train(rows, None, BUDGET, stop_at=20).n_steps_ == 20


def test_budget_grows_while_validation_improves(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = replace(BUDGET, max_total_steps=40 + 80 + 160)

    def improving(self: Trainer, rows: RowSource) -> Tensor:
        return torch.full((4,), 1.0 - self.n_steps_ / 1000)

    monkeypatch.setattr(Trainer, "row_losses", improving)
    net = new_net().train(rows, rows, growing)
    assert (net.n_steps_, net.n_cycles_) == (280, 3)
    # each cycle is looked at as often as the first
    assert len(net.history) == 3 * 10

    def flat(self: Trainer, rows: RowSource) -> Tensor:
        return torch.full((4,), max(0.5, 1.0 - self.n_steps_ / 50))

    monkeypatch.setattr(Trainer, "row_losses", flat)
    net = new_net().train(rows, rows, growing)
    assert (net.n_steps_, net.n_cycles_) == (120, 2)
    assert new_net().train(rows, rows, BUDGET).n_steps_ == 40


def test_rewind_goes_back_to_the_start(rows: RowSource) -> None:
    net = new_net()
    net.initialize()
    start = weights_of(net)
    net.train(rows, None, BUDGET)
    end = weights_of(net)
    net.rewind(0.25)
    for name, value in weights_of(net).items():
        expected = start[name] + 0.25 * (end[name] - start[name])
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    net.rewind(0.0)
    assert next(net.module_.parameters()).dtype == torch.float64
    for name, value in weights_of(net).items():
        torch.testing.assert_close(value.float(), start[name], rtol=0, atol=0)


def test_start_is_loaded_and_kept_in_float64(rows: RowSource) -> None:
    weight = np.full((2, 4), 1 / 3)
    net = new_net(tiny_recipe(start={"encoder.weight": weight}))
    net.initialize()
    assert torch.equal(net.module_.encoder.weight, torch.full((2, 4), 1 / 3))
    net.rewind(0.0)
    assert np.array_equal(net.fitted().weights()["encoder.weight"], weight)
    state = net.fitted().to_state()
    copied = FittedNet.from_state(TinyAutoencoder, copy.deepcopy(state))
    assert np.array_equal(copied.weights()["encoder.weight"], weight)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answers_come_in_the_precision_of_the_question(
    rows: RowSource, X: np.ndarray, dtype: str
) -> None:
    net = new_net().train(rows, None, BUDGET).fitted()
    question = X.astype(dtype)
    given = net.run("encode", len(X), lambda index: question[index], np.dtype(dtype))
    weights = {name: value.astype("float64") for name, value in net.weights().items()}
    expected = np.tanh(X.astype("float64") @ weights["encoder.weight"].T + weights["encoder.bias"])
    assert given.dtype == dtype
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-14 if dtype == "float64" else 1e-6)
    assert set(net.to_state()) == {"module_params", "weights", "device"}


def test_answers_in_chunks_equal_those_at_once(rows: RowSource) -> None:
    net = new_net().train(rows, None, BUDGET).fitted()
    many = np.random.default_rng(0).normal(size=(3000, 4))
    whole = net.run("encode", 3000, lambda index: many[index], many.dtype)
    parts = [
        net.run("encode", 1, lambda _, i=i: many[i : i + 1], many.dtype) for i in (0, 1024, 2999)
    ]
    np.testing.assert_allclose(whole[[0, 1024, 2999]], np.concatenate(parts), rtol=1e-13)


def test_interrupt_keeps_the_best_weights(rows: RowSource) -> None:
    def interrupt(net: Any, record: dict[str, float]) -> bool:
        if record["step"] == 12:
            raise KeyboardInterrupt
        return False

    net = new_net().train(rows, rows, BUDGET, Session(interrupt))
    assert net.interrupted_
    assert net.n_steps_ == 12
    assert float(net.row_losses(rows).mean()) == pytest.approx(net.checks_.best.loss, rel=1e-6)


def test_diverging_loss_says_what_to_change(rows: RowSource) -> None:
    with pytest.raises(ValueError, match=r"diverged.*after \d+ steps\. Lower learning_rate"):
        new_net(lr=1e30).train(rows, rows, BUDGET)


def test_training_does_not_write_to_the_rows(X: np.ndarray) -> None:
    before = X.copy()
    new_net().train(source_of(X), None, BUDGET)
    assert np.array_equal(X, before)


def test_seed_builds_the_same_weights_and_leaves_the_stream(rows: RowSource) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, again = weights_of(new_net().initialize()), weights_of(new_net().initialize())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_devices() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ValueError, match=r"device='cuda:77' is not available"):
        resolve_device("cuda:77")
    with pytest.raises(ValueError, match="device='tpu9' is not available"):
        resolve_device("tpu9")
    assert resolve_device("cuda:77", missing_ok=True) == CPU


def test_state_of_another_device_answers_on_the_cpu(rows: RowSource, X: np.ndarray) -> None:
    net = new_net().train(rows, None, BUDGET).fitted()
    moved = FittedNet.from_state(TinyAutoencoder, {**net.to_state(), "device": "cuda:77"})
    assert moved.device == CPU
    expected = net.run("encode", 50, lambda index: X[index], X.dtype)
    assert np.array_equal(moved.run("encode", 50, lambda index: X[index], X.dtype), expected)
