"""The target of models that need one: what is refused, and what the batches then hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from torch import Tensor, nn

from sklatent import AutoencoderTransformer
from sklatent._training import Batch, Player, Recipe, RowSource
from sklatent._utils.declaration import Declaration
from sklatent.base import BaseLatentModel, Body, OutOfFoldMixin, latent_model


class Classes(nn.Module):
    """A code, and how much it says of a target of two classes."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, n_components)

    def encode(self, x: Tensor) -> Tensor:
        z: Tensor = self.linear(x)
        return z

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        return {"z": self.encode(batch["x"])}


def loss(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"error": (output["z"][:, 0] - batch["y"].to(output["z"])) ** 2}


class NumberBody(Body["Supervised"]):
    module: ClassVar[type[nn.Module]] = Classes
    target = "number"
    given: ClassVar[list[Mapping[str, Any]]] = []

    def source(self, rows: Any, fields: Mapping[str, NDArray[Any]], device: Any) -> RowSource:
        self.given.append(fields)
        return super().source(rows, fields, device)

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        params = {"n_features": self.table.n_encoded, "n_components": n_components}
        return Recipe(module=Classes, module_params=params, players=(Player(loss=loss),))


@latent_model
class Supervised(OutOfFoldMixin, BaseLatentModel):
    """Needs a target.

    Parameters
    ----------
    n_components : int, default=1
        Width of the latent space.
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Which?", tables=("numeric",), cost="little", classic="LDA", needs_y=True
    )
    bodies: ClassVar[tuple[type[Body[Any]], ...]] = (NumberBody,)

    n_components: int = 1
    _: KW_ONLY


class ClassBody(NumberBody):
    target = "class"


class Classifying(Supervised):
    bodies = (ClassBody,)


RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))


def model(cls: type[Supervised] = Supervised, **params: Any) -> Any:
    return cls(**{"max_steps": 20, "early_stopping": False, "random_state": 0, **params})


both = pytest.mark.parametrize("cls", [Supervised, Classifying])


@pytest.fixture
def given() -> list[Mapping[str, Any]]:
    """What the body was given beside the rows, in each fit."""
    NumberBody.given.clear()
    return NumberBody.given


REFUSED = [
    (None, "requires y to be passed, but the target y is None"),
    (np.zeros(39), "inconsistent numbers of samples"),
    (np.zeros((40, 2)), "y should be a 1d array"),
    (np.full(40, np.nan), "Input y contains NaN"),
    (np.full(40, np.inf), "Input y contains infinity"),
]


@both
@pytest.mark.parametrize(("y", "message"), REFUSED)
def test_targets_that_are_refused(cls: type[Supervised], y: Any, message: str) -> None:
    fresh = model(cls)
    for fit in (fresh.fit, fresh.fit_transform):
        with pytest.raises(ValueError, match=message):
            fit(X, y)
    assert [name for name in vars(fresh) if name.endswith("_")] == []


@pytest.mark.parametrize("y", [X[:, 0], np.array([{"a": 1}] * 40)], ids=["numbers", "objects"])
def test_classes_of_no_known_kind_are_refused(y: Any) -> None:
    with pytest.raises(ValueError, match="Unknown label type"):
        model(Classifying).fit(X, y)


@both
def test_a_refused_target_leaves_the_earlier_fit(cls: type[Supervised]) -> None:
    fitted = model(cls).fit(X, X[:, 0] > 0)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match="requires y to be passed"):
        fitted.fit(X[:20, :2])
    np.testing.assert_array_equal(fitted.transform(X), before)
    assert getattr(fitted, "classes_", np.array([])).tolist() == (
        [False, True] if cls is Classifying else []
    )


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (X[:, 0] > 0, [False, True]),
        (np.where(X[:, 0] > 0, "no", "yes"), ["no", "yes"]),
        (np.arange(40) % 3 + 5, [5, 6, 7]),
    ],
)
def test_classes_come_as_their_numbers(
    given: list[Mapping[str, Any]], y: Any, classes: list[Any]
) -> None:
    fitted = model(Classifying).fit(X, y)
    assert fitted.classes_.tolist() == classes
    (fields,) = given
    assert fields["y"].dtype == np.int64
    np.testing.assert_array_equal(fitted.classes_[fields["y"]], y)


def test_numbers_come_as_they_are(given: list[Mapping[str, Any]]) -> None:
    y = X[:, 0] * 3 + 0.25
    fitted = model().fit(X, y)
    (fields,) = given
    # a target far from zero keeps its digits
    assert fields["y"].dtype == np.float64
    assert np.array_equal(fields["y"], y)
    assert not hasattr(fitted, "classes_")


def test_the_target_is_what_is_learned() -> None:
    y = X @ [1.0, -2.0, 0.5]
    fitted = model(max_steps=400, learning_rate=0.05, weight_decay=0.0).fit(X, y)
    assert np.corrcoef(fitted.transform(X)[:, 0], y)[0, 1] > 0.99


def test_classes_of_an_earlier_fit_are_dropped() -> None:
    fitted = model(Classifying).fit(X, X[:, 0] > 0)
    assert fitted.fit(X, np.arange(40) % 3).classes_.tolist() == [0, 1, 2]


def test_a_column_as_target_is_told_of() -> None:
    with pytest.warns(DataConversionWarning, match="column-vector"):
        fitted = model().fit(X, (X[:, :1] > 0).astype(int))
    np.testing.assert_array_equal(
        fitted.transform(X), model().fit(X, (X[:, 0] > 0).astype(int)).transform(X)
    )


def test_tags_say_that_a_target_is_needed() -> None:
    assert model().__sklearn_tags__().target_tags.required
    assert not AutoencoderTransformer().__sklearn_tags__().target_tags.required


def test_models_without_a_target_ignore_it() -> None:
    plain = AutoencoderTransformer(1, max_steps=2, random_state=0).fit(X)
    other = AutoencoderTransformer(1, max_steps=2, random_state=0).fit(X, np.full(7, np.nan))
    np.testing.assert_array_equal(other.transform(X), plain.transform(X))
