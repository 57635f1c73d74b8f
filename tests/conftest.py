"""What tests share: one thread, repeatable examples, ``--device``, ``--dtype``, small tables."""

from __future__ import annotations

import os

# Before numpy or torch is loaded: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

from tests.fast import is_fast

if TYPE_CHECKING:
    import pandas as pd

hypothesis.settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, print_blob=False
)
hypothesis.settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sklatent")
    group.addoption("--device", default="cpu", help="where the models of the tests are fitted")
    group.addoption("--dtype", default="float64", choices=("float64", "float32"), help="dtype of X")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if is_fast(item.nodeid):
            item.add_marker(pytest.mark.fast)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    # A torch that a plugin imported earlier has read the environment already. Importing it here
    # would make the numpy-only tests pay for it.
    import sys

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The device of ``--device``; skips where this machine has none of that kind."""
    name = str(request.config.getoption("--device"))
    if name != "cpu":
        import torch

        try:
            torch.empty(1, device=name)
        except (AssertionError, RuntimeError) as error:
            pytest.skip(f"no device {name!r} here: {error}")
    return name


@pytest.fixture(scope="session")
def dtype(request: pytest.FixtureRequest) -> np.dtype:
    return np.dtype(request.config.getoption("--dtype"))


@pytest.fixture
def matrix(dtype: np.dtype) -> np.ndarray:
    """60 rows, 6 correlated columns on a curved 2-dimensional sheet with a little noise."""
    rng = np.random.default_rng(0)
    sheet = rng.uniform(-1, 1, size=(60, 2))
    columns = np.tanh(sheet @ rng.normal(size=(2, 12))) @ rng.normal(size=(12, 6))
    return (columns + 0.05 * rng.normal(size=columns.shape) + 1.0).astype(dtype)


@pytest.fixture
def frame(matrix: np.ndarray) -> pd.DataFrame:
    """The same rows as a pandas frame, with an integer and a boolean column."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(matrix, columns=[f"column {j}" for j in range(matrix.shape[1])])
    frame["count"] = np.arange(len(frame)) % 7
    frame["flag"] = matrix[:, 0] > 1.0
    return frame
