"""VAETransformer: an autoencoder with a distribution over codes and over rows."""

import math
import warnings
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from sklatent._training import MIN_ROWS_TRAINING, FitOutcome, NetSpec, RowSource
from sklatent._utils._params import Integral, Interval, Real, StrOptions
from sklatent._utils.declaration import Declaration
from sklatent.base import BaseLatentModel, DecoderMixin, DensityMixin, EncoderMixin, SamplerMixin
from sklatent.models._calibration import add_residual_noise, fit_marginals, match_marginals
from sklatent.models._capacity import CapacityMixin
from sklatent.models._completion import CompletionMixin
from sklatent.models._generation import MAX_ROWS, measure_scatter, variance_function
from sklatent.models._importance import ImportanceSampler, normal_draws
from sklatent.models._latent_prior import draw_codes, fit_mixture, standard_normal
from sklatent.models._mixed import CONSTRAINTS, MixedTablesMixin
from sklatent.models._rotation import CONSTRAINTS as ROTATIONS
from sklatent.models._rotation import NOISE_MARGIN, RotationMixin, kl_from_all
from sklatent.models._skip_vae import N_KNOTS, SkipVAE, skip_vae_spec
from sklatent.models._tabular_vae import TabularVAE, tabular_spec
from sklatent.nn import gaussian_kl
from sklatent.tabular import MixedRows, Rows, TabularEncoder

MAX_ROWS_MARGINALS = 100_000
# Rows drawn to compare the model's marginals with those of the table; fewer in wide tables.
FEWEST_DRAWN, MOST_DRAWN, MAX_CELLS_DRAWN = 5000, 20_000, 1 << 22
# The bound's KL term weighs so much unless told otherwise. Mixed tables start with codes that say
# something, and columns that see each other: there less has to be given up.
BETA, MIXED_BETA = 0.5, 0.8
# A component whose KL divergence is below this carries no information (nats).
ACTIVE_KL = 0.05
# One that says less than this is not turned: noise does, too.
TURNED_KL = 0.2


