"""Discovery finds what is public, and each instance does what its name says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sklatent
from sklatent._utils.declaration import VERBS
from sklatent._utils.discovery import all_estimators
from tests.fast import FAST, SLOW, is_fast
from tests.instances import (
    declaring,
    every,
    fitted,
    holds,
    inside,
    instances,
    label,
    target,
    trains,
)


def test_known_names_are_found() -> None:
    names = [name for name, _ in all_estimators()]
    assert {"AutoencoderTransformer", "TabularEncoder", "VAETransformer"} <= set(names)
    assert names == sorted(names)
    assert set(names) <= set(sklatent.__all__)


def test_every_public_class_that_exists_is_found() -> None:
    public = {name for name in sklatent.__all__ if inspect.isclass(getattr(sklatent, name, None))}
    assert public == {name for name, _ in all_estimators()}


@pytest.mark.parametrize("verb", VERBS.values())
def test_verbs_select(verb: str) -> None:
    """Each verb is somebody's, and found where the class has it."""
    with_verb = {name for name, cls in all_estimators() if hasattr(cls, verb)}
    assert {name for name, _ in all_estimators(verb)} == with_verb != set()
    assert all_estimators("no_such_verb") == []


def test_declarations_select() -> None:
    everybody = set(declaring())
    for name in ("needs_y", "out_of_fold", "starts_at_pca"):
        yes, no = set(declaring(**{name: True})), set(declaring(**{name: False}))
        assert yes | no == everybody
        assert not yes & no
    assert 0 < len(declaring(starts_at_pca=True)) < len(everybody)
    assert set(declaring(tables="mixed")) < set(declaring(tables="numeric")) == everybody
    assert set(declaring("sample", tables="mixed")) <= set(declaring("sample"))


def test_two_instances_of_what_trains_with_different_labels() -> None:
    labels = [label(one) for one in instances()]
    assert len(labels) == len(set(labels))
    both = {f"{cls.__name__}-{way}" for cls in declaring() for way in ("default", "trained")}
    assert {name for name in both if name.endswith("default")} <= set(labels)
    trained = {f"{cls.__name__}-trained" for cls in declaring() if trains(cls)}
    assert trained == {name for name in both & set(labels) if name.endswith("trained")} != set()


def test_estimators_that_hold_another_hold_each_that_decodes() -> None:
    everywhere: list[str] = []
    for cls in declaring():
        if holds(cls):
            held = [type(one).__name__ for one, _ in inside(cls)]
            found = {label(one) for one in instances() if type(one) is cls}
            assert {f"{cls.__name__}-{name}" for name in ("default", *held)} <= found
            everywhere += held
    decoding = [cls.__name__ for cls in declaring("inverse_transform") if trains(cls)]
    # PCA in all of them, each model in one
    assert sorted(name for name in everywhere if name != "PCA") == sorted(decoding)
    assert everywhere.count("PCA") > 1


@pytest.mark.parametrize("name", [name for name, _ in all_estimators()])
def test_every_public_name_has_an_api_page(name: str) -> None:
    pages = Path(__file__).parents[2] / "docs" / "api.rst"
    assert name in pages.read_text(encoding="utf-8").split()


@every(trained=True)
def test_trained_instance_takes_steps(estimator: Any, matrix: np.ndarray) -> None:
    for n_rows in (2, 5, 60):
        fitted(estimator.set_params(n_components=1), matrix[:n_rows])
        assert estimator.n_iter_ > 0
        assert len(estimator.loss_curve_) > 0
        assert len(estimator.history_) == len(estimator.loss_curve_)


def test_target_has_two_classes_and_belongs_to_the_rows(matrix: np.ndarray) -> None:
    for X in (matrix, matrix[:2], np.full((30, 3), 2.5), [["a", 1.0], ["b", 2.0]], np.ones(4)):
        assert set(target(X)) == {0, 1}
    y = target(matrix)
    assert np.array_equal(target(matrix[::-1]), y[::-1])
    assert matrix[y == 1, 0].min() > matrix[y == 0, 0].max()


@pytest.mark.parametrize("path", [*FAST, *SLOW])
def test_what_is_fast_or_slow_exists(path: str) -> None:
    file, _, test = path.partition("::")
    found = Path(__file__).parents[2] / file
    assert found.exists()
    if test:
        assert f"def {test.partition('[')[0]}(" in found.read_text(encoding="utf-8")


def test_slow_tests_are_not_fast() -> None:
    assert all(path.startswith(FAST) for path in SLOW)
    assert not any(is_fast(path) for path in SLOW)
    assert is_fast("tests/contract/test_laws.py::test_example_model_keeps_the_contract")
