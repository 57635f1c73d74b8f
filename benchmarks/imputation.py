"""How near do filled cells come to what they had held?

A cell is a table x mechanism x share of missing cells x seed x method; each method is fitted to the
table with missing cells and imputes it. MCAR: every cell is emptied with the same probability. MAR:
a random third of the columns stays complete, and the others lose cells with a probability that
depends on the ranks of those. Judged by `sklatent.metrics.imputation_report`: RMSE in standard
deviations, accuracy of categories, CRPS of draws, coverage of their 90 % intervals.

Methods: sklatent (VAETransformer with its defaults, 20 draws of `sample_imputations`), simple (mean
or most frequent category), knn (KNNImputer), ridge and boosting (IterativeImputer with
BayesianRidge and with HistGradientBoostingRegressor; ridge with five draws from its posterior). The
peers see standardized numbers and ordinal codes, and answer with the nearest category.
"""

import math
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next importable
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

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
from benchmarks._mixed_tables import Frame, mixed_names, mixed_table
from benchmarks._partial import finished, found, mean, read_partial
from benchmarks._peers import is_category

KEYS = ("table", "mechanism", "share", "seed", "method")
FIGURES = ("rmse", "accuracy", "crps", "coverage")
VALUES = ("n", *FIGURES, "rmse_floor", "accuracy_floor", "crps_floor", "cpu", "draws_cpu")
METHODS = ("sklatent", "simple", "knn", "ridge", "boosting")
BUNDLED = {"wine": load_wine, "breast_cancer": load_breast_cancer}
TABLES = ("wine", "mpg", "generated", "adult", "breast_cancer")  # the quick ones first
MECHANISMS, SHARES = ("mcar", "mar"), (20, 50)
MAX_ROWS = 3000
N_DRAWS, N_DRAWS_OF_PEER = 20, 5

Matrix = NDArray[np.float64]


def cells_of(options: Options, methods: Iterable[str]) -> list[Cell]:
    """All cells; every method on the same missing cells."""
    if options.quick:
        first = {"table": "tiny", "mechanism": "mar", "share": 20, "seed": 0}
        return [{**first, "method": method} for method in methods]
    present = ["wine", *mixed_names(options.data), "breast_cancer"]
    tables = [table for table in TABLES if table in present]
    return [
        {"table": table, "mechanism": mechanism, "share": share, "seed": seed, "method": method}
        for seed in range(options.seeds)
        for table in tables
        for mechanism in MECHANISMS
        for share in SHARES
        for method in methods
    ]


# -- tables and missing cells ----------------------------------------------------------------------


def _table(name: str, data: str | None) -> Frame:
    if name in BUNDLED:
        return BUNDLED[name](as_frame=True).data
    frame = mixed_table(name, data)
    rows = np.random.RandomState(0).permutation(len(frame))[: 300 if name == "tiny" else MAX_ROWS]
    return frame.iloc[np.sort(rows)].reset_index(drop=True)


def holes(encoded: Matrix, mechanism: str, share: float, seed: int) -> NDArray[np.bool_]:
    """Say which cells to empty; each row keeps one cell, and each column a known one."""
    rng = np.random.default_rng(seed)
    n, p = encoded.shape
    probability = np.full((n, p), share)
    if mechanism == "mar":
        complete = rng.permutation(p)[: max(1, round(p / 3))]
        ranks = np.argsort(np.argsort(np.nan_to_num(encoded[:, complete]), axis=0), axis=0) / n
        for j in np.setdiff1d(np.arange(p), complete):
            signal = (ranks - 0.5) @ rng.standard_normal(len(complete))
            probability[:, j] = _logistic(3 * signal / (signal.std() + 1e-12), share)
        probability[:, complete] = 0.0
    empty = rng.random((n, p)) < probability
    empty[np.arange(n), rng.integers(p, size=n)] = False
    return empty


