"""What columns are that a model should not take for categories or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

import numpy as np
from scipy.special import chdtrc

from sklatent.tabular._cells import Cells
from sklatent.tabular._identifiers import is_running, learn_form, whole_numbers

Role = Literal["identifier", "text"]

# Tables of fewer rows have no identifiers and no texts but those that are named.
FEWEST_ROWS = 100
# Share of the cells of identifiers, and of texts, that are different.
_DIFFERENT, _MOSTLY_DIFFERENT = 0.95, 0.5
# Texts have so many words, or more characters than this, on average.
_WORDS, _CHARACTERS = 3, 20
# Numbers of fewer digits are counts and measures.
_FEWEST_DIGITS = 4
# A table in which nothing depends on a column looks as if something did this often.
_CHANCE = 0.001
_BINS = 10
# A level of fewer rows is compared together with the other rare ones.
_ROWS_PER_LEVEL = 5
# Rows at which a column that is no identifier is known to be none.
_FIRST = 200


def find_roles(columns: Sequence[Cells], judged: np.ndarray) -> dict[int, Role]:
    """Find identifiers and texts among the columns of a data frame.

    Strings are an identifier if at least 95 % of them are different and all are of one form, and
    texts if at least half of them are different and they have, on average, three words or more
    than 20 characters. Whole numbers are an identifier if nearly all of them are different,
    nothing else depends on them, and they are running numbers, or of at least four digits, all
    equally many, and spread evenly.

    Parameters
    ----------
    columns : sequence of Cells
        The training rows.
    judged : ndarray of shape (n_columns,), dtype=bool
        Columns for which the question is open.

    Returns
    -------
    roles : dict of int to {"identifier", "text"}
        By position; empty in tables of fewer than 100 rows.
    """
    roles: dict[int, Role] = {}
    if not len(columns) or len(columns[0].values) < FEWEST_ROWS:
        return roles
    numbers: dict[int, bool] = {}
    for j in np.flatnonzero(judged).tolist():
        cells = columns[j]
        if cells.family == "label":
            role = _role_of_words(cells)
            if role is not None:
                roles[j] = role
        elif (running := _counts_rows(cells)) is not None:
            numbers[j] = running
    for j, running in numbers.items():
        # running numbers go together, whatever they number
        others = [
            cells
            for i, cells in enumerate(columns)
            if i != j and i not in roles and not (running and numbers.get(i))
        ]
        if others and not _depend(columns[j], others):
            roles[j] = "identifier"
    return roles if len(roles) < len(columns) else {}


def _role_of_words(cells: Cells) -> Role | None:
    known = cells.present()
    if cells.store.get("declared") or cells.store["dtype"] == "Categorical":
        return None
    if len(known) < FEWEST_ROWS:
        return None
    n_different = len(np.unique(known))
    if n_different < _MOSTLY_DIFFERENT * len(known):
        return None
    texts = list(map(str, cells.levels))
    if learn_form(texts) is not None:
        return "identifier" if n_different >= _DIFFERENT * len(known) else None
    some = list(islice(texts, 1000))
    words = np.mean([len(text.split()) for text in some])
    return "text" if words >= _WORDS or np.mean(list(map(len, some))) > _CHARACTERS else None


def _counts_rows(cells: Cells) -> bool | None:
    """Tell whether numbers look like identifiers: True if running, False if of constant length."""
    if cells.family != "number":
        return None
    first = cells.values[:_FIRST] if cells.missing is None else cells.present()[:_FIRST]
    if len(first) < FEWEST_ROWS or len(np.unique(first)) < _DIFFERENT * len(first):
        return None
    numbers = whole_numbers(cells)
    if numbers is None or numbers.min() < 0:
        return None
    if len(np.unique(numbers)) < _DIFFERENT * len(numbers):
        return None
    if is_running(numbers):
        return True
    least, most = int(numbers.min()), int(numbers.max())
    if len(str(least)) != len(str(most)) or len(str(most)) < _FEWEST_DIGITS:
        return None
    share = (np.sort(numbers) - least) / (most - least)
    even = np.abs(share - np.linspace(0, 1, len(share))).max()
    # the bound of Kolmogorov and Smirnov for one in a thousand
    return False if even < 1.95 / np.sqrt(len(share)) else None


def _depend(cells: Cells, others: Sequence[Cells]) -> bool:
    """Tell whether any of other columns depends measurably on a column of numbers.

    Ranks are compared by Spearman's correlation and, between ten equal parts of the rows and
    between the levels of a category, by the test of Kruskal and Wallis, whose statistics are
    those of random order up to ``_CHANCE``, divided by their number.
    """
    there = np.ones(len(cells.values), dtype=bool) if cells.missing is None else ~cells.missing
    ranks = _ranks(cells.values[there])
    parts = (_BINS * (ranks - 0.5) / len(ranks)).astype(np.int64)
    chances = []
    for other in others:
        known = ~other.missing[there] if other.missing is not None else None
        if known is not None and 0 < known.sum() < len(known):
            chances.append(_kruskal(ranks, known.astype(np.int64)))
        at = slice(None) if known is None else known
        values = other.values[there][at]
        if not len(values) or (values == values[0]).all():
            continue
        if other.family in ("label", "boolean"):
            chances.append(_kruskal(ranks[at], _frequent(values)))
        else:
            rank = _ranks(values)
            chances.append(_kruskal(rank, parts[at]))
            r = np.corrcoef(rank, ranks[at])[0, 1]
            chances.append(float(chdtrc(1, (len(rank) - 1) * r**2)))
    return bool(chances) and min(chances) < _CHANCE / len(chances)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, the mean of them for equal values."""
    _, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[codes])


def _frequent(codes: np.ndarray) -> np.ndarray:
    """Put rare levels into one."""
    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return np.where(counts[codes] < _ROWS_PER_LEVEL, len(counts), codes)


def _kruskal(ranks: np.ndarray, groups: np.ndarray) -> float:
    """Probability of groups that differ so much in ranks, ties included, if they do not."""
    _, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return 1.0
    means = np.bincount(groups, ranks) / counts
    between = float((counts * (means - ranks.mean()) ** 2).sum())
    statistic = between / ranks.var(ddof=1)
    return float(chdtrc(len(counts) - 1, statistic))
