"""Does each code say one thing?

A cell is a table x width x family x seed: 5,000 rows are fitted, 5,000 further rows of the same
mixture are encoded, and their codes compared with the known factors. Tables: linear, bent and
sparse (`make_factor_table`, 5 factors in 30 columns), shapes (`make_shapes`, 4 factors in 256
pixels), and linear_normal, whose factors nobody can find: normal ones cannot be told from a
rotation of them. Widths: as many codes as factors, and twice as many. Families: pca; fastica of X;
autoencoder and vae (AutoencoderTransformer and VAETransformer with their defaults), vae4
(`beta=4`), each as it is and with its codes rotated by `rotation`; and the ceiling, a patient
MLPRegressor that is shown the factors of the fitted rows. It is no bound: it is a network, too.

MIG is the mutual information gap, DCI-D the disentanglement by boosted trees (2,000 rows), R2 how
well those trees predict the factors (informativeness); all are at most 1. Medians over seeds, with
quartiles. *share* is the MIG over that of the ceiling, seed by seed. Who is ahead is said of all
but the ceiling and "auto", which is one of the others; medians within 0.01 count as level.

A rotation does not change the training: a network is fitted once, and rotated in each way as `fit`
does it. In the cells of the first seed `fit(rotation="ica")` has to give the same codes.
"""

import math
import time
import warnings
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.decomposition import PCA, FastICA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils import check_random_state

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
from benchmarks._partial import found

Matrix = NDArray[np.float64]

# Factors of each table, and by how much the codes may outnumber them.
TABLES = {"linear": 5, "bent": 5, "sparse": 5, "shapes": 4, "linear_normal": 5}
CONTROL = "linear_normal"
AIMED = ("linear", "bent", "sparse")
PLAIN = "none"
ROTATIONS = {
    "pca": (PLAIN,),
    "fastica": (PLAIN,),
    "autoencoder": (PLAIN, "ica", "varimax", "auto"),
    "vae": (PLAIN, "ica", "varimax", "auto"),
    "vae4": (PLAIN, "ica"),
    "ceiling": (PLAIN,),
}
NETWORKS = ("autoencoder", "vae", "vae4")
# What was named beforehand as the project's answer.
NAMED = (("autoencoder", "ica"), ("vae", "ica"))
# What the first table shows.
SHOWN = (("pca", PLAIN), ("fastica", PLAIN), *NAMED, ("vae4", "ica"), ("ceiling", PLAIN))
FIGURES = ("mig", "dci", "r2", "cpu")
KEYS = ("table", "k", "n", "family", "seed")
VALUES = (
    "cpu",
    "converged",
    "chosen",
    "n_turned",
    *(f"{figure}_{way}" for way in ROTATIONS["vae"] for figure in FIGURES),
)
N_ROWS, QUICK_ROWS = 5000, 1000
DCI_ROWS = 2000
LEVEL = 0.01
MAX_ITER = 5000


def cells_of(options: Options) -> list[Cell]:
    """All cells, seed by seed."""
    names = ("sparse",) if options.quick else tuple(TABLES)
    n, seeds = (QUICK_ROWS, 1) if options.quick else (N_ROWS, options.seeds)
    return [
        {"table": table, "k": width * TABLES[table], "n": n, "family": family, "seed": seed}
        for seed in range(seeds)
        for table in names
        for width in ((1,) if options.quick or table == CONTROL else (1, 2))
        for family in ROTATIONS
        # the ceiling has no width, and the control asks about the defaults alone
        if not (family == "ceiling" and width == 2) and not (family == "vae4" and table == CONTROL)
    ]


