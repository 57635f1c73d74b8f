"""Tables that are refused, missing cells of numeric tables, and what is saved of mixed ones."""

from __future__ import annotations

import pickle
from datetime import datetime, time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from pandas.testing import assert_frame_equal

from sklatent import TabularEncoder
from sklatent.tabular import MixedRows, Rows, check_rows

WORDS = ["x", "y", "z"]
NOT_BOTH = r"either strings or numbers in each column, not both: got int, str.*\(column 'a'\)"


@pytest.mark.parametrize(
    ("X", "error", "words"),
    [
        (pd.DataFrame({"a": [1, "b", 2]}), ValueError, NOT_BOTH),
        (pd.DataFrame({"w": WORDS, "a": ["s", {}, "t"]}), TypeError, "'a', row 1: got dict"),
        (pd.DataFrame({"w": WORDS, "a": [[1], [2], [3]]}), TypeError, "'a', row 0: got list"),
        (pl.DataFrame({"w": WORDS, "a": [[1], [2], [3]]}), TypeError, "'a', row 0: got list"),
        (pl.DataFrame({"w": WORDS, "a": [{"q": 1}] * 3}), TypeError, "'a', row 0: got dict"),
        (pl.DataFrame({"w": WORDS, "a": [time(1)] * 3}), TypeError, "dtype Time, .*'a'"),
        (pl.DataFrame({"w": WORDS, "a": [b"1"] * 3}), TypeError, "dtype Binary, .*'a'"),
        (
            pd.DataFrame({"w": WORDS, "a": pd.Series([datetime(2020, 1, 1)] * 3, dtype=object)}),
            TypeError,
            "'a', row 0: got datetime",
        ),
        (pd.DataFrame({"a": pd.period_range("2020", periods=3)}), TypeError, "period.*'a'"),
        (
            pd.DataFrame({"a": pd.Categorical(pd.to_datetime(["2020"] * 3))}),
            TypeError,
            "category of Timestamp, .*'a'",
        ),
        (
            pd.DataFrame({"w": WORDS, "a": [np.nan, 1, np.inf]}),
            ValueError,
            r"infinity(.|\n)*\(column 'a', row 2\)",
        ),
        (np.array([["a", np.inf]], dtype=object), ValueError, r"infinity(.|\n)*column 1, row 0"),
        (np.array([[1, np.nan], [np.inf, 2]]), ValueError, r"infinity(.|\n)*column 0, row 1"),
        (pd.DataFrame([["a", 1]], columns=["q", "q"]), ValueError, "must have different names"),
        (pd.DataFrame({"a": pd.Series([], dtype=str)}), ValueError, r"0 sample\(s\)"),
        (np.empty((0, 2), dtype=object), ValueError, r"0 sample\(s\)"),
        (["a", "b"], ValueError, "Expected 2D array, got 1D array"),
        (pd.Series(["a", "b"]), ValueError, "Expected a 2-dimensional container"),
        ([["a"], ["b", "c"]], ValueError, "inhomogeneous"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), ValueError, "not numeric"),
        (np.array([["a", 1j]], dtype=object), TypeError, "column 1, row 0: got complex"),
        (np.array([[b"a", 1]], dtype=object), TypeError, "column 0, row 0: got bytes"),
        (sp.csr_array(np.eye(2)), TypeError, "Sparse data was passed"),
        (pd.DataFrame([["a", 1]], columns=["q", 1]), TypeError, "Feature names are only supported"),
    ],
)
def test_tables_that_are_refused(X: Any, error: type[Exception], words: str) -> None:
    encoder = TabularEncoder()
    with pytest.raises(error, match=words):
        encoder.fit(X)
    assert not hasattr(encoder, "n_features_in_")


