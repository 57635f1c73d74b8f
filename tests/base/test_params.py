"""Parameters written once become the constructor, its ranges and its documentation."""

from __future__ import annotations

import pickle
from dataclasses import KW_ONLY
from inspect import Parameter, signature
from typing import Any, ClassVar

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from sklatent import AutoencoderTransformer, NeighborEmbedding, VAETransformer
from sklatent._utils._params import Integral, Interval, Real
from sklatent._utils.declaration import Declaration
from sklatent.base import BaseLatentModel, TrainingParameters, latent_model
from sklatent.base._params import documented, entries_of, sections_of

# What every trained model takes.
SHARED: dict[str, Any] = {
    "hidden_layer_sizes": (128, 128),
    "activation": "silu",
    "standardize": True,
    "learning_rate": 5e-3,
    "weight_decay": 1e-2,
    "batch_size": "auto",
    "max_steps": "auto",
    "early_stopping": "auto",
    "validation_fraction": 0.15,
    "n_iter_no_change": 6,
    "tol": 0.0,
    "warm_start": False,
    "device": "auto",
    "net_params": None,
    "verbose": 0,
    "random_state": None,
}

# Whoever renames a parameter or changes its default breaks someone's script: see
# docs/develop/deprecation.rst.
PUBLIC: dict[type, dict[str, Any]] = {
    AutoencoderTransformer: {
        "n_components": "auto",
        "hidden_layer_sizes": (128, 128),
        "activation": "silu",
        "init": "pca",
        "ordered": False,
        "noise": 0.0,
        "rotation": None,
        "standardize": True,
        "mode": "auto",
        "categorical_features": None,
        "numerical_features": None,
        "identifier_features": "auto",
        "handle_unknown": "missing",
        "learning_rate": 5e-3,
        "weight_decay": 1e-2,
        "batch_size": "auto",
        "max_steps": "auto",
        "early_stopping": "auto",
        "validation_fraction": 0.15,
        "n_iter_no_change": 6,
        "tol": 0.0,
        "warm_start": False,
        "device": "auto",
        "net_params": None,
        "verbose": 0,
        "random_state": None,
    },
    NeighborEmbedding: {
        "n_components": "auto",
        "hidden_layer_sizes": (256, 256),
        "activation": "relu",
        "n_neighbors": 15,
        "temperature": 0.5,
        "noise": 0.2,
        "identifier_features": "auto",
        "standardize": True,
        "learning_rate": 5e-3,
        "weight_decay": 1e-2,
        "batch_size": "auto",
        "max_steps": "auto",
        "early_stopping": "auto",
        "validation_fraction": 0.15,
        "n_iter_no_change": 6,
        "tol": 0.0,
        "warm_start": False,
        "device": "auto",
        "net_params": None,
        "verbose": 0,
        "random_state": None,
    },
    VAETransformer: {
        "n_components": "auto",
        "beta": "auto",
        "prior": "gmm",
        "n_importance_samples": 64,
        "hidden_layer_sizes": (128, 128),
        "activation": "silu",
        "init": "pca",
        "rotation": None,
        "standardize": True,
        "mode": "auto",
        "categorical_features": None,
        "numerical_features": None,
        "identifier_features": "auto",
        "handle_unknown": "missing",
        "learning_rate": 5e-3,
        "weight_decay": 1e-2,
        "batch_size": "auto",
        "max_steps": "auto",
        "early_stopping": "auto",
        "validation_fraction": 0.15,
        "n_iter_no_change": 6,
        "tol": 0.0,
        "warm_start": False,
        "device": "auto",
        "net_params": None,
        "verbose": 0,
        "random_state": None,
    },
}

every_model = pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: cls.__name__)


