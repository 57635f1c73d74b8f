"""Tables of numbers whose first missing cells come after ``fit``, and such as miss some in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklatent import (
    AutoencoderTransformer,
    LatentAnomalyDetector,
    LatentClusterer,
    NeighborEmbedding,
    TabularEncoder,
    VAETransformer,
)

RNG = np.random.default_rng(0)
LOADING = RNG.normal(size=(8, 3))
# isotropic once standardized: the model of probabilistic PCA holds exactly
SHARED = LOADING @ LOADING.T
COVARIANCE = SHARED * (0.8 / np.sqrt(np.outer(np.diag(SHARED), np.diag(SHARED)))) + 0.2 * np.eye(8)
MEAN, UNIT = np.arange(8.0), 10.0 ** RNG.integers(-2, 3, 8)


def rows(n: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).multivariate_normal(MEAN, COVARIANCE, size=n)
    return drawn * UNIT


TRAIN, NEW = rows(600, 0), rows(120, 1)
HOLES = NEW.copy()
HOLES[np.random.default_rng(2).random(NEW.shape) < 0.25] = np.nan
MISSING = np.isnan(HOLES)

FEW: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_steps": 60, "random_state": 0}
MODELS = {
    "autoencoder": AutoencoderTransformer(3, **FEW),
    "autoencoder, raw": AutoencoderTransformer(3, standardize=False, init="random", **FEW),
    "vae": VAETransformer(3, **FEW),
    "vae, rotated": VAETransformer(3, rotation="varimax", **FEW),
    "neighbours": NeighborEmbedding(3, **FEW),
}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    return {name: clone(model).fit(TRAIN) for name, model in MODELS.items()}


@every_model
def test_codes_are_nearer_to_those_of_the_whole_row_than_with_means(
    fitted: dict[str, Any], name: str
) -> None:
    model = fitted[name]
    whole, by_mean = model.transform(NEW), model.transform(np.where(MISSING, TRAIN.mean(0), HOLES))
    found = model.transform(HOLES)
    # a unit ball bends what is far out
    share = 0.75 if name == "neighbours" else 0.5
    assert ((found - whole) ** 2).mean() < share * ((by_mean - whole) ** 2).mean()
    complete = ~MISSING.any(1)
    np.testing.assert_allclose(found[complete], whole[complete], rtol=1e-9)
    back = model.inverse_transform(found)
    assert np.isfinite(back).all()


@pytest.mark.parametrize("container", ["pandas", "polars", "nullable"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_containers_and_dtypes(container: str, dtype: str) -> None:
    names = list("abcdefgh")
    units = np.where(UNIT > 1, UNIT, 1.0)
    made = {
        "pandas": lambda X: pd.DataFrame(X, columns=names),
        "nullable": lambda X: pd.DataFrame(X, columns=names).astype(X.dtype.name.capitalize()),
        "polars": lambda X: pl.DataFrame(dict(zip(names, X.T, strict=True))).fill_nan(None),
    }[container]
    train, holes = ((X / units).astype(dtype) for X in (TRAIN, HOLES))
    model = AutoencoderTransformer(3, **FEW).fit(made(train))
    expected = model.transform(pd.DataFrame(holes, columns=names))
    np.testing.assert_allclose(model.transform(made(holes)), expected, rtol=1e-4, atol=1e-5)
    assert np.isfinite(expected).all()


def test_integers_and_booleans() -> None:
    counts = np.random.default_rng(0).poisson(5, size=(120, 3))
    train = pd.DataFrame(counts, columns=list("abc")).assign(flag=counts[:, 0] > 4)
    model = VAETransformer(2, **FEW).fit(train)
    holes = train.astype("Int64").mask(np.random.default_rng(1).random(train.shape) < 0.3)
    codes = model.transform(holes)
    assert np.isfinite(codes).all()
    assert np.isfinite(model.score_samples(holes)).all()
    assert list(model.inverse_transform(codes).dtypes) == list(train.dtypes)


# -- likelihoods -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear() -> VAETransformer:
    """Probabilistic PCA, under which the rows are exactly normal."""
    return VAETransformer(
        3, hidden_layer_sizes=(), prior="normal", max_steps=1, random_state=0
    ).fit(rows(5000, 3))


def marginal(row: np.ndarray) -> float:
    """Log-density of the known cells of a row under the law of the rows."""
    known = ~np.isnan(row)
    if not known.any():
        return 0.0
    law = multivariate_normal(MEAN[known], COVARIANCE[np.ix_(known, known)])
    return float(law.logpdf(row[known] / UNIT[known]) - np.log(UNIT[known]).sum())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_missing_cells_are_integrated_out(linear: VAETransformer, dtype: str) -> None:
    holes = HOLES.copy()
    holes[0] = np.nan
    holes[1, 1:] = np.nan
    found = linear.score_samples(holes.astype(dtype))
    expected = np.array([marginal(row) for row in holes])
    np.testing.assert_allclose(found, expected, atol=0.35)
    assert np.abs(found - expected).mean() < 0.1
    assert found[0] == pytest.approx(0.0, abs=1e-3)
    assert linear.score(holes.astype(dtype)) == pytest.approx(found.mean())
    # of the rows filled by means, few are that likely
    by_mean = linear.score_samples(np.where(MISSING, TRAIN.mean(0), HOLES))
    assert np.abs(by_mean - expected)[MISSING.any(1)].mean() > 1.0


def test_trained_likelihood_of_some_cells(fitted: dict[str, Any]) -> None:
    found = fitted["vae"].score_samples(HOLES)
    expected = np.array([marginal(row) for row in HOLES])
    assert np.abs(found - expected).mean() < 0.6
    assert np.corrcoef(found, expected)[0, 1] > 0.97


def test_posterior_is_wider_where_cells_are_missing(linear: VAETransformer) -> None:
    mean, std = linear.posterior(NEW)
    mean_of_known, std_of_known = linear.posterior(HOLES)
    np.testing.assert_allclose(mean_of_known, linear.transform(HOLES))
    holes = MISSING.any(1)
    np.testing.assert_allclose(std_of_known[~holes], std[~holes], rtol=1e-9)
    assert (std_of_known[holes] >= std[holes] - 1e-12).all()
    # the codes of the whole rows lie about the means by that much
    error = ((mean - mean_of_known) ** 2)[holes].mean()
    assert error == pytest.approx((std_of_known**2 - std**2)[holes].mean(), rel=0.25)
    # with nothing known, the codes of all rows
    nothing = linear.posterior(np.full((1, 8), np.nan))[1][0]
    spread = np.sqrt(linear.transform(TRAIN).var(0) + std[0] ** 2)
    np.testing.assert_allclose(nothing, spread, rtol=0.15)


def test_missing_cells_have_no_likelihood_of_their_own(fitted: dict[str, Any]) -> None:
    columns = fitted["vae"].score_columns(HOLES)
    assert (columns[MISSING] == 0).all()
    assert (columns[~MISSING] != 0).all()


# -- where models are used -------------------------------------------------------------------------


@pytest.mark.parametrize("model", [AutoencoderTransformer(2), NeighborEmbedding(2)], ids=str)
def test_one_missing_cell_costs_no_fold(model: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] + 0.3 * rng.normal(size=200) > 0).astype(int)
    X[7, 1] = np.nan
    model = clone(model).set_params(max_steps=20, random_state=0)
    scores = cross_val_score(make_pipeline(model, LogisticRegression()), X, y, cv=KFold(4))
    assert np.isfinite(scores).all()
    assert scores.mean() > 0.6


@pytest.mark.parametrize(
    "model",
    [
        AutoencoderTransformer(3, mode="affine", **FEW),
        VAETransformer(3, mode="affine", **FEW),
        NeighborEmbedding(3, **FEW),
    ],
    ids=lambda model: type(model).__name__,
)
def test_missing_cells_in_fit_where_the_table_stays_one_of_numbers(model: Any) -> None:
    holes = TRAIN.copy()
    holes[np.random.default_rng(4).random(holes.shape) < 0.1] = np.nan
    model = clone(model).fit(holes)
    assert model.table_.mode_ == "affine"
    assert np.isfinite(model.transform(holes)).all()
    back = model.inverse_transform(model.transform(HOLES))
    # by what is left of them: mean squared error of hidden cells below that of the means
    error = (((back - NEW) / UNIT) ** 2)[MISSING].mean()
    assert error < 0.75 * (((NEW - TRAIN.mean(0)) / UNIT) ** 2)[MISSING].mean()
    if hasattr(model, "sample"):
        assert np.isfinite(model.sample(50, random_state=0)).all()
    assert np.isfinite(clone(model).fit(TRAIN, X_val=HOLES).transform(NEW)).all()


def test_clusters_in_rows_with_missing_cells() -> None:
    groups = np.repeat([0.0, 6.0, 12.0], 60)[:, None] + np.random.default_rng(0).normal(
        size=(180, 4)
    )
    holes = groups.copy()
    holes[::3, 1] = holes[::4, 2] = np.nan
    for estimator in (None, AutoencoderTransformer(2, **FEW)):
        model = LatentClusterer(3, estimator=estimator, random_state=0).fit(groups)
        assert (model.predict(holes) == model.labels_).mean() > 0.95
        assert np.isfinite(model.predict_proba(holes)).all()
    named = "PCA, which LatentClusterer holds, does not take missing cells"
    with pytest.raises(ValueError, match=named):
        LatentClusterer(3, estimator=PCA(2)).fit(groups).predict(holes)


def test_odd_rows_with_missing_cells() -> None:
    odd = HOLES.copy()
    odd[:5, 0] = MEAN[0] + 60 * UNIT[0]
    model = LatentAnomalyDetector(AutoencoderTransformer(3, **FEW), random_state=0).fit(TRAIN)
    assert (model.score_samples(odd)[:5] < model.score_samples(odd)[5:].min()).all()
    named = "PCA, which LatentAnomalyDetector holds, does not take missing cells"
    with pytest.raises(ValueError, match=named):
        LatentAnomalyDetector(PCA(2)).fit(TRAIN).predict(odd)


def test_infinite_cells_stay_errors(fitted: dict[str, Any]) -> None:
    wrong = HOLES.copy()
    wrong[3, 2] = np.inf
    for model in fitted.values():
        with pytest.raises(ValueError, match=r"infinity(.|\n)*column 2, row 3"):
            model.transform(wrong)


@every_model
def test_models_saved_before_answer_as_before(fitted: dict[str, Any], name: str) -> None:
    """They have no distribution of the rows in their state."""
    model = fitted[name]
    state = model.__getstate__()
    table = state["table_"].__getstate__()
    del table["_table"]["gaussian"]
    state["table_"] = TabularEncoder()
    state["table_"].__setstate__(table)
    former = clone(model)
    former.__setstate__(state)
    assert np.array_equal(former.transform(NEW), model.transform(NEW))
    if hasattr(model, "score_samples"):
        assert np.array_equal(former.score_samples(NEW), model.score_samples(NEW))
    with pytest.raises(ValueError, match=r"contains NaN.*earlier release has fitted(.|\n)*row 0"):
        former.transform(np.full((1, 8), np.nan))
