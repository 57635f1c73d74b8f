"""Dtypes, memory, and small or constant tables; ``tests/laws.py`` holds what comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from tests.instances import answers, as_bytes, ask, every, fitted, target
from tests.laws import close


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("float16", "float64"),
        ("int64", "float64"),
        ("int32", "float64"),
        ("uint8", "float64"),
        ("bool", "float64"),
    ],
)
@every("transform")
def test_dtype(estimator: Any, given: str, returned: str, matrix: np.ndarray) -> None:
    X = np.abs(10 * matrix).astype(given) if given != "bool" else matrix > 1
    model = fitted(estimator, X)
    Z = model.transform(X)
    assert Z.dtype == returned
    if not hasattr(model, "inverse_transform"):
        return
    assert model.inverse_transform(Z).dtype == returned
    assert model.inverse_transform(Z.astype("float32")).dtype == "float32"


@every("transform")
def test_dtype_of_the_question_decides_not_that_of_fit(estimator: Any, matrix: np.ndarray) -> None:
    model = fitted(estimator, matrix.astype("float32"))
    wide, narrow = matrix.astype("float64"), matrix.astype("float32")
    assert model.transform(wide).dtype == "float64"
    close(model.transform(narrow), model.transform(narrow.astype("float64")), 1e-5)


@every()
def test_answers_are_finite_and_the_callers_own(estimator: Any, matrix: np.ndarray) -> None:
    model = fitted(estimator, matrix)
    for answer in answers(model, matrix).values():
        assert np.isfinite(answer).all()
    Z = ask(model, matrix)
    before = as_bytes(answers(model, matrix))
    assert Z.flags.writeable
    Z[:] = 0.0
    assert as_bytes(answers(model, matrix)) == before


@every()
def test_memory_order_does_not_matter(estimator: Any, matrix: np.ndarray, rtol: float) -> None:
    model = fitted(estimator, matrix)
    expected = ask(model, matrix)
    close(ask(model, np.asfortranarray(matrix)), expected, rtol)
    padded = np.repeat(matrix, 2, axis=0)
    close(ask(model, padded[::2]), expected, rtol)
    close(ask(fitted(clone(model), np.asfortranarray(matrix)), matrix), expected, 10 * rtol)


@every()
def test_read_only_input(estimator: Any, matrix: np.ndarray) -> None:
    expected = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    frozen = matrix.copy()
    frozen.setflags(write=False)
    assert as_bytes(answers(fitted(estimator, frozen), frozen)) == expected
    if hasattr(estimator, "inverse_transform"):
        Z = estimator.transform(frozen)
        Z.setflags(write=False)
        estimator.inverse_transform(Z)


@every()
def test_memory_mapped_input(estimator: Any, matrix: np.ndarray, tmp_path: Path) -> None:
    expected = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    np.save(tmp_path / "rows.npy", matrix)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    assert as_bytes(answers(fitted(estimator, mapped), mapped)) == expected


@every()
def test_small_tables_work(estimator: Any, matrix: np.ndarray) -> None:
    for rows in (matrix[:2], matrix[:3], matrix[:10, :1], matrix[:9, :2]):
        model = fitted(clone(estimator), rows)
        for answer in answers(model, rows).values():
            assert np.isfinite(answer).all()


@every("inverse_transform")
def test_constant_columns_come_back_exactly(estimator: Any, matrix: np.ndarray) -> None:
    X = np.hstack([matrix, np.full((60, 1), 7.25), np.zeros((60, 1))]).astype(matrix.dtype)
    model = fitted(estimator, X)
    back = model.inverse_transform(model.transform(X))
    assert np.array_equal(back[:, -2:], X[:, -2:])
    for answer in answers(model, X).values():
        assert np.isfinite(answer).all()


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@every()
def test_table_of_equal_rows_works(estimator: Any, dtype: np.dtype) -> None:
    X = np.full((30, 3), 2.5, dtype)
    model = fitted(estimator, X)
    if hasattr(model, "inverse_transform"):
        assert np.array_equal(model.inverse_transform(model.transform(X)), X)
    for answer in answers(model, X).values():
        assert np.isfinite(answer).all()


@every("inverse_transform", trained=True)
def test_training_improves_the_reconstruction(estimator: Any, matrix: np.ndarray) -> None:
    def error(max_steps: int) -> float:
        model = clone(estimator).set_params(
            n_components=2, max_steps=max_steps, early_stopping=False
        )
        fitted(model, matrix)
        back = model.inverse_transform(model.transform(matrix))
        return float(((matrix - back) ** 2).sum() / ((matrix - matrix.mean(0)) ** 2).sum())

    few, many = error(1), error(300)
    assert many < 0.5 * few
    assert many < 0.6


@every("score", trained=True)
def test_training_raises_the_score(estimator: Any, matrix: np.ndarray) -> None:
    few = fitted(clone(estimator).set_params(max_steps=1, early_stopping=False), matrix)
    many = fitted(clone(estimator).set_params(max_steps=300, early_stopping=False), matrix)
    y = target(matrix)
    assert many.score(matrix, y) > few.score(matrix, y)
    assert isinstance(many.score(matrix, y), float)


@every("score_samples")
def test_score_is_the_mean_of_score_samples(estimator: Any, matrix: np.ndarray) -> None:
    if not hasattr(estimator, "score"):
        pytest.skip("has no score")
    model = fitted(estimator, matrix)
    assert model.score_samples(matrix).shape == (60,)
    assert model.score(matrix) == pytest.approx(float(model.score_samples(matrix).mean()))


@every("sample")
def test_sample_lies_in_the_units_of_x(estimator: Any, rows: np.ndarray) -> None:
    enough = {"estimator__n_components": 3, "estimator__max_steps": 300}
    known = estimator.get_params()
    estimator.set_params(**{name: enough[name] for name in enough if name in known})
    drawn = fitted(estimator, rows).sample(500, random_state=0)
    spread = rows.std(0)
    assert (np.abs(drawn.mean(0) - rows.mean(0)) < 0.5 * spread).all()
    assert (drawn.std(0) > 0.5 * spread).all()
    assert (drawn.std(0) < 2.0 * spread).all()


@every("sample")
@pytest.mark.parametrize("n_samples", [0, -1, 2.5, True, "many"])
def test_sample_refuses_counts_below_one(
    estimator: Any, n_samples: Any, matrix: np.ndarray
) -> None:
    with pytest.raises((ValueError, TypeError), match="n_samples"):
        fitted(estimator, matrix).sample(n_samples)