@latent_model
class Toy(BaseLatentModel):
    """A model that is never fitted.

    It has a second paragraph.

    Parameters
    ----------
    n_components : int, default=3
        Width of the latent space.
    depth : int, default=2
        How deep it is.
        In a second line.
    tol : float, default=0.25
        A default of its own.

    Attributes
    ----------
    n_iter_ : int
        Said in its own words.
    depth_ : int
        One more.

    Notes
    -----
    A note.

    Examples
    --------
    >>> 1 + 1
    2
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="None?", tables=("numeric",), cost="nothing", classic="anything"
    )
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, 3, closed="both")],
        "depth": [Interval(Real, 0, None, closed="left")],
    }

    n_components: int = 3
    _: KW_ONLY
    depth: int = 2
    tol: float = 0.25


def defaults_of(cls: type) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in signature(cls).parameters.items()}


# -- the constructor -----------------------------------------------------------------------------


@every_model
def test_names_and_defaults_of_the_public_models(cls: type) -> None:
    found = defaults_of(cls)
    assert found == PUBLIC[cls]
    # True equals 1, and 0 equals 0.0
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in PUBLIC[cls].items()
    }


@pytest.mark.parametrize("cls", [Toy, *PUBLIC], ids=lambda cls: cls.__name__)
def test_the_width_alone_may_be_given_by_position(cls: Any) -> None:
    (first, *others) = signature(cls).parameters.values()
    assert (first.name, first.kind) == ("n_components", Parameter.POSITIONAL_OR_KEYWORD)
    assert {parameter.kind for parameter in others} == {Parameter.KEYWORD_ONLY}
    assert cls(4).n_components == 4
    with pytest.raises(TypeError, match="positional argument"):
        cls(4, "pca")
    with pytest.raises(TypeError, match="unexpected keyword argument 'width'"):
        cls(width=3)


def test_own_parameters_come_before_those_of_all_models() -> None:
    assert list(signature(Toy).parameters) == [
        "n_components",
        "depth",
        "tol",
        *(name for name in SHARED if name != "tol"),
    ]
    assert defaults_of(Toy) == {"n_components": 3, "depth": 2, **SHARED, "tol": 0.25}


def test_the_base_and_other_models_keep_theirs() -> None:
    # a default that one model changes is that of no other
    assert {name: getattr(TrainingParameters, name) for name in SHARED} == SHARED
    assert not hasattr(TrainingParameters, "depth")
    assert defaults_of(AutoencoderTransformer)["tol"] == 0.0


def test_constructor_only_assigns() -> None:
    sizes, params = [3, 4], {"lr": 1.0}
    model = Toy("any", depth=-1, hidden_layer_sizes=sizes, net_params=params)
    assert model.n_components == "any"
    assert model.depth == -1
    assert model.hidden_layer_sizes is sizes
    assert model.net_params is params
    assert set(vars(model)) == set(signature(Toy).parameters)


def test_equality_and_text_are_those_of_scikit_learn() -> None:
    assert Toy() != Toy()
    assert len({Toy(), Toy()}) == 2  # hashable, each for itself
    assert repr(Toy(depth=5)) == "Toy(depth=5)"


@pytest.mark.parametrize("cls", [Toy, *PUBLIC], ids=lambda cls: cls.__name__)
def test_clone_get_set_and_pickle(cls: Any) -> None:
    model = cls(2, tol=0.5, random_state=np.random.RandomState(3))
    names = list(signature(cls).parameters)
    assert sorted(model.get_params()) == sorted(names)
    twin = clone(model)
    assert twin is not model
    assert twin.get_params()["tol"] == 0.5
    assert twin.random_state.randint(1000) == model.random_state.randint(1000)
    assert model.set_params(tol=0.75, n_components=1) is model
    assert (model.tol, model.n_components) == (0.75, 1)
    assert twin.tol == 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'width'"):
        model.set_params(width=3)
    again = pickle.loads(pickle.dumps(model.set_params(random_state=0)))
    assert type(again) is cls
    assert again.get_params() == model.get_params()


def test_ranges_are_those_of_the_bases_and_ones_own() -> None:
    ranges = Toy._parameter_constraints
    assert set(ranges) == set(signature(Toy).parameters)
    assert [str(one) for one in ranges["depth"]] == [str(Interval(Real, 0, None, closed="left"))]
    assert ranges["tol"] is TrainingParameters._parameter_constraints["tol"]
    # one's own win, and the base keeps its own
    assert len(ranges["n_components"]) == 1
    assert len(BaseLatentModel._parameter_constraints["n_components"]) == 3
    assert "depth" not in BaseLatentModel._parameter_constraints


@pytest.mark.parametrize(
    ("name", "bad"), [("n_components", 4), ("depth", -1), ("tol", -1.0), ("verbose", "loud")]
)
def test_ranges_are_checked(name: str, bad: Any) -> None:
    Toy()._validate_params()
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of Toy"):
        Toy(**{name: bad})._validate_params()


# -- the documentation ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Toy, *PUBLIC], ids=lambda cls: cls.__name__)
def test_parameters_are_documented_in_the_order_of_the_signature(cls: type) -> None:
    assert [entry.name for entry in ClassDoc(cls)["Parameters"]] == list(signature(cls).parameters)
    assert all("".join(entry.desc).strip() for entry in ClassDoc(cls)["Parameters"])


def test_docstring_is_completed() -> None:
    doc = Toy.__doc__
    assert doc is not None
    assert doc.startswith("A model that is never fitted.\n\nIt has a second paragraph.\n\n")
    sections = sections_of(doc)
    wanted = ["", "Parameters", "Attributes", "Notes", "Examples"]
    assert list(sections) == wanted
    parameters = entries_of(sections["Parameters"])
    assert parameters["depth"].endswith("How deep it is.\n    In a second line.")
    assert parameters["tol"].endswith("A default of its own.")
    shared = entries_of(sections_of(TrainingParameters.__doc__ or "")["Parameters"])
    assert parameters["verbose"] == shared["verbose"]
    attributes = entries_of(sections["Attributes"])
    assert attributes["n_iter_"].endswith("Said in its own words.")
    base = entries_of(sections_of(BaseLatentModel.__doc__ or "")["Attributes"])
    assert attributes["net_"] == base["net_"]
    assert set(attributes) == {*base, "depth_"}
    assert sections["Notes"] == "A note."
    assert sections["Examples"] == ">>> 1 + 1\n2"


def test_sections_and_entries() -> None:
    doc = """Title.

    Parameters
    ----------
    a : int
        First.

        After a gap.
    b, c : float
        Both.

    Notes
    -----
    Text : with a colon.
    """
    sections = sections_of(doc)
    assert list(sections) == ["", "Parameters", "Notes"]
    assert sections[""] == "Title."
    entries = entries_of(sections["Parameters"])
    assert list(entries) == ["a", "b, c"]
    assert entries["a"] == "a : int\n    First.\n\n    After a gap."
    assert sections_of("Nothing else.") == {"": "Nothing else."}
    assert entries_of("") == {}


def test_attributes_that_are_told_together_are_not_told_twice() -> None:
    doc = "Title.\n\nAttributes\n----------\na_, b_ : int\n    Both."
    shared = {"Parameters": {"p": "p : int\n    P."}, "Attributes": {"a_": "a_ : int", "c_": "c_"}}
    told = documented(doc, ["p"], shared)
    assert told == (
        "Title.\n\nParameters\n----------\np : int\n    P.\n\n"
        "Attributes\n----------\na_, b_ : int\n    Both.\nc_\n"
    )
