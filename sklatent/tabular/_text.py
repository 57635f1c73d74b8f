"""Free text as a few numbers, which a model reads and never writes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from sklatent.tabular._cells import Cells

# Numbers of a text. The first component of the decomposition is what all texts share.
N_NUMBERS = 8
_N_HASHED = 2048


def fit_text(cells: Cells) -> dict[str, Any]:
    """Learn in which directions the texts of a column differ.

    Parameters
    ----------
    cells : Cells
        The training cells: labels.

    Returns
    -------
    fitted : dict
        "kind", "rarity" (inverse document frequencies), "components" and "center", for
        :func:`embed`. No text and no part of one is kept.

    Notes
    -----
    Latent semantic analysis [1]_ of hashed words.

    References
    ----------
    .. [1] S. Deerwester et al. Indexing by latent semantic analysis. Journal of the American
       Society for Information Science, 1990.
    """
    counts = _counts(cells)
    if cells.missing is not None:
        counts = counts[~cells.missing]
    n_texts, n_holding = counts.shape[0], np.bincount(counts.indices, minlength=_N_HASHED)
    rarity = (np.log((1 + n_texts) / (1 + n_holding)) + 1).astype(np.float32)
    weighed = _weighed(counts, rarity)
    svd = TruncatedSVD(N_NUMBERS + 1, random_state=0).fit(weighed)
    # the rest is rounding where few words differ
    some = svd.singular_values_ > 1e-6 * svd.singular_values_[0]
    components = svd.components_[1:][some[1:]]
    numbers = weighed @ components.T
    # a text counts as much as one number
    components = components / (numbers.std(0) * len(components) ** 0.5)[:, None]
    return {
        "kind": "text",
        "levels": [],
        "rarity": rarity,
        "components": np.ascontiguousarray(components, dtype=np.float32),
        "center": np.asarray(weighed.mean(0) @ components.T).ravel(),
    }


def embed(column: dict[str, Any], cells: Cells) -> np.ndarray:
    """Turn texts into numbers.

    Parameters
    ----------
    column : dict
        The fitted column.
    cells : Cells
        Labels; none where all cells are missing.

    Returns
    -------
    numbers : ndarray of shape (n_samples, n_numbers), dtype=float64
        Equal texts have equal numbers, NaN where missing. Over the training cells they have the
        same variance, one in sum.
    """
    if cells.family != "label" or not len(cells.levels):
        return np.full((len(cells.values), len(column["components"])), np.nan)
    used, places = np.unique(cells.values, return_inverse=True)
    texts = [str(cells.levels[code]) for code in used]
    weighed = _weighed(_counts_of(texts), column["rarity"])
    product = weighed @ column["components"].astype(np.float64).T
    numbers: np.ndarray = np.asarray(product - column["center"])[places]
    if cells.missing is not None:
        numbers[cells.missing] = np.nan
    return numbers


def _counts(cells: Cells) -> Any:
    """Count the words of each row."""
    return _counts_of(list(map(str, cells.levels)))[cells.values]


def _counts_of(texts: list[str]) -> Any:
    # groups of letters would stand typing errors, at four times the cost
    hashing = HashingVectorizer(n_features=_N_HASHED, alternate_sign=False, norm=None)
    return hashing.transform(texts)


def _weighed(counts: Any, rarity: np.ndarray) -> Any:
    """Weigh words by how rare they are; each text has length one."""
    weighed = counts.copy()
    weighed.data = (1 + np.log(weighed.data)) * rarity[weighed.indices]
    normalize(weighed, copy=False)
    return weighed
