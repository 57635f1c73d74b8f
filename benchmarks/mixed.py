"""Do samples of a mixed table's model look real without being copies?

A cell is a table x split x method; all methods see the same training rows and are judged by the
same rows held out, with `sklatent.metrics.synthetic_report`. `adult` has 10,000 training rows and
5,000 held out; small tables are halved, several times. TSTR predicts income, survived, species,
origin, credit (german), rings (abalone) or lesions (horse-colic). Methods: sklatent (VAETransformer
with its defaults), copula (a Gaussian copula over the columns' own distributions), tvae and ctgan
(300 epochs; only where `ctgan` is installed). Floor (training columns shuffled apart) and ceiling
(fresh real rows) are those of the report.

Left out are copies of the target (titanic: alive) and free text (mpg: name).

Further cells: *conditions* compares P(target | two columns) in samples under conditions with all
rows of the file, where the training table has 100 rows or more; *growth* fits to 10,000 rows and
to the whole table; *levels* fits to 200,000 rows with a column of 5,000 categories.
"""

import math
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

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
from benchmarks._memory import peak_growth
from benchmarks._mixed_tables import TABLES, many_levels, mixed_names, mixed_table, split
from benchmarks._partial import finished, found, mean, read_partial
from benchmarks._peers import Draw, fit_peer, peer_names

KEYS = ("kind", "table", "split", "method")
FIGURES = ("shapes", "trends", "c2st", "tstr", "dcr", "copies", "missing_gap")
VALUES = (
    "n",
    *FIGURES,
    *(f"{figure}_{end}" for end in ("floor", "ceiling") for figure in FIGURES[:5]),
    *("dcr_se", "kl", "fit_cpu", "sample_cpu"),
    *("mean_error", "max_error", "mean_error_train", "n_groups", "fit_cpu_full", "memory"),
)
OURS = "sklatent"
METHODS = (OURS, "copula", "tvae", "ctgan")
LARGE = ("tiny", "generated", "adult")
CONDITIONED_ROWS = 1000
FEWEST_IN_GROUP = 100


def cells_of(options: Options, n_splits: int, methods: Iterable[str]) -> list[Cell]:
    """All cells: rows first, then what is asked of large tables alone."""
    cells: list[Cell] = []

    def add(kind: str, table: str, split: int, method: str = OURS) -> None:
        cells.append({"kind": kind, "table": table, "split": split, "method": method})

    tables = ["tiny"] if options.quick else mixed_names(options.data)
    for table in tables:
        n = 1 if options.quick else options.seeds if table in LARGE else n_splits
        for method in methods:
            for i in range(1 if method == "ctgan" else n):
                add("rows", table, i, method)
                if method == OURS and table in LARGE:
                    add("conditions", table, i)
        if table in LARGE:
            add("growth", table, 0)
    add("levels", *(("tiny", 400) if options.quick else ("generated", 200_000)))
    return cells


# -- measures --------------------------------------------------------------------------------------


def _model(table: str, seed: int) -> Any:
    import sklatent

    return sklatent.VAETransformer(max_steps=100 if table == "tiny" else "auto", random_state=seed)


@lru_cache(maxsize=1)
def _fitted(table: str, seed: int, data: str | None) -> tuple[Any, float]:
    """Fit our model and count the CPU seconds; the conditions ask the one that drew the rows."""
    train, _ = split(table, seed, data)
    started = time.process_time()
    model = _model(table, seed).fit(train)
    return model, time.process_time() - started


def _sampler(cell: Cell, data: str | None) -> tuple[Draw, Row]:
    """Give a sampler, its CPU seconds and what our codes know of a row, in nats."""
    table, seed, method = cell["table"], cell["split"], cell["method"]
    if method == OURS:
        model, seconds = _fitted(table, seed, data)
        knows = float(model.kl_per_component_.sum())
        return lambda n: model.sample(n, random_state=seed), {"fit_cpu": seconds, "kl": knows}
    train, _ = split(table, seed, data)
    started = time.process_time()
    draw = fit_peer(method, train, seed)
    return draw, {"fit_cpu": time.process_time() - started}


def measure(cell: Cell, data: str | None) -> Row:
    """Measure a cell of any kind."""
    warm_up()
    kinds = {"rows": _rows, "conditions": _conditions, "growth": _growth, "levels": _levels}
    return kinds[cell["kind"]](cell, data)


