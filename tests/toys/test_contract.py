"""The contract of the public estimators, kept by models that are written outside the package."""

from __future__ import annotations

from typing import Any

import pytest

from tests.laws import contract_failures
from tests.toys.ring_sampler import RingSampler
from tests.toys.supervised_encoder import SupervisedEncoder

QUICK = {"hidden_layer_sizes": (8,), "max_steps": 5, "device": "cpu", "random_state": 0}


@pytest.mark.parametrize("model", [RingSampler, SupervisedEncoder])
def test_toys_keep_the_contract(model: Any) -> None:
    assert contract_failures(model(**QUICK)) == []
