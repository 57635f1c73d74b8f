"""Do clusters found without labels agree with the known ones, seed after seed?

A cell is a table x method x seed. Every method is told the number of clusters but HDBSCAN, which
finds its own, and *auto*, which is LatentClusterer(n_clusters="auto"). All see the same scaling,
chosen without labels: columns in one unit keep their proportions, others are standardized.
Methods: sklatent (LatentClusterer(k) with its defaults; the labels judged are those of `predict`),
kmeans, gmm (50 principal components above 50 columns), spectral (10 neighbours), hdbscan, merge
(small clusters merged along the graph of neighbours, no network, one start), umap_gmm where
umap-learn is installed, and DEC, IDEC, VaDE and N2D where clustpy is installed (three seeds; the
others `--splits`, at most ten).

Tables: digits, mnist_5k (with `--data`), wine, breast_cancer, iris; gaussians_0 and _1 (ten
Gaussians through a random network into 30 columns), moons and rings (in a plane among 30 columns).
ACC is the share of rows in the right cluster under the best matching. *held out* is the ACC of
`predict` on half of the rows after a fit to the other half. A further cell fits 200,000 rows x 30.
"""

import math
import resource
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from benchmarks._cluster_tables import (
    DEEP,
    GENERATED,
    PEERS,
    accuracy,
    bent_gaussians,
    cluster_by_peer,
    cluster_names,
    cluster_table,
    peer_names,
)
from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    markdown,
    report,
    run_cells,
    targets,
    warm_up,
)
from benchmarks._partial import finished, found, mean, read_partial

KEYS = ("kind", "table", "method", "seed")
VALUES = ("n", "acc", "nmi", "ari", "heldout", "n_clusters", "n_true", "chosen", "cpu", "memory")
OURS, AUTO = "sklatent", "auto"
METHODS = (OURS, AUTO, *PEERS)
DEEP_SEEDS = 3
LARGE_ROWS = 200_000
# Median ACC to reach, by table.
WANTED = {"digits": 0.94, "mnist_5k": 0.83}


def cells_of(options: Options, n_seeds: int, methods: Iterable[str]) -> list[Cell]:
    """All cells, the large one last."""
    cells: list[Cell] = []
    tables = ["iris", "moons"] if options.quick else cluster_names(options.data)
    for table in tables:
        for method in methods:
            n = 1 if options.quick else min(n_seeds, DEEP_SEEDS if method in DEEP else n_seeds)
            for seed in range(n):
                cells.append({"kind": "rows", "table": table, "method": method, "seed": seed})
    if OURS in methods and not options.quick:
        cells.append({"kind": "large", "table": "gaussians_0", "method": OURS, "seed": 0})
    return cells


# -- measures --------------------------------------------------------------------------------------


def measure(cell: Cell, data: str | None) -> Row:
    """Measure a cell of either kind."""
    warm_up()
    if cell["kind"] == "large":
        return _large(cell["seed"])
    X, y = cluster_table(cell["table"], data)
    k, seed, method = len(np.unique(y)), cell["seed"], cell["method"]
    further: Row = {}
    started = time.process_time()
    if method in (OURS, AUTO):
        model = _clusterer(k if method == OURS else "auto", seed).fit(X)
        labels = model.labels_
        further["chosen"] = model.method_
    else:
        labels = cluster_by_peer(method, X, k, seed)
    spent = time.process_time() - started
    if method == OURS:
        further["heldout"] = _held_out(X, y, k, seed)
    return {"n": len(X), **_figures(y, labels), "n_true": k, "cpu": spent, **further}


def _clusterer(n_clusters: Any, seed: int) -> Any:
    import sklatent

    return sklatent.LatentClusterer(n_clusters, random_state=seed)


def _figures(y: Any, labels: Any) -> Row:
    return {
        "acc": accuracy(y, labels),
        "nmi": float(normalized_mutual_info_score(y, labels)),
        "ari": float(adjusted_rand_score(y, labels)),
        "n_clusters": len(np.unique(labels[labels >= 0])),
    }


def _held_out(X: Any, y: Any, k: int, seed: int) -> float:
    """Fit to half of the rows, label the other half."""
    order = np.random.RandomState(seed).permutation(len(X))
    train, test = order[: len(X) // 2], order[len(X) // 2 :]
    return accuracy(y[test], _clusterer(k, seed).fit(X[train]).predict(X[test]))


def _large(seed: int) -> Row:
    X, y = bent_gaussians(seed, LARGE_ROWS)
    started = time.process_time()
    model = _clusterer(10, seed).fit(X)
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "n": len(X),
        **_figures(y, model.labels_),
        "n_true": 10,
        "chosen": model.method_,
        "cpu": spent,
        "memory": peak,
    }