def _rows(cell: Cell, data: str | None) -> Row:
    """Fit, sample as many rows as there were, and judge them."""
    from sklatent.metrics import synthetic_report

    table, seed = cell["table"], cell["split"]
    train, test = split(table, seed, data)
    draw, spent = _sampler(cell, data)
    started = time.process_time()
    drawn = draw(len(train))
    spent["sample_cpu"] = time.process_time() - started
    target = TABLES[table].target
    judged = synthetic_report(train, test, drawn, target=target, n_repeats=1, random_state=seed)
    figures = [judged.shapes, judged.trends, judged.c2st, judged.tstr, judged.dcr_share]
    figures += [judged.exact_copies, judged.missing_gap]
    row: Row = {"n": len(train)}
    for name, figure in zip(FIGURES, figures, strict=True):
        row[name] = figure.value
        if f"{name}_floor" in VALUES:
            row[f"{name}_floor"], row[f"{name}_ceiling"] = figure.floor, figure.ceiling
    return {**row, "dcr_se": judged.dcr_share.standard_error, **spent}


def _conditions(cell: Cell, data: str | None) -> Row:
    """Compare the target's share in samples under conditions with that of real rows."""
    name, seed = cell["table"], cell["split"]
    train, _ = split(name, seed, data)
    known = TABLES[name]
    whole = mixed_table(name, data)
    level = sorted(whole[known.target].unique())[-1]
    model, _ = _fitted(name, seed, data)
    errors, usual, seconds = [], [], 0.0
    groups = whole.groupby(list(known.given))[known.target]
    real = groups.agg(lambda cells: (cells == level).mean())
    for given, rows in train.groupby(list(known.given)):
        if len(rows) < FEWEST_IN_GROUP:
            continue
        conditions = dict(zip(known.given, given, strict=True))
        started = time.process_time()
        drawn = model.sample(CONDITIONED_ROWS, conditions=conditions, random_state=seed)
        seconds += time.process_time() - started
        if not all((drawn[column] == value).all() for column, value in conditions.items()):
            raise RuntimeError(f"rows that do not obey {conditions}")
        errors.append(abs((drawn[known.target] == level).mean() - real[given]))
        usual.append(abs((rows[known.target] == level).mean() - real[given]))
    return {
        "n": len(train),
        "mean_error": float(np.mean(errors)),
        "max_error": float(np.max(errors)),
        "mean_error_train": float(np.mean(usual)),
        "n_groups": len(errors),
        "sample_cpu": seconds / len(errors),
    }


def _growth(cell: Cell, data: str | None) -> Row:
    """Fit to the training rows and to the whole table, one after the other."""
    whole = mixed_table(cell["table"], data)
    seconds = []
    for rows in (split(cell["table"], 0, data)[0], whole):
        started = time.process_time()
        _model(cell["table"], 0).fit(rows)
        seconds.append(time.process_time() - started)
    return {"n": len(whole), "fit_cpu": seconds[0], "fit_cpu_full": seconds[1]}


