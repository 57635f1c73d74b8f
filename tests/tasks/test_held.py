"""What a task holds, and what it saves."""

from __future__ import annotations

import io
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

from sklatent import (
    AutoencoderTransformer,
    LatentAnomalyDetector,
    LatentClusterer,
    TabularEncoder,
)
from sklatent.datasets import make_mixed_table
from sklatent.tasks._anomaly_score import Term
from sklatent.tasks._anomaly_terms import BulkTail, Neighbours, Tail
from sklatent.tasks._cluster_mixture import ClusterMixture
from sklatent.tasks._distance_view import Block, DistanceView
from sklatent.tasks._held import HeldTransformer

IRIS = load_iris(as_frame=True).data
MIXED = make_mixed_table(120, random_state=0)


def held_on(estimator: Any, X: Any, **options: Any) -> tuple[HeldTransformer, Any, Any]:
    encoder = TabularEncoder()
    rows = encoder.read(X, reset=True)
    table = encoder.fit_rows(rows).table
    return HeldTransformer.fit(estimator, X, rows, 3, **options), rows, table


def test_numbers_go_in_as_an_array() -> None:
    pca = PCA(2)
    held, rows, table = held_on(pca, IRIS)
    assert held.takes_arrays
    assert held.transformer is not pca
    assert held.transformer.random_state == 3
    assert pca.random_state is None
    assert not hasattr(pca, "components_")
    assert not hasattr(held.transformer, "feature_names_in_")
    given = held.given(IRIS, rows, np.array([3, 1]))
    assert np.array_equal(given, IRIS.to_numpy()[[3, 1]])
    codes = held.encode(IRIS, rows)
    assert np.array_equal(codes, held.transformer.transform(IRIS.to_numpy()))
    pd.testing.assert_frame_equal(
        held.decode(codes, table),
        pd.DataFrame(held.transformer.inverse_transform(codes), columns=IRIS.columns),
    )
    # reconstructions are not rounded to the dtypes of the frame
    rebuilt = held.reconstruct(IRIS.round().astype(int), rows, table, slice(2, 5))
    assert np.array_equal(rebuilt.values, held.transformer.inverse_transform(codes[2:5]))


def test_one_that_knows_names_is_asked_with_frames() -> None:
    held, rows, _ = held_on(PCA(2).fit(IRIS), IRIS)
    assert not held.takes_arrays
    assert held.given(IRIS, rows) is IRIS
    assert list(held.transformer.feature_names_in_) == list(IRIS.columns)
    assert held.given(IRIS, rows, slice(1, 3)).equals(IRIS.iloc[1:3])


def test_codes_have_the_precision_of_numbers() -> None:
    X = IRIS.to_numpy(dtype=np.float32)
    held, rows, table = held_on(PCA(2), X)
    codes = held.encode(X, rows)
    assert codes.dtype == held.decode(codes, table).dtype == np.float32


def test_rows_of_mixed_tables_go_in_as_they_came() -> None:
    latent = AutoencoderTransformer(2, hidden_layer_sizes=(4,), max_steps=2)
    for X in (MIXED, pl.from_pandas(MIXED.select_dtypes(exclude="datetime"))):
        held, rows, table = held_on(latent, X)
        assert held.given(X, rows) is X
        assert type(held.given(X, rows, slice(2, 9))) is type(X)
        back = held.decode(held.encode(X, rows), table)
        assert type(back) is type(X)
        rebuilt = held.reconstruct(X, rows, table, slice(2, 9))
        assert table.encode(rebuilt).shape == (7, X.shape[1])
    lists = [["a", 1.5], ["b", 2.5], ["a", 0.5]] * 5
    held, rows, _ = held_on(latent, lists, as_objects=True)
    assert held.given(lists, rows, np.array([1])).tolist() == [["b", 2.5]]
    assert held.given(lists, rows).dtype == object


class Tall(TransformerMixin, BaseEstimator):
    """Answers with a vector, or a sparse matrix."""

    def __init__(self, how: str = "vector") -> None:
        self.how = how

    def fit(self, X: Any, y: Any = None) -> Tall:
        return self

    def transform(self, X: Any) -> Any:
        return X[:, 0] if self.how == "vector" else sparse.csr_array(X)

    def inverse_transform(self, Z: Any) -> Any:
        return Z


