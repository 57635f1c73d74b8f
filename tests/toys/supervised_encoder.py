"""SupervisedEncoder: codes that know a target, each row's from a net that has not seen its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from sklatent import develop
from sklatent.develop import Batch, Interval, Player, Recipe, ResidualMap, squared_error


class SupervisedNet(nn.Module):
    """The first code predicts the target; all of them reconstruct the row."""

    def __init__(self, n_features: int, n_components: int, *, hidden: tuple[int, ...]) -> None:
        super().__init__()
        kind: dict[str, Any] = {"activation": "silu", "n_extra": 0}
        self.encode = ResidualMap(n_features, hidden, n_components, **kind)
        self.decode = ResidualMap(n_components, hidden[::-1], n_features, **kind)

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        z = self.encode(batch["x"])
        return {"z": z, "x_hat": self.decode(z)}


def supervised_loss(
    output: dict[str, Tensor], batch: Batch, progress: float, *, mean: float, deviation: float
) -> dict[str, Tensor]:
    y = (batch["y"] - mean) / deviation
    error = squared_error(output["x_hat"], batch["x"])
    return {"target": (output["z"][:, 0] - y) ** 2, "rows": 0.1 * error}


class SupervisedBody(develop.Body["SupervisedEncoder"]):
    """Folds in any case, so that each training row has a net without it."""

    module = SupervisedNet
    target = "number"

    def plan(self, n_rows: int, **given: Any) -> develop.Budget:
        budget = develop.plan_budget(n_rows, **given)
        return replace(budget, validation="cross", max_total_steps=budget.n_steps)

    def recipe(self, rows: develop.RowSource, *, n_components: int, seed: int) -> Recipe:
        y = torch.cat([batch["y"] for batch in rows.chunks()]).double()
        unit = {"mean": float(y.mean()), "deviation": float(y.std(correction=0)) or 1.0}
        widths = {"n_features": self.table.n_encoded, "n_components": n_components}
        return Recipe(
            module=SupervisedNet,
            module_params={**widths, "hidden": tuple(self.model.hidden_layer_sizes)},
            players=(Player(loss=supervised_loss, loss_params=unit),),
        )


@develop.latent_model
class SupervisedEncoder(develop.OutOfFoldMixin, develop.DecoderMixin, develop.BaseLatentModel):
    """Codes that know a number."""

    _declares = develop.Declaration(
        question="What in a row tells the target?",
        tables=("numeric",),
        cost="five trainings",
        classic="partial least squares",
        needs_y=True,
        out_of_fold=True,
    )
    bodies = (SupervisedBody,)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(develop.Integral, 1, None, closed="left")],
    }

    n_components: int = 2
