"""Faults with known answers, planted in clean rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks._ordinary_maker import Cells, Frame, Ordinary

N_PLANTED = 60
NEW_WORD = "never seen before"
HUGE = 1e9
N_GROUPED = 12  # outliers that lie together
HIDDEN = 0.1


@dataclass(frozen=True)
class Fault:
    """Rows of which one column is wrong, and the same rows as they were."""

    kind: str
    column: str
    rows: Frame
    clean: Frame


def replaced(rows: Frame, column: str, cells: Cells) -> Frame:
    """Copy rows with other cells in a column, whatever their type."""
    import pandas as pd

    return rows.assign(**{column: pd.Series(cells, index=rows.index)})


def spread(cells: Cells) -> float:
    """Robust standard deviation, from the quartiles; the plain one where these coincide."""
    low, high = np.nanquantile(np.asarray(cells, dtype=float), [0.25, 0.75])
    return float((high - low) / 1.349 or np.nanstd(np.asarray(cells, dtype=float)))


def planted(table: Ordinary, rng: np.random.Generator) -> list[Fault]:
    """One fault of each kind for each column that can have it."""
    faults: list[Fault] = []

    def plant(kind: str, column: str, cells: Cells, rows: Frame) -> None:
        faults.append(Fault(kind, column, replaced(rows, column, cells), rows))

    def some(column: str) -> Frame:
        known = np.flatnonzero(table.new[column].notna())
        return table.new.iloc[rng.choice(known, N_PLANTED, replace=False)]

    column, value = table.typo
    plant("typo", column, np.full(N_PLANTED, value), some(column))
    for column in table.numbers:
        known = table.rows[column].to_numpy(dtype=float)
        far = np.nanmax(known) + 10 * spread(known)
        plant("far", column, np.full(N_PLANTED, far), some(column))
        plant("huge", column, np.full(N_PLANTED, HUGE), some(column))
    for column in table.columns("money"):
        cells = 100 * table.new[column].to_numpy(dtype=float)
        known = table.rows[column].to_numpy(dtype=float)
        # a hundred times a small price may be a price
        clear = np.flatnonzero(cells > 2 * np.nanmax(known))
        if len(clear) >= N_PLANTED // 2:
            rows = table.new.iloc[clear[:N_PLANTED]]
            plant("times 100", column, cells[clear[:N_PLANTED]], rows)
    for column in table.columns("constant"):
        number = table.rows[column].dtype.kind in "iuf"
        plant("constant", column, np.full(N_PLANTED, 400 if number else "us"), some(column))
    faults += _of_words(table, some)
    return faults


def _of_words(table: Ordinary, some: Callable[[str], Frame]) -> list[Fault]:
    """Words, dates and missing cells that ``fit`` has not seen."""
    import pandas as pd

    faults = []
    for column in table.columns("category"):
        rows = some(column)
        word = replaced(rows, column, np.full(len(rows), NEW_WORD, dtype=object))
        faults.append(Fault("new word", column, word, rows))
    for column in table.columns("date"):
        rows = some(column)
        text = rows[column].dt.strftime("%Y-%m-%d %H:%M").astype(object)
        faults.append(Fault("ISO date", column, rows.assign(**{column: text}), rows))
        late = rows.assign(**{column: rows[column] + pd.DateOffset(years=200)})
        faults.append(Fault("wrong century", column, late, rows))
    for column in table.columns("worded"):
        rows, form = some(column), table.format_of(column)
        late = pd.to_datetime(rows[column], format=form) + pd.DateOffset(years=200)
        cells = late.dt.strftime(form)
        faults.append(Fault("wrong century", column, rows.assign(**{column: cells}), rows))
    for column in table.modelled:
        if table.rows[column].notna().all():
            rows = some(column)
            gap = rows.assign(**{column: _missing_like(rows[column])})
            faults.append(Fault("first missing", column, gap, rows))
    return faults


def _missing_like(cells: Cells) -> Cells:
    """Hold nothing, in a type that can."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(cells):
        return pd.Series(np.full(len(cells), None, dtype=object), index=cells.index)
    if pd.api.types.is_numeric_dtype(cells):
        return pd.Series(np.nan, index=cells.index)
    return cells.where(np.zeros(len(cells), dtype=bool))


def masked(table: Ordinary, rng: np.random.Generator) -> tuple[Frame, Cells]:
    """Training rows with a group of outliers and one typo that is far beyond them.

    Returns the rows and what they are: 1 for an outlier, 2 for the typo.
    """
    what = np.zeros(len(table.rows), dtype=int)
    chosen = rng.choice(len(what), N_GROUPED + 1, replace=False)
    what[chosen[:-1]], what[chosen[-1]] = 1, 2
    column = table.typo[0]
    cells = table.rows[column].to_numpy(dtype=float).copy()
    out = np.nanmax(cells) + 8 * spread(cells)
    cells[what == 1] = np.round(out * (1 + 0.02 * rng.random(N_GROUPED)))
    cells[what == 2] = 1e4 * out
    return replaced(table.rows, column, cells), what


def hidden(table: Ordinary, rng: np.random.Generator) -> tuple[Frame, Cells]:
    """Hide cells of the clean rows; return these and a mask (rows, columns)."""
    mask = np.zeros(table.new.shape, dtype=bool)
    gaps = table.new.copy()
    for j, column in enumerate(gaps):
        if column not in table.modelled:
            continue
        mask[:, j] = (rng.random(len(gaps)) < HIDDEN) & gaps[column].notna().to_numpy()
        cells = gaps[column]
        if cells.dtype == bool:
            cells = cells.astype(object)
        gaps[column] = cells.where(~mask[:, j], None if cells.dtype == object else np.nan)
    return gaps, mask
