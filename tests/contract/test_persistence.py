"""A saved model answers with the same bits, is small, and says who wrote it."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone

import sklatent
from tests.instances import answers, as_bytes, every, fitted


def through_pickle(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


def through_joblib(model: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(model: Any) -> Any:
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    assert [name for name in unknown if not name.startswith("sklatent.")] == []
    return skops.io.loads(data, trusted=unknown)


WAYS = [deepcopy, through_joblib, through_pickle, through_skops]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@every()
def test_copy_answers_with_the_same_bits(
    estimator: Any, way: Callable[[Any], Any], matrix: np.ndarray
) -> None:
    model = fitted(estimator, matrix)
    copy = way(model)
    assert copy is not model
    assert as_bytes(answers(copy, matrix)) == as_bytes(answers(model, matrix))
    # estimators inside are other objects
    assert repr(copy.get_params()) == repr(model.get_params())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@every("inverse_transform")
def test_copy_of_a_model_of_a_frame(estimator: Any, way: Callable[[Any], Any], frame: Any) -> None:
    model = fitted(estimator, frame)
    copy = way(model)
    assert list(copy.feature_names_in_) == list(frame.columns)
    back = copy.inverse_transform(copy.transform(frame))
    assert back.equals(model.inverse_transform(model.transform(frame)))
    assert list(back.dtypes) == list(frame.dtypes)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@every()
def test_unfitted_model_survives_and_can_be_fitted(
    estimator: Any, way: Callable[[Any], Any], matrix: np.ndarray
) -> None:
    copy = way(estimator)
    assert not hasattr(copy, "n_features_in_")
    assert as_bytes(answers(fitted(copy, matrix), matrix)) == as_bytes(
        answers(fitted(estimator, matrix), matrix)
    )


@every()
def test_copy_can_be_fitted_again(estimator: Any, matrix: np.ndarray) -> None:
    copy = through_pickle(fitted(estimator, matrix))
    assert as_bytes(answers(fitted(copy, matrix), matrix)) == as_bytes(answers(estimator, matrix))


def n_bytes(value: Any) -> int:
    """Bytes of all arrays in a nested state."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(n_bytes(part) for part in value.values())
    if isinstance(value, list | tuple):
        return sum(n_bytes(part) for part in value)
    if hasattr(value, "__getstate__") and not isinstance(value, type):
        return n_bytes(vars(value)) if hasattr(value, "__dict__") else 0
    return 0


def modules_in(data: bytes) -> set[str]:
    """Top-level packages whose classes and functions a pickle refers to."""
    found: set[str] = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add(module.partition(".")[0])
            return super().find_class(module, name)

    Reader(io.BytesIO(data)).load()
    return found


@pytest.mark.parametrize("widths", [(8,), (64, 64)])
@every()
def test_pickle_is_small(estimator: Any, widths: tuple[int, ...], matrix: np.ndarray) -> None:
    if "hidden_layer_sizes" in estimator.get_params():
        estimator.set_params(hidden_layer_sizes=widths)
    elif widths != (8,):
        pytest.skip("has no layers")
    model = fitted(estimator, np.tile(matrix, (5, 1)))
    data = pickle.dumps(model)
    if hasattr(model, "estimator_"):
        # rows to compare with, and another model
        assert len(data) <= len(pickle.dumps(model.estimator_)) + 60_000
        return
    weights = model.net_.weights() if hasattr(model, "net_") else {}
    table = getattr(model, "table_", model)
    assert len(data) <= 1.5 * (n_bytes(weights) + n_bytes(vars(table))) + 20_000


@every()
def test_pickle_holds_no_live_objects_of_torch_or_skorch(
    estimator: Any, matrix: np.ndarray
) -> None:
    data = pickle.dumps(fitted(estimator, matrix))
    assert modules_in(data) <= {
        "sklatent",
        "numpy",
        "sklearn",
        "builtins",
        "collections",
        "copyreg",
    }
    assert b"AdamW" not in data
    assert b"optimizer" not in data


@every()
def test_fitted_net_has_dropped_what_only_training_needs(
    estimator: Any, matrix: np.ndarray
) -> None:
    net = getattr(fitted(estimator, matrix), "net_", None)
    for name in ("optimizer_", "valid_rows_", "checks_", "parameters_"):
        assert not hasattr(net, name)


@every()
def test_state_names_version_and_format(estimator: Any, matrix: np.ndarray) -> None:
    state = fitted(estimator, matrix).__getstate__()
    assert state["_sklatent_version"] == sklatent.__version__
    assert isinstance(state["_sklatent_format"], int)


@every()
def test_newer_format_is_a_clear_error(estimator: Any, matrix: np.ndarray) -> None:
    state = fitted(estimator, matrix).__getstate__()
    state["_sklatent_format"] += 1
    with pytest.raises(ValueError, match=r"format \d+.*[Uu]pgrade sklatent"):
        clone(estimator).__setstate__(state)


@every()
def test_other_version_is_a_warning_and_answers(estimator: Any, matrix: np.ndarray) -> None:
    model = fitted(estimator, matrix)
    state = {**model.__getstate__(), "_sklatent_version": "0.0.1"}
    copy = clone(estimator)
    with pytest.warns(UserWarning, match=r"saved by sklatent 0\.0\.1") as said:
        copy.__setstate__(state)
    assert {one.filename for one in said} == {__file__}
    assert as_bytes(answers(copy, matrix)) == as_bytes(answers(model, matrix))


@every()
def test_same_version_is_silent(estimator: Any, matrix: np.ndarray) -> None:
    data = pickle.dumps(fitted(estimator, matrix))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(data)


@every()
def test_model_fitted_on_a_missing_gpu_answers_on_the_cpu(
    estimator: Any, matrix: np.ndarray
) -> None:
    model = fitted(estimator, matrix)
    state = model.__getstate__()
    if "net_" not in state:
        pytest.skip("has no device")
    expected = as_bytes(answers(model, matrix))
    state["net_"] = {**state["net_"], "device": "cuda:99"}
    copy = clone(estimator)
    copy.__setstate__(state)
    assert copy.net_.device.type == "cpu"
    given = answers(copy, matrix)
    if model.net_.device.type == "cpu":
        assert as_bytes(given) == expected


@every()
def test_nothing_is_written_to_the_working_directory(
    estimator: Any,
    matrix: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    answers(fitted(estimator, matrix), matrix)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
