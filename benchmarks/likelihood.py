"""Which density gives held-out rows of numbers the higher likelihood?

A cell is a table x seed x method: half of the rows train, the other half is scored by its mean
log-density in nats, in units of the training columns' standard deviations. Columns that are
constant in training are left out. Methods: vae (VAETransformer with its defaults), gmm (full
GaussianMixture, components by BIC) and kde (KernelDensity, bandwidth by five-fold likelihood). A
column with many equal values has no density, and whoever fits it more sharply wins: read such
tables with that in mind (digits).
"""

import time
from collections.abc import Callable

import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    available,
    markdown,
    median,
    read_options,
    report,
    run_cells,
    warm_up,
)
from benchmarks._tables import Matrix, half_of, load_table, table_names
from benchmarks.sampling import mixture_by_bic

KEYS = ("table", "seed", "method")
VALUES = ("n", "d", "log_density", "seconds")
METHODS = ("vae", "gmm", "kde")
MAX_ROWS = 8000
BANDWIDTHS = np.geomspace(0.05, 2.0, 12)

Score = Callable[[Matrix], float]


def cells_of(options: Options) -> list[Cell]:
    """All cells, every method on the same rows."""
    names = ["wine"] if options.quick else table_names(options.data)
    seeds = 1 if options.quick else options.seeds
    return [
        {"table": name, "seed": seed, "method": method}
        for seed in range(seeds)
        for name in names
        if "_small" not in name and "_wide" not in name and "_outlier" not in name
        for method in available(METHODS)
    ]


def _vae(train: Matrix, seed: int) -> Score:
    import sklatent

    return sklatent.VAETransformer(random_state=seed).fit(train).score


def _gmm(train: Matrix, seed: int) -> Score:
    return mixture_by_bic(train, seed).score


def _kde(train: Matrix, seed: int) -> Score:
    search = GridSearchCV(KernelDensity(), {"bandwidth": BANDWIDTHS}).fit(train)
    return lambda test: float(search.best_estimator_.score(test) / len(test))


FITTERS: dict[str, Callable[[Matrix, int], Score]] = {"vae": _vae, "gmm": _gmm, "kde": _kde}


def measure(cell: Cell, data: str | None) -> Row:
    """Fit a density to half of the rows, and score the other half."""
    warm_up()
    X = load_table(cell["table"], data).X
    X = X[np.random.RandomState(0).permutation(len(X))[:MAX_ROWS]]
    train, test = train_test_split(X, test_size=0.5, random_state=cell["seed"])
    varying = train.std(0) > 0
    scaler = StandardScaler().fit(train[:, varying])
    train, test = (scaler.transform(part[:, varying]) for part in (train, test))
    started = time.process_time()
    found = FITTERS[cell["method"]](train, cell["seed"])(test)
    spent = time.process_time() - started
    return {"n": len(train), "d": train.shape[1], "log_density": found, "seconds": spent}


def _medians(rows: list[Row], figure: str) -> dict[str, float]:
    return {
        method: median(row[figure] for row in rows if row["method"] == method) for method in METHODS
    }


def tables_table(rows: list[Row]) -> str:
    """Medians over the seeds, who is ahead, and on how many tables."""
    lines, wins = [], dict.fromkeys(METHODS, 0)
    for table in dict.fromkeys(row["table"] for row in rows):
        here = [row for row in rows if row["table"] == table]
        found = _medians(here, "log_density")
        ahead = max(found, key=lambda method: found[method])
        wins[ahead] += 1
        spent = _medians(here, "seconds").values()
        size = [here[0]["n"], here[0]["d"]]
        lines.append([table, half_of(table), *size, *found.values(), ahead, *spent])
    header = ["table", "half", "n", "d", *METHODS, "ahead"]
    counts = ", ".join(f"{method} {n}" for method, n in wins.items())
    table = markdown([*header, *(f"{method} CPU s" for method in METHODS)], lines)
    return f"Tables on which each is ahead: {counts}.\n\n{table}"


def main() -> None:
    options = read_options("likelihood", __doc__, threads=1)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(options, rows, [about, tables_table(rows)])


if __name__ == "__main__":
    main()
