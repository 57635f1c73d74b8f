"""What the variational autoencoders of both kinds of table do alike."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sklatent._training import FitOutcome, RowSource
from sklatent._utils.notice import warn_caller
from sklatent.base import AnyRows, Body
from sklatent.nn import gaussian_kl
from sklatent.parts import (
    ImportanceDraws,
    ImportanceSampler,
    LatentPrior,
    fit_mixture,
    kl_from_all,
    normal_draws,
    rotation_of,
    rows_to_rotate,
    standard_normal,
)

if TYPE_CHECKING:
    from sklatent.models._vae._estimator import VAETransformer  # noqa: F401 (named in a string)


# Rows on which posteriors are looked at after training.
MAX_ROWS = 5000
# A component whose KL divergence is below this carries no information (nats).
ACTIVE_KL = 0.05
# One that says less than this is not rotated: noise does, too.
ROTATED_KL = 0.2


class VariationalBody(Body["VAETransformer"]):
    """Posteriors, the prior fitted to them, and likelihoods by importance sampling."""

    start_on_all_rows: ClassVar[bool] = False
    cross_validates: ClassVar[bool] = False
    parts: ClassVar[dict[str, Any]] = {
        "prior": LatentPrior,
        "draws": ImportanceDraws,
    }

    usual_beta: ClassVar[float]

    prior: LatentPrior
    draws: ImportanceDraws

    @property
    def beta(self) -> float:
        """Weight of the KL term."""
        return self.usual_beta if self.model.beta == "auto" else float(self.model.beta)

    def provisional(self, n_components: int) -> dict[str, Any]:
        """Answer by a normal prior, without a rotation."""
        self.prior = LatentPrior(standard_normal(n_components))
        n_draws = self.model.n_importance_samples
        self.draws = ImportanceDraws(normal_draws(n_draws, n_components, seed=0))
        return {"prior_": self.prior.mixture, "rotation_": None}

    # -- what stands on the trained net --------------------------------------------------------

    def fit_latents(
        self, encoded: RowSource, rng: np.random.RandomState, seed: int
    ) -> NDArray[np.float64]:
        """Measure what each component says about encoded rows, and fit the prior.

        Returns
        -------
        ndarray of shape (n_samples, n_encoded)
            The encoded rows that were looked at.
        """
        train = self.some_cells(encoded, MAX_ROWS, rng)
        model, moments = self.model, self.run_on_codes("whitened_posterior", train)
        k = moments.shape[1] // 2
        kl = gaussian_kl(torch.from_numpy(moments[:, :k]), torch.from_numpy(moments[:, k:]))
        model.kl_per_component_ = kl.mean(0).numpy()
        model.n_active_components_ = int((model.kl_per_component_ > ACTIVE_KL).sum())
        self.draws = ImportanceDraws(normal_draws(model.n_importance_samples, k, seed))
        if model.prior == "gmm":
            self.prior = LatentPrior(fit_mixture(drawn_from(moments, rng), seed))
        else:
            self.prior = LatentPrior(standard_normal(k))
        model.prior_ = self.prior.mixture
        return train

    def warn_of_collapse(self, outcome: FitOutcome, beta: float) -> None:
        """Warn where training has left no component that says anything about rows."""
        # a start without active components has nothing to say about these rows: no collapse
        informative = outcome.best_step > 0 and bool(self.table.varying.any())
        if self.model.n_active_components_ == 0 and informative:
            warn_caller(
                f"The posterior collapsed: no component carries more than {ACTIVE_KL} nats about "
                f"the rows, so that transform returns noise. Lower beta (got {beta}), unless "
                "the columns have nothing to do with each other.",
                ConvergenceWarning,
            )

    def fit_rotation(
        self,
        encoded: RowSource,
        train: NDArray[Any],
        *,
        least_kl: float,
        along_axes: bool,
        seed: int,
    ) -> None:
        """Rotate the components that say more than ``least_kl`` nats about a row."""
        model = self.model
        if model.rotation is not None:
            cells = rows_to_rotate(encoded, seed)
            self.rotation = rotation_of(
                cells,
                self.run_on_codes("encode", cells),
                self.table.blocks,
                model.rotation,
                usable=model.kl_per_component_ > least_kl,
                along_axes=along_axes,
                seed=seed,
            )
        self.show_rotation()
        if self.rotation is not None and self.rotation.kind is not None:
            mean, std = np.split(self.run_on_codes("posterior", train), 2, axis=1)
            both = self.rotation.rotate(mean), self.rotation.rotate_spread(std)
            model.kl_per_component_ = kl_from_all(*both)

    # -- answers -------------------------------------------------------------------------------

    def posterior(self, rows: AnyRows) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return mean and standard deviation of the codes of rows."""
        mean, std = np.split(self.moments(rows), 2, axis=1)
        if self.rotation is None:
            return mean, std
        return self.rotation.rotate(mean), self.rotation.rotate_spread(std)

    def moments(self, rows: AnyRows) -> NDArray[Any]:
        """Return mean and standard deviation of the codes of rows before they are rotated."""
        return self.run("posterior", rows)

    def sampler(self, rows: AnyRows) -> ImportanceSampler:
        """Return what estimates likelihoods in the precision of rows."""
        module = self.net.answering_module(rows.dtype)
        return self.draws.sampler(module, self.prior.mixture)

    def log_density(self, rows: AnyRows) -> NDArray[np.float64]:
        """Return the log-likelihood of each row in the units of the table."""
        bound = self.run(self.sampler(rows), rows, fill=False)[:, 0].astype(np.float64)
        # a row so far out that its squares overflow has no density
        log_density: NDArray[np.float64] = np.where(np.isnan(bound), -np.inf, bound)
        log_density += self.table.log_det(rows)
        return log_density

    def log_likelihood_of_cells(self, rows: AnyRows) -> NDArray[np.float64]:
        """Return the log-likelihood of the cells that the module knows, as it encodes them."""
        cells = self.run(self.sampler(rows).cells, rows, fill=False).astype(np.float64)
        cells[np.isnan(cells)] = -np.inf  # as the row itself, so far out that squares overflow
        return cells


def drawn_from(moments: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
    """Draw codes from posteriors given as means and log-variances side by side."""
    k = moments.shape[1] // 2
    noise = rng.standard_normal((len(moments), k))
    codes: NDArray[Any] = moments[:, :k] + np.exp(0.5 * moments[:, k:]) * noise
    return codes
