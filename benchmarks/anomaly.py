"""Does the detector rank anomalies before other rows, beside the classics?

A cell is a protocol x table x seed x method, on at most 4,000 rows without repetition. Protocol U:
fit to all rows, score the same rows. Protocol S: fit to half of the normal rows, score the others
and all anomalies. All methods see the same rows, standardized by the rows of the fit. Methods:
sklatent (LatentAnomalyDetector with its defaults, novelty=True in S), pca (the same around PCA
with 85 % of the variance), iforest, lof, ocsvm, gmm (scikit-learn; components by the BIC),
knn_mean5 (mean distance to 5 neighbours), knn_wide (distance to the neighbour at 10 % of the rows),
both also by sums of absolute differences (_l1), which is the detector without its network;
ecod, copod; PyOD's KNN, AutoEncoder, VAE and DeepSVDD only where `pyod` is installed.

Defaults were chosen on tables with an odd number (development) and are confirmed on the others.
Intervals are 95 % of bootstrap means over tables, paired. Ranks are among all methods measured.
The cells *speed* fit to 1,000,000 rows x 20 and score them, with either default of novelty.
"""

import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._anomaly_peers import CLASSICS, PYOD, fit_peer, peer_names
from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    markdown,
    median,
    report,
    run_cells,
    targets,
    warm_up,
)
from benchmarks._partial import finished, found, mean, read_partial
from benchmarks._tables import half_of

Matrix = NDArray[np.float64]

KEYS = ("protocol", "table", "seed", "method")
VALUES = ("n", "p", "anomalies", "auroc", "ap", "cpu", "fit_s", "score_s", "rows_per_s")
OURS, WITH_PCA = "sklatent", "pca"
METHODS = (OURS, WITH_PCA, *CLASSICS, *PYOD)
MAX_ROWS = 4000
STRONG = ("knn_mean5", "knn_wide", "knn_mean5_l1", "knn_wide_l1", "pyod_knn")
SPEED = ("speed-U", "speed-S")
N_BOOTSTRAP = 2000


def tables(data: str | None) -> list[str]:
    """Names of the tables in the folder by their number; without a folder the generated one."""
    if data is None:
        return ["generated"]
    names = [path.stem for path in (Path(data) / "anomaly").glob("*.npz")]
    if not names:
        raise SystemExit(f"--data {data}: no table found; benchmarks/README.md has the layout.")
    return sorted(names, key=lambda name: int(name.split("_")[0]))


@cache
def load(name: str, data: str | None) -> tuple[Matrix, NDArray[np.intp]]:
    """All rows of a table, and which are anomalies."""
    if name == "generated" or data is None:
        rng = np.random.default_rng(0)
        sheet = np.tanh(rng.normal(size=(600, 2)) @ rng.normal(size=(2, 9)))
        X = sheet @ rng.normal(size=(9, 6)) + 0.1 * rng.normal(size=(600, 6))
        X[:30] = np.column_stack([rng.permutation(column) for column in X.T])[:30]
        return X, (np.arange(600) < 30).astype(np.intp)
    with np.load(Path(data) / "anomaly" / f"{name}.npz") as content:
        return np.asarray(content["X"], dtype=np.float64), content["y"].astype(np.intp)


def split(protocol: str, name: str, seed: int, data: str | None) -> tuple[Matrix, ...]:
    """Rows to fit, rows to score, and which of these are anomalies."""
    X, y = load(name, data)
    rng = np.random.RandomState(seed)
    if len(X) > MAX_ROWS:
        # as many anomalies as their share
        n_odd = max(1, round(MAX_ROWS * y.mean()))
        odd = rng.permutation(np.flatnonzero(y))[:n_odd]
        normal = rng.permutation(np.flatnonzero(y == 0))[: MAX_ROWS - n_odd]
        chosen = rng.permutation(np.concatenate([odd, normal]))
        X, y = X[chosen], y[chosen]
    if protocol == "U":
        fit, ask = X, np.arange(len(X))
    else:
        normal = rng.permutation(np.flatnonzero(y == 0))
        fit = X[normal[: len(normal) // 2]]
        ask = np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(y)])
    spread = fit.std(0)
    scaled = [(rows - fit.mean(0)) / np.where(spread > 0, spread, 1.0) for rows in (fit, X[ask])]
    # the very object, so that peers can tell rows of the fit
    return scaled[0], scaled[0] if protocol == "U" else scaled[1], y[ask]