# -- summary ---------------------------------------------------------------------------------------


def methods_table(rows: list[Row]) -> str:
    """Median and worst over the seeds."""
    rows = [row for row in rows if row["kind"] == "rows"]
    lines = []
    for table in dict.fromkeys(row["table"] for row in rows):
        for method in dict.fromkeys(row["method"] for row in rows if row["table"] == table):
            own = [row for row in rows if (row["table"], row["method"]) == (table, method)]
            accs = found(own, "acc")
            figures = [float(np.median(found(own, name))) for name in ("nmi", "ari")]
            line = [table, method, len(own), float(np.median(accs)), min(accs), *figures]
            counts = found(own, "n_clusters")
            line += [mean(own, "heldout"), float(np.median(counts)), mean(own, "cpu")]
            ways = [str(row["chosen"]) for row in own if row.get("chosen")]
            line.append(", ".join(f"{ways.count(way)} {way}" for way in dict.fromkeys(ways)))
            lines.append(line)
    names = ["ACC median", "ACC worst", "NMI", "ARI", "held out", "k found", "CPU s", "chosen"]
    return markdown(["table", "method", "seeds", *names], lines)


def means_table(rows: list[Row]) -> str:
    """Mean over the tables of the median ACC."""
    lines = [[method, *_over_tables(rows, method)] for method in METHODS]
    kept = [line for line in lines if not math.isnan(line[1])]
    return markdown(
        ["method", "mean of median ACC", "tables"], sorted(kept, key=lambda line: -line[1])
    )


def _over_tables(rows: list[Row], method: str) -> tuple[float, int]:
    own = [row for row in rows if row["kind"] == "rows" and row["method"] == method]
    tables = dict.fromkeys(row["table"] for row in own)
    medians = [float(np.median(found(own, "acc", table=table))) for table in tables]
    return (float(np.mean(medians)), len(medians)) if medians else (math.nan, 0)


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims."""
    aims: list[Target] = []
    tables = dict.fromkeys(row["table"] for row in rows if row["kind"] == "rows")
    for table in tables:
        ours = {"table": table, "method": OURS, "kind": "rows"}
        accs = found(rows, "acc", **ours)
        if not accs:
            continue
        median = float(np.median(accs))
        if table in WANTED:
            aims.append(Target(f"{table}: median ACC", median, WANTED[table], True))
        aims.append(Target(f"{table}: median less worst ACC", median - min(accs), 0.05))
        aims.append(Target(f"{table}: CPU s", max(found(rows, "cpu", **ours)), 15.0))
    for table in (name for name in tables if name in GENERATED):
        auto = {"table": table, "method": AUTO, "kind": "rows"}
        true, counts = found(rows, "n_true", **auto), found(rows, "n_clusters", **auto)
        away = [abs(a - b) for a, b in zip(true, counts, strict=True)]
        if away:
            aims.append(Target(f"{table}: clusters found too many or few", max(away), 1.0))
    mine, n_mine = _over_tables(rows, OURS)
    for peer in PEERS:
        theirs, n = _over_tables(rows, peer)
        if n and n == n_mine:
            aims.append(Target(f"mean ACC less that of {peer}", mine - theirs, 0.0, True))
    aims.append(Target("200,000 rows: CPU s", mean(rows, "cpu", kind="large"), 120.0))
    aims.append(Target("200,000 rows: peak memory, MiB", mean(rows, "memory", kind="large"), 3072))
    return targets(aims)


def main() -> None:
    options, given = read_partial("clustering", __doc__, METHODS, quick=(OURS, AUTO, "kmeans"))
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    here = [name for name in given.methods if name in (OURS, AUTO, *peer_names())]
    n_seeds = min(given.splits, 10)
    if not given.summary:
        cells = cells_of(options, n_seeds, here)
        large = [cell for cell in cells if cell["kind"] == "large"]
        run_cells(ledger, [cell for cell in cells if cell not in large], measure, options)
        if large:
            run_cells(ledger, large, measure, options, isolated=True)
    rows, missing = finished(ledger, cells_of(options, n_seeds, given.methods))
    about = str(__doc__).split("\n\n", 1)[1].strip()
    parts = [about, target_table(rows), means_table(rows), methods_table(rows), missing]
    report(options, rows, parts)


if __name__ == "__main__":
    main()
