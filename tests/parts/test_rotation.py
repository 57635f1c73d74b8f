"""Codes turned after training: what is found, what stays as it was, and where nothing is turned."""

from __future__ import annotations

import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.metrics import latent_report, mig_score
from sklatent.parts._directions import dependence, independent, share_found_again, varimax
from sklatent.parts._rotation import (
    MAX_ROTATED,
    MIN_ROWS,
    core_components,
    fit_rotation,
    kl_from_all,
    loadings_of,
    principal_frame,
)

MODELS = [AutoencoderTransformer, VAETransformer]
QUICK: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_steps": 60, "random_state": 0}


def mixture(
    n: int = 2000, *, sparse: bool = False, normal: bool = False, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A table of 12 columns that are mixed from three independent factors, and the factors."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n, 3)) if normal else rng.uniform(-1, 1, size=(n, 3))
    weights = rng.normal(size=(3, 12))
    if sparse:
        weights = np.repeat(np.eye(3), 4, axis=1) * (1 + rng.uniform(size=12)) + 0.05 * weights
    X = factors @ weights
    return X + 0.05 * X.std(0) * rng.normal(size=X.shape), factors


def turned(codes: np.ndarray, X: np.ndarray, kind: str) -> Any:
    blocks = (("numeric", 0, X.shape[1], 0, False),)
    usable = np.ones(codes.shape[1], dtype=bool)
    return fit_rotation(
        codes, lambda white: loadings_of(X, blocks, white), kind, usable=usable, seed=0
    )


def principal(X: np.ndarray, k: int) -> np.ndarray:
    centred = X - X.mean(0)
    return centred @ np.linalg.svd(centred, full_matrices=False)[2][:k].T


# -- what is found -------------------------------------------------------------------------------


def test_ica_finds_independent_factors() -> None:
    X, factors = mixture()
    codes = principal(X, 3)
    found = turned(codes, X, "ica")
    agreement = np.abs(np.corrcoef(codes @ found.matrix, factors, rowvar=False)[:3, 3:])
    assert agreement.max(1).min() > 0.99
    assert sorted(agreement.argmax(1)) == [0, 1, 2]


def test_varimax_finds_the_factors_of_groups_of_columns() -> None:
    X, factors = mixture(sparse=True, normal=True)
    codes = principal(X, 3)
    found = turned(codes, X, "varimax")
    agreement = np.abs(np.corrcoef(codes @ found.matrix, factors, rowvar=False)[:3, 3:])
    assert agreement.max(1).min() > 0.97


@pytest.mark.parametrize(
    ("sparse", "normal", "expected"),
    [(False, False, "ica"), (True, False, "ica"), (True, True, "varimax"), (False, True, None)],
)
def test_auto_turns_only_what_can_be_found(sparse: bool, normal: bool, expected: str) -> None:
    X, _ = mixture(sparse=sparse, normal=normal)
    assert turned(principal(X, 3), X, "auto").kind == expected


def test_a_turn_has_an_inverse_and_keeps_lengths() -> None:
    X, _ = mixture()
    codes = principal(X, 3)
    for kind in ("ica", "varimax"):
        found = turned(codes, X, kind)
        np.testing.assert_allclose(found.matrix @ found.inverse, np.eye(3), atol=1e-12)
        # a step along a turned component is as long as it looks
        np.testing.assert_allclose(np.linalg.norm(found.inverse, axis=1), 1.0)
        spread = (codes @ found.matrix).std(0)
        assert list(spread) == sorted(spread, reverse=True)
        assert (found.inverse[np.arange(3), np.abs(found.inverse).argmax(1)] > 0).all()


def test_components_that_follow_from_others_stay_behind() -> None:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, size=(1000, 2)) * [3.0, 2.0]
    bent = 0.5 * np.cos(z[:, :1]) * z[:, 1:]
    codes = np.column_stack([z, bent, 1e-9 * z[:, :1], rng.normal(size=1000)])
    usable = np.array([True, True, True, True, False])
    assert core_components(codes, usable, 0).tolist() == [0, 1]
    turn = np.array([[1.0, 1.0], [-1.0, 1.0]])
    mixed = np.column_stack([z @ turn, codes[:, 2:]])
    found = fit_rotation(mixed, lambda white: white[:4].T, "ica", usable=usable, seed=0)
    # the others come behind as they were
    np.testing.assert_array_equal((mixed @ found.matrix)[:, 2:], mixed[:, 2:])
    np.testing.assert_allclose(found.matrix @ found.inverse, np.eye(5), atol=1e-12)


