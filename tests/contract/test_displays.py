"""Every Display keeps the same habits, and every public function documents its parameters."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.decomposition import PCA

import sklatent.geometry
import sklatent.metrics
import sklatent.plotting
from sklatent import AutoencoderTransformer, LatentAnomalyDetector, LatentClusterer
from sklatent.plotting import SyntheticDisplay

X = np.random.default_rng(0).normal(size=(60, 4))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_steps": 5, "random_state": 0}

# How each Display is made; a new one needs an entry.
MAKERS: dict[str, Callable[..., Any]] = {
    "AnomalyScoreDisplay": lambda cls, **options: cls.from_estimator(
        LatentAnomalyDetector(PCA(2), random_state=0).fit(X), X, **options
    ),
    "ClusterDisplay": lambda cls, **options: cls.from_estimator(
        LatentClusterer(2, estimator=PCA(2), random_state=0).fit(X), X, **options
    ),
    "InterpolationDisplay": lambda cls, **options: cls.from_estimator(
        PCA(2).fit(X), X, X[0], X[1], **options
    ),
    "SyntheticDisplay": lambda cls, **options: cls.from_tables(X, X[::-1], **options),
    "TrainingCurveDisplay": lambda cls, **options: cls.from_estimator(
        AutoencoderTransformer(2, init="random", **SMALL).fit(X), **options
    ),
}
UNFITTED = {"AnomalyScoreDisplay": LatentAnomalyDetector(), "ClusterDisplay": LatentClusterer()}
DISPLAYS = [name for name in sklatent.plotting.__all__ if name.endswith("Display")]
FUNCTIONS = [
    pytest.param(value, id=f"{tower.__name__}.{name}")
    for tower in (sklatent.geometry, sklatent.metrics)
    for name, value in ((name, getattr(tower, name)) for name in tower.__all__)
    if inspect.isfunction(value)
]


def make(name: str, **options: Any) -> Any:
    cls = getattr(sklatent.plotting, name)
    if name in MAKERS:
        return MAKERS[name](cls, **options)
    return cls.from_estimator(PCA(3).fit(X), X, **options)


@pytest.fixture
def pyplot() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def parameters(function: Any) -> list[str]:
    names = inspect.signature(function).parameters.values()
    stars = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}
    return [stars.get(one.kind, "") + one.name for one in names if one.name not in ("self", "cls")]


def documented(doc: Any) -> list[str]:
    return [name for entry in doc["Parameters"] for name in entry.name.split(", ")]


def test_known_displays_are_found() -> None:
    assert {"LatentSpaceDisplay", "SyntheticDisplay", "TraversalDisplay"} <= set(DISPLAYS)
    assert set(MAKERS) <= set(DISPLAYS)


@pytest.mark.parametrize("name", DISPLAYS)
def test_display_documents_its_parameters(name: str) -> None:
    cls = getattr(sklatent.plotting, name)
    assert documented(ClassDoc(cls)) == parameters(cls)
    verbs = [verb for verb in dir(cls) if verb == "plot" or verb.startswith("from_")]
    assert len(verbs) >= 2
    for verb in verbs:
        function = getattr(cls, verb)
        assert documented(FunctionDoc(function)) == parameters(function), verb
        assert "ax" in parameters(function), verb


@pytest.mark.parametrize("function", FUNCTIONS)
def test_function_documents_its_parameters(function: Any) -> None:
    assert documented(FunctionDoc(function)) == parameters(function)


@pytest.mark.parametrize("name", DISPLAYS)
def test_display_draws_in_its_figure_and_again(name: str, pyplot: Any) -> None:
    display = make(name)
    axes = np.ravel(display.axes_ if hasattr(display, "axes_") else [display.ax_])
    assert all(ax.figure is display.figure_ for ax in axes)
    display.figure_.canvas.draw()
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


@pytest.mark.parametrize("name", DISPLAYS)
def test_display_draws_where_it_is_told(name: str, pyplot: Any) -> None:
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5))
    display = make(name, ax=axes[0])
    assert display.figure_ is figure
    assert len(pyplot.get_fignums()) == 1
    assert not axes[1].has_data()
    figure.canvas.draw()


@pytest.mark.parametrize("name", DISPLAYS)
def test_display_says_that_matplotlib_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf"{name}.plot draws with matplotlib.*pip install"):
        make(name)


@pytest.mark.parametrize("name", [name for name in DISPLAYS if name != "SyntheticDisplay"])
def test_display_refuses_unfitted_models(name: str) -> None:
    cls = getattr(sklatent.plotting, name)
    tables = [X] * (len([p for p in parameters(cls.from_estimator) if p in ("X", "a", "b")]))
    with pytest.raises(ValueError, match="not fitted yet"):
        cls.from_estimator(UNFITTED.get(name, AutoencoderTransformer(2)), *tables)


def test_synthetic_display_needs_no_model() -> None:
    assert not hasattr(SyntheticDisplay, "from_estimator")
