"""VAETransformer: an autoencoder with a distribution over codes and over rows."""

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from sklatent._utils._params import Integral, Interval, Real, StrOptions
from sklatent._utils.declaration import Declaration
from sklatent.base import (
    BaseLatentModel,
    Body,
    CompletionMixin,
    DecoderMixin,
    DensityMixin,
    EncoderMixin,
    TableParameters,
    latent_model,
)
from sklatent.models._vae._mixed import MixedVAE
from sklatent.models._vae._numeric import NumericVAE


@latent_model
class VAETransformer(
    EncoderMixin, DecoderMixin, CompletionMixin, DensityMixin, TableParameters, BaseLatentModel
):
    """Variational autoencoder of numbers or mixed tables: codes, samples, likelihood, imputation.

    The encoder gives a Gaussian over codes whose mean is ``transform``. Training maximizes the
    evidence lower bound, its KL term times ``beta``. Afterwards a Gaussian mixture is fitted to
    the codes, so that ``sample`` draws from where rows lie.

    In a table of numbers a row is the decoded mean of its code plus noise,
    ``x = b + z V + r * g(asinh(z)) + e``, and training starts at probabilistic PCA. In a mixed
    table, of categories, dates, numbers and missing values, the columns of a row are drawn
    in turn given its code and the columns before, each with the likelihood of its kind:
    ``p(x | z) = prod_j p(x_j | z, x_1, ..., x_{j-1})``. Both also draw rows that obey
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
        of it for codes that reconstruct rows nearly as well as an autoencoder's, larger ones bring
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
    init : {"pca", "random"}, default="pca"
        Where training starts. With "random" there is no guarantee against probabilistic PCA. In
        mixed tables "pca" is a factor analysis of the scores of numbers and categories.
    rotation : {"ica", "varimax", "auto"} or None, default=None
        How codes are rotated after training, so that each component means one thing; rows are
        reconstructed as before. "ica" makes components independent, "varimax" lets each drive few
        columns. "auto" takes independent components where other rows give the same ones, else
        those of few columns where they are clearly fewer than by chance, else leaves the codes as
        they are. Components without information come last, as they are.
        Nothing is rotated below two rows for each component, by "auto" below 50 rows.
    standardize : bool, default=True
        Whether each column counts equally: the model then replaces
        ``make_pipeline(StandardScaler(), PCA())``. If False, columns keep their units and the
        objective is that of a bare ``PCA()``. For the affine mode.
    mode : {"auto", "affine", "quantile"}, default="auto"
        How columns become numbers, and which of the two models is fitted. "affine" centres and
        scales them, for tables of numbers and booleans; missing cells are filled with their mean
        given the others of the row, and integrated out in likelihoods. "quantile"
        takes categories, dates and missing values as values of their own: ranks of numbers, codes
        of categories (:class:`TabularEncoder`), and one likelihood per kind of column. "auto" is
        "affine" where that is possible and nothing is missing.
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

    Attributes
    ----------
    kl_per_component_ : ndarray of shape (n_components_,)
        Mean KL divergence of each component's posterior from N(0, 1) over training rows, in
        nats: how much the component says about a row. Where codes are rotated, from the normal
        distribution of all posteriors together.
    n_active_components_ : int
        Number of components above 0.05 nats from N(0, 1), before they are rotated.
    prior_ : GaussianMixture
        Distribution of the whitened codes (those of the torch module, of unit scale; in mixed
        tables, the codes themselves).
    rotation_ : {"ica", "varimax"} or None
        How codes are rotated; None if not at all.
    rotation_matrix_ : ndarray of shape (n_components_, n_components_)
        Rotated codes are the module's codes times this matrix.
    table_ : TabularEncoder
        How rows become a float matrix and back; ``table_.mode_`` is the mode in use.
    n_iter_ : int
        Training steps taken.
    best_iter_ : int
        Step whose weights are used; 0 is the start, in tables of numbers probabilistic PCA.
    history_ : list of dict
        A record per check: ``step``, ``train_loss``, ``valid_loss`` where rows are held out
        (negative evidence bound of the encoded row, in nats, the KL term times ``beta``) and its
        terms ``train_reconstruction`` and ``train_kl`` (times ``beta`` too).

    Warns
    -----
    ConvergenceWarning
        If the posterior collapsed: no component is active after training (in mixed tables, on
        100 rows or more).

    See Also
    --------
    AutoencoderTransformer : Codes without a distribution.
    sklatent.metrics.synthetic_report : How good synthetic rows are.
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
    the model before this last map. Conditions and known cells weigh codes, drawn about the most
    likely one and from the prior, by a normal distribution of all residuals of a row together,
    which also tells of the other cells.

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

    A table of categories, numbers, dates and missing values, and samples under a condition:

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
        question="Sample synthetic rows, impute missing cells, or tell how likely a row is?",
        tables=("numeric", "mixed"),
        cost="2.7 CPU seconds up to 8,000 rows of numbers (worst 13); 30 for 10,000 mixed rows",
        classic=(
            "GaussianMixture: the higher likelihood on 23 of 32 tables of numbers, against 6; "
            "its samples of digits are less often nearest to training rows"
        ),
        starts_at_pca=True,
    )

    bodies: ClassVar[tuple[type[Body[Any]], ...]] = (NumericVAE, MixedVAE)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "init": [StrOptions({"pca", "random"})],
        "rotation": [StrOptions({"ica", "varimax", "auto"}), None],
        "mode": [StrOptions({"auto", "affine", "quantile"})],
        "beta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "prior": [StrOptions({"gmm", "normal"})],
        "n_importance_samples": [Interval(Integral, 1, None, closed="left")],
    }

    n_components: int | float | Literal["auto"] = "auto"
    _: KW_ONLY
    beta: float | Literal["auto"] = "auto"
    prior: Literal["gmm", "normal"] = "gmm"
    n_importance_samples: int = 64
    init: Literal["pca", "random"] = "pca"
    rotation: Literal["ica", "varimax", "auto"] | None = None
    mode: Literal["auto", "affine", "quantile"] = "auto"

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
        body: NumericVAE | MixedVAE = self.body
        return body.posterior(self.read(X))

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
        body: NumericVAE | MixedVAE = self.body
        return body.log_density_of_cells(self.read(X))
