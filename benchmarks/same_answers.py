"""Does a checkout answer as another one did, to the last bit?

Every public estimator is fitted in many variants on fixed seeds, in a process that has the package
of the checkout first on its path and one thread. Kept are the answers of every verb, the fitted
attributes, warnings and refusals, each with the sha256 of its bytes.

    python -m benchmarks.same_answers --root CHECKOUT --save before.npz
    python -m benchmarks.same_answers --compare before.npz

Answers are comparable on one machine with the same versions of the libraries. A difference of
numbers is given relative to the largest one of its column, one of words as the share of the cells.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
Key = tuple[str, str]  # the case and the verb


@dataclass(frozen=True)
class Answers:
    """Answers as they are stored: a fingerprint for each case and verb, and the arrays."""

    digests: dict[Key, str]
    arrays: dict[Key, dict[str, np.ndarray]]


def compute(root: Path, save: Path, only: str) -> None:
    """Write the answers of a checkout."""
    worker = [sys.executable, "-P", str(HERE / "_answer_worker.py")]
    options = ["--root", str(root), "--save", str(save.resolve()), "--only", only]
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    subprocess.run([*worker, *options], cwd=root, env=environment, check=True)


def read(file: Path) -> Answers:
    """Read stored answers."""
    with np.load(file) as stored:
        loaded = dict(stored)
    digests = {(case, verb): sha for case, verb, sha in loaded.pop("digests").reshape(-1, 3)}
    arrays: dict[Key, dict[str, np.ndarray]] = {key: {} for key in digests}
    for name, array in loaded.items():
        case, verb, piece = name.split("|")
        arrays[case, verb][piece] = array
    return Answers(digests, arrays)


def difference(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> str:
    """Say how far two answers lie apart."""
    if ours.keys() != theirs.keys():
        return f"another kind of answer: {sorted(ours)} instead of {sorted(theirs)}"
    said = []
    for name, before in theirs.items():
        now = ours[name]
        if now.dtype == before.dtype and now.shape == before.shape:
            if now.tobytes() == before.tobytes():
                continue
            said.append(f"{name} {_distance(now, before)}".strip())
        else:
            kinds = [f"{a.dtype} {a.shape}" for a in (now, before)]
            said.append(f"{name} {kinds[0]} instead of {kinds[1]}".strip())
            if now.dtype.kind == "U":
                said[-1] += f": {_first_words(now, before)}"
    return ", ".join(said)


def _distance(now: np.ndarray, before: np.ndarray) -> str:
    if now.dtype.kind == "U":
        share = f"{np.mean(now != before):.0%} of the cells"
        return f"{share}: {_first_words(now, before)}"
    a, b = (np.atleast_1d(x.astype(np.float64)) for x in (now, before))
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return "other cells are NaN"
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    scale = np.maximum(np.abs(b).max(0, keepdims=True), np.finfo(float).tiny)
    return f"{np.max(np.abs(a - b) / scale):.2g}"


def _first_words(now: np.ndarray, before: np.ndarray) -> str:
    ours, theirs = ([str(cell) for cell in x.ravel()] for x in (now, before))
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            return f"{one[:300]} instead of {other[:300]}"
    return f"{ours[len(theirs) :]} besides, {theirs[len(ours) :]} missing"


def compare(ours: Answers, theirs: Answers) -> bool:
    """Print case by case how answers differ; return whether none does."""
    keys = list(dict.fromkeys([*theirs.digests, *ours.digests]))
    n_equal = 0
    for case in dict.fromkeys(case for case, _ in keys):
        said = []
        for key in (key for key in keys if key[0] == case):
            if key not in ours.digests or key not in theirs.digests:
                said.append(f"{key[1]}: {'new' if key in ours.digests else 'missing'}")
            elif ours.digests[key] == theirs.digests[key]:
                n_equal += 1
            else:
                said.append(f"{key[1]}: {difference(ours.arrays[key], theirs.arrays[key])}")
        print(f"{case}: {'; '.join(said) or 'equal'}")
    print(f"{n_equal} of {len(keys)} answers byte-equal")
    return n_equal == len(keys)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.same_answers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--root", type=Path, default=HERE.parent, help="the checkout (default: this one)")
    add("--save", type=Path, metavar="FILE", help="keep the answers")
    add("--compare", type=Path, metavar="FILE", help="answers to compare with")
    add("--only", default="", metavar="TEXT", help="only cases whose name has this text")
    given = parser.parse_args()
    if given.save is None and given.compare is None:
        parser.error("give --save, --compare or both")
    with tempfile.TemporaryDirectory() as folder:
        file = given.save or Path(folder) / "answers.npz"
        compute(given.root.resolve(), file, given.only)
        if given.compare is None:
            return
        ours, theirs = read(file), read(given.compare)
    if given.only:
        kept = {key: sha for key, sha in theirs.digests.items() if given.only in key[0]}
        theirs = Answers(kept, theirs.arrays)
    if not compare(ours, theirs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
