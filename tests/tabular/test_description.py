"""What columns become, said before any training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from sklatent import TabularEncoder


def table(n: int = 200) -> pd.DataFrame:
    rng = np.random.RandomState(0)
    words = np.array(["late", "parcel", "called", "shop", "refund", "happy", "mail", "again"])
    return pd.DataFrame(
        {
            "code": [f"C{i:05d}" for i in rng.permutation(n)],
            "row": rng.permutation(n),
            "day": pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(range(n), "D"))
            .dt.strftime("%d.%m.%Y")
            .sample(frac=1, random_state=0)
            .to_numpy(),
            "note": [" ".join(row) for row in words[rng.randint(8, size=(n, 6))]],
            "kind": rng.choice(["a", "b"], n),
            "stars": rng.randint(1, 6, n),
            "price": rng.randn(n).round(3),
            "flag": rng.rand(n) < 0.5,
            "one": 1.0,
            "<gaps>": np.where(rng.rand(n) < 0.5, "x", None),
        }
    )


BECOMES = {
    "code": ("identifier, left out", "one form"),
    "row": ("identifier, left out", "nothing depends"),
    "day": ("date", "words of the format %d.%m.%Y"),
    "note": ("free text, read as 7 numbers", "mostly differ"),
    "kind": ("category of 2 levels", "words"),
    "stars": ("number", "different values"),
    "price": ("number", "different values"),
    "flag": ("category of 2 levels", "true or false"),
    "one": ("constant", "one value"),
    "<gaps>": ("category of 1 levels, missing too", "words"),
}
LIBRARIES: dict[str, Any] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_kind_of_column(library: str) -> None:
    X = LIBRARIES[library](table())
    encoder = TabularEncoder()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        description = encoder.describe(X)
    assert vars(encoder) == vars(TabularEncoder())
    assert description.mode == "quantile"
    assert [one.name for one in description.columns] == list(BECOMES)
    for one in description.columns:
        becomes, why = BECOMES[one.name]
        assert one.becomes == becomes
        assert why in one.why
    frame = description.to_frame()
    assert type(frame) is type(X)
    assert pl.DataFrame(frame).rows() == [tuple(one) for one in description.columns]
    lines = str(description).splitlines()
    assert lines[0] == "10 columns, mode 'quantile'"
    assert len(lines) == 13
    assert "&lt;gaps&gt;" in description._repr_html_()
    assert "<gaps>" not in description._repr_html_()


def test_what_is_asked_for_is_the_reason() -> None:
    asked = TabularEncoder(
        identifier_features=["kind"], numerical_features=["stars"], categorical_features=["note"]
    )
    found = {one.name: (one.becomes, one.why) for one in asked.describe(table()).columns}
    assert found["kind"] == ("identifier, left out", "identifier_features names it")
    assert found["stars"] == ("number", "numerical_features names it")
    assert found["note"][1] == "categorical_features names it"
    assert found["code"] == ("category of 200 levels", "words")


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: f.to_numpy(), lambda f: f.to_numpy("f4")])
def test_tables_of_numbers(wrap: Any) -> None:
    X = wrap(table()[["row", "price", "one"]])
    description = TabularEncoder().fit(np.zeros((3, 2))).describe(X)
    assert description.mode == "affine"
    kinds = [one.becomes for one in description.columns]
    first = "identifier, left out" if isinstance(X, pd.DataFrame) else "number"
    assert kinds == [first, "number", "constant"]
    assert isinstance(description.to_frame(), pd.DataFrame)
