"""TabularEncoder: the numbers it learns, the round trip, and scikit-learn's checks."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import check_estimator

from sklatent import TabularEncoder
from sklatent.tabular import Rows, check_rows
from sklatent.tabular._columns import column_moments

# Checks that scikit-learn runs on its own estimators and keeps out of check_estimator.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


def matrix(n_rows: int = 50, n_columns: int = 4, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_columns)) * 10.0 ** rng.integers(-3, 4, n_columns) + 5.0


@pytest.mark.parametrize("standardize", [True, False])
def test_scikit_learn_checks(standardize: bool) -> None:
    results = check_estimator(TabularEncoder(standardize=standardize), on_skip=None, on_fail=None)
    assert len(results) > 40
    assert [r["check_name"] for r in results if r["status"] in ("failed", "xfail")] == []


# Some of these fit on a frame and transform an array, on purpose.
@pytest.mark.filterwarnings("ignore:X .* feature names, but:UserWarning")
@pytest.mark.parametrize("check", FURTHER_CHECKS)
def test_further_scikit_learn_checks(check: str) -> None:
    getattr(estimator_checks, check)("TabularEncoder", TabularEncoder())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_moments_equal_standard_scaler(dtype: type, offset: float) -> None:
    X = (matrix(5000, 7) + offset).astype(dtype)
    encoder, scaler = TabularEncoder().fit(X), StandardScaler().fit(X.astype(np.float64))
    np.testing.assert_allclose(encoder.center_, scaler.mean_, rtol=1e-12)
    # With an offset the yardstick's own rounding is that of sums of a million.
    np.testing.assert_allclose(encoder.scale_, scaler.scale_, rtol=1e-12 if not offset else 1e-9)
    assert encoder.center_.dtype == encoder.scale_.dtype == np.float64


def test_moments_are_merged_over_chunks() -> None:
    X = matrix(200_000, 3) + 1e8
    moments = column_moments(X)
    exact = X.astype(np.longdouble)
    np.testing.assert_allclose(moments.mean, exact.mean(axis=0).astype(float), rtol=1e-15)
    np.testing.assert_allclose(moments.var, exact.var(axis=0).astype(float), rtol=1e-12)


def test_near_constant_columns_follow_standard_scaler() -> None:
    X = np.full((1000, 3), 0.1)
    X[:, 1] += np.tile([0.0, 1e-17], 500)
    X[:, 2] = 1e9 + np.tile([0.0, 1e-7], 500)
    X[::2, 2] = np.nextafter(1e9, 2e9)
    encoder = TabularEncoder().fit(X)
    np.testing.assert_array_equal(encoder.scale_, StandardScaler().fit(X).scale_)
    assert encoder.constant_.all()


def test_constant_columns_come_back_exactly() -> None:
    X = matrix()
    X[:, 1], X[:, 3] = 0.1, -7e20
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    np.testing.assert_array_equal(Z[:, [1, 3]], 0.0)
    np.testing.assert_array_equal(encoder.constant_, [False, True, False, True])
    np.testing.assert_array_equal(encoder.inverse_transform(Z + 1e-3)[:, [1, 3]], X[:, [1, 3]])
    assert encoder.log_abs_det_ == pytest.approx(-np.log(X[:, [0, 2]].std(axis=0)).sum())


def test_standardize_false_only_centres() -> None:
    X = matrix()
    encoder = TabularEncoder(standardize=False).fit(X)
    np.testing.assert_allclose(encoder.transform(X), X - X.mean(axis=0), atol=1e-10)
    np.testing.assert_array_equal(encoder.scale_, 1.0)
    assert encoder.log_abs_det_ == 0.0


def test_one_row() -> None:
    encoder = TabularEncoder().fit([[1.0, 2.0]])
    np.testing.assert_array_equal(encoder.transform([[1.0, 2.0]]), [[0.0, 0.0]])
    np.testing.assert_array_equal(encoder.inverse_transform([[0.0, 0.0]]), [[1.0, 2.0]])


def test_blocks_describe_the_matrix() -> None:
    encoder = TabularEncoder().fit(matrix())
    assert encoder.n_encoded_ == 4
    assert encoder.blocks_ == (("numeric", 0, 4, 0, False),)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_rows", [1, 40_000])
def test_answers_in_the_dtype_of_the_rows(dtype: type, n_rows: int) -> None:
    X = matrix(40_000).astype(dtype)
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(np.asfortranarray(X[:n_rows]))
    expected = (X[:n_rows].astype(np.float64) - encoder.center_) / encoder.scale_
    assert Z.dtype == dtype
    assert Z.flags.c_contiguous
    np.testing.assert_array_equal(Z, expected.astype(dtype))
    back = encoder.inverse_transform(Z)
    assert back.dtype == dtype
    assert back.flags.writeable
    peak = np.abs(X).max(axis=0)
    assert (np.abs(back - X[:n_rows]) <= 4 * np.finfo(dtype).eps * peak).all()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", ">f8"])
def test_arrays_of_other_dtypes(dtype: str) -> None:
    X = np.arange(12).reshape(6, 2).astype(dtype)
    encoder = TabularEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, X.astype(float), atol=1e-12)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 12), st.integers(1, 5)),
        elements=st.floats(-1e9, 1e9),
    ),
    st.booleans(),
)
def test_round_trip_of_any_numbers(X: np.ndarray, standardize: bool) -> None:
    encoder = TabularEncoder(standardize=standardize).fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    np.testing.assert_allclose(back, X, atol=1e-14 * max(1.0, np.abs(X).max()), rtol=0)


def test_memory_map_is_neither_copied_nor_written(tmp_path: Path) -> None:
    file = tmp_path / "rows.npy"
    np.save(file, matrix(200_000, 20).astype(np.float32))
    X = np.load(file, mmap_mode="r")
    TabularEncoder().fit(X[:10])
    tracemalloc.start()
    rows = check_rows(TabularEncoder(), X, reset=True)
    encoder = TabularEncoder().fit_rows(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * X.nbytes
    assert np.shares_memory(rows.values, X)
    assert not rows.values.flags.writeable
    np.testing.assert_allclose(encoder.center_, np.asarray(X, dtype=float).mean(axis=0), rtol=1e-10)


def test_encode_is_a_fresh_array() -> None:
    X = matrix()
    X.flags.writeable = False
    encoder = TabularEncoder(standardize=False).fit(X)
    Z = encoder.transform(X)
    Z[:] = 0.0
    assert not np.shares_memory(Z, X)


def test_rows_take() -> None:
    X = matrix()
    rows = check_rows(TabularEncoder(), X, reset=True)
    assert (len(rows), rows.shape, rows.dtype) == (50, (50, 4), np.float64)
    assert np.shares_memory(rows.take(slice(3, 9)).values, X)
    np.testing.assert_array_equal(rows.take(np.array([4, 2])).values, X[[4, 2]])


def test_fit_rows_equals_fit() -> None:
    X = pl.DataFrame(matrix(), schema=list("abcd"))
    rows = check_rows(clone(TabularEncoder()), X, reset=True)
    inner, outer = TabularEncoder().fit_rows(rows), TabularEncoder().fit(X)
    assert list(inner.get_feature_names_out()) == list(outer.get_feature_names_out())
    np.testing.assert_array_equal(inner.table.encode(rows), outer.transform(X))
    assert isinstance(rows, Rows)
    assert inner.table.decode(inner.table.encode(rows)).equals(
        outer.inverse_transform(outer.transform(X))
    )


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "numpy"])
def test_pickle_and_skops(library: str) -> None:
    sio = pytest.importorskip("skops.io")
    frame = pl.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "c": [0.5, 1.5, 9.0]})
    makers = {"polars": frame, "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}
    X: Any = makers.get(library, frame.to_numpy())
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    dumped = sio.dumps(encoder)
    trusted = sio.get_untrusted_types(data=dumped)
    assert trusted == ["sklatent.TabularEncoder"]
    state = pickle.dumps(encoder)
    assert len(state) < 2500
    for copy in (pickle.loads(state), sio.loads(dumped, trusted=trusted)):
        np.testing.assert_array_equal(copy.transform(X), Z)
        back = copy.inverse_transform(Z)
        assert type(back) is type(X)
        np.testing.assert_array_equal(np.asarray(back), np.asarray(encoder.inverse_transform(Z)))


def test_set_output_wraps_transform_only() -> None:
    X = pl.DataFrame(matrix(), schema=list("abcd"))
    encoder = TabularEncoder().set_output(transform="pandas").fit(X)
    Z = encoder.transform(X)
    assert type(Z).__module__.startswith("pandas")
    assert list(Z.columns) == list("abcd")
    assert isinstance(encoder.inverse_transform(Z), pl.DataFrame)
    assert isinstance(encoder.set_output(transform="polars").transform(X), pl.DataFrame)


def test_inverse_transform_refuses_other_matrices() -> None:
    encoder = TabularEncoder().fit(pl.DataFrame(matrix(), schema=list("abcd")))
    with pytest.raises(ValueError, match="X has 3 features, but TabularEncoder is expecting 4"):
        encoder.inverse_transform(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="The feature names should match"):
        encoder.inverse_transform(pl.DataFrame(np.zeros((2, 4)), schema=list("abdc")))
    with pytest.raises(NotFittedError):
        TabularEncoder().inverse_transform(np.zeros((2, 3)))


def test_values_too_large_to_square_name_their_column() -> None:
    with pytest.raises(ValueError, match=r"too large for dtype\('float64'\)\. \(column 1\)"):
        TabularEncoder().fit([[0.0, 1e300], [1.0, -1e300]])
