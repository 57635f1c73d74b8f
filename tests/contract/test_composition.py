"""Inside scikit-learn's own containers, and with any data frame library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.instances import answers, as_bytes, ask, every, fitted, fitted_codes, target


def to_pandas(frame: pd.DataFrame) -> Any:
    return frame


def to_polars(frame: pd.DataFrame) -> Any:
    return pl.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def to_pyarrow(frame: pd.DataFrame) -> Any:
    return pa.table({name: frame[name].to_numpy() for name in frame.columns})


LIBRARIES = pytest.mark.parametrize(
    "convert", [to_pandas, to_polars, to_pyarrow], ids=["pandas", "polars", "pyarrow"]
)


def schema(frame: Any) -> list[tuple[str, str]]:
    if isinstance(frame, pa.Table):
        return [(field.name, str(field.type)) for field in frame.schema]
    return [(name, str(dtype)) for name, dtype in zip(frame.columns, frame.dtypes, strict=True)]


def small_net(estimator: Any) -> Any:
    """Few steps and a narrow net, where there is one: searches fit often."""
    known = estimator.get_params()
    few = {"hidden_layer_sizes": (8,), "max_steps": 10, "n_components": 2}
    return estimator.set_params(**{name: few[name] for name in few if name in known})


@every("inverse_transform")
def test_pipeline_goes_both_ways(estimator: Any, matrix: np.ndarray, rtol: float) -> None:
    model = fitted(make_pipeline(StandardScaler(), estimator), matrix)
    back = model.inverse_transform(model.transform(matrix))
    assert back.shape == matrix.shape
    scaler, last = model[0], model[-1]
    by_hand = scaler.inverse_transform(
        last.inverse_transform(last.transform(scaler.transform(matrix)))
    )
    np.testing.assert_allclose(back, by_hand, rtol=rtol)


@every("transform")
def test_grid_search_in_two_processes(estimator: Any, rows: np.ndarray) -> None:
    y = rows[:, 0] > np.median(rows[:, 0])
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("latent", small_net(estimator)),
            ("model", LogisticRegression()),
        ]
    )
    grid: dict[str, list[Any]] = {"model__C": [0.1, 1.0]}
    if "n_components" in estimator.get_params():
        grid = {"latent__n_components": [1, 3]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2, error_score="raise").fit(rows, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(rows, y)
    assert np.array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@every("score")
def test_grid_search_ranks_by_score(estimator: Any, rows: np.ndarray) -> None:
    name = "n_components" if "n_components" in estimator.get_params() else "n_clusters"
    grid = {name: [1, 3]}
    search = fitted(GridSearchCV(small_net(estimator), grid, cv=2, error_score="raise"), rows)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    y = target(rows)
    assert search.score(rows, y) == search.best_estimator_.score(rows, y)


@every("transform")
def test_column_transformer(estimator: Any, frame: pd.DataFrame) -> None:
    names = list(frame.columns[:4])
    union = ColumnTransformer([("latent", estimator, names)], remainder="passthrough")
    Z = fitted_codes(union, frame)
    width = len(union.named_transformers_["latent"].get_feature_names_out())
    assert Z.shape == (len(frame), width + frame.shape[1] - 4)
    assert len(union.get_feature_names_out()) == Z.shape[1]


@every("transform")
def test_feature_union(estimator: Any, matrix: np.ndarray) -> None:
    alone = fitted(clone(estimator), matrix).transform(matrix)
    union = FeatureUnion([("latent", estimator), ("scaled", StandardScaler())])
    Z = fitted_codes(union, matrix)
    assert np.array_equal(Z[:, : alone.shape[1]], alone)
    assert len(union.get_feature_names_out()) == Z.shape[1]


@pytest.mark.parametrize(("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
@every("inverse_transform")
def test_set_output(estimator: Any, library: str, kind: type, matrix: np.ndarray) -> None:
    plain = fitted(clone(estimator), matrix).transform(matrix)
    model = estimator.set_output(transform=library)
    Z = fitted_codes(model, matrix)
    assert isinstance(Z, kind)
    assert list(Z.columns) == list(model.get_feature_names_out())
    assert np.array_equal(Z.to_numpy(), plain)
    # it wraps what transform gives, and nothing else
    assert isinstance(model.inverse_transform(Z), np.ndarray)


@every("inverse_transform")
def test_global_set_output(estimator: Any, matrix: np.ndarray, frame: pd.DataFrame) -> None:
    expected = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    with sklearn.config_context(transform_output="pandas"):
        model = fitted(clone(estimator), matrix)
        assert isinstance(model.transform(matrix), pd.DataFrame)
        assert as_bytes(answers(model, matrix)) == expected
        back = fitted(estimator, frame)
        assert isinstance(back.inverse_transform(back.transform(frame)), pd.DataFrame)


@every("transform")
def test_feature_names_out_carry_the_name_of_the_class(estimator: Any, matrix: np.ndarray) -> None:
    names = list(fitted(estimator, matrix).get_feature_names_out())
    if hasattr(estimator, "n_components_") or hasattr(estimator, "n_clusters_"):
        prefix, width = type(estimator).__name__.lower(), estimator.transform(matrix).shape[1]
        assert names == [f"{prefix}{j}" for j in range(width)]
        assert getattr(estimator, "n_components_", width) == width
    else:
        assert len(names) == matrix.shape[1]


@LIBRARIES
@every("inverse_transform")
def test_frame_comes_back_as_it_was(
    estimator: Any, convert: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    X = convert(frame)
    model = fitted(estimator, X)
    assert list(model.feature_names_in_) == list(frame.columns)
    back = model.inverse_transform(model.transform(X))
    assert type(back) is type(X)
    assert schema(back) == schema(X)
    assert len(back) == len(frame)


@LIBRARIES
@every()
def test_frame_and_array_give_the_same_codes(
    estimator: Any, convert: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    X = convert(frame)
    from_frame = ask(fitted(clone(estimator), X), X)
    array = frame.to_numpy(dtype="float64")
    assert np.array_equal(from_frame, ask(fitted(clone(estimator), array), array))


@LIBRARIES
@every("sample")
def test_sample_is_such_a_frame(
    estimator: Any, convert: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    X = convert(frame)
    drawn = fitted(estimator, X).sample(7, random_state=0)
    assert type(drawn) is type(X)
    assert schema(drawn) == schema(X)
    assert len(drawn) == 7


@every()
def test_frame_of_another_library_is_known_by_its_names(
    estimator: Any, frame: pd.DataFrame
) -> None:
    model = fitted(estimator, frame)
    assert np.array_equal(ask(model, to_polars(frame)), ask(model, frame))
    if not hasattr(model, "inverse_transform"):
        return
    back = model.inverse_transform(model.transform(to_polars(frame)))
    assert isinstance(back, pd.DataFrame)


@every("transform")
def test_pandas_index_survives_where_scikit_learn_keeps_it(
    estimator: Any, frame: pd.DataFrame
) -> None:
    named = frame.set_axis([f"row {i}" for i in range(len(frame))])
    Z = fitted_codes(estimator.set_output(transform="pandas"), named)
    assert list(Z.index) == list(named.index)


@every(trained=True)
def test_validation_rows_are_used(estimator: Any, matrix: np.ndarray) -> None:
    held_out = matrix[40:]
    model = fitted(estimator.set_params(max_steps=20), matrix[:40], X_val=held_out)
    assert "valid_loss" in model.history_[-1]
    other = fitted(clone(estimator), matrix[:40], X_val=3 * held_out)
    assert model.history_[-1]["valid_loss"] != other.history_[-1]["valid_loss"]


@every(trained=True)
def test_validation_rows_come_through_a_pipeline_transformed(
    estimator: Any, matrix: np.ndarray
) -> None:
    train, held_out = matrix[:40], matrix[40:]
    scaler = StandardScaler().fit(train)
    by_hand = fitted(clone(estimator), scaler.transform(train), X_val=scaler.transform(held_out))
    with sklearn.config_context(enable_metadata_routing=True):
        latent = clone(estimator).set_fit_request(X_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("latent", latent)], transform_input=["X_val"]
        )
        routed = fitted(pipeline, train, X_val=held_out)[-1]
    assert routed.history_ == by_hand.history_
    Z = scaler.transform(matrix)
    assert as_bytes(answers(routed, Z)) == as_bytes(answers(by_hand, Z))
