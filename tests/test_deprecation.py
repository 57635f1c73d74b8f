"""Old names warn, work, and go when their time has come."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, Self

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

import sklatent
from sklatent._utils.deprecation import (
    ALIASES,
    Alias,
    deprecated_alias,
    deprecated_attribute,
    expired,
    minor_version,
    renamed_init_parameter,
    renamed_parameter,
)

SIZE = Alias(old="size", new="n_steps", since="0.2")
MESSAGE = "'size' was renamed to 'n_steps' in sklatent 0.2; the old name will be removed in 0.4."
PACKAGE = Path(sklatent.__file__).parent


@renamed_parameter(SIZE)
def path(start: int, n_steps: int = 5) -> tuple[int, int]:
    return start, n_steps


@renamed_init_parameter(SIZE)
class Walker(BaseEstimator):
    size = deprecated_attribute(SIZE)

    def __init__(self, *, n_steps: int = 5) -> None:
        self.n_steps = n_steps

    def fit(self, X: Any, y: Any = None) -> Self:
        return self

    def score(self, X: Any, y: Any = None) -> float:
        return float(self.n_steps)


def warns() -> Any:
    return pytest.warns(FutureWarning, match=f"^{re.escape(MESSAGE)}$")


def test_a_parameter_is_taken_by_its_old_name_with_a_warning() -> None:
    with warns() as caught:
        assert path(1, size=3) == (1, 3)
    assert caught[0].filename == __file__  # where the user has to change something
    assert path(1, 3) == path(1, n_steps=3) == (1, 3)  # silent: a warning would be an error
    with pytest.raises(TypeError, match="old name of 'n_steps'"):
        path(1, size=3, n_steps=3)
    with pytest.raises(TypeError, match="steps"):
        path(1, steps=3)


def test_an_estimator_takes_the_old_name_wherever_parameters_are_given() -> None:
    with warns() as caught:
        model = Walker(size=3)
    assert caught[0].filename == __file__
    assert model.get_params() == {"n_steps": 3}
    assert clone(model).n_steps == 3
    with warns():
        assert model.set_params(size=4) is model
    assert model.n_steps == 4
    with warns():
        assert model.size == 4
    with warns():
        search = GridSearchCV(Walker(), {"size": [2, 7]}, cv=2).fit([[0], [1], [2], [3]])
    assert search.best_estimator_.n_steps == 7


def test_a_function_and_a_class_answer_to_their_old_names() -> None:
    walk = deprecated_alias(Alias(old="walk", new="path", since="0.9"), path)
    assert walk.__name__ == "walk"
    with pytest.warns(FutureWarning, match="'walk' was renamed to 'path' .* removed in 0.11"):
        answer = walk(1, n_steps=2)
    assert answer == (1, 2)
    old = deprecated_alias(Alias(old="Ambler", new="Walker", since="1.0"), Walker)
    with pytest.warns(FutureWarning, match="'Ambler' was renamed to 'Walker' .* removed in 1.2"):
        model = old(n_steps=2)
    assert isinstance(model, Walker)


def test_nothing_warns_before_the_old_name_is_used() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        deprecated_alias(SIZE, path)
        Walker(n_steps=2).set_params(n_steps=3)
    assert caught == []


@pytest.mark.parametrize(
    ("since", "version", "gone"),
    [
        ("0.2", "0.2.0", False),
        ("0.2", "0.3.7", False),
        ("0.2", "0.4.0.dev0", True),  # what is developed is what will be released
        ("0.2", "0.4.0", True),
        ("0.2", "0.10.0", True),
        ("0.9", "0.10.0", False),
        ("0.9", "1.0.0", True),
    ],
)
def test_an_alias_expires_two_minor_versions_on(since: str, version: str, gone: bool) -> None:
    alias = Alias(old="size", new="n_steps", since=since)
    assert expired([alias], version) == ([alias] if gone else [])


def test_no_alias_outlives_its_time() -> None:
    assert expired(ALIASES.values(), sklatent.__version__) == []


def test_no_alias_stands_outside_the_table() -> None:
    made = [
        file.relative_to(PACKAGE).as_posix()
        for file in sorted(PACKAGE.rglob("*.py"))
        if re.search(r"\bAlias\(", file.read_text(encoding="utf-8"))
    ]
    assert made == ["_utils/deprecation.py"]


def test_every_alias_in_the_table_is_used() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))
    assert [key for key in ALIASES if f'ALIASES["{key}"]' not in text] == []


@pytest.mark.parametrize("version", ["", "1", "one.two", "1."])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        minor_version(version)


def test_what_follows_the_minor_number_does_not_count() -> None:
    assert minor_version("0.12.0.dev0") == minor_version("0.12rc1") == (0, 12)
