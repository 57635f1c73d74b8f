"""The variational autoencoder of mixed tables: columns are drawn in turn, given a code."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from torch import nn

from sklatent._training import MIN_ROWS_TRAINING, FitOutcome, Recipe, RowSource
from sklatent.base import AnyRows, MixedTables, in_parts
from sklatent.models._vae._body import ROTATED_KL, VariationalBody
from sklatent.models._vae._tabular_vae import TabularVAE, tabular_recipe
from sklatent.parts import MAX_NUMBERS, N_PARTICLES, SHARED_PARTICLES, Completer
from sklatent.tabular import as_lists

if TYPE_CHECKING:
    from sklatent.models._vae._estimator import VAETransformer  # noqa: F401 (named in a string)

# Weight of the bound's KL term unless told otherwise. The start gives codes that say something,
# and columns that see each other: less has to be given up than in tables of numbers.
BETA = 0.8


class MixedVAE(MixedTables["VAETransformer"], VariationalBody):
    """Each column has the likelihood of its kind, given the code and the columns before."""

    module: ClassVar[type[nn.Module]] = TabularVAE
    usual_beta: ClassVar[float] = BETA

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the net that starts at linear factors of these rows."""
        return tabular_recipe(
            rows,
            self.table.blocks,
            self.table.ties,
            n_components,
            hidden_layer_sizes=tuple(self.model.hidden_layer_sizes),
            activation=self.model.activation,
            init=self.model.init,
            beta=self.beta,
            seed=seed,
        )

    def finish(self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int) -> None:
        """Fit the prior; rotate the codes."""
        rng = np.random.RandomState(seed)
        train = self.fit_latents(encoded, rng, seed)
        # it is no collapse where the columns of a handful of rows explain each other
        if len(train) >= MIN_ROWS_TRAINING:
            self.warn_of_collapse(outcome, self.beta)
        self.fit_rotation(encoded, train, least_kl=ROTATED_KL, along_axes=False, seed=seed)

    # -- answers -------------------------------------------------------------------------------

    def log_density_of_cells(self, rows: AnyRows) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell in the units of the table."""
        columns = np.zeros(rows.shape)
        module: Any = self.net.module_
        columns[:, list(module.columns.places)] = self.log_likelihood_of_cells(rows)
        columns += self.table.log_slope(rows)
        return columns

    def sample(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Sample rows, column by column."""
        matrix = in_parts(self._draw, n_samples, rng)
        return self.table.sampled(matrix.astype(self.table.dtype, copy=False), rng)

    def _draw(self, n: int, rng: np.random.RandomState) -> NDArray[Any]:
        codes = self.prior.draw(n, rng).astype(np.float32)
        module = self.net.answering_module(codes.dtype)
        generator = self.net.generator(rng.randint(2**31 - 1))
        return self.run_on_codes(partial(module.draw, generator=generator), codes)

    # -- cells filled in -----------------------------------------------------------------------

    def check_completes(self, what: str, *, estimator: Any) -> None:
        """Allow whatever fills in cells."""

    def sample_given(
        self, conditions: Mapping[Any, Any], n_samples: int, rng: np.random.RandomState
    ) -> Any:
        """Sample rows that obey conditions, from one set of codes."""
        limits = self.table.limits(conditions)
        fixed = {at: limit for at, limit in limits.items() if isinstance(limit, float)}
        x = np.zeros((1, self.table.n_encoded), np.float32)
        x[:, self.table.varying] = np.nan
        for at, code in fixed.items():
            x[:, at] = code
        limits = {at: limit for at, limit in limits.items() if at not in fixed}
        # in the precision of the table: a float32 score may belong to a neighbouring value
        drawn = self._complete_alike(x, limits, n_samples, rng).astype(np.float64)
        for at, code in fixed.items():
            drawn[:, at] = code
        return self.table.obeying(conditions, drawn, rng)

    def sample_means(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Sample the most likely cells of codes."""
        decoded = self.run_on_codes("decode", self.prior.draw(n_samples, rng).astype(np.float32))
        return self.table.sampled(decoded.astype(self.table.dtype, copy=False), rng)

    def impute(
        self,
        X: Any,
        rows: AnyRows,
        n_draws: int,
        random_state: Any,
        conditions: Mapping[Any, Any] | None,
    ) -> Any:
        """Fill missing cells with the average of completions by the same random numbers."""
        limits = self.table.limits(as_lists(conditions or {}))
        completions = self._completions(rows, n_draws, random_state, limits, same_noise=True)
        return self.table.filled(X, rows, completions, conditions)

    def sample_imputations(
        self, X: Any, rows: AnyRows, n_samples: int, random_state: Any
    ) -> list[Any]:
        """Complete rows several times."""
        completions = self._completions(rows, n_samples, random_state, {}, same_noise=False)
        return [self.table.filled(X, rows, [one]) for one in completions]

    def _completions(
        self,
        rows: AnyRows,
        n_draws: int,
        random_state: Any,
        limits: Mapping[int, Any],
        *,
        same_noise: bool,
    ) -> list[NDArray[Any]]:
        """Complete rows as matrices, (n, p) each."""
        x = self.table.encode(rows).astype(np.float64)
        unknown = np.flatnonzero(np.isnan(x[:, self.table.varying]).any(1))
        completions = [x.copy() for _ in range(n_draws)]
        if len(unknown):
            rng = check_random_state(random_state)
            part = x[unknown].astype(np.float32)
            drawn = self._complete(part, n_draws, limits, rng, same_noise=same_noise)
            for i, matrix in enumerate(completions):
                matrix[unknown] = np.where(np.isnan(x[unknown]), drawn[:, i], x[unknown])
        return completions

    def _complete_alike(
        self,
        x: NDArray[Any],
        limits: Mapping[int, Any],
        n_draws: int,
        rng: np.random.RandomState,
    ) -> NDArray[Any]:
        """Complete one encoded row ``n_draws`` times: (n_draws, p)."""
        module = self.net.answering_module(x.dtype)
        completer = Completer(module, self.prior.mixture, limits, may_miss=True, rng=rng)
        most = max(1, MAX_NUMBERS // (SHARED_PARTICLES * module.widest))
        sizes = [min(most, n_draws - start) for start in range(0, n_draws, most)]
        return np.concatenate(
            [self.run_on_codes(partial(completer.alike, n_draws=n), x) for n in sizes]
        )

    def _complete(
        self,
        x: NDArray[Any],
        n_draws: int,
        limits: Mapping[int, Any],
        rng: np.random.RandomState,
        *,
        same_noise: bool,
    ) -> NDArray[Any]:
        """Complete encoded rows ``n_draws`` times each: (n, n_draws, p)."""
        module = self.net.answering_module(x.dtype)
        completer = Completer(
            module, self.prior.mixture, limits, may_miss=False, rng=rng, same_noise=same_noise
        )
        size = max(1, MAX_NUMBERS // (max(N_PARTICLES, n_draws) * module.widest))
        ask = partial(completer, n_draws=n_draws)
        return np.concatenate(
            [self.run_on_codes(ask, x[start : start + size]) for start in range(0, len(x), size)]
        )
