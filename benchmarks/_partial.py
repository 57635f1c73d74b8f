"""For benchmarks that take hours: run a part of the cells, and report on those that are there."""

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks._common import Cell, Ledger, Options, Row, check_sane, read_options


def read_partial(
    name: str, about: str | None, methods: Sequence[str], *, quick: Sequence[str]
) -> tuple[Options, argparse.Namespace]:
    """Read the common options and three more: ``splits``, ``methods`` and ``summary``."""
    parser = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
    add = parser.add_argument
    add("--splits", type=int, default=20, help="halvings of each small table (mixed alone)")
    add("--methods", nargs="+", choices=methods, help="measure these alone")
    add("--summary", action="store_true", help="measure nothing more, report on what is there")
    given, rest = parser.parse_known_args()
    sys.argv[1:] = rest  # the others are for the common reader
    more = parser.format_help().split("options:", 1)[1]
    options = read_options(name, f"{about}\nfurther options:{more}", threads=1)
    given.methods = given.methods or list(quick if options.quick else methods)
    return options, given


def finished(ledger: Ledger, planned: list[Cell]) -> tuple[list[Row], str]:
    """Rows of the cells that are there, and a sentence on which are not."""
    done = [cell for cell in planned if ledger.has(cell)]
    rows = check_sane(ledger.select(done), done)
    left: dict[str, list[str]] = {}
    for cell in planned:
        if cell not in done:
            *place, last = [str(value) for value in cell.values()]
            left.setdefault(" ".join(place), []).append(last)
    if not left:
        return rows, "All cells were measured."
    lines = [f"- {place}: {', '.join(lasts)}" for place, lasts in left.items()]
    return rows, "\n".join(["Not measured:", "", *lines])


def found(rows: list[Row], figure: str, **wanted: Any) -> list[float]:
    """Values of a figure in the rows of these cells that have it."""
    chosen = [r for r in rows if all(r[key] == value for key, value in wanted.items())]
    return [float(r[figure]) for r in chosen if r.get(figure, "") != ""]


def mean(rows: list[Row], figure: str, **wanted: Any) -> float:
    """Their mean; NaN of nothing."""
    values = found(rows, figure, **wanted)
    return float(np.mean(values)) if values else math.nan