def cells_of(options: Options, methods: list[str]) -> list[Cell]:
    """All cells; the speed comes last."""
    names = ["generated"] if options.quick else tables(options.data)
    cells: list[Cell] = [
        {"protocol": protocol, "table": name, "seed": seed, "method": method}
        for seed in range(1 if options.quick else options.seeds)
        for name in names
        for protocol in ("U", "S")
        for method in methods
    ]
    size = "20000 x 20" if options.quick else "1000000 x 20"
    if OURS in methods:
        for protocol in SPEED:
            cells.append({"protocol": protocol, "table": size, "seed": 0, "method": OURS})
    return cells


def measure(cell: Cell, data: str | None) -> Row:
    """Fit, score, and compare with what are anomalies."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    warm_up()
    if cell["protocol"] in SPEED:
        return _speed(cell)
    fit, ask, y = split(cell["protocol"], cell["table"], cell["seed"], data)
    started = time.process_time()
    scores = _scores(cell, fit, ask)
    seconds = time.process_time() - started
    return {
        "n": len(fit),
        "p": fit.shape[1],
        "anomalies": float(y.mean()),
        "auroc": float(roc_auc_score(y, scores)),
        "ap": float(average_precision_score(y, scores)),
        "cpu": seconds,
    }


def _scores(cell: Cell, fit: Matrix, ask: Matrix) -> Matrix:
    seed = cell["seed"]
    if cell["method"] not in (OURS, WITH_PCA):
        return fit_peer(cell["method"], fit, seed)(ask)
    return -_detector(cell, seed).fit(fit).score_samples(ask)


def _detector(cell: Cell, seed: int) -> Any:
    from sklearn.decomposition import PCA

    from sklatent import LatentAnomalyDetector

    inside = PCA(0.85, svd_solver="full") if cell["method"] == WITH_PCA else None
    return LatentAnomalyDetector(
        inside, novelty=cell["protocol"] in ("S", "speed-S"), random_state=seed
    )


def _speed(cell: Cell) -> Row:
    """CPU seconds: in one thread what a user waits for on a machine with nothing else to do."""
    n, p = (int(part) for part in cell["table"].split(" x "))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5)) @ rng.normal(size=(5, p)) + 0.3 * rng.normal(size=(n, p))
    started = time.process_time()
    model = _detector(cell, 0).fit(X)
    fitted = time.process_time()
    model.score_samples(X)
    seconds = time.process_time() - fitted
    return {
        "n": n,
        "p": p,
        "fit_s": fitted - started,
        "score_s": seconds,
        "rows_per_s": n / seconds,
    }


# -- summary ---------------------------------------------------------------------------------------


def by_table(rows: list[Row], figure: str, protocol: str, method: str) -> dict[str, float]:
    """Mean over the seeds, for each table."""
    here = [row for row in rows if row["protocol"] == protocol and row["method"] == method]
    names = dict.fromkeys(row["table"] for row in here)
    return {name: mean(here, figure, table=name) for name in names}


def ranks(rows: list[Row], protocol: str, half: str) -> dict[str, float]:
    """Mean rank by AUROC over the tables that all methods were measured on."""
    from scipy.stats import rankdata

    methods = list(dict.fromkeys(r["method"] for r in rows if r["protocol"] == protocol))
    figures = {method: by_table(rows, "auroc", protocol, method) for method in methods}
    common = set.intersection(*(set(one) for one in figures.values())) if figures else set()
    kept = sorted(name for name in common if half in ("all", half_of(name)))
    if not kept:
        return {}
    table = np.array([[figures[method][name] for name in kept] for method in methods])
    return dict(zip(methods, rankdata(-table, axis=0).mean(1).tolist(), strict=True))


def gap(
    rows: list[Row], figure: str, protocol: str, peer: str, half: str
) -> tuple[float, float, float]:
    """Ours less a peer's in points: mean over tables and 95 % of its bootstrap means."""
    ours, theirs = (by_table(rows, figure, protocol, method) for method in (OURS, peer))
    kept = [name for name in ours if name in theirs and half in ("all", half_of(name))]
    gaps = 100 * np.array([ours[name] - theirs[name] for name in kept])
    if not len(gaps):
        return (float("nan"),) * 3
    draws = np.random.RandomState(0).randint(len(gaps), size=(N_BOOTSTRAP, len(gaps)))
    low, high = np.quantile(gaps[draws].mean(1), [0.025, 0.975])
    return float(gaps.mean()), float(low), float(high)


