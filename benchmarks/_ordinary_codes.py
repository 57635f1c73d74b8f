"""Checks of what has codes: TabularEncoder, autoencoder, VAE and neighbour embedding."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._ordinary_asked import (
    Asked,
    Once,
    answered,
    ask_roles,
    in_range,
    on_grid,
    same_cells,
    same_types,
    share,
)
from benchmarks._ordinary_faults import replaced
from benchmarks._ordinary_maker import GRIDS, Frame, Ordinary
from benchmarks._ordinary_peers import as_numbers, word_columns

Model = Callable[[], Any]
CODES = 4


def fitted(asked: Asked, make: Callable[[], Any]) -> Model:
    """Fit once; keep the CPU seconds and what the warnings say."""

    def fit() -> Any:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            started = time.process_time()
            model = make().fit(asked.table.rows)
        model.seconds_ = time.process_time() - started
        model.told_ = [str(warning.message) for warning in told]
        return model

    return Once(fit)


def ask_fit(asked: Asked, model: Model) -> None:
    """Whatever is read otherwise than it stands there is said."""
    columns = asked.table.columns("id", "text", "worded")

    def named() -> float | None:
        told = " ".join(model().told_)
        return share(column in told for column in columns)

    asked.ask("fit", "roles named in warnings", named)


def ask_transform(asked: Asked, model: Model, *, gaps: bool = False) -> None:
    """Codes of rows with faults; ``gaps`` may stay gaps in an encoder of columns."""
    table = asked.table

    def once_named() -> float | None:
        good = []
        for fault in asked.of("new word"):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                model().transform(fault.rows)
            about = [one for one in told if fault.column in str(one.message)]
            good.append(len(about) == 1)
        return share(good)

    def iso() -> float | None:
        good = [
            same_codes(model().transform(fault.rows), model().transform(fault.clean))
            for fault in asked.of("ISO date")
        ]
        return share(good)

    asked.ask(
        "transform", "faults answered", lambda: answered(model().transform, asked.faults, gaps=gaps)
    )
    asked.ask("transform", "new word: one warning names it", once_named)
    asked.ask("transform", "ISO string is the date", iso)

    def told_apart() -> float | None:
        good = []
        for column in table.numbers:
            most = table.rows[column].max()
            rows = table.new.iloc[:20]
            at_most = replaced(rows, column, np.full(len(rows), most))
            beyond = next(f for f in asked.of("far") if f.column == column).rows[column].iloc[0]
            far = replaced(rows, column, np.full(len(rows), beyond))
            apart = np.abs(np.subtract(model().transform(far), model().transform(at_most)))
            good.append((np.nanmax(apart, axis=1) > 1e-6).all())
        return share(good)

    asked.ask("transform", "far cells told from the largest", told_apart)


def same_codes(first: Any, second: Any) -> bool:
    """Whether codes are equal; an identifier may have none."""
    first, second = (np.asarray(codes, dtype=float) for codes in (first, second))
    return np.allclose(first, second, equal_nan=True)


def ask_order(asked: Asked, model: Model) -> None:
    """A table of one row with growing cells of one column has a code that grows."""
    table = asked.table

    def kept() -> float | None:
        good = []
        for column in table.numbers:
            known = table.rows[column].dropna()
            steps = np.linspace(known.min(), known.max() + 3 * known.std(), 40)
            if table.kinds[column] in ("integer", "year"):
                steps = np.unique(np.round(steps))
            rows = table.rows.dropna().iloc[np.zeros(len(steps), dtype=int)].reset_index(drop=True)
            codes = np.asarray(model().transform(replaced(rows, column, steps)), dtype=float)
            moved = np.ptp(codes, axis=0) > 0
            good.append(moved.sum() == 1 and (np.diff(codes[:, moved], axis=0) >= 0).all())
        return share(good)

    asked.ask("transform", "order of numbers kept", kept)


def ask_decoded(
    asked: Asked, model: Model, *, exact: bool = False, affine: bool | None = None
) -> None:
    """Rows that come back from codes.

    Models of numbers alone, ``affine``, decode as PCA does: beyond the range, and whole numbers
    alone are rounded.
    """
    table = asked.table
    affine = not table.mixed if affine is None else affine
    rows = Once(lambda: model().inverse_transform(model().transform(table.new)))
    verb = "inverse_transform"
    whole = [c for c in table.columns(*GRIDS) if table.rows[c].dtype.kind in "iu"]
    grids = whole if affine else table.columns(*GRIDS)
    asked.ask(verb, "same types", lambda: same_types(table, rows()))
    asked.ask(verb, "numbers on their grid", lambda: on_grid(table, rows(), grids))
    ask_roles(asked, verb, rows)
    if not exact:
        if not affine:
            asked.ask(verb, "numbers in range", lambda: in_range(table, rows()))
        asked.ask(verb, "columns better than their middle", lambda: better(table, rows()))
        return

    def back() -> float:
        again = model().inverse_transform(model().transform(table.rows))
        return float(np.mean([_near(table, c, again) for c in table.modelled]))

    asked.ask(verb, "cells come back", back)


def _near(table: Ordinary, column: str, again: Frame) -> float:
    if table.kinds[column] != "real":
        return float(same_cells(table.rows[column], again[column]).mean())
    first, second = table.rows[column], again[column]
    return float(np.isclose(first, second, rtol=1e-5, equal_nan=True).mean())


def better(table: Ordinary, rows: Frame) -> float:
    """Share of the columns that are nearer to the truth than their median or mode."""
    truth, found = as_numbers(table, table.new), as_numbers(table, rows)
    middle = as_numbers(table, table.rows).median()
    good = [
        np.nanmean(np.abs(found[c] - truth[c])) <= 1.02 * np.nanmean(np.abs(middle[c] - truth[c]))
        for c in truth
    ]
    for column in word_columns(table):
        cells = table.new[column]
        mode = table.rows[column].mode()[0]
        right = same_cells(cells, rows[column])[cells.notna().to_numpy()].mean()
        good.append(right >= (cells.dropna() == mode).mean() - 0.02)
    return float(np.mean(good))


def ask_pipeline(asked: Asked, make: Callable[[], Any], *more: Any) -> None:
    """Cross-validate a pipeline where one row has a word, or a gap, that the others lack."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    table = asked.table
    X, y = table.rows.drop(columns=table.target), table.rows[table.target]
    words = [column for column in table.columns("category") if column != table.target]
    for column in words[:1]:
        X = replaced(X, column, X[column].where(X.index != 7, "alone"))
    complete = [column for column in table.numbers if X[column].notna().all()]
    gap = X[complete[0]].astype(float)
    X = replaced(X, complete[0], gap.where(gap.index != 11))

    def scores() -> Any:
        pipe = make_pipeline(make(), *more, LogisticRegression(max_iter=2000))
        return cross_val_score(pipe, X, y, cv=3)

    found = Once(scores)
    verb = "cross_val_score"
    asked.ask(verb, "folds with a number", lambda: np.isfinite(found()).mean())
    largest = y.value_counts(normalize=True).iloc[0]
    asked.ask(verb, "accuracy less the largest class", lambda: found().mean() - largest)


