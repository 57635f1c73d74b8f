"""What columns are that a model should not take for categories or numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from scipy.special import chdtrc

from sklatent.tabular._cells import Cells
from sklatent.tabular._dates import DateFormat, as_times, find_format
from sklatent.tabular._identifiers import is_running, learn_form, n_free, whole_numbers
from sklatent.tabular._rows import Rows

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


@dataclass(frozen=True)
class Settled:
    """What the columns of a table are to be.

    Parameters
    ----------
    columns : tuple of Cells
        The cells, dates in words as times.
    roles : list of {"category", "number", "identifier", "text", ""}
        What each column is to be; "" leaves that to its cells.
    found : dict of int to {"identifier", "text"}
        Which of these nobody has asked for.
    formats : dict of int to DateFormat
        Formats of dates in words.
    """

    columns: tuple[Cells, ...]
    roles: list[str]
    found: dict[int, Role]
    formats: dict[int, DateFormat]

    def messages(self, names: Sequence[Any]) -> list[str]:
        """Say what was found, and how to choose otherwise.

        Parameters
        ----------
        names : sequence
            Names of the columns.

        Returns
        -------
        messages : list of str
            One for identifiers, one for texts, one for dates, of those that there are.
        """
        said = []
        for role, text in _SAID.items():
            some = [names[j] for j, one in self.found.items() if one == role]
            if some:
                said.append(text.format(_listed(some), "s" * (len(some) > 1), some))
        if self.formats:
            some = [names[j] for j in self.formats]
            forms = "; ".join(
                f"{names[j]!r}: {found.format}"
                + (", the month might as well stand first" if found.is_ambiguous else "")
                for j, found in self.formats.items()
            )
            said.append(
                f"Found dates in words in column{'s' * (len(some) > 1)} {_listed(some)}, read by "
                f"their format ({forms}). categorical_features={some!r} takes them as categories."
            )
        return said


_SAID = {
    "identifier": "Found identifiers in column{1} {0}, which the model leaves out: samples hold "
    "new ones of the same form. identifier_features=None keeps them.",
    "text": "Found free text in column{1} {0}, which the model reads and does not write: samples "
    "hold none. categorical_features={2!r} takes each text as a category.",
}


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, names))


def settle(columns: Sequence[Cells], roles: Sequence[str], *, find: Iterable[Role]) -> Settled:
    """Decide what the columns of a table are to be.

    Parameters
    ----------
    columns : sequence of Cells
        The training rows.
    roles : sequence of str
        What the user wants of each column, "" where that is left open.
    find : iterable of {"identifier", "text"}
        What is looked for. Dates in words always are.

    Returns
    -------
    settled : Settled
        The decision.
    """
    cells, formats = list(columns), {}
    for j, role in enumerate(roles):
        if role in ("", "number") and cells[j].family == "label" and not _is_declared(cells[j]):
            found = find_format(list(map(str, cells[j].levels)))
            if found is not None:
                formats[j] = found
                cells[j] = as_times(cells[j], found.format)
    open_ones = np.array([role == "" for role in roles], dtype=bool)
    open_ones[list(formats)] = False
    wanted = frozenset(find)
    found_roles = find_roles(cells, open_ones) if wanted else {}
    found_roles = {j: role for j, role in found_roles.items() if role in wanted}
    settled = [found_roles.get(j, role) for j, role in enumerate(roles)]
    return Settled(tuple(cells), settled, found_roles, formats)


def _is_declared(cells: Cells) -> bool:
    """Tell whether the user has made a column of words a category."""
    return bool(cells.store.get("declared")) or cells.store["dtype"] == "Categorical"


def number_columns(rows: Rows, positions: Iterable[int]) -> list[Cells]:
    """Give columns of a table of numbers as cells.

    Parameters
    ----------
    rows : Rows
        Validated rows.
    positions : iterable of int
        Of the columns.

    Returns
    -------
    columns : list of Cells
        Floats, with the kind of their column.
    """
    columns = []
    for j in positions:
        store = {"dtype": "float64", "kind": "float64"}
        if rows.schema is not None and rows.schema.kinds[j] != "object":
            store = {"dtype": rows.schema.dtypes[j], "kind": rows.schema.kinds[j]}
        values = rows.values[:, j]
        missing = np.isnan(values)
        columns.append(
            Cells("number", np.nan_to_num(values), missing if missing.any() else None, store=store)
        )
    return columns


def settle_numbers(rows: Rows, roles: Sequence[str], *, find: Iterable[Role]) -> Settled:
    """Decide what the columns of a table of numbers are to be.

    Parameters
    ----------
    rows : Rows
        Validated rows.
    roles : sequence of str
        What the user wants of each column, "" where that is left open.
    find : iterable of {"identifier", "text"}
        What is looked for.

    Returns
    -------
    settled : Settled
        The decision, without cells. Integers of a data frame may be identifiers.
    """
    found: dict[int, Role] = {}
    if "identifier" in find and rows.schema is not None and len(rows) >= FEWEST_ROWS:
        # most integers are seen to repeat themselves before their columns are read
        likely = np.array(
            [
                role == "" and "int" in kind and len(np.unique(cells)) >= _DIFFERENT * len(cells)
                for role, kind, cells in zip(
                    roles, rows.schema.kinds, rows.values[:_FIRST].T, strict=True
                )
            ]
        )
        if likely.any():
            found = find_roles(number_columns(rows, range(len(roles))), likely)
    return Settled((), [found.get(j, role) for j, role in enumerate(roles)], found, {})


def find_roles(columns: Sequence[Cells], judged: np.ndarray) -> dict[int, Role]:
    """Find identifiers and texts among the columns of a data frame.

    Strings are an identifier if at least 95 % of them are different and all are of one form. They
    are texts if at least half of them are different and they have, on average, three words, more
    than one of which varies, or more than 20 characters and no form. Whole numbers are an
    identifier if nearly all of them are different, nothing else depends on them, and they are
    running numbers, or of at least four digits, all equally many, and spread evenly.

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
    return roles


def _role_of_words(cells: Cells) -> Role | None:
    known = cells.present()
    if _is_declared(cells) or len(known) < FEWEST_ROWS:
        return None
    n_different = len(np.unique(known))
    if n_different < _MOSTLY_DIFFERENT * len(known):
        return None
    texts = list(map(str, cells.levels))
    form, some = learn_form(texts), list(islice(texts, 1000))
    # several words that all differ from row to row are a text, however regular
    are_words = np.mean([len(text.split()) for text in some]) >= _WORDS
    if form is not None and not (are_words and n_free(form) > 1):
        return "identifier" if n_different >= _DIFFERENT * len(known) else None
    return "text" if are_words or np.mean(list(map(len, some))) > _CHARACTERS else None


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
