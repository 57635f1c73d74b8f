"""Seeds that stay inside one fit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# torch initializes layers from its global stream; forking that stream is not thread-safe.
_CONSTRUCTION = threading.Lock()


@contextmanager
def seeded_construction(seed: int) -> Iterator[None]:
    """Build modules from a seed; the caller's random stream is left as it was."""
    with _CONSTRUCTION, torch.random.fork_rng(devices=[]):
        # the global torch.manual_seed would also reseed every GPU's stream
        torch.default_generator.manual_seed(seed)
        yield


def seeded_generator(seed: int, device: torch.device) -> torch.Generator:
    """Return the stream from which one fit draws its shuffles and noise."""
    return torch.Generator(device=device).manual_seed(seed)