def test_affine_mode_takes_no_words() -> None:
    X = pd.DataFrame({"a": [1.0, 2.0], "w": ["p", "q"]})
    with pytest.raises(ValueError, match=r"convert string to float: 'p'\n\(column 'w', row 0\)"):
        TabularEncoder(mode="affine").fit(X)
    with pytest.raises(ValueError, match=r"datetime64.* not numeric.*'d'"):
        TabularEncoder(mode="affine").fit(X[["a"]].assign(d=pd.to_datetime("2020")))


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (pd.DataFrame({"a": ["1"], "w": ["p"]}), "Column 'a' holds words, but held numbers in fit"),
        (pd.DataFrame({"a": [1], "w": [1]}), "Column 'w' holds numbers, but held words in fit"),
        (
            pd.DataFrame({"a": pd.to_datetime(["2020"]), "w": ["p"]}),
            "Column 'a' holds dates, but held numbers in fit",
        ),
        (pd.DataFrame({"a": [np.inf], "w": ["p"]}), r"infinity(.|\n)*\(column 'a', row 0\)"),
        (pd.DataFrame({"w": ["p"], "a": [1]}), "must be in the same order"),
        (pd.DataFrame({"a": [1.0]}), "yet now missing"),
        (pd.DataFrame({"a": [], "w": []}), r"0 sample\(s\)"),
    ],
)
def test_other_rows_than_in_fit(X: Any, words: str) -> None:
    encoder = TabularEncoder().fit(pd.DataFrame({"a": [1.0, 2.0], "w": ["p", "q"]}))
    with pytest.raises(ValueError, match=words):
        encoder.transform(X)
    missing = encoder.transform(pd.DataFrame({"a": [None], "w": [None]}))
    assert np.isnan(missing).all()


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_arrays_after_a_frame() -> None:
    encoder = TabularEncoder().fit(pd.DataFrame({"a": [1.0, 2.0], "w": ["p", "q"]}))
    assert encoder.transform([[1, "q"]]).tolist() == encoder.transform([[1.0, "q"]]).tolist()
    with pytest.raises(ValueError, match="X has 3 features, but TabularEncoder is expecting 2"):
        encoder.transform([[1, "p", 3]])


def test_integer_names_do_not_permute_silently() -> None:
    X = pd.DataFrame([["a", 1.0], ["b", 2.0]])
    encoder = TabularEncoder().fit(X)
    with pytest.raises(ValueError, match="must be in the same order"):
        encoder.transform(X[[1, 0]])
    assert_frame_equal(encoder.inverse_transform(encoder.transform(X)), X)


def test_models_opt_in() -> None:
    numbers = pd.DataFrame({"a": [1.0, np.nan]})
    words = pd.DataFrame({"a": ["x", "y"]})
    with pytest.raises(ValueError, match="NaN"):
        check_rows(TabularEncoder(), numbers, reset=True)
    with pytest.raises(ValueError, match="convert string"):
        check_rows(TabularEncoder(), words, reset=True, allow_missing=True)
    with pytest.raises(ValueError, match="NaN"):
        check_rows(TabularEncoder(), numbers, reset=True, mixed="auto")
    rows = check_rows(TabularEncoder(), numbers, reset=True, mixed="auto", allow_missing=True)
    assert isinstance(rows, Rows)
    rows = check_rows(TabularEncoder(), words, reset=True, mixed="auto")
    assert isinstance(rows, MixedRows)
    assert (len(rows), rows.shape, rows.dtype, rows.names) == (2, (2, 1), np.float64, ["a"])
    assert isinstance(check_rows(TabularEncoder(), numbers, reset=True, mixed=True), MixedRows)
    with pytest.raises(ValueError, match="n_samples=1 while a minimum of 2"):
        check_rows(TabularEncoder(), words[:1], reset=True, mixed=True, min_rows=2)


def test_rows_taken_are_encoded_as_their_rows() -> None:
    X = pd.DataFrame({"w": ["c", None, "a", "b"], "n": [0.5, 1.5, None, 2.5], "k": [1, 2, 3, 4]})
    encoder = TabularEncoder().fit(X)
    rows = encoder.read(X)
    Z = encoder.transform(X)
    for index in (slice(1, 3), np.array([3, 0, 0]), np.array([True, False, False, True])):
        assert np.array_equal(encoder.table.encode(rows.take(index)), Z[index], equal_nan=True)
    assert encoder.table.build(encoder.table.values(Z)).equals(encoder.inverse_transform(Z))


