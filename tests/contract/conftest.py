"""The instance under test, and the precision that ``--dtype`` allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tests.instances import on_device


@pytest.fixture
def estimator(request: pytest.FixtureRequest, device: str) -> Any:
    """A fresh copy of the instance, on the device of ``--device``."""
    return on_device(clone(request.param), device)


@pytest.fixture
def rtol(dtype: np.dtype) -> float:
    return 1e-5 if dtype == np.float32 else 1e-12


@pytest.fixture
def rows() -> np.ndarray:
    """130 rows, 7 columns of unlike scales: enough rows for every way of training."""
    rng = np.random.default_rng(1)
    sheet = rng.normal(size=(130, 2))
    table = np.tanh(sheet @ rng.normal(size=(2, 9))) @ rng.normal(size=(9, 7))
    table += 0.1 * rng.normal(size=table.shape)
    return table * np.array([1.0, 10.0, 0.1, 1.0, 5.0, 1.0, 2.0]) + 3.0
