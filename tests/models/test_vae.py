"""VAETransformer: probabilistic PCA where that is best, and a density that adds up."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import ks_2samp, multivariate_normal
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from torch.distributions import Normal, kl_divergence

from sklatent import VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.models._vae._body import ACTIVE_KL
from sklatent.models._vae._skip_vae import SkipVAE, evidence_loss, measure_noise


@pytest.fixture
def vae(device: str) -> Any:
    def make(n_components: Any = 2, **params: Any) -> VAETransformer:
        return VAETransformer(n_components, **{"device": device, "random_state": 0, **params})

    return make


@pytest.fixture
def few(dtype: np.dtype) -> np.ndarray:
    """90 rows of wine: few enough to keep probabilistic PCA."""
    return load_wine().data[::2][:90, :7].astype(dtype)


@pytest.fixture
def curve(dtype: np.dtype) -> np.ndarray:
    """500 rows along a bent line in 4 columns."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1.5, 1.5, size=(500, 1))
    table = np.hstack([u, u**2, np.sin(2 * u), np.cos(2 * u)])
    return (table + 0.1 * rng.normal(size=table.shape)).astype(dtype)


def module_of(model: VAETransformer) -> SkipVAE:
    module: SkipVAE = model.net_.answering_module(np.dtype("float64"))
    return module


def linear_gaussian(model: VAETransformer, X: np.ndarray) -> np.ndarray:
    """Exact log-density of a linear decoder with Gaussian noise and the prior of the model."""
    weights = model.net_.weights()
    V, b = weights["decoder.linear.weight"], weights["decoder.linear.bias"]
    noise = np.diag(np.exp(weights["noise_base"].astype(float)))
    x = (X.astype(float) - X.mean(0, dtype=float)) / X.std(0, dtype=float)
    jacobian = -np.log(X.std(0, dtype=float)).sum()
    parts = [
        np.log(weight) + multivariate_normal(b + V @ mean, V @ spread @ V.T + noise).logpdf(x)
        for weight, mean, spread in zip(
            model.prior_.weights_, model.prior_.means_, model.prior_.covariances_, strict=True
        )
    ]
    return np.asarray(logsumexp(parts, axis=0)) + jacobian


# -- probabilistic PCA ----------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["normal", "gmm"])
def test_log_likelihood_of_few_rows_is_that_of_the_closed_form(
    vae: Any, few: np.ndarray, prior: str
) -> None:
    errors = []
    for n_draws in (16, 128, 2048):
        model = vae(2, prior=prior, n_importance_samples=n_draws).fit(few)
        assert model.n_iter_ == 0
        errors.append(np.abs(model.score_samples(few) - linear_gaussian(model, few)))
    # the mixture is narrower than the prior under which the posteriors are exact
    assert errors[1].max() < (0.02 if prior == "normal" else 0.5)
    assert errors[1].mean() < (0.01 if prior == "normal" else 0.05)
    assert errors[2].max() < (0.005 if prior == "normal" else 0.05)
    # under the normal prior all of them are exact to rounding
    assert errors[2].mean() < errors[0].mean() + 1e-12


@pytest.mark.parametrize("standardize", [True, False])
def test_few_rows_have_the_log_likelihood_of_scikit_learns_pca(
    vae: Any, few: np.ndarray, standardize: bool
) -> None:
    model = vae(3, prior="normal", n_importance_samples=1024, standardize=standardize).fit(few)
    table = few.astype(float)
    scale = table.std(0) if standardize else np.ones(table.shape[1])
    pca = PCA(3, svd_solver="full").fit(table / scale)
    # PCA divides by n - 1, the model by n
    share = (len(few) - 1) / len(few)
    pca.explained_variance_ *= share
    pca.noise_variance_ *= share
    expected = pca.score_samples(table / scale) - np.log(scale).sum()
    np.testing.assert_allclose(model.score_samples(few), expected, atol=0.02)
    assert model.score(few) == pytest.approx(expected.mean(), abs=0.01)
    found = float(np.exp(model.net_.weights()["log_noise"][0]))
    found *= model.table_.unit_**2
    assert found == pytest.approx(pca.noise_variance_, rel=1e-4)


