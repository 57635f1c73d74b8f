"""How do time, error and memory grow with the number of rows?

A cell is one fit of AutoencoderTransformer(6) in a process of its own, on n x 30 float32 rows: a
random map of six normal variables with many bends, plus 5 % noise, so that more rows help. FVU is
taken on 20,000 further rows; the noise is the floor, PCA(6) the baseline. Memory is the peak of
`fit` over imports and X loaded. The last cell takes four times the steps at the largest size.
"""

import time

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

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
from benchmarks._memory import MIB, peak_growth

KEYS = ("rows", "max_steps")
VALUES = ("cpu", "wall", "steps", "pca", "fvu", "ratio", "memory", "x_size")
N_LATENT, N_HIDDEN, N_COLUMNS = 6, 100, 30
NOISE = 0.05
N_TEST = 20_000
CHUNK = 8192


def sizes_of(options: Options) -> list[int]:
    """Numbers of rows."""
    return [1_000, 3_000] if options.quick else [1_000, 10_000, 100_000, 1_000_000]


def generated(n_rows: int, seed: int) -> NDArray[np.float32]:
    """Draw rows of the map, in chunks: no temporary of the table's size."""
    fixed, random = np.random.default_rng(0), np.random.default_rng([1, seed])
    inwards = 1.5 * fixed.standard_normal((N_LATENT, N_HIDDEN)) / N_LATENT**0.5
    bias = fixed.standard_normal(N_HIDDEN)
    outwards = fixed.standard_normal((N_HIDDEN, N_COLUMNS)) / N_HIDDEN**0.5
    X = np.empty((n_rows, N_COLUMNS), np.float32)
    for start in range(0, n_rows, CHUNK):
        part = X[start : start + CHUNK]
        hidden = np.tanh(random.standard_normal((len(part), N_LATENT)) @ inwards + bias)
        part[:] = hidden @ outwards + NOISE * random.standard_normal(part.shape)
    return X


def _fvu(X: NDArray[np.float32], rebuilt: NDArray[np.float32], mean: NDArray[np.float32]) -> float:
    error = np.square(X - rebuilt, dtype=np.float64).sum()
    return float(error / np.square(X - mean, dtype=np.float64).sum())


def measure(cell: Cell, data: str | None) -> Row:
    """Fit to that many rows."""
    import sklatent

    warm_up()
    X, test = generated(cell["rows"], 0), generated(N_TEST, 1)
    # raw units: all columns are of one scale, and the noise is the same share of each
    model = sklatent.AutoencoderTransformer(
        N_LATENT, standardize=False, max_steps=cell["max_steps"], random_state=0
    )
    started = time.process_time(), time.perf_counter()
    _, memory = peak_growth(lambda: model.fit(X))
    cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
    mean = X.mean(0)
    pca = PCA(N_LATENT).fit(X[:100_000])
    by_pca = _fvu(test, pca.inverse_transform(pca.transform(test)), mean)
    by_model = _fvu(test, model.inverse_transform(model.transform(test)), mean)
    return {
        "cpu": cpu,
        "wall": wall,
        "steps": model.n_iter_,
        "pca": by_pca,
        "fvu": by_model,
        "ratio": by_model / by_pca,
        "memory": memory,
        "x_size": X.nbytes / MIB,
    }


def summary(rows: list[Row], largest: int) -> list[str]:
    """Targets and all figures."""
    normal = {row["rows"]: row for row in rows if row["max_steps"] == "auto"}
    longer = next((row for row in rows if row["max_steps"] != "auto"), None)
    top, before = normal[largest], normal.get(largest // 10)
    found = []
    if before is not None:
        name = f"CPU s at {largest:,} rows over those at {largest // 10:,}"
        found.append(Target(name, top["cpu"] / before["cpu"], 5.0))
    if longer is not None:
        name = f"FVU at {largest:,} rows over that of 4 x the steps"
        found.append(Target(name, top["fvu"] / longer["fvu"], 1.02))
    for row in normal.values():
        bound = 3 * row["x_size"] + 100
        found.append(
            Target(f"peak memory of fit at {row['rows']:,} rows, MiB", row["memory"], bound)
        )
    columns = [*KEYS, *VALUES]
    table = markdown(columns, [[row[name] for name in columns] for row in rows])
    test = generated(N_TEST, 1)
    floor = NOISE**2 * N_COLUMNS / float(test.var(0, dtype=np.float64).sum())
    # six of the directions of the noise can be followed by six components
    floor *= 1 - N_LATENT / N_COLUMNS
    return [targets(found), f"Floor of the FVU, about: {floor:.4f}", table]


def main() -> None:
    options = read_options("scaling", __doc__)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    sizes = sizes_of(options)
    cells: list[Cell] = [{"rows": n, "max_steps": "auto"} for n in sizes]
    # a quick run shares one process: starting them takes longer than the fits
    rows = run_cells(ledger, cells, measure, options, isolated=not options.quick)
    if not options.quick:
        more = {"rows": sizes[-1], "max_steps": 4 * rows[-1]["steps"]}
        rows = run_cells(ledger, [*cells, more], measure, options, isolated=True)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(options, rows, [about, *summary(rows, sizes[-1])])


if __name__ == "__main__":
    main()
