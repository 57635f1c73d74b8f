"""Mixed tables to measure on: a folder of real ones, and the generated one."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sklatent.datasets import make_mixed_table

Frame = Any  # pandas.DataFrame


@dataclass(frozen=True)
class Known:
    """What is known of a table.

    ``n_train`` and ``n_test`` are 0 for halves, ``given`` are the columns to condition on,
    ``dropped`` those left out: free text, and copies of the target.
    """

    target: str
    n_train: int = 0
    n_test: int = 0
    given: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    folder: str = "mixed"  # files of "targets" have no header


TABLES = {
    "tiny": Known("survived", 400, 200, ("light", "evergreen")),
    "generated": Known("survived", 2000, 1000, ("habit", "evergreen")),
    "adult": Known("income", 10_000, 5000, ("sex", "education")),
    "titanic": Known("survived", dropped=("alive",)),
    "penguins": Known("species"),
    "mpg": Known("origin", dropped=("name",)),
    "german": Known("c20", folder="targets"),
    "abalone": Known("c8", folder="targets"),
    "horse-colic": Known("c23", folder="targets"),
}


def mixed_names(data: str | None) -> list[str]:
    """Names of the mixed tables in the folder; without a folder the generated one."""
    if data is None:
        return ["generated"]
    names = [name for name in TABLES if _path(data, name).exists()]
    if not names:
        raise SystemExit(f"--data {data}: no mixed table; benchmarks/README.md has the layout.")
    return names


@cache
def mixed_table(name: str, data: str | None) -> Frame:
    """All rows of a table."""
    if name in ("tiny", "generated"):
        return make_mixed_table(1000 if name == "tiny" else 20_000, random_state=0)
    if data is None:
        raise SystemExit(f"Table {name!r} needs --data.")
    import pandas as pd  # only files need it

    known = TABLES[name]
    unknown = ["?"] if name == "adult" or known.folder == "targets" else None
    header = "infer" if known.folder == "mixed" else None
    frame = pd.read_csv(_path(data, name), na_values=unknown, skipinitialspace=True, header=header)
    if header is None:
        frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    return frame.drop(columns=list(TABLES[name].dropped))


def split(name: str, seed: int, data: str | None) -> tuple[Frame, Frame]:
    """Random rows to train on, and others held out."""
    frame, known = mixed_table(name, data), TABLES[name]
    order = np.random.RandomState(seed).permutation(len(frame))
    n_train = known.n_train or len(frame) // 2
    stop = n_train + known.n_test if known.n_test else len(frame)
    parts = order[:n_train], order[n_train:stop]
    train, test = (frame.iloc[part].reset_index(drop=True) for part in parts)
    return train, test


def many_levels(n_rows: int, n_levels: int) -> Frame:
    """Make the generated table with one more column: many categories, some frequent."""
    frame, factors = make_mixed_table(n_rows, random_state=0, return_factors=True)
    rng = np.random.default_rng(0)
    # skewed like names of places, and tied to the first factor; every category is there
    rank = np.argsort(np.argsort(factors[:, 0] + 0.5 * rng.standard_normal(n_rows))) / n_rows
    code = (n_levels * rank**2).astype(int)
    code[rng.permutation(n_rows)[:n_levels]] = np.arange(n_levels)
    return frame.assign(place=np.array([f"place {i}" for i in range(n_levels)])[code])


def _path(data: str, name: str) -> Path:
    file = "adult-train.csv" if name == "adult" else f"{name}.csv"
    return Path(data) / TABLES[name].folder / file
