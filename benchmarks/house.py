"""How entangled is the package? Figures of a checkout, each with the rule that counts it.

    python -m benchmarks.house [--root CHECKOUT] [--full] [--places]

``--full`` also times a training step beside a loop written by hand, and loads the saved files of
this checkout's tests/data with the package of the other one. ``--places`` lists what was counted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import _house_rules as rules
from benchmarks._common import markdown, n_cores

HERE = Path(__file__).resolve().parent
MODEL_FILES = r"^models/_?neighbor_(embedding|net)\.py$|^models/_?neighbor_embedding/"


@dataclass(frozen=True)
class Figure:
    """A figure, how it is counted, and where it was found."""

    name: str
    value: Any
    rule: str
    places: list[str] = field(default_factory=list)


def run_with(root: Path, arguments: list[str], *path: Path) -> str:
    """Run Python with the package of a checkout first on the path; return what it prints."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, [*path, root])),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{arguments[0]} failed:\n{done.stdout}")
    return done.stdout


# -- one fit -------------------------------------------------------------------------------------


def figures_of_a_fit(root: Path) -> list[Figure]:
    """What ``VAETransformer(max_steps=5, random_state=0)`` enters on 400 rows of a mixed table."""
    traced = json.loads(run_with(root, [str(HERE / "_house_fit.py"), str(root)]))
    functions = [tuple(one) for one in traced["functions"]]
    arrows = {tuple(one) for one in traced["arrows"]}
    mutual = sorted({tuple(sorted(pair)) for pair in arrows if pair[::-1] in arrows})
    fit = "in the first fit of VAETransformer(max_steps=5) on make_mixed_table(400)"
    return [
        Figure(
            "files entered by a fit",
            len({file for file, _ in functions}),
            f"files of the package with a function that is called {fit}; the table and the "
            "estimator are made before",
            [f"{file}: {n} functions" for file, n in Counter(f for f, _ in functions).items()],
        ),
        Figure(
            "functions entered by a fit",
            len(functions),
            "distinct pairs of file and qualified name; lambdas, comprehensions, generators and "
            "closures count as Python sees them",
            [f"{file}: {name}" for file, name in functions],
        ),
        Figure(
            "arrows between files",
            len(arrows),
            "pairs of files A != B: a function of B is entered, and the nearest frame of the "
            "package below it is in A, also through frames of torch, skorch or sklearn; the "
            "script that calls fit counts as a file",
            [f"{a} -> {b}" for a, b in sorted(arrows)],
        ),
        Figure(
            "mutual pairs of files",
            len(mutual),
            "pairs with arrows both ways",
            [f"{a} <-> {b}" for a, b in mutual],
        ),
    ]


# -- source files --------------------------------------------------------------------------------


def figures_of_sources(root: Path) -> list[Figure]:
    """What the source files say."""
    files = rules.files_of(root)
    return [*_forks(files), *_private(files), *_hooks(files, root), *_lines(files, root)]


def _forks(files: list[rules.File]) -> list[Figure]:
    models = rules.forks(files, rules.MODEL_LAYERS)
    others = [place for place in models if place.path != rules.SEAM]
    tasks = rules.forks(files, rules.TASK_LAYERS)
    rule = "if statements and conditional expressions whose test asks for the kind of table, in "
    return [
        Figure(
            "forks on the kind of table: models",
            len(others),
            f"{rule}base, models/, parts/, without {rules.SEAM}",
            [*map(str, others)],
        ),
        Figure("the same with that file", len(models), f"{rule}base, models/ and parts/"),
        Figure(
            "forks on the kind of table: tasks and metrics",
            len(tasks),
            f"{rule}tasks/ and metrics/",
            [*map(str, tasks)],
        ),
    ]


def _private(files: list[rules.File]) -> list[Figure]:
    uses = rules.private_uses(files)
    own = rules.private_methods_of(files, "TabularEncoder")
    of_encoder = [use for use in uses if use.what.split(".")[-1] in own]
    names = {use.what.split(".")[-1] for use in of_encoder}
    return [
        Figure(
            "uses of private methods of another folder",
            len(uses),
            "x._name, x not self, cls or super(), where a class of another folder defines the "
            "method or property _name and no class of this folder does",
            [*map(str, uses)],
        ),
        Figure(
            "of these, methods of TabularEncoder",
            f"{len(of_encoder)} uses, {len(names)} methods, {len({u.path for u in of_encoder})} "
            "files",
            "those whose name TabularEncoder defines",
        ),
    ]


def _hooks(files: list[rules.File], root: Path) -> list[Figure]:
    found = rules.hooks(files)
    every = found.methods | found.declarations
    documented = rules.documented_hooks(every, root)
    rule = (
        "names that an ancestor in base (or a Body) and the class or an ancestor in models/ or "
        "parts/ define; and methods that a base calls on self and gets from there alone"
    )
    return [
        Figure("hooks of the base", len(found.methods), f"methods: {rule}", sorted(found.methods)),
        Figure(
            "class attributes that models declare",
            len(found.declarations),
            "the same with class attributes",
            sorted(found.declarations),
        ),
        Figure(
            "documented, of both",
            len(documented),
            "those that docs/develop/add_a_model.rst names",
            sorted(documented),
        ),
    ]


