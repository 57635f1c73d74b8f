"""Players: what each of them moves, how often, and that who does not move changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sklatent._training import Batch, LastWeights, Player, Recipe, RowSource
from sklatent._training._loop import Trainer
from tests.training.conftest import tiny_recipe, two_terms
from tests.training.test_net import BUDGET, new_net, weights_of


def error(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"error": ((output["x_hat"] - batch["x"]) ** 2).sum(1)}


def size(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"size": (output["x_hat"] ** 2).sum(1)}


ENCODER = Player(loss=error, moves=("encoder.*",))
DECODER = Player(loss=size, moves=("decoder.*",))


def trained(rows: RowSource, *players: Player) -> Trainer:
    return new_net(tiny_recipe(players=players, judge=LastWeights())).train(rows, None, BUDGET)


def moved(net: Trainer) -> set[str]:
    start = new_net(net.recipe)
    start.initialize()
    before, after = weights_of(start), weights_of(net)
    return {name for name in after if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize(
    ("player", "names"),
    [
        (ENCODER, {"encoder.weight", "encoder.bias"}),
        (DECODER, {"decoder.weight", "decoder.bias"}),
        (replace(ENCODER, moves=("*.bias",)), {"encoder.bias", "decoder.bias"}),
    ],
)
def test_player_moves_its_own_parameters_alone(
    rows: RowSource, player: Player, names: set[str]
) -> None:
    assert moved(trained(rows, player)) == names


def test_two_players_move_in_turn_by_their_own_losses(rows: RowSource) -> None:
    both, batch = trained(rows, ENCODER, DECODER), next(rows.chunks())
    assert moved(both) == {"encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"}
    # the decoder alone is asked to be small
    nets = both, trained(rows, ENCODER)
    with torch.no_grad():
        sizes = [float(size(net.module_(batch, None), batch, 1.0)["size"].sum()) for net in nets]
    assert sizes[0] < 0.5 * sizes[1]
    record = both.history[-1]
    assert record["train_loss"] == record["train_error"]  # that of the first player
    assert record["train_size"] > 0


def test_gradients_that_another_player_left_do_not_count(rows: RowSource) -> None:
    """The second player's first move is the one it would make alone, from the same weights."""
    one_step = replace(BUDGET, n_steps=1, max_total_steps=1, n_checks=1)

    def after(*players: Player) -> dict[str, Tensor]:
        recipe = tiny_recipe(noise=0.0, players=players, judge=LastWeights())
        return weights_of(new_net(recipe).train(rows, None, one_step))

    still = replace(ENCODER, optimizer={"lr": 0.0, "weight_decay": 0.0})
    pair, alone = after(still, DECODER), after(DECODER)
    assert all(torch.equal(pair[name], alone[name]) for name in alone)
    assert any(not torch.equal(after(ENCODER, DECODER)[name], alone[name]) for name in alone)


def test_player_without_turns_changes_no_byte(rows: RowSource) -> None:
    first = Player(loss=two_terms)
    alone = new_net(tiny_recipe(players=(first,))).train(rows, rows, BUDGET)
    idle = new_net(tiny_recipe(players=(first, replace(DECODER, turns=0)))).train(
        rows, rows, BUDGET
    )
    expected = alone.fitted().weights()
    found = idle.fitted().weights()
    assert {name: w.tobytes() for name, w in found.items()} == {
        name: w.tobytes() for name, w in expected.items()
    }
    assert [record["valid_loss"] for record in idle.history] == [
        record["valid_loss"] for record in alone.history
    ]


def test_each_turn_after_the_first_has_a_batch_of_its_own(
    rows: RowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Tensor]] = {"error": [], "size": []}

    def noting(name: str) -> Player:
        def loss(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
            seen[name].append(batch["x"])
            return {name: (output["x_hat"] ** 2).sum(1)}

        return Player(loss=loss, moves=("encoder.*",) if name == "error" else ("decoder.*",))

    trained(rows, noting("error"), replace(noting("size"), turns=3))
    assert (len(seen["error"]), len(seen["size"])) == (40, 120)
    # the first turn is on the batch that all players see, the others are drawn after it
    assert all(torch.equal(seen["error"][i], seen["size"][3 * i]) for i in range(40))
    first_pass = torch.cat(seen["size"][:6])
    assert len(first_pass) == 50 == len(rows)
    expected = torch.cat([batch["x"] for batch in rows.chunks()])
    assert torch.equal(
        first_pass[np.lexsort(first_pass.T.numpy())], expected[np.lexsort(expected.T.numpy())]
    )


def test_player_has_an_optimizer_of_its_own(rows: RowSource) -> None:
    slow = replace(DECODER, optimizer={"lr": 1e-6, "weight_decay": 0.0})
    start = new_net(tiny_recipe(players=(ENCODER, slow)))
    start.initialize()
    before = weights_of(start)

    def way(player: Player) -> float:
        after = weights_of(trained(rows, ENCODER, player))
        return float((after["decoder.weight"] - before["decoder.weight"]).abs().max())

    assert way(slow) <= 40 * 1e-6 * 1.1
    assert way(DECODER) > 100 * way(slow)


def test_player_names_the_method_that_gives_its_outputs(rows: RowSource) -> None:
    def of_codes(output: Tensor, batch: Batch, progress: float) -> dict[str, Tensor]:
        return {"codes": (output**2).sum(1)}

    class Named(tiny_recipe().module):  # type: ignore[misc]
        def codes(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
            return self.encode(batch["x"])

    player = Player(loss=of_codes, outputs="codes", moves=("encoder.*",))
    recipe = Recipe(module=Named, module_params=tiny_recipe().module_params, players=(player,))
    net = new_net(recipe).train(rows, rows, BUDGET)
    assert moved(net) == {"encoder.weight", "encoder.bias"}
    losses = [record["valid_loss"] for record in net.history]
    assert losses[-1] < 0.5 * losses[0]
