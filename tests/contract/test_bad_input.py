"""What users get wrong: scikit-learn's error, its words, and the place."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from tests.instances import (
    answers,
    as_bytes,
    ask,
    every,
    fitted,
    fitted_codes,
    takes_words,
)

GOOD = np.arange(24.0).reshape(8, 3) ** 1.5


def with_cell(value: Any) -> np.ndarray:
    X = GOOD.copy()
    X[4, 1] = value
    return X


class AnnData:
    """Stands for the class of that name, whose rows take seconds to read as an array."""

    __module__ = "anndata._core.anndata"
    shape = (8, 3)

    def __len__(self) -> int:
        raise AssertionError("nothing of it is read")

    __array__ = __getitem__ = __iter__ = __len__


WRONG: dict[str, tuple[Any, type[Exception] | tuple[type[Exception], ...], str]] = {
    "empty": (np.empty((0, 3)), ValueError, r"Found array with 0 sample\(s\)"),
    "no columns": (np.empty((8, 0)), ValueError, r"0 feature\(s\)"),
    "one dimension": (np.arange(5.0), ValueError, "Reshape your data"),
    "three dimensions": (np.ones((4, 3, 2)), ValueError, "dim 3|3 dim"),
    "scalar": (1.0, ValueError, "scalar"),
    "sparse": (scipy.sparse.csr_array(GOOD), TypeError, "[Ss]parse"),
    "annotated": (AnnData(), TypeError, r"Got the AnnData of anndata.*X\.to_df\(\).*Allowed are"),
    "lazy": (pl.LazyFrame(GOOD), TypeError, r"Got the LazyFrame of polars.*X\.collect\(\)"),
    "reader": (
        pa.table({"a": [1.0, 2.0], "b": [2.0, 3.0]}).to_reader(),
        TypeError,
        r"Got the RecordBatchReader of pyarrow.*X\.read_all\(\)",
    ),
    "generator": ((row for row in GOOD), TypeError, r"Got a generator as X.*list\(X\)"),
    "complex": (GOOD + 1j, ValueError, "Complex data not supported"),
    "NaN": (with_cell(np.nan), ValueError, r"contains NaN(.|\n)*column 1, row 4"),
    "infinity": (with_cell(np.inf), ValueError, r"infinity(.|\n)*column 1, row 4"),
    "words": (
        [["a", 1.0], ["b", 2.0], ["c", 3.0]],
        ValueError,
        r"could not convert string to float(.|\n)*column 0",
    ),
    "word in a frame": (
        pd.DataFrame({"age": [1.0, 2.0, 3.0], "city": ["x", "y", "z"]}),
        ValueError,
        r"could not convert string to float(.|\n)*column 'city'",
    ),
    "NaN in a frame": (
        pd.DataFrame({"age": [1.0, np.nan, 3.0], "size": [1.0, 2.0, 3.0]}),
        ValueError,
        r"contains NaN(.|\n)*column 'age', row 1",
    ),
    "infinity in a frame": (
        pd.DataFrame({"age": [1.0, np.inf, 3.0], "size": [1.0, 2.0, 3.0]}),
        ValueError,
        r"infinity(.|\n)*column 'age', row 1",
    ),
    "dict": (
        pd.DataFrame({"a": [1.0, 2.0, 3.0, {}], "b": [1.0, 2.0, 3.0, 4.0]}),
        TypeError,
        r"must be a string or a number.*column 'a', row 3: got dict",
    ),
}


# No error to estimators of mixed tables, and to those that say by their tag that they take it.
WORDS, MISSING = {"words", "word in a frame"}, {"NaN", "NaN in a frame"}


def is_fine(estimator: Any, kind: str) -> bool:
    takes_missing = get_tags(estimator).input_tags.allow_nan
    return (kind in WORDS and takes_words(estimator)) or (kind in MISSING and takes_missing)


def has_a_model(estimator: Any) -> bool:
    """Whether a latent model answers, which wants more than one row."""
    holds_one = getattr(estimator, "estimator", None) is not None
    return holds_one or hasattr(estimator, "n_components") or hasattr(estimator, "n_clusters")


@pytest.mark.parametrize("kind", WRONG)
@every()
def test_fit_refuses(estimator: Any, kind: str) -> None:
    if is_fine(estimator, kind):
        fitted(estimator, WRONG[kind][0])
        return
    X, error, words = WRONG[kind]
    with pytest.raises(error, match=words):
        fitted(estimator, X)
    assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(NotFittedError):
        ask(estimator, GOOD)


@pytest.mark.parametrize("verb", ["transform", "score", "score_samples", "explain", "predict"])
@pytest.mark.parametrize(
    "kind",
    ["empty", "one dimension", "sparse", "annotated", "lazy", "complex", "NaN", "infinity"],
)
@every()
def test_answers_refuse(estimator: Any, kind: str, verb: str) -> None:
    if not hasattr(estimator, verb):
        pytest.skip(f"has no {verb}")
    if is_fine(estimator, kind):
        assert np.size(getattr(fitted(estimator, GOOD), verb)(WRONG[kind][0]))
        return
    X, error, words = WRONG[kind]
    with pytest.raises(error, match=words):
        getattr(fitted(estimator, GOOD), verb)(X)


TO_FRAME: dict[str, Any] = {
    "pandas": pd.DataFrame,
    "polars": pl.from_pandas,
    "pyarrow": pa.Table.from_pandas,
    "objects": lambda frame: frame.to_numpy(dtype=object),
}


@pytest.mark.parametrize("container", TO_FRAME)
@every()
def test_infinity_beside_words_and_missing_cells(estimator: Any, container: str) -> None:
    if not takes_words(estimator):
        pytest.skip("takes no words")
    frame = pd.DataFrame({"word": list("abab") * 10, "size": np.arange(40.0)})
    frame.loc[3, "size"] = np.nan
    as_given = TO_FRAME[container]
    model = fitted(clone(estimator), as_given(frame))
    column = 1 if container == "objects" else "'size'"
    frame.loc[5, "size"] = -np.inf
    for refuse in (lambda: fitted(estimator, as_given(frame)), lambda: ask(model, as_given(frame))):
        with pytest.raises(ValueError, match=rf"infinity(.|\n)*column {column}, row 5"):
            refuse()


@every()
def test_one_row(estimator: Any) -> None:
    if hasattr(estimator, "transform") and not has_a_model(estimator):
        assert fitted(estimator, GOOD[:1]).transform(GOOD[:1]).shape == (1, 3)
        return
    with pytest.raises(ValueError, match="n_samples=1"):
        fitted(estimator, GOOD[:1])
    assert ask(fitted(estimator, GOOD), GOOD[:1]).shape[0] == 1


@every()
def test_unfitted(estimator: Any) -> None:
    verbs = ["transform", "inverse_transform", "score", "score_samples", "posterior", "explain"]
    for verb in verbs:
        if hasattr(estimator, verb):
            with pytest.raises(NotFittedError, match="not fitted yet"):
                getattr(estimator, verb)(GOOD)
    if hasattr(estimator, "sample"):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            estimator.sample()
    if hasattr(estimator, "transform"):
        with pytest.raises(NotFittedError):
            estimator.get_feature_names_out()


@every()
def test_other_number_of_columns(estimator: Any) -> None:
    model = fitted(estimator, GOOD)
    name = type(estimator).__name__
    with pytest.raises(ValueError, match=f"X has 2 features, but {name} is expecting 3 features"):
        ask(model, GOOD[:, :2])


@every()
def test_other_columns_of_a_frame(estimator: Any, frame: pd.DataFrame) -> None:
    model = fitted(estimator, frame)
    words = "feature names should match those that were passed during fit"
    for wrong in (
        frame[frame.columns[::-1]],
        frame.drop(columns="flag"),
        frame.assign(more=1.0),
        frame.rename(columns={"flag": "sign"}),
    ):
        with pytest.raises(ValueError, match=words):
            ask(model, wrong)


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("mixed", [False, True])
@every()
def test_reordered_names_are_refused_with_the_cure(
    estimator: Any, backend: str, mixed: bool, frame: pd.DataFrame
) -> None:
    if mixed:
        if not takes_words(estimator):
            pytest.skip("takes no words")
        frame = frame.assign(word=np.where(frame["flag"], "a", "b"))
    model = fitted(estimator, TO_FRAME[backend](frame))
    columns = "list(model.feature_names_in_)"
    cure = f"X.select({columns})" if backend == "pyarrow" else f"X[{columns}]"
    expected = ask(model, TO_FRAME[backend](frame))
    for more in (frame[frame.columns[::-1]], frame.assign(more=1.0)):
        X = TO_FRAME[backend](more)
        with pytest.raises(ValueError, match=re.escape(cure)):
            ask(model, X)
        cured = eval(cure, {"X": X, "model": model})
        assert np.array_equal(ask(model, cured), expected)
    with pytest.raises(ValueError, match="yet now missing") as lost:
        ask(model, TO_FRAME[backend](frame.drop(columns="flag")))
    assert "Pass the columns" not in str(lost.value)


@every()
def test_integer_column_names_do_not_permute_silently(estimator: Any, matrix: np.ndarray) -> None:
    frame = pd.DataFrame(matrix)
    model = fitted(estimator, frame)
    names = re.escape(f"X[{list(range(matrix.shape[1]))}]")
    with pytest.raises(ValueError, match=rf"feature names should match(.|\n)*{names}"):
        ask(model, frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match") as lost:
        ask(model, frame.rename(columns={0: 99}))
    assert "X[" not in str(lost.value)


@every("inverse_transform")
def test_codes_of_the_wrong_width(estimator: Any, matrix: np.ndarray) -> None:
    model = fitted(estimator, matrix)
    Z = model.transform(matrix)
    with pytest.raises(ValueError, match=rf"has {Z.shape[1] + 1} features.*{Z.shape[1]} features"):
        model.inverse_transform(np.hstack([Z, Z[:, :1]]))
    with pytest.raises(ValueError, match="Reshape your data"):
        model.inverse_transform(Z[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@every("inverse_transform")
def test_codes_that_are_not_finite(estimator: Any, value: float, matrix: np.ndarray) -> None:
    Z = fitted_codes(estimator, matrix)
    Z[3, 0] = value
    if np.isnan(value) and not has_a_model(estimator):
        assert np.isnan(estimator.inverse_transform(Z)[3, 0])  # encoded cells may be missing
        return
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        estimator.inverse_transform(Z)


@every("inverse_transform")
def test_codes_of_a_frame_in_another_order(estimator: Any, rows: np.ndarray) -> None:
    for name in ("n_components", "estimator__n_components"):
        if name in estimator.get_params():
            estimator.set_params(**{name: 3})
    Z = fitted_codes(estimator.set_output(transform="pandas"), rows)
    first = estimator.inverse_transform(Z)
    assert np.allclose(first, estimator.inverse_transform(Z.to_numpy()))
    cure = r"(Z|X)\[list\((model|encoder)\.get_feature_names_out\(\)\)\]"
    with pytest.raises(ValueError, match=rf"feature names should match(.|\n)*{cure}"):
        estimator.inverse_transform(Z[Z.columns[::-1]])


@every(trained=True)
def test_more_components_than_rows_or_columns(estimator: Any, matrix: np.ndarray) -> None:
    for rows in (matrix, matrix[:4]):
        most = min(rows.shape)
        with pytest.raises(ValueError, match=f"n_components={most + 1}.*{most}"):
            fitted(clone(estimator).set_params(n_components=most + 1), rows)
        fitted(clone(estimator).set_params(n_components=most), rows)


@every(trained=True)
def test_unknown_activation_names_the_known(estimator: Any, matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"'activation' parameter.*(relu|silu).*'sine'"):
        fitted(estimator.set_params(activation="sine"), matrix)


@every(trained=True)
def test_validation_rows_are_checked_too(estimator: Any, matrix: np.ndarray) -> None:
    with pytest.raises(ValueError, match="contains infinity"):
        fitted(clone(estimator), matrix, X_val=np.full_like(matrix, np.inf))
    with pytest.raises(ValueError, match="2 features"):
        fitted(clone(estimator), matrix, X_val=matrix[:, :2])


@pytest.mark.parametrize("kind", ["NaN", "infinity", "one dimension", "words", "empty"])
@every()
def test_failed_refit_leaves_the_earlier_fit(estimator: Any, kind: str, matrix: np.ndarray) -> None:
    if is_fine(estimator, kind):
        pytest.skip("takes this")
    model = fitted(estimator, matrix)
    before = as_bytes(answers(model, matrix))
    X, error, _ = WRONG[kind]
    with pytest.raises(error):
        fitted(model, X)
    assert as_bytes(answers(model, matrix)) == before


@every()
def test_failed_refit_leaves_the_names_of_the_earlier_fit(
    estimator: Any, frame: pd.DataFrame
) -> None:
    model = fitted(estimator, frame)
    with pytest.raises(ValueError, match="infinity"):
        fitted(model, frame.assign(flag=np.inf, more=1.0))
    assert list(model.feature_names_in_) == list(frame.columns)
    assert model.n_features_in_ == frame.shape[1]
    ask(model, frame)


@every(trained=True)
def test_diverging_training_names_what_to_change(estimator: Any, matrix: np.ndarray) -> None:
    estimator.set_params(max_steps=200, early_stopping=False)
    fresh = clone(estimator).set_params(learning_rate=1e6)
    with pytest.raises(ValueError, match="learning_rate"):
        fitted(fresh, matrix)
    assert not hasattr(fresh, "n_features_in_")
    assert not hasattr(fresh, "table_")
    model = fitted(estimator, matrix)
    before = as_bytes(answers(model, matrix))
    with pytest.raises(ValueError, match="learning_rate"):
        fitted(model.set_params(learning_rate=1e6), matrix)
    assert as_bytes(answers(model, matrix)) == before