def test_only_the_widest_components_are_turned() -> None:
    codes = np.random.default_rng(0).normal(size=(60, MAX_ROTATED + 5))
    codes *= np.linspace(2, 1, codes.shape[1])
    core = core_components(codes, np.ones(codes.shape[1], dtype=bool), 0)
    widest = np.argsort(-codes.std(0))[:MAX_ROTATED]
    # none follows from the others, so that all of these are taken and no other
    assert core.tolist() == widest.tolist()


def test_rows_that_tell_nothing_from_chance_are_not_turned() -> None:
    X, _ = mixture(MIN_ROWS - 1)
    found = turned(principal(X, 3), X, "auto")
    assert found.kind is None
    assert turned(principal(X, 3)[:5], X[:5], "varimax").kind is None
    np.testing.assert_array_equal(found.matrix, np.eye(3))


def test_few_rows_of_many_components() -> None:
    codes = np.random.default_rng(0).normal(size=(60, 40))
    for kind in ("ica", "varimax", "auto"):
        assert turned(codes, codes, kind).kind is None
    # halves of the rows too short to find directions again
    assert share_found_again(codes[:, :20], 0) == 0.0


def test_codes_that_hardly_vary() -> None:
    X, _ = mixture(600)
    still = np.column_stack([principal(X, 3), np.ones(600)])
    assert turned(still, X, "ica").kind == "ica"
    # all that varies is in one half of the rows
    rows = np.random.RandomState(0).permutation(64)[:2]
    spikes = np.zeros((64, 2))
    spikes[rows] = np.eye(2)
    assert 0.0 <= share_found_again(spikes, 0) <= 1.0
    for kind in ("ica", "varimax", "auto"):
        assert np.isfinite(turned(spikes, spikes, kind).inverse).all()


def test_the_unit_of_codes_does_not_matter() -> None:
    X, _ = mixture(600)
    codes = principal(X, 3)
    for kind in ("ica", "varimax", "auto"):
        expected = turned(codes, X, kind)
        for unit in (2.0**-400, 2.0**400):
            found = turned(codes * unit, X, kind)
            assert found.kind == expected.kind
            np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-12)
        # the search for directions ends where steps are short
        np.testing.assert_allclose(turned(codes + 1e6, X, kind).matrix, expected.matrix, atol=1e-2)


@pytest.mark.parametrize("normal", [False, True])
def test_directions_are_those_of_fastica(normal: bool) -> None:
    X, _ = mixture(500, normal=normal)
    codes = principal(X, 3)
    white = codes / codes.std(0)
    turn, converged = independent(white, 0)
    ica = FastICA(whiten=False, max_iter=500, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ica.fit(white)
    assert converged == (not caught)
    if converged:
        np.testing.assert_allclose(turn, ica.components_.T, atol=1e-8)


def test_threads_leave_warnings_alone() -> None:
    X, _ = mixture(300, normal=True)
    codes = principal(X, 3)
    expected = turned(codes, X, "auto").matrix
    before, interval = [*warnings.filters], sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            for found in pool.map(lambda _: turned(codes, X, "auto"), range(12)):
                np.testing.assert_array_equal(found.matrix, expected)
    finally:
        sys.setswitchinterval(interval)
    assert [*warnings.filters] == before


def test_normal_codes_have_no_independent_directions() -> None:
    normal = np.random.default_rng(0).normal(size=(2000, 4))
    uniform = np.random.default_rng(0).uniform(size=(2000, 4))
    assert share_found_again(normal, 0) < 0.5
    assert share_found_again((uniform - uniform.mean(0)) / uniform.std(0), 0) == 1.0


def test_dependence_is_mutual_information() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 1))
    # two codes that are one: the entropy of ten equal bins
    np.testing.assert_allclose(dependence(np.column_stack([z, -z])), np.log(10), atol=0.01)
    np.testing.assert_allclose(dependence(rng.normal(size=(20_000, 3))), 0.0, atol=1e-3)
    correlated = np.column_stack([z, 0.6 * z + 0.8 * rng.normal(size=z.shape)])
    np.testing.assert_allclose(dependence(correlated), -0.5 * np.log(1 - 0.36), atol=0.03)
    # equal values have no order
    bits = rng.integers(0, 2, size=(2000, 2)).astype(float)
    np.testing.assert_allclose(dependence(bits), 0.0, atol=2e-3)
    np.testing.assert_allclose(dependence(bits[:, [0, 0]]), np.log(2), atol=2e-3)


