"""The variational autoencoder of tables of numbers: it starts as probabilistic PCA."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from torch import nn

from sklatent._training import Fit, FitOutcome, Recipe, RowSource
from sklatent.base import AnyRows, in_parts
from sklatent.models._vae._body import MAX_ROWS, ROTATED_KL, VariationalBody, drawn_from
from sklatent.models._vae._incomplete import IncompletePosterior
from sklatent.models._vae._skip_vae import N_KNOTS, SkipVAE, skip_vae_recipe
from sklatent.parts import (
    N_CODES,
    NOISE_MARGIN,
    Calibration,
    ImportanceSampler,
    NumberCompleter,
    NumberGrid,
    choose_width,
    fit_marginals,
    marginal_digits,
    measure_scatter,
    variance_function,
)
from sklatent.tabular import AffineTable, GaussianFill

MAX_ROWS_MARGINALS = 100_000
# Rows drawn to compare the model's marginals with those of the table; fewer in wide tables.
FEWEST_DRAWN, MOST_DRAWN, MAX_CELLS_DRAWN = 5000, 20_000, 1 << 22
# Weight of the bound's KL term unless told otherwise.
BETA = 0.5
# Rows that obey conditions are drawn so many at a time, from so many codes each, and from at least
# so many.
MOST_ALIKE, CODES_ALIKE, FEWEST_ALIKE = 2000, 8, 1024


class NumericVAE(VariationalBody):
    """A row is the decoded mean of its code plus noise."""

    kind: ClassVar[str] = "affine"
    module: ClassVar[type[nn.Module]] = SkipVAE
    starts_at_pca: ClassVar[bool] = True
    usual_beta: ClassVar[float] = BETA
    parts: ClassVar[dict[str, Any]] = {"calibration": Calibration}

    table: AffineTable
    calibration: Calibration

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the net that starts from these rows."""
        return skip_vae_recipe(
            rows,
            n_components,
            varying=self.table.varying,
            hidden_layer_sizes=tuple(self.model.hidden_layer_sizes),
            activation=self.model.activation,
            init=self.model.init,
            beta=self.beta,
            scale=self.table.unit,
            seed=seed,
        )

    def width(self, fit: Fit, seed: int) -> int:
        """Read a share or "auto" off the curve of an ordered autoencoder."""
        return choose_width(
            self.model.n_components,
            fit,
            self.table.n_encoded,
            hidden_layer_sizes=tuple(self.model.hidden_layer_sizes),
            activation=self.model.activation,
            seed=seed,
        )

    def provisional(self, n_components: int) -> dict[str, Any]:
        """Answer by a normal prior, and sample decoded codes as they are."""
        self.calibration = Calibration.none(self.table.n_encoded)
        return super().provisional(n_components)

    def finish(self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int) -> None:
        """Fit the prior, the noise and the marginals; rotate the codes."""
        rng = np.random.RandomState(seed)
        train = self.fit_latents(encoded, rng, seed)
        self.warn_of_collapse(outcome, self.beta)
        valid = None if outcome.valid is None else self.some_cells(outcome.valid, MAX_ROWS, rng)
        self._fit_generation(rows, train, valid, outcome.best_step > 0, rng)
        # what a linear model says about a direction that spreads so many times as wide as noise
        least = max(ROTATED_KL, 0.5 * math.log(NOISE_MARGIN / self.beta))
        along_axes = self.model.init == "pca"
        self.fit_rotation(encoded, train, least_kl=least, along_axes=along_axes, seed=seed)

    def _fit_generation(
        self,
        rows: AnyRows,
        train: NDArray[Any],
        valid: NDArray[Any] | None,
        trained: bool,
        rng: np.random.RandomState,
    ) -> None:
        """Measure how rows scatter about their decoded means, and the marginals of the table."""
        scatter = measure_scatter(train, valid, lambda x: self._redraw(x, rng))
        if trained:
            # a trained decoder expects posterior means as they are
            weights = self.net.weights()
            scale = np.sqrt(weights["code_scale"] * weights["decode_scale"])
            self.net.update({"code_scale": scale, "decode_scale": scale})
            self.net.update(variance_function(scatter, N_KNOTS))
        self.calibration = Calibration(scatter.noise(), [])
        spread = self.run_on_codes("spread", scatter.decoded)
        residuals = GaussianFill.fit(scatter.residual / spread)
        most = max(FEWEST_DRAWN, min(MOST_DRAWN, MAX_CELLS_DRAWN // self.table.n_encoded))
        n_drawn = int(np.clip(4 * len(rows), FEWEST_DRAWN, most))
        drawn = self._draw_uncalibrated(n_drawn, rng)
        chosen: NDArray[Any] | slice = slice(None)
        if len(rows) > MAX_ROWS_MARGINALS:
            chosen = np.sort(rng.choice(len(rows), MAX_ROWS_MARGINALS, replace=False))
        # the rows as they came: encoding and decoding would blur equal values
        kept: Any = self.table.blanked(rows.take(chosen))
        self.calibration = Calibration(
            self.calibration.noise,
            fit_marginals(drawn, kept.values),
            marginal_digits(kept.values),
            residuals,
        )

    def _redraw(self, x: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
        moments = self.run_on_codes("whitened_posterior", x)
        return self.run_on_codes("decode_whitened", drawn_from(moments, rng))

    # -- answers -------------------------------------------------------------------------------

    def sampler(self, rows: AnyRows) -> ImportanceSampler:
        """Return what estimates likelihoods of the known cells of rows."""
        module = self.net.answering_module(rows.dtype)
        return self.draws.sampler(module, self.prior.mixture, self._posterior(module))

    def moments(self, rows: AnyRows) -> NDArray[Any]:
        """Return posterior moments, wider where cells are missing."""
        posterior = self._posterior(self.net.answering_module(rows.dtype))
        if posterior is None:
            return super().moments(rows)
        return self.run(posterior.moments, rows, fill=False)

    def _posterior(self, module: Any) -> IncompletePosterior | None:
        """Return what the encoder says where cells are missing."""
        gaussian = self.table.gaussian
        return None if gaussian is None else IncompletePosterior(module, gaussian)

    def log_density_of_cells(self, rows: AnyRows) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell in the units of the table."""
        columns: NDArray[np.float64] = self.log_likelihood_of_cells(rows)
        columns = columns + self.table.log_slope(rows)
        columns[:, ~self.table.varying] = 0.0
        return columns

    def sample(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Sample rows: decoded codes with noise, mapped to the marginals of the table."""
        values = in_parts(self._draw, n_samples, rng)
        return self.table.sampled(values.astype(self.table.dtype, copy=False), rng)

    def _draw(self, n: int, rng: np.random.RandomState) -> NDArray[Any]:
        return self.calibration.matched(self._draw_uncalibrated(n, rng))

    def _draw_uncalibrated(self, n: int, rng: np.random.RandomState) -> NDArray[Any]:
        decoded = self.run_on_codes("decode_whitened", self.prior.draw(n, rng))
        return self.table.values(self.calibration.with_noise(decoded, rng))

    def sample_means(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Sample decoded codes without noise, in the range and on the grid of each column."""
        decoded = self.run_on_codes("decode_whitened", self.prior.draw(n_samples, rng))
        values = self.grid.rounded(self.table.values(decoded))
        return self.table.sampled(values.astype(self.table.dtype, copy=False), rng)

    # -- cells filled in -----------------------------------------------------------------------

    def check_completes(self, what: str, *, estimator: Any) -> None:
        """Refuse a model whose residuals were not kept."""
        if self.calibration.residuals is None:
            raise ValueError(
                f"An earlier release has fitted this {type(estimator).__name__}, to numbers "
                f"alone: fit it again for {what}."
            )

    @property
    def grid(self) -> NumberGrid:
        """Return what knows the values of the columns."""
        return NumberGrid(self.calibration, self.table)

    def sample_given(
        self, conditions: Mapping[Any, Any], n_samples: int, rng: np.random.RandomState
    ) -> Any:
        """Sample rows that obey conditions, from one set of codes."""
        grid = self.grid
        x = np.full((1, self.table.n_encoded), np.nan)
        draw = partial(self._draw_given, x, grid.limits(conditions))
        sizes = [min(MOST_ALIKE, n_samples - at) for at in range(0, n_samples, MOST_ALIKE)]
        n_codes = [max(FEWEST_ALIKE, CODES_ALIKE * size) for size in sizes]
        drawn = [draw(n, rng, m)[0] for n, m in zip(sizes, n_codes, strict=True)]
        return grid.obeying(conditions, np.concatenate(drawn), rng)

    def impute(
        self,
        X: Any,
        rows: AnyRows,
        n_draws: int,
        random_state: Any,
        conditions: Mapping[Any, Any] | None,
    ) -> Any:
        """Fill missing cells with their means given the others."""
        grid = self.grid
        limits = grid.limits(conditions or {})
        x, unknown = self._incomplete(rows)
        if len(unknown):
            rng = check_random_state(random_state)
            completer = self._completer(limits, rng, max(N_CODES, n_draws))
            x[unknown] = self._in_chunks(completer, completer.mean, x[unknown])
        return grid.filled(X, self.table.values(x), conditions)

    def sample_imputations(
        self, X: Any, rows: AnyRows, n_samples: int, random_state: Any
    ) -> list[Any]:
        """Complete rows several times."""
        grid = self.grid
        x, unknown = self._incomplete(rows)
        completions = np.repeat(self.table.values(x)[None], n_samples, axis=0)
        if len(unknown):
            drawn = self._draw_given(x[unknown], {}, n_samples, check_random_state(random_state))
            for one, values in zip(completions, drawn.swapaxes(0, 1), strict=True):
                one[unknown] = self.calibration.matched(values)
        return [grid.filled(X, one, None) for one in completions]

    def _incomplete(self, rows: AnyRows) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Encode rows, and tell which miss cells."""
        x = self.table.encode(rows).astype(np.float64)
        return x, np.flatnonzero(np.isnan(x).any(1))

    def _completer(
        self, limits: Mapping[int, Any], rng: np.random.RandomState, n_codes: int, **kwargs: Any
    ) -> NumberCompleter:
        module = self.net.answering_module(np.dtype(np.float64))
        residuals, posterior = self.calibration.residuals, self._posterior(module)
        if residuals is None or posterior is None:
            raise ValueError("This model was fitted without what completes rows.")
        return NumberCompleter(
            module,
            self.prior.mixture,
            residuals,
            posterior,
            limits,
            rng=rng,
            n_codes=n_codes,
            **kwargs,
        )

    def _in_chunks(
        self, completer: NumberCompleter, verb: Any, x: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        size = completer.rows_at_a_time(x.shape[1])
        parts = [self.run_on_codes(verb, x[at : at + size]) for at in range(0, len(x), size)]
        return np.concatenate(parts)

    def _draw_given(
        self,
        x: NDArray[np.float64],
        limits: Mapping[int, Any],
        n_draws: int,
        rng: np.random.RandomState,
        n_codes: int = N_CODES,
    ) -> NDArray[np.float64]:
        """Complete encoded rows ``n_draws`` times each, in the units of the table."""
        completer = self._completer(limits, rng, max(n_codes, n_draws))
        drawn = self._in_chunks(completer, partial(completer.draws, n_draws=n_draws), x)
        flat = drawn.reshape(-1, 3, x.shape[1])
        noisy = self.calibration.noisy(flat[:, 0], flat[:, 1])
        values = self.table.values(np.where(np.isnan(flat[:, 2]), noisy, flat[:, 2]))
        return values.reshape(len(x), n_draws, -1)