def draw(table: str, n: int, seed: int) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Rows to fit with their factors, and as many further rows of the same mixture."""
    from sklatent.datasets import make_factor_table, make_shapes

    if table == "shapes":
        X, factors = make_shapes(2 * n, random_state=seed)
    else:
        mixing, _, normal = table.partition("_")
        X, factors = make_factor_table(
            2 * n,
            n_factors=TABLES[table],
            mixing=mixing,  # type: ignore[arg-type]
            distribution="normal" if normal else "uniform",
            random_state=seed,
        )
    return X[:n], factors[:n], X[n:], factors[n:]


def make_model(cell: Cell) -> Any:
    """Make an estimator with `transform` (or, the ceiling, with `predict`)."""
    import sklatent

    k, seed = cell["k"], cell["seed"]
    if cell["family"] == "pca":
        return PCA(k, random_state=seed)
    if cell["family"] == "fastica":
        return FastICA(k, whiten="unit-variance", max_iter=MAX_ITER, random_state=seed)
    if cell["family"] == "ceiling":
        # patient: where training stops early the ceiling is low, and every share of it high
        return MLPRegressor(
            hidden_layer_sizes=(128, 128),
            early_stopping=True,
            n_iter_no_change=20,
            tol=0.0,
            max_iter=400,
            random_state=seed,
        )
    options = {"random_state": seed, "standardize": cell["table"] != "shapes"}
    if cell["family"] == "autoencoder":
        return sklatent.AutoencoderTransformer(k, **options)
    beta = {"beta": 4.0} if cell["family"] == "vae4" else {}
    return sklatent.VAETransformer(k, **options, **beta)


def rotate(model: Any, X: Matrix, way: str) -> Any:
    """Rotate a fitted model as `fit(X)` with this `rotation` does after training."""
    from sklatent._training import resolve_device
    from sklatent.parts import rotation_of, rows_to_rotate

    turned, body = copy(model), copy(model.body)
    turned.rotation, turned._body, body.model = way, body, turned
    source = body.source(model.read(X), {}, resolve_device(model.device))
    seed = int(check_random_state(model.random_state).randint(2**31 - 1))
    cells = rows_to_rotate(source, seed)
    codes = body.run_on_codes("encode", cells)
    body.rotation = rotation_of(
        cells,
        codes,
        body.table.blocks,
        way,
        usable=usable_components(turned, cells, codes),
        along_axes=model.init == "pca",
        seed=seed,
    )
    turned.rotation_, turned.rotation_matrix_ = body.rotation.kind, body.rotation.matrix
    return turned


def usable_components(model: Any, cells: Matrix, codes: Matrix) -> Any:
    """Tell which components `fit` would rotate."""
    from sklatent.models._vae._body import ROTATED_KL
    from sklatent.parts import NOISE_MARGIN

    if hasattr(model, "kl_per_component_"):
        least = max(ROTATED_KL, 0.5 * math.log(NOISE_MARGIN / model.body.beta))
        return model.kl_per_component_ > least
    return model.body._informative(cells, codes)


def check_against_fit(turned: Any, X: Matrix) -> None:
    """Refuse to go on where `fit` rotates otherwise than measured here."""
    codes, fitted = turned.transform(X), clone(turned).fit(X).transform(X)
    apart = np.abs(fitted - codes).max(0) / codes.std(0)
    if apart.max() > 1e-6:
        raise AssertionError(f"fit(rotation='ica') gives other codes: {apart} deviations apart.")


def scores(codes: Matrix, factors: Matrix, way: str) -> Row:
    """MIG, DCI-D and R2 of codes."""
    from sklatent.metrics import dci_score, mig_score

    dci = dci_score(codes, factors, max_rows=DCI_ROWS)
    return {
        f"mig_{way}": mig_score(codes, factors),
        f"dci_{way}": dci.disentanglement,
        f"r2_{way}": dci.informativeness,
    }


def scores_once(
    codes: Matrix, factors: Matrix, way: str, known: dict[str, Matrix], row: Row
) -> Row:
    """Scores of rotated codes; those of another way that has rotated them alike, where there is."""
    for other, same in known.items():
        if np.array_equal(same, codes):
            return {f"{figure}_{way}": row[f"{figure}_{other}"] for figure in FIGURES[:-1]}
    known[way] = codes
    return scores(codes, factors, way)


def measure(cell: Cell, data: str | None) -> Row:
    """Fit once, rotate the codes in each way, and compare them with the factors of other rows."""
    warm_up()
    X, factors, X_new, factors_new = draw(cell["table"], cell["n"], cell["seed"])
    model = make_model(cell)
    row: Row = {}
    started = time.process_time()
    if cell["family"] == "ceiling":
        model.fit(X, (factors - factors.mean(0)) / factors.std(0))
        row["cpu"] = time.process_time() - started
        return {**row, **scores(model.predict(X_new), factors_new, PLAIN)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
        row["cpu"] = time.process_time() - started
        codes = model.transform(X_new)
        row |= scores(codes, factors_new, PLAIN)
        known = {PLAIN: codes}
        for way in ROTATIONS[cell["family"]][1:]:
            started = time.process_time()
            turned = rotate(model, X, way)
            row[f"cpu_{way}"] = time.process_time() - started
            row |= scores_once(turned.transform(X_new), factors_new, way, known, row)
            if way == "auto":
                row["chosen"] = str(turned.rotation_).lower()
            if way == "ica":
                row["n_turned"] = int((turned.rotation_matrix_ != 0).sum(0).max())
                if cell["seed"] == 0:
                    check_against_fit(turned, X)
    row["converged"] = not any(issubclass(one.category, ConvergenceWarning) for one in caught)
    for one in caught:
        if not issubclass(one.category, ConvergenceWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return row


# -- report --------------------------------------------------------------------------------------


def methods(rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Family and rotation of all that was measured here."""
    here = {row["family"] for row in rows}
    return ((family, way) for family, ways in ROTATIONS.items() if family in here for way in ways)