def test_codes_that_are_no_matrix() -> None:
    held, rows, _ = held_on(Tall("sparse"), IRIS)
    assert np.array_equal(held.encode(IRIS, rows), IRIS)
    held, rows, _ = held_on(Tall(), IRIS)
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array.*Tall"):
        held.encode(IRIS, rows)


# -- states --------------------------------------------------------------------------------------

QUICK = {"n_estimators": 2, "max_steps": 3, "random_state": 0}
FITTED: dict[str, tuple[Any, Any]] = {
    "detector": (LatentAnomalyDetector(**QUICK), IRIS),
    "detector, novelty": (LatentAnomalyDetector(novelty=True, **QUICK), MIXED),
    "detector, mixed": (LatentAnomalyDetector(**QUICK), MIXED),
    "detector, PCA": (LatentAnomalyDetector(PCA(2), random_state=0), IRIS),
    "clusterer": (LatentClusterer(3, random_state=0), IRIS),
    "clusterer, PCA": (LatentClusterer(3, estimator=PCA(2), random_state=0), IRIS),
}
EVERY = pytest.mark.parametrize("name", FITTED)


def fitted(name: str) -> tuple[Any, Any]:
    estimator, X = FITTED[name]
    return clone(estimator).fit(X), X


def answer_bytes(model: Any, X: Any) -> list[bytes]:
    verbs = ("score_samples", "explain", "predict", "transform", "predict_proba")
    found = [
        np.asarray(getattr(model, verb)(X)).tobytes() for verb in verbs if hasattr(model, verb)
    ]
    if hasattr(model, "sample"):
        found.append(model.sample(5, random_state=0).to_numpy().tobytes())
        found.append(model.cluster_centers_.to_numpy().tobytes())
    return found


def classes_in(data: bytes) -> set[str]:
    found = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found.add(f"{module}.{name}")
            return super().find_class(module, name)

    Reader(io.BytesIO(data)).load()
    return {name for name in found if name.startswith("sklatent")}


@EVERY
def test_state_holds_estimators_and_plain_values_alone(name: str) -> None:
    model, X = fitted(name)
    data = pickle.dumps(model)
    # the ensemble is an estimator that the detector makes for itself
    names = {one for one in classes_in(data) if "ensemble" not in one.lower()}
    assert names == {f"sklatent.{type(model).__name__}", "sklatent.TabularEncoder"}
    copy = pickle.loads(data)
    assert answer_bytes(copy, X) == answer_bytes(model, X)
    assert vars(copy).keys() == vars(model).keys()
    assert pickle.dumps(copy) == pickle.dumps(pickle.loads(pickle.dumps(copy)))


@EVERY
def test_states_of_earlier_releases_held_the_objects(name: str) -> None:
    model, X = fitted(name)
    old = clone(FITTED[name][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old.__setstate__(pickle.loads(pickle.dumps(dict(vars(model)))))
    assert answer_bytes(old, X) == answer_bytes(model, X)
    assert b"Term" not in pickle.dumps(old)
    assert b"ClusterMixture" not in pickle.dumps(old)


def test_classes_that_earlier_releases_saved_are_where_they_were() -> None:
    paths = {
        "sklatent.tasks._anomaly_score": [Term],
        "sklatent.tasks._anomaly_terms": [Neighbours, Tail, BulkTail],
        "sklatent.tasks._distance_view": [DistanceView, Block],
        "sklatent.tasks._cluster_mixture": [ClusterMixture],
    }
    for path, classes in paths.items():
        assert [cls.__module__ for cls in classes] == [path] * len(classes)
    # under these names detectors, clusterers and encoders were saved
    from sklatent.tabular import _encoder
    from sklatent.tasks import _anomaly, _clustering

    assert _encoder.TabularEncoder is TabularEncoder
    assert _anomaly.LatentAnomalyDetector is LatentAnomalyDetector
    assert _clustering.LatentClusterer is LatentClusterer


@pytest.mark.parametrize("cls", [LatentAnomalyDetector, LatentClusterer])
def test_unfitted_state(cls: type) -> None:
    copy = pickle.loads(pickle.dumps(cls()))
    assert vars(copy) == vars(cls())