def test_varimax_undoes_a_turn_of_simple_loadings() -> None:
    rng = np.random.default_rng(0)
    simple = np.repeat(np.eye(3), 4, axis=0) * rng.uniform(1, 2, size=(12, 1))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found, simplicity = varimax(simple @ turn)
    np.testing.assert_allclose(
        np.sort(np.abs(simple @ turn @ found), 1), np.sort(simple, 1), atol=1e-5
    )
    assert simplicity == pytest.approx(1.0)
    np.testing.assert_allclose(found.T @ found, np.eye(3), atol=1e-12)


def test_loadings_are_correlations() -> None:
    rng = np.random.default_rng(0)
    white = rng.normal(size=(500, 2))
    white = (white - white.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(white.T, ddof=0)).T)
    number, level = rng.normal(size=500) + white[:, 0], (white[:, 1] > 0).astype(float)
    cells = np.column_stack([number, level, np.zeros(500)])
    blocks = (
        ("number", 0, 1, 0, False),
        ("category", 1, 2, 2, False),
        ("constant", 2, 3, 0, False),
    )
    found = loadings_of(cells, blocks, white)
    expected = np.corrcoef(np.column_stack([number, 1 - level, level, white]), rowvar=False)
    np.testing.assert_allclose(found, expected[:3, 3:], atol=1e-12)


# -- models --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ica", "varimax", "auto"])
@pytest.mark.parametrize("cls", MODELS)
def test_rows_are_rebuilt_as_before(cls: type, kind: str) -> None:
    X, factors = mixture()
    plain = cls(5, **QUICK).fit(X)
    model = cls(5, rotation=kind, **QUICK).fit(X)
    Z = model.transform(X)
    rebuilt = plain.inverse_transform(plain.transform(X))
    np.testing.assert_allclose(model.inverse_transform(Z), rebuilt, atol=1e-10)
    np.testing.assert_allclose(model.score(X[:50]), plain.score(X[:50]), rtol=1e-10)
    np.testing.assert_array_equal(Z, plain.transform(X) @ model.rotation_matrix_)
    if kind != "varimax":
        assert model.rotation_ == "ica"
        assert mig_score(Z, factors) > mig_score(plain.transform(X), factors) + 0.3


def test_what_a_vae_knows_is_turned_too() -> None:
    X, _ = mixture()
    plain = VAETransformer(4, **QUICK).fit(X)
    model = VAETransformer(4, rotation="ica", **QUICK).fit(X)
    for verb in ("score_samples", "score_columns"):
        np.testing.assert_array_equal(getattr(model, verb)(X[:20]), getattr(plain, verb)(X[:20]))
    np.testing.assert_array_equal(
        model.sample(20, random_state=0), plain.sample(20, random_state=0)
    )
    mean, std = plain.posterior(X[:20])
    turned_mean, turned_std = model.posterior(X[:20])
    np.testing.assert_array_equal(turned_mean, model.transform(X[:20]))
    # the spread of draws that are turned one by one
    draws = mean[..., None] + std[..., None] * np.random.default_rng(0).normal(size=(20, 4, 20_000))
    spread = np.einsum("nkd,kj->njd", draws, model.rotation_matrix_).std(-1)
    np.testing.assert_allclose(turned_std, spread, rtol=0.03)
    # the noise component says as little as before, and comes last
    assert plain.n_active_components_ == model.n_active_components_
    assert model.kl_per_component_.argmin() == 3
    np.testing.assert_array_equal(latent_report(model, X[:200]).kl, model.kl_per_component_)


