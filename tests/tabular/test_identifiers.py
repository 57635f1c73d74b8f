"""Identifiers: their form, new ones of it, and that none is a training value."""

from __future__ import annotations

import re
import uuid
from typing import Any

import numpy as np
import pytest

from sklatent.tabular._cells import Cells
from sklatent.tabular._identifiers import fit_identifier, hashed, learn_form, new_identifiers


def words(texts: list[str], missing: Any = None) -> Cells:
    return Cells("label", np.arange(len(texts)), missing, texts, store={"dtype": "str"})


def numbers(values: Any, kind: str = "int64") -> Cells:
    return Cells("number", np.asarray(values, np.int64), store={"dtype": kind, "kind": kind})


def fitted(cells: Cells) -> dict[str, Any]:
    about = {"family": cells.family, "unit": cells.unit, "store": cells.store}
    return {**about, **fit_identifier(cells)}


def made(cells: Cells, n: int = 200, seed: int = 0) -> list[Any]:
    new = new_identifiers(fitted(cells), n, np.random.RandomState(seed))
    assert new.missing is None
    values = new.values.tolist()
    return [new.levels[v] for v in values] if new.family == "label" else values


def random_texts(kind: str) -> list[str]:
    rng = np.random.RandomState(1)
    some = rng.choice(90_000, 300, replace=False) + 10_000
    if kind == "uuid":
        return [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in some]
    if kind == "mail":
        return [f"{'abcxyz'[i % 6]}{'mnoprs'[i % 5]}{i}@mail{i % 3}.org" for i in some]
    if kind == "plate":
        return ["".join(rng.choice(list("ABCDEFGH"), 3)) + f"-{i}" for i in some]
    return [f"{i // 1000}/{i:07d}" for i in some]


FORMS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "mail": r"[a-z]{2}\d{5}@mail[012]\.org",
    "plate": r"[A-H]{3}-\d{5}",
    "serial": r"\d{2}/00\d{5}",
}


@pytest.mark.parametrize("kind", FORMS)
def test_new_identifiers_have_the_form_and_are_new_and_different(kind: str) -> None:
    texts = random_texts(kind)
    new = made(words(texts))
    assert all(re.fullmatch(FORMS[kind], text) for text in texts + new)
    assert len(set(new)) == len(new)
    assert not set(new) & set(texts)
    assert new == made(words(texts))
    assert new != made(words(texts), seed=1)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("C{:05d}", ["C00300", "C00301", "C00302"]),
        ("{}", ["300", "301", "302"]),
        ("no. {} of shop 7", [f"no. {i} of shop 7" for i in (300, 301, 302)]),
    ],
)
def test_running_numbers_go_on(first: str, expected: list[str]) -> None:
    rng = np.random.RandomState(0)
    kept = [*rng.permutation(299)[:200], 299]
    assert made(words([first.format(i) for i in kept]), 3) == expected


@pytest.mark.parametrize("kind", ["int16", "int32", "int64", "uint8"])
def test_running_integers_go_on_in_their_dtype(kind: str) -> None:
    assert made(numbers(np.arange(100), kind), 3) == [100, 101, 102]


def test_integers_of_constant_length_stay_so() -> None:
    values = np.random.RandomState(0).permutation(899_999)[:500] + 100_000
    new = made(numbers(values))
    assert all(100_000 <= v <= 999_999 for v in new)
    assert len(set(new)) == 200
    assert not set(new) & set(values.tolist())


def test_running_numbers_beyond_their_digits_fill_the_gaps() -> None:
    texts = [f"{i:03d}" for i in range(1000) if i not in (17, 420)]
    new = new_identifiers(fitted(words(texts)), 4, np.random.RandomState(0))
    assert new.missing is not None
    assert {new.levels[v] for v in new.values[~new.missing]} == {"017", "420"}


def test_where_no_value_is_left_cells_are_missing() -> None:
    small = numbers(np.arange(128), "int8")
    new = new_identifiers(fitted(small), 5, np.random.RandomState(0))
    assert new.missing is not None
    assert new.missing.all()
    odd = words(["a", "b-b", "c c c"])
    new = new_identifiers(fitted(odd), 5, np.random.RandomState(0))
    assert new.missing is not None
    assert new.missing.all()


def test_nothing_of_a_single_row_is_kept() -> None:
    texts = random_texts("mail")
    column = fitted(words(texts))
    state = repr({**column, "hashes": None})
    assert not any(text.partition("@")[0] in state for text in texts)
    assert np.isin(hashed(texts, column["salt"]), column["hashes"]).all()
    other = fitted(words(texts[1:]))
    assert other["salt"] != column["salt"]
    assert not np.isin(other["hashes"], column["hashes"]).any()


def test_words_of_many_rows_are_drawn_by_their_shares() -> None:
    texts = [f"{'north' if i % 4 else 'south'}-{i * 7919 % 99991:05d}" for i in range(400)]
    new = made(words(texts), 1000)
    share = np.mean([text.startswith("north") for text in new])
    assert abs(share - 0.75) < 0.05
    assert learn_form(["north-1", "south_2"]) is None