def test_few_rows_are_encoded_as_by_probabilistic_pca(vae: Any, few: np.ndarray) -> None:
    model = vae(2).fit(few)
    table = (few.astype(float) - few.mean(0, dtype=float)) / few.std(0, dtype=float)
    pca = PCA(2, svd_solver="full").fit(table)
    share = (len(few) - 1) / len(few)
    variance = pca.explained_variance_ * share
    noise = pca.noise_variance_ * share
    gain = np.sqrt(variance - noise)
    # whitened codes have mean gain / variance * (pca) and variance noise / variance (Tipping and
    # Bishop, 1999); outside they have the scale of the principal components
    mean, std = model.posterior(few)
    expected = pca.transform(table)
    np.testing.assert_allclose(mean, expected, atol=1e-4 * np.abs(expected).max())
    spread = np.sqrt(noise / variance) * variance / gain
    np.testing.assert_allclose(std, np.tile(spread, (len(few), 1)), rtol=1e-3)
    rebuilt = model.inverse_transform(mean)
    expected = pca.inverse_transform(expected) * few.std(0) + few.mean(0)
    np.testing.assert_allclose(rebuilt, expected, rtol=1e-3)


def test_training_is_never_worse_than_its_start_on_validation_rows(
    vae: Any, curve: np.ndarray
) -> None:
    train, valid = curve[:350], curve[350:]

    def bound(model: VAETransformer) -> float:
        module = module_of(model)
        x = torch.from_numpy(model.table_.transform(valid).astype(np.float64))
        with torch.no_grad():
            terms = evidence_loss(module({"x": x}, None), {"x": x}, 1.0, beta=0.5)
        return float(sum(term.mean() for term in terms.values()))

    start = vae(1, max_steps=1, learning_rate=1e-12).fit(train, X_val=valid)
    first = start.history_[0]["valid_loss"]
    for max_steps in (5, 60, 300):
        model = vae(1, max_steps=max_steps).fit(train, X_val=valid)
        # what is kept, and not only what was seen on the way
        if model.best_iter_ > 0:
            assert bound(model) <= first + 1e-3
        else:
            np.testing.assert_allclose(model.transform(valid), start.transform(valid), atol=1e-4)
        steps = [record["step"] for record in model.history_]
        losses = [record["valid_loss"] for record in model.history_]
        assert model.n_iter_ == steps[-1] <= max_steps
        if model.best_iter_ > 0:
            assert model.best_iter_ == steps[int(np.argmin(losses))]
    assert model.best_iter_ > 0
    assert bound(model) < first - 0.5


def test_more_noise_in_validation_rows_than_in_training_rows_shows(
    vae: Any, curve: np.ndarray
) -> None:
    rng = np.random.default_rng(1)
    noisy = (curve + 0.5 * rng.normal(size=curve.shape)).astype(curve.dtype)
    wide, narrow = (
        vae(1, max_steps=100).fit(curve[:300], X_val=valid[300:]).net_.weights()["log_noise"]
        for valid in (noisy, curve)
    )
    assert wide > narrow + 0.5


# -- divergence, density, importance sampling -----------------------------------------------------


def test_kl_per_component_is_that_of_torch_distributions(vae: Any, curve: np.ndarray) -> None:
    model = vae(3, max_steps=100, hidden_layer_sizes=(16,)).fit(curve)
    scale = model.net_.weights()["code_scale"]
    mean, std = (torch.from_numpy(part / scale).double() for part in model.posterior(curve))
    prior = Normal(torch.zeros_like(mean), torch.ones_like(std))
    expected = kl_divergence(Normal(mean, std), prior).mean(0).numpy()
    np.testing.assert_allclose(model.kl_per_component_, expected, rtol=1e-3, atol=1e-4)
    assert model.kl_per_component_.shape == (3,)
    assert model.n_active_components_ == (model.kl_per_component_ > ACTIVE_KL).sum()


