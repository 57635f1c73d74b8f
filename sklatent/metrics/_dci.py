"""Disentanglement, completeness and informativeness of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent.metrics._disentanglement import alive, check_factors, is_number
from sklatent.metrics._figures import Figure, FigureTable

_Float = NDArray[np.float64]

_STAGES = 100
_FEWEST_STAGES = 20


@dataclass(frozen=True)
class DCIScores(FigureTable):
    """What :func:`dci_score` found; the three scores are printed as a table.

    Parameters
    ----------
    disentanglement : float
        1 if each code serves one factor only; codes count by how much they are used.
    completeness : float
        1 if each factor is in one code only.
    informativeness : float
        How well the factors are predicted for rows held out: R2 of numbers, and of the indicators
        of classes, 1 at best; the mean over factors, each at least 0.
    importances : ndarray of shape (n_components, n_factors)
        Share of each code in the prediction of each factor.
    """

    disentanglement: float
    completeness: float
    informativeness: float
    importances: _Float

    def _table(self) -> tuple[str, str, list[tuple[str, Figure]]]:
        named = ("disentanglement", "completeness", "informativeness")
        codes, factors = self.importances.shape
        rows = [(name, Figure(getattr(self, name), floor=0.0)) for name in named]
        return f"{codes} codes, {factors} factors", "value", rows


@validate_params(
    {
        "codes": ["array-like"],
        "factors": ["array-like"],
        "max_rows": [Interval(Integral, 10, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def dci_score(
    codes: Any,
    factors: Any,
    *,
    max_rows: int = 4000,
    random_state: int | np.random.RandomState | None = 0,
) -> DCIScores:
    """Predict factors from codes by boosted trees, and see which codes were needed.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        Codes of rows, for a VAE its posterior means.
    factors : array-like of shape (n_samples, n_factors)
        The known factors: numbers (more than 20 values) or classes.
    max_rows : int, default=4000
        At most so many rows, drawn at random, take part: three in four to fit the trees, also of
        each class.
    random_state : int, RandomState instance or None, default=0
        Pass an int for the same answer in each call.

    Returns
    -------
    DCIScores
        The three scores and the importances behind them.

    References
    ----------
    .. [1] Eastwood and Williams, "A Framework for the Quantitative Evaluation of Disentangled
       Representations", ICLR, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent.metrics import dci_score
    >>> factors = np.random.default_rng(0).normal(size=(400, 2))
    >>> scores = dci_score(factors, factors)
    >>> scores.disentanglement > 0.9, scores.informativeness > 0.9
    (True, True)
    """
    Z, known = check_factors(codes, factors)
    # trees cut in single precision, to which small differences of large numbers are none
    Z = np.where(alive(Z), Z - Z.mean(0), 0.0)
    Z = Z / np.where(alive(Z), Z.std(0), 1.0)
    rng = check_random_state(random_state)
    order = rng.permutation(len(Z))[:max_rows]
    importances, figures = np.zeros((Z.shape[1], len(known))), []
    for j, factor in enumerate(known):
        seed = rng.randint(2**31 - 1)
        importances[:, j], figure = _predict(Z[order], factor[order], seed)
        figures.append(max(0.0, figure))
    per_code = 1.0 - _entropy(importances)
    per_factor = 1.0 - _entropy(importances.T)
    # a factor that no code knows is in no code
    per_factor[importances.sum(0) == 0] = 0.0
    use = importances.sum(1)
    weights = use / use.sum() if use.sum() > 0 else use
    return DCIScores(
        disentanglement=float(weights @ per_code),
        completeness=float(per_factor.mean()),
        informativeness=float(np.mean(figures)),
        importances=importances,
    )


def _predict(Z: _Float, factor: NDArray[Any], seed: int) -> tuple[_Float, float]:
    held = _held_out(factor)
    if is_number(factor):
        trees = GradientBoostingRegressor(n_estimators=_STAGES, random_state=seed)
        trees.fit(Z[~held], factor[~held])
        return trees.feature_importances_, float(trees.score(Z[held], factor[held]))
    classes, counts = np.unique(factor[~held], return_counts=True)
    if len(classes) < 2:
        return np.zeros(Z.shape[1]), 0.0
    stages = max(_FEWEST_STAGES, _STAGES // len(classes))  # each stage has a tree for each class
    trees = GradientBoostingClassifier(n_estimators=stages, random_state=seed)
    found = trees.fit(Z[~held], factor[~held]).predict_proba(Z[held])
    wanted = factor[held, None] == classes
    if wanted.all(0).any():
        return trees.feature_importances_, 0.0  # nothing to tell apart
    blind = np.sum((wanted - counts / counts.sum()) ** 2)
    return trees.feature_importances_, float(1.0 - np.sum((wanted - found) ** 2) / blind)


def _held_out(factor: NDArray[Any]) -> NDArray[np.bool_]:
    """Choose every fourth row, of a class factor every fourth of each class, the second first."""
    if is_number(factor):
        return np.asarray(np.arange(len(factor)) % 4 == 1)
    held = np.zeros(len(factor), dtype=bool)
    for level in np.unique(factor):
        held[np.flatnonzero(factor == level)[1::4]] = True
    return held


def _entropy(importances: _Float) -> _Float:
    """Entropy of each row as a share of the largest possible one."""
    n = importances.shape[1]
    if n < 2:
        return np.zeros(len(importances))
    total = importances.sum(1, keepdims=True)
    share = importances / np.where(total > 0, total, 1.0)
    logs = np.log(np.where(share > 0, share, 1.0))
    return np.asarray(-(share * logs).sum(1) / np.log(n))
