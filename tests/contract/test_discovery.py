"""Discovery finds what is public, and each instance does what its name says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sklatent
from sklatent._utils.discovery import all_estimators
from tests.instances import every, instances, label


def test_known_names_are_found() -> None:
    names = [name for name, _ in all_estimators()]
    assert {"AutoencoderTransformer", "TabularEncoder", "VAETransformer"} <= set(names)
    assert names == sorted(names)
    assert set(names) <= set(sklatent.__all__)


def test_every_public_class_that_exists_is_found() -> None:
    public = {name for name in sklatent.__all__ if inspect.isclass(getattr(sklatent, name, None))}
    assert public == {name for name, _ in all_estimators()}


def test_verbs_select() -> None:
    assert {"AutoencoderTransformer"} <= {name for name, _ in all_estimators("score")}
    samplers = [name for name, _ in all_estimators("sample")]
    assert samplers == ["LatentClusterer", "VAETransformer"]
    assert all_estimators("no_such_verb") == []


def test_two_instances_of_what_trains_with_different_labels() -> None:
    labels = [label(one) for one in instances()]
    assert len(labels) == len(set(labels))
    assert {"AutoencoderTransformer-default", "AutoencoderTransformer-trained"} <= set(labels)


@pytest.mark.parametrize("name", [name for name, _ in all_estimators()])
def test_every_public_name_has_an_api_page(name: str) -> None:
    pages = Path(__file__).parents[2] / "docs" / "api.rst"
    assert name in pages.read_text(encoding="utf-8").split()


@every(trained=True)
def test_trained_instance_takes_steps(estimator: Any, matrix: np.ndarray) -> None:
    for n_rows in (2, 5, 60):
        estimator.set_params(n_components=1).fit(matrix[:n_rows])
        assert estimator.n_iter_ > 0
        assert len(estimator.loss_curve_) > 0
        assert len(estimator.history_) == len(estimator.loss_curve_)
