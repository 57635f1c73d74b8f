"""What every estimator owes, according to what it declares: a broken law raises AssertionError.

``contract_failures`` runs all of them on one estimator, wherever it is defined. The tests of
``tests/contract`` run them on the public ones, and ask for more there.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import OneToOneFeatureMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from sklatent._utils.declaration import declaration_of, verbs_of
from tests.instances import answers, as_bytes, ask, fitted, fitted_codes, takes_words, target

Law = Callable[[Any, np.ndarray], None]
LAWS: dict[str, Law] = {}

# Verbs that answer about rows.
VERBS_ON_ROWS = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
    "score",
    "posterior",
    "score_columns",
    "explain",
)

# How far an answer may move when rows are asked in other groups.
RTOL = {"float64": 1e-12, "float32": 1e-5}


def law(function: Law) -> Law:
    """Enter a function of an unfitted estimator and a table of numbers into the contract."""
    LAWS[function.__name__] = function
    return function


def table() -> np.ndarray:
    """60 rows, 6 correlated columns on a curved 2-dimensional sheet with a little noise."""
    rng = np.random.default_rng(0)
    sheet = rng.uniform(-1, 1, size=(60, 2))
    columns = np.tanh(sheet @ rng.normal(size=(2, 12))) @ rng.normal(size=(12, 6))
    return columns + 0.05 * rng.normal(size=columns.shape) + 1.0


def words(n_rows: int) -> pd.DataFrame:
    """Words, numbers with missing cells, and dates."""
    rng = np.random.default_rng(1)
    sizes = rng.normal(size=n_rows)
    sizes[:: max(2, n_rows // 5)] = np.nan
    return pd.DataFrame(
        {
            "size": sizes,
            "soil": rng.choice(["clay", "peat", "sand"], n_rows),
            "sown": pd.date_range("2020-01-01", periods=n_rows),
        }
    )


def close(actual: Any, expected: Any, rtol: float) -> None:
    """Compare up to a share of the largest number, so that entries near zero are no test."""
    expected = np.asarray(expected)
    largest = float(np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * max(largest, 1e-300))


def refusal(function: Callable[[], Any]) -> str:
    """The words with which a function refuses what it is given."""
    try:
        function()
    except ValueError as error:
        return str(error)
    raise AssertionError("no ValueError was raised")


def contract_failures(estimator: Any, X: np.ndarray | None = None) -> list[str]:
    """Run the contract on an estimator.

    Parameters
    ----------
    estimator : estimator object
        Unfitted and cheap, of a class that declares what it does; it is cloned for each law.
    X : ndarray of shape (n_samples, n_features), default=None
        Numbers to fit to; by default those of ``table``.

    Returns
    -------
    failures : list of str
        Name and message of each law that is broken; empty where none is.
    """
    X = table() if X is None else X
    failures = []
    for name, check in LAWS.items():
        try:
            check(clone(estimator), X)
        except AssertionError as error:
            failures.append(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it raises, the law is broken
            failures.append(f"{name}: {type(error).__name__}: {error}")
    return failures


# -- what it declares ------------------------------------------------------------------------------


@law
def declares_what_it_does(estimator: Any, X: np.ndarray) -> None:
    declared = declaration_of(estimator)
    assert verbs_of(type(estimator)), "it has none of the verbs"
    assert declared.question.endswith("?"), "the question is no question"
    assert declared.cost, "no cost is declared"
    assert declared.classic, "no classic method is named"
    assert set(declared.tables) <= {"numeric", "mixed"}
    assert "numeric" in declared.tables
    tags = get_tags(estimator)
    assert tags.target_tags.required == declared.needs_y, "its tag tells otherwise of y"


@law
def needs_y_or_ignores_it(estimator: Any, X: np.ndarray) -> None:
    if declaration_of(estimator).needs_y:
        said = refusal(lambda: clone(estimator).fit(X))
        assert "requires y to be passed, but the target y is None" in said, said
        return
    with_y = as_bytes(answers(fitted(clone(estimator), X), X))
    assert as_bytes(answers(clone(estimator).fit(X), X)) == with_y, "y changes its answers"


@law
def fit_transform_is_out_of_fold_or_plain(estimator: Any, X: np.ndarray) -> None:
    if not hasattr(estimator, "transform"):
        return
    at_once = np.asarray(fitted_codes(clone(estimator), X))
    later = np.asarray(fitted(clone(estimator), X).transform(X))
    assert at_once.shape == later.shape
    if declaration_of(estimator).out_of_fold:
        assert not np.allclose(at_once, later), "fit_transform equals transform on its own rows"
        again = np.asarray(fitted_codes(clone(estimator), X))
        assert np.array_equal(at_once, again), "fit_transform is not reproducible"
    else:
        assert np.array_equal(at_once, later), "fit_transform differs from fit, then transform"


@law
def takes_the_tables_that_it_declares(estimator: Any, X: np.ndarray) -> None:
    frame = words(len(X))
    if not takes_words(estimator):
        said = refusal(lambda: fitted(clone(estimator), frame))
        assert any(f"column {name!r}" in said for name in frame.columns), said
        return
    with warnings.catch_warnings():
        # few steps do not always wake the codes
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = fitted(clone(estimator), frame)
    assert len(ask(model, frame)) == len(frame)
    assert not np.isinf(ask(model, frame)).any()
    if hasattr(model, "inverse_transform"):
        back = model.inverse_transform(model.transform(frame))
        assert list(back.columns) == list(frame.columns)
        assert list(back.dtypes) == list(frame.dtypes)


@law
def takes_missing_cells_whatever_fit_saw(estimator: Any, X: np.ndarray) -> None:
    """Complete numbers, too; who holds a transformer that takes none says which."""
    model = fitted(estimator, X)
    holes = X.copy()
    holes[::5, 1] = holes[::7, 0] = holes[3] = np.nan
    whole = ~np.isnan(holes).any(1)
    names = [name for name in VERBS_ON_ROWS if hasattr(model, name)]
    if not get_tags(estimator).input_tags.allow_nan:
        held = getattr(estimator, "estimator", None)
        wanted = "NaN" if held is None else f"{type(held).__name__}, which {type(model).__name__}"
        for name in names:
            said = refusal(lambda name=name: getattr(model, name)(holes))
            assert wanted in said, said
        return
    for name in names:
        verb = getattr(model, name)
        given, plain = verb(holes), verb(X)
        if name == "score":
            assert np.isfinite(given), name
            continue
        for answer, before in zip(parts(given), parts(plain), strict=True):
            assert answer.shape == before.shape, name
            close(answer[whole], before[whole], RTOL[str(X.dtype)])
        if isinstance(model, OneToOneFeatureMixin):
            continue  # an encoder of cells encodes missing ones as missing
        assert all(np.isfinite(answer).all() for answer in parts(given)), name
        alone = np.concatenate([parts(verb(holes[i : i + 1]))[0] for i in range(9)])
        close(alone, parts(given)[0][:9], RTOL[str(X.dtype)])


def parts(answer: Any) -> list[np.ndarray]:
    """Take the answer of a verb apart, where it is several arrays."""
    return [*map(np.asarray, answer)] if isinstance(answer, tuple) else [np.asarray(answer)]


# -- reproducible ----------------------------------------------------------------------------------


@law
def same_seed_same_bytes(estimator: Any, X: np.ndarray) -> None:
    first, again = (as_bytes(answers(fitted(clone(estimator), X), X)) for _ in range(2))
    assert first == again


@law
def other_seed_other_answers(estimator: Any, X: np.ndarray) -> None:
    if "random_state" not in estimator.get_params():
        return
    one, other = (fitted(clone(estimator).set_params(random_state=seed), X) for seed in (0, 1))
    # the start may be the same, and is all there is where nothing was trained
    if getattr(one, "best_iter_", 0) > 0 and getattr(other, "best_iter_", 0) > 0:
        assert as_bytes(answers(one, X)) != as_bytes(answers(other, X))


@law
def callers_random_streams_are_left_alone(estimator: Any, X: np.ndarray) -> None:
    import torch

    np.random.seed(7)  # noqa: NPY002 - the legacy stream is the one that could be touched
    torch.manual_seed(7)
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.get_rng_state()
    answers(fitted(estimator, X), X)
    assert np.array_equal(np.random.get_state()[1], numpy_before), "numpy's"  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before), "torch's"


@law
def copies_answer_with_the_same_bits(estimator: Any, X: np.ndarray) -> None:
    model = fitted(estimator, X)
    expected = as_bytes(answers(model, X))
    through_pickle = pickle.loads(pickle.dumps(model))
    assert as_bytes(answers(through_pickle, X)) == expected, "after pickle"
    copy = clone(model)
    fresh = [name for name in vars(copy) if name.endswith("_") and not name.startswith("_")]
    assert fresh == [], "a clone is fitted"
    assert as_bytes(answers(fitted(copy, X), X)) == expected, "a clone"


@law
def input_is_not_written_to(estimator: Any, X: np.ndarray) -> None:
    given = X.copy()
    answers(fitted(estimator, given), given)
    assert np.array_equal(given, X)


# -- answers ---------------------------------------------------------------------------------------


@law
def shapes_and_dtypes(estimator: Any, X: np.ndarray) -> None:
    model = fitted(estimator, X)
    assert model.n_features_in_ == X.shape[1]
    for answer in answers(model, X).values():
        assert np.isfinite(answer).all()
    if hasattr(model, "score_samples"):
        assert model.score_samples(X).shape == (len(X),)
    if not hasattr(model, "transform"):
        return
    Z = model.transform(X)
    width = len(model.get_feature_names_out())
    assert Z.shape == (len(X), width)
    assert Z.dtype == X.dtype
    assert model.transform(X.astype("float32")).dtype == "float32"
    assert model.transform(X[:1]).shape == (1, width)
    assert getattr(model, "n_components_", width) == width
    if hasattr(model, "inverse_transform"):
        assert model.inverse_transform(Z).shape == X.shape
        assert model.inverse_transform(Z).dtype == Z.dtype
        assert model.inverse_transform(Z[:1]).shape == (1, X.shape[1])


@law
def row_does_not_depend_on_the_rows_beside_it(estimator: Any, X: np.ndarray) -> None:
    model = fitted(estimator, X)
    rtol = RTOL[str(X.dtype)]
    for verb in ("transform", "inverse_transform", "score_samples", "explain"):
        if not hasattr(model, verb):
            continue
        rows = model.transform(X) if verb == "inverse_transform" else X
        answer = getattr(model, verb)
        whole = answer(rows)
        close(np.concatenate([answer(rows[i : i + 1]) for i in range(len(rows))]), whole, rtol)
        close(np.concatenate([answer(rows[:7]), answer(rows[7:])]), whole, rtol)
        close(answer(rows[::-1])[::-1], whole, rtol)
        close(answer(np.tile(rows, (40, 1)))[-len(rows) :], whole, rtol)


@law
def sample_is_reproducible(estimator: Any, X: np.ndarray) -> None:
    if not hasattr(estimator, "sample"):
        return
    model = fitted(estimator, X)
    first = model.sample(20, random_state=3)
    assert first.shape == (20, X.shape[1])
    assert model.sample().shape == (1, X.shape[1])
    assert np.array_equal(model.sample(20, random_state=3), first), "same seed, other rows"
    assert not np.array_equal(model.sample(20, random_state=4), first), "other seed, same rows"
    assert len({row.tobytes() for row in np.asarray(first)}) > 1, "all rows are the same"


@law
def impute_fills_missing_cells_alone(estimator: Any, X: np.ndarray) -> None:
    if not hasattr(estimator, "impute"):
        return
    holes = X.copy()
    holes[::7, 1] = np.nan
    given = ~np.isnan(holes)
    for seen in (holes, X):  # in mixed mode and in that of numbers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = fitted(clone(estimator), seen)
        filled = np.asarray(model.impute(holes))
        assert np.isfinite(filled).all()
        assert np.array_equal(filled[given], holes[given])


@law
def frames_in_frames_out(estimator: Any, X: np.ndarray) -> None:
    frame = pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    frame["count"] = np.arange(len(frame)) % 7
    frame["flag"] = X[:, 0] > np.median(X[:, 0])
    model = fitted(estimator, frame)
    assert list(model.feature_names_in_) == list(frame.columns)
    given = [model.sample(7, random_state=0)] if hasattr(model, "sample") else []
    if hasattr(model, "inverse_transform"):
        given.append(model.inverse_transform(model.transform(frame)))
    for back in given:
        assert isinstance(back, pd.DataFrame)
        assert list(back.dtypes.items()) == list(frame.dtypes.items())
    if not (hasattr(model, "transform") or hasattr(model, "score_samples")):
        return  # it answers about no rows
    array = frame.to_numpy(dtype="float64")
    alike = fitted(clone(estimator), array, target(frame))
    assert np.array_equal(ask(alike, array), ask(model, frame)), "an array has other answers"


# -- principal components --------------------------------------------------------------------------


def bent(n_rows: int) -> np.ndarray:
    """Rows along a bent line in 5 columns, which are no plane."""
    u = np.random.default_rng(0).uniform(-1.5, 1.5, size=(n_rows, 1))
    columns = np.hstack([u, u**2, np.sin(2 * u), np.cos(2 * u), u**3])
    return columns + 0.05 * np.random.default_rng(1).normal(size=columns.shape)


def without_training(estimator: Any, X: np.ndarray) -> Any:
    """Keep the start: no hidden layer has anything to add to it."""
    known = estimator.get_params()
    start = {"n_components": 2, "hidden_layer_sizes": (), "max_steps": 1, "init": "pca"}
    estimator.set_params(**{name: start[name] for name in start if name in known})
    return fitted(estimator, X)


@law
def start_is_principal_components(estimator: Any, X: np.ndarray) -> None:
    """Codes are those of PCA up to the scale of each, and rows are rebuilt in its plane."""
    if not declaration_of(estimator).starts_at_pca:
        return
    rows = bent(90)
    model = without_training(clone(estimator), rows)
    scaler = StandardScaler().fit(rows)
    pca = PCA(2, svd_solver="full").fit(scaler.transform(rows))
    expected = pca.transform(scaler.transform(rows))
    codes = np.asarray(model.transform(rows))
    codes = (codes - codes.mean(0)) / codes.std(0)
    signs = np.sign((codes * expected).sum(0))
    close(codes * signs * expected.std(0), expected, 1e-6)
    if hasattr(model, "inverse_transform"):
        back = scaler.transform(model.inverse_transform(model.transform(rows)))
        close(pca.inverse_transform(pca.transform(back)), back, 1e-6)


@law
def never_worse_than_pca_on_new_rows(estimator: Any, X: np.ndarray) -> None:
    """Nor, where it has a likelihood, less likely than under probabilistic PCA."""
    if not declaration_of(estimator).starts_at_pca:
        return
    known = estimator.get_params()
    enough = {"n_components": 2, "hidden_layer_sizes": (16,), "max_steps": 60, "init": "pca"}
    estimator.set_params(**{name: enough[name] for name in enough if name in known})
    rows = bent(700)
    train, new = rows[:300], rows[300:]
    model = fitted(estimator, train)
    scaler = StandardScaler().fit(train)
    pca = PCA(2, svd_solver="full").fit(scaler.transform(train))
    if hasattr(model, "score_samples"):
        linear = pca.score(scaler.transform(new)) - np.log(scaler.scale_).sum()
        assert model.score_samples(new).mean() >= linear - 0.02 * abs(linear)
        return
    back = scaler.transform(model.inverse_transform(model.transform(new)))
    plane = pca.inverse_transform(pca.transform(scaler.transform(new)))
    errors = [((scaler.transform(new) - part) ** 2).sum() for part in (back, plane)]
    assert errors[0] <= 1.02 * errors[1], f"squared error {errors[0]:.4g}, of PCA {errors[1]:.4g}"


# -- scikit-learn ----------------------------------------------------------------------------------


@law
def passes_check_estimator(estimator: Any, X: np.ndarray) -> None:
    reasons = {}
    if declaration_of(estimator).out_of_fold:
        reasons = {
            "check_transformer_general": "answers out of fold",
            "check_transformer_data_not_an_array": "answers out of fold",
        }
    results = check_estimator(
        estimator, on_skip=None, on_fail=None, expected_failed_checks=reasons or None
    )
    failed = [one["check_name"] for one in results if one["status"] == "failed"]
    assert failed == []
