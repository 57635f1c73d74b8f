"""RingSampler: a generator against a critic. It samples, and has no codes of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Generator, Tensor, autograd, nn

from sklatent import develop
from sklatent.develop import Batch, Player, Recipe


class RingNet(nn.Module):
    """The two networks; real rows come as ``x``."""

    def __init__(self, n_features: int, n_components: int, *, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.n_components = n_components
        self.generator = develop.mlp(n_components, hidden, n_features, "silu")
        nn.init.normal_(self.generator[-1].weight, std=0.1)  # at zero all rows are the same
        self.critic = develop.mlp(n_features, hidden, 1, "silu")

    def draw(self, n: int, generator: Generator | None) -> Tensor:
        z = self.generator[0].weight.new_empty(n, self.n_components)
        return self.generator(z.normal_(generator=generator))

    def generate(self, batch: Batch, generator: Generator | None) -> dict[str, Tensor]:
        return {"fake": self.critic(self.draw(len(batch["x"]), generator))[:, 0]}

    def criticize(self, batch: Batch, generator: Generator | None) -> dict[str, Tensor]:
        x = batch["x"].clone().requires_grad_()
        real = self.critic(x)[:, 0]
        (slope,) = autograd.grad(real.sum(), x, create_graph=True)
        fake = self.draw(len(x), generator).detach()
        return {"real": real, "fake": self.critic(fake)[:, 0], "slope": slope}


def fooling(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"fooled": -nn.functional.logsigmoid(output["fake"])}


def telling(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    told = nn.functional.logsigmoid(output["real"]) + nn.functional.logsigmoid(-output["fake"])
    return {"told": -told, "slope": 0.1 * output["slope"].square().sum(1)}


class RingBody(develop.Body["RingSampler"]):
    module = RingNet

    def recipe(self, rows: develop.RowSource, *, n_components: int, seed: int) -> Recipe:
        widths = {"n_features": self.table.n_encoded, "n_components": n_components}
        generator = Player(loss=fooling, outputs="generate", moves=("generator.*",))
        critic = Player(loss=telling, outputs="criticize", moves=("critic.*",), turns=2)
        return Recipe(
            module=RingNet,
            module_params={**widths, "hidden": tuple(self.model.hidden_layer_sizes)},
            players=(generator, critic),
            judge=develop.SampleDistance(draw="draw"),
        )

    def sample(self, n_samples: int, rng: np.random.RandomState) -> Any:
        noise = rng.normal(size=(n_samples, self.net.module_.n_components))
        return self.table.decode(self.run_on_codes("generator", noise.astype(self.table.dtype)))


@develop.latent_model
class RingSampler(develop.SamplerMixin, develop.BaseLatentModel):
    """Sample rows like those seen."""

    _declares = develop.Declaration(
        question="New points of a ring?", tables=("numeric",), cost="seconds", classic="a KDE"
    )
    bodies = (RingBody,)
    n_components: int = 2
    _: develop.KW_ONLY
    hidden_layer_sizes: tuple[int, ...] = (64, 64)
    learning_rate: float = 2e-3
    n_iter_no_change: int = 15
