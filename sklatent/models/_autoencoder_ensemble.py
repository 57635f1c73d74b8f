"""AutoencoderEnsemble: many small autoencoders, trained as one program on rows that may be odd."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sklatent._training import Budget, FitOutcome, NetSpec, RowSource
from sklatent._utils._params import Integral, Interval, Real, RealNotInt
from sklatent.base import BaseLatentModel, DecoderMixin, EncoderMixin
from sklatent.models._principal import principal_axes
from sklatent.nn import ACTIVATIONS

# Share of the steps after which the worst rows of a batch no longer count: before, a net cannot
# tell which these are.
TRIM_AFTER = 0.15
# Rows of a batch per row that one member sees of it: members differ by their draws.
SPREAD = 4
BATCH_ROWS = 64
# Passes of each member over the rows, and the bounds of the steps that this comes to: outliers
# are learned last, so that a long training rebuilds them too.
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
        widths = (n_features, *hidden_layer_sizes, n_components)

        def stack(widths: tuple[int, ...]) -> nn.Sequential:
            layers: list[nn.Module] = []
            for n_in, n_out in pairwise(widths):
                layers += [StackedLinear(n_members, n_in, n_out), ACTIVATIONS[activation]()]
            return nn.Sequential(*layers[:-1])

        self.encoder, self.decoder = stack(widths), stack(widths[::-1])

    def forward(self, x: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        """Return the mean squared error of each row by each member: shape (n_members, n).

        In training each member sees rows of the batch that it draws for itself.
        """
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
    output: dict[str, Tensor], x: Tensor, progress: float, *, trim: float
) -> dict[str, Tensor]:
    """Squared error without the worst rows of each member's batch.

    Parameters
    ----------
    output : dict
        Of :class:`StackedAutoencoder`.
    x : Tensor
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


class AutoencoderEnsemble(EncoderMixin, DecoderMixin, BaseLatentModel):
    """Many small autoencoders that disagree about rows unlike the others.

    Each member draws rows of its own from every batch. Rows that a member rebuilds worst do not
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
        Share of the rows, those rebuilt worst, that do not train a member; 0 for clean rows.
    hidden_layer_sizes : tuple of int, default=(48,)
        Hidden layers of each encoder; the decoder has them in reverse.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="silu"
        Activation of the hidden layers.
    standardize : bool, default=True
        Whether each column counts equally.
    learning_rate : float, default=5e-3
        Peak step size of AdamW.
    weight_decay : float, default=1e-4
        Decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Rows per step and member; "auto" is 64.
    max_steps : int or "auto", default="auto"
        Training steps; "auto" is 12 passes over the rows, within [30, 300] steps.
    early_stopping : bool, default=False
        Whether rows are held out to choose the best weights.
    validation_fraction : float, default=0.15
        Share of the rows held out.
    n_iter_no_change : int, default=6
        Checks without improvement after which training stops.
    tol : float, default=0.0
        Relative improvement of the validation loss that counts as one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before.
    device : str, default="auto"
        Torch device.
    net_params : dict, default=None
        Further parameters of the :class:`skorch.NeuralNet`.
    verbose : int, default=0
        If positive, each check is logged.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights and the batches.

    Attributes
    ----------
    n_components_ : int
        Width of each member's code.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    table_ : TabularEncoder
        How rows become a float matrix and back.
    net_ : LatentNet
        The trained net.
    n_iter_, best_iter_ : int
        Training steps taken, and the one whose weights are used.
    history_ : list of dict
        A record per check.
    loss_curve_ : list of float
        Training loss at each check.

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

    _module: ClassVar[type] = StackedAutoencoder
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "trim": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        n_components: int | float = 0.6,
        *,
        n_members: int = 10,
        trim: float = 0.3,
        hidden_layer_sizes: tuple[int, ...] = (48,),
        activation: str = "silu",
        standardize: bool = True,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        max_steps: int | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 6,
        tol: float = 0.0,
        warm_start: bool = False,
        device: str = "auto",
        net_params: dict[str, Any] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_members = n_members
        self.trim = trim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.standardize = standardize
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.net_params = net_params
        self.verbose = verbose
        self.random_state = random_state

    def _starts_at_pca(self) -> bool:
        return False

    def _plan(self, n_rows: int, has_validation: bool, continued: bool) -> Budget:
        budget = super()._plan(n_rows, has_validation, continued)
        steps = self.max_steps
        if steps == "auto":
            steps = int(np.clip(PASSES * n_rows // self._rows_per_step, *AUTO_STEPS))
        return replace(
            budget,
            batch_size=min(SPREAD * self._rows_per_step, n_rows),
            n_steps=steps,
            max_total_steps=steps,
            n_checks=min(15, steps),
        )

    @property
    def _rows_per_step(self) -> int:
        return BATCH_ROWS if self.batch_size == "auto" else int(self.batch_size)

    def _choose_n_components(
        self, rows: RowSource, run: Callable[..., FitOutcome], seed: int
    ) -> int:
        if isinstance(self.n_components, Integral):
            return super()._choose_n_components(rows, run, seed)
        most = min(len(rows), self.table_.n_encoded_)
        some = rows
        if len(rows) > MAX_ROWS_PCA:
            order = np.random.RandomState(seed).permutation(len(rows))
            some = rows.subset(order[:MAX_ROWS_PCA])
        axes = principal_axes(some.arrays, len(some), most, seed)
        if axes.total_variance <= 0:
            return 1
        explained = np.cumsum(axes.scale**2) / axes.total_variance
        k = int(np.searchsorted(explained, self.n_components)) + 1
        return int(np.clip(k, 1, max(1, most - 1)))

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        return NetSpec(
            module=StackedAutoencoder,
            module_params={
                "n_features": self.table_.n_encoded_,
                "n_components": n_components,
                "n_members": self.n_members,
                "hidden_layer_sizes": tuple(self.hidden_layer_sizes),
                "activation": self.activation,
                "n_rows": min(self._rows_per_step, len(rows)),
            },
            criterion=trimmed_error,
            criterion_params={"trim": self.trim},
        )

    @property
    def _n_features_out(self) -> int:
        return int(self.n_members * self.n_components_)
