"""Is what a model found found again in other rows? Scores that need no labels."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_array, check_random_state

from sklatent._utils._params import StrOptions, validate_params
from sklatent._utils.latent import encode
from sklatent.metrics._disentanglement import alive
from sklatent.metrics._tables import read_tables

_Float = NDArray[np.float64]

# Directions of codes with less than this share of the widest one are rounding.
_ROUNDING = 1e-6
# Draws of two random spaces that tell how well components match by chance.
_N_DRAWS = 20


def clustering_stability(estimator: Any, X: Any, y: Any = None) -> float:
    """Agreement of a fitted clusterer with one that is fitted to other rows.

    A clone is fitted to ``X`` and labels it; the estimator, fitted to other rows before, predicts
    the same rows. The score is the adjusted Rand index of the two: 1 where both cut the rows
    alike, about 0 where they agree by chance. Clusters that are there are found again; those that
    were cut out of one sample are not. It has the form of a scorer, so that
    ``GridSearchCV(LatentClusterer(), grid, scoring=clustering_stability)`` compares numbers of
    clusters and latent spaces without labels.

    Parameters
    ----------
    estimator : clusterer
        Fitted, with ``predict`` and ``fit_predict``; those of scikit-learn too.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows that the estimator was not fitted to.
    y : None
        Ignored.

    Returns
    -------
    float
        Between -0.5 and 1, higher is better. Where both find a single cluster, 0: nothing was
        found.

    References
    ----------
    .. [1] Lange et al., "Stability-Based Validation of Clustering Solutions", Neural
       Computation, 2004.
    .. [2] Tibshirani and Walther, "Cluster Validation by Prediction Strength", Journal of
       Computational and Graphical Statistics, 2005.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from sklatent.metrics import clustering_stability
    >>> X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> search = GridSearchCV(
    ...     KMeans(n_init=5, random_state=0), {"n_clusters": [2, 3, 4, 5]},
    ...     scoring=clustering_stability, cv=KFold(2, shuffle=True, random_state=0)
    ... ).fit(X)
    >>> search.best_params_
    {'n_clusters': 3}
    """
    predicted = estimator.predict(X)
    found = clone(estimator).fit_predict(X)
    if len(set(predicted)) == 1 and len(set(found)) == 1:
        return 0.0
    return float(adjusted_rand_score(found, predicted))


@validate_params(
    {
        "estimator": "no_validation",
        "X": ["array-like", "sparse matrix"],
        "y": "no_validation",
        "up_to": [StrOptions({"linear", "permutation"})],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def latent_stability(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    up_to: Literal["linear", "permutation"] = "linear",
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    """Count the dimensions of a latent space that are found again in other rows.

    A clone is fitted to ``X``, which the estimator was not fitted to, and both encode these rows.
    A dimension that the two spaces share counts 1, one that they do not share counts -1, and what
    two random spaces share is taken off before. The sum rises as long as a further dimension is
    found again and falls with dimensions of noise, so that a search over ``n_components`` needs
    nothing else; the mean would be highest for the strongest dimension alone. It has the form of a
    scorer, and costs one fit more for each score.

    Parameters
    ----------
    estimator : transformer
        Fitted; a latent model, one of scikit-learn, or a pipeline. ``inverse_transform`` is not
        needed.
    X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
        Rows that it was not fitted to; the clone is fitted to them as they come.
    y : array-like of shape (n_samples,), default=None
        Passed to ``fit`` of the clone.
    up_to : {"linear", "permutation"}, default="linear"
        What does not matter. "linear" asks whether the space is found, up to any invertible linear
        map: the squared canonical correlations of the codes. "permutation" asks whether each
        component is found, up to order, sign and monotone scale: the squared rank correlations of
        components, matched one to one. Pass ``partial(latent_stability, up_to="permutation")`` as
        ``scoring``.
    random_state : int, RandomState instance or None, default=0
        Of the clone, whose ``random_state`` (nested ones too) is drawn, so that what only a seed
        made alike does not count; and of the random spaces for "permutation".

    Returns
    -------
    float
        Between ``-n_components`` and ``n_components``; half of the sum of score and
        ``n_components`` is the number of dimensions found. Components that hardly vary do not
        count at all. Where the widths differ, those of the wider space without a partner are not
        found.

    Raises
    ------
    TypeError
        If the estimator has no ``transform``.
    ValueError
        If codes are not finite.

    See Also
    --------
    hidden_cell_score : Scores unseen cells instead; asks for prediction, not for agreement.
    one_standard_error : Takes the smallest model that is as good.

    Notes
    -----
    With "linear", two random spaces of ``k`` dimensions share ``k / d``, where ``d`` is the number
    of varying columns (categories less one where it has those), or of rows less one where that is
    smaller. Spaces as wide as that are alike whatever they hold: nothing is found. Each score
    should have many times more rows than columns.

    Being found again does not make a dimension useful: in a table without a floor of noise all
    dimensions of different strength are. The correlations weigh each direction alike; similarity
    that weighs by variance, such as centred kernel alignment, is blind to weak directions and
    therefore hardly falls with dimensions of noise. Components of PCA with equal variances are
    rotated from sample to sample, so that "permutation" finds none of them.

    References
    ----------
    .. [1] Lange et al., "Stability-Based Validation of Clustering Solutions", Neural
       Computation, 2004.
    .. [2] Besse and de Falguerolles, "Application of Resampling Methods to the Choice of Dimension
       in Principal Component Analysis", Computer Intensive Methods in Statistics, 1993.
    .. [3] Hyvarinen and Morioka, "Unsupervised Feature Extraction by Time-Contrastive Learning and
       Nonlinear ICA", NeurIPS, 2016 (matched correlations).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklatent.metrics import latent_stability
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 12)) + rng.normal(size=(300, 12))
    >>> grid = {"n_components": [1, 2, 3, 4, 6, 10]}
    >>> search = GridSearchCV(PCA(), grid, scoring=latent_stability, cv=2).fit(X)
    >>> search.best_params_
    {'n_components': 3}
    """
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"{type(estimator).__name__} has no transform: give a fitted transformer, for instance "
            "an AutoencoderTransformer or a PCA."
        )
    first = _living(encode(estimator, X))
    rng = check_random_state(random_state)
    other = clone(estimator)
    seeds = [name for name in sorted(other.get_params()) if name.split("__")[-1] == "random_state"]
    other.set_params(**{name: rng.randint(2**31 - 1) for name in seeds}).fit(X, y)
    second = _living(encode(other, X))
    widths = sorted((first.shape[1], second.shape[1]))
    if not widths[0]:
        return -float(widths[1])
    if up_to == "linear":
        found = _shared(first, second, _free(X))
    else:
        found = _matched(first, second, _free(X), rng)
    return float(2.0 * np.clip(found, 0.0, widths[0]) - widths[1])


def _living(codes: Any) -> _Float:
    """Check codes (n, k), centre and scale them, and drop those that hardly vary."""
    codes = check_array(codes, dtype=np.float64, input_name="codes", ensure_min_samples=2)
    codes = codes - codes.mean(0)
    codes = codes[:, alive(codes)]
    return np.asarray(codes / codes.std(0))


def _free(X: Any) -> int:
    """Count the numbers that tell rows apart: two random spaces as wide as that are the same."""
    shape = X.shape if hasattr(X, "shape") else np.shape(X)
    n_rows = int(shape[0])
    if len(shape) == 1:  # texts
        return n_rows - 1
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        varying = (X[:1] != X).any(axis=0)
        return min(n_rows - 1, int(varying.sum()))
    if hasattr(X, "toarray"):
        return min(n_rows - 1, int(shape[1]))
    tables = read_tables({"X": X}, 1)
    width = 0
    for column, cells in zip(tables.columns, tables.matrices[0].T, strict=True):
        n_values = len(np.unique(cells[~np.isnan(cells)]))
        width += max(0, n_values - 1 if column.is_category else min(n_values - 1, 1))
    return min(n_rows - 1, width)


def _shared(first: _Float, second: _Float, free: int) -> float:
    """Count the dimensions that two spaces share, chance taken off."""
    a, b = _basis(first), _basis(second)
    narrow, wide = sorted((a.shape[1], b.shape[1]))
    if narrow >= free:
        return 0.0
    # the sum of the squared canonical correlations
    agreement = float(((a.T @ b) ** 2).sum())
    return float((agreement - narrow * wide / free) / (1.0 - narrow / free))


def _basis(codes: _Float) -> _Float:
    left, sizes, _ = np.linalg.svd(codes, full_matrices=False)
    return np.asarray(left[:, sizes > _ROUNDING * sizes[0]])


def _matched(first: _Float, second: _Float, free: int, rng: np.random.RandomState) -> float:
    """Count the components that two spaces share, chance taken off."""
    agreement = _best_match((_ranks(first).T @ _ranks(second)) ** 2)
    narrow, wide = sorted((first.shape[1], second.shape[1]))
    free = max(free, wide)
    # components of a random space on those of another one: a corner of a random rotation
    draws = [np.linalg.qr(rng.normal(size=(free, wide)))[0][:narrow] for _ in range(_N_DRAWS)]
    chance = float(np.mean([_best_match(draw**2) for draw in draws]))
    return (agreement - chance) / (1.0 - chance / narrow) if chance < narrow else 0.0


def _ranks(codes: _Float) -> _Float:
    """Give centred ranks of unit length, so that products are Spearman's correlations."""
    ranks = np.asarray(rankdata(codes, axis=0), dtype=np.float64)
    ranks -= ranks.mean(0)
    return np.asarray(ranks / np.linalg.norm(ranks, axis=0))


def _best_match(agreement: _Float) -> float:
    """Sum a table of agreements over the best one-to-one match of its rows and columns."""
    return float(agreement[linear_sum_assignment(agreement, maximize=True)].sum())
