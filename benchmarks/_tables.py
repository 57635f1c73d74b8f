"""Tables to measure on: scikit-learn's own, and a folder of further ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Matrix = NDArray[np.float64]

MAX_ROWS = 8000
BUNDLED: dict[str, Callable[..., Any]] = {
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
    "diabetes": datasets.load_diabetes,
}
# Cut down to this many rows, of which 80 % train: where the models must answer as PCA.
SMALL = {"digits_small": "digits", "wine_small": "wine", "breast_cancer_small": "breast_cancer"}
SMALL_ROWS = 110
# Outside of what the targets cover: a column with infinite variance, more columns than rows.
BEYOND = {"breast_cancer_outlier": "breast_cancer", "mnist_wide": "mnist_5k"}
WIDE_ROWS = 600
MIXED = ("adult", "titanic", "penguins", "mpg")


@dataclass(frozen=True)
class Table:
    """A numeric table and the half of the tables that it belongs to."""

    name: str
    X: Matrix

    @property
    def half(self) -> str:
        return half_of(self.name)


def half_of(name: str) -> str:
    """Defaults were chosen on one half of the tables and are confirmed on the other."""
    number = name.split("_")[0]
    development = int(number) % 2 == 1 if number.isdigit() else name in ("digits", "adult")
    return "development" if development else "confirmation"


def table_names(data: str | None) -> list[str]:
    """Names of the tables that are there, the bundled ones first."""
    names = [*BUNDLED, *SMALL, "breast_cancer_outlier"]
    if data is None:
        return names
    folder = Path(data)
    anomaly = sorted((folder / "anomaly").glob("*.npz"), key=lambda p: int(p.stem.split("_")[0]))
    names += [path.stem for path in anomaly]
    names += [name for name in MIXED if _mixed_path(folder, name).exists()]
    if (folder / "images" / "mnist_5k.csv.gz").exists():
        names += ["mnist_5k", "mnist_wide"]
    if len(names) == len(BUNDLED) + len(SMALL) + 1:
        raise SystemExit(f"--data {data}: no table found; benchmarks/README.md has the layout.")
    return names


@cache
def load_table(name: str, data: str | None) -> Table:
    """Load a table, capped at ``MAX_ROWS`` random rows."""
    X = np.asarray(_read(name, data), dtype=np.float64)
    if len(X) > MAX_ROWS:
        X = X[np.sort(np.random.RandomState(0).permutation(len(X))[:MAX_ROWS])]
    return Table(name, X)


def _read(name: str, data: str | None) -> Matrix:
    if name in BUNDLED:
        return np.asarray(BUNDLED[name](return_X_y=True)[0], dtype=np.float64)
    if name in SMALL:
        return _some_rows(_read(SMALL[name], data), SMALL_ROWS)
    if name == "breast_cancer_outlier":
        X = _read(BEYOND[name], data)
        heavy = np.random.RandomState(0).standard_t(1.5, size=len(X)) * X[:, 0].std()
        return np.column_stack([X, heavy])
    if data is None:
        raise SystemExit(f"Table {name!r} needs --data.")
    folder = Path(data)
    if name == "mnist_wide":
        return _some_rows(_read(BEYOND[name], data), WIDE_ROWS)
    if name == "mnist_5k":
        return np.loadtxt(folder / "images" / "mnist_5k.csv.gz", delimiter=",")[:, :-1]
    if name in MIXED:
        return _numeric_columns(_mixed_path(folder, name))
    with np.load(folder / "anomaly" / f"{name}.npz") as content:
        return np.asarray(content["X"], dtype=np.float64)


def _some_rows(X: Matrix, n_rows: int) -> Matrix:
    return X[np.random.RandomState(0).permutation(len(X))[:n_rows]]


def _mixed_path(folder: Path, name: str) -> Path:
    return folder / "mixed" / ("adult-train.csv" if name == "adult" else f"{name}.csv")


def _numeric_columns(path: Path) -> Matrix:
    import pandas as pd  # only this kind of file needs it

    frame = pd.read_csv(path, na_values=["?"], skipinitialspace=True)
    return frame.select_dtypes("number").dropna().to_numpy(dtype=np.float64)
