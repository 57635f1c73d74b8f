"""Which columns are identifiers and texts, and which are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.tabular._cells import read_frame
from sklatent.tabular._roles import find_roles


def roles(frame: Any, judged: Any = None) -> dict[str, str]:
    columns = read_frame(frame)
    mask = np.ones(len(columns), dtype=bool) if judged is None else judged
    return {frame.columns[j]: role for j, role in find_roles(columns, mask).items()}


def table(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.RandomState(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, n).round(2),
            "visits": rng.poisson(3, n),
            "kind": rng.choice(list("abc"), n),
            "maybe": np.where(rng.rand(n) < 0.2, np.nan, rng.randn(n)),
        }
    )


def notes(n: int, seed: int = 0) -> list[str]:
    rng = np.random.RandomState(seed)
    vocabulary = ["late", "parcel", "called", "shop", "refund", "twice", "happy", "mail"]
    return [" ".join(rng.choice(vocabulary, rng.randint(3, 9))) for _ in range(n)]


@pytest.mark.parametrize("library", [pd.DataFrame, lambda f: pl.from_pandas(f)])
@pytest.mark.parametrize("n", [100, 300, 1500])
def test_identifiers_are_found(library: Any, n: int) -> None:
    rng = np.random.RandomState(n)
    frame = table(n).assign(
        number=rng.permutation(n) + 17,
        code=[f"C-{i:06d}" for i in rng.permutation(n)],
        long=rng.permutation(899_999)[:n] + 100_000,
        part=rng.permutation(3 * n)[:n],
    )
    assert roles(library(frame)) == dict.fromkeys(("number", "code", "long", "part"), "identifier")


def test_numbers_on_which_something_depends_are_none() -> None:
    n, rng = 300, np.random.RandomState(0)
    number = np.arange(n)
    frame = table(n)
    assert roles(frame.assign(number=number)) == {"number": "identifier"}
    assert roles(frame.assign(number=number, trend=number + 60 * rng.randn(n))) == {}
    bent = (number - n / 2) ** 2 / n + 10 * rng.randn(n)
    assert roles(frame.assign(number=number, bent=bent)) == {}
    group = np.where(rng.rand(n) < number / n, "new", "old")
    assert roles(frame.assign(number=number, group=group)) == {}
    gone = np.where(rng.rand(n) < number / n, np.nan, 1.0 + rng.randn(n))
    assert roles(frame.assign(number=number, gone=gone)) == {}


def test_measures_and_counts_are_none() -> None:
    rng = np.random.RandomState(0)
    n = 400
    frame = table(n).assign(
        salary=rng.normal(50_000, 9_000, n).astype(int),
        people=rng.lognormal(9, 1.5, n).astype(int),
        year=rng.randint(1950, 2020, n),
        short=rng.permutation(899)[:n] * 0.5,
        town=rng.choice([f"town {i}" for i in range(300)], n),
    )
    assert roles(frame) == {}


def test_running_numbers_need_something_that_they_number() -> None:
    assert roles(pd.DataFrame({"a": range(200)})) == {}
    assert roles(pd.DataFrame({"a": range(200), "b": range(5, 205)})) == {}
    both = table(200).assign(a=range(200), b=range(5, 205))
    assert roles(both) == {"a": "identifier", "b": "identifier"}


def test_integers_with_missing_cells_are_floats_in_pandas() -> None:
    number = pd.Series(range(300), dtype=float)
    whole = np.random.RandomState(0).permutation(300).astype(float)
    frame = table().assign(number=number.where(number % 50 > 0), measure=whole)
    assert roles(frame) == {"number": "identifier"}


def test_texts_are_found() -> None:
    frame = table().assign(notes=notes(300), few=notes(30) * 10)
    assert roles(frame) == {"notes": "text"}
    assert roles(frame.assign(notes=frame["notes"].astype("category"))) == {}
    gaps = frame.assign(notes=frame["notes"].where(frame["visits"] > 2))
    assert roles(gaps) == {"notes": "text"}


def test_regular_sentences_are_texts_and_numbered_ones_identifiers() -> None:
    rng = np.random.RandomState(0)
    words = np.array(["late", "parcel", "called", "shop", "refund", "twice", "happy", "mail"])
    frame = table().assign(
        five=[" ".join(row) for row in words[rng.randint(8, size=(300, 5))]],
        code=[f"page {i} of the book" for i in rng.permutation(300)],
    )
    assert roles(frame) == {"five": "text", "code": "identifier"}


def test_small_tables_and_settled_columns_have_none() -> None:
    frame = table(99).assign(number=range(99), notes=notes(99))
    assert roles(frame) == {}
    frame = table(100).assign(number=range(100), notes=notes(100))
    judged = frame.columns != "number"
    assert roles(frame, judged) == {"notes": "text"}
