"""How fast, and in how much memory, does a fitted model answer?

Each question has a reference that is measured in turn with it, in the same process:
bulk: `transform` of 1,000,000 x 50 float32 against the bare module in chunks of 8,192, scaling
included (seconds); bulk_memory: its peak memory beyond input and output (MiB); one_row_array,
one_row_frame: `transform` of one row against PCA's (microseconds); import: `import sklatent`
against `import sklearn`, CPU seconds in fresh processes; score_samples: rows per second.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
)
from benchmarks._memory import MIB, peak_growth

KEYS = ("question", "rows")
VALUES = ("ours", "reference", "ratio")
CHUNK = 8192
N_COLUMNS, WIDTH = 50, 10
IMPORT = """
import sys, time
started = time.process_time()
import {name}
print(time.process_time() - started, "torch" in sys.modules)
"""


def cells_of(options: Options) -> list[Cell]:
    """One cell for each question."""
    bulk, calls, imports, scored = (
        (50_000, 200, 1, 2_000) if options.quick else (1_000_000, 5_000, 11, 30_000)
    )
    cells = [("bulk", bulk), ("bulk_memory", bulk), ("one_row_array", calls)]
    cells += [("one_row_frame", calls), ("import", imports)]
    if available(["vae"]):
        cells.append(("score_samples", scored))
    return [{"question": question, "rows": rows} for question, rows in cells]


def _table(n_rows: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    mixing = random.standard_normal((WIDTH, N_COLUMNS), dtype=np.float32)
    X = random.standard_normal((n_rows, WIDTH), dtype=np.float32) @ mixing
    for start in range(0, n_rows, CHUNK):  # no temporary of the table's size
        part = X[start : start + CHUNK]
        part += 0.3 * random.standard_normal(part.shape, dtype=np.float32)
    return X


def _model(X: Any) -> Any:
    import sklatent

    # trained weights whatever they are worth: a fit that gains nothing would keep PCA's, in float64
    model = sklatent.AutoencoderTransformer(
        WIDTH, max_steps=30, early_stopping=False, random_state=0
    )
    return model.fit(X)


def _interleaved(
    ours: Callable[[], Any], reference: Callable[[], Any], repetitions: int, calls: int
) -> Row:
    """Median seconds of a call of each, and the median of the ratios of neighbours."""
    ours(), reference()
    seconds = np.empty((repetitions, 2))
    for i in range(repetitions):
        for j, call in enumerate((ours, reference)):
            started = time.perf_counter()
            for _ in range(calls):
                call()
            seconds[i, j] = (time.perf_counter() - started) / calls
    of_ours, of_reference = np.median(seconds, axis=0)
    ratio = median(seconds[:, 0] / seconds[:, 1])
    return {"ours": float(of_ours), "reference": float(of_reference), "ratio": ratio}


def _bulk(n_rows: int) -> Row:
    import torch

    X = _table(n_rows)
    model = _model(X[:5000])
    module = model.net_.module_
    center = model.table_.center_.astype(np.float32)
    factor = (1 / model.table_.scale_).astype(np.float32)

    def bare() -> NDArray[np.float32]:
        Z = np.empty((n_rows, WIDTH), np.float32)
        with torch.inference_mode():
            for start in range(0, n_rows, CHUNK):
                x = torch.from_numpy((X[start : start + CHUNK] - center) * factor)
                Z[start : start + CHUNK] = module.encode(x).numpy()
        return Z

    return _interleaved(lambda: model.transform(X), bare, 7, 1)


def _bulk_memory(n_rows: int) -> Row:
    X = _table(n_rows)
    model = _model(X[:5000])
    model.transform(X[:100])
    Z, grown = peak_growth(lambda: model.transform(X))
    extra = max(0.0, grown - Z.nbytes / MIB)
    return {"ours": extra, "reference": X.nbytes / MIB, "ratio": extra / (X.nbytes / MIB)}


def _one_row(n_calls: int, *, frame: bool) -> Row:
    X: Any = _table(5000).astype(np.float64)
    if frame:
        import pandas as pd

        X = pd.DataFrame(X, columns=[f"column {j}" for j in range(N_COLUMNS)])
    model, pca, row = _model(X), PCA(WIDTH).fit(X), X[:1]
    repetitions = 25
    found = _interleaved(
        lambda: model.transform(row),
        lambda: pca.transform(row),
        repetitions,
        n_calls // repetitions,
    )
    return {**found, "ours": 1e6 * found["ours"], "reference": 1e6 * found["reference"]}


def _import(repetitions: int) -> Row:
    seconds: dict[str, list[float]] = {"sklearn": [], "sklatent": []}
    for _ in range(repetitions):
        for name, found in seconds.items():
            command = [sys.executable, "-c", IMPORT.format(name=name)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            spent, torch_is_there = done.stdout.split()
            if torch_is_there == "True":
                raise AssertionError(f"import {name} imports torch")
            found.append(float(spent))
    ours, reference = median(seconds["sklatent"]), median(seconds["sklearn"])
    return {"ours": ours, "reference": reference, "ratio": ours / reference}


def _score_samples(n_rows: int) -> Row:
    import sklatent

    X = _table(n_rows).astype(np.float64)
    model = sklatent.VAETransformer(WIDTH, max_steps=100, random_state=0).fit(X[:2000])
    model.score_samples(X[:10])
    started = time.perf_counter()
    model.score_samples(X)
    rate = n_rows / (time.perf_counter() - started)
    return {"ours": rate, "reference": 3000.0, "ratio": rate / 3000.0}


def measure(cell: Cell, data: str | None) -> Row:
    """Ask one question."""
    questions: dict[str, Callable[[int], Row]] = {
        "bulk": _bulk,
        "bulk_memory": _bulk_memory,
        "one_row_array": lambda n: _one_row(n, frame=False),
        "one_row_frame": lambda n: _one_row(n, frame=True),
        "import": _import,
        "score_samples": _score_samples,
    }
    return questions[cell["question"]](cell["rows"])


def summary(rows: list[Row]) -> str:
    """Figures of the project's aims."""
    by_question = {row["question"]: row for row in rows}

    def figure(question: str, name: str) -> float:
        return float(by_question[question][name]) if question in by_question else np.nan

    speed = 1 / figure("bulk", "ratio")
    return targets(
        [
            Target("bulk transform: speed over the bare module's", speed, 0.8, True),
            Target(
                "bulk transform: MiB beyond input and output", figure("bulk_memory", "ours"), 256
            ),
            Target("one row, ndarray: time over PCA's", figure("one_row_array", "ratio"), 3),
            Target("one row, DataFrame: time over PCA's", figure("one_row_frame", "ratio"), 3),
            Target("import: time over scikit-learn's", figure("import", "ratio"), 1.3),
            Target("score_samples: rows per second", figure("score_samples", "ours"), 3000, True),
        ]
    )


def main() -> None:
    options = read_options("answers", __doc__)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    # a quick run shares one process: starting six would take longer than the questions
    rows = run_cells(ledger, cells_of(options), measure, options, isolated=not options.quick)
    columns = [*KEYS, *VALUES]
    table = markdown(columns, [[row[name] for name in columns] for row in rows])
    report(options, rows, [str(__doc__).split("\n\n", 1)[1].strip(), summary(rows), table])


if __name__ == "__main__":
    main()
