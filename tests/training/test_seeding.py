"""Seeds stay inside one fit: nobody's random stream is read or moved, in no number of threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Tensor, nn

from sklatent._training import RowSource
from sklatent._training._loop import Trainer
from sklatent._training._seeding import DRAWING, INITIALIZERS, seeded_construction
from tests.training.conftest import source_of
from tests.training.test_net import BUDGET, new_net

N_THREADS = 4


def blank() -> Tensor:
    return torch.full((6, 5), 0.5)


DRAWS: dict[str, Callable[[], Tensor]] = {
    "bernoulli": lambda: torch.bernoulli(blank()),
    "bernoulli_": lambda: blank().bernoulli_(0.5),
    "cauchy_": lambda: blank().cauchy_(),
    "exponential_": lambda: blank().exponential_(),
    "geometric_": lambda: blank().geometric_(0.1),
    "log_normal_": lambda: blank().log_normal_(),
    "multinomial": lambda: torch.multinomial(blank(), 4),
    "normal": lambda: torch.normal(0.0, 1.0, (6, 5)),
    "normal_": lambda: blank().normal_(),
    "poisson": lambda: torch.poisson(20 * blank()),
    "rand": lambda: torch.rand(6, 5),
    "rand_like": lambda: torch.rand_like(blank()),
    "randint_like": lambda: torch.randint_like(blank(), 1000),
    "randn_like": lambda: torch.randn_like(blank()),
    "randint": lambda: torch.randint(1000, (6, 5)),
    "randn": lambda: torch.randn(6, 5),
    "random_": lambda: blank().random_(),
    "randperm": lambda: torch.randperm(30),
    "uniform_": lambda: blank().uniform_(),
    "kaiming_normal_": lambda: nn.init.kaiming_normal_(blank()),
    "kaiming_uniform_": lambda: nn.init.kaiming_uniform_(blank()),
    "orthogonal_": lambda: nn.init.orthogonal_(blank()),
    "sparse_": lambda: nn.init.sparse_(blank(), 0.3),
    "trunc_normal_": lambda: nn.init.trunc_normal_(blank()),
    "xavier_normal_": lambda: nn.init.xavier_normal_(blank()),
    "xavier_uniform_": lambda: nn.init.xavier_uniform_(blank()),
}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(5, 4),
    "Bilinear": lambda: nn.Bilinear(3, 4, 5),
    "Conv1d": lambda: nn.Conv1d(2, 3, 2),
    "Embedding": lambda: nn.Embedding(7, 3),
    "GRU": lambda: nn.GRU(3, 4),
    "MultiheadAttention": lambda: nn.MultiheadAttention(4, 2),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(4, 2, 8),
}


def drawn(name: str, seed: int) -> Tensor:
    with seeded_construction(seed):
        return DRAWS[name]()


def built(name: str, seed: int) -> Tensor:
    with seeded_construction(seed):
        module = LAYERS[name]()
    return torch.cat([value.flatten() for value in module.state_dict().values()])


def test_every_function_that_draws_is_tried() -> None:
    assert set(DRAWS) == DRAWING | INITIALIZERS


@pytest.mark.parametrize("name", DRAWS)
def test_draw_comes_from_the_seed_alone(name: str) -> None:
    keeps_to_its_seed(drawn, name)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_comes_from_the_seed_alone(name: str) -> None:
    keeps_to_its_seed(built, name)


def keeps_to_its_seed(make: Callable[[str, int], Tensor], name: str) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = make(name, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert torch.equal(make(name, 3), first)
    assert not torch.equal(make(name, 4), first)


def test_streams_outside_are_as_before() -> None:
    torch.manual_seed(5)
    expected = torch.randn(3), torch.randn(3)
    torch.manual_seed(5)
    first = torch.randn(3)
    with seeded_construction(3):
        torch.randn(1000)
    assert torch.equal(first, expected[0])
    assert torch.equal(torch.randn(3), expected[1])


def test_generator_that_is_given_is_the_one_drawn_from() -> None:
    own = torch.Generator().manual_seed(9)
    with seeded_construction(3):
        given = torch.randn(4, generator=own)
    assert torch.equal(given, torch.randn(4, generator=torch.Generator().manual_seed(9)))


def test_modules_are_the_same_in_threads_at_once() -> None:
    barrier = Barrier(N_THREADS)

    def build(seed: int) -> list[Tensor]:
        barrier.wait()
        return [built(name, seed) for _ in range(20) for name in ("Linear", "GRU", "Embedding")]

    torch.manual_seed(11)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(N_THREADS) as pool:
        at_once = list(pool.map(build, range(N_THREADS)))
    assert torch.equal(torch.get_rng_state(), before)
    for seed, found in enumerate(at_once):
        expected = [built(name, seed) for _ in range(20) for name in ("Linear", "GRU", "Embedding")]
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_trainings_are_the_same_in_threads_at_once(rows: RowSource) -> None:
    X = torch.cat([batch["x"] for batch in rows.chunks()]).numpy()

    def train(seed: int) -> list[Tensor]:
        net: Trainer = new_net()
        net.seed = seed
        net.train(source_of(X), None, BUDGET)
        return list(net.module_.state_dict().values())

    torch.manual_seed(11)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(N_THREADS) as pool:
        at_once = list(pool.map(train, range(N_THREADS)))
    assert torch.equal(torch.get_rng_state(), before)
    for seed, found in enumerate(at_once):
        assert all(torch.equal(a, b) for a, b in zip(found, train(seed), strict=True))
    assert not torch.equal(at_once[0][0], at_once[1][0])
