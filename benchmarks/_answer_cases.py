"""Every public estimator in many variants, each cheap: what ``same_answers`` asks.

Only public names are used, so that the cases outlive any change of the files behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklatent

SMALL = {"hidden_layer_sizes": (16,), "max_steps": 100, "random_state": 0, "device": "cpu"}
TURNED = {"n_components": 3, "early_stopping": False}
SLIM = {"random_state": 0, "device": "cpu"}


@dataclass(frozen=True)
class Case:
    """A fit and what is asked of it.

    Attributes
    ----------
    table : str
        The training table; its first rows are asked about.
    estimator : str
        A public name, built with ``params``.
    held_out : str or None
        Table that ``fit`` gets as ``X_val``.
    again : str or None
        Table to which the fitted model is fitted once more.
    conditions : dict or None
        Conditions of a further ``sample``.
    n_drawn : int
        Rows of the usual ``sample``.
    """

    name: str
    table: str
    estimator: str
    params: dict[str, Any] = field(default_factory=dict)
    held_out: str | None = None
    again: str | None = None
    conditions: dict[Any, Any] | None = None
    n_drawn: int = 7

    def build(self) -> Any:
        """Make the estimator anew."""
        return getattr(sklatent, self.estimator)(**self.params)


# Variants of both models that start at principal components: name, table, parameters, more.
SHARED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("skipped", "numbers60", SLIM, {}),
    ("crossed", "numbers250", SMALL, {}),
    ("held-out", "numbers500", SMALL, {}),
    ("two-rows", "numbers2", {**SMALL, "n_components": 1}, {}),
    ("random", "numbers250", {**SMALL, "init": "random", "n_components": 2}, {}),
    ("linear", "numbers500", {**SMALL, "hidden_layer_sizes": ()}, {}),
    ("ica", "numbers500", {**SMALL, "rotation": "ica", "n_components": 3}, {}),
    ("varimax", "numbers500", {**SMALL, "rotation": "varimax", "n_components": 3}, {}),
    ("turned", "numbers500", {**SMALL, "rotation": "auto", "n_components": 3}, {}),
    ("share", "numbers500", {**SMALL, "n_components": 0.9}, {}),
    ("integer", "numbers500", {**SMALL, "n_components": 2}, {}),
    ("units", "numbers500", {**SMALL, "standardize": False, "max_steps": 300}, {}),
    ("single", "single", {**SMALL, "n_components": 2}, {}),
    ("wide", "wide", SMALL, {}),
    ("named", "named", {**SMALL, "n_components": 2}, {}),
    ("polars", "polars", {**SMALL, "n_components": 2}, {}),
    ("validated", "numbers250", {**SMALL, "n_components": 2}, {"held_out": "numbers-val"}),
    ("unguarded", "numbers250", {**SMALL, "early_stopping": False, "n_components": 2}, {}),
    ("stopping", "numbers60", {**SMALL, "early_stopping": True, "n_components": 2}, {}),
    (
        "patience",
        "numbers500",
        {**SMALL, "n_iter_no_change": 1, "tol": 0.5, "validation_fraction": 0.3},
        {},
    ),
    ("batches", "numbers500", {**SMALL, "batch_size": 37, "n_components": 2}, {}),
    (
        "settings",
        "numbers500",
        {
            **SMALL,
            "activation": "tanh",
            "learning_rate": 0.02,
            "weight_decay": 1.0,
            "net_params": {"optimizer__betas": (0.5, 0.9)},
        },
        {},
    ),
    (
        "warm",
        "numbers250",
        {**SMALL, "warm_start": True, "n_components": 2},
        {"again": "numbers500"},
    ),
    ("refitted", "words", {**SMALL, "n_components": 2}, {"again": "numbers60"}),
    ("quantile", "numbers250", {**SMALL, "mode": "quantile", "n_components": 2}, {}),
    (
        "categories",
        "numbers250",
        {**SMALL, "categorical_features": [4], "n_components": 2},
        {"conditions": {4: 3.0}},
    ),
    ("holes", "holes", {**SMALL, "n_components": 2}, {"conditions": {0: (2.0, 4.0)}}),
    ("words", "words", SMALL, {"conditions": {"colour": ["red", "blue"], "flag": True}}),
    ("words-polars", "words-polars", {**SMALL, "n_components": 2}, {}),
    ("objects", "objects", SMALL, {"conditions": {0: "red"}}),
    ("plants", "plants200", SMALL, {"conditions": {"light": "shade", "height_cm": (20, 90)}}),
    ("plants60", "plants60", SMALL, {"conditions": {"evergreen": True}}),
    ("mixed-validated", "words", {**SMALL, "n_components": 2}, {"held_out": "words-val"}),
    ("mixed-unguarded", "words", {**SMALL, "early_stopping": False}, {}),
    ("mixed-turned", "plants200", {**SMALL, **TURNED, "rotation": "ica"}, {}),
    ("mixed-varimax", "plants200", {**SMALL, **TURNED, "rotation": "varimax"}, {}),
    ("mixed-warm", "plants200", {**SMALL, "warm_start": True}, {"again": "plants200"}),
]


def transformers() -> Iterator[Case]:
    """Cases of AutoencoderTransformer and VAETransformer."""
    for estimator in ("AutoencoderTransformer", "VAETransformer"):
        for name, table, params, more in SHARED:
            yield Case(name, table, estimator, params, **more)
        for n in (60, 250, 500):
            yield Case(f"default{n}", f"numbers{n}", estimator, SLIM)
        yield Case("default-plants", "plants60", estimator, {**SLIM, "max_steps": 40})
    own = "AutoencoderTransformer"
    yield Case("ordered", "numbers500", own, {**SMALL, "ordered": True, "n_components": 3})
    yield Case("many-steps", "numbers500", own, {**SMALL, "n_components": 2, "max_steps": 400})
    yield Case("ordered-pca", "numbers60", own, {**SLIM, "ordered": True, "n_components": 3})
    yield Case("noise", "numbers500", own, {**SMALL, "noise": 0.3, "n_components": 2})
    yield Case("mixed-noise", "plants200", own, {**SMALL, "noise": 0.2, "n_components": 2})
    own = "VAETransformer"
    yield Case(
        "many-steps",
        "plants200",
        own,
        {**SMALL, "n_components": 3, "max_steps": 300, "early_stopping": False, "rotation": "ica"},
        conditions={"family": ["Apiaceae", "Rosaceae"], "sown": ("2016-01-01", "2020-01-01")},
    )
    yield Case("beta", "numbers500", own, {**SMALL, "beta": 0.7, "n_components": 2})
    yield Case("large-sample", "numbers60", own, {**SMALL, "n_components": 1}, n_drawn=10_500)
    yield Case("normal", "numbers500", own, {**SMALL, "prior": "normal", "n_components": 2})
    yield Case("few-draws", "numbers500", own, {**SMALL, "n_importance_samples": 3})
    yield Case("mixed-beta", "plants200", own, {**SMALL, "beta": 0.3, "n_importance_samples": 8})
    yield Case("mixed-normal", "plants200", own, {**SMALL, "prior": "normal", "init": "random"})


def refusals() -> Iterator[Case]:
    """Cases that ``fit`` refuses."""
    for own in ("AutoencoderTransformer", "VAETransformer"):
        yield Case("too-wide", "numbers60", own, {**SMALL, "n_components": 9})
        yield Case("affine-words", "words", own, {**SMALL, "mode": "affine"})
        yield Case("affine-holes", "holes", own, {**SMALL, "mode": "affine"})
        yield Case("mixed-share", "words", own, {**SMALL, "n_components": 0.5})
        yield Case("warm-other", "numbers60", own, {**SMALL, "warm_start": True}, again="wide")
    own = "AutoencoderTransformer"
    yield Case("ordered-turned", "numbers60", own, {**SMALL, "ordered": True, "rotation": "ica"})
    yield Case("mixed-ordered", "words", own, {**SMALL, "ordered": True})
    yield Case("mixed-noisy", "words", own, {**SMALL, "noise": 1.0})
    yield Case("holes", "holes", "NeighborEmbedding", SMALL)
    yield Case("words", "words", "NeighborEmbedding", SMALL)
    yield Case("affine-words", "words", "TabularEncoder", {"mode": "affine"})
    yield Case("pca-holes", "holes", "LatentAnomalyDetector", {"estimator": PCA(2)})
    yield Case("pca-words", "words", "LatentClusterer", {"estimator": PCA(2)})
    yield Case("too-many", "numbers2", "LatentClusterer", {"n_clusters": 3})


def embeddings() -> Iterator[Case]:
    """Cases of NeighborEmbedding."""
    own, small = "NeighborEmbedding", {**SMALL, "n_components": 3, "max_steps": 30}
    yield Case("default", "numbers500", own, {**SLIM, "max_steps": 25})
    yield Case("auto-steps", "numbers60", own, {"hidden_layer_sizes": (8,), **SLIM})
    yield Case("two-rows", "numbers2", own, {**small, "n_components": 1})
    yield Case("few-rows", "numbers60", own, {**small, "early_stopping": True})
    yield Case("unguarded", "numbers250", own, {**small, "early_stopping": False})
    yield Case("validated", "numbers250", own, small, held_out="numbers-val")
    yield Case("units", "numbers250", own, {**small, "standardize": False})
    yield Case("settings", "numbers250", own, {**small, "n_neighbors": 3, "temperature": 0.1})
    yield Case("noise", "numbers250", own, {**small, "noise": 0.0, "batch_size": 50})
    yield Case("single", "single", own, small)
    yield Case("many-columns", "many-columns", own, small)
    yield Case("named", "named", own, small)
    yield Case("warm", "numbers250", own, {**small, "warm_start": True}, again="numbers500")


def detectors() -> Iterator[Case]:
    """Cases of LatentAnomalyDetector."""
    own, small = "LatentAnomalyDetector", {"n_estimators": 3, "max_steps": 15, "random_state": 0}
    vae = sklatent.VAETransformer(2, **{**SMALL, "random_state": None})
    for novelty in (False, True):
        end = "-novelty" if novelty else ""
        yield Case(f"default{end}", "numbers250", own, {"novelty": novelty, "random_state": 0})
        params = {**small, "novelty": novelty}
        yield Case(f"named{end}", "named", own, params)
        yield Case(f"holes{end}", "holes", own, params)
        yield Case(f"words{end}", "words", own, params)
        yield Case(f"plants{end}", "plants200", own, params)
        yield Case(f"pca{end}", "numbers250", own, {**params, "estimator": PCA(2)})
        yield Case(f"vae{end}", "numbers250", own, {**params, "estimator": vae})
        yield Case(f"vae-words{end}", "words", own, {**params, "estimator": vae})
    pipe = make_pipeline(StandardScaler(), PCA(2))
    yield Case("pipeline", "named", own, {**small, "estimator": pipe})
    yield Case("categories", "numbers250", own, {**small, "categorical_features": [4]})
    yield Case("single", "single", own, small)
    yield Case("two-rows", "numbers2", own, small)
    yield Case(
        "settings",
        "numbers250",
        own,
        {**small, "contamination": 0.1, "n_neighbors": 0.2, "max_samples": 60},
    )


def clusterers() -> Iterator[Case]:
    """Cases of LatentClusterer."""
    own, seed = "LatentClusterer", {"random_state": 0}
    autoencoder = sklatent.AutoencoderTransformer(2, **{**SMALL, "random_state": None})
    embedding = sklatent.NeighborEmbedding(3, **{**SMALL, "random_state": None, "max_steps": 20})
    yield Case("default", "clusters", own, {"n_clusters": 3, **seed})
    yield Case("counted", "clusters", own, {"n_clusters": "auto", **seed})
    yield Case("network", "clusters-wide", own, {"n_clusters": 3, **seed})
    for method in ("gmm", "kmeans", "merge"):
        yield Case(method, "clusters", own, {"n_clusters": 3, "method": method, **seed})
    yield Case("units", "clusters", own, {"n_clusters": 3, "standardize": False, **seed})
    yield Case("settings", "clusters", own, {"n_clusters": "auto", "max_clusters": 4, **seed})
    yield Case("pca", "clusters", own, {"n_clusters": 3, "estimator": PCA(2), **seed})
    yield Case(
        "autoencoder", "numbers250", own, {"n_clusters": 4, "estimator": autoencoder, **seed}
    )
    yield Case("embedding", "clusters", own, {"n_clusters": 3, "estimator": embedding, **seed})
    yield Case("named", "named", own, {"n_clusters": 2, **seed})
    yield Case("two-rows", "numbers2", own, {"n_clusters": 1, **seed})
    yield Case("mixed", "clustered-frame", own, {"n_clusters": 3, **seed})
    yield Case("mixed-counted", "clustered-frame", own, {"n_clusters": "auto", **seed})
    params = {"n_clusters": 2, "estimator": autoencoder, **seed}
    yield Case("mixed-autoencoder", "words", own, params)
    yield Case("holes", "holes", own, params)


def encoders() -> Iterator[Case]:
    """Cases of TabularEncoder."""
    own = "TabularEncoder"
    for table in ("numbers60", "single", "named", "polars", "holes", "words", "words-polars"):
        yield Case(table, table, own)
        yield Case(f"{table}-quantile", table, own, {"mode": "quantile"})
    yield Case("objects", "objects", own)
    yield Case("plants", "plants200", own)
    yield Case("units", "numbers60", own, {"standardize": False})
    yield Case("categories", "named", own, {"categorical_features": ["e"]})
    yield Case("unknown", "words", own, {"handle_unknown": "missing"}, again="words-val")
    params = {"mode": "quantile", "n_quantiles": 20, "max_levels": 0}
    yield Case("settings", "numbers500", own, params)


def cases() -> list[Case]:
    """All of them, each with the estimator before its name."""
    found = [*encoders(), *transformers(), *embeddings(), *detectors(), *clusterers()]
    found += refusals()
    return [Case(**{**vars(case), "name": f"{case.estimator}/{case.name}"}) for case in found]
