"""A small module of the engine's protocol, and rows for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sklatent._training import Batch, Player, Recipe, RowSource, row_source


class TinyAutoencoder(nn.Module):
    """One layer in, one out; in training with noise from the generator of the fit."""

    def __init__(self, n_features: int, width: int, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.encoder = nn.Linear(n_features, width)
        self.decoder = nn.Linear(width, n_features)

    def encode(self, x: Tensor) -> Tensor:
        return torch.tanh(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        x = batch["x"]
        if generator is not None and self.noise > 0:
            noise = torch.empty_like(x).normal_(generator=generator)
            return {"x_hat": self.decode(self.encode(x + self.noise * noise))}
        return {"x_hat": self.decode(self.encode(x))}


def two_terms(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    error = ((output["x_hat"] - batch["x"]) ** 2).sum(1)
    return {"error": error, "size": 0.01 * (output["x_hat"] ** 2).sum(1)}


def tiny_recipe(noise: float = 0.1, slow: tuple[str, ...] = (), **changes: object) -> Recipe:
    recipe = Recipe(
        module=TinyAutoencoder,
        module_params={"n_features": 4, "width": 2, "noise": noise},
        players=(Player(loss=two_terms, slow=slow),),
    )
    return replace(recipe, **changes)


def source_of(X: np.ndarray) -> RowSource:
    return row_source(lambda index: X[index].copy(), len(X), X.shape[1], torch.device("cpu"))


@pytest.fixture
def X() -> np.ndarray:
    rng = np.random.default_rng(0)
    curve = np.tanh(rng.normal(size=(50, 2)) @ rng.normal(size=(2, 4)))
    return (curve + 0.05 * rng.normal(size=curve.shape)).astype(np.float32)


@pytest.fixture
def rows(X: np.ndarray) -> RowSource:
    return source_of(X)
