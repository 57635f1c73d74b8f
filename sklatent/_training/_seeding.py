"""Seeds that stay inside one fit."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# Functions of torch that draw from the global stream unless they are given a generator, beside
# those of torch.nn.init. (A mode of the dispatcher would see all of them, but loads torch._dynamo.)
DRAWING = frozenset(
    {
        "bernoulli",
        "bernoulli_",
        "cauchy_",
        "exponential_",
        "geometric_",
        "log_normal_",
        "multinomial",
        "normal",
        "normal_",
        "poisson",
        "rand",
        "rand_like",
        "randint",
        "randint_like",
        "randn",
        "randn_like",
        "random_",
        "randperm",
        "uniform_",
    }
)
INITIALIZERS = frozenset(
    {
        "kaiming_normal_",
        "kaiming_uniform_",
        "orthogonal_",
        "sparse_",
        "trunc_normal_",
        "xavier_normal_",
        "xavier_uniform_",
    }
)


class _DrawingFrom(TorchFunctionMode):
    """Hand a generator to whatever draws in this thread, within a ``with`` block."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        draws = getattr(func, "__name__", "") in DRAWING | INITIALIZERS
        if draws and given.get("generator") is None:
            given["generator"] = self.generator
        return func(*args, **given)


@contextmanager
def seeded_construction(seed: int) -> Iterator[None]:
    """Build modules from a seed, without the random stream that all threads share."""
    with torch.device("cpu"), _DrawingFrom(torch.Generator().manual_seed(seed)):
        yield
