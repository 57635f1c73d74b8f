"""Does ``n_components="auto"`` find how many numbers a table is made of, and what does it cost?

A cell is a width k x seed: 5,000 points of a cube of k dimensions go through a random smooth map
into 30 columns (40 tanh units between two random matrices), and noise of 5 % of each column's
deviation is added. *found* is the width that AutoencoderTransformer chose, *cost* the CPU seconds
of its fit over those of a fit of that width given beforehand.
"""

import time

import numpy as np

from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    markdown,
    median,
    read_options,
    report,
    run_cells,
    targets,
    warm_up,
)
from benchmarks._tables import Matrix

KEYS = ("k", "seed")
VALUES = ("found", "cost", "seconds")
N_ROWS, N_COLUMNS, N_UNITS = 5000, 30, 40
WIDTHS = tuple(range(2, 9))


def cells_of(options: Options) -> list[Cell]:
    """All cells, seed by seed."""
    widths, seeds = ((3,), 1) if options.quick else (WIDTHS, options.seeds)
    return [{"k": k, "seed": seed} for seed in range(seeds) for k in widths]


def cube(k: int, seed: int) -> Matrix:
    """Draw points of a cube and bend it."""
    rng = np.random.default_rng(100 * seed + k)
    points = rng.uniform(-1, 1, (N_ROWS, k))
    slopes = 2.25 * rng.normal(size=(k, N_UNITS)) / k**0.5
    units = np.tanh(points @ slopes + 0.5 * rng.normal(size=N_UNITS))
    X = units @ rng.normal(size=(N_UNITS, N_COLUMNS))
    X = (X - X.mean(0)) / X.std(0)
    return np.asarray(X + 0.05 * rng.normal(size=X.shape))


def measure(cell: Cell, data: str | None) -> Row:
    """Fit with the width to be found, and again with the one that was."""
    import sklatent

    warm_up()
    X = cube(cell["k"], cell["seed"])
    seconds, width = [], "auto"
    for _ in range(2):
        started = time.process_time()
        model = sklatent.AutoencoderTransformer(width, random_state=cell["seed"]).fit(X)
        seconds.append(time.process_time() - started)
        width = model.n_components_
    return {"found": width, "cost": seconds[0] / seconds[1], "seconds": seconds[0]}


def main() -> None:
    options = read_options("capacity", __doc__, threads=1)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    lines, shares = [], []
    for k in dict.fromkeys(row["k"] for row in rows):
        here = [row for row in rows if row["k"] == k]
        near = [abs(row["found"] - k) <= 1 for row in here]
        shares.append(float(np.mean(near)))
        found = " ".join(str(int(row["found"])) for row in here)
        costs = [row["cost"] for row in here]
        lines.append([k, found, f"{sum(near)} of {len(near)}", median(costs), max(costs)])
    aims = [
        Target("share of seeds within one, least over k", min(shares), 0.8, at_least=True),
        Target("cost in fits, median", median(row["cost"] for row in rows), 2.5),
        Target("cost in fits, worst", max(row["cost"] for row in rows), 2.5),
    ]
    about = str(__doc__).split("\n\n", 1)[1].strip()
    names = ["k", "found, seed by seed", "within one", "cost, median", "worst"]
    report(options, rows, [about, targets(aims), markdown(names, lines)])


if __name__ == "__main__":
    main()
