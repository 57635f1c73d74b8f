"""Every parameter is documented, checked, and does something."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.base import clone

from sklatent._utils._params import Interval, InvalidParameterError
from sklatent._utils.discovery import all_estimators
from tests.instances import (
    ALTERNATIVES,
    INVALID,
    SEEN_ELSEWHERE,
    TOGETHER_WITH,
    TRAINED,
    answers,
    as_bytes,
    every,
    fitted,
    make,
    on_device,
    parameter_names,
    trains,
)

CLASSES = [pytest.param(cls, id=name) for name, cls in all_estimators()]
PAIRS = [
    pytest.param(cls, name, id=f"{label}-{name}")
    for label, cls in all_estimators()
    for name in parameter_names(cls)
]
TRAINED_PAIRS = [pair for pair in PAIRS if trains(pair.values[0])]


@pytest.mark.parametrize("cls", CLASSES)
def test_docstring_lists_the_parameters_of_the_signature(cls: type) -> None:
    documented = [entry.name for entry in ClassDoc(cls)["Parameters"]]
    assert documented == parameter_names(cls)


@pytest.mark.parametrize(("cls", "name"), PAIRS)
def test_docstring_names_the_default(cls: type, name: str) -> None:
    default = inspect.signature(cls).parameters[name].default
    entries = {entry.name: entry for entry in ClassDoc(cls)["Parameters"]}
    assert name in entries
    written = entries[name].type.rpartition("default=")[2].strip()
    expected = {repr(default), str(default)}
    if isinstance(default, str):
        expected = {f'"{default}"', f"'{default}'"}
    if isinstance(default, float):
        assert float(written) == default
    else:
        assert written in expected
    assert " ".join(entries[name].desc).strip()


@pytest.mark.parametrize("cls", CLASSES)
def test_docstring_lists_the_fitted_attributes(cls: type, matrix: np.ndarray, device: str) -> None:
    model = fitted(on_device(make(cls, TRAINED), device), matrix)
    documented = {entry.name for entry in ClassDoc(cls)["Attributes"]}
    found = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    assert found <= documented


@pytest.mark.parametrize(("cls", "name"), PAIRS)
def test_true_is_no_number(cls: type, name: str, matrix: np.ndarray) -> None:
    ranges = cls._parameter_constraints[name]  # type: ignore[attr-defined]
    if not any(isinstance(one, Interval) for one in ranges) or "boolean" in ranges:
        pytest.skip("is no number, or may be true")
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter.*Got True instead"):
        fitted(make(cls, {name: True}), matrix)


METHODS = [
    pytest.param(getattr(cls, name), id=f"{label}-{name}")
    for label, cls in all_estimators()
    for name in dir(cls)
    if not name.startswith("_")
    and inspect.isfunction(getattr(cls, name))
    and inspect.unwrap(getattr(cls, name)).__module__.startswith("sklatent.")
]


@pytest.mark.parametrize("method", METHODS)
def test_docstring_of_a_method_lists_its_parameters_and_what_it_returns(method: Any) -> None:
    document = FunctionDoc(inspect.unwrap(method))
    expected = [name for name in inspect.signature(method).parameters if name != "self"]
    assert [entry.name for entry in document["Parameters"]] == expected
    assert document["Returns"]


@pytest.mark.parametrize("cls", CLASSES)
def test_only_the_first_parameter_may_be_positional(cls: type) -> None:
    kinds = [parameter.kind for parameter in inspect.signature(cls).parameters.values()]
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds[1:])


@pytest.mark.parametrize(("cls", "name"), PAIRS)
def test_invalid_value_is_refused_by_name(cls: type, name: str, matrix: np.ndarray) -> None:
    assert name in INVALID, f"add invalid values of {name!r} to tests/instances.py"
    for value in INVALID[name]:
        model = make(cls, TRAINED).set_params(**{name: value})
        error = ValueError if name == "random_state" else InvalidParameterError
        with pytest.raises(error, match=name if error is InvalidParameterError else None):
            fitted(model, matrix)
        assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(("cls", "name"), TRAINED_PAIRS)
def test_parameter_shows_in_the_fitted_model(
    cls: type, name: str, matrix: np.ndarray, device: str
) -> None:
    if name in SEEN_ELSEWHERE:
        return
    assert name in ALTERNATIVES, f"add another value of {name!r} to tests/instances.py"
    model = on_device(make(cls, {**TRAINED, "n_components": 2, "max_steps": 20}), device)
    model.set_params(**TOGETHER_WITH.get(name, {}))
    other = clone(model).set_params(**{name: ALTERNATIVES[name]})
    assert model.get_params()[name] != other.get_params()[name]
    model, other = fitted(model, matrix), fitted(other, matrix)
    seen = (as_bytes(answers(model, matrix)), model.n_iter_, model.best_iter_)
    assert seen != (as_bytes(answers(other, matrix)), other.n_iter_, other.best_iter_)


@every(trained=True)
def test_training_without_validation_rows_uses_them_all(estimator: Any, matrix: np.ndarray) -> None:
    fitted(estimator.set_params(early_stopping=False), matrix)
    assert estimator.n_iter_ == estimator.max_steps
    assert "valid_loss" not in estimator.history_[-1]


@every(trained=True)
def test_warm_start_goes_on(estimator: Any, matrix: np.ndarray) -> None:
    once = fitted(clone(estimator).set_params(warm_start=True, early_stopping=False), matrix)
    first = as_bytes(answers(once, matrix))
    assert as_bytes(answers(fitted(once, matrix), matrix)) != first
    cold = fitted(clone(estimator).set_params(early_stopping=False), matrix)
    assert as_bytes(answers(cold, matrix)) == first
    assert as_bytes(answers(fitted(cold, matrix), matrix)) == first


@every(trained=True)
def test_warm_start_refuses_another_net(estimator: Any, matrix: np.ndarray) -> None:
    fitted(estimator.set_params(warm_start=True), matrix)
    before = as_bytes(answers(estimator, matrix))
    with pytest.raises(ValueError, match="warm_start=True goes on with the fitted net"):
        fitted(estimator.set_params(hidden_layer_sizes=(5,)), matrix)
    assert as_bytes(answers(estimator, matrix)) == before


@every(trained=True)
@pytest.mark.parametrize("name", ["cuda:99", "nonsense"])
def test_device_must_exist(estimator: Any, name: str, matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="device"):
        fitted(estimator.set_params(device=name), matrix)


@every(trained=True)
def test_verbose_speaks_through_logging(
    estimator: Any, matrix: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sklatent"):
        fitted(clone(estimator), matrix)
        assert [record for record in caplog.records if record.name == "sklatent"] == []
        fitted(estimator.set_params(verbose=1), matrix)
    records = [record for record in caplog.records if record.name == "sklatent"]
    assert len(records) == len(estimator.history_)
    assert "step" in records[0].getMessage()


@every(trained=True)
def test_net_params_reach_skorch(estimator: Any, matrix: np.ndarray) -> None:
    import torch

    params = {"optimizer": torch.optim.SGD, "lr": 1e-9}
    frozen = clone(estimator).set_params(net_params=params, max_steps=1, early_stopping=False)
    moved = clone(estimator).set_params(max_steps=20, early_stopping=False)
    still = fitted(frozen, matrix).net_.weights()
    start = fitted(
        clone(frozen).set_params(net_params={**params, "lr": 0.0}), matrix
    ).net_.weights()
    assert all(np.allclose(still[name], start[name], atol=1e-6) for name in start)
    trained = fitted(moved, matrix).net_.weights()
    assert any(not np.allclose(trained[name], start[name], atol=1e-4) for name in start)


@every(trained=True)
def test_unknown_net_params_are_refused(estimator: Any, matrix: np.ndarray) -> None:
    with pytest.raises((TypeError, ValueError), match="no_such_option"):
        fitted(estimator.set_params(net_params={"no_such_option": 1}), matrix)