def _logistic(signal: Matrix, share: float) -> Matrix:
    """Probabilities that rise with a signal and have the mean that is asked for."""
    low, high = -50.0, 50.0
    for _ in range(60):
        middle = (low + high) / 2
        found = 1 / (1 + np.exp(-(signal + middle)))
        low, high = (middle, high) if found.mean() < share else (low, middle)
    return np.asarray(found)


@dataclass(frozen=True)
class Codes:
    """Numbers standardized and categories as ordinal codes, for the peers."""

    matrix: Matrix
    scales: tuple[Any, ...]  # by column: (mean, deviation), or the categories

    @classmethod
    def of(cls, frame: Frame) -> "Codes":
        columns: list[Matrix] = []
        scales: list[Any] = []
        for name in frame:
            series = frame[name]
            if is_category(series):
                levels = np.array(sorted(series.dropna().unique()), dtype=object)
                codes = series.map({level: float(i) for i, level in enumerate(levels)})
                columns.append(codes.astype(float).to_numpy())
                scales.append(levels)
                continue
            dates = series.dtype.kind == "M"
            values = series.astype("int64" if dates else float).astype(float).to_numpy().copy()
            values[series.isna().to_numpy()] = np.nan
            mean, deviation = np.nanmean(values), np.nanstd(values) or 1.0
            columns.append((values - mean) / deviation)
            scales.append((mean, deviation))
        return cls(np.column_stack(columns), tuple(scales))

    def frame(self, filled: Matrix, holed: Frame) -> Frame:
        """Give the table with its cells filled: numbers as they are, categories rounded."""
        columns = {}
        for j, (name, scale) in enumerate(zip(holed, self.scales, strict=True)):
            if isinstance(scale, tuple):
                cells = filled[:, j] * scale[1] + scale[0]
                if holed[name].dtype.kind == "M":
                    cells = np.rint(cells).astype("int64").astype(holed[name].dtype)
            else:
                cells = scale[np.clip(np.rint(filled[:, j]), 0, len(scale) - 1).astype(int)]
            columns[name] = holed[name].where(holed[name].notna(), cells)
        return type(holed)(columns)


# -- methods ---------------------------------------------------------------------------------------


def _peer(name: str, table: Codes, seed: int, *, draw: bool = False) -> Any:
    """Make an imputer that works on codes."""
    if name == "simple":
        levels = [j for j, scale in enumerate(table.scales) if not isinstance(scale, tuple)]
        return _Simple(levels)
    if name == "knn":
        return KNNImputer()
    if name == "ridge":  # its default estimator
        return IterativeImputer(sample_posterior=draw, random_state=seed)
    model = HistGradientBoostingRegressor(random_state=seed)
    return IterativeImputer(model, random_state=seed)


@dataclass(frozen=True)
class _Simple:
    levels: list[int]

    def fit_transform(self, X: Matrix) -> Matrix:
        filled: Matrix = SimpleImputer().fit_transform(X)
        if self.levels:
            most = SimpleImputer(strategy="most_frequent").fit_transform(X[:, self.levels])
            filled[:, self.levels] = most
        return filled


def _ours(holed: Frame, seed: int, quick: bool) -> tuple[Frame, list[Frame], float, float]:
    import sklatent

    started = time.process_time()
    steps: Any = 100 if quick else "auto"
    model = sklatent.VAETransformer(max_steps=steps, random_state=seed).fit(holed)
    filled = model.impute(holed)
    spent = time.process_time() - started
    draws = model.sample_imputations(holed, N_DRAWS, random_state=seed)
    return filled, draws, spent, time.process_time() - started - spent


