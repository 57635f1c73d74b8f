"""Checks of a table: each gives a number or an error, none ends the run."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks._ordinary_answers import EXPECTED
from benchmarks._ordinary_faults import Fault, planted
from benchmarks._ordinary_maker import GRIDS, Cells, Frame, Ordinary


class Once:
    """A call made at most once, whose error comes again each time."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call, self.answer, self.error, self.made = call, None, None, False

    def __call__(self) -> Any:
        if not self.made:
            self.made = True
            try:
                self.answer = self.call()
            except Exception as error:  # noqa: BLE001 - it is the answer
                self.error = error
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass
class Asked:
    """A model and a table, and what was found."""

    table: Ordinary
    model: str
    seed: int
    steps: int | str = "auto"
    found: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = planted(self.table, self.rng(1))

    def rng(self, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, use, *self.table.name.encode()])

    def of(self, *kinds: str) -> list[Fault]:
        """Faults of these kinds."""
        return [fault for fault in self.faults if fault.kind in kinds]

    def ask(self, verb: str, what: str, call: Callable[[], float | None]) -> None:
        """Note a value; a call that gives None does not apply to this table."""
        error, value = "", float("nan")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = call()
            if answer is None:
                return
            value = float(answer)
        except Exception as problem:  # noqa: BLE001 - a check that raises is not held
            text = str(problem).strip().splitlines() or [""]
            error = f"{type(problem).__name__}: {text[0]}"[:200]
        held = bool(EXPECTED[verb, what].holds(value))
        row = {"model": self.model, "verb": verb, "what": what}
        self.found.append({**row, "value": value, "held": held, "error": error})

    def as_model(self, name: str) -> "Asked":
        """Ask another model, and note it here."""
        return replace(self, model=name, found=self.found)

    def about(self, table: Ordinary) -> "Asked":
        """Ask about another table, and note it here."""
        return replace(self, table=table, found=self.found)


def share(flags: Any) -> float | None:
    """Mean of flags; None of nothing."""
    flags = np.asarray(list(flags) if not isinstance(flags, np.ndarray) else flags, dtype=float)
    return float(flags.mean()) if len(flags) else None


def answered(call: Callable[[Frame], Any], faults: list[Fault], *, gaps: bool = False) -> float:
    """Share of the faults whose rows all get finite answers; ``gaps`` may stay gaps."""
    good = []
    for fault in faults:
        try:
            found = np.asarray(call(fault.rows), dtype=float)
            good.append(bool((np.isfinite(found) | (gaps & np.isnan(found))).all()))
        except Exception:  # noqa: BLE001 - no answer
            good.append(False)
    return float(np.mean(good))


# -- rows that a model returns ---------------------------------------------------------------------


def same_types(table: Ordinary, rows: Frame) -> float:
    """Share of the columns of the type that ``fit`` saw, in their order."""
    if list(rows) != list(table.rows):
        return 0.0
    # what nobody may return is missing, in any type that can be
    return float(np.mean([rows[c].dtype == table.rows[c].dtype for c in table.modelled]))


def ask_roles(asked: Asked, verb: str, rows: Callable[[], Frame]) -> None:
    """Count the identifiers and the sentences that equal one of ``fit``."""
    table = asked.table

    def returned(columns: list[str]) -> float:
        return float(sum(rows()[c].isin(table.rows[c].dropna()).sum() for c in columns))

    for kind, what in (("id", "identifiers returned"), ("text", "texts returned")):
        if columns := table.columns(kind):
            asked.ask(verb, what, lambda columns=columns: returned(columns))


def on_grid(table: Ordinary, rows: Frame, columns: list[str] | None = None) -> float | None:
    """Share of the numbers that lie on the grid of their column."""
    good = []
    for column in table.columns(*GRIDS) if columns is None else columns:
        cells = rows[column].dropna().to_numpy(dtype=float) / GRIDS[table.kinds[column]]
        good.append(np.abs(cells - np.round(cells)) < 1e-6)
    return float(np.concatenate(good).mean()) if good else None


def in_range(table: Ordinary, rows: Frame) -> float:
    """Share of the numbers and dates within what ``fit`` saw."""
    good = []
    for column in [*table.numbers, *table.columns("date")]:
        known, cells = table.rows[column].dropna(), rows[column].dropna()
        good.append(((cells >= known.min()) & (cells <= known.max())).to_numpy())
    return float(np.concatenate(good).mean())


def known_words(table: Ordinary, rows: Frame) -> float | None:
    """Share of the categories and codes that ``fit`` saw."""
    columns = table.columns("category", "code", "bool")
    good = [rows[c].dropna().isin(table.rows[c].dropna()).to_numpy() for c in columns]
    return float(np.concatenate(good).mean()) if good else None


def readable(table: Ordinary, rows: Frame) -> float | None:
    """Share of the dates in words that are dates, in the format of their column."""
    import pandas as pd

    good = [
        pd.to_datetime(rows[c].dropna(), format=table.format_of(c), errors="coerce").notna()
        for c in table.columns("worded")
    ]
    return float(np.concatenate(good).mean()) if good else None


def same_cells(column: Cells, other: Cells) -> Cells:
    """Which cells of two columns are equal, missing ones to one another."""
    first, second = column.to_numpy(dtype=object), other.to_numpy(dtype=object)
    gaps = column.isna().to_numpy(), other.isna().to_numpy()
    equal = np.array([bool(a == b) for a, b in zip(first, second, strict=True)])
    return np.where(gaps[0] | gaps[1], gaps[0] & gaps[1], equal)


def form_of(cell: Any) -> str:
    """Digits, letters and signs of an identifier: ORD-0123 is AAA-9999."""
    if isinstance(cell, int | float | np.number):
        return "number"
    signs = ["9" if c.isalnum() and (c.isdigit() or c in "abcdefABCDEF") else c for c in str(cell)]
    return "".join(signs)


def new_of_form(table: Ordinary, rows: Frame) -> float | None:
    """Share of the identifiers that are new, different, and written like those of ``fit``."""
    columns = table.columns("id")
    if not columns:
        return None
    shares = []
    for column in columns:
        forms = {form_of(cell) for cell in table.rows[column]}
        cells, known = rows[column], set(table.rows[column])
        fresh = ~cells.duplicated().to_numpy() & ~cells.isna().to_numpy()
        good = [form_of(cell) in forms and cell not in known for cell in cells]
        shares.append((np.array(good) & fresh).mean())
    return float(np.mean(shares))
