"""NeighborEmbedding: codes in which a row lies near its neighbours and far from other rows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklatent._training import FitOutcome, NetSpec, RowSource
from sklatent._utils._params import Integral, Interval, Real, StrOptions
from sklatent._utils.declaration import Declaration
from sklatent._utils.neighbors import graph_rows, graph_space, nearest_neighbors
from sklatent.base import AnyRows, BaseLatentModel, DecoderMixin, EncoderMixin
from sklatent.models._neighbor_net import NeighborNet, neighbor_spec, pair_rows

# Width of the code that "auto" gives where rows and columns allow it.
AUTO_WIDTH = 16
# Longer training only sharpens what the graph has said already.
STEPS = 500
CHUNK_ROWS = 8192


class NeighborEmbedding(EncoderMixin, DecoderMixin, BaseLatentModel):
    """Encoder that draws neighbouring rows together and pushes other rows apart.

    Each step takes rows and one of the nearest neighbours of each, noisy and with some columns
    dropped, and asks which neighbour belongs to which row (InfoNCE). Clusters become compact and
    lie apart, whatever their shape was. A decoder learns beside, from codes that it does not
    move, so that codes can be turned back into rows.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Width of the latent space; "auto" is 16, or as many as there are rows or columns.
    hidden_layer_sizes : tuple of int, default=(256, 256)
        Hidden layers of the encoder; the decoder has them in reverse.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="relu"
        Activation of the hidden layers.
    n_neighbors : int, default=15
        Neighbours of a row; at most the other rows there are.
    temperature : float, default=0.5
        Scale of the similarities: lower values separate nearer rows.
    noise : float, default=0.2
        Standard deviation of Gaussian noise added in training, in units of the columns' standard
        deviation.
    standardize : bool, default=True
        Whether each column counts equally. If False, columns keep their proportions, as is right
        for pixels and other columns in one unit.
    learning_rate : float, default=5e-3
        Peak step size of AdamW; reached after a tenth of the steps, then a cosine down to zero.
    weight_decay : float, default=1e-2
        Decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Rows per step; "auto" is a sixteenth of the rows, as a power of two within [16, 128].
    max_steps : int or "auto", default="auto"
        Most training steps; "auto" is 500.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training and to choose the best weights, as "auto" does
        from 20 rows on. Held-out rows still serve as neighbours of others. If False, the model
        trains on all rows to the end.
    validation_fraction : float, default=0.15
        Share of the rows held out, at most 1,000 rows or 1 % of the rows, whichever is more.
    n_iter_no_change : int, default=6
        Checks (15 in all) without improvement after which training stops.
    tol : float, default=0.0
        Relative improvement of the validation loss that counts as one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before, on rows with the same columns.
    device : str, default="auto"
        Torch device for ``fit`` and for answers; "auto" is a CUDA device if there is one. A saved
        model whose device is missing answers on the CPU.
    net_params : dict, default=None
        Further parameters of the :class:`skorch.NeuralNet`.
    verbose : int, default=0
        If positive, each check is logged to the logger "sklatent".
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches and the neighbours drawn. Pass an int for the same result
        in each call.

    Attributes
    ----------
    n_components_ : int
        Width of the latent space.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    table_ : TabularEncoder
        How rows become a float matrix and back.
    net_ : LatentNet
        The trained net; ``net_.module_`` is the torch module.
    n_iter_ : int
        Training steps taken.
    best_iter_ : int
        Step whose weights are used.
    history_ : list of dict
        A record per check: ``step``, ``train_loss``, its terms ``train_contrast`` and
        ``train_reconstruction`` and, where rows are held out, ``valid_loss``.
    loss_curve_ : list of float
        Training loss at each check.

    See Also
    --------
    LatentClusterer : Clusters rows in such codes.
    AutoencoderTransformer : Codes that rebuild rows best.

    Notes
    -----
    Codes lie in the open unit ball, most of them near its surface; distances between them tell
    clusters apart and nothing about the units of X. Above 100 columns neighbours are those in
    direction among the first 30 principal components. Above 10,000 rows the model is trained on a
    random 10,000 of them.

    References
    ----------
    .. [1] van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive
       Coding", 2018.
    .. [2] Dwibedi et al., "With a Little Help from My Friends: Nearest-Neighbor Contrastive
       Learning of Visual Representations", ICCV, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklatent import NeighborEmbedding
    >>> X = load_digits().data
    >>> model = NeighborEmbedding(8, standardize=False, max_steps=50, random_state=0).fit(X)
    >>> model.transform(X[:3]).shape
    (3, 8)
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Place rows so that neighbours lie together and clusters apart?",
        tables=("numeric",),
        cost="within the 3.4 CPU seconds of LatentClusterer on digits, which trains one",
        classic=(
            "k-means or a graph of neighbours: Gaussian clusters, rings and moons are found as "
            "well without a network"
        ),
    )
    _module: ClassVar[type] = NeighborNet
    _start_on_all_rows: ClassVar[bool] = False
    _cross_validates: ClassVar[bool] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "noise": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        hidden_layer_sizes: tuple[int, ...] = (256, 256),
        activation: str = "relu",
        n_neighbors: int = 15,
        temperature: float = 0.5,
        noise: float = 0.2,
        standardize: bool = True,
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
        self.n_neighbors = n_neighbors
        self.temperature = temperature
        self.noise = noise
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

    def _choose_n_components(
        self, rows: RowSource, run: Callable[..., FitOutcome], seed: int
    ) -> int:
        if self.n_components == "auto":
            return min(AUTO_WIDTH, len(rows), self.table_.n_encoded_)
        return super()._choose_n_components(rows, run, seed)

    def _plan(self, n_rows: int, has_validation: bool, continued: bool) -> Any:
        budget = super()._plan(n_rows, has_validation, continued)
        if self.max_steps != "auto":
            return budget
        return replace(budget, n_steps=STEPS, max_total_steps=STEPS, n_checks=15)

    def _source(self, rows: AnyRows, device: Any) -> RowSource:
        sample = rows.take(graph_rows(len(rows)))

        def encode(index: NDArray[np.intp] | slice) -> NDArray[np.floating]:
            return self.table_._encode(sample.take(index))

        whole = encode(slice(0, len(sample)))
        if len(sample) > 1:
            neighbors, _ = nearest_neighbors(graph_space(whole), self.n_neighbors)
        else:  # a single validation row is its own neighbour
            neighbors = np.zeros((1, 1), dtype=np.intp)
        return pair_rows(encode, self.table_.n_encoded_, device, neighbors)

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        return neighbor_spec(
            rows,
            self.table_.n_encoded_,
            n_components,
            hidden_layer_sizes=tuple(self.hidden_layer_sizes),
            activation=self.activation,
            noise=self.noise,
            temperature=self.temperature,
        )

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of rows that survives encoding and decoding.

        It says whether codes can be turned back into rows, and nothing about clusters.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, held out for an honest figure.
        y : None
            Ignored.

        Returns
        -------
        float
            One minus the squared error over the squared distance from the training mean, in the
            units the model was fitted in. 1 is perfect, 0 as good as the mean.
        """
        check_is_fitted(self)
        rows = self._read(X)
        squared = total = 0.0
        for start in range(0, len(rows), CHUNK_ROWS):
            part = rows.take(slice(start, start + CHUNK_ROWS))
            x = self.table_._encode(part).astype(np.float64, copy=False)
            x_hat = self._run_on_codes("decode", self._run("encode", part))
            varying = self.table_.varying_
            squared += float(((x - x_hat)[:, varying] ** 2).sum(dtype=np.float64))
            total += float((x[:, varying] ** 2).sum(dtype=np.float64))
        return 1.0 - squared / total if total > 0 else float(squared == 0)