def _by_peer(name: str, holed: Frame, seed: int) -> tuple[Frame, list[Frame], float, float]:
    started = time.process_time()
    table = Codes.of(holed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ten rounds are its default
        filled = table.frame(_peer(name, table, seed).fit_transform(table.matrix), holed)
        spent = time.process_time() - started
        seeds = range(seed, seed + N_DRAWS_OF_PEER) if name == "ridge" else ()
        drawn = [_peer(name, table, s, draw=True).fit_transform(table.matrix) for s in seeds]
    draws = [table.frame(one, holed) for one in drawn]
    return filled, draws, spent, time.process_time() - started - spent


def measure(cell: Cell, data: str | None) -> Row:
    """Empty cells of a table, fill them, and compare."""
    from sklatent.metrics import imputation_report

    warm_up()
    frame = _table(cell["table"], data)
    empty = holes(Codes.of(frame).matrix, cell["mechanism"], cell["share"] / 100, cell["seed"])
    # before: integers and booleans have no missing cells in pandas
    open_ = frame.astype({name: float for name in frame if frame[name].dtype.kind in "iu"})
    open_ = open_.astype({name: object for name in frame if frame[name].dtype == bool})
    holed = open_.mask(type(frame)(empty, columns=frame.columns))
    if cell["method"] == "sklatent":
        filled, draws, spent, on_draws = _ours(holed, cell["seed"], cell["table"] == "tiny")
    else:
        filled, draws, spent, on_draws = _by_peer(cell["method"], holed, cell["seed"])
    judged = imputation_report(open_, holed, filled, draws=draws or None)
    row: Row = {"n": len(frame), "cpu": spent}
    if draws:
        row["draws_cpu"] = on_draws
    for figure in FIGURES:
        measured = getattr(judged, figure)
        if measured is not None:
            row[figure] = measured.value
            if f"{figure}_floor" in VALUES:
                row[f"{figure}_floor"] = measured.floor
    return row


# -- summary ---------------------------------------------------------------------------------------


def methods_table(rows: list[Row]) -> str:
    """Means over the seeds, per table, mechanism and share."""
    lines = []
    names = [*FIGURES, "cpu", "draws_cpu"]
    for key in dict.fromkeys((r["table"], r["mechanism"], r["share"]) for r in rows):
        wanted = dict(zip(KEYS, key, strict=False))
        for method in METHODS:
            if values := found(rows, "n", method=method, **wanted):
                figures = [mean(rows, name, method=method, **wanted) for name in names]
                lines.append([*key, method, len(values), *figures])
    header = ["table", "mechanism", "% missing", "method", "seeds", "RMSE / sd", "accuracy"]
    return markdown([*header, "CRPS / sd", "coverage", "CPU s", "CPU s of draws"], lines)


def _together(rows: list[Row], a: str, b: str) -> list[tuple[Row, Row]]:
    """Pair rows of two methods on the same missing cells."""
    places = KEYS[:-1]
    of_b = {tuple(r[key] for key in places): r for r in rows if r["method"] == b}
    pairs = [(r, of_b.get(tuple(r[key] for key in places))) for r in rows if r["method"] == a]
    return [(one, other) for one, other in pairs if other is not None]


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims; only cells that both methods have are compared."""
    aims = []
    for peer in METHODS[1:]:
        pairs = _together(rows, "sklatent", peer)

        def ahead(figure: str, pairs: list[tuple[Row, Row]] = pairs) -> float:
            both = [(a[figure], b[figure]) for a, b in pairs if a.get(figure, "") != ""]
            return float(np.mean([a - b for a, b in both])) if both else math.nan

        aims.append(Target(f"RMSE / sd less that of {peer}, mean", ahead("rmse"), 0.0))
        aims.append(Target(f"accuracy less that of {peer}, mean", ahead("accuracy"), 0.0, True))
    cover = mean(rows, "coverage", method="sklatent")
    aims.append(Target("coverage of 90 % intervals, mean", cover, 0.85, True))
    aims.append(Target("coverage of 90 % intervals, mean", cover, 0.95))
    quicker = median(a["cpu"] / b["cpu"] for a, b in _together(rows, "sklatent", "boosting"))
    aims.append(Target("CPU s over those of boosting, median", quicker, 1.0))
    return targets(aims)


def main() -> None:
    options, given = read_partial("imputation", __doc__, METHODS, quick=METHODS[:-1])
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    cells = cells_of(options, given.methods)
    if not given.summary:
        run_cells(ledger, cells, measure, options)
    rows, missing = finished(ledger, cells)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(options, rows, [about, target_table(rows), methods_table(rows), missing])


if __name__ == "__main__":
    main()
