"""Are answers right on everybody's rows: ages, typos, identifiers, new words, gaps, dates?

Ten business tables are generated (`_ordinary_tables.py`), with faults whose right answers are
known (`_ordinary_faults.py`), and every verb of every model is asked about them, with its defaults.
What is right, and how near an answer has to come, was written down before anything was measured,
each bound with its reason (`_ordinary_answers.py`). A check that raises is not held. Each run draws
a new seed, unless `--seed` repeats one; `--before CHECKOUT` asks an earlier version of the package
beside this one, about the same rows.

    python -m benchmarks.ordinary_tables --before ../before [--seed 7] [--tables taxi logs]
"""

import argparse
import json
import math
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks._common import Ledger, Options, Row, markdown, read_options, report, show
from benchmarks._ordinary_answers import EXPECTED, Bound
from benchmarks._ordinary_groups import GROUPS, PEERS
from benchmarks._ordinary_tables import PLANS, QUICK

KEYS = ("seed", "table", "group", "model", "verb", "what")
VALUES = ("value", "held", "error", "cpu")
HERE = Path(__file__).resolve().parent
QUICK_GROUPS = ("encoder", "autoencoder", "detector")
# Whose peers they are.
BESIDE = {
    "IsolationForest": ("LatentAnomalyDetector",),
    "pyod": ("LatentAnomalyDetector",),
    "KMeans": ("LatentClusterer",),
    "Gaussian copula": ("VAETransformer",),
    "skrub": ("TabularEncoder", "AutoencoderTransformer", "VAETransformer"),
}
PAIR = tuple[str, str]


def read(about: str | None) -> tuple[Options, argparse.Namespace]:
    """Read the common options and those of this benchmark."""
    parser = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
    add = parser.add_argument
    add("--seed", type=int, help="seed of tables, faults and models (default: a new one)")
    add("--before", type=Path, metavar="CHECKOUT", help="an earlier version to ask as well")
    add("--tables", nargs="+", choices=list(PLANS), help="these alone")
    add("--groups", nargs="+", choices=list(GROUPS), help="these groups of checks alone")
    given, rest = parser.parse_known_args()
    sys.argv[1:] = rest  # the others are for the common reader
    more = parser.format_help().split("options:", 1)[1]
    options = read_options("ordinary_tables", f"{about}\nfurther options:{more}", threads=1)
    given.seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    given.tables = given.tables or list(QUICK if options.quick else PLANS)
    given.groups = given.groups or list(QUICK_GROUPS if options.quick else GROUPS)
    return options, given


def sources(root: Path) -> str:
    """Fingerprint of a checkout's package, as `benchmarks._common.code_version` has it."""
    say = "from benchmarks import _common; print(_common.code_version())"
    return _run(root, [sys.executable, "-P", "-c", say], HERE.parent).strip()


def _run(root: Path, command: list[str], also: Path) -> str:
    path = os.pathsep.join(map(str, (root, also)))
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True, text=True
    ).stdout