def test_kl_from_all_is_that_of_the_prior_where_codes_fill_it() -> None:
    rng = np.random.default_rng(0)
    std = np.array([0.1, 0.5, 1.0])
    mean = rng.normal(size=(100_000, 3)) * np.sqrt(1 - std**2)
    found = kl_from_all(mean, np.broadcast_to(std, mean.shape))
    np.testing.assert_allclose(found, -np.log(std), atol=0.01)


@pytest.mark.parametrize("cls", MODELS)
def test_mixed_tables(cls: type) -> None:
    table = make_mixed_table(300, random_state=0)
    plain = cls(4, **QUICK).fit(table)
    for kind in ("ica", "varimax", "auto"):
        model = cls(4, rotation=kind, **QUICK).fit(table)
        found = model.inverse_transform(model.transform(table))
        expected = plain.inverse_transform(plain.transform(table))
        for name in table.columns:
            if expected[name].dtype.kind == "f":
                np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
            else:
                # a level may tip where two are as likely
                same = (found[name] == expected[name]) | (
                    found[name].isna() & expected[name].isna()
                )
                assert same.mean() > 0.99


@pytest.mark.parametrize("cls", MODELS)
def test_dtype_rows_and_pickles(cls: type) -> None:
    X, _ = mixture(300)
    model = cls(3, rotation="varimax", **QUICK).fit(X)
    Z = model.transform(X)
    assert Z.dtype == np.float64
    np.testing.assert_allclose(
        np.vstack([model.transform(X[i : i + 1]) for i in range(9)]), Z[:9], rtol=1e-12, atol=1e-12
    )
    single = model.transform(X.astype(np.float32))
    assert single.dtype == np.float32
    assert model.inverse_transform(single).dtype == np.float32
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(X), Z)
    np.testing.assert_array_equal(again.inverse_transform(Z), model.inverse_transform(Z))
    np.testing.assert_array_equal(clone(model).fit(X).transform(X), Z)


@pytest.mark.parametrize("cls", MODELS)
def test_rotation_can_be_taken_back(cls: type) -> None:
    X, _ = mixture(300)
    model = cls(3, rotation="varimax", warm_start=True, **QUICK).fit(X)
    assert model.rotation_ == "varimax"
    model.set_params(rotation=None).fit(X)
    assert model.rotation_ is None
    np.testing.assert_array_equal(model.rotation_matrix_, np.eye(3))


@pytest.mark.parametrize("cls", MODELS)
def test_callbacks_see_codes_as_the_net_gives_them(cls: type) -> None:
    seen = []

    class Watcher:
        def setup(self, estimator: Any, context: Any) -> None: ...
        def teardown(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_end(
            self, estimator: Any, context: Any, *, fitted_estimator: Any = None
        ) -> bool:
            if context.parent is not None:
                codes = fitted_estimator.transform(X)
                rebuilt = fitted_estimator.net_.run(
                    "decode", len(X), lambda index: codes[index], codes.dtype
                )
                decoded = fitted_estimator.table_.table.decode(rebuilt)
                seen.append(np.allclose(decoded, fitted_estimator.inverse_transform(codes)))
            return False

    X, _ = mixture(400)
    model = cls(3, rotation="ica", warm_start=True, **QUICK).fit(X)
    model.set_callbacks(Watcher()).fit(X)
    assert seen
    assert all(seen)
    assert model.rotation_ == "ica"


@pytest.mark.parametrize("cls", MODELS)
def test_an_interrupted_rotation_is_fitted_again(
    cls: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, _ = mixture(300)
    expected = cls(3, rotation="varimax", **QUICK).fit(X)
    calls = []

    def interrupted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return fit_rotation(*args, **options)

    monkeypatch.setattr("sklatent.parts._rotation.fit_rotation", interrupted)
    model = cls(3, rotation="varimax", **QUICK)
    with pytest.raises(KeyboardInterrupt), pytest.warns(ConvergenceWarning, match="interrupted"):
        model.fit(X)
    assert model.rotation_ == "varimax"
    np.testing.assert_array_equal(model.transform(X), expected.transform(X))


@pytest.mark.parametrize("cls", MODELS)
def test_threads_and_skops(cls: type) -> None:
    X, _ = mixture(300)
    model = cls(3, rotation="ica", **QUICK).fit(X)
    Z = model.transform(X)
    with ThreadPoolExecutor(3) as pool:
        for other in pool.map(lambda _: clone(model).fit(X).transform(X), range(3)):
            np.testing.assert_array_equal(other, Z)
    data = skops.io.dumps(model)
    again = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    np.testing.assert_array_equal(again.transform(X), Z)
    np.testing.assert_array_equal(again.inverse_transform(Z), model.inverse_transform(Z))


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("kind", ["ica", "varimax", "auto"])
def test_constant_columns_change_nothing(cls: type, kind: str) -> None:
    X, _ = mixture(400)
    still = np.column_stack([X[:, :4], np.ones((400, 3))])
    model = cls(7, rotation=kind, **QUICK).fit(still)
    rebuilt = model.inverse_transform(model.transform(still))
    np.testing.assert_allclose(rebuilt, still, atol=0.3)


def test_noise_is_told_from_components_whatever_columns_are_constant() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 1)) * np.ones(6) + 0.3 * rng.normal(size=(400, 6))
    for table in (X, np.column_stack([X, np.ones((400, 20))])):
        model = AutoencoderTransformer(3, rotation="ica", **QUICK).fit(table)
        cells, codes = model.table_.transform(table), model.transform(table)
        model.body.model = model  # as during fit
        assert model.body._informative(cells, codes).tolist() == [True, False, False]
        assert model.rotation_ is None