def test_log_density_is_that_of_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    module = SkipVAE(4, 2, hidden_layer_sizes=(3,), activation="silu").double()
    for name in ("noise_base", "noise_knots", "noise_slopes"):
        getattr(module, name).normal_(generator=generator)
    module.varying[1] = 0.0
    x, decoded = torch.randn((2, 50, 4), generator=generator, dtype=torch.float64)
    log_variance = module.noise_base.repeat(50, 1)
    for knot, slope in zip(module.noise_knots, module.noise_slopes, strict=True):
        log_variance += slope * torch.relu(decoded - knot)
    each = Normal(decoded, torch.exp(0.5 * log_variance)).log_prob(x)
    # column 1 is constant
    expected = each[:, [0, 2, 3]].sum(1)
    torch.testing.assert_close(module.log_density(x, decoded), expected)


def test_evidence_loss_is_that_of_torch_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    x, x_hat = torch.randn((2, 9, 4), generator=generator)
    mean, log_variance = torch.randn((2, 9, 3), generator=generator)
    output = {
        "x_hat": x_hat,
        "mean": mean,
        "log_variance": log_variance,
        "log_noise": torch.tensor([-1.3]),
        "varying": torch.tensor([1.0, 1.0, 0.0, 1.0]),
    }
    terms = evidence_loss(output, {"x": x}, 1.0, beta=0.7)
    each = -Normal(x_hat, np.exp(-0.65)).log_prob(x)
    torch.testing.assert_close(terms["reconstruction"], each[:, [0, 1, 3]].sum(1))
    posterior = Normal(mean, torch.exp(0.5 * log_variance))
    expected = kl_divergence(posterior, Normal(torch.zeros(9, 3), torch.ones(9, 3))).sum(1)
    torch.testing.assert_close(terms["kl"], 0.7 * expected)


def test_noise_is_measured_at_posterior_draws(vae: Any, few: np.ndarray) -> None:
    model = vae(2).fit(few)
    module = module_of(model)
    table = torch.from_numpy(model.table_.transform(few).astype(np.float64)).repeat(100, 1)

    class Chunks:
        def __len__(self) -> int:
            return len(table)

        def chunks(self) -> Any:
            return ({"x": part} for part in table.split(4500))

    with torch.no_grad():
        measure_noise(module, Chunks())
        mean, log_variance = module.infer(table)
        squared = (module.decoder(mean) - table) ** 2
        # what the draws add, behind a linear decoder
        squared += torch.exp(log_variance) @ module.decoder.linear.weight.T**2
    assert float(torch.exp(module.log_noise)) == pytest.approx(float(squared.mean()), rel=0.03)


def test_128_draws_are_close_to_5000_on_a_trained_model(vae: Any, curve: np.ndarray) -> None:
    params = {"max_steps": 200, "hidden_layer_sizes": (32, 32)}
    few, many = (
        vae(2, n_importance_samples=n_draws, **params).fit(curve).score_samples(curve[:300])
        for n_draws in (128, 5000)
    )
    assert np.abs(few - many).mean() < 0.1
    assert abs(few.mean() - many.mean()) < 0.05


@pytest.mark.parametrize("standardize", [True, False])
def test_density_of_two_columns_integrates_to_one(
    vae: Any, dtype: np.dtype, standardize: bool
) -> None:
    rng = np.random.default_rng(0)
    u = rng.uniform(-1, 1, size=600)
    spread = 0.1 + 0.2 * (u > 0)
    X = np.column_stack([4 * u, u**2 + spread * rng.normal(size=600)]).astype(dtype)
    model = vae(
        1,
        standardize=standardize,
        max_steps=150,
        hidden_layer_sizes=(16,),
        n_importance_samples=64,
    ).fit(X)
    assert model.best_iter_ > 0
    sides = [np.linspace(-9, 9, 151), np.linspace(-2, 3, 151)]
    grid = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2).astype(dtype)
    cell = (sides[0][1] - sides[0][0]) * (sides[1][1] - sides[1][0])
    assert np.exp(model.score_samples(grid)).sum() * cell == pytest.approx(1.0, abs=0.03)


def test_bent_rows_are_likelier_than_under_probabilistic_pca(vae: Any, curve: np.ndarray) -> None:
    train, test = curve[:400], curve[400:]
    pca = PCA(1).fit(train / train.std(0))
    linear = pca.score(test / train.std(0)) - np.log(train.std(0)).sum()
    assert vae(1, max_steps=400).fit(train).score(test) > linear + 1.0


