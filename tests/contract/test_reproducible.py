"""Same seed, same bytes; and nobody else's random numbers are touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tests.instances import answers, as_bytes, every, fitted, trains


@every()
def test_refit_equals_a_first_fit(estimator: Any, matrix: np.ndarray) -> None:
    fresh = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    fitted(estimator, matrix[:30, ::-1] * 3.0)
    assert as_bytes(answers(fitted(estimator, matrix), matrix)) == fresh


@every(trained=True)
def test_other_seed_other_answers(estimator: Any, matrix: np.ndarray) -> None:
    first = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    other = as_bytes(answers(fitted(estimator.set_params(random_state=1), matrix), matrix))
    assert first["transform"] != other["transform"]


@every()
def test_seed_may_be_a_random_state(estimator: Any, matrix: np.ndarray) -> None:
    if "random_state" not in estimator.get_params():
        pytest.skip("nothing random in it")
    first = fitted(clone(estimator).set_params(random_state=np.random.RandomState(3)), matrix)
    again = fitted(clone(estimator).set_params(random_state=np.random.RandomState(3)), matrix)
    assert as_bytes(answers(first, matrix)) == as_bytes(answers(again, matrix))


@every()
def test_fits_in_threads_equal_sequential_ones(estimator: Any, matrix: np.ndarray) -> None:
    def fit(seed: int) -> dict[str, bytes]:
        model = clone(estimator)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        return as_bytes(answers(fitted(model, matrix), matrix))

    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(fit, range(3)))
    assert threaded == [fit(seed) for seed in range(3)]


@pytest.mark.parametrize("n_rows", [130, 450])
@every(trained=False)
def test_every_way_of_validating_is_reproducible(estimator: Any, n_rows: int) -> None:
    """Cross-validation and a held-out part, in threads and one after the other."""
    if not trains(type(estimator)):
        pytest.skip("does not train")
    rng = np.random.default_rng(0)
    u = rng.uniform(-2, 2, size=(n_rows, 1))
    X = np.hstack([u, u**2, np.sin(3 * u)]) + 0.1 * rng.normal(size=(n_rows, 3))
    estimator.set_params(n_components=1, hidden_layer_sizes=(8,), max_steps=30)

    def fit(seed: int) -> tuple[int, dict[str, bytes]]:
        model = fitted(clone(estimator).set_params(random_state=seed), X)
        return model.n_iter_, as_bytes(answers(model, X))

    with ThreadPoolExecutor(3) as pool:
        threaded = list(pool.map(fit, range(3)))
    assert threaded == [fit(seed) for seed in range(3)]
    assert all(n_iter > 0 for n_iter, _ in threaded)