def methods_table(rows: list[Row]) -> str:
    """One line per protocol, half and method."""
    lines = []
    for protocol in ("U", "S"):
        for half in ("development", "confirmation", "all"):
            rank = ranks(rows, protocol, half)
            for method in dict.fromkeys(r["method"] for r in rows if r["protocol"] == protocol):
                figures = [by_table(rows, f, protocol, method) for f in ("auroc", "ap", "cpu")]
                kept = [name for name in figures[0] if half in ("all", half_of(name))]
                if not kept:
                    continue
                auroc, ap = (100 * np.mean([one[name] for name in kept]) for one in figures[:2])
                seconds = median(figures[2][name] for name in kept)
                middle, low, high = gap(rows, "auroc", protocol, method, half)
                between = "" if method == OURS else f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"
                line = [protocol, half, method, len(kept), float(auroc), float(ap)]
                lines.append([*line, rank.get(method, ""), between, seconds])
    names = ["AUROC", "AP", "rank", "ours less this, AUROC", "median CPU s"]
    return markdown(["protocol", "tables", "method", "n", *names], lines)


def network_line(rows: list[Row]) -> str:
    """Say whether the network beats plain neighbours."""
    lines = []
    pairs = [("U", "knn_wide"), ("U", "knn_wide_l1"), ("S", "knn_mean5"), ("S", "knn_mean5_l1")]
    for protocol, peer in pairs:
        for half in ("development", "confirmation"):
            middle, low, high = gap(rows, "auroc", protocol, peer, half)
            if np.isnan(middle):
                continue
            word = "beats" if low > 0 else "loses to" if high < 0 else "is within noise of"
            lines.append(
                f"- {protocol}, {half} tables: with the network the detector {word} plain kNN "
                f"({peer}): {middle:+.2f} points of AUROC [{low:+.2f}, {high:+.2f}]."
            )
    return "\n".join(["Does the network beat plain kNN?", "", *lines])


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims, on the confirmation half."""
    half, aims = "confirmation", []
    for protocol in ("U", "S"):
        for peer in dict.fromkeys(r["method"] for r in rows if r["protocol"] == protocol):
            if peer not in (OURS, WITH_PCA):
                least = -1.0 if peer in STRONG else 0.0
                points = gap(rows, "auroc", protocol, peer, half)[0]
                aims.append(Target(f"{protocol}: AUROC points over {peer}", points, least, True))
    aims += [
        Target("U: aim over iforest", gap(rows, "auroc", "U", "iforest", half)[0], 2.0, True),
        Target("U: AP points over iforest", gap(rows, "ap", "U", "iforest", half)[0], 0.0, True),
        Target("S: aim over knn_mean5", gap(rows, "auroc", "S", "knn_mean5", half)[0], 1.0, True),
        Target("median CPU s", median(found(rows, "cpu", method=OURS)), 5.0),
        Target("most CPU s", max(found(rows, "cpu", method=OURS), default=float("nan")), 15.0),
    ]
    for protocol in SPEED:
        name = f"{protocol}, 1,000,000 x 20"
        per_second = mean(rows, "rows_per_s", protocol=protocol)
        aims += [
            Target(f"{name}: fit s", mean(rows, "fit_s", protocol=protocol), 60.0),
            Target(f"{name}: rows scored per s", per_second, 50_000.0, True),
        ]
    return targets(aims)


def main() -> None:
    options, given = read_partial("anomaly", __doc__, METHODS, quick=(OURS, "iforest", "knn_wide"))
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    here = [name for name in given.methods if name in (OURS, WITH_PCA) or name in peer_names()]
    if not given.summary:
        run_cells(ledger, cells_of(options, here), measure, options)
    rows, missing = finished(ledger, cells_of(options, given.methods))
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(
        options, rows, [about, target_table(rows), network_line(rows), methods_table(rows), missing]
    )


if __name__ == "__main__":
    main()