# -- posterior ------------------------------------------------------------------------------------


def test_posterior_is_transform_and_a_spread_below_the_prior(vae: Any, curve: np.ndarray) -> None:
    model = vae(1, max_steps=100).fit(curve)
    mean, std = model.posterior(curve)
    # one product or two: not to the bit
    np.testing.assert_allclose(mean, model.transform(curve), rtol=1e-5, atol=1e-6)
    assert mean.shape == std.shape == (len(curve), 1)
    assert mean.dtype == std.dtype == curve.dtype
    assert (std > 0).all()
    assert std.mean() < 0.5 * model.net_.weights()["code_scale"][0]
    # more noise, less certain codes
    noisy = curve + np.random.default_rng(0).normal(size=curve.shape).astype(curve.dtype)
    unsure = vae(1, max_steps=100).fit(noisy)
    relative = unsure.posterior(noisy)[1] / unsure.net_.weights()["code_scale"]
    assert relative.mean() > 1.5 * (std / model.net_.weights()["code_scale"]).mean()


def test_collapse_is_told_with_its_cause(vae: Any, curve: np.ndarray) -> None:
    model = vae(2, beta=1e4, max_steps=100)
    words = r"posterior collapsed.*beta \(got 10000\.0\)"
    with pytest.warns(ConvergenceWarning, match=words) as said:
        model.fit(curve)
    assert [one.filename for one in said] == [__file__]
    assert model.n_active_components_ == 0
    assert (model.kl_per_component_ <= ACTIVE_KL).all()
    assert np.isfinite(model.score_samples(curve)).all()
    assert np.isfinite(model.sample(50, random_state=0)).all()


def test_larger_beta_says_less_about_the_rows(vae: Any, curve: np.ndarray) -> None:
    told = [
        vae(2, beta=beta, max_steps=200).fit(curve).kl_per_component_.sum()
        for beta in (0.1, 0.5, 2.0)
    ]
    assert told[0] > told[1] > told[2] > 0


# -- samples --------------------------------------------------------------------------------------


