"""Directions in which an attribute grows."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_array

from sklatent._utils._params import StrOptions, validate_params
from sklatent.metrics._tables import read_tables

Array = NDArray[np.float64]

_N_SPLITS = 5
# Whole numbers with more values than this are a number, with fewer they are classes.
_MOST_CLASSES = 20
# What varies less than this share of itself varies by rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class AttributeDirection:
    """A direction in a latent space, made by :func:`attribute_direction`.

    Parameters
    ----------
    vector : ndarray of shape (n_components,)
        The direction, of unit length.
    gap : float
        How far the means of the two classes lie apart along it; for a number, the way that goes
        with one standard deviation. A step of ``gap`` is strength 1 in :func:`edit`.
    strength : float
        How well it ranks codes that did not help to find it, the mean over five folds: area under
        the ROC curve for classes, Spearman's correlation for a number; NaN if there are too few.
    method : {"means", "normal"}
        How it was found.
    positive : object
        The class that it points to; None for a number.
    """

    vector: Array
    gap: float
    strength: float
    method: str
    positive: Any

    @property
    def step(self) -> Array:
        """The vector with the length of the gap."""
        return self.vector * self.gap


@validate_params(
    {
        "Z": ["array-like"],
        "y": ["array-like"],
        "method": [StrOptions({"means", "normal"})],
        "positive": "no_validation",
        "kind": [StrOptions({"auto", "classes", "number"})],
        "given": ["array-like", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def attribute_direction(
    Z: Any,
    y: Any,
    *,
    method: Literal["means", "normal"] = "normal",
    positive: Any = None,
    kind: Literal["auto", "classes", "number"] = "auto",
    given: Any = None,
    random_state: int | np.random.RandomState | None = 0,
) -> AttributeDirection:
    """Find the direction of an attribute.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_components)
        Codes of rows.
    y : array-like of shape (n_samples,)
        The attribute: classes, or a number (see ``kind``), without missing cells.
    method : {"means", "normal"}, default="normal"
        "normal" is that of a linear classifier, of ridge regression for a number. "means" points
        from the mean of the other rows to that of the class, for a number along its covariance
        with the codes: it takes along whatever goes with the attribute, and is the purer one where
        attributes are independent, or held by ``given``.
    positive : object, default=None
        The class to point to; needed if there are more than two. By default the second one in
        sorted order.
    kind : {"auto", "classes", "number"}, default="auto"
        How to read the attribute. With "auto" strings, booleans and whole numbers with up to 20
        values are classes; other numbers, and dates, are a number, unless ``positive`` names a
        class among them. Grades and counts are often better a "number".
    given : array-like of shape (n_samples, n_others), default=None
        Other attributes, as numbers, that shall stay as they are. The direction is then that of
        what they do not tell about ``y`` (linearly). For "means" only.
    random_state : int, RandomState instance or None, default=0
        Of the folds that measure the strength.

    Returns
    -------
    AttributeDirection
        The direction, found on all codes, and its strength on codes held out.

    Raises
    ------
    ValueError
        If there is one value only, or more than two classes without ``positive``, or cells are
        missing, or strings shall be a number, or ``given`` comes with the normal.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.geometry import attribute_direction
    >>> Z = np.random.default_rng(0).normal(size=(200, 3))
    >>> found = attribute_direction(Z, Z[:, 1] > 0)
    >>> int(np.abs(found.vector).argmax()), found.strength > 0.95
    (1, True)
    """
    codes = check_array(Z, dtype=np.float64, input_name="Z")
    target, positive = _target(y, positive, kind)
    check_consistent_length(codes, target)
    held = _held(given, method, len(codes))
    vector, gap = _direction(codes, target, method, held)
    strength = _strength(codes, target, method, held, random_state)
    return AttributeDirection(vector, gap, strength, method, positive)


def _target(y: Any, positive: Any, kind: str) -> tuple[NDArray[Any], Any]:
    """Convert an attribute to booleans, or to numbers where it is one."""
    values = column_or_1d(y)
    tables = read_tables({"y": values.reshape(-1, 1)}, 1)
    cells = tables.matrices[0][:, 0]
    if np.isnan(cells).any():
        raise ValueError("Input y contains NaN: leave out rows whose attribute is missing.")
    n_values = len(np.unique(cells))
    if n_values < 2:
        raise ValueError(
            "The number of classes has to be greater than one; got 1 class: a direction leads "
            "from one class to another."
        )
    is_words = tables.columns[0].is_category
    if kind == "number":
        if is_words or positive is not None:
            raise ValueError("kind='number' takes numbers and dates, and no class (positive=).")
        return cells, None
    few = n_values <= _MOST_CLASSES and bool((cells == np.round(cells)).all())
    if kind == "auto" and positive is None and not is_words and not few:
        return cells, None
    classes = np.unique(values).tolist()
    if positive is None and len(classes) > 2:
        as_number = "" if is_words else ", or take them as a number: kind='number'"
        raise ValueError(
            f"y has {len(classes)} classes: name the one to point to, for instance "
            f"positive={classes[-1]!r}{as_number}."
        )
    positive = classes[1] if positive is None else positive
    if positive not in classes:
        raise ValueError(f"positive == {positive!r} is not among the classes of y.")
    return np.asarray(values == positive, dtype=bool), positive


def _held(given: Any, method: str, n_rows: int) -> Array:
    """Read the attributes that shall stay, beside a constant."""
    if given is None:
        return np.ones((n_rows, 1))
    if method == "normal":
        raise ValueError("given= needs method='means': a normal holds no other attributes.")
    others = check_array(given, dtype=np.float64, input_name="given", ensure_2d=False)
    others = others.reshape(len(others), -1)
    check_consistent_length(others, np.ones(n_rows))
    return np.column_stack([np.ones(n_rows), others])


def _direction(codes: Array, target: NDArray[Any], method: str, held: Array) -> tuple[Array, float]:
    is_class = target.dtype == bool
    numbers = target.astype(np.float64)
    numbers -= numbers.mean()
    centred = codes - codes.mean(0)
    centred[:, np.abs(centred).max(0) <= _ROUNDING * np.abs(codes).max(0)] = 0.0
    if method == "normal":
        scale = _spreads(centred)
        linear = LogisticRegression(max_iter=1000) if is_class else Ridge()
        vector = linear.fit(centred / scale, target).coef_.ravel() / scale
    else:
        # with a constant alone, the covariance with a class points from mean to mean
        wanted = numbers - held @ np.linalg.lstsq(held, numbers, rcond=None)[0]
        if np.abs(wanted).max() <= _ROUNDING * len(held) * np.abs(numbers).max():
            wanted[:] = 0.0
        vector = centred.T @ wanted
    largest = float(np.abs(vector).max())
    if largest == 0:
        return np.zeros(codes.shape[1]), 0.0
    vector = vector / largest  # squares of tiny numbers are zero
    vector /= np.linalg.norm(vector)
    along = centred @ vector
    if is_class:
        return vector, float(along[target].mean() - along[~target].mean())
    return vector, float(along @ numbers / len(codes) / max(float(numbers.std()), 1e-300))


def _spreads(centred: Array) -> Array:
    """Standard deviations of the columns, 1 where there is none, also of huge and tiny numbers."""
    sizes = np.abs(centred).max(0)
    sizes[sizes == 0] = 1.0
    spreads = (centred / sizes).std(0)
    spreads[spreads == 0] = 1.0
    return np.asarray(sizes * spreads)


def _strength(
    codes: Array, target: NDArray[Any], method: str, held: Array, random_state: Any
) -> float:
    is_class = target.dtype == bool
    fewest = min(target.sum(), (~target).sum()) if is_class else len(target) // 3
    n_splits = min(_N_SPLITS, int(fewest))
    if n_splits < 2:
        return float("nan")  # a class of one row leaves none to be held out
    splitter = StratifiedKFold if is_class else KFold
    figures = []
    folds = splitter(n_splits, shuffle=True, random_state=random_state)
    for train, test in folds.split(codes, target):
        along = codes[test] @ _direction(codes[train], target[train], method, held[train])[0]
        if is_class:
            figures.append(float(roc_auc_score(target[test], along)))
        elif np.ptp(target[test]) > 0:  # else there is nothing to rank
            ranked = np.ptp(along) > 0
            figures.append(float(spearmanr(target[test], along).statistic) if ranked else 0.0)
    return float(np.mean(figures)) if figures else float("nan")