class VAETransformer(
    EncoderMixin,
    DecoderMixin,
    CompletionMixin,
    SamplerMixin,
    DensityMixin,
    RotationMixin,
    MixedTablesMixin,
    CapacityMixin,
    BaseLatentModel,
):
    """Variational autoencoder of numbers or mixed tables: codes, samples, likelihood, imputation.

    The encoder gives a Gaussian over codes whose mean is ``transform``. Training maximizes the
    evidence lower bound, its KL term times ``beta``. Afterwards a Gaussian mixture is fitted to
    the codes, so that ``sample`` draws from where rows lie.

    In a table of numbers a row is the decoded mean of its code plus noise,
    ``x = b + z V + r * g(asinh(z)) + e``, and training starts at probabilistic PCA. In a mixed
    table, of words, categories, dates, numbers and missing cells, the columns of a row are drawn
    in turn given its code and the columns before, each with the likelihood of its kind:
    ``p(x | z) = prod_j p(x_j | z, x_1, ..., x_{j-1})``. Such models also draw rows that obey
    (``sample(conditions=...)``) and fill missing cells (``impute``, ``sample_imputations``).

    Parameters
    ----------
    n_components : int, float or "auto", default="auto"
        Width of the latent space. A float between 0 and 1 takes the fewest components with which
        an autoencoder explains this share of the variance of held-out rows; "auto" takes the
        last one that explains clearly more than an average column, up to 16. Both cost about one
        further fit. Below 400 rows the curve is that of PCA. In mixed tables a float is an error,
        and "auto" is half of the columns that vary, up to 16.
    beta : float or "auto", default="auto"
        Weight of the KL divergence. 1 is the evidence bound itself; smaller values give up a little
        of it for codes that rebuild rows nearly as well as an autoencoder's, larger ones bring
        the codes closer to the standard normal. "auto" is 0.5 for numbers alone and 0.8 in mixed
        tables.
    prior : {"gmm", "normal"}, default="gmm"
        Distribution of the codes for ``sample`` and ``score_samples``: a full-covariance mixture
        fitted to sampled codes after training, or N(0, I).
    n_importance_samples : int, default=64
        Draws per row in ``score_samples``.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Hidden layers of the encoder's network; the decoder has them in reverse. ``()`` gives
        probabilistic PCA, trained, in a table of numbers.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="silu"
        Activation of the hidden layers.
    init : {"pca", "random"}, default="pca"
        Where training starts. With "random" there is no guarantee against probabilistic PCA. In
        mixed tables "pca" is a factor analysis of the scores of numbers and levels.
    rotation : {"ica", "varimax", "auto"} or None, default=None
        How codes are turned after training, so that each component means one thing; rows are
        rebuilt as before. "ica" makes components independent, "varimax" lets each drive few
        columns. "auto" takes independent components where other rows give the same ones, else
        those of few columns where they are clearly fewer than by chance, else leaves the codes as
        they are. Components without information come last, as they are.
        Nothing is turned below two rows for each component, by "auto" below 50 rows.
    standardize : bool, default=True
        Whether each column counts equally: the model then replaces
        ``make_pipeline(StandardScaler(), PCA())``. If False, columns keep their units and the
        objective is that of a bare ``PCA()``. For the affine mode.
    mode : {"auto", "affine", "quantile"}, default="auto"
        How columns become numbers, and which of the two models is fitted. "affine" centres and
        scales them, for tables of numbers and booleans without missing cells. "quantile" takes
        words, categories, dates and missing cells as well: ranks of numbers, codes of categories
        (:class:`TabularEncoder`), and one likelihood per kind of column. "auto" is "affine" where
        that is possible. Conditions and imputation need "quantile".
    categorical_features : array-like of {bool, int, str}, default=None
        Columns that are categories whatever their dtype: a mask, positions or names. With any,
        "auto" is "quantile".
    learning_rate : float, default=5e-3
        Peak step size of AdamW; reached after a tenth of the steps, then a cosine down to zero.
    weight_decay : float, default=1e-2
        Decoupled weight decay of the networks; the linear parts have none.
    batch_size : int or "auto", default="auto"
        Rows per step; "auto" is a sixteenth of the rows, as a power of two within [16, 128], in
        mixed tables [16, 256].
    max_steps : int or "auto", default="auto"
        Most training steps. "auto" gives 1,500, in mixed tables 1,000 (400 below 400 rows) and,
        on tables too large to have been seen 24 times by then, further cycles while validation
        improves.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training, to choose the best weights and to measure the
        noise. "auto" holds rows out from 100 rows on and keeps probabilistic PCA below; in mixed
        tables it holds rows out from 20 rows on, and trains unguarded below. If False, the model
        trains for ``max_steps`` on all rows, unguarded.
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
    kl_per_component_ : ndarray of shape (n_components_,)
        Mean KL divergence of each component's posterior from N(0, 1) over training rows, in
        nats: how much the component says about a row. Where codes are turned, from the normal
        distribution of all posteriors together.
    n_active_components_ : int
        Number of components above 0.05 nats from N(0, 1), before they are turned.
    prior_ : GaussianMixture
        Distribution of the whitened codes (those of the torch module, of unit scale; in mixed
        tables, the codes themselves).
    rotation_ : {"ica", "varimax"} or None
        How codes are turned; None if not at all.
    rotation_matrix_ : ndarray of shape (n_components_, n_components_)
        Turned codes are the module's codes times this matrix.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    table_ : TabularEncoder
        How rows become a float matrix and back; ``table_.mode_`` is the mode in use.
    net_ : LatentNet
        The trained net; ``net_.module_`` is the torch module.
    n_iter_ : int
        Training steps taken.
    best_iter_ : int
        Step whose weights are used; 0 is the start, in tables of numbers probabilistic PCA.
    history_ : list of dict
        A record per check: ``step``, ``train_loss``, ``valid_loss`` where rows are held out
        (negative evidence bound of the encoded row, in nats, the KL term times ``beta``) and its
        terms ``train_reconstruction`` and ``train_kl`` (times ``beta`` too).
    loss_curve_ : list of float
        Training loss at each check.

    Warns
    -----
    ConvergenceWarning
        If the posterior collapsed: no component is active after training (in mixed tables, on
        100 rows or more).

    See Also
    --------
    AutoencoderTransformer : Codes without a distribution.
    sklatent.metrics.synthetic_report : How good drawn rows are.
    sklatent.metrics.imputation_report : How good filled cells are.
    sklearn.mixture.GaussianMixture : Density of the rows themselves.

    Notes
    -----
    In tables of numbers the noise has one shared variance in training, measured on the validation
    rows at each check, at one draw from each posterior; learned on training rows it would shrink
    as the net overfits. Afterwards ``score_samples`` uses a variance per column that depends on
    the decoded mean. ``sample`` draws the noise from the residuals themselves (conditional
    quantiles per column, coupled by a Gaussian copula) and maps each column to its training
    marginal, so that values, spikes and bounds come back as they were; the likelihood is that of
    the model before this last map.

    In mixed tables a category has a probability for each level, a number a mixture of normal
    distributions of its normal score, and a column with missing cells the probability that one is
    missing. In training, cells are hidden at random from the encoder and from later columns, and
    some rows see their columns in random order: so the code stays in use, and any cells can be
    given. Conditions and known cells weigh codes drawn from encoder and prior, then the other
    columns are drawn given them.

    ``score_samples`` is an importance-weighted estimate, exact for a linear model, deterministic.
    It ignores columns that were constant in ``fit``. In mixed tables it adds log-densities of
    numbers and log-probabilities of levels, of numbers seen more than once and of missing cells,
    and compares only between models that encode alike.

    References
    ----------
    .. [1] Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR, 2014.
    .. [2] Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated
       Decoders", ICML, 2021.
    .. [3] Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR, 2016.
    .. [4] Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR, 2020.
    .. [5] Larochelle and Murray, "The Neural Autoregressive Distribution Estimator", AISTATS,
       2011.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklatent import VAETransformer
    >>> X = load_breast_cancer().data
    >>> model = VAETransformer(4, max_steps=100, random_state=0).fit(X)
    >>> model.transform(X).shape
    (569, 4)
    >>> model.sample(3, random_state=0).shape
    (3, 30)
    >>> model.score_samples(X[:5]).shape
    (5,)

    A table of words, numbers, dates and holes, and rows under a condition:

    >>> from sklatent.datasets import make_mixed_table
    >>> plants = make_mixed_table(300, random_state=0)
    >>> model = VAETransformer(4, max_steps=100, random_state=0).fit(plants)
    >>> shaded = model.sample(3, conditions={"light": "shade"}, random_state=0)
    >>> shaded["light"].tolist()
    ['shade', 'shade', 'shade']
    >>> int(model.impute(plants).isna().sum().sum())
    0
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Draw new rows, fill missing cells, or tell how likely a row is?",
        tables=("numeric", "mixed"),
        cost="about 2 to 3 CPU seconds up to 8,000 rows of numbers; 30 for 10,000 mixed rows",
        classic=(
            "GaussianMixture: the higher likelihood on 23 of 32 tables of numbers, against 6; "
            "its samples of digits are less often nearest to training rows"
        ),
        starts_at_pca=True,
    )
    _module: ClassVar[type] = SkipVAE
    _start_on_all_rows: ClassVar[bool] = False
    _cross_validates: ClassVar[bool] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "init": [StrOptions({"pca", "random"})],
        **CONSTRAINTS,
        **ROTATIONS,
        "beta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "prior": [StrOptions({"gmm", "normal"})],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int | float | Literal["auto"] = "auto",
        *,
        beta: float | Literal["auto"] = "auto",
        prior: Literal["gmm", "normal"] = "gmm",
        n_importance_samples: int = 64,
        hidden_layer_sizes: tuple[int, ...] = (128, 128),
        activation: str = "silu",
        init: Literal["pca", "random"] = "pca",
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
        self.beta = beta
        self.prior = prior
        self.n_importance_samples = n_importance_samples
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
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

    # -- training ------------------------------------------------------------------------------

    def _module_of(self, table: TabularEncoder) -> type:
        return TabularVAE if table.mode_ == "quantile" else SkipVAE

    @property
    def _beta(self) -> float:
        usual = MIXED_BETA if self._mixed else BETA
        return usual if self.beta == "auto" else float(self.beta)

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        sizes = tuple(self.hidden_layer_sizes)
        if self._mixed:
            return tabular_spec(
                rows,
                self.table_.blocks_,
                self.table_.ties_,
                n_components,
                hidden_layer_sizes=sizes,
                activation=self.activation,
                init=self.init,
                beta=self._beta,
                seed=seed,
            )
        return skip_vae_spec(
            rows,
            n_components,
            varying=self.table_.varying_,
            hidden_layer_sizes=sizes,
            activation=self.activation,
            init=self.init,
            beta=self._beta,
            scale=self.table_.unit_,
            seed=seed,
        )

    def _after_training(
        self, rows: Rows | MixedRows, encoded: RowSource, outcome: FitOutcome, seed: int
    ) -> None:
        rng = np.random.RandomState(seed)
        train = _some_rows(encoded, rng)
        moments = self._whitened(train)
        k = self.n_components_
        self.kl_per_component_ = (
            gaussian_kl(torch.from_numpy(moments[:, :k]), torch.from_numpy(moments[:, k:]))
            .mean(0)
            .numpy()
        )
        self.n_active_components_ = int((self.kl_per_component_ > ACTIVE_KL).sum())
        # a start without active components has nothing to say about these rows: no collapse
        informative = outcome.best_step > 0 and bool(self.table_.varying_.any())
        # nor is it one where the columns of a handful of rows explain each other
        informative = informative and not (self._mixed and len(rows) < MIN_ROWS_TRAINING)
        if self.n_active_components_ == 0 and informative:
            warnings.warn(
                f"The posterior collapsed: no component carries more than {ACTIVE_KL} nats about "
                f"the rows, so that transform returns noise. Lower beta (got {self._beta}), unless "
                "the columns have nothing to do with each other.",
                ConvergenceWarning,
                stacklevel=5,
            )
        self._draws = normal_draws(self.n_importance_samples, k, seed)
        self.prior_ = standard_normal(k)
        if self.prior == "gmm":
            self.prior_ = fit_mixture(_draw(moments, rng), seed)
        if isinstance(rows, Rows):
            valid = None if outcome.valid is None else _some_rows(outcome.valid, rng)
            self._fit_generation(rows, train, valid, outcome.best_step > 0, rng)
        super()._after_training(rows, encoded, outcome, seed)
        if self.rotation_ is not None:
            mean, std = np.split(self._run_on_codes("posterior", train), 2, axis=1)
            self.kl_per_component_ = kl_from_all(self._turn(mean), self._turn_spread(std))

    def _fit_generation(
        self,
        rows: Rows,
        train: NDArray[Any],
        valid: NDArray[Any] | None,
        trained: bool,
        rng: np.random.RandomState,
    ) -> None:
        """Measure how rows scatter about their decoded means, and the marginals of the table."""
        scatter = measure_scatter(train, valid, lambda x: self._redraw(x, rng))
        if trained:
            # a trained decoder expects posterior means as they are
            weights = self.net_.weights()
            scale = np.sqrt(weights["code_scale"] * weights["decode_scale"])
            self.net_.update({"code_scale": scale, "decode_scale": scale})
            self.net_.update(variance_function(scatter, N_KNOTS))
        self._noise = scatter.noise()
        most = max(FEWEST_DRAWN, min(MOST_DRAWN, MAX_CELLS_DRAWN // self.table_.n_encoded_))
        n_drawn = int(np.clip(4 * len(rows), FEWEST_DRAWN, most))
        sampled = self._draw_uncalibrated(n_drawn, rng)
        chosen: NDArray[Any] | slice = slice(None)
        if len(rows) > MAX_ROWS_MARGINALS:
            chosen = np.sort(rng.choice(len(rows), MAX_ROWS_MARGINALS, replace=False))
        # the rows as they came: encoding and decoding would blur equal values
        self._marginals = fit_marginals(sampled, rows.take(chosen).values)

    def _informative(self, cells: NDArray[Any], codes: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell components from noise, on which beta < 1 spends information too."""
        least = TURNED_KL
        if not self._mixed:
            # what a linear model says about a direction that spreads so many times as wide as noise
            least = max(least, 0.5 * math.log(NOISE_MARGIN / self._beta))
        return self.kl_per_component_ > least

    def _provisional(self, n_components: int) -> dict[str, Any]:
        draws = normal_draws(self.n_importance_samples, n_components, seed=0)
        before = super()._provisional(n_components)
        return {**before, "prior_": standard_normal(n_components), "_draws": draws}

    def _whitened(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._run_on_codes("whitened_posterior", x)

    def _redraw(self, x: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
        return self._run_on_codes("decode_whitened", _draw(self._whitened(x), rng))

    # -- answers -------------------------------------------------------------------------------

    def posterior(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean and spread of the codes given rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_components_)
            What ``transform`` returns.
        std : ndarray of shape (n_samples, n_components_)
            Posterior standard deviation, on the same scale.
        """
        check_is_fitted(self)
        both = self._run("posterior", self._read(X))
        mean, std = np.split(both, 2, axis=1)
        return self._turn(mean), self._turn_spread(std)

    def score_columns(self, X: Any) -> NDArray[np.float64]:
        """Log-likelihood of each cell given the codes of its row: which columns are unusual.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_features), dtype=float64
            Mean over the codes that fit the row, in mixed tables given the columns before as
            well, in the units of ``X``; 0 for constant columns. The sum over the columns exceeds
            ``score_samples`` by what it costs to tell the code.
        """
        check_is_fitted(self)
        rows = self._read(X)
        cells = self._run(self._sampler(rows).cells, rows).astype(np.float64)
        cells[np.isnan(cells)] = -np.inf  # as the row itself, so far out that squares overflow
        columns = np.zeros(rows.shape)
        if isinstance(rows, MixedRows):
            module: Any = self.net_.module_
            columns[:, list(module.columns.places)] = cells
            columns += self.table_._log_slope(rows)
            return columns
        columns[:] = cells - np.log(self.table_.scale_)
        columns[:, ~self.table_.varying_] = 0.0
        return columns

    def _sampler(self, rows: Rows | MixedRows) -> ImportanceSampler:
        module = self.net_.answering_module(rows.dtype)
        return ImportanceSampler(module, self.prior_, self._draws)

    def _log_density(self, rows: Rows | MixedRows) -> NDArray[Any]:
        sampler = self._sampler(rows)
        bound = self._run(sampler, rows)[:, 0].astype(np.float64)
        # a row so far out that its squares overflow has no density
        log_density: NDArray[Any] = np.where(np.isnan(bound), -np.inf, bound)
        if isinstance(rows, MixedRows):
            log_density += self.table_._log_slope(rows).sum(1)
        else:
            log_density += self.table_.log_abs_det_
        return log_density

    def _draw_uncalibrated(self, n: int, rng: np.random.RandomState) -> NDArray[Any]:
        decoded = self._run_on_codes("decode_whitened", draw_codes(self.prior_, n, rng))
        return self.table_._values(add_residual_noise(decoded, self._noise, rng))

    def _draw_rows(self, n: int, rng: np.random.RandomState) -> NDArray[Any]:
        if self._mixed:
            codes = draw_codes(self.prior_, n, rng).astype(np.float32)
            module: Any = self.net_.answering_module(codes.dtype)
            generator = self.net_.generator(rng.randint(2**31 - 1))
            return self._run_on_codes(lambda z: module.draw(z, generator), codes)
        return match_marginals(self._draw_uncalibrated(n, rng), self._marginals)


def _draw(moments: NDArray[Any], rng: np.random.RandomState) -> NDArray[Any]:
    """Draw codes from posteriors given as means and log-variances side by side."""
    k = moments.shape[1] // 2
    noise = rng.standard_normal((len(moments), k))
    codes: NDArray[Any] = moments[:, :k] + np.exp(0.5 * moments[:, k:]) * noise
    return codes


def _some_rows(rows: RowSource, rng: np.random.RandomState) -> NDArray[np.float64]:
    if len(rows) > MAX_ROWS:
        rows = rows.subset(np.sort(rng.choice(len(rows), MAX_ROWS, replace=False)))
    return np.concatenate(list(rows.arrays()))
