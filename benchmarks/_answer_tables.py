"""The tables that ``same_answers`` fits: small, made by hand or drawn from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.datasets import make_blobs, make_classification

from sklatent.datasets import make_mixed_table


def numbers(n: int, seed: int = 0) -> np.ndarray:
    """Rows on a bent sheet: four columns of numbers, one of counts, one constant."""
    rng = np.random.default_rng(seed)
    u, v = rng.uniform(-1.5, 1.5, size=(2, n))
    columns = np.column_stack([u + v, u**2, np.sin(2 * v), u * v])
    columns += 0.05 * rng.normal(size=columns.shape)
    counts = np.floor(3 * (1.5 + u))[:, None]
    return np.hstack([columns * [1.0, 10.0, 0.1, 1.0] + 3.0, counts, np.full((n, 1), 7.0)])


def wide() -> np.ndarray:
    """More columns than rows."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(30, 3)) @ rng.normal(size=(3, 50)) + 0.1 * rng.normal(size=(30, 50))


def many_columns() -> np.ndarray:
    """A table of more than a hundred columns, in which neighbours are sought by direction."""
    X, _ = make_classification(160, 120, n_informative=12, n_redundant=30, random_state=0)
    return np.asarray(X)


def holes(n: int = 120) -> np.ndarray:
    """Numbers with missing cells in two columns."""
    X = numbers(n, 2)
    rng = np.random.default_rng(3)
    X[rng.uniform(size=n) < 0.2, 0] = np.nan
    X[rng.uniform(size=n) < 0.1, 4] = np.nan
    return X


def named(n: int = 150) -> pd.DataFrame:
    """A frame of numbers of several dtypes, with an index of words."""
    X = numbers(n, 4)
    frame = pd.DataFrame(X, columns=list("abcdef"), index=[f"row{i}" for i in range(n)])
    return frame.astype({"b": "float32", "e": "int64"}).assign(g=X[:, 0] > 3)


def words(n: int = 90) -> pd.DataFrame:
    """Every kind of column a frame may have, with missing cells of each."""
    rng = np.random.default_rng(5)
    size = rng.normal(size=n)
    colour = np.array(["red", "green", "blue", "grey"], dtype=object)[np.digitize(size, [-1, 0, 1])]
    colour[::11] = None
    frame = pd.DataFrame(
        {
            "colour": colour,
            "size": np.where(rng.uniform(size=n) < 0.15, np.nan, np.round(size, 2)),
            "grade": pd.Categorical(np.array(list("CBA"))[rng.integers(0, 3, n)], list("ABC")),
            "count": pd.array(rng.poisson(np.exp(1 + size)), dtype="Int64"),
            "flag": size + rng.normal(size=n) > 0,
            "day": np.datetime64("2020-01-01", "s")
            + (200 * (size + 4)).astype(int).astype("timedelta64[D]"),
            "lasting": (3600 * rng.integers(1, 9, n)).astype("timedelta64[s]"),
            "same": "always",
        }
    )
    frame.loc[::13, "count"] = pd.NA
    return frame


def objects() -> np.ndarray:
    """An array of words and numbers."""
    return np.asarray(words(60)[["colour", "size", "flag"]].to_numpy(dtype=object))


def clusters(n: int = 150, width: int = 4) -> np.ndarray:
    """Three clouds of rows."""
    X, _ = make_blobs(n, width, centers=3, cluster_std=1.5, random_state=0)
    return np.asarray(X)


def clustered_frame() -> pd.DataFrame:
    """Words and numbers in three clouds."""
    X, y = make_blobs(90, 2, centers=3, random_state=1)
    name = np.array(["left", "right", "middle"], dtype=object)[y]
    name[::17] = None
    return pd.DataFrame({"x": X[:, 0].round(2), "name": name, "z": X[:, 1]})


TABLES: dict[str, Callable[[], Any]] = {
    "numbers2": lambda: numbers(2),
    "numbers60": lambda: numbers(60),
    "numbers250": lambda: numbers(250),
    "numbers500": lambda: numbers(500),
    "numbers-val": lambda: numbers(80, 9),
    "single": lambda: numbers(250).astype(np.float32),
    "wide": wide,
    "many-columns": many_columns,
    "holes": holes,
    "named": named,
    "polars": lambda: pl.from_pandas(named(120).reset_index(drop=True)),
    "words": words,
    "words-val": lambda: words(120).iloc[90:],
    "words-polars": lambda: pl.from_pandas(words(60).drop(columns=["grade"])),
    "objects": objects,
    "plants60": lambda: make_mixed_table(60, random_state=0),
    "plants200": lambda: make_mixed_table(200, random_state=0),
    "clusters": clusters,
    "clusters-wide": lambda: clusters(160, 36),
    "clustered-frame": clustered_frame,
}