def answers(root: Path, seed: int, cells: list[PAIR], options: Options) -> Iterator[list[Row]]:
    """Ask the package of a checkout; give the rows of each cell when it is finished."""
    command = [sys.executable, "-P", str(HERE / "_ordinary_worker.py"), "--root", str(root)]
    command += ["--seed", str(seed), "--cells", ",".join(map(":".join, cells))]
    command += ["--threads", str(options.threads)] + (["--quick"] if options.quick else [])
    threads = {f"{name}_NUM_THREADS": str(options.threads) for name in ("OMP", "MKL", "OPENBLAS")}
    environment = {**os.environ, **threads, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        rows: list[Row] = []
        assert process.stdout is not None
        for line in process.stdout:
            row = json.loads(line)
            if "end" in row:
                yield rows
                rows = []
            else:
                rows.append(row)
    if process.returncode:
        raise SystemExit("The worker failed; a further run with the same --seed goes on.")


def ask(root: Path, given: argparse.Namespace, ledger: Ledger, options: Options) -> list[Row]:
    """Measure what is not measured yet; return the rows of all cells."""
    code = sources(root)

    def done(table: str, group: str) -> list[Row]:
        wanted = {"seed": given.seed, "code": code, "table": table, "group": group}
        return [r for r in ledger.rows if all(str(r[k]) == str(v) for k, v in wanted.items())]

    pairs = [(table, group) for table in given.tables for group in given.groups]
    waiting = [pair for pair in pairs if not done(*pair)]
    if waiting:
        for rows in answers(root, given.seed, waiting, options):
            for row in rows:
                ledger.add({key: {**row, "seed": given.seed}[key] for key in KEYS}, row)
            held = sum(row["held"] for row in rows)
            print(code, rows[0]["table"], rows[0]["group"], f"{held} of {len(rows)}", flush=True)
    return [row for pair in pairs for row in done(*pair)]


# -- summary ---------------------------------------------------------------------------------------


def bound_of(row: Row) -> Bound:
    return EXPECTED[row["verb"], row["what"]]


def sign(bound: Bound) -> str:
    return f"{'>=' if bound.at_least else '<='} {bound.value:g}"


def worst(rows: list[Row]) -> str:
    """The worst value over the tables, and on how many of them the bound is held."""
    if not rows:
        return ""
    values = [float(row["value"]) for row in rows]
    failed = sum(map(math.isnan, values))
    least = (min if bound_of(rows[0]).at_least else max)(values) if not failed else math.nan
    text = f"{failed} errors" if failed else show(least)
    return f"{text} ({sum(bool(row['held']) for row in rows)}/{len(rows)})"


def tables_of(before: list[Row], now: list[Row], peers: list[Row]) -> list[str]:
    """A table for each model: worst value over the tables before and now, beside the bound."""

    def of(rows: list[Row], *key: str) -> list[Row]:
        return [r for r in rows if (r["model"], r["verb"], r["what"]) == key]

    parts = []
    for model in dict.fromkeys(row["model"] for row in now):
        lines = []
        for key in dict.fromkeys((r["verb"], r["what"]) for r in now if r["model"] == model):
            beside = "; ".join(
                f"{name} {worst(rows)}"
                for name in dict.fromkeys(row["model"] for row in peers)
                if model.startswith(_whose(name)) and (rows := of(peers, name, *key))
            )
            line = [worst(of(before, model, *key)), worst(of(now, model, *key))]
            lines.append([*key, *line, sign(EXPECTED[key]), beside])
        head = ["verb", "what", "before: worst (held)", "now: worst (held)", "bound", "peers"]
        parts += [f"## {model}", markdown(head, lines)]
    return parts


def _whose(peer: str) -> tuple[str, ...]:
    return next(models for name, models in BESIDE.items() if peer.startswith(name))


def not_held(rows: list[Row]) -> str:
    """List what is not held, table by table."""
    lines = [
        [
            *(row[key] for key in ("model", "verb", "what", "table")),
            float(row["value"]),
            sign(bound_of(row)),
            str(row["error"]).replace("|", "/"),
        ]
        for row in sorted(rows, key=lambda row: (row["model"], row["verb"], row["what"]))
        if not row["held"]
    ]
    if not lines:
        return "Every bound is held."
    head = ["model", "verb", "what", "table", "value", "bound", "error"]
    return markdown(head, lines)


def counts(before: list[Row], now: list[Row]) -> str:
    """How many bounds are held, and how many checks raised."""
    lines = []
    for name, rows in (("before", before), ("now", now)):
        if rows:
            errors = sum(row["error"] != "" for row in rows)
            held = sum(bool(row["held"]) for row in rows)
            lines.append([name, rows[0]["code"], len(rows), held, len(rows) - held, errors])
    return markdown(["build", "sources", "checks", "held", "not held", "raised"], lines)


def main() -> None:
    options, given = read(__doc__)
    print(f"seed {given.seed}; --seed {given.seed} repeats this run, or goes on with it")
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    before, now = [], ask(HERE.parent, given, ledger, options)
    peers = [row for row in now if row["group"] == PEERS]
    now = [row for row in now if row["group"] != PEERS]
    if given.before:
        groups = [group for group in given.groups if group != PEERS]
        given = argparse.Namespace(**{**vars(given), "groups": groups})
        before = ask(given.before.resolve(), given, ledger, options)
    about = str(__doc__).split("\n\n", 1)[1].strip()
    beside = " --before CHECKOUT" if before else ""
    head = (
        f"Seed {given.seed} (`--seed {given.seed}{beside}`). Values are the worst over the tables, "
        f"with the number of tables on which the bound is held. Peers: {_peers_here()}."
    )
    parts = [about, head, counts(before, now), *tables_of(before, now, peers)]
    report(options, [*before, *now, *peers], [*parts, "## Not held now", not_held(now)])


def _peers_here() -> str:
    """Say which optional peers are here."""
    found = ["scikit-learn, a Gaussian copula"]
    for name in ("skrub", "pyod"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} is not installed")
    return ", ".join(found)


if __name__ == "__main__":
    main()
