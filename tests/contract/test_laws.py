"""The laws hold for every public estimator, and each sees what breaks it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklatent._utils.declaration import Declaration
from tests.instances import every, fitted
from tests.laws import LAWS, contract_failures, table

EXAMPLE = Path(__file__).parents[2] / "docs" / "develop" / "example_model.py"


# tests/contract/test_sklearn_checks.py runs the checks of scikit-learn one by one
@pytest.mark.parametrize("name", sorted(set(LAWS) - {"passes_check_estimator"}))
@every()
def test_public_estimator_keeps(estimator: Any, name: str, matrix: np.ndarray) -> None:
    LAWS[name](estimator, matrix)


@every()
def test_tag_for_missing_cells(estimator: Any) -> None:
    """All of ours take them; what holds another transformer takes what that one takes."""
    held = getattr(estimator, "estimator", None)
    foreign = held is not None and not hasattr(held, "_declares")
    assert get_tags(estimator).input_tags.allow_nan is not foreign


def test_example_model_keeps_the_contract() -> None:
    spec = importlib.util.spec_from_file_location("example_in_contract", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pickle looks its classes up here
    try:
        spec.loader.exec_module(module)
        if "_declares" not in vars(module.SparseAutoencoder):
            module.SparseAutoencoder._declares = Declaration(
                question="Which few parts is a row made of?",
                tables=("numeric",),
                cost="as an autoencoder",
                classic="NMF",
            )
        cheap = {"hidden_layer_sizes": (8,), "max_steps": 5, "random_state": 0, "device": "cpu"}
        assert contract_failures(module.SparseAutoencoder(2, **cheap)) == []
    finally:
        del sys.modules[spec.name]


# -- toys ------------------------------------------------------------------------------------------


class Slope(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The least-squares prediction of y as the only code, out of fold for the rows of ``fit``."""

    _declares: ClassVar[Declaration] = Declaration(
        question="How much of y lies in the columns?",
        tables=("numeric",),
        cost="one linear system",
        classic="LinearRegression",
        needs_y=True,
        out_of_fold=True,
    )
    _n_features_out = 1

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: Any, y: Any = None) -> Any:
        X, y = validate_data(self, X, y, y_numeric=True, dtype=[np.float64, np.float32])
        self.coef_, self.intercept_ = self._solve(X, y)
        return self

    def _solve(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
        center, level = X.mean(0, dtype=np.float64), float(y.mean())
        rows = X - center
        gram = rows.T @ rows + self.alpha * np.eye(X.shape[1])
        coef = np.linalg.solve(gram, rows.T @ (y - level))
        return coef, level - float(center @ coef)

    def transform(self, X: Any) -> Any:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        # a sum over columns, whose order no number of rows changes
        codes = (X * self.coef_).sum(1, keepdims=True) + self.intercept_
        return codes.astype(X.dtype, copy=False)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        self.fit(X, y)
        X, y = validate_data(
            self, X, y, reset=False, y_numeric=True, dtype=[np.float64, np.float32]
        )
        codes = np.empty((len(X), 1), X.dtype)
        for train, held_out in KFold(min(5, len(X))).split(X):
            coef, intercept = self._solve(X[train], y[train])
            codes[held_out, 0] = X[held_out] @ coef + intercept
        return codes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def declares(**changes: Any) -> Declaration:
    return replace(Slope._declares, **changes)


class InFold(Slope):
    """Declares out of fold and gives the codes of rows that it was fitted to."""

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.fit(X, y).transform(X)


class SecretlyOutOfFold(Slope):
    _declares = declares(out_of_fold=False)


class InventsY(Slope):
    """Declares that it needs y and does without."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(X, np.arange(len(X)) if y is None else y)


class MumblesWithoutY(Slope):
    def fit(self, X: Any, y: Any = None) -> Any:
        if y is None:
            raise ValueError("give more arguments")
        return super().fit(X, y)


class SecretlyUsesY(InventsY):
    _declares = declares(needs_y=False)


class Undeclared(Slope):
    _declares = None  # type: ignore[assignment]


class SaysMixed(Slope):
    _declares = declares(tables=("numeric", "mixed"))


class SaysPCA(Slope):
    _declares = declares(starts_at_pca=True)


class FillsFromWhatItIsAsked(Slope):
    """Takes missing cells, and fills them with the means of the rows beside."""

    def transform(self, X: Any) -> Any:
        filled = np.where(np.isnan(X), np.nan_to_num(X).mean(0), X)
        return super().transform(filled.astype(X.dtype))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Noisy(Slope):
    def transform(self, X: Any) -> Any:
        return super().transform(X) + np.random.default_rng().normal()


class DeafToItsSeed(Slope):
    """Says that it trained and has a seed, which changes nothing."""

    best_iter_ = 3

    def __init__(self, alpha: float = 1.0, random_state: Any = None) -> None:
        super().__init__(alpha)
        self.random_state = random_state


class StirsNumpy(Slope):
    def transform(self, X: Any) -> Any:
        np.random.rand()  # noqa: NPY002
        return super().transform(X)


class Forgetful(Slope):
    def __getstate__(self) -> Any:
        return {**super().__getstate__(), "intercept_": 0.0}


class WritesToX(Slope):
    def transform(self, X: Any) -> Any:
        codes = super().transform(X)
        X[0] = 0.0
        return codes


class AlwaysDouble(Slope):
    def transform(self, X: Any) -> Any:
        return super().transform(X).astype(np.float64)


class CentersWhatItIsAsked(Slope):
    def transform(self, X: Any) -> Any:
        codes = super().transform(X)
        return codes - codes.mean(0)


class SamplesWithoutSeed(Slope):
    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> Any:
        return np.random.default_rng().normal(size=(n_samples, self.n_features_in_))


class SamplesOneRow(Slope):
    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> Any:
        row = np.random.default_rng(random_state).normal(size=self.n_features_in_)
        return np.tile(row, (n_samples, 1))


class RewritesGivenCells(Slope):
    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(np.nan_to_num(X), y)

    def impute(self, X: Any) -> Any:
        return np.nan_to_num(X) + 1.0


class ForgetsTheFrame(Slope):
    def inverse_transform(self, Z: Any) -> Any:
        return np.repeat(np.asarray(Z), self.n_features_in_, axis=1)


class Mute(BaseEstimator):
    """A declaration without any verb."""

    _declares = Slope._declares


BROKEN: list[tuple[str, type]] = [
    ("declares_what_it_does", Undeclared),
    ("declares_what_it_does", Mute),
    ("declares_what_it_does", SecretlyUsesY),
    ("needs_y_or_ignores_it", InventsY),
    ("needs_y_or_ignores_it", MumblesWithoutY),
    ("needs_y_or_ignores_it", SecretlyUsesY),
    ("fit_transform_is_out_of_fold_or_plain", InFold),
    ("fit_transform_is_out_of_fold_or_plain", SecretlyOutOfFold),
    ("takes_the_tables_that_it_declares", SaysMixed),
    ("takes_the_tables_that_it_declares", Slope),  # names no column
    ("takes_missing_cells_whatever_fit_saw", FillsFromWhatItIsAsked),
    ("same_seed_same_bytes", Noisy),
    ("other_seed_other_answers", DeafToItsSeed),
    ("callers_random_streams_are_left_alone", StirsNumpy),
    ("copies_answer_with_the_same_bits", Forgetful),
    ("input_is_not_written_to", WritesToX),
    ("shapes_and_dtypes", AlwaysDouble),
    ("row_does_not_depend_on_the_rows_beside_it", CentersWhatItIsAsked),
    ("sample_is_reproducible", SamplesWithoutSeed),
    ("sample_is_reproducible", SamplesOneRow),
    ("impute_fills_missing_cells_alone", RewritesGivenCells),
    ("frames_in_frames_out", ForgetsTheFrame),
    ("start_is_principal_components", SaysPCA),
    ("never_worse_than_pca_on_new_rows", SaysPCA),
    ("passes_check_estimator", WritesToX),
]


class SlopeOfColumns(Slope):
    """The same, with an error that names the column."""

    def fit(self, X: Any, y: Any = None) -> Any:
        for name in getattr(X, "columns", ()):
            if X[name].dtype.kind not in "biuf":
                raise ValueError(f"SlopeOfColumns takes numbers alone: column {name!r}")
        return super().fit(X, y)


def test_toy_out_of_fold_that_needs_y_keeps_the_contract() -> None:
    assert contract_failures(SlopeOfColumns()) == []


@pytest.mark.parametrize(("name", "cls"), BROKEN, ids=lambda part: getattr(part, "__name__", part))
def test_law_sees_what_breaks_it(name: str, cls: type) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - a broken law says why, as it can
        LAWS[name](cls(), table())
    assert isinstance(caught.value, AssertionError | TypeError | ValueError | AttributeError)


def test_every_law_has_been_seen_to_fail() -> None:
    assert set(LAWS) == {name for name, _ in BROKEN}


def test_failures_are_told_by_name() -> None:
    failures = contract_failures(Noisy())
    broken = {failure.partition(":")[0] for failure in failures}
    assert {"same_seed_same_bytes", "row_does_not_depend_on_the_rows_beside_it"} <= broken
    assert "needs_y_or_ignores_it" not in broken


def test_out_of_fold_codes_are_less_like_y_than_those_of_transform() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 20)), rng.normal(size=60)
    at_once = Slope().fit_transform(X, y)[:, 0]
    later = fitted(clone(Slope()), X, y).transform(X)[:, 0]
    assert abs(np.corrcoef(at_once, y)[0, 1]) < np.corrcoef(later, y)[0, 1] - 0.2
