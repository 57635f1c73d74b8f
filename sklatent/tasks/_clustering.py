"""LatentClusterer: clusters in a latent space, and what follows from them for new rows."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from sklatent._utils._params import HasMethods, Integral, Interval, StrOptions, _fit_context
from sklatent._utils.callbacks import Watched, watched_fit
from sklatent._utils.declaration import Declaration
from sklatent._utils.neighbors import graph_rows
from sklatent._utils.notice import log_always, warn_caller
from sklatent._utils.persistence import check_state, restored_on_error, stamp, with_new_parameters
from sklatent._utils.validation import check_codes, check_n_samples
from sklatent.tabular import AnyRows, TabularEncoder, check_rows, sample_inside, with_index_of
from sklatent.tasks._candidates import (
    Clustering,
    best_of,
    describe,
    find_n_clusters,
    gmm_candidate,
    graph_candidates,
    islands_or,
    kmeans_candidates,
)
from sklatent.tasks._cluster_mixture import ClusterMixture
from sklatent.tasks._distance_view import DistanceView
from sklatent.tasks._graph import (
    NeighborGraph,
    distinct_rows,
    first_equal,
    neighbor_graph,
)
from sklatent.tasks._held import HeldTransformer
from sklatent.tasks._noise import better_than_noise

Matrix = NDArray[np.float64]

# Tables of fewer rows and at most so many columns: one Gaussian a cluster says what can be said.
SMALL_ROWS, SMALL_COLUMNS = 1000, 30
# Widest latent space without a network.
MAX_PRINCIPAL = 30
# Ranges of columns in one unit lie within this factor of one another, between the quartiles.
ONE_UNIT = 3.0
# What a level of a category counts in the graph of a mixed table: less than a number, since two
# rows of different levels differ in two columns.
LEVEL = 0.5**0.5
DRAW_ROWS = 10_000


class LatentClusterer(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Cluster rows in a latent space, and answer for new rows.

    By default rows are clustered in several ways: k-means, Gaussians and merged small clusters in
    the codes of a :class:`~sklatent.NeighborEmbedding`, and merged small clusters of the rows
    themselves. The modularity of the graph of mutual neighbours chooses among them; labels are
    never seen. Where the way without a network wins, and on small tables of few columns (below
    1,000 rows, at most 30 columns), where one Gaussian for each cluster is hard to beat, codes are
    principal components and nothing is trained. Each cluster is then described by a few
    Gaussians in the latent space, which label new rows, give probabilities and draw rows.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters. "auto" looks for the number, up to ``max_clusters``, at which merging
        small clusters along the graph of neighbours stops to be easy, and where none is clear for
        the number of Gaussians that BIC prefers; a warning says where the clusters are no better
        than those of rows without clusters. Fewer are found where fewer rows differ, with a
        warning.
    estimator : transformer with ``inverse_transform`` or None, default=None
        The latent space: :class:`~sklearn.decomposition.PCA`,
        :class:`~sklatent.AutoencoderTransformer`, a pipeline ending in one. It is cloned and
        fitted; one that is fitted already goes in as :class:`~sklearn.frozen.FrozenEstimator`.
        None chooses as described above; tables of words, categories and missing cells are then
        encoded by an :class:`~sklatent.AutoencoderTransformer`, and their graph joins rows that
        are alike column by column.
    method : {"auto", "gmm", "kmeans", "merge"}, default="auto"
        How codes are clustered: by one Gaussian for each cluster, by k-means, or by merging small
        clusters along the graph of neighbours; the latter two let modularity rise at the end.
        "auto" tries all.
    n_neighbors : int, default=15
        Neighbours of a row in the graph; at most the other rows there are.
    max_clusters : int, default=20
        Most clusters that ``n_clusters="auto"`` looks for.
    standardize : bool or "auto", default="auto"
        Whether each column counts equally, with ``estimator=None``. "auto" keeps the proportions
        of columns that seem to be in one unit, such as pixels: the ranges of the middle half of
        the columns lie within a factor of three.
    categorical_features : array-like of {bool, int, str}, default=None
        Columns that are categories whatever their dtype: a mask, positions or names.
    numerical_features : array-like of {bool, int, str}, default=None
        Columns that are ordered numbers however few values they have.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows; they are left out. See :class:`TabularEncoder`.
    handle_unknown : {"missing", "error"}, default="missing"
        What becomes of levels that ``fit`` did not see: they count as missing, and a warning names
        their columns; or they are refused.
    verbose : int, default=0
        If positive, the training of the default network and the choice among the ways are logged
        to the logger "sklatent". A given estimator has its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the network and of the starts. Pass an int for the same result in each call.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row: ``predict`` of the training rows.
    n_clusters_ : int
        Number of clusters found; each has a training row.
    cluster_centers_ : array or DataFrame of shape (n_clusters_, n_features)
        The mean code of each cluster, decoded.
    weights_ : ndarray of shape (n_clusters_,)
        Share of each cluster.
    estimator_ : transformer
        The fitted latent space.
    mixture_ : ClusterMixture
        The Gaussians of the clusters in the latent space.
    method_ : {"gmm", "kmeans", "merge", "latent-gmm", "latent-kmeans", "latent-merge"}
        What was chosen: the first three without a network (which encodes mixed tables even so).
    modularity_ : dict of str to float
        The best modularity of each way that was tried, on the graph of mutual neighbours.
    standardize_ : bool
        Whether each column counts equally.
    table_ : TabularEncoder
        What the columns of the table are.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.

    See Also
    --------
    NeighborEmbedding : The network behind the default.
    sklearn.cluster.KMeans : The classical yardstick.
    sklatent.metrics.clustering_stability : Scorer for searches, without labels.

    Notes
    -----
    Above 10,000 rows the graph, the default network and the choice use a random 10,000 of them;
    all rows are labelled by ``predict``. Nothing grows with the square of the rows. Equal rows
    count as one that weighs more.

    References
    ----------
    .. [1] Newman, "Modularity and Community Structure in Networks", PNAS, 2006.
    .. [2] McConville et al., "N2D: (Not Too) Deep Clustering via Clustering the Local Manifold of
       an Autoencoded Embedding", ICPR, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklatent import LatentClusterer
    >>> X = load_iris().data
    >>> model = LatentClusterer(3, random_state=0).fit(X)
    >>> model.predict(X[:2]).tolist() == model.labels_[:2].tolist()
    True
    >>> model.sample(2, cluster=1, random_state=0).shape
    (2, 4)
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Group rows into clusters, of any shape, and label new rows?",
        tables=("numeric", "mixed"),
        cost="3.4 CPU seconds on digits, 14 on 5,000 images; 0.1 where nothing is trained",
        classic=(
            "GaussianMixture: what small tables get here too; HDBSCAN: rows that belong to no "
            "cluster are left out"
        ),
    )
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "estimator": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "method": [StrOptions({"auto", "gmm", "kmeans", "merge"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "max_clusters": [Interval(Integral, 2, None, closed="left")],
        "standardize": ["boolean", StrOptions({"auto"})],
        "categorical_features": ["array-like", None],
        "numerical_features": ["array-like", None],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
        "handle_unknown": [StrOptions({"missing", "error"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int | Literal["auto"] = 8,
        *,
        estimator: Any = None,
        method: Literal["auto", "gmm", "kmeans", "merge"] = "auto",
        n_neighbors: int = 15,
        max_clusters: int = 20,
        standardize: bool | Literal["auto"] = "auto",
        categorical_features: Any = None,
        numerical_features: Any = None,
        identifier_features: Any = "auto",
        handle_unknown: Literal["missing", "error"] = "missing",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.estimator = estimator
        self.method = method
        self.n_neighbors = n_neighbors
        self.max_clusters = max_clusters
        self.standardize = standardize
        self.categorical_features = categorical_features
        self.numerical_features = numerical_features
        self.identifier_features = identifier_features
        self.handle_unknown = handle_unknown
        self.verbose = verbose
        self.random_state = random_state

    # -- fit -----------------------------------------------------------------------------------

    # the parameters of the nested estimator are its own to check
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Find clusters.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows: at least two.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted clusterer.

        Raises
        ------
        ValueError
            If ``X`` has fewer rows than ``n_clusters``, infinite cells, or cells that
            ``estimator`` does not take.
        """
        with restored_on_error(self), watched_fit(self, X, n_inside=1) as inside:
            self._fit(X, inside)
        return self

    def _fit(self, X: Any, inside: Watched) -> None:
        table = TabularEncoder(**self._of_columns())
        rows = self._open(table, X)
        n = len(rows)
        if self.n_clusters != "auto" and n < self.n_clusters:
            raise ValueError(f"n_samples={n} should be >= n_clusters={self.n_clusters}.")
        random = check_random_state(self.random_state)
        self.table_ = table
        self.standardize_ = self._standardizes(rows)
        table.set_params(standardize=self.standardize_)
        table.fit_rows(rows, common_scale=not self.standardize_, completes=self.estimator is None)
        rows = table.table.blanked(rows)
        # a mixed table has no principal components to choose
        spaces = {"affine": self._fit_in_own_space, "quantile": self._fit_in_given_space}
        given = "quantile" if self.estimator is not None else table.table.kind
        chosen, codes, graph = spaces[given](X, rows, random, inside)
        self.method_ = chosen.name
        self._keep(X, describe(chosen, codes, graph.copies, random))

    def _of_columns(self) -> dict[str, Any]:
        """Give the parameters that say what the columns are."""
        names = ("categorical_features", "numerical_features", "identifier_features")
        return {name: getattr(self, name) for name in (*names, "handle_unknown")}

    def _open(self, table: TabularEncoder, X: Any) -> AnyRows:
        """Validate training rows as far as the latent space takes them."""
        if self.estimator is None or get_tags(self.estimator).input_tags.allow_nan:
            return table.open(X, estimator=self)
        return check_rows(self, X, reset=True, min_rows=2)

    def _standardizes(self, rows: AnyRows) -> bool:
        if self.standardize != "auto":
            return bool(self.standardize)
        ranges = rows.spans(graph_rows(len(rows)))
        ranges = ranges[ranges > 0]
        if not len(ranges):
            return True
        low, high = np.quantile(np.log(ranges), [0.25, 0.75])
        return bool(high - low > np.log(ONE_UNIT))

    def _fit_in_given_space(
        self, X: Any, rows: AnyRows, random: np.random.RandomState, inside: Watched
    ) -> tuple[Clustering, Matrix, NeighborGraph]:
        """Cluster the codes of a given transformer."""
        seed = int(random.randint(2**31 - 1))
        estimator = self.estimator
        if estimator is None:
            from sklatent.models import AutoencoderTransformer

            estimator = AutoencoderTransformer(**self._of_columns(), verbose=self.verbose)
        held = HeldTransformer.fit(estimator, X, rows, seed, inside=inside)
        self.estimator_, self._takes_arrays = held.transformer, held.takes_arrays
        index = graph_rows(len(rows))
        some = rows.take(index)
        codes = held.encode(X, rows)[index].astype(np.float64)
        # codes of equal rows may differ by rounding
        codes = codes[first_equal(self.table_.table.encode(some))]
        # columns as they are tell more of a mixed table than the codes that the network found
        space, owners = codes, np.arange(codes.shape[1])
        if self.estimator is None:
            space, owners = self._comparable(some)
        firsts, counts = distinct_rows(space)
        graph, codes = neighbor_graph(space[firsts], self.n_neighbors, counts), codes[firsts]
        k = self._count(graph, owners, random)
        plain = [] if self.estimator is not None else self._plain_candidates(graph, k, random)
        chosen = self._choose([*plain, *self._latent_candidates(codes, graph, k, random)])
        return chosen, codes, graph

    def _comparable(self, some: AnyRows) -> tuple[Matrix, NDArray[np.intp]]:
        """Give rows of a mixed table as a matrix for distances, and whose its columns are."""
        table = self.table_.table
        view = DistanceView.fit(table, some)
        scales = np.where(view.are_levels, LEVEL, 1.0)
        return view.matrix(table, some) * scales, view.owners

    def _fit_in_own_space(
        self, X: Any, rows: AnyRows, random: np.random.RandomState, inside: Watched
    ) -> tuple[Clustering, Matrix, NeighborGraph]:
        """Choose between principal components and a network."""
        some = rows.take(graph_rows(len(rows)))
        values = some.given(X, as_array=True, as_objects=False)
        linear = self._principal(values)
        matrix = self.table_.table.encode(some).astype(np.float64)
        firsts, counts = distinct_rows(matrix)
        values, matrix = values[firsts], matrix[firsts]
        graph = neighbor_graph(matrix, self.n_neighbors, counts)
        k = self._count(graph, np.arange(matrix.shape[1]), random)
        self._takes_arrays = True
        codes = np.asarray(linear.transform(values), dtype=np.float64)
        plain = self._plain_candidates(graph, k, random)
        small = len(matrix) < SMALL_ROWS and matrix.shape[1] <= SMALL_COLUMNS
        if small or k == 1:
            self.estimator_ = linear
            return self._choose_on_small(codes, plain, graph, k, random), codes, graph
        network = self._network(int(random.randint(2**31 - 1)))
        with inside(network):
            network.fit(values)
        latent = np.asarray(network.transform(values), dtype=np.float64)
        chosen = self._choose([*plain, *self._latent_candidates(latent, graph, k, random)])
        if chosen.name in ("merge", "gmm"):
            self.estimator_ = linear
            return chosen, codes, graph
        self.estimator_ = network
        return chosen, latent, graph

    def _choose_on_small(
        self,
        codes: Matrix,
        plain: list[Clustering],
        graph: NeighborGraph,
        k: int,
        random: np.random.RandomState,
    ) -> Clustering:
        """Choose where neighbourhoods are as large as clusters."""
        if plain and self.method == "merge":
            return self._choose(plain)
        if self.method == "kmeans" and k > 1:
            return self._choose(kmeans_candidates("kmeans", codes, graph, k, random))
        gaussians = gmm_candidate("gmm", codes, graph, k, random)
        self._remember([gaussians, *plain])
        return islands_or(gaussians, best_of(plain), graph) if plain else gaussians

    def _count(
        self, graph: NeighborGraph, owners: NDArray[np.intp], random: np.random.RandomState
    ) -> int:
        """Settle the number of clusters; columns with the same owner belong together."""
        if self.n_clusters != "auto":
            return min(int(self.n_clusters), len(graph.space))
        k = find_n_clusters(graph, self.max_clusters, random)
        if 1 < k < len(graph.space) and not better_than_noise(
            graph.space, owners, k, self.n_neighbors
        ):
            warn_caller(
                f'n_clusters="auto" found {k} clusters, which are no better than noise: rows of '
                "one Gaussian, bent to columns like these, fall into clusters that are as clear. "
                "Set n_clusters=1, or the number into which you want the rows to be cut."
            )
        return k

    def _keep(self, X: Any, mixture: ClusterMixture) -> None:
        """Keep the clusters that have rows."""
        self.mixture_ = mixture
        found, labels = np.unique(self.predict(X), return_inverse=True)
        if len(found) < mixture.n_clusters:
            self.mixture_ = mixture.of(found)
        self.labels_: NDArray[np.int64] = labels.astype(np.int64)
        self.n_clusters_ = len(found)
        self.weights_ = np.bincount(self.mixture_.owners, self.mixture_.weights)
        if self.verbose:
            tried = ", ".join(f"{name} {value:.3f}" for name, value in self.modularity_.items())
            log_always("%d clusters by %s; modularity: %s", len(found), self.method_, tried)
        if self.n_clusters != "auto" and self.n_clusters_ < self.n_clusters:
            warn_caller(
                f"Number of distinct clusters ({self.n_clusters_}) found smaller than n_clusters "
                f"({self.n_clusters}). Possibly due to duplicate points in X.",
                ConvergenceWarning,
            )

    def _principal(self, values: NDArray[Any]) -> Any:
        width = min(MAX_PRINCIPAL, *values.shape)
        encoder = TabularEncoder(standardize=self.standardize_)
        with np.errstate(divide="ignore", invalid="ignore"):  # all rows may be equal
            return make_pipeline(encoder, PCA(width, random_state=0)).fit(values)

    def _network(self, seed: int) -> Any:
        from sklatent.models import NeighborEmbedding

        return NeighborEmbedding(
            n_neighbors=self.n_neighbors,
            standardize=self.standardize_,
            early_stopping=False,
            verbose=self.verbose,
            random_state=seed,
        )

    def _plain_candidates(
        self, graph: NeighborGraph, k: int, random: np.random.RandomState
    ) -> list[Clustering]:
        """Cluster without a network."""
        if self.method in ("auto", "merge") and k > 1:
            return graph_candidates("merge", graph.space, graph, k, random)
        return []

    def _latent_candidates(
        self, codes: Matrix, graph: NeighborGraph, k: int, random: np.random.RandomState
    ) -> list[Clustering]:
        """Cluster codes in the ways that ``method`` allows."""
        found = []
        if self.method in ("auto", "gmm") or k == 1:
            found.append(gmm_candidate("latent-gmm", codes, graph, k, random))
        if self.method in ("auto", "kmeans") and k > 1:
            found += kmeans_candidates("latent-kmeans", codes, graph, k, random)
        if self.method in ("auto", "merge") and k > 1:
            found += graph_candidates("latent-merge", codes, graph, k, random)
        return found

    def _choose(self, found: list[Clustering]) -> Clustering:
        self._remember(found)
        return best_of(found)

    def _remember(self, found: list[Clustering]) -> None:
        self.modularity_ = {
            name: max(one.modularity for one in found if one.name == name)
            for name in dict.fromkeys(one.name for one in found)
        }

    # -- answers -------------------------------------------------------------------------------

    @property
    def _held(self) -> HeldTransformer:
        """The latent space."""
        return HeldTransformer(self.estimator_, self._takes_arrays)

    def _codes(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        table = self.table_.table
        takes = table.takes_missing or bool(get_tags(self.estimator_).input_tags.allow_nan)
        rows = table.blanked(table.read(X, estimator=self, allow_missing=takes))
        return self._held.encode(X, table.without_missing(rows))

    def _log_joint(self, X: Any) -> Matrix:
        codes = self._codes(X)
        return self.mixture_.log_joint(codes)

    def transform(self, X: Any) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_codes), or the container of ``set_output``
            Codes in the latent space.
        """
        return np.array(self._codes(X))

    def inverse_transform(self, Z: Any) -> Any:
        """Decode codes.

        Parameters
        ----------
        Z : array-like or DataFrame of shape (n_samples, n_codes)
            Codes, as ``transform`` gives them.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            Rows in the container that ``fit`` saw.
        """
        check_is_fitted(self)
        codes = check_codes(self, Z, self.get_feature_names_out())
        return with_index_of(self._decode(codes), Z)

    def _decode(self, codes: NDArray[Any]) -> Any:
        return self._held.decode(codes, self.table_.table)

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Label rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=int64
            The most likely cluster of each row, from 0.
        """
        codes = self._codes(X)
        return self.mixture_.predict(codes).astype(np.int64)

    def predict_proba(self, X: Any) -> Matrix:
        """Give the probability of each cluster.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters_), dtype=float64
            Rows sum to one.
        """
        joint = self._log_joint(X)
        joint = np.exp(joint - joint.max(1, keepdims=True))
        return np.asarray(joint / joint.sum(1, keepdims=True))

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log density of the codes of rows under the clusters' Gaussians.

        Comparable between clusterers with the same latent space only; for searches over others
        take :func:`sklatent.metrics.clustering_stability`.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, held out for an honest figure.
        y : None
            Ignored.

        Returns
        -------
        float
            In nats.
        """
        return float(np.logaddexp.reduce(self._log_joint(X), axis=1).mean())

    def sample(
        self,
        n_samples: int = 1,
        cluster: int | None = None,
        *,
        protect_extremes: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least one.
        cluster : int, default=None
            Draw from this cluster; None draws from all by their shares.
        protect_extremes : int or None, default=None
            With a number k, rows are drawn until none holds a number or date beyond the k-th
            training value from either end, or a category of fewer than k training rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            Codes drawn from the clusters' Gaussians and decoded, in the container that ``fit``
            saw.

        Raises
        ------
        ValueError
            If there is no such cluster, or ``protect_extremes`` leaves hardly a row.
        """
        check_is_fitted(self)
        check_n_samples(n_samples)
        if cluster is not None and (
            not isinstance(cluster, Integral) or not 0 <= cluster < self.n_clusters_
        ):
            raise ValueError(
                f"cluster={cluster!r} is none of the clusters 0 to {self.n_clusters_ - 1}."
            )
        random = check_random_state(random_state)
        table = self.table_.table

        def draw(n: int) -> Any:
            return self._held.decode(self.mixture_.draw(n, cluster, random), table, random)

        if protect_extremes is None:
            return draw(int(n_samples))
        return sample_inside(draw, int(n_samples), table, protect_extremes, ())

    @property
    def cluster_centers_(self) -> Any:
        """The mean code of each cluster, decoded."""
        if not hasattr(self, "mixture_"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet.")
        return self._decode(self.mixture_.centers())

    @property
    def _n_features_out(self) -> int:
        return int(self.mixture_.means.shape[1])

    def __sklearn_tags__(self) -> Tags:
        """Say which cells are taken."""
        tags = super().__sklearn_tags__()
        inside = None if self.estimator is None else get_tags(self.estimator)
        tags.input_tags.allow_nan = inside is None or inside.input_tags.allow_nan
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has been completed."""
        return hasattr(self, "mixture_")

    def __getstate__(self) -> dict[str, Any]:
        """Give the state in plain values and estimators, stamped with the library's version."""
        state = dict(super().__getstate__())
        if "mixture_" in state:
            state["mixture_"] = state["mixture_"].to_state()
        return stamp(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved clusterer."""
        state = with_new_parameters(type(self), check_state(type(self).__name__, state))
        # earlier releases saved the object itself
        if isinstance(state.get("mixture_"), dict):
            state["mixture_"] = ClusterMixture.from_state(state["mixture_"])
        super().__setstate__(state)


# shown, saved and looked up under its public name
LatentClusterer.__module__ = "sklatent"
