"""What the benchmarks share: options, a ledger of finished cells, and the report."""

import argparse
import csv
import hashlib
import math
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

import sklatent

Cell = dict[str, Any]
Row = dict[str, Any]
Measure = Callable[[Cell, str | None], Row]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Options:
    """The command line."""

    name: str
    data: str | None
    quick: bool
    output: Path
    fresh: bool
    threads: int
    jobs: int
    seeds: int = 3

    @property
    def command(self) -> str:
        """The command without the caller's folders."""
        given = ["--data", "DIR"] if self.data else []
        given += ["--quick"] if self.quick else []
        given += ["--seeds", str(self.seeds)] if self.seeds != 3 else []
        given += ["--threads", str(self.threads), "--jobs", str(self.jobs)]
        return f"python -m benchmarks.{self.name} {shlex.join(given)}"


def read_options(name: str, about: str | None, *, threads: int = 2, jobs: int = 1) -> Options:
    """Read the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", metavar="DIR", help="folder of further tables (see benchmarks/README.md)")
    add("--quick", action="store_true", help="a smoke test: few cells, no timed assertion")
    add("--output", type=Path, metavar="CSV", help="default: results/ (--quick: a temporary file)")
    add("--fresh", action="store_true", help="measure finished cells again")
    add("--threads", type=int, default=threads, help="threads of a process (default %(default)s)")
    add("--jobs", type=int, default=jobs, help="processes side by side (default %(default)s)")
    add("--seeds", type=int, default=3, help="seeds of each fit, where a benchmark has several")
    given = parser.parse_args()
    output = given.output
    if output is None and given.quick:
        output = Path(tempfile.mkdtemp(prefix="benchmark-")) / f"{name}.csv"
    return Options(
        name=name,
        data=given.data,
        quick=given.quick,
        output=output or RESULTS / f"{name}.csv",
        fresh=given.fresh,
        threads=1 if given.quick else given.threads,
        jobs=1 if given.quick else given.jobs,
        seeds=given.seeds,
    )


def limit_threads(n: int) -> None:
    """Give torch, BLAS and OpenMP the same number of threads in this process."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(n)
    threadpool_limits(n)


@cache
def warm_up() -> None:
    """Fit once: the first optimizer of a process costs a second that no later fit pays."""
    X = np.random.RandomState(0).randn(500, 4)
    sklatent.AutoencoderTransformer(2, max_steps=5, random_state=0).fit(X)


def available(names: Iterable[str]) -> list[str]:
    """Keep the models that this version of the package has."""
    needs = {"vae": "VAETransformer", "vae_auto": "VAETransformer"}
    return [name for name in names if name not in needs or _has(needs[name])]


def _has(name: str) -> bool:
    try:
        return hasattr(sklatent, name)
    except ImportError:
        return False


# -- cells ---------------------------------------------------------------------------------------


