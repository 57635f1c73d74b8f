"""AutoencoderTransformer: a nonlinear PCA that starts as PCA."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklatent._training import FitOutcome, NetSpec, RowSource
from sklatent._utils._params import Interval, Real, StrOptions
from sklatent._utils.declaration import Declaration
from sklatent.base import BaseLatentModel, DecoderMixin, EncoderMixin
from sklatent.models._capacity import CapacityMixin, prefix_errors
from sklatent.models._mixed import CONSTRAINTS, MixedTablesMixin
from sklatent.models._rotation import CONSTRAINTS as ROTATIONS
from sklatent.models._rotation import NOISE_MARGIN, RotationMixin
from sklatent.models._skip_autoencoder import SkipAutoencoder, autoencoder_spec
from sklatent.models._tabular_autoencoder import TabularAutoencoder, tabular_autoencoder_spec
from sklatent.tabular import MixedRows, Rows, TabularEncoder

# Share of the codes that an ordered model does not cut in training.
ORDERED_SHARE = 0.5


class AutoencoderTransformer(
    EncoderMixin, DecoderMixin, RotationMixin, MixedTablesMixin, CapacityMixin, BaseLatentModel
):
    """Nonlinear dimensionality reduction that starts as PCA and may only get better.

    Rows ``x`` are encoded as ``z = (x - mean) W + f(asinh(x))`` and decoded as
    ``x_hat = b + z V + r * g(asinh(z))``. The linear parts start as principal components, the
    networks ``f`` and ``g`` as zero, so that training starts at PCA. It goes on while held-out
    rows are rebuilt better, and PCA itself is kept where they are not.

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the latent space. A float between 0 and 1 takes the fewest components that
        explain this share of the variance of held-out rows, on the curve of one ordered fit;
        "auto" takes the last one that explains clearly more than an average column, up to 16.
        Both cost about one further fit. Below 400 rows the curve is that of PCA.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Hidden layers of the encoder's network; the decoder has them in reverse. ``()`` gives a
        linear autoencoder.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="silu"
        Activation of the hidden layers.
    init : {"pca", "random"}, default="pca"
        Where training starts. With "random" there is no guarantee against PCA.
    ordered : bool, default=False
        Order the components, as in PCA: the first ``j`` of them rebuild rows as well as ``j``
        components can (nested dropout). Costs some accuracy with all components.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to the encoded columns in training
        (denoising autoencoder), in units of each column's standard deviation if
        ``standardize=True``, else in the units of X. In ``mode="quantile"`` the share of the
        cells that are hidden.
    rotation : {"ica", "varimax", "auto"} or None, default=None
        How codes are turned after training, so that each component means one thing; rows are
        rebuilt as before. "ica" makes components independent, "varimax" lets each drive few
        columns. "auto" takes independent components where other rows give the same ones, else
        those of few columns where they are clearly fewer than by chance, else leaves the codes as
        they are. Not with ``ordered=True``.
        Nothing is turned below two rows for each component, by "auto" below 50 rows.
    standardize : bool, default=True
        Whether each column counts equally: the model then replaces
        ``make_pipeline(StandardScaler(), PCA())``. If False, columns keep their units and the
        objective is that of a bare ``PCA()``.
    mode : {"auto", "affine", "quantile"}, default="auto"
        How columns become numbers. "affine" centres and scales them, for tables of numbers and
        booleans. "quantile" takes words, categories, dates and missing cells as well: ranks of
        numbers and codes of categories (:class:`TabularEncoder`). "auto" is "affine" where that is
        possible. In "quantile" mode training starts from random weights, ``n_components="auto"``
        is half of the columns up to 16, and components are not ordered.
    categorical_features : array-like of {bool, int, str}, default=None
        Columns that are categories whatever their dtype: a mask, positions or names.
    learning_rate : float, default=5e-3
        Peak step size of AdamW; reached after a tenth of the steps, then a cosine down to zero.
    weight_decay : float, default=1e-2
        Decoupled weight decay of the networks; the linear parts have none.
    batch_size : int or "auto", default="auto"
        Rows per step; "auto" is a sixteenth of the rows, as a power of two within [16, 128].
    max_steps : int or "auto", default="auto"
        Most training steps. "auto" gives 1,500 (400 below 400 rows) and, on tables too large to
        have been seen 24 times by then, further cycles while validation improves.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training and to choose the best weights. "auto" holds
        rows out from 400 rows on, cross-validates the number of steps below, and keeps PCA
        below 100 rows. If False, the model trains for ``max_steps`` on all rows, unguarded.
    validation_fraction : float, default=0.15
        Share of the rows held out, at most 1,000 rows or 1 % of the rows, whichever is more.
    n_iter_no_change : int, default=6
        Checks (15 per cycle) without improvement after which the first cycle stops.
    tol : float, default=0.0
        Relative improvement of the validation loss that counts as one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before, on rows with the same columns.
    device : str, default="auto"
        Torch device for ``fit`` and for answers; "auto" is a CUDA device if there is one. A saved
        model whose device is missing answers on the CPU.
    net_params : dict, default=None
        Further parameters of the :class:`skorch.NeuralNet`, such as ``{"callbacks": [...]}`` or
        ``{"optimizer": torch.optim.SGD}``.
    verbose : int, default=0
        If positive, each check is logged to the logger "sklatent".
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the held-out rows and the batches. Pass an int for the same result
        in each call.

    Attributes
    ----------
    n_components_ : int
        Width of the latent space.
    explained_variance_ratio_ : ndarray of shape (n_components_,)
        Share of the variance that each component adds; only if ``ordered``. On the validation
        rows, or on the training rows where none were held out or PCA was kept.
    rotation_ : {"ica", "varimax"} or None
        How codes are turned; None if not at all.
    rotation_matrix_ : ndarray of shape (n_components_, n_components_)
        Turned codes are the module's codes times this matrix.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    table_ : TabularEncoder
        How rows become a float matrix and back.
    net_ : LatentNet
        The trained net; ``net_.module_`` is the torch module.
    n_iter_ : int
        Training steps taken; 0 where PCA was kept without training.
    best_iter_ : int
        Step whose weights are used; 0 is PCA.
    history_ : list of dict
        A record per check: ``step``, ``train_loss`` and, where rows are held out, ``valid_loss``,
        in units of the squared error that PCA leaves.
    loss_curve_ : list of float
        Training loss at each check.

    See Also
    --------
    VAETransformer : Adds sampling and a likelihood.
    sklearn.decomposition.PCA : The linear yardstick.

    Notes
    -----
    ``transform`` returns codes on the scale of the principal components. With few rows the model
    is PCA itself, the same net with zero networks; for a row farther out than 2.5 times the
    farthest training row it answers as PCA does.

    References
    ----------
    .. [1] Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks",
       Science, 2006.
    .. [2] Vincent et al., "Extracting and Composing Robust Features with Denoising
       Autoencoders", ICML, 2008.
    .. [3] Rippel, Gelbart and Adams, "Learning Ordered Representations with Nested Dropout",
       ICML, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklatent import AutoencoderTransformer
    >>> X = load_digits().data
    >>> model = AutoencoderTransformer(8, max_steps=200, random_state=0).fit(X[:1000])
    >>> model.transform(X[1000:]).shape
    (797, 8)
    >>> pca = AutoencoderTransformer(8, hidden_layer_sizes=(), random_state=0).fit(X[:1000])
    >>> bool(model.score(X[1000:]) > pca.score(X[1000:]))
    True
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Reduce many columns to few, better than PCA does?",
        tables=("numeric", "mixed"),
        cost="about 2 CPU seconds up to 8,000 rows; 27 for 100,000 rows of 30 columns",
        classic=(
            "PCA: below 100 rows the answer is PCA itself, below 400 rows in raw units hardly "
            "better; its fit takes milliseconds"
        ),
        starts_at_pca=True,
    )
    _module: ClassVar[type] = SkipAutoencoder
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "init": [StrOptions({"pca", "random"})],
        "ordered": ["boolean"],
        "noise": [Interval(Real, 0, None, closed="left")],
        **CONSTRAINTS,
        **ROTATIONS,
    }

    def __init__(
        self,
        n_components: int | float | Literal["auto"] = "auto",
        *,
        hidden_layer_sizes: tuple[int, ...] = (128, 128),
        activation: str = "silu",
        init: Literal["pca", "random"] = "pca",
        ordered: bool = False,
        noise: float = 0.0,
        rotation: Literal["ica", "varimax", "auto"] | None = None,
        standardize: bool = True,
        mode: Literal["auto", "affine", "quantile"] = "auto",
        categorical_features: Any = None,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        batch_size: int | Literal["auto"] = "auto",
        max_steps: int | Literal["auto"] = "auto",
        early_stopping: bool | Literal["auto"] = "auto",
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.ordered = ordered
        self.noise = noise
        self.rotation = rotation
        self.standardize = standardize
        self.mode = mode
        self.categorical_features = categorical_features
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

    def _module_of(self, table: TabularEncoder) -> type:
        return TabularAutoencoder if table.mode_ == "quantile" else SkipAutoencoder

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        if self.ordered and self.rotation is not None:
            raise ValueError(
                f"rotation={self.rotation!r} mixes the components that ordered=True puts in order: "
                "set rotation=None or ordered=False."
            )
        if self._mixed:
            if self.ordered or self.noise >= 1:
                raise ValueError(
                    "A mixed table has no ordered components, and noise is the share of its cells "
                    f"that are hidden: got ordered={self.ordered} and noise={self.noise}."
                )
            return tabular_autoencoder_spec(
                rows,
                self.table_.blocks_,
                n_components,
                hidden_layer_sizes=tuple(self.hidden_layer_sizes),
                activation=self.activation,
                noise=self.noise,
            )
        return autoencoder_spec(
            rows,
            self.table_.n_encoded_,
            n_components,
            hidden_layer_sizes=tuple(self.hidden_layer_sizes),
            activation=self.activation,
            init=self.init,
            noise=self.noise,
            full_share=ORDERED_SHARE if self.ordered else 1.0,
            scale=self.table_.unit_,
            seed=seed,
        )

    def _after_training(
        self, rows: Rows | MixedRows, encoded: RowSource, outcome: FitOutcome, seed: int
    ) -> None:
        if self.ordered:
            curve = prefix_errors(outcome, encoded)
            self.explained_variance_ratio_ = -np.diff(curve) / max(curve[0], 1e-300)
        super()._after_training(rows, encoded, outcome, seed)

    def _informative(self, cells: NDArray[Any], codes: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell components from noise: they spread wider than what is left does in a direction."""
        n, spare = len(cells), int(self.table_.varying_.sum()) - codes.shape[1]
        # codes that start at random have no unit to compare with
        if spare < 1 or not self._starts_at_pca():
            return np.ones(codes.shape[1], dtype=bool)
        left = self.table_.unit_**2 * ((cells - self._run_on_codes("decode", codes)) ** 2).sum()
        return np.asarray(codes.var(0) > NOISE_MARGIN * left / (n * spare))

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of rows that survives encoding and decoding.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, held out for an honest figure.
        y : None
            Ignored.

        Returns
        -------
        float
            One minus the squared error over the squared distance from the training mean, over
            all columns that were not constant in ``fit``, in the units the model was fitted in
            (standardized or raw). 1 is perfect, 0 as good as the mean. Of a mixed table, the
            share of the deviance: squared errors of the scores of numbers, cross-entropies of
            categories and of missing cells, against those of the marginals of the training rows.
        """
        check_is_fitted(self)
        rows = self._read(X)
        if self._mixed:
            ours, blind = self._run("losses", rows).sum(0, dtype=np.float64)
            return float(1.0 - ours / blind) if blind > 0 else 0.0
        varying = self.table_.varying_
        squared = total = 0.0
        for start in range(0, len(rows), 8192):
            part = rows.take(slice(start, start + 8192))
            x = self.table_._encode(part).astype(np.float64, copy=False)
            x_hat = self._run_on_codes("decode", self._run("encode", part))
            squared += float(((x - x_hat)[:, varying] ** 2).sum(dtype=np.float64))
            total += float((x[:, varying] ** 2).sum(dtype=np.float64))
        # as r2_score: nothing to explain is perfect if nothing is missed
        return 1.0 - squared / total if total > 0 else float(squared == 0)