# -- missing cells of numeric tables -------------------------------------------------------------

HOLES = {
    "numpy": np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 5.0]]),
    "float32": np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 5.0]], dtype=np.float32),
    "pandas": pd.DataFrame(
        {
            "a": pd.array([1, None, 3], dtype="Int64"),
            "b": pd.array([True, None, False], dtype="boolean"),
            "c": [0.5, np.nan, 2.0],
            "d": pd.array([0.5, None, 2.0], dtype="Float64"),
            "e": pd.array([1, None, 3], dtype="int64[pyarrow]"),
            "f": [1, 2, 3],
            "g": np.array([1, 2, np.nan], dtype=np.float32),
        }
    ),
    "polars": pl.DataFrame({"a": [1, None, 3], "b": [True, None, False], "c": [0.5, None, 2.0]}),
    "pyarrow": pa.table({"a": [1, None, 3], "b": [True, None, False], "c": [0.5, None, 2.0]}),
}


@pytest.mark.parametrize("library", HOLES)
@pytest.mark.parametrize("mode", ["affine", "quantile"])
def test_missing_numbers_come_back_missing(library: str, mode: str) -> None:
    X = HOLES[library]
    encoder = TabularEncoder(mode=mode).fit(X)
    Z = encoder.transform(X)
    back = encoder.inverse_transform(Z)
    assert type(back) is type(X)
    if isinstance(X, np.ndarray):
        assert back.dtype == Z.dtype == X.dtype
        assert np.array_equal(np.isnan(Z), np.isnan(X))
        np.testing.assert_allclose(back, X, rtol=1e-6)
    elif isinstance(X, pd.DataFrame):
        assert np.array_equal(np.isnan(Z), X.isna())
        assert_frame_equal(back, X)
    else:
        assert back.equals(X)


