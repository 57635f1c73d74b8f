"""Every public estimator, made cheap: what the contract tests run over.

A new estimator is found by discovery, tests are chosen by what it declares, and it needs nothing
here, unless it has a parameter of its own: then one entry in ``ALTERNATIVES`` and, where it is a
number, one in ``INVALID``.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from sklatent._utils.declaration import declaration_of
from sklatent._utils.discovery import all_estimators

# Small tables keep the defaults cheap: they start at PCA, and fewer than 100 rows stay there.
DEFAULT: dict[str, Any] = {"random_state": 0}

# Trains on any number of rows from 2, whatever the rules for small tables say.
TRAINED: dict[str, Any] = {
    "n_components": 1,
    "init": "random",
    "hidden_layer_sizes": (8,),
    "max_steps": 5,
    "random_state": 0,
}

# The defaults of what starts elsewhere than at PCA, and so trains on any number of rows.
QUICK: dict[str, Any] = {**DEFAULT, "hidden_layer_sizes": (8,), "max_steps": 10}

# Estimators that hold another one: few clusters, few members.
HOLDING: dict[str, Any] = {"n_clusters": 2, "n_estimators": 2, "max_steps": 5, "random_state": 0}

# Models in them, whose seeds they draw.
INSIDE: dict[str, Any] = {"n_components": 1, "hidden_layer_sizes": (8,), "max_steps": 10}

# Another valid value of each parameter, one that must show in the fitted model.
ALTERNATIVES: dict[str, Any] = {
    "activation": "tanh",
    "batch_size": 7,
    "beta": 0.25,
    "categorical_features": [0],
    "early_stopping": False,
    "hidden_layer_sizes": (4, 3),
    "init": "pca",
    "learning_rate": 0.02,
    "max_steps": 25,
    "mode": "quantile",
    "n_components": 3,
    "n_importance_samples": 16,
    "n_iter_no_change": 1,
    "n_neighbors": 3,
    "net_params": {"optimizer__betas": (0.5, 0.9)},
    "noise": 0.5,
    "ordered": True,
    "prior": "normal",
    "random_state": 1,
    "rotation": "varimax",
    "standardize": False,
    "temperature": 0.1,
    "tol": 0.9,
    "validation_fraction": 0.4,
    "weight_decay": 5.0,
}

# What a parameter needs beside it before it can show: patience only counts where training stalls,
# and only codes that say something are turned.
TOGETHER_WITH: dict[str, dict[str, Any]] = {
    "n_iter_no_change": {"learning_rate": 0.5, "max_steps": 60, "n_iter_no_change": 60},
    "rotation": {"init": "pca"},
    "tol": {"max_steps": 60, "n_iter_no_change": 2},
    "weight_decay": {"max_steps": 60},
}

# Parameters with a test of their own, by what they do instead of changing a fit.
SEEN_ELSEWHERE = {
    "device",
    "handle_unknown",
    "identifier_features",
    "numerical_features",
    "verbose",
    "warm_start",
}

INVALID: dict[str, list[Any]] = {
    "activation": ["sine", None],
    "batch_size": [0, -1, 2.5, "small"],
    "beta": [0.0, -1.0, "one", None],
    "categorical_features": ["age", 3],
    "contamination": [0.0, 0.6, -0.1, 1, "some", None],
    "device": [None, 0],
    "early_stopping": ["never", None],
    "estimator": ["pca", 3, KMeans()],
    "handle_unknown": ["ignore", None],
    "hidden_layer_sizes": [8, "wide", (0,), (-3,), (2.5,), None],
    "identifier_features": ["age", 3],
    "init": ["zeros", None],
    "learning_rate": [0.0, -1e-3, "fast"],
    "max_clusters": [1, 0, 2.5, None],
    "max_levels": [-1, 2.5, None],
    "max_samples": [1, 0, 2.5, "many", None],
    "max_steps": [0, -1, 2.5, "many"],
    "method": ["ward", None],
    "mode": ["ranks", None],
    "n_clusters": [0, -1, 2.5, "many", None],
    "n_components": [0, -1, 0.0, 1.0, 1.5, "mle", None],
    "n_estimators": [0, -1, 2.5, None],
    "n_importance_samples": [0, -1, 2.5, None],
    "n_iter_no_change": [0, 1.5, None],
    "n_neighbors": [0, -1, 0.0, 1.0, 2.5, "many", None],
    "n_quantiles": [1, 10.5, None],
    "net_params": [[], "lr"],
    "noise": [-0.1, "some", None],
    "novelty": ["yes", None],
    "numerical_features": ["age", 3],
    "ordered": ["yes", None],
    "prior": ["flat", None],
    "random_state": [-1, "seed"],
    "rotation": ["pca", True],
    "standardize": ["yes", None],
    "temperature": [0.0, -1.0, "cold", None],
    "tol": [-1e-3, None],
    "validation_fraction": [0.0, 1.0, -0.1, None],
    "verbose": [-1, "loud", None],
    "warm_start": ["yes", None],
    "weight_decay": [-1e-3, None],
}


def parameter_names(cls: type) -> list[str]:
    """The parameters of an estimator, in the order of its signature."""
    return [name for name in inspect.signature(cls).parameters if name != "self"]


def make(cls: type, params: dict[str, Any]) -> BaseEstimator:
    """Build an estimator with those of the parameters that it has."""
    known = set(parameter_names(cls))
    return cls(**{name: value for name, value in params.items() if name in known})


def trains(cls: type) -> bool:
    """Whether it is a model with steps of training and codes."""
    return {"max_steps", "n_components"} <= set(parameter_names(cls))


def takes_words(estimator: Any) -> bool:
    """Whether a table may hold more than numbers: what holds another takes what that one takes."""
    held = getattr(estimator, "estimator", None)
    if held is not None:
        return hasattr(held, "_declares") and takes_words(held)
    affine = getattr(estimator, "mode", "auto") == "affine"
    return "mixed" in declaration_of(estimator).tables and not affine


def holds(cls: type) -> bool:
    """Whether it works in the latent space of another estimator, which it is given."""
    return "estimator" in parameter_names(cls)


def declaring(
    verb: str | None = None,
    *,
    tables: str | None = None,
    needs_y: bool | None = None,
    out_of_fold: bool | None = None,
    starts_at_pca: bool | None = None,
) -> list[type]:
    """The public estimators whose declaration says so; None asks for nothing."""
    wanted = {"needs_y": needs_y, "out_of_fold": out_of_fold, "starts_at_pca": starts_at_pca}
    found = []
    for _, cls in all_estimators(verb):
        declared = declaration_of(cls)
        answers_all = all(
            getattr(declared, name) == value for name, value in wanted.items() if value is not None
        )
        if answers_all and (tables is None or tables in declared.tables):
            found.append(cls)
    return found


def inside(holder: type) -> list[tuple[BaseEstimator, str]]:
    """What is put into an estimator that holds another one, and how codes are clustered there.

    PCA, and the models that decode in turn: each of them is held by one of the holders.
    """
    holders = [cls for cls in declaring() if holds(cls)]
    models = [
        make(cls, INSIDE)
        for cls in declaring("inverse_transform", needs_y=False, out_of_fold=False)
        if trains(cls)
    ]
    in_turn = models[holders.index(holder) :: len(holders)]
    return [(PCA(1), "gmm"), *((model, "kmeans") for model in in_turn)]


def defaults(cls: type) -> list[BaseEstimator]:
    """Its defaults, made cheap; of what holds another estimator, one with each of several."""
    if not holds(cls):
        trains_at_once = trains(cls) and not declaration_of(cls).starts_at_pca
        return [make(cls, QUICK if trains_at_once else DEFAULT)]
    found = [make(cls, HOLDING)]
    if "novelty" in parameter_names(cls):
        found.append(make(cls, {**HOLDING, "novelty": True}))
    for model, method in inside(cls):
        found.append(make(cls, {**HOLDING, "estimator": model, "method": method}))
    return found


def instances(
    verb: str | None = None, *, trained: bool | None = None, **declared: Any
) -> list[BaseEstimator]:
    """Two instances of each public estimator: its defaults, and one that always trains.

    Parameters
    ----------
    verb : str or None, default=None
        Only estimators with this method.
    trained : bool or None, default=None
        Only the instances that always train (True), or only the defaults (False).
    **declared
        Only estimators that declare this; see ``declaring``.
    """
    found = []
    for cls in declaring(verb, **declared):
        if trained is not True:
            found += defaults(cls)
        if trained is not False and trains(cls):
            found.append(make(cls, TRAINED))
    return found


def label(estimator: Any) -> str:
    few = getattr(estimator, "max_steps", None) == TRAINED["max_steps"]
    suffix = "trained" if few and trains(type(estimator)) else "default"
    if getattr(estimator, "estimator", None) is not None:
        suffix = type(estimator.estimator).__name__
    if getattr(estimator, "novelty", False):
        suffix = "novelty"
    return f"{type(estimator).__name__}-{suffix}"


def every(
    verb: str | None = None, *, trained: bool | None = None, **declared: Any
) -> pytest.MarkDecorator:
    """Run a test with the fixture ``estimator`` as each of the instances in turn."""
    found = instances(verb, trained=trained, **declared)
    return pytest.mark.parametrize(
        "estimator", found, ids=[label(one) for one in found], indirect=True
    )


def target(X: Any) -> np.ndarray:
    """Two classes, made from the rows: 1 for the half that is largest in the first column.

    Where that column holds no numbers, 1 for every second row.
    """
    shape = getattr(X, "shape", None) or np.shape(np.asarray(X, dtype=object))
    n_rows = shape[0] if shape else 1
    try:
        column = np.asarray(X, dtype=object)[:, 0].astype("float64")
    except (IndexError, TypeError, ValueError):
        return np.arange(n_rows) % 2
    y = np.zeros(n_rows, dtype=int)
    y[np.argsort(column, kind="stable")[n_rows // 2 :]] = 1
    return y


def fitted(estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> Any:
    """Fit to rows and a target, by default that of ``target``: who needs none must ignore it."""
    return estimator.fit(X, target(X) if y is None else y, **kwargs)


def fitted_codes(estimator: Any, X: Any, y: Any = None) -> Any:
    """What ``fit_transform`` gives for rows and a target, by default that of ``target``."""
    return estimator.fit_transform(X, target(X) if y is None else y)


def on_device(estimator: Any, device: str) -> Any:
    """Set the device of an estimator that has one."""
    if "device" in estimator.get_params(deep=False):
        estimator.set_params(device=device)
    return estimator


def answers(model: Any, X: Any) -> dict[str, np.ndarray]:
    """What each verb of a fitted model answers about some rows."""
    given = {
        verb: np.asarray(getattr(model, verb)(X))
        for verb in ("transform", "score_samples", "explain", "predict", "predict_proba")
        if hasattr(model, verb)
    }
    if hasattr(model, "score"):
        given["score"] = np.asarray(model.score(X, target(X)))
    if hasattr(model, "inverse_transform"):
        given["inverse_transform"] = np.asarray(model.inverse_transform(model.transform(X)))
    if hasattr(model, "sample"):
        given["sample"] = np.asarray(model.sample(5, random_state=0))
    return given


def ask(model: Any, X: Any) -> np.ndarray:
    """The first answer about some rows: codes, or scores where a model has no codes."""
    verb = "transform" if hasattr(model, "transform") else "score_samples"
    return np.asarray(getattr(model, verb)(X))


def as_bytes(given: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {verb: np.ascontiguousarray(answer).tobytes() for verb, answer in given.items()}