def _levels(cell: Cell, data: str | None) -> Row:
    """Fit to as many rows as the cell says, with a column of a fortieth as many categories."""
    table = many_levels(cell["split"], cell["split"] // 40)
    model = _model(cell["table"], 0)
    started = time.process_time()
    _, memory = peak_growth(lambda: model.fit(table))
    spent = {"fit_cpu": time.process_time() - started}
    return {"n": len(table), "memory": memory, "kl": float(model.kl_per_component_.sum()), **spent}


# -- summary ---------------------------------------------------------------------------------------


def _with_error(values: list[float]) -> str:
    if not values:
        return ""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else math.nan
    return f"{np.mean(values):.3f}" + (f" ± {error:.3f}" if error >= 0 else "")


def methods_table(rows: list[Row]) -> str:
    """Means over the splits, with their standard errors between splits, floor and ceiling first."""
    rows = [row for row in rows if row["kind"] == "rows"]
    lines = []
    for table in dict.fromkeys(row["table"] for row in rows):
        here = [row for row in rows if row["table"] == table]
        first = [row for row in here if row["method"] == here[0]["method"]]
        for end, name in (("ceiling", "fresh real rows"), ("floor", "shuffled columns")):
            figures = [_with_error(found(first, f"{figure}_{end}")) for figure in FIGURES[:5]]
            lines.append([table, name, len(first), *figures, "", "", "", "", ""])
        for method in dict.fromkeys(row["method"] for row in here):
            own = [row for row in here if row["method"] == method]
            figures = [_with_error(found(own, figure)) for figure in FIGURES]
            spent = [mean(own, figure) for figure in ("kl", "fit_cpu", "sample_cpu")]
            lines.append([table, method, len(own), *figures, *spent])
    names = ["shapes", "trends", "C2ST", "TSTR", "DCR share", "copies", "missing gap"]
    return markdown(
        ["table", "method", "splits", *names, "KL, nats", "fit CPU s", "draw CPU s"], lines
    )


def _targets_of_large(rows: list[Row], table: str) -> list[Target]:
    def of(figure: str, kind: str = "rows", method: str = OURS) -> float:
        return mean(rows, figure, table=table, kind=kind, method=method)

    bounds = [("c2st", 0.60, False), ("trends", 0.96, True), ("shapes", 0.98, True)]
    bounds += [("tstr", 0.905, True)] if table == "adult" else []
    bounds += [("dcr", 0.53, False), ("kl", 1.0, True), ("fit_cpu", 35.0, False)]
    figures = [Target(f"{table}: {name}", of(name), bound, up) for name, bound, up in bounds]
    faster = of("fit_cpu", method="tvae") / of("fit_cpu")
    growth = of("fit_cpu_full", "growth") / of("fit_cpu", "growth")
    return [
        *figures,
        Target(f"{table}: TVAE's fit CPU s over ours", faster, 1.8, True),
        Target(f"{table}: draw CPU s for as many rows", of("sample_cpu"), 1.0),
        Target(
            f"{table}: mean error of P(target | conditions)", of("mean_error", "conditions"), 0.03
        ),
        Target(f"{table}: fit CPU s on all rows over those on the training rows", growth, 1.5),
    ]


def _targets_of_small(rows: list[Row], table: str) -> list[Target]:
    def of(figure: str, method: str = OURS) -> float:
        return mean(rows, figure, table=table, kind="rows", method=method)

    aims = []
    for peer in ("copula", "tvae"):
        below = of("c2st") - of("c2st", peer)
        above = of("tstr") - of("tstr", peer)
        aims.append(Target(f"{table}: C2ST less that of {peer}", below, 0.0))
        aims.append(Target(f"{table}: TSTR less that of {peer}", above, 0.0, True))
    shares = found(rows, "dcr", table=table, kind="rows", method=OURS)
    error = of("dcr_se") / max(len(shares), 1) ** 0.5
    if len(shares) > 1:
        error = max(error, float(np.std(shares, ddof=1)) / len(shares) ** 0.5)
    bound = 0.53 + 2 * error if shares else 0.53
    aims.append(Target(f"{table}: DCR share (.53 + 2 standard errors)", of("dcr"), bound))
    aims.append(Target(f"{table}: missing gap", of("missing_gap"), 0.03))
    return aims


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims."""
    aims: list[Target] = []
    for table in dict.fromkeys(row["table"] for row in rows if row["kind"] == "rows"):
        aims += (_targets_of_large if table in LARGE else _targets_of_small)(rows, table)
    memory = mean(rows, "memory", kind="levels")
    aims.append(Target("many levels: peak memory of fit, MiB", memory, 2048.0))
    return targets(aims)


def further_table(rows: list[Row]) -> str:
    """The cells that are not about rows."""
    names = ["mean_error", "max_error", "mean_error_train", "n_groups", "sample_cpu"]
    names += ["fit_cpu", "fit_cpu_full", "memory", "kl"]
    others = [row for row in rows if row["kind"] != "rows"]
    header = ["kind", "table", "split", "n", *names]
    return markdown(header, [[row.get(name, "") for name in header] for row in others])


def main() -> None:
    options, given = read_partial("mixed", __doc__, METHODS, quick=(OURS, "copula"))
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    here = [name for name in given.methods if name == OURS or name in peer_names()]
    if not given.summary:
        cells = cells_of(options, given.splits, here)
        memory = [cell for cell in cells if cell["kind"] == "levels"]
        run_cells(ledger, [cell for cell in cells if cell not in memory], measure, options)
        run_cells(ledger, memory, measure, options, isolated=not options.quick)
    rows, missing = finished(ledger, cells_of(options, given.splits, given.methods))
    about = str(__doc__).split("\n\n", 1)[1].strip()
    parts = [about, target_table(rows), methods_table(rows), further_table(rows), missing]
    report(options, rows, parts)


if __name__ == "__main__":
    main()
