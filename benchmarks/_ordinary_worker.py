"""Ask the models of whatever sklatent is first on the path; print a line of JSON for each check.

Started by ``ordinary_tables`` as a process of its own.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import sklatent  # from the checkout that is asked, before the benchmarks' own comes in sight

QUICK_ROWS, QUICK_STEPS = 200, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cells", required=True, help="table:group, with commas between")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    if not Path(sklatent.__file__).resolve().is_relative_to(given.root.resolve()):
        raise SystemExit(f"{sklatent.__file__} is not in {given.root}")
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from benchmarks._common import code_version, limit_threads, warm_up

    limit_threads(given.threads)
    warm_up()
    for cell in given.cells.split(","):
        table, group = cell.split(":")
        for found in asked(table, group, given.seed, given.quick):
            print(json.dumps({"table": table, "group": group, "code": code_version(), **found}))
        print(json.dumps({"table": table, "group": group, "end": True}), flush=True)


def asked(name: str, group: str, seed: int, quick: bool) -> list[dict[str, Any]]:
    """Checks of one table and one group of verbs, with the CPU seconds of them all."""
    from benchmarks._ordinary_asked import Asked
    from benchmarks._ordinary_groups import GROUPS
    from benchmarks._ordinary_tables import make_table

    warnings.simplefilter("ignore")
    table = make_table(name, seed, QUICK_ROWS if quick else None)
    case = Asked(table, GROUPS[group][0], seed, QUICK_STEPS if quick else "auto")
    started = time.process_time()
    GROUPS[group][1](case)
    seconds = time.process_time() - started
    return [{**found, "cpu": seconds} for found in case.found]


if __name__ == "__main__":
    main()
