"""Whether each code says one thing: scores of codes against known factors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.utils import check_array, check_consistent_length, check_random_state

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent.metrics._tables import read_tables

_Float = NDArray[np.float64]
_Codes = NDArray[np.intp]

# Codes that vary less than this share of the liveliest one are dead.
_DEAD = 1e-6
# What varies less than this share of itself varies by rounding.
_ROUNDING = 1e-12
# Numbers with more values than this are numbers, with fewer they are classes.
_MOST_CLASSES = 20
# Into so many bins the codes of a rare class are cut.
_RARE_PIECES = 4
_BINS = Interval(Integral, 2, None, closed="left")
_COMMON: dict[str, Any] = {"codes": ["array-like"], "factors": ["array-like"]}


def check_factors(codes: Any, factors: Any) -> tuple[_Float, list[NDArray[Any]]]:
    """Validate codes and factors.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes.
    factors : array-like or DataFrame of shape (n_samples, n_factors)
        Numbers, dates or strings, also side by side.

    Returns
    -------
    codes : ndarray of shape (n_samples, n_components)
        In float64.
    factors : list of ndarray of shape (n_samples,)
        Numbers with many values as float64; others as whole numbers from 0.

    Raises
    ------
    ValueError
        If cells are missing, lengths differ, or a factor is constant.
    """
    codes = check_array(codes, dtype=np.float64, input_name="codes", ensure_min_samples=10)
    shape = factors.shape if hasattr(factors, "shape") else np.shape(factors)
    if len(shape) == 1:
        factors = np.asarray(factors).reshape(-1, 1)
    check_consistent_length(codes, factors)
    tables = read_tables({"factors": factors}, 1)
    columns: list[NDArray[Any]] = []
    for column, cells in zip(tables.columns, tables.matrices[0].T, strict=True):
        if np.isnan(cells).any():
            raise ValueError(f"Input factors contains NaN: factor {column.name} has missing cells.")
        levels, places = np.unique(cells, return_inverse=True)
        if len(levels) < 2:
            raise ValueError(
                f"Factor {column.name} has one value only: nothing can be learnt about it."
            )
        many = not column.is_category and len(levels) > _MOST_CLASSES
        columns.append(cells if many else places)
    return codes, columns


def is_number(factor: NDArray[Any]) -> bool:
    """Tell whether a checked factor is a number rather than a class."""
    return factor.dtype == np.float64


def alive(codes: _Float) -> NDArray[np.bool_]:
    """Tell which codes vary at all."""
    spread = codes.std(0)
    least = max(_DEAD * float(spread.max(initial=0.0)), 1e-300)
    return np.asarray((spread > least) & (spread > _ROUNDING * np.abs(codes).max(0)))


def equal_bins(values: NDArray[Any], n_bins: int) -> _Codes:
    """Cut numbers into bins of equal frequency; equal values share a bin.

    A value more frequent than a bin has one of its own, and so have all where they are few.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        The numbers.
    n_bins : int
        How many bins there are about.

    Returns
    -------
    ndarray of shape (n_samples,)
        Places of the bins, in the order of the values.
    """
    return np.searchsorted(_edges(values, n_bins), values, side="right")


def _edges(values: NDArray[Any], n_bins: int) -> _Float:
    """Give the lower ends of all bins but the first, each of which belongs to its bin."""
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= n_bins:
        return np.asarray(levels[1:], dtype=np.float64)
    spikes = levels[counts * n_bins > len(values)].astype(np.float64)
    rest = values[~np.isin(values, spikes)]
    pieces = -(-n_bins * len(rest) // len(values))
    inner = np.quantile(rest, np.linspace(0, 1, pieces + 1)[1:-1])
    return np.unique(np.concatenate([inner, spikes, np.nextafter(spikes, np.inf)]))


def _cut(code: _Float, classes: _Codes, n_bins: int) -> _Codes:
    """Cut a code into bins that classes can be told apart in, however rare.

    Bins of equal frequency mix what is rarer than a bin with its neighbours. To their edges come
    the ends of each class, and the quartiles of a class that is rarer than half a bin.
    """
    if len(np.unique(code)) <= n_bins:
        return equal_bins(code, n_bins)
    edges = [_edges(code, n_bins)]
    for mine in (code[classes == level] for level in np.unique(classes)):
        pieces = _RARE_PIECES if 2 * n_bins * len(mine) < len(code) else 1
        edges.append(np.quantile(mine, np.linspace(0, 1, pieces + 1)[:-1], method="lower"))
        edges.append(np.nextafter(mine.max(keepdims=True), np.inf))
    return np.searchsorted(np.unique(np.concatenate(edges)), code, side="right")


def _binned(factor: NDArray[Any], n_bins: int) -> _Codes:
    return equal_bins(factor, n_bins) if is_number(factor) else factor


def _gap(scores: _Float) -> _Float:
    """Difference of the two best codes for each factor (columns)."""
    best = np.sort(np.vstack([np.zeros(scores.shape[1]), scores]), axis=0)
    return np.asarray(best[-1] - best[-2])


@validate_params({**_COMMON, "n_bins": [_BINS]}, prefer_skip_nested_validation=True)
def mig_score(codes: Any, factors: Any, *, n_bins: int = 20) -> float:
    """Mutual information gap: whether each factor is in one code, and in one only.

    For each factor, the mutual information with the best code less that with the second best,
    divided by the entropy of the factor; the mean over factors.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes of rows, for a VAE its posterior means. They are cut into bins of equal frequency,
        with further edges where classes of the factor begin and end, so that rare ones count.
    factors : array-like of shape (n_samples, n_factors)
        The known factors. Numbers with more than 20 values are cut likewise, others are classes.
    n_bins : int, default=20
        Number of bins. A value more frequent than a bin has one of its own, and so have all values
        of a code that has no more than ``n_bins``.

    Returns
    -------
    float
        1 for codes that are the factors, one each, in any order and units; about 0 for rotated
        ones, and for codes that know nothing.

    Notes
    -----
    Mutual information of bins is biased upwards by about ``(n_bins - 1) ** 2 / (2 n_samples)``
    nats, which the gap takes from perfect codes: give 10,000 rows where you can.

    References
    ----------
    .. [1] Chen et al., "Isolating Sources of Disentanglement in Variational Autoencoders",
       NeurIPS, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import mig_score
    >>> factors = np.random.default_rng(0).normal(size=(10_000, 2))
    >>> rotation = np.array([[1.0, 1.0], [-1.0, 1.0]])
    >>> round(mig_score(factors, factors), 2), round(mig_score(factors @ rotation, factors), 2)
    (0.99, 0.0)
    """
    Z, known = check_factors(codes, factors)
    information = np.zeros((Z.shape[1], len(known)))
    for j, factor in enumerate(known):
        binned = _binned(factor, n_bins)
        # the factor's own entropy: that of a variable with itself
        entropy = mutual_info_score(binned, binned)
        # numbers without spikes lie in bins that are alike, and need no further edges
        alike = is_number(factor) and np.bincount(binned).max() * n_bins < 2 * len(Z)
        cut = (equal_bins(z, n_bins) if alike else _cut(z, binned, n_bins) for z in Z.T)
        information[:, j] = [mutual_info_score(places, binned) / entropy for places in cut]
    return float(_gap(information).mean())


@validate_params(dict(_COMMON), prefer_skip_nested_validation=True)
def sap_score(codes: Any, factors: Any) -> float:
    """Separated attribute predictability: the gap of the two best single codes.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes of rows.
    factors : array-like of shape (n_samples, n_factors)
        The known factors. Of a number (more than 20 values) the squared correlation with a code
        counts, of a class the balanced accuracy of linear discriminant analysis on one code, above
        that of a guess: each half of the rows tells that of the other. Classes of a single row are
        left out.

    Returns
    -------
    float
        1 is perfect, 0 useless; smaller than :func:`mig_score` suggests, since two codes that know
        a little are near each other.

    References
    ----------
    .. [1] Kumar, Sattigeri and Balakrishnan, "Variational Inference of Disentangled Latent
       Concepts from Unlabeled Observations", ICLR, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import sap_score
    >>> factors = np.random.default_rng(0).normal(size=(1000, 2))
    >>> round(sap_score(3 * factors[:, ::-1], factors), 1)
    1.0
    """
    Z, known = check_factors(codes, factors)
    scores = np.zeros((Z.shape[1], len(known)))
    for i in np.flatnonzero(alive(Z)):
        for j, factor in enumerate(known):
            scores[i, j] = _single_score(Z[:, i], factor)
    return float(_gap(scores).mean())


def _single_score(z: _Float, factor: NDArray[Any]) -> float:
    if is_number(factor):
        return float(np.corrcoef(z, factor)[0, 1] ** 2)
    several = (np.bincount(factor) > 1)[factor]
    z, factor = z[several], factor[several]
    if len(np.unique(factor)) < 2:
        return 0.0
    odd = np.zeros(len(z), dtype=bool)
    for level in np.unique(factor):
        odd[np.flatnonzero(factor == level)[1::2]] = True
    answers = np.empty_like(factor)
    for half in (odd, ~odd):
        answers[half] = _discriminate(z[~half], factor[~half], z[half])
    return max(0.0, float(balanced_accuracy_score(factor, answers, adjusted=True)))


def _discriminate(z: _Float, factor: _Codes, others: _Float) -> _Codes:
    """Linear discriminant analysis of one code, all classes as likely: the nearest mean."""
    classes, places, counts = np.unique(factor, return_inverse=True, return_counts=True)
    means = np.bincount(places, z) / counts
    return np.asarray(classes[np.abs(others[:, None] - means).argmin(1)])


def _rows_alike(factor: _Codes, place: int) -> list[_Codes]:
    """Give for each row those with the same value; rows without any others are left out."""
    rows = [np.flatnonzero(factor == level) for level in np.unique(factor)]
    alike = [group for group in rows if len(group) > 1 for _ in group]
    if not alike:
        raise ValueError(f"Factor {place} has no value twice: it cannot be held still.")
    return alike


@validate_params(
    {
        **_COMMON,
        "n_votes": [Interval(Integral, 2, None, closed="left")],
        "n_rows": [Interval(Integral, 2, None, closed="left")],
        "n_bins": [_BINS],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def factorvae_score(
    codes: Any,
    factors: Any,
    *,
    n_votes: int = 1600,
    n_rows: int = 64,
    n_bins: int = 20,
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    """Accuracy of telling which factor is held still from the code that varies least.

    Rows with codes far from the mean are drawn more often and count less, which leaves each
    variance right on average: a code of something rare would not vary in a few rows otherwise, and
    pass for the one that is held still.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes of rows, for a VAE its posterior means.
    factors : array-like of shape (n_samples, n_factors)
        The known factors; numbers with more than 20 values are cut into bins.
    n_votes : int, default=1600
        How often a factor is held still: the first half teaches, the other half is scored.
    n_rows : int, default=64
        Rows of each vote, all with the same value of that factor; frequent values come often.
    n_bins : int, default=20
        Number of bins.
    random_state : int, RandomState instance or None, default=0
        Pass an int for the same answer in each call.

    Returns
    -------
    float
        1 is perfect. The floor is one over the number of factors. 0 if no code varies. Lenient:
        rotated codes pass where each factor still has a code that depends on it most.

    References
    ----------
    .. [1] Kim and Mnih, "Disentangling by Factorising", ICML, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import factorvae_score
    >>> factors = np.random.default_rng(0).normal(size=(2000, 3))
    >>> factorvae_score(factors, factors)
    1.0
    """
    Z, known = check_factors(codes, factors)
    Z = Z[:, alive(Z)]
    if not Z.shape[1]:
        return 0.0
    Z = (Z - Z.mean(0)) / Z.std(0)
    rng = check_random_state(random_state)
    groups = [_rows_alike(_binned(factor, n_bins), j) for j, factor in enumerate(known)]
    leverage = 1.0 + (Z**2).mean(1)
    votes = np.zeros((2, Z.shape[1], len(known)))
    for turn in range(n_votes):
        j = rng.randint(len(known))
        rows = groups[j][rng.randint(len(groups[j]))]
        drawn = rng.choice(rows, n_rows, p=leverage[rows] / leverage[rows].sum())
        weights = 1.0 / leverage[drawn]
        mean = np.average(Z[drawn], axis=0, weights=weights)
        spread = np.average((Z[drawn] - mean) ** 2, axis=0, weights=weights)
        votes[turn % 2, spread.argmin(), j] += 1
    answers = votes[0].argmax(1)
    return float(votes[1][np.arange(len(answers)), answers].sum() / votes[1].sum())
