"""A model of two players and no codes goes through the base as any other."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklatent.develop import energy_distance
from tests.imports import private_imports
from tests.toys import ring_sampler
from tests.toys.ring_sampler import RingSampler

CENTER, RADIUS = np.array([3.0, -1.0]), 2.0
QUICK = {"hidden_layer_sizes": (8,), "max_steps": 10, "device": "cpu", "random_state": 0}


def ring(n_rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    radius = RADIUS * (1 + 0.05 * rng.normal(size=n_rows))
    return CENTER + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def distance(X: np.ndarray, other: np.ndarray) -> float:
    return float(energy_distance(torch.from_numpy(X), torch.from_numpy(other)))


@pytest.fixture(scope="module")
def model() -> RingSampler:
    return RingSampler(max_steps=800, device="cpu", random_state=0).fit(ring(600, 0))


def test_toy_is_short_and_needs_nothing_private() -> None:
    text = Path(ring_sampler.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert private_imports(text) == []


def test_samples_lie_on_the_ring_all_around(model: RingSampler) -> None:
    away = model.sample(1000, random_state=0) - CENTER
    radius = np.linalg.norm(away, axis=1) / RADIUS
    assert abs(np.median(radius) - 1) < 0.1
    assert np.mean(np.abs(radius - 1) < 0.25) > 0.8
    octant = np.floor(np.arctan2(away[:, 1], away[:, 0]) / (np.pi / 4)).astype(int)
    assert len(set(octant[np.argsort(octant)])) == 8


def test_judge_chose_a_step_by_the_samples(model: RingSampler) -> None:
    assert 0 < model.best_iter_ <= model.n_iter_
    distances = {record["step"]: record["valid_loss"] for record in model.history_}
    assert min(distances, key=distances.get) == model.best_iter_
    assert {"train_fooled", "train_told", "train_slope"} <= set(model.history_[-1])
    new = ring(1000, 1)
    start = clone(model).set_params(max_steps=1, learning_rate=1e-12).fit(ring(600, 0))
    before, after = (
        distance(fitted.sample(1000, random_state=0), new) for fitted in (start, model)
    )
    assert after < 0.1 * before


def test_it_samples_and_has_no_codes(model: RingSampler) -> None:
    assert not hasattr(model, "transform")
    assert not hasattr(model, "inverse_transform")
    single = clone(model).set_params(**QUICK).fit(ring(60, 0).astype(np.float32))
    assert single.sample(3, random_state=0).dtype == np.float32


def test_seed_clone_and_pickle_give_the_same_rows() -> None:
    X = ring(60, 0)
    model = RingSampler(**QUICK).fit(X)
    expected = model.sample(20, random_state=3)
    assert np.array_equal(clone(model).fit(X).sample(20, random_state=3), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).sample(20, random_state=3), expected)
    assert not np.array_equal(model.sample(20, random_state=4), expected)
    other = clone(model).set_params(random_state=1).fit(X)
    assert not np.array_equal(other.sample(20, random_state=3), expected)