def encoder(asked: Asked) -> None:
    from sklearn.impute import SimpleImputer

    from sklatent import TabularEncoder

    model = fitted(asked, TabularEncoder)
    ask_fit(asked, model)
    ask_transform(asked, model, gaps=True)
    ask_order(asked, model)
    ask_decoded(asked, model, exact=True)
    ask_pipeline(asked, TabularEncoder, SimpleImputer())


def autoencoder(asked: Asked) -> None:
    from sklatent import AutoencoderTransformer

    def make(width: Any = "auto") -> Any:
        return AutoencoderTransformer(width, max_steps=asked.steps, random_state=asked.seed)

    model = fitted(asked, make)
    ask_fit(asked, model)
    ask_transform(asked, model)
    ask_decoded(asked, model)
    table = asked.table
    asked.ask(
        "score",
        "new rows beside those of fit",
        lambda: model().score(table.rows) - model().score(table.new),
    )
    ask_pipeline(asked, lambda: make(CODES))


def neighbors(asked: Asked) -> None:
    """This model takes numbers alone: the other columns stay away."""
    from sklatent import NeighborEmbedding

    def make() -> Any:
        return NeighborEmbedding(CODES, max_steps=asked.steps, random_state=asked.seed)

    table = asked.table
    ask_pipeline(asked.about(table.only([*table.numbers, table.target])), make)
    alone = asked.about(table.only(table.numbers))
    model = fitted(alone, make)
    ask_transform(alone, model)
    ask_decoded(alone, model, affine=True)
