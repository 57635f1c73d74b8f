"""What do paths, reports and views of a latent space cost?

Each question has a reference that is measured in turn with it, in the same process; figures are
medians over the repetitions, ratios those of neighbours in time. Codes have 10 components.
linear, spherical, density: rows on 1,000 paths of 20 steps between digits, against
`inverse_transform` of as many codes; report: `latent_report` of 10,000 x 50, of which 1,000 rows
are decoded once for each dimension, against `transform` and `inverse_transform` of all;
report_all: the same with `max_rows` so that all are; view: `LatentSpaceDisplay` of 100,000 x 50 by
principal components with a legend, drawn, against `transform` of the same rows.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    available,
    markdown,
    median,
    read_options,
    report,
    run_cells,
    targets,
    warm_up,
)

KEYS = ("question", "model", "rows")
VALUES = ("cpu_s", "wall_s", "reference_cpu_s", "reference_wall_s", "cpu_ratio", "wall_ratio")
PATHS = ("linear", "spherical", "density")
N_STEPS, WIDTH, N_COLUMNS = 20, 10, 50
REPETITIONS = {"linear": 15, "spherical": 15, "density": 3, "report": 9, "report_all": 3, "view": 9}


def cells_of(options: Options) -> list[Cell]:
    """One cell for each question and model; the rows of a path are its steps."""
    names = ["PCA", "AutoencoderTransformer"]
    if available(["vae"]) and not options.quick:
        names.append("VAETransformer")
    sizes = dict.fromkeys(PATHS, 1000 if options.quick else 20_000)
    tables, views = (1000, 5000) if options.quick else (10_000, 100_000)
    sizes |= {"report": tables, "report_all": tables, "view": views}
    return [
        {"question": question, "model": name, "rows": rows}
        for question, rows in sizes.items()
        for name in names
    ]


@cache
def _table(n_rows: int) -> NDArray[np.float64]:
    """Ten numbers bent into fifty columns, with noise."""
    random = np.random.default_rng(0)
    factors = random.normal(size=(n_rows, WIDTH))
    mixing = random.normal(size=(2 * WIDTH, N_COLUMNS))
    bent = np.hstack([factors, np.tanh(2 * factors)]) @ mixing
    return np.asarray(bent + 0.3 * random.normal(size=bent.shape))


@cache
def _model(name: str, on_digits: bool) -> Any:
    """Trained weights whatever they are worth: what an answer costs does not depend on them."""
    import sklatent

    X = load_digits().data if on_digits else _table(5000)
    if name == "PCA":
        return PCA(WIDTH, random_state=0).fit(X)
    options: dict[str, Any] = {"max_steps": 100, "early_stopping": False, "random_state": 0}
    return getattr(sklatent, name)(WIDTH, **options).fit(X)


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def _interleaved(ours: Callable[[], Any], reference: Callable[[], Any], repetitions: int) -> Row:
    reference()
    if repetitions > 3:
        ours()
    seconds = np.array([[_timed(ours), _timed(reference)] for _ in range(repetitions)])
    ratios = np.median(seconds[:, 0] / np.maximum(seconds[:, 1], 1e-9), axis=0)
    figures = [*np.median(seconds, axis=0).ravel(), *ratios]
    return dict(zip(VALUES, map(float, figures), strict=True))


def _paths(method: str, name: str, n_rows: int) -> Row:
    from sklatent.geometry import interpolate

    X = load_digits().data
    model = _model(name, True)
    random = np.random.default_rng(0)
    a, b = (X[random.integers(len(X), size=n_rows // N_STEPS)] for _ in range(2))
    codes = model.transform(X)[random.integers(len(X), size=n_rows)]
    kind: Any = method
    return _interleaved(
        lambda: interpolate(model, a, b, N_STEPS, method=kind, X=X),
        lambda: model.inverse_transform(codes),
        REPETITIONS[method],
    )


def _report(question: str, name: str, n_rows: int) -> Row:
    from sklatent.metrics import latent_report

    X, model = _table(n_rows), _model(name, False)
    options = {"max_rows": n_rows} if question == "report_all" else {}
    return _interleaved(
        lambda: latent_report(model, X, **options),
        lambda: model.inverse_transform(model.transform(X)),
        REPETITIONS[question],
    )


def _view(name: str, n_rows: int) -> Row:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from sklatent.plotting import LatentSpaceDisplay

    X, model = _table(n_rows), _model(name, False)
    group = np.digitize(X[:, 0], np.quantile(X[:, 0], [0.25, 0.5, 0.75]))

    def draw() -> None:
        display = LatentSpaceDisplay.from_estimator(model, X, color=group)
        display.figure_.canvas.draw()
        plt.close("all")

    # fonts are looked up once in a process
    LatentSpaceDisplay.from_estimator(model, X[:50], color=group[:50]).figure_.canvas.draw()
    return _interleaved(draw, lambda: model.transform(X), REPETITIONS["view"])


def measure(cell: Cell, data: str | None) -> Row:
    """Ask one question of one model."""
    del data
    warm_up()
    question, name, rows = cell["question"], cell["model"], cell["rows"]
    if question in PATHS:
        return _paths(question, name, rows)
    return _view(name, rows) if question == "view" else _report(question, name, rows)


def summary(rows: list[Row]) -> str:
    """The worst model against the project's aims."""

    def worst(question: str, figure: str) -> float:
        found = [float(row[figure]) for row in rows if row["question"] == question]
        return max(found, default=np.nan)

    aims = [("linear", 2.0), ("spherical", 2.0)]
    return targets(
        [
            *(
                Target(f"{method} paths over inverse_transform, {kind}", worst(method, key), bound)
                for method, bound in aims
                for kind, key in (("CPU", "cpu_ratio"), ("wall", "wall_ratio"))
            ),
            Target("latent_report, 10,000 x 50: CPU s", worst("report", "cpu_s"), 10),
            Target("the same, all rows decoded: CPU s", worst("report_all", "cpu_s"), 10),
            Target("view of 100,000 rows: wall s", worst("view", "wall_s"), 5),
        ]
    )


def main() -> None:
    options = read_options("geometry", __doc__, threads=1)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    columns = [*KEYS, *VALUES]
    table = markdown(columns, [[row[name] for name in columns] for row in rows])
    paths = [row for row in rows if row["question"] == "density"]
    each = median(1e3 * row["cpu_s"] / (row["rows"] / N_STEPS) for row in paths)
    note = f"A density path and its rows cost {each:.2g} ms of CPU time (median of the models)."
    about = str(__doc__).split("\n\n", 1)[1].strip()
    report(options, rows, [about, summary(rows), note, table])


if __name__ == "__main__":
    main()