@cache
def code_version() -> str:
    """Fingerprint of the package's sources: rows of different code are told apart."""
    digest = hashlib.sha256()
    package = Path(sklatent.__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


class Ledger:
    """A CSV file with one row for each finished cell, written as soon as it is known.

    A cell is a dict of parameters (the keys), its row has the measured values besides.
    """

    def __init__(self, path: Path, keys: Sequence[str], values: Sequence[str], fresh: bool) -> None:
        self.path, self.keys = path, list(keys)
        self.fields = [*keys, *values, "code"]
        self.rows: list[Row] = []
        if path.exists() and not fresh:
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != self.fields:
                    raise SystemExit(f"{path} has other columns; move it away or use --fresh.")
                self.rows = [{key: _parse(text) for key, text in row.items()} for row in reader]
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.DictWriter(file, self.fields, lineterminator="\n").writeheader()

    def has(self, cell: Cell) -> bool:
        """Whether the cell is finished."""
        wanted = [str(cell[key]) for key in self.keys]
        return any([str(row[key]) for key in self.keys] == wanted for row in self.rows)

    def add(self, cell: Cell, values: Row) -> None:
        """Write the row of a cell."""
        row = {"code": code_version(), **cell, **values}
        with self.path.open("a", newline="") as file:
            written = {key: _unparse(value) for key, value in row.items()}
            csv.DictWriter(file, self.fields, lineterminator="\n").writerow(written)
        self.rows.append(row)

    def select(self, cells: Iterable[Cell]) -> list[Row]:
        """Rows of these cells that are finished, in their order."""
        found = {tuple(str(row[key]) for key in self.keys): row for row in self.rows}
        wanted = [tuple(str(cell[key]) for key in self.keys) for cell in cells]
        return [found[key] for key in wanted if key in found]


def _parse(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _unparse(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def run_cells(
    ledger: Ledger,
    cells: list[Cell],
    measure: Measure,
    options: Options,
    *,
    isolated: bool = False,
) -> list[Row]:
    """Measure the cells that are not finished; return the rows of all of them.

    ``isolated`` gives each cell a process of its own, one after the other: for memory.
    A cell that fails is reported and left out, the others go on; the run then ends in an error.
    """
    waiting = [cell for cell in cells if not ledger.has(cell)]
    if len(waiting) < len(cells):
        print(f"{len(cells) - len(waiting)} of {len(cells)} cells are finished already")
    failed = 0
    for cell, values in _measured(waiting, measure, options, isolated):
        if isinstance(values, BaseException):
            failed += 1
            print("FAILED", cell, file=sys.stderr)
            traceback.print_exception(values, file=sys.stderr)
            continue
        ledger.add(cell, values)
        print(" ".join(f"{value}" for value in cell.values()), "->", _short(values), flush=True)
    if failed:
        raise SystemExit(f"{failed} cells failed; a further run repeats them alone.")
    return check_sane(ledger.select(cells), cells)


def _measured(
    cells: list[Cell], measure: Measure, options: Options, isolated: bool
) -> Iterator[tuple[Cell, Row | BaseException]]:
    if options.jobs == 1 and not isolated:
        limit_threads(options.threads)
        for cell in cells:
            yield cell, _guarded(measure, cell, options.data)
        return
    # a forked child would inherit torch's thread pool in an unknown state
    with ProcessPoolExecutor(
        1 if isolated else options.jobs,
        get_context("spawn"),
        initializer=limit_threads,
        initargs=(options.threads,),
        max_tasks_per_child=1 if isolated else None,
    ) as pool:
        jobs = {pool.submit(_guarded, measure, cell, options.data): cell for cell in cells}
        for job in as_completed(jobs):
            yield jobs[job], job.result()


def _guarded(measure: Measure, cell: Cell, data: str | None) -> Row | BaseException:
    try:
        return measure(cell, data)
    except Exception as error:  # noqa: BLE001 - handed back, reported, and fatal in the end
        return error


def check_sane(rows: list[Row], cells: list[Cell]) -> list[Row]:
    """Refuse to report missing cells or numbers that are none."""
    if len(rows) != len(cells) or not rows:
        raise SystemExit(f"{len(rows)} rows for {len(cells)} cells")
    for row in rows:
        for key, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise SystemExit(f"{key} is {value} in {row}")
    return rows


def _short(values: Row) -> str:
    return ", ".join(f"{key} {show(value)}" for key, value in values.items())


# -- report --------------------------------------------------------------------------------------


def median(values: Iterable[float]) -> float:
    """Median as a plain float; nan of nothing."""
    found = list(values)
    return float(np.median(found)) if found else math.nan


def geometric_mean(values: Iterable[float]) -> float:
    """Geometric mean as a plain float; nan of nothing."""
    found = list(values)
    return float(np.exp(np.mean(np.log(found)))) if found else math.nan


def show(value: Any) -> str:
    """Format a cell of a table."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def markdown(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Format a table that reads well as text, too."""
    cells = [list(header), *([show(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


@dataclass(frozen=True)
class Target:
    """A figure, what it has to reach, and whether it does."""

    what: str
    value: float
    bound: float
    at_least: bool = False

    def row(self) -> list[Any]:
        if math.isnan(self.value):
            reached = "not measured"
        else:
            good = self.value >= self.bound if self.at_least else self.value <= self.bound
            reached = "yes" if good else "NO"
        return [self.what, self.value, f"{'>=' if self.at_least else '<='} {self.bound:g}", reached]


def targets(found: Iterable[Target]) -> str:
    """Format figures against their targets."""
    header = ["figure", "measured", "target", "reached"]
    return markdown(header, [target.row() for target in found])


def report(options: Options, rows: list[Row], parts: Sequence[str]) -> None:
    """Print the summary and keep it beside the CSV file, with what it was measured by."""
    packages = ("numpy", "scikit-learn", "torch", "skorch")
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in packages]
    codes = sorted({str(row["code"]) for row in rows})
    head = [
        f"# {options.name}",
        f"    {options.command}",
        f"{datetime.now(UTC):%Y-%m-%d}, {len(rows)} cells, {n_cores()} cores, "
        f"{platform.system()} {platform.machine()}; {', '.join(versions)}, "
        f"sklatent {sklatent.__version__} (sources {', '.join(codes)})",
    ]
    text = "\n\n".join([*head, *parts]) + "\n"
    print("\n" + text)
    options.output.with_suffix(".md").write_text(text, encoding="utf-8")


def n_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