def gaussian(dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """600 correlated Gaussian rows of unlike scales, with their mean and covariance."""
    rng = np.random.default_rng(0)
    units = np.array([1.0, 10.0, 0.1, 3.0, 1.0])
    factor = rng.normal(size=(5, 5)) * units
    mean = np.array([0.0, 100.0, 1.0, -5.0, 2.0])
    X = rng.normal(size=(600, 5)) @ factor + mean
    return X.astype(dtype), mean, factor.T @ factor


@pytest.mark.parametrize("standardize", [True, False])
def test_gaussian_rows_give_back_mean_and_covariance(
    vae: Any, dtype: np.dtype, standardize: bool
) -> None:
    X, mean, covariance = gaussian(dtype)
    model = vae(3, standardize=standardize, max_steps=500).fit(X)
    S = model.sample(20_000, random_state=0)
    assert S.dtype == dtype
    again = pickle.loads(pickle.dumps(model)).sample(20_000, random_state=0)
    assert np.array_equal(S, again)
    sd = np.sqrt(np.diag(covariance))
    # the marginals of the table: errors of 20,000 rows, and of the 5,000 that calibrate
    error = sd * np.sqrt(1 / 20_000 + 1 / 5000)
    assert (np.abs(S.mean(0) - X.mean(0)) < 4 * error).all()
    np.testing.assert_allclose(S.std(0), X.std(0), rtol=0.06)
    # the truth: the errors of 600 rows come on top
    assert (np.abs(S.mean(0) - mean) < 4 * (error + sd / np.sqrt(600))).all()
    truth = covariance / np.outer(sd, sd)
    assert np.abs(np.corrcoef(S.T) - truth).max() < 4 / np.sqrt(600)
    assert np.abs(np.corrcoef(S.T) - np.corrcoef(X.T)).max() < 0.1


def awkward(n: int) -> Any:
    """Rows with counts, flags, a constant, half zeros and bounds."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    u = rng.normal(size=n)
    return pd.DataFrame(
        {
            "real": 10 + 3 * u + rng.normal(size=n),
            "count": rng.poisson(np.exp(1 + 0.5 * u)).astype("int16"),
            "flag": u + 0.5 * rng.normal(size=n) > 0.5,
            "constant": np.full(n, 2.5),
            "fixed": np.full(n, 7, dtype="int64"),
            "spike": np.where(rng.random(n) < 0.5, 0.0, np.exp(u)),
            "bounded": np.clip(0.5 + 0.4 * u, 0.0, 1.0),
        }
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_samples_come_in_the_units_and_the_container_of_the_table(vae: Any, library: str) -> None:
    frame = awkward(800)
    if library == "polars":
        frame = pytest.importorskip("polars").from_pandas(frame)
    S = vae(2, max_steps=200, hidden_layer_sizes=(32, 32)).fit(frame).sample(6000, random_state=0)
    assert type(S) is type(frame)
    assert list(S.columns) == list(frame.columns)
    assert list(S.dtypes) == list(frame.dtypes)
    for name in frame.columns:
        found, seen = np.asarray(S[name]), np.asarray(frame[name])
        assert seen.min() <= found.min()
        assert found.max() <= seen.max()
        # 1.95: one in a thousand
        limit = 1.95 * np.sqrt(1 / 800 + 1 / 6000 + 1 / 5000)
        assert ks_2samp(found.astype(float), seen.astype(float)).statistic < limit
    assert set(np.unique(S["count"])) <= set(np.unique(frame["count"]))
    assert (np.asarray(S["constant"]) == 2.5).all()
    assert (np.asarray(S["fixed"]) == 7).all()
    for name, value in (("spike", 0.0), ("bounded", 0.0), ("bounded", 1.0), ("flag", True)):
        seen = (np.asarray(frame[name]) == value).mean()
        assert (np.asarray(S[name]) == value).mean() == pytest.approx(seen, abs=0.03)
    kept = np.corrcoef(np.asarray(S["real"]), np.asarray(S["flag"]))[0, 1]
    assert kept > 0.7 * np.corrcoef(np.asarray(frame["real"]), np.asarray(frame["flag"]))[0, 1]


def test_arrays_give_arrays(vae: Any, curve: np.ndarray) -> None:
    counts = np.round(10 * curve).astype(int)
    for X, expected in ((counts, np.float64), (curve.astype(np.float32), np.float32)):
        S = vae(1, max_steps=20, hidden_layer_sizes=(8,)).fit(X).sample(100, random_state=0)
        assert isinstance(S, np.ndarray)
        assert S.dtype == expected
    assert set(np.unique(vae(1, max_steps=20).fit(counts).sample(500, random_state=0))) <= set(
        np.unique(counts)
    )


def test_rows_drawn_one_by_one_have_the_marginals_of_the_table(vae: Any, curve: np.ndarray) -> None:
    model = vae(2, max_steps=100, hidden_layer_sizes=(16,)).fit(curve)
    S = np.concatenate([model.sample(1, random_state=seed) for seed in range(1000)])
    for j in range(curve.shape[1]):
        limit = 1.95 * np.sqrt(1 / 1000 + 1 / 500 + 1 / 5000)
        assert ks_2samp(S[:, j], curve[:, j]).statistic < limit
    assert np.abs(np.corrcoef(S.T) - np.corrcoef(curve.T)).max() < 0.15


def test_samples_follow_the_bend(vae: Any, curve: np.ndarray) -> None:
    S = vae(1, max_steps=400).fit(curve).sample(4000, random_state=0)

    def off_the_bend(rows: np.ndarray) -> float:
        return float(np.median(np.abs(rows[:, 1] - rows[:, 0] ** 2)))

    shuffled = np.random.default_rng(0).permuted(curve, axis=0)
    assert off_the_bend(S) < 0.5 * off_the_bend(shuffled)
    assert off_the_bend(S) > 0.7 * off_the_bend(curve)


def test_prior_is_where_the_codes_are(vae: Any) -> None:
    rng = np.random.default_rng(0)
    side = rng.random(600) < 0.3
    X = rng.normal(size=(600, 4)) + np.where(side, 12.0, 0.0)[:, None]
    model = vae(1, max_steps=100).fit(X)
    S = model.sample(4000, random_state=0)
    assert (S.mean(1) > 6).mean() == pytest.approx(side.mean(), abs=0.04)
    between = (S.mean(1) > 3.5) & (S.mean(1) < 8.5)
    assert between.mean() < 0.02
    assert model.score(X) > vae(1, max_steps=100, prior="normal").fit(X).score(X)


def test_prior_is_as_wide_as_the_posteriors_together(vae: Any, curve: np.ndarray) -> None:
    noisy = (curve + np.random.default_rng(0).normal(size=curve.shape)).astype(curve.dtype)
    model = vae(1, max_steps=100).fit(noisy)
    scale = model.net_.weights()["code_scale"]
    mean, std = (part / scale for part in model.posterior(noisy))
    assert (std**2).mean() > 0.3 * mean.var()
    weights, means = model.prior_.weights_, model.prior_.means_[:, 0]
    found = weights @ (model.prior_.covariances_[:, 0, 0] + means**2) - (weights @ means) ** 2
    # the variance of 500 draws
    assert found == pytest.approx(mean.var() + (std**2).mean(), rel=4 * np.sqrt(2 / 500))


def test_sampling_is_repeatable_and_takes_a_generator(vae: Any, few: np.ndarray) -> None:
    model = vae(2).fit(few)
    assert np.array_equal(model.sample(9, random_state=3), model.sample(9, random_state=3))
    assert not np.array_equal(model.sample(9, random_state=3), model.sample(9, random_state=4))
    rng = np.random.RandomState(3)
    assert np.array_equal(model.sample(9, random_state=rng), model.sample(9, random_state=3))
    assert not np.array_equal(model.sample(9, random_state=rng), model.sample(9, random_state=3))


# -- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, False])
def test_columns_explain_the_likelihood(vae: Any, curve: np.ndarray, standardize: bool) -> None:
    X = np.column_stack([curve, np.full(len(curve), 3.0)])
    model = vae(2, standardize=standardize).fit(X[:400])
    columns = model.score_columns(X[400:420])
    assert columns.shape == (20, X.shape[1])
    assert not columns[:, -1].any()
    # the code is known up to a few nats, and these are what the sum is above the likelihood
    cost = columns.sum(1) - model.score_samples(X[400:420])
    assert (cost > 0).all()
    assert cost.max() < 20
    broken = X[400:401].copy()
    broken[0, 2] += 5 * X[:, 2].std()
    change = model.score_columns(broken) - model.score_columns(X[400:401])
    # the code moves with the broken cell, and other cells fit it less
    assert 2 in np.argsort(change[0])[:2]
    np.testing.assert_allclose(model.score_columns(X[400:401]), columns[:1], rtol=1e-9)


def test_a_row_whose_squares_overflow_has_no_density(vae: Any, curve: np.ndarray) -> None:
    model = vae(2).fit(curve[:400])
    far = curve[400:402].copy()
    far[0, 2] = 1e200
    assert model.score_samples(far)[0] == -np.inf
    columns = model.score_columns(far)
    assert not np.isnan(columns).any()
    assert (columns[0] == -np.inf).any()
    assert np.isfinite(columns[1]).all()


def test_columns_of_a_mixed_table() -> None:
    table = make_mixed_table(500, random_state=0)
    model = VAETransformer(4, max_steps=100, random_state=0).fit(table)
    columns = model.score_columns(table[:30])
    assert columns.shape == (30, table.shape[1])
    assert (columns.sum(1) > model.score_samples(table[:30])).all()
    odd = table[:1].assign(height_cm=table["height_cm"].max())
    change = model.score_columns(odd) - columns[:1]
    assert change[0].argmin() == list(table.columns).index("height_cm")


def test_a_hole_where_fit_saw_none_says_nothing() -> None:
    table = make_mixed_table(500, random_state=0)[["family", "height_cm", "light", "water_ml"]]
    table = table.dropna().reset_index(drop=True)
    model = VAETransformer(2, max_steps=100, weight_decay=0.0, random_state=0).fit(table)
    module = model.net_.module_
    for cells in (module.encoder_cells, module.context_cells):
        assert not cells.vectors[cells.offset + cells.missing_at].any()