def test_one_component_and_none_are_left_alone() -> None:
    X, _ = mixture(300)
    model = AutoencoderTransformer(1, rotation="ica", **QUICK).fit(X)
    assert model.rotation_ is None
    np.testing.assert_array_equal(model.rotation_matrix_, np.eye(1))


def test_ordered_components_are_not_mixed() -> None:
    X, _ = mixture(100)
    with pytest.raises(ValueError, match="rotation='ica' mixes the components that ordered=True"):
        AutoencoderTransformer(2, ordered=True, rotation="ica").fit(X)


def test_ica_without_an_answer_says_so() -> None:
    X, _ = mixture(400, normal=True)
    codes = np.random.default_rng(1).normal(size=(400, 20))
    with pytest.warns(ConvergenceWarning, match="did not converge in 500 iterations"):
        turned(codes, np.column_stack([X, X]), "ica")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (
            turned(codes, codes @ np.random.default_rng(0).normal(size=(20, 30)), "auto").kind
            is None
        )


def test_pipeline() -> None:
    X, factors = mixture()
    pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(3, rotation="auto", **QUICK))
    assert mig_score(pipeline.fit_transform(X), factors) > 0.6


def test_correlated_codes_are_laid_along_their_axes() -> None:
    rng = np.random.default_rng(0)
    codes = (
        rng.normal(size=(500, 3))
        * [3.0, 1.0, 1.0]
        @ np.array([[1.0, 1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    )
    frame = principal_frame(codes, np.array([True, True, False]))
    np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
    np.testing.assert_array_equal(frame[2], [0.0, 0.0, 1.0])
    turned = codes @ frame
    assert abs(np.corrcoef(turned[:, 0], turned[:, 1])[0, 1]) < 1e-12
    assert turned[:, 0].std() > turned[:, 1].std()
    # those that hardly go together stay as they are
    alone = rng.normal(size=(500, 3))
    np.testing.assert_array_equal(principal_frame(alone, np.ones(3, dtype=bool)), np.eye(3))


@pytest.mark.parametrize("kind", ["ica", "varimax"])
def test_turned_codes_of_a_mixed_table_do_not_go_together(kind: str) -> None:
    table = make_mixed_table(400, random_state=0)
    params = {**QUICK, "max_steps": 200}
    plain = AutoencoderTransformer(4, **params).fit(table)
    model = AutoencoderTransformer(4, rotation=kind, **params).fit(table)
    assert model.rotation_ == kind
    before, after = (
        np.abs(np.triu(np.corrcoef(one.transform(table), rowvar=False), 1)).max()
        for one in (plain, model)
    )
    assert before > 0.3
    assert after < 1e-6
    back = model.body.rotation.rotate_back(model.transform(table))
    np.testing.assert_allclose(back, plain.transform(table), atol=1e-9)
