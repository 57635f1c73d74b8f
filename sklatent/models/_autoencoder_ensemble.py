"""AutoencoderEnsemble: many small autoencoders, trained as one program on rows that may be odd."""

from dataclasses import KW_ONLY, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sklatent._training import Batch, Budget, Fit, Player, Recipe, RowSource, plan_budget
from sklatent._utils._params import Integral, Interval, Real, RealNotInt
from sklatent._utils.declaration import Declaration
from sklatent.base import BaseLatentModel, Body, DecoderMixin, EncoderMixin, latent_model
from sklatent.nn import ACTIVATIONS
from sklatent.parts import principal_axes

# Share of the steps after which the worst rows of a batch no longer count: before, a net cannot
# tell which these are.
TRIM_AFTER = 0.15
# Rows of a batch per row that one member sees of it: members differ by their draws.
SPREAD = 4
BATCH_ROWS = 64
# Passes of each member over the rows, and the bounds of the steps that this comes to: outliers
# are learned last, so that a long training reconstructs them too.
PASSES, AUTO_STEPS = 12, (30, 300)
# The width of the code is read off as many rows at most.
MAX_ROWS_PCA = 20_000


class StackedLinear(nn.Module):
    """One affine map per member, as one batched product."""

    def __init__(self, n_members: int, n_in: int, n_out: int) -> None:
        super().__init__()
        bound = n_in**-0.5
        self.weight = nn.Parameter(torch.empty(n_members, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_members, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_members, n, n_in) to (n_members, n, n_out)."""
        return torch.baddbmm(self.bias, x, self.weight)


class StackedAutoencoder(nn.Module):
    """Autoencoders of one shape whose weights lie in common arrays.

    Parameters
    ----------
    n_features, n_components : int
        Width of the rows and of each member's code.
    n_members : int
        Number of autoencoders.
    hidden_layer_sizes : tuple of int
        Hidden layers of each encoder; the decoders have them in reverse.
    activation : str
        A key of ``ACTIVATIONS``.
    n_rows : int
        Rows that each member draws from a training batch, with replacement.
    """

    def __init__(
        self,
        *,
        n_features: int,
        n_components: int,
        n_members: int,
        hidden_layer_sizes: tuple[int, ...],
        activation: str,
        n_rows: int,
    ) -> None:
        super().__init__()
        self.n_members, self.n_components, self.n_rows = n_members, n_components, n_rows
        self.n_codes = n_members * n_components
        widths = (n_features, *hidden_layer_sizes, n_components)

        def stack(widths: tuple[int, ...]) -> nn.Sequential:
            layers: list[nn.Module] = []
            for n_in, n_out in pairwise(widths):
                layers += [StackedLinear(n_members, n_in, n_out), ACTIVATIONS[activation]()]
            return nn.Sequential(*layers[:-1])

        self.encoder, self.decoder = stack(widths), stack(widths[::-1])

    def forward(self, batch: Batch, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return the mean squared error of each row by each member: shape (n_members, n).

        In training each member sees rows of the batch that it draws for itself.
        """
        x = batch["x"]
        if self.training:
            size = (self.n_members, self.n_rows)
            drawn = torch.randint(len(x), size, generator=generator, device=x.device)
            x = x[drawn]
        else:
            x = self._for_all(x)
        return {"errors": (x - self.decoder(self.encoder(x))).square().mean(-1)}

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of all members side by side: (n, n_members * n_components)."""
        codes: Tensor = self.encoder(self._for_all(x))
        return codes.transpose(0, 1).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean of what the members decode: (n, n_features)."""
        codes = z.reshape(len(z), self.n_members, self.n_components).transpose(0, 1)
        return self.decoder(codes).mean(0)  # type: ignore[no-any-return]

    def _for_all(self, x: Tensor) -> Tensor:
        return x.expand(self.n_members, *x.shape)


def trimmed_error(
    output: dict[str, Tensor], batch: Batch, progress: float, *, trim: float
) -> dict[str, Tensor]:
    """Squared error without the worst rows of each member's batch.

    Parameters
    ----------
    output : dict
        Of :class:`StackedAutoencoder`.
    batch : dict
        The batch.
    progress : float
        Share of the steps taken.
    trim : float
        Share of the rows that are left out after the first steps.

    Returns
    -------
    dict of Tensor
        The term ``reconstruction``.
    """
    errors = output["errors"]
    n_kept = max(1, errors.shape[1] - int(trim * errors.shape[1]))
    if progress >= TRIM_AFTER and n_kept < errors.shape[1]:
        errors = errors.topk(n_kept, dim=1, largest=False, sorted=False).values
    return {"reconstruction": errors}


class EnsembleBody(Body["AutoencoderEnsemble"]):
    """All members are one module; none starts at PCA."""

    module: ClassVar[type[nn.Module]] = StackedAutoencoder

    @property
    def rows_per_step(self) -> int:
        """Rows that each member sees in a step."""
        size = self.model.batch_size
        return BATCH_ROWS if size == "auto" else int(size)

    def plan(self, n_rows: int, **given: Any) -> Budget:
        """Train in a few passes over the rows, in batches that all members draw from."""
        steps = self.model.max_steps
        if steps == "auto":
            steps = int(np.clip(PASSES * n_rows // self.rows_per_step, *AUTO_STEPS))
        return replace(
            plan_budget(n_rows, **given),
            batch_size=min(SPREAD * self.rows_per_step, n_rows),
            n_steps=steps,
            max_total_steps=steps,
            n_checks=min(15, steps),
        )

    def width(self, fit: Fit, seed: int) -> int:
        """Read a share off the variances of principal components."""
        share, rows = self.model.n_components, fit.rows
        if isinstance(share, Integral):
            return super().width(fit, seed)
        most = min(len(rows), self.table.n_encoded)
        if len(rows) > MAX_ROWS_PCA:
            order = np.random.RandomState(seed).permutation(len(rows))
            rows = rows.subset(order[:MAX_ROWS_PCA])
        axes = principal_axes(rows.arrays, len(rows), most, seed)
        if axes.total_variance <= 0:
            return 1
        explained = np.cumsum(axes.scale**2) / axes.total_variance
        k = int(np.searchsorted(explained, share)) + 1
        return int(np.clip(k, 1, max(1, most - 1)))

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the stacked net."""
        model = self.model
        return Recipe(
            module=StackedAutoencoder,
            module_params={
                "n_features": self.table.n_encoded,
                "n_components": n_components,
                "n_members": model.n_members,
                "hidden_layer_sizes": tuple(model.hidden_layer_sizes),
                "activation": model.activation,
                "n_rows": min(self.rows_per_step, len(rows)),
            },
            players=(Player(loss=trimmed_error, loss_params={"trim": model.trim}),),
        )


@latent_model
class AutoencoderEnsemble(EncoderMixin, DecoderMixin, BaseLatentModel):
    """Many small autoencoders that disagree about rows unlike the others.

    Each member draws rows of its own from every batch. Rows that a member reconstructs worst do not
    train it, so that a share of outliers among the training rows is not learned. ``transform``
    gives the codes of all members side by side, ``inverse_transform`` the mean of what they
    decode.

    Parameters
    ----------
    n_components : int or float, default=0.6
        Width of each member's code. A float takes the fewest principal components that explain
        this share of the variance.
    n_members : int, default=10
        Number of autoencoders.
    trim : float, default=0.3
        Share of the rows, those reconstructed worst, that do not train a member; 0 for clean rows.
    hidden_layer_sizes : tuple of int, default=(48,)
        Hidden layers of each encoder; the decoder has them in reverse.
    weight_decay : float, default=1e-4
        Decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Rows per step and member; "auto" is 64.
    max_steps : int or "auto", default="auto"
        Training steps; "auto" is 12 passes over the rows, within [30, 300] steps.
    early_stopping : bool, default=False
        Whether rows are held out to choose the best weights.

    Attributes
    ----------
    n_components_ : int
        Width of each member's code.

    References
    ----------
    .. [1] Chen, Sathe, Aggarwal and Turaga, "Outlier Detection with Autoencoder Ensembles",
       SDM, 2017.
    .. [2] Xia, Cao, Wen, Hua and Sun, "Learning Discriminative Reconstructions for
       Unsupervised Outlier Removal", ICCV, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.models._autoencoder_ensemble import AutoencoderEnsemble
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> model = AutoencoderEnsemble(2, n_members=3, max_steps=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (200, 6)
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Which rows can many small autoencoders not reconstruct?",
        tables=("numeric",),
        cost="30 to 300 steps",
        classic="by itself no detector: LatentAnomalyDetector holds one",
    )
    bodies: ClassVar[tuple[type[Body[Any]], ...]] = (EnsembleBody,)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "trim": [Interval(Real, 0, 1, closed="left")],
    }

    n_components: int | float = 0.6
    _: KW_ONLY
    n_members: int = 10
    trim: float = 0.3
    hidden_layer_sizes: tuple[int, ...] = (48,)
    weight_decay: float = 1e-4
    early_stopping: bool = False