def test_affine_statistics_are_those_of_the_observed_cells() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(3, 2, size=(400, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 2] = np.nan
    X[:, 3] = np.where(np.isnan(X[:, 3]), np.nan, 0.1)
    encoder = TabularEncoder().fit(X)
    np.testing.assert_allclose(encoder.center_[:2], np.nanmean(X[:, :2], axis=0))
    np.testing.assert_allclose(encoder.scale_[:2], np.nanstd(X[:, :2], axis=0))
    assert encoder.constant_.tolist() == [False, False, True, True]
    assert encoder.blocks_ == (("numeric", 0, 4, 0, True),)
    back = encoder.inverse_transform(encoder.transform(X))
    np.testing.assert_allclose(back, X, rtol=1e-12)
    assert np.array_equal(back[:, 3], X[:, 3], equal_nan=True)
    plain = TabularEncoder().fit(X[:, :1][~np.isnan(X[:, 0])])
    assert encoder.scale_[0] == plain.scale_[0]
    with pytest.raises(ValueError, match=r"too large.*\(column 1\)"):
        TabularEncoder().fit([[np.nan, 1e300], [1.0, -1e300]])


@pytest.mark.parametrize("mode", ["affine", "quantile"])
@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8"])
def test_missing_cells_where_there_can_be_none(mode: str, dtype: str) -> None:
    X = pd.DataFrame({"a": np.arange(4.0), "b": np.array([0, 1, 0, 1]).astype(dtype)})
    encoder = TabularEncoder(mode=mode).fit(X)
    assert np.isnan(encoder.inverse_transform([[np.nan, 0.0]])["a"][0])
    with pytest.raises(ValueError, match=rf"dtype {dtype} have no missing cells.*\(column 'b'\)"):
        encoder.inverse_transform([[0.0, np.nan]])


# -- what is saved -------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "numpy"])
def test_state_of_a_mixed_table_is_plain(library: str) -> None:
    sio = pytest.importorskip("skops.io")
    frame = pl.DataFrame(
        {
            "w": ["b", None, "a"],
            "c": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "n": [0.5, 0.5, None],
            "d": pl.Series([1, 2, None]).cast(pl.Datetime("us", "UTC")),
            "k": [True, True, True],
        }
    )
    makers = {"polars": frame, "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}
    X: Any = makers.get(library, frame.drop("d").to_numpy().astype(object))
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    dumped = sio.dumps(encoder)
    assert sio.get_untrusted_types(data=dumped) == ["sklatent.TabularEncoder"]
    state = pickle.dumps(encoder)
    assert len(state) < 5000
    for name in (b"pandas.", b"polars.", b"pyarrow.", b"narwhals"):
        assert name not in state
    trusted = sio.get_untrusted_types(data=dumped)
    for copy in (pickle.loads(state), sio.loads(dumped, trusted=trusted)):
        assert np.array_equal(copy.transform(X), Z, equal_nan=True)
        back, expected = copy.inverse_transform(Z), encoder.inverse_transform(Z)
        assert type(back) is type(X)
        if library == "numpy":
            back, expected = pd.DataFrame(back), pd.DataFrame(expected)
        assert back.equals(expected)


def flat_state(encoder: TabularEncoder) -> dict[str, Any]:
    """The state of an encoder as it was saved before tables had classes."""
    table = encoder.table.to_state()
    state = {k: v for k, v in vars(encoder).items() if k != "_table"}
    state["blocks_"] = tuple(map(tuple, encoder.blocks_))
    state["_frame"] = table["frame"]
    state["_same"] = table.get("same", np.zeros(encoder.n_features_in_, dtype=bool))
    if encoder.mode_ == "quantile":
        state["_fitted"] = table["columns"]
    return state


FLAT = {
    "numbers": pd.DataFrame({"a": [0.1, 0.1, np.nan], "b": [1, 5, 9]}),
    "array": np.array([[1.5, 2.0], [0.5, 2.0]], dtype=np.float32),
    "other names": pd.DataFrame(np.eye(3)),
    "mixed": pd.DataFrame({"a": ["x", None, "y"], "b": [0.5, 0.5, 1.5]}),
    "objects": np.array([["x", 1.5], ["y", 2.5]], dtype=object),
}


@pytest.mark.parametrize("name", FLAT)
def test_encoders_saved_before_tables_had_classes(name: str) -> None:
    X = FLAT[name]
    encoder = TabularEncoder().fit(X)
    old = TabularEncoder()
    old.__setstate__(flat_state(encoder))
    assert vars(old).keys() == vars(encoder).keys()
    assert not {"_fitted", "_frame", "_same"} & vars(old).keys()
    Z = encoder.transform(X)
    assert old.transform(X).tobytes() == Z.tobytes()
    pd.testing.assert_frame_equal(
        pd.DataFrame(old.inverse_transform(Z)), pd.DataFrame(encoder.inverse_transform(Z))
    )
    assert old.blocks_ == encoder.blocks_
    assert old.blocks_[0].may_miss == encoder.blocks_[0].may_miss
    for ties, expected in zip(old.ties_, encoder.ties_, strict=True):
        assert (ties is None) == (expected is None)
        assert ties is None or np.array_equal(ties, expected)
    assert (old.log_abs_det_, old.unit_, old.dtype_) == (
        encoder.log_abs_det_,
        encoder.unit_,
        encoder.dtype_,
    )


def test_encoders_saved_before_there_were_modes() -> None:
    X = np.arange(6.0).reshape(3, 2)
    encoder = TabularEncoder(standardize=False).fit(X)
    state = flat_state(encoder)
    for name in ("mode", "n_quantiles", "max_levels", "categorical_features", "handle_unknown"):
        del state[name]
    for name in ("mode_", "ties_"):
        del state[name]
    state["blocks_"] = (("numeric", 0, 2),)
    old = TabularEncoder()
    old.__setstate__(state)
    assert old.get_params() == encoder.get_params()
    assert old.blocks_ == encoder.blocks_
    assert np.array_equal(old.inverse_transform(old.transform(X)), X)
    fresh = TabularEncoder()
    fresh.__setstate__({"standardize": False, "mode": "auto"})
    assert not hasattr(fresh, "table")
