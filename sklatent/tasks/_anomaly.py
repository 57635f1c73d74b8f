"""LatentAnomalyDetector: rows that are unlike the others, and which of their columns are."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from sklatent._utils._params import (
    HasMethods,
    Interval,
    RealNotInt,
    StrOptions,
    _fit_context,
    validate_parameter_constraints,
)
from sklatent._utils.callbacks import Watched, watched_fit
from sklatent._utils.declaration import Declaration
from sklatent._utils.persistence import check_state, restored_on_error, stamp, with_new_parameters
from sklatent.tabular import AnyRows, TabularEncoder, check_rows, floats_like
from sklatent.tasks._anomaly_score import Space, Term, fit_term, tail_probabilities
from sklatent.tasks._anomaly_words import UsualCells, tell_rows
from sklatent.tasks._distance_view import FARTHEST, DistanceView
from sklatent.tasks._held import HeldTransformer

Matrix = NDArray[np.float64]

# Rows whose scores the threshold and the tail probabilities are learned from, at most.
MAX_CALIBRATION = 20_000
# Reference rows by default: wide neighbourhoods look the same in a sample of the rows.
MAX_REFERENCE = {False: 500, True: 2000}
# Neighbours by default: a share of the rows where outliers may lie in groups, else a few.
WIDE, FEW, LEAST = 0.1, 5, 5
# Tables of more rows are scored faster: reference rows and neighbours with novelty=True. On six
# development tables this loses 0.5 points of AUROC, and scores nearly three times as fast.
MANY_ROWS, REFERENCE_OF_MANY, FEW_OF_MANY = 100_000, 500, 2
# Share of the training rows beyond the threshold of contamination="auto".
AUTO_CONTAMINATION = 0.01
CHUNK_ROWS = 8192
# Share of the score from which on a further column is named in words.
LEAST_NAMED = 0.1
# Share of the rows of a batch that do not train the ensemble where anomalies may be among them.
TRIM = 0.3
# The terms of the score by ``novelty``, and their weights. Where the training rows may hold
# outliers, reconstructions add nothing on the development tables, and cost from a weight of 0.1 on;
# with less they still find the rows that break what the columns have in common.
SPACES: dict[bool, dict[Space, float]] = {
    False: {"residual": 0.07, "rows": 0.93},
    True: {"joint": 1.0},
}
# Parameters of verbs.
ANSWERS: dict[str, list[Any]] = {
    "alpha": [Interval(Real, 0, 1, closed="neither"), None],
    "method": [StrOptions({"bh"}), None],
    "top": [Interval(Integral, 1, None, closed="left")],
}


class LatentAnomalyDetector(OutlierMixin, CallbackSupportMixin, BaseEstimator):
    """Find rows that are unlike the others, and the columns that make them so.

    A latent model reconstructs each row. How far a row lies from its reconstruction and how far it
    lies from its neighbours among the training rows are turned into tail probabilities: the share
    of the training rows that lie as far out. The score of a row is the mean of their logarithms.
    Tables of numbers, words, categories and dates with missing cells are taken as they are.

    Parameters
    ----------
    estimator : transformer with ``inverse_transform`` or None, default=None
        The latent model: :class:`~sklearn.decomposition.PCA`,
        :class:`~sklatent.AutoencoderTransformer`, a pipeline ending in one. It is cloned and
        fitted to the rows as they came; one that is fitted already goes in as
        :class:`~sklearn.frozen.FrozenEstimator`. None is an ensemble of small autoencoders on
        columns in robust units.
    novelty : bool, default=False
        Whether the training rows are known to be clean. If not, outliers among them may lie in
        groups: neighbourhoods are wide, and the ensemble does not learn the rows that it
        reconstructs worst. If they are, neighbourhoods are narrow, also around reconstructions.
        Both ways answer for training rows and for new ones.
    contamination : float or "auto", default="auto"
        Share of the training rows beyond the threshold, in (0, 0.5]. "auto" is 1 %: the
        training quantile at which the tail probability of the joint score is 0.01.
    n_neighbors : int, float or "auto", default="auto"
        Number of neighbours among the reference rows, or a share of these; at most one less than
        there are. "auto" is a tenth of them (five at least), or five with ``novelty=True``, two
        where more than 100,000 rows were fitted.
    max_samples : int or "auto", default="auto"
        Number of training rows kept as reference; drawn at random where there are more. "auto"
        is 500, or 2,000 with ``novelty=True`` and at most 100,000 rows.
    n_estimators : int, default=10
        Number of autoencoders in the ensemble, where ``estimator=None``.
    max_steps : int or "auto", default="auto"
        Training steps of the ensemble, where ``estimator=None``. "auto" is 12 passes over the
        rows, within [30, 300] steps: a longer training would reconstruct outliers too.
    categorical_features : array-like of {bool, int, str}, default=None
        Columns that are categories whatever their dtype: a mask, positions or names.
    numerical_features : array-like of {bool, int, str}, default=None
        Columns that are ordered numbers however few values they have.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows; they are left out. See :class:`TabularEncoder`.
    handle_unknown : {"missing", "error"}, default="missing"
        What becomes of levels that ``fit`` did not see: they are rarer than any other, and a
        warning names their columns; or they are refused.
    device : str, default="auto"
        Torch device of the ensemble, where ``estimator=None``; "auto" is a CUDA device if there
        is one.
    verbose : int, default=0
        If positive, the training of the ensemble is logged to the logger "sklatent". A given
        estimator has its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the reference rows and of the latent model, unless that has its own. Pass an int
        for the same result in each call.

    Attributes
    ----------
    offset_ : float
        Threshold: ``decision_function`` is ``score_samples`` less this.
    estimator_ : transformer
        The fitted latent model.
    n_neighbors_ : int
        Number of neighbours in use.
    table_ : TabularEncoder
        How rows become numbers.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.

    See Also
    --------
    sklearn.ensemble.IsolationForest : Random cuts of single columns.
    sklearn.neighbors.LocalOutlierFactor : Density relative to that of the neighbours.

    Notes
    -----
    With ``novelty=False`` the score is the mean of two logarithms, that of the distance to the k-th
    neighbour with a weight of 0.93, that of the error of the reconstruction with 0.07. With
    ``novelty=True`` it is that of the mean distance to the k neighbours, among reconstructions and
    their errors side by side. Errors in the largest tenth follow an exponential law drawn from the
    other rows. Distances and errors are sums of absolute values. One neighbour at
    distance zero does not count: a training row has the same score as a new row that equals it, so
    that ``fit_predict(X)`` equals ``fit(X).predict(X)``. Beyond the farthest training row the tail
    probability follows a Pareto law.

    Columns of numbers are compared in robust units: their standard deviation after cells beyond
    Tukey's outer fences have been moved there, or one such unit for all columns if their ranges are
    alike. Where ranges are alike and spreads are not, as in pictures, distances are Euclidean. The
    ensemble sees cells as at most 100 units out. Columns that were constant in ``fit`` are compared
    in their own units, or in that of the picture.

    In mixed tables a number lies where its normal score says, or as many robust units out as it
    lies beyond the others, whichever is farther. A level that ``fit`` did not see lies farther from
    all rows than the rarest seen one: as far as a normal number that is exceeded as often as rows
    had levels of their own. Another word in a column that was constant lies ten units out.

    A missing cell is taken as the median, or the most frequent level; where ``fit`` saw missing
    cells in a column, it is also a value of its own.

    References
    ----------
    .. [1] Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large
       Data Sets", SIGMOD, 2000.
    .. [2] Chen, Sathe, Aggarwal and Turaga, "Outlier Detection with Autoencoder Ensembles",
       SDM, 2017.
    .. [3] Han, Hu, Huang, Jiang and Zhao, "ADBench: Anomaly Detection Benchmark", NeurIPS, 2022.
    .. [4] Benjamini and Hochberg, "Controlling the False Discovery Rate", Journal of the Royal
       Statistical Society B, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent import LatentAnomalyDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6))
    >>> X += 0.1 * rng.normal(size=X.shape)
    >>> X[7, 1] += 6.0
    >>> detector = LatentAnomalyDetector(contamination=0.03, random_state=0).fit(X)
    >>> detector.predict(X[:8])
    array([ 1,  1,  1,  1,  1,  1,  1, -1])
    >>> int(detector.explain(X[7:8])[0].argmin())
    1
    >>> detector.explain_rows(X[7:8], top=1)
    ['x1 = 7.09 (usual -3.43 to 4.02)']
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Find rows unlike the others, and the columns that make them so?",
        tables=("numeric", "mixed"),
        cost="about 0.4 CPU seconds up to 4,000 rows; 3 seconds for 1,000,000 rows of 20 columns",
        classic=(
            "IsolationForest: the better average precision where outliers are among the training "
            "rows; plain neighbours by absolute differences: the same AUROC within noise"
        ),
    )
    feature_names_in_: np.ndarray
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "novelty": ["boolean"],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "n_neighbors": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "max_samples": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "categorical_features": ["array-like", None],
        "numerical_features": ["array-like", None],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
        "handle_unknown": [StrOptions({"missing", "error"})],
        "device": [str],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any = None,
        *,
        novelty: bool = False,
        contamination: float | Literal["auto"] = "auto",
        n_neighbors: int | float | Literal["auto"] = "auto",
        max_samples: int | Literal["auto"] = "auto",
        n_estimators: int = 10,
        max_steps: int | Literal["auto"] = "auto",
        categorical_features: Any = None,
        numerical_features: Any = None,
        identifier_features: Any = "auto",
        handle_unknown: Literal["missing", "error"] = "missing",
        device: str = "auto",
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.novelty = novelty
        self.contamination = contamination
        self.n_neighbors = n_neighbors
        self.max_samples = max_samples
        self.n_estimators = n_estimators
        self.max_steps = max_steps
        self.categorical_features = categorical_features
        self.numerical_features = numerical_features
        self.identifier_features = identifier_features
        self.handle_unknown = handle_unknown
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    # -- fit -----------------------------------------------------------------------------------

    # the parameters of the nested estimator are its own to check
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what rows of this table are like.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows: at least two. With ``novelty=False`` some of them may be anomalies.
        y : None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If ``X`` has one row, infinite cells, or cells that ``estimator`` does not take.
        """
        with restored_on_error(self), watched_fit(self, X, n_inside=1) as inside:
            self._fit(X, inside)
        return self

    def _fit(self, X: Any, inside: Watched) -> None:
        table = TabularEncoder(
            categorical_features=self.categorical_features,
            numerical_features=self.numerical_features,
            identifier_features=self.identifier_features,
            handle_unknown=self.handle_unknown,
        )
        if self._allows_missing():
            rows = table.read(X, estimator=self, reset=True, min_rows=2)
        else:
            rows = check_rows(self, X, reset=True, min_rows=2)
        self.table_ = table.fit_rows(rows)
        rows = table.table.blanked(rows)
        self._view = DistanceView.fit(self.table_.table, rows, far=True)
        self._usual = list(map(UsualCells.fit, self.table_.table.cells(rows)))
        random = check_random_state(self.random_state)
        self._fit_estimator(X, rows, int(random.randint(2**31 - 1)), inside)
        chosen = np.sort(random.permutation(len(rows))[:MAX_CALIBRATION])
        some = rows.take(chosen)
        held = self._held
        parts = list(self._chunks(X if held is None else held.given(X, rows, chosen), some))
        matrix, reconstructed = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._terms = self._fit_terms(matrix, reconstructed, random, many=len(rows) > MANY_ROWS)
        self._training_scores = np.sort(self._joint(matrix, reconstructed))
        self._set_offset()

    def _allows_missing(self) -> bool:
        return self.estimator is None or bool(get_tags(self.estimator).input_tags.allow_nan)

    def _fit_estimator(self, X: Any, rows: AnyRows, seed: int, inside: Watched) -> None:
        self._on_matrix, self._by_name = self.estimator is None, False
        if self.estimator is not None:
            held = HeldTransformer.fit(
                self.estimator, X, rows, seed, as_objects=True, inside=inside
            )
            self.estimator_, self._by_name = held.transformer, not held.takes_arrays
            return
        from sklatent.models._autoencoder_ensemble import AutoencoderEnsemble

        self.estimator_ = AutoencoderEnsemble(
            n_members=self.n_estimators,
            trim=0.0 if self.novelty else TRIM,
            max_steps=self.max_steps,
            # the matrix is scaled as distances need it
            standardize=False,
            device=self.device,
            verbose=self.verbose,
            random_state=seed,
        )
        matrix = self._view.matrix(self.table_.table, rows)
        with inside(self.estimator_):
            self.estimator_.fit(self._view.within_reach(matrix))

    @property
    def _held(self) -> HeldTransformer | None:
        """The given latent model; None where the ensemble sees the matrix itself."""
        if self._on_matrix:
            return None
        return HeldTransformer(self.estimator_, not self._by_name, as_objects=True)

    def _fit_terms(
        self, rows: Matrix, reconstructed: Matrix, random: np.random.RandomState, *, many: bool
    ) -> tuple[Term, ...]:
        most = self.max_samples
        if most == "auto":
            most = REFERENCE_OF_MANY if many and self.novelty else MAX_REFERENCE[self.novelty]
        reference = np.sort(random.permutation(len(rows))[:most])
        self.n_neighbors_ = k = self._count_neighbors(len(reference), many=many)
        return tuple(
            fit_term(
                space,
                weight,
                None if space == "residual" else k,
                farthest=not self.novelty,
                metric=self._view.metric,
                rows=rows,
                reconstructed=reconstructed,
                reference=reference,
            )
            for space, weight in SPACES[self.novelty].items()
        )

    def _count_neighbors(self, n_reference: int, *, many: bool) -> int:
        k = self.n_neighbors
        if k == "auto":
            few = FEW_OF_MANY if many else FEW
            k = few if self.novelty else max(LEAST, round(WIDE * n_reference))
        elif not isinstance(k, Integral):
            k = round(k * n_reference)
        return int(np.clip(k, 1, n_reference - 1))

    def _set_offset(self) -> None:
        share = AUTO_CONTAMINATION if self.contamination == "auto" else self.contamination
        self.offset_ = float(np.quantile(self._training_scores, share))

    # -- answers -------------------------------------------------------------------------------

    def score_samples(self, X: Any) -> Matrix:
        """Score rows: the higher, the more normal.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=float64
            Mean logarithm of the tail probabilities, about 0 for a row in the middle of the
            training rows; the same whatever rows lie beside.
        """
        check_is_fitted(self)
        rows = self._read(X)
        return np.concatenate([self._joint(*part) for part in self._chunks(X, rows)])

    def decision_function(self, X: Any) -> Matrix:
        """Score rows relative to the threshold.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=float64
            ``score_samples(X) - offset_``: negative for anomalies.
        """
        return self.score_samples(X) - self.offset_

    def p_values(self, X: Any) -> Matrix:
        """Tell how probable a row as odd as each of these is.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=float64
            Share of the rows, if they are like the training rows, that score as low or lower; in
            (0, 1). Of clean rows about a share of 0.05 has a value below 0.05.
        """
        return tail_probabilities(self.score_samples(X), self._training_scores)

    def predict(
        self, X: Any, *, alpha: float | None = None, method: Literal["bh"] | None = None
    ) -> NDArray[np.int64]:
        """Tell which rows are anomalies.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.
        alpha : float, default=None
            Largest p-value of an anomaly, in (0, 1), in place of the threshold ``offset_``.
        method : "bh" or None, default=None
            With "bh" ``alpha`` is the share of false alarms that is expected among the rows
            called anomalies, at most: p-values are adjusted for the number of these rows.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=int64
            -1 for anomalies, 1 for the others.

        Raises
        ------
        ValueError
            If ``alpha`` or ``method`` is none that is allowed, or ``method`` comes without
            ``alpha``.
        """
        self._check(ANSWERS, alpha=alpha, method=method)
        if alpha is None:
            if method is not None:
                raise ValueError(f"method={method!r} needs a number for alpha, got alpha=None.")
            is_odd = self.decision_function(X) < 0
        else:
            p = self.p_values(X)
            is_odd = (p if method is None else false_discovery_control(p, method=method)) <= alpha
        return np.where(is_odd, -1, 1).astype(np.int64)

    def explain(self, X: Any) -> Any:
        """Divide the score of each row among the columns.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray or DataFrame of shape (n_samples, n_features), dtype=float64
            Contributions in the units of the score, none of them positive: a row of them sums to
            ``score_samples``, and the lowest belongs to the column that is most unusual. A frame of
            the same library, names and index where ``X`` is one, else an array. Detectors saved
            before there were frames give arrays.
        """
        check_is_fitted(self)
        parts = self._parts(X, self._read(X))
        return parts if self._usual is None else floats_like(parts, X)

    def explain_rows(self, X: Any, top: int = 3) -> list[str]:
        """Say in words what makes each row odd.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.
        top : int, default=3
            Number of columns to name at most, the most unusual first. One that adds less than a
            tenth of the score is not named, unless it is the first.

        Returns
        -------
        list of str
            One for each row, as ``"spend = 99999 (usual 7 to 900); kind = 'zz' (never seen)"``:
            the cell, and between what the middle 98 % of the training cells lie, or the share of
            the training rows with that level, or with a missing cell.

        Raises
        ------
        ValueError
            If ``top`` is not positive, or the detector was saved before there were such words.
        """
        check_is_fitted(self)
        self._check(ANSWERS, top=top)
        if self._usual is None:
            raise ValueError("This detector was saved without what is usual: fit it again.")
        rows = self._read(X)
        parts = self._parts(X, rows)
        return tell_rows(self._usual, self.table_.table, rows, parts, top=top, least=LEAST_NAMED)

    def _parts(self, X: Any, rows: AnyRows) -> Matrix:
        parts = [
            -np.sum([term.columns(*part) for term in self._terms], axis=0)
            for part in self._chunks(X, rows)
        ]
        return self._view.by_column(np.concatenate(parts), self.table_.table.owners)

    def set_contamination(self, contamination: float | Literal["auto"]) -> Self:
        """Move the threshold without fitting again.

        Parameters
        ----------
        contamination : float or "auto"
            Share of the training rows beyond the threshold, in (0, 0.5].

        Returns
        -------
        self : object
            The detector, with ``contamination`` and ``offset_`` set.

        Raises
        ------
        InvalidParameterError
            If the share is none; the detector is left as it was.
        """
        check_is_fitted(self)
        self._check(self._parameter_constraints, contamination=contamination)
        self.contamination = contamination
        self._set_offset()
        return self

    def _check(self, constraints: dict[str, list[Any]], **given: Any) -> None:
        """Check parameters of verbs."""
        these = {name: constraints[name] for name in given}
        validate_parameter_constraints(these, given, type(self).__name__)

    def _read(self, X: Any) -> AnyRows:
        """Validate rows as far as the latent model takes them."""
        table = self.table_.table
        return table.blanked(table.read(X, estimator=self, allow_missing=self._allows_missing()))

    def _joint(self, rows: Matrix, reconstructed: Matrix) -> Matrix:
        return np.asarray(
            -np.sum([term.surprise(rows, reconstructed) for term in self._terms], axis=0)
        )

    def _chunks(self, X: Any, rows: AnyRows) -> Iterator[tuple[Matrix, Matrix]]:
        """Give the matrix of the rows and of their reconstructions, some thousands at a time."""
        held, table = self._held, self.table_.table
        for start in range(0, len(rows), CHUNK_ROWS):
            index = slice(start, min(start + CHUNK_ROWS, len(rows)))
            part = rows.take(index)
            matrix = self._view.matrix(table, part)
            if held is None:
                codes = self.estimator_.transform(self._view.within_reach(matrix))
                reconstructed = self.estimator_.inverse_transform(codes)
            else:
                some = None if len(part) == len(rows) else index
                reconstructed = self._view.matrix(table, held.reconstruct(X, rows, table, some))
            yield matrix, np.clip(np.nan_to_num(reconstructed), -FARTHEST, FARTHEST)

    # -- scikit-learn --------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has been completed."""
        return hasattr(self, "offset_")

    def __sklearn_tags__(self) -> Tags:
        """Say that cells may be missing where the latent model takes that."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._allows_missing()
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Give the state in plain values and estimators, stamped with the library's version."""
        state = dict(super().__getstate__())
        if "_view" in state:
            state["_view"] = state["_view"].to_state()
            state["_terms"] = [term.to_state() for term in state["_terms"]]
            state["_usual"] = self._usual and [vars(one).copy() for one in self._usual]
        return stamp(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved detector."""
        state = with_new_parameters(type(self), check_state(type(self).__name__, state))
        # earlier releases saved the objects themselves
        if isinstance(state.get("_view"), dict | list):
            state["_view"] = DistanceView.from_state(state["_view"])
            state["_terms"] = tuple(map(Term.from_state, state["_terms"]))
            state["_usual"] = [UsualCells(**one) for one in state.get("_usual") or ()] or None
        elif "_view" in state:
            state["_usual"] = None
        super().__setstate__(state)


# shown, saved and looked up under its public name
LatentAnomalyDetector.__module__ = "sklatent"
