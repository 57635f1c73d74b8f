"""Identifiers: of what form they are, and new ones of that form that no training row has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import product
from typing import Any

import numpy as np

from sklatent.tabular._cells import Cells

# What is fitted about the form of identifiers: strings, numbers, lists.
Form = dict[str, Any]

# Runs of one kind of character, else of letters and digits in any order; all else is fixed.
_RUNS = (
    (re.compile(r"[0-9]+|[^\W\d_]+"), (r"([0-9]+)", r"([^\W\d_]+)")),
    (re.compile(r"[^\W_]+"), (r"([^\W_]+)", r"([^\W_]+)")),
)
# A form of more runs than this is a text.
_MOST_RUNS = 12
# A run that takes so few different values is one of these, not made up: each has this many rows.
_ROWS_PER_WORD = 20
_FEWEST_ROWS = 5
# Running numbers fill at least this share of the range from the least to the largest.
_FILLED = 0.2
_DIGITS = "0123456789"
# All values of a form are listed if there are no more than this.
_MOST_LISTED = 100_000


def learn_form(texts: Sequence[str]) -> Form | None:
    """Learn of which form all texts are.

    Parameters
    ----------
    texts : sequence of str
        Identifiers, at least one.

    Returns
    -------
    form : dict or None
        "between", the characters that all have, and "parts", what lies between these: words that
        many rows share, or which characters there are at each place and how many; "last", the
        largest running number if they are one, else None, and "width", the constant number of its
        digits, else 0. None if there is no one form.
    """
    for runs, groups in _RUNS:
        found = _split(texts, runs, groups)
        if found is not None:
            between, columns = found
            parts = [_part(column) for column in columns]
            free = _free(parts)
            running = _running(columns[free[0]]) if len(free) == 1 else None
            last, width = running or (None, 0)
            return {"between": between, "parts": parts, "last": last, "width": width}
    return None


def _free(parts: list[dict[str, Any]]) -> list[int]:
    """Find the parts that are not the same in all texts."""
    return [i for i, part in enumerate(parts) if len(part.get("words", "12")) > 1]


def n_free(form: Form) -> int:
    """Count the parts of a form that vary.

    Parameters
    ----------
    form : dict
        What :func:`learn_form` gave.

    Returns
    -------
    n_parts : int
        Runs of letters or digits.
    """
    return len(_free(form["parts"]))


def _split(
    texts: Sequence[str], runs: re.Pattern[str], groups: tuple[str, str]
) -> tuple[list[str], list[tuple[str, ...]]] | None:
    """Split all texts as the first one is made; None where one is made otherwise."""
    between, tokens = runs.split(texts[0]), runs.findall(texts[0])
    if not 0 < len(tokens) <= _MOST_RUNS:
        return None
    pattern = re.escape(between[0])
    for token, after in zip(tokens, between[1:], strict=True):
        pattern += groups[not token[0].isdigit()] + re.escape(after)
    match = re.compile(pattern).fullmatch
    rows = []
    for text in texts:
        row = match(text)
        if row is None:
            return None
        rows.append(row.groups())
    return between, list(zip(*rows, strict=True))


def _part(column: Sequence[str]) -> dict[str, Any]:
    """Describe the texts of one run without keeping what few rows have."""
    counts = Counter(column)
    common = {word: n for word, n in counts.items() if n >= _FEWEST_ROWS}
    if len(counts) == 1 or (common and _ROWS_PER_WORD * len(counts) <= len(column)):
        words = sorted(common or counts)
        return {"words": words, "counts": [counts[word] for word in words]}
    sizes = sorted(Counter(map(len, column)).items())
    if len(sizes) == 1:
        places = list(map(_characters, zip(*counts, strict=True)))
    else:  # what stands at the last places of the longest would be theirs alone
        rest = _characters("".join(word[1:] for word in counts))
        places = [_characters(word[0] for word in counts), *[rest] * (sizes[-1][0] - 1)]
    if not any(word[0] == "0" and len(word) > 1 for word in counts):
        places[0] = places[0].replace("0", "")
    return {"places": places, "lengths": [k for k, _ in sizes], "counts": [n for _, n in sizes]}


def _characters(seen: Iterable[str]) -> str:
    """Sort the different characters of some place; where all are digits, any digit may come."""
    different = set(seen)
    return (
        _DIGITS if len(different) > 1 and different <= set(_DIGITS) else "".join(sorted(different))
    )


def _running(column: Sequence[str]) -> tuple[int, int] | None:
    """Give the largest of running numbers, and the constant number of their digits or 0."""
    if not all(map(str.isdecimal, column)):
        return None
    numbers = np.array(list(map(int, column)), dtype=object)
    lengths = set(map(len, column))
    padded = any(word[0] == "0" and len(word) > 1 for word in column)
    if (padded and len(lengths) > 1) or not is_running(numbers):
        return None
    return int(numbers.max()), lengths.pop() if len(lengths) == 1 else 0


def is_running(numbers: np.ndarray) -> bool:
    """Tell whether whole numbers fill a good share of their range, most of them once.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,)
        Whole numbers, at least one.

    Returns
    -------
    answer : bool
        As many numbers drawn from that range would hold more equal ones.
    """
    span = int(numbers.max()) - int(numbers.min()) + 1
    return len(numbers) >= _FILLED * span and len(set(numbers.tolist())) >= 0.95 * len(numbers)


# -- what a table keeps of them ----------------------------------------------------------------


def fit_identifier(cells: Cells) -> dict[str, Any]:
    """Learn the form of the identifiers of a column, and keep salted hashes of them.

    Parameters
    ----------
    cells : Cells
        The training cells.

    Returns
    -------
    fitted : dict
        "kind", "form" (None where there is no one form), and what tells training values: "salt"
        and "hashes", sorted. The salt follows from the values, so that equal rows give equal
        models.
    """
    texts = _texts(cells)
    salt = blake2b("\0".join(sorted(texts)).encode("utf-8", "surrogatepass"), digest_size=16)
    return {
        "kind": "identifier",
        "levels": [],
        "form": learn_form(texts) if texts else None,
        "salt": salt.hexdigest(),
        "hashes": np.unique(hashed(texts, salt.hexdigest())),
    }


def hashed(texts: Iterable[str], salt: str) -> np.ndarray:
    """Hash texts.

    Parameters
    ----------
    texts : iterable of str
        Identifiers.
    salt : str
        In hexadecimal digits.

    Returns
    -------
    hashes : ndarray of shape (n_texts,), dtype=uint64
        BLAKE2 of salt and text.
    """
    key = bytes.fromhex(salt)
    digests = (
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
        for text in texts
    )
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def missing_cells(column: dict[str, Any], n: int) -> Cells:
    """Give a column all of whose cells are missing.

    Parameters
    ----------
    column : dict
        The fitted column, with "family", "unit" and "store".
    n : int
        Number of cells.

    Returns
    -------
    cells : Cells
        In a dtype that has missing cells.
    """
    values, missing = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    family, unit, store = column["family"], column["unit"], nullable(column["store"])
    return Cells(family, values, missing, [""] if family == "label" else [], unit, store)


def nullable(store: dict[str, Any]) -> dict[str, Any]:
    """Name pandas' integers that may be missing where a column had numpy's."""
    if store["dtype"] == store.get("kind") and store["dtype"].startswith(("int", "uint")):
        return {**store, "dtype": store["dtype"].replace("int", "Int").replace("u", "U")}
    return store


def _texts(cells: Cells) -> list[str]:
    """Spell the different cells of a column that are not missing."""
    distinct = np.unique(cells.present())
    if cells.family == "label":
        return [str(cells.levels[code]) for code in distinct]
    if (distinct % 1 == 0).all():
        distinct = distinct.astype(np.int64)
    return list(map(str, distinct.tolist()))


def whole_numbers(cells: Cells) -> np.ndarray | None:
    """Give the whole numbers of a column without its missing cells; None where it holds others.

    Parameters
    ----------
    cells : Cells
        Of one column. Floats count if all are whole and they stand for integers: because the
        column says so, or some cells are missing, for which integers of numpy have no place.

    Returns
    -------
    numbers : ndarray of shape (n_known,), dtype=int64, or None
        In their order.
    """
    known = cells.present()
    if cells.family != "number" or not len(known):
        return None
    if known.dtype == np.int64:
        return known
    stands = cells.missing is not None or "int" in str(cells.store.get("kind"))
    if not stands or (np.abs(known) >= 2.0**53).any() or (known % 1 != 0).any():
        return None
    return known.astype(np.int64)


# -- new ones ----------------------------------------------------------------------------------


def new_identifiers(column: dict[str, Any], n: int, rng: np.random.RandomState) -> Cells:
    """Make identifiers that no training row has.

    Parameters
    ----------
    column : dict
        The fitted column, with "family", "unit" and "store".
    n : int
        How many.
    rng : RandomState
        Of what is drawn.

    Returns
    -------
    cells : Cells
        All different; missing where no value of the form is left.
    """
    largest = None
    if column["family"] == "number":
        kind = np.dtype(column["store"].get("kind") or "int64")
        largest = np.iinfo(kind if kind.kind in "iu" else "int64").max
    made = _new_texts(column, n, rng, largest)
    missing = np.arange(n) >= len(made)
    rest = [made[0] if made else "0"] * (n - len(made))
    if column["family"] == "label":
        levels = made or [""]
        codes = np.where(missing, 0, np.arange(n))
        values: np.ndarray = codes
    else:
        levels, values = [], np.array([*map(int, made), *map(int, rest)], dtype=np.int64)
    mask = missing if missing.any() else None
    return Cells(column["family"], values, mask, levels, column["unit"], column["store"])


def _new_texts(
    column: dict[str, Any], n: int, rng: np.random.RandomState, largest: int | None
) -> list[str]:
    """Make at most ``n`` texts of a form, none of them a training value, all different."""
    form = column["form"]
    if form is None or column["family"] not in ("label", "number"):
        return []
    if column["family"] == "number" and form["between"] != ["", ""]:
        return []  # of fractions and negative numbers there is no form
    made: dict[str, None] = {}
    if form["last"] is not None:
        _keep_new(made, _go_on(form, n, largest), column, largest)
    if len(made) < n and _capacity(form) <= _MOST_LISTED:
        _keep_new(made, rng.permutation(_all_of(form)).tolist(), column, largest)
    while len(made) < n:
        before = len(made)
        _keep_new(made, _drawn(form, max(1000, 2 * n), rng), column, largest)
        if len(made) == before:
            break
    return list(made)[:n]


def _keep_new(
    made: dict[str, None], texts: list[str], column: dict[str, Any], largest: int | None
) -> None:
    taken = np.isin(hashed(texts, column["salt"]), column["hashes"])
    for text, known in zip(texts, taken.tolist(), strict=True):
        if not known and (largest is None or int(text) <= largest):
            made[text] = None


def _go_on(form: Form, n: int, largest: int | None) -> list[str]:
    """Go on with running numbers, as far as their digits reach."""
    first, width = form["last"] + 1, form["width"]
    end = first + n
    if width:
        end = min(end, 10**width)
    if largest is not None:
        end = min(end, largest + 1)
    fixed = [part.get("words", [""])[0] for part in form["parts"]]
    at = _free(form["parts"])[0]
    head = "".join(map("".join, zip(form["between"], fixed[:at], strict=False)))
    head += form["between"][at]
    tail = form["between"][at + 1]
    for word, after in zip(fixed[at + 1 :], form["between"][at + 2 :], strict=True):
        tail += word + after
    return [f"{head}{number:0{width}d}{tail}" for number in range(first, end)]


def _drawn(form: Form, n: int, rng: np.random.RandomState) -> list[str]:
    """Draw texts of a form, some of them perhaps equal."""
    columns = [_draw_part(part, n, rng) for part in form["parts"]]
    head, *after = form["between"]
    return [
        head + "".join(map("".join, zip(row, after, strict=True)))
        for row in zip(*columns, strict=True)
    ]


def _draw_part(part: dict[str, Any], n: int, rng: np.random.RandomState) -> list[str]:
    counts = np.array(part["counts"])
    chosen = rng.choice(len(counts), n, p=counts / counts.sum())
    if "words" in part:
        return [part["words"][i] for i in chosen]
    drawn = np.empty((n, len(part["places"])), dtype="U1")
    for i, characters in enumerate(part["places"]):
        drawn[:, i] = np.array(list(characters))[rng.randint(len(characters), size=n)]
    whole = drawn.view(f"U{drawn.shape[1]}")[:, 0].tolist()
    return [text[: part["lengths"][i]] for text, i in zip(whole, chosen, strict=True)]


def _all_of(form: Form) -> list[str]:
    """List all texts of a form."""
    head, *after = form["between"]
    texts = [head]
    for part, end in zip(form["parts"], after, strict=True):
        words = part.get("words") or [
            "".join(word)
            for length in part["lengths"]
            for word in product(*part["places"][:length])
        ]
        texts = [text + word + end for text in texts for word in words]
    return texts


def _capacity(form: Form) -> float:
    """How many different texts a form has."""
    total = 1.0
    for part in form["parts"]:
        if "words" in part:
            total *= len(part["words"])
        else:
            ways = np.cumprod([float(len(characters)) for characters in part["places"]])
            total *= float(ways[np.array(part["lengths"]) - 1].sum())
    return min(total, 1e300)
