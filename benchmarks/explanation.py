"""Does `explain` name the cells that make a row odd?

A cell is a table x seed. Detectors are fitted to two thirds of the normal rows of a table. In up to
200 of the others 1 to 3 cells, known to us alone, get the value of another row. hit@k is the share
of them among the k columns that a method ranks first, k being their number in that row. Methods:
sklatent (novelty=True) and sklatent_u (novelty=False), their contributions; pca, contributions of
the detector around PCA with 85 % of the variance; knn, around nothing at all (rows are decoded as
they are, which leaves the neighbours); robust_z, the distance from the column's median in units of
its median absolute deviation, which knows nothing of other columns; chance.

A table counts as correlated if the other columns explain, by ridge regression, half of the variance
of its columns or more, on average.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    markdown,
    read_options,
    report,
    run_cells,
    targets,
    warm_up,
)
from benchmarks._partial import found, mean
from benchmarks._tables import half_of
from benchmarks.anomaly import load, tables

Matrix = NDArray[np.float64]

METHODS = ("sklatent", "sklatent_u", "pca", "knn", "robust_z", "chance")
KEYS = ("table", "seed")
VALUES = ("n", "p", "explained", *METHODS, "cpu")
MAX_ROWS = 4000
ASKED_ROWS = 200
MOST_CELLS = 3
CORRELATED = 0.5


def cells_of(options: Options) -> list[Cell]:
    """All cells."""
    names = ["generated"] if options.quick else tables(options.data)
    seeds = range(1 if options.quick else options.seeds)
    return [{"table": name, "seed": seed} for seed in seeds for name in names]


def spoil(X: Matrix, fit: Matrix, rng: np.random.RandomState) -> tuple[Matrix, NDArray[np.bool_]]:
    """Replace cells by those of other rows; tell which have changed."""
    spoiled = X.copy()
    for row in spoiled:
        columns = rng.permutation(X.shape[1])[: 1 + rng.randint(min(MOST_CELLS, X.shape[1] - 1))]
        row[columns] = fit[rng.randint(len(fit), size=len(columns)), columns]
    return spoiled, spoiled != X


def hits(blame: Matrix, changed: NDArray[np.bool_]) -> float:
    """Mean hit@k over the rows that changed."""
    shares = []
    for row, truth in zip(blame, changed, strict=True):
        k = int(truth.sum())
        if k:
            shares.append(truth[np.argsort(-row, kind="stable")[:k]].mean())
    return float(np.mean(shares))


def explained(X: Matrix) -> float:
    """Mean share of a column's variance that the other columns explain."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import cross_val_predict

    shares = []
    for j in range(X.shape[1]):
        if X[:, j].std() > 0:
            rest = np.delete(X, j, axis=1)
            guess = cross_val_predict(RidgeCV(np.logspace(-1, 4, 6)), rest, X[:, j], cv=3)
            shares.append(1 - np.mean((X[:, j] - guess) ** 2) / X[:, j].var())
    return float(np.mean(np.clip(shares, 0, 1)))


def measure(cell: Cell, data: str | None) -> Row:
    """Fit the detectors, spoil cells, and ask which they were."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import FunctionTransformer

    from sklatent import LatentAnomalyDetector

    warm_up()
    X, y = load(cell["table"], data)
    rng = np.random.RandomState(cell["seed"])
    X = X[rng.permutation(np.flatnonzero(y == 0))[:MAX_ROWS]]
    n_fit = 2 * len(X) // 3
    spread = X[:n_fit].std(0)
    X = (X - X[:n_fit].mean(0)) / np.where(spread > 0, spread, 1.0)
    fit = X[:n_fit]
    asked, changed = spoil(X[n_fit:][:ASKED_ROWS], fit, rng)
    middle = np.median(fit, axis=0)
    # a tenth of the standard deviation, where most cells are equal
    width = np.median(np.abs(fit - middle), axis=0) + 0.1
    row: Row = {
        "robust_z": hits(np.abs(asked - middle) / width, changed),
        "chance": hits(rng.uniform(size=asked.shape), changed),
    }
    started = time.process_time()
    models: dict[str, Any] = {
        "sklatent": {"novelty": True},
        "sklatent_u": {},
        "pca": {"novelty": True, "estimator": PCA(0.85, svd_solver="full")},
        "knn": {"novelty": True, "estimator": FunctionTransformer()},
    }
    for name, params in models.items():
        model = LatentAnomalyDetector(random_state=cell["seed"], **params).fit(fit)
        row[name] = hits(-model.explain(asked), changed)
    seconds = time.process_time() - started
    return {"n": n_fit, "p": X.shape[1], "explained": explained(fit[:1000]), "cpu": seconds, **row}


def methods_table(rows: list[Row]) -> str:
    """Mean hit@k for each table, and over tables."""
    lines = []
    for name in dict.fromkeys(row["table"] for row in rows):
        figures = [mean(rows, figure, table=name) for figure in ("explained", *METHODS)]
        lines.append([name, *figures])
    for half in ("development", "confirmation"):
        for kind in ("correlated", "other"):
            kept = [row for row in rows if half_of(row["table"]) == half]
            kept = [
                row for row in kept if (row["explained"] >= CORRELATED) == (kind == "correlated")
            ]
            if kept:
                figures = [mean(kept, figure) for figure in ("explained", *METHODS)]
                lines.append([f"mean: {half}, {kind}", *figures])
    return markdown(["table", "explained", *METHODS], lines)


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims: correlated tables of the confirmation half."""
    kept = [row for row in rows if row["explained"] >= CORRELATED]
    aims = []
    for half in ("development", "confirmation"):
        part = [row for row in kept if half_of(row["table"]) == half]
        for method in ("sklatent", "sklatent_u"):
            gaps = [row[method] - row["robust_z"] for row in part]
            value = float(np.mean(gaps)) if gaps else float("nan")
            aims.append(Target(f"{half}: hit@k of {method} less robust_z", value, 0.0, True))
    aims.append(Target("CPU s of four fits and explanations", max(found(rows, "cpu")), 30.0))
    return targets(aims)


def main() -> None:
    options = read_options("explanation", __doc__, threads=1)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(options, rows, [about, target_table(rows), methods_table(rows)])


if __name__ == "__main__":
    main()