def name_of(family: str, way: str) -> str:
    return family if way == PLAIN else f"{family} + {way}"


def by_seed(rows: list[Row], family: str, figure: str, **wanted: Any) -> dict[int, float]:
    """A figure for each seed."""
    chosen = [row for row in rows if row["family"] == family and row.get(figure, "") != ""]
    chosen = [row for row in chosen if all(row[key] == value for key, value in wanted.items())]
    return {row["seed"]: float(row[figure]) for row in chosen}


def paired(first: dict[int, float], second: dict[int, float]) -> tuple[Matrix, Matrix]:
    """Figures of the seeds that both have."""
    seeds = sorted(first.keys() & second.keys())
    return np.array([first[seed] for seed in seeds]), np.array([second[seed] for seed in seeds])


def share_of_ceiling(rows: list[Row], family: str, way: str, table: str, k: int) -> float:
    ours = by_seed(rows, family, f"mig_{way}", table=table, k=k)
    most = by_seed(rows, "ceiling", f"mig_{PLAIN}", table=table)
    above, below = paired(ours, most)
    return median(above / below)


def spread(values: Iterable[float]) -> str:
    """Median, and quartiles in brackets."""
    low, middle, high = np.quantile(list(values), [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def ahead(rows: list[Row], figure: str) -> str:
    """Say which method wins, over whom, and in how many seeds; or which are level."""
    medians = {
        (family, way): median(found(rows, f"{figure}_{way}", family=family))
        for family, way in methods(rows)
        if family != "ceiling" and way != "auto"
    }
    ranked = sorted(medians, key=lambda name: -medians[name])
    first, second = ranked[:2]
    level = [name for name in ranked if medians[name] > medians[first] - LEVEL]
    if len(level) > 1:
        names = [f"**{name_of(*name)}**" for name in level]
        return f"{', '.join(names[:-1])} and {names[-1]}, level at {medians[first]:.2f}"
    ours, others = paired(*(by_seed(rows, f, f"{figure}_{way}") for f, way in (first, second)))
    return (
        f"**{name_of(*first)}** ({medians[first]:.2f}; over {name_of(*second)}, "
        f"{medians[second]:.2f}, in {int((ours > others).sum())} of {len(ours)} seeds)"
    )


def one_table(rows: list[Row], table: str, k: int) -> str:
    """All methods at one width, and who is ahead."""
    n_factors = TABLES[table]
    here = [row for row in rows if row["table"] == table and row["k"] == k]
    known = [row for row in rows if row["table"] == table and row["family"] == "ceiling"]
    lines = []
    for family, way in methods(here + known):
        part = [row for row in here + known if row["family"] == family]
        if part and part[0].get(f"mig_{way}", "") != "":
            figures = [spread(found(part, f"{figure}_{way}")) for figure in ("mig", "dci")]
            share = share_of_ceiling(rows, family, way, table, part[0]["k"])
            others = [share, median(found(part, f"r2_{way}"))]
            seconds = [median(found(part, "cpu")), median(found(part, f"cpu_{way}"))]
            rounded = [f"{value:.2f}" for value in others]
            lines.append([name_of(family, way), *figures, *rounded, *seconds])
    header = ["method", "MIG", "DCI-D", "share", "R2", "fit CPU s", "rotation CPU s"]
    words = f"Ahead in MIG: {ahead(here, 'mig')}. In DCI-D: {ahead(here, 'dci')}."
    if table == CONTROL:
        words = (
            "No method can win here: the factors are normal, and any rotation of them explains "
            "the rows as well. What is above zero is chance."
        )
    title = f"## {table}: {k} codes, {n_factors} factors"
    return "\n\n".join([title, words, markdown(header, lines)])


def overview(rows: list[Row]) -> str:
    """Medians of MIG and DCI-D, a line for each table and width."""
    lines = []
    for table, k in dict.fromkeys((row["table"], row["k"]) for row in rows):
        line: list[Any] = [table, TABLES[table], k]
        for family, way in SHOWN:
            place = {"table": table} if family == "ceiling" else {"table": table, "k": k}
            both = [found(rows, f"{f}_{way}", family=family, **place) for f in ("mig", "dci")]
            line.append(" / ".join(f"{median(values):.2f}" if values else "-" for values in both))
        lines.append(line)
    names = [name_of(*method) for method in SHOWN]
    return f"MIG / DCI-D:\n\n{markdown(['table', 'factors', 'codes', *names], lines)}"


def choices(rows: list[Row]) -> str:
    """What "auto" took, how many components were rotated, and which fits did not converge."""
    lines = []
    for table, k, family in dict.fromkeys((row["table"], row["k"], row["family"]) for row in rows):
        if family not in (*NETWORKS, "fastica"):
            continue
        here = [r for r in rows if (r["table"], r["k"], r["family"]) == (table, k, family)]
        took = [str(row["chosen"]) for row in here if row.get("chosen", "") != ""]
        counts = ", ".join(f"{way} {took.count(way)}" for way in dict.fromkeys(sorted(took)))
        turned = " ".join(str(row.get("n_turned", "")) for row in here)
        unsure = sum(not row["converged"] for row in here)
        lines.append([table, k, family, counts, turned.strip(), f"{unsure} of {len(here)}"])
    header = ["table", "k", "family", '"auto" took', "turned, seed by seed", "ICA unconverged"]
    return f"## Rotations\n\n{markdown(header, lines)}"


def target_table(rows: list[Row]) -> str:
    """Figures of the project's aims, each on the worst of the three tables."""
    aims = []
    tables = [table for table in AIMED if any(row["table"] == table for row in rows)]
    for family, way in NAMED:

        def gap(table: str, figure: str, family: str = family, way: str = way) -> float:
            place = {"table": table, "k": TABLES[table]}
            theirs = by_seed(rows, "fastica", f"{figure}_{PLAIN}", **place)
            ours = by_seed(rows, family, f"{figure}_{way}", **place)
            return median(np.subtract(*paired(theirs, ours)))

        name = name_of(family, way)
        share = {t: share_of_ceiling(rows, family, way, t, TABLES[t]) for t in tables}
        dci = {
            t: median(found(rows, f"dci_{way}", family=family, table=t, k=TABLES[t]))
            for t in tables
        }
        for what, values, bound in (
            ("MIG over that of the ceiling", share, 0.65),
            ("DCI-D", dci, 0.88),
        ):
            worst = min(values, key=lambda table: values[table])
            aims.append(Target(f"{name}: {what}, least ({worst})", values[worst], bound, True))
        for label, figure in (("MIG", "mig"), ("DCI-D", "dci")):
            gaps = {t: gap(t, figure) for t in tables}
            worst = max(gaps, key=lambda table: gaps[table])
            aims.append(Target(f"{name}: {label} under fastica's ({worst})", gaps[worst], 0.05))
    return targets(aims)


def main() -> None:
    options = read_options("disentanglement", __doc__, threads=1, jobs=2)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    places = dict.fromkeys((row["table"], row["k"]) for row in rows)
    tables = [one_table(rows, table, k) for table, k in places]
    report(options, rows, [about, target_table(rows), overview(rows), *tables, choices(rows)])


if __name__ == "__main__":
    main()