def _lines(files: list[rules.File], root: Path) -> list[Figure]:
    selves = rules.untyped_selves(files)
    example = (root / "docs" / "develop" / "example_model.py").read_text(encoding="utf-8")
    of_model = [file.text for file in files if re.search(MODEL_FILES, file.path)]
    rule = (
        "lines with code, without comments, docstrings and blank lines; then by the rule of "
        "tests/test_architecture.py, which leaves out signatures and __init__ as well"
    )
    return [
        Figure(
            "methods with self: Any",
            len(selves),
            "in the whole package",
            [*map(str, selves)],
        ),
        Figure(
            "lines of NeighborEmbedding with its net",
            rules.lines_of(of_model),
            f"{rule}; files {MODEL_FILES.replace('|', ' or ')}",
        ),
        Figure(
            "lines of the example model",
            f"{len(example.splitlines())} in all, {rules.lines_of([example])}",
            f"docs/develop/example_model.py: all; {rule}",
        ),
    ]


# -- in full -------------------------------------------------------------------------------------

MEASURE = """
import json, sys
from benchmarks.training_overhead import measure
cells = [{"batch_size": n, "threads": 1, "steps": 700, "repetitions": 11} for n in (128, 512)]
print(json.dumps([measure(cell, None) for cell in cells]))
"""


def figures_of_training(root: Path) -> list[Figure]:
    """Seconds per step over those of a hand-written loop, by the checkout's own benchmark."""
    found = json.loads(run_with(root, ["-c", MEASURE]).splitlines()[-1])
    return [
        Figure(
            f"seconds per step over a hand-written loop, batch {size}",
            f"{row['engine_over_hand_cpu']:.3f} cpu, {row['engine_over_hand_wall']:.3f} wall",
            "median of 11 interleaved repetitions of 700 steps, one thread "
            "(benchmarks/training_overhead.py)",
        )
        for size, row in zip((128, 512), found, strict=True)
    ]


def figures_of_saved_files(root: Path) -> list[Figure]:
    """Saved files of this checkout that the package of the other one reads."""
    tests = HERE.parent / "tests" / "contract" / "test_saved_files.py"
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "-k", "keeps_its_answers"]
    place = ["--rootdir", str(HERE.parent), "-c", str(HERE.parent / "pyproject.toml")]
    with tempfile.TemporaryDirectory() as folder:
        # the package of one checkout beside the tests of another
        (Path(folder) / "sklatent").symlink_to(root / "sklatent", target_is_directory=True)
        said = run_with(
            HERE.parent,
            ["-m", "pytest", str(tests), *options, *place, "-o", "pythonpath="],
            Path(folder),
        )
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", said)}
    return [
        Figure(
            "saved files that load and answer as they did",
            f"{counts.get('passed', 0)} of {sum(counts.values())}",
            "tests/contract/test_saved_files.py: every kept answer to 1e-6 of its column's scale, "
            "words exactly",
        )
    ]


# -- report --------------------------------------------------------------------------------------


def commit_of(root: Path) -> str:
    """The commit that a checkout stands at, and whether it was changed since."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "sklatent") else ""
    return f"{git('rev-parse', '--short=7', 'HEAD') or 'no commit'}{changed}"


def text_of(root: Path, figures: list[Figure], *, full: bool) -> str:
    """The report in Markdown."""
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{n} {version(n)}" for n in ("numpy", "scikit-learn", "torch", "skorch")]
    options = " --root CHECKOUT" if root != HERE.parent else ""
    return "\n\n".join(
        [
            f"    python -m benchmarks.house{options}{' --full' if full else ''}",
            f"{datetime.now(UTC):%Y-%m-%d}, commit {commit_of(root)}, {n_cores()} cores, "
            f"{platform.system()} {platform.machine()}; {', '.join(versions)}",
            markdown(["figure", "value", "rule"], [[f.name, f.value, f.rule] for f in figures]),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.house",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--root", type=Path, default=HERE.parent, help="the checkout (default: this one)")
    add("--full", action="store_true", help="time training steps and load saved files, too")
    add("--places", action="store_true", help="list what was counted")
    given = parser.parse_args()
    root = given.root.resolve()
    figures = [*figures_of_a_fit(root), *figures_of_sources(root)]
    if given.full:
        figures += [*figures_of_saved_files(root), *figures_of_training(root)]
    if given.places:
        for figure in figures:
            print(f"{figure.name}: {figure.value}")
            print("".join(f"    {place}\n" for place in figure.places))
    print(text_of(root, figures, full=given.full))


if __name__ == "__main__":
    main()
