"""Checks of what draws rows, knows how likely they are, and fills gaps: the VAE."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._ordinary_asked import (
    Asked,
    Once,
    answered,
    ask_roles,
    in_range,
    known_words,
    new_of_form,
    on_grid,
    readable,
    same_cells,
    same_types,
    share,
)
from benchmarks._ordinary_codes import ask_decoded, ask_fit, ask_pipeline, ask_transform, fitted
from benchmarks._ordinary_faults import hidden
from benchmarks._ordinary_maker import Cells, Frame, Ordinary
from benchmarks._ordinary_peers import as_numbers, iterative_imputer, word_columns
from benchmarks._ordinary_tables import make_table

N_CONDITIONED = 300
N_DRAWS = 20
FRESH = 1_000_003  # added to the seed: other rows of the same law
TIMED_ROWS = 1500
Rows = Callable[[], Frame]


def vae(asked: Asked) -> None:
    from sklatent import VAETransformer

    def make(width: Any = "auto", steps: Any = None) -> Any:
        steps = steps or asked.steps
        return VAETransformer(width, max_steps=steps, random_state=asked.seed)

    model = fitted(asked, make)
    ask_fit(asked, model)
    if len(asked.table.rows) >= TIMED_ROWS:
        asked.ask("fit", "CPU s of 1,500 rows", lambda: model().seconds_)
    ask_transform(asked, model)
    ask_decoded(asked, model)
    n = len(asked.table.rows)
    drawn = Once(lambda: model().sample(n, random_state=asked.seed))
    ask_drawn(asked, "sample", drawn)
    ask_law(asked, drawn)
    ask_conditions(asked, model)
    ask_likelihood(asked, model)
    ask_filled(asked, model)
    # three more fits: what is asked of them does not need long ones
    ask_pipeline(asked, lambda: make(4, 200 if asked.steps == "auto" else asked.steps))


# -- samples ---------------------------------------------------------------------------------------


def ask_drawn(asked: Asked, verb: str, rows: Rows, *, bounded: bool = True) -> None:
    """Drawn rows have the form of real ones, and give nobody away.

    ``bounded``: whether the model promises the range of the rows of ``fit``.
    """
    table = asked.table
    asked.ask(verb, "same types", lambda: same_types(table, rows()))
    ask_roles(asked, verb, rows)
    asked.ask(verb, "numbers on their grid", lambda: on_grid(table, rows()))
    if bounded:
        asked.ask(verb, "numbers in range", lambda: in_range(table, rows()))
    asked.ask(verb, "words known", lambda: known_words(table, rows()))


def ask_law(asked: Asked, rows: Rows) -> None:
    """Drawn rows follow the law of real ones."""
    table = asked.table
    modelled = table.modelled

    def copied() -> float:
        both = table.rows[modelled].astype(str), rows()[modelled].astype(str)
        known = set(map(tuple, both[0].to_numpy()))
        return float(sum(tuple(row) in known for row in both[1].to_numpy()))

    def missing() -> float:
        return float(
            (rows()[modelled].isna().mean() - table.rows[modelled].isna().mean()).abs().max()
        )

    # what chance does to as many real rows is no fault
    fresh = make_table(table.name, asked.seed + FRESH, len(table.rows)).rows

    if table.columns("id"):
        asked.ask("sample", "identifiers new and of their form", lambda: new_of_form(table, rows()))
    asked.ask("sample", "dates readable", lambda: readable(table, rows()))
    if len(table.columns("real", "money")) > 1:
        asked.ask("sample", "whole rows copied", copied)
    asked.ask("sample", "gap of missing cells", missing)
    ks, ranks = (
        "KS distance less that of fresh rows",
        "rank correlations' gap less that of fresh rows",
    )
    asked.ask("sample", ks, lambda: _marginals(table, rows()) - _marginals(table, fresh))
    asked.ask("sample", ranks, lambda: _correlations(table, rows()) - _correlations(table, fresh))


def _marginals(table: Ordinary, rows: Frame) -> float:
    """Mean Kolmogorov-Smirnov distance from the rows of ``fit``."""
    from scipy.stats import ks_2samp

    real, drawn = as_numbers(table, table.rows), as_numbers(table, rows)
    distances = [ks_2samp(real[c].dropna(), drawn[c].dropna()).statistic for c in real]
    return float(np.mean(distances))


def _correlations(table: Ordinary, rows: Frame) -> float:
    """Mean difference of rank correlations from those of the rows of ``fit``."""
    real, drawn = (_ranked(table, frame) for frame in (table.rows, rows))
    return float(np.nanmean(np.abs(real - drawn)[np.triu_indices(len(real), 1)]))


def _ranked(table: Ordinary, rows: Frame) -> Cells:
    """Rank correlations of numbers, dates and dummies of the frequent levels."""
    numbers = as_numbers(table, rows)
    for column in word_columns(table):
        shares = table.rows[column].value_counts(normalize=True)
        for level in shares[shares > 0.1].index[:-1]:
            numbers[f"{column}={level}"] = (rows[column] == level).astype(float)
    return numbers.corr("spearman").to_numpy()


def ask_conditions(asked: Asked, model: Callable[[], Any]) -> None:
    """Rows under conditions obey, and look like the real rows that do."""
    import pandas as pd

    table, verb = asked.table, "sample conditions"

    def draw(conditions: dict[str, Any]) -> Frame:
        return model().sample(N_CONDITIONED, conditions=conditions, random_state=asked.seed)

    def obeyed() -> float | None:
        good = []
        for column in table.columns("category", "bool"):
            level = table.rows[column].mode()[0]
            good.append((draw({column: level})[column] == level).mean())
        for column in table.numbers[:4]:
            low, high = table.rows[column].quantile([0.5, 0.9])
            good.append(draw({column: (low, high)})[column].between(low, high).mean())
        return share(good)

    def iso() -> float | None:
        good = []
        for column in table.columns("date"):
            low, high = (str(table.rows[column].quantile(q))[:10] for q in (0.4, 0.7))
            cells = draw({column: (low, high)})[column]
            good.append(cells.between(pd.Timestamp(low), pd.Timestamp(high)).mean())
        return share(good)

    def refused() -> float | None:
        good = []
        for column in table.columns("id"):
            try:
                draw({column: table.rows[column].iloc[0]})
                good.append(False)
            except ValueError as error:
                good.append(column in str(error))
        return share(good)

    asked.ask(verb, "obeyed", obeyed)
    asked.ask(verb, "ISO dates obeyed", iso)
    asked.ask(verb, "identifier refused", refused)
    asked.ask(verb, "gap of means, sd", lambda: _gap_of_means(table, draw))


def _gap_of_means(table: Ordinary, draw: Callable[[dict[str, Any]], Frame]) -> float:
    """Mean over the columns of numbers, under the most frequent level of the target."""
    level = table.rows[table.target].mode()[0]
    everything = as_numbers(table, table.rows)
    real = everything[(table.rows[table.target] == level).to_numpy()]
    drawn = as_numbers(table, draw({table.target: level}))
    return float(((real.mean() - drawn.mean()).abs() / everything.std()).mean())


# -- likelihood ------------------------------------------------------------------------------------


def ask_likelihood(asked: Asked, model: Callable[[], Any]) -> None:
    """Rows with a fault are less likely than without."""
    score = lambda rows: model().score_samples(rows)  # noqa: E731 - fitted when it is asked
    asked.ask("score_samples", "faults answered", lambda: answered(score, asked.faults))
    for kind in ("typo", "huge", "far", "times 100", "wrong century"):
        asked.ask(
            "score_samples",
            f"{kind} below its true row",
            lambda kind=kind: below(asked, score, kind),
        )


def below(asked: Asked, score: Callable[[Frame], Cells], kind: str) -> float | None:
    """Share of the rows of a fault that score below the same rows without."""
    shares = [(score(f.rows) < score(f.clean)).mean() for f in asked.of(kind)]
    return float(np.mean(shares)) if shares else None


# -- gaps ------------------------------------------------------------------------------------------


def ask_filled(asked: Asked, model: Callable[[], Any]) -> None:
    """Fill hidden cells, beside IterativeImputer on the same cells."""
    table = asked.table
    gaps, mask = hidden(table, asked.rng(2))
    filled = Once(lambda: model().impute(gaps))
    draws = Once(lambda: model().sample_imputations(gaps, N_DRAWS, random_state=asked.seed))
    peer = Once(lambda: _errors(table, mask, *iterative_imputer(table, gaps)))

    def ours() -> tuple[float, float, float]:
        numbers, scale = as_numbers(table, filled()), as_numbers(table, table.rows)
        scaled = ((numbers - scale.mean()) / scale.std()).to_numpy()
        words = {c: filled()[c].to_numpy(dtype=object) for c in word_columns(table)}
        return _errors(table, mask, scaled, words)

    own = Once(ours)
    ask = asked.ask
    ask("impute", "known cells changed", lambda: changed(gaps, filled()))
    ask("impute", "cells left missing", lambda: filled()[table.modelled].isna().sum().sum())
    if table.mixed:  # the mean given other numbers may lie beyond
        ask("impute", "numbers in range", lambda: in_range(table, _masked(filled(), mask, table)))
    ask("impute", "MAE over IterativeImputer's", lambda: own()[0] / peer()[0])
    ask("impute", "RMSE over IterativeImputer's", lambda: own()[1] / peer()[1])
    ask("impute", "accuracy less IterativeImputer's", lambda: own()[2] - peer()[2])
    verb = "sample_imputations"
    ask(verb, "known cells changed", lambda: max(changed(gaps, draw) for draw in draws()))
    ask(verb, "numbers on their grid", lambda: on_grid(table, draws()[0]))
    ask(verb, "90 % intervals off by", lambda: abs(_coverage(table, mask, draws()) - 0.9))


def changed(gaps: Frame, filled: Frame) -> float:
    """Count the known cells that came back otherwise, in every column."""
    known = gaps.notna()
    return float(sum((~same_cells(gaps[c], filled[c]))[known[c].to_numpy()].sum() for c in gaps))


def _masked(filled: Frame, mask: Cells, table: Ordinary) -> Frame:
    """Filled cells alone."""
    return filled.assign(
        **{
            c: filled[c].where(mask[:, list(table.rows).index(c)])
            for c in [*table.numbers, *table.columns("date")]
        }
    )


def _errors(
    table: Ordinary, mask: Cells, numbers: Cells, words: dict[str, Cells]
) -> tuple[float, float, float]:
    """Mean absolute and root mean squared error of scaled numbers, and accuracy of words."""
    truth, known = as_numbers(table, table.new), as_numbers(table, table.rows)
    columns = list(table.rows)
    hidden_ = np.stack([mask[:, columns.index(c)] for c in truth], axis=1)
    gap = (((truth - known.mean()) / known.std()).to_numpy() - numbers)[hidden_]
    right = [
        (table.new[c].to_numpy(dtype=object) == words[c])[mask[:, columns.index(c)]] for c in words
    ]
    accuracy = float(np.concatenate(right).mean()) if right else 1.0
    return float(np.abs(gap).mean()), float(np.sqrt((gap**2).mean())), accuracy


def _coverage(table: Ordinary, mask: Cells, draws: list[Frame]) -> float:
    """Expected share of true numbers between the 5 % and 95 % quantile of perfect draws."""
    truth = as_numbers(table, table.new)
    columns = list(table.rows)
    hidden_ = np.stack([mask[:, columns.index(c)] for c in truth], axis=1)
    wanted = truth.to_numpy()[hidden_]
    drawn = np.stack([as_numbers(table, draw).to_numpy()[hidden_] for draw in draws])
    slots = len(drawn) + 1
    low = (drawn < wanted).sum(0) / slots
    high = ((drawn <= wanted).sum(0) + 1) / slots
    inside = np.minimum(high, 0.95) - np.maximum(low, 0.05)
    return float(np.mean(np.maximum(inside, 0) / (high - low)))
