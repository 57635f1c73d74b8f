"""The report on filled cells: errors by hand, proper scores, honest intervals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.datasets import make_mixed_table
from sklatent.metrics import Figure, imputation_report

nan = np.nan


def punched(table: pd.DataFrame, rate: float = 0.3) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = table.astype({"evergreen": "boolean", "n_flowers": "Int64"})
    for name in ("height_cm", "n_flowers", "light", "evergreen", "sown"):
        table.loc[rng.uniform(size=len(table)) < rate, name] = pd.NA
    return table


def drawn(holes: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Fill each column by draws from its known cells."""
    filled = holes.copy()
    for name in holes:
        gaps = holes[name].isna()
        known = holes[name].dropna()
        filled.loc[gaps, name] = known.sample(gaps.sum(), replace=True, random_state=seed).array
    return filled


TRUE = make_mixed_table(300, missing_rate=0, random_state=0)
HOLES = punched(TRUE)
COLUMNS = {"height_cm", "n_flowers", "light", "evergreen", "sown"}


def test_errors_by_hand() -> None:
    true = pd.DataFrame({"x": [0.0, 2.0, 4.0, 6.0], "w": ["a", "b", "b", "a"], "y": [1.0] * 4})
    holes = true.assign(x=[0, 2, nan, nan], w=[None, "b", "b", None])
    filled = true.assign(x=[0, 2, 5.0, 6.0], w=["a", "b", "b", "c"])
    report = imputation_report(true, holes, filled)
    scale = np.sqrt(5.0)
    assert report.columns["x"]["rmse"].value == pytest.approx(np.sqrt(0.5) / scale)
    assert report.columns["x"]["rmse"].floor == pytest.approx(np.sqrt((9 + 25) / 2) / scale)
    assert report.columns["w"]["accuracy"] == Figure(0.5, 0.0, 1.0, 1.0)
    assert report.n_cells == {"x": 2, "w": 2}
    assert report.rmse == report.columns["x"]["rmse"]
    assert (report.crps, report.brier, report.coverage, report.n_draws) == (None, None, None, 0)


def test_truth_is_perfect_and_the_mean_is_the_floor() -> None:
    report = imputation_report(TRUE, HOLES, TRUE)
    assert set(report.columns) == COLUMNS
    assert report.rmse is not None
    assert report.accuracy is not None
    assert (report.rmse.value, report.accuracy.value, report.n_changed) == (0, 1, 0)
    assert report.rmse.floor == pytest.approx(1, abs=0.15)
    guesses = HOLES.astype({"n_flowers": "Float64"})
    for name in ("height_cm", "n_flowers", "sown"):
        guesses[name] = guesses[name].fillna(guesses[name].mean())
    for name in ("light", "evergreen"):
        guesses[name] = guesses[name].fillna(guesses[name].mode()[0])
    report = imputation_report(TRUE, HOLES, guesses)
    for figure in (report.rmse, report.accuracy):
        assert figure is not None
        assert figure.value == pytest.approx(figure.floor, abs=1e-4)


def test_cells_unknown_in_truth_do_not_count() -> None:
    true = np.array([[1.0], [nan], [3.0], [5.0]])
    holes = np.array([[1.0], [nan], [nan], [5.0]])
    filled = np.array([[1.0], [99.0], [3.0], [5.0]])
    report = imputation_report(true, holes, filled)
    assert report.n_cells == {0: 1}
    assert report.rmse is not None
    assert report.rmse.value == 0


def test_draws_from_the_column_score_as_its_floor() -> None:
    draws = [drawn(HOLES, seed) for seed in range(40)]
    report = imputation_report(TRUE, HOLES, draws[0], draws=draws)
    for figure in (report.crps, report.brier):
        assert figure is not None
        assert figure.value == pytest.approx(figure.floor, rel=0.08)
    assert report.coverage is not None
    assert report.coverage.value == pytest.approx(0.9, abs=0.03)
    assert report.coverage.floor is None


@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize("n_draws", [2, 7, 30])
def test_perfect_draws_cover_nine_in_ten_for_any_number_of_them(
    n_draws: int, decimals: int
) -> None:
    rng = np.random.default_rng(0)
    tables = np.round(rng.normal(size=(n_draws + 1, 4000, 1)), decimals)
    holes = np.full((4000, 1), nan)
    report = imputation_report(tables[0], holes, tables[1], draws=list(tables[1:]))
    assert report.coverage is not None
    assert report.coverage.value == pytest.approx(0.9, abs=0.02)
    # the score of normal draws for a normal truth: E|X - Y| / 2 = 1 / sqrt(pi), for any number
    assert report.crps is not None
    assert report.crps.value == pytest.approx(1 / np.sqrt(np.pi), abs=0.03)


def test_too_narrow_and_too_wide_draws_show_in_coverage_and_score() -> None:
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(2000, 1)) * 3
    true = centre + rng.normal(size=(2000, 1))
    holes = np.full((2000, 1), nan)
    found = {}
    for width in (0.3, 1.0, 3.0):
        draws = [centre + width * rng.normal(size=(2000, 1)) for _ in range(30)]
        report = imputation_report(true, holes, centre, draws=draws)
        assert report.coverage is not None
        assert report.crps is not None
        found[width] = report.coverage.value, report.crps.value
    assert found[0.3][0] < 0.6 < 0.88 < found[1.0][0] < 0.92 < 0.98 < found[3.0][0]
    assert found[1.0][1] < min(found[0.3][1], found[3.0][1])


def test_scores_by_definition() -> None:
    rng = np.random.default_rng(0)
    true = np.round(rng.normal(size=(30, 2)), 1)
    holes = true.copy()
    holes[:12, 0] = nan
    draws = [true + np.round(rng.normal(size=true.shape), 1) for _ in range(5)]
    report = imputation_report(true, holes, true, draws=draws)
    x, known = true[:12, 0], true[12:, 0]
    cells = np.array([draw[:12, 0] for draw in draws])
    pairs = np.abs(cells[:, None] - cells).sum(axis=(0, 1)) / (5 * 4)
    scale = true[:, 0].std()
    expected = (np.abs(cells - x).mean(axis=0) - pairs / 2).mean() / scale
    floor = np.abs(known[:, None] - x).mean() - np.abs(known[:, None] - known).mean() / 2
    assert report.columns[0]["crps"].value == pytest.approx(expected)
    assert report.columns[0]["crps"].floor == pytest.approx(floor / scale)


def test_brier_of_two_levels_is_the_usual_one() -> None:
    true = pd.DataFrame({"w": ["a", "b", "a", "b"], "x": [1.0] * 4})
    holes = true.assign(w=["a", "b", "a", None])
    draws = [true.assign(w=["a", "b", "a", "b" if i % 4 else "a"]) for i in range(400)]
    report = imputation_report(true, holes, true, draws=draws)
    assert report.columns["w"]["brier"].value == pytest.approx(0.25**2, abs=1e-3)
    assert report.columns["w"]["brier"].floor == pytest.approx((2 / 3) ** 2)


def test_known_cells_that_were_changed_are_counted() -> None:
    changed = TRUE.copy()
    changed.loc[:4, "leaf_mm"] += 1
    changed["height_cm"] = changed["height_cm"].astype("float32")  # rounding is no change
    assert imputation_report(TRUE, HOLES, changed).n_changed == 5


def test_same_answers_in_every_library() -> None:
    draws = [drawn(HOLES, seed) for seed in range(3)]
    first = imputation_report(TRUE, HOLES, draws[0], draws=draws)
    other = imputation_report(
        TRUE,
        pl.from_pandas(HOLES),
        pl.from_pandas(draws[0]).to_arrow(),
        draws=[pl.from_pandas(draw) for draw in draws],
    )
    assert first.to_dict() == other.to_dict()


def test_report_can_be_read() -> None:
    draws = [drawn(HOLES, seed) for seed in range(2)]
    report = imputation_report(TRUE, HOLES, draws[0], draws=draws)
    for word in ("RMSE", "accuracy", "CRPS", "Brier", "90 %", "floor", "sown", "2 draws"):
        assert word in str(report)
    assert repr(report).startswith("ImputationReport(rmse=")
    assert "<table>" in report._repr_html_()
    assert json.loads(json.dumps(report.to_dict()))["n_draws"] == 2


@pytest.mark.parametrize(
    ("tables", "draws", "message"),
    [
        ((TRUE, HOLES, HOLES), None, r"X_imputed contains NaN .*column 'light', row 0"),
        ((TRUE, HOLES, TRUE), [TRUE, HOLES], r"draws\[1\] contains NaN"),
        ((TRUE, HOLES, TRUE), [TRUE], "draws needs two tables or more, got 1"),
        ((TRUE, TRUE, TRUE), None, "No cell is missing in X_missing and known in X_true"),
        ((TRUE, HOLES, TRUE[:9]), None, "inconsistent numbers of samples: 300 in X_true, 9 in X_i"),
        ((TRUE, HOLES, TRUE.drop(columns="sown")), None, "missing in X_imputed: 'sown'"),
    ],
)
def test_errors_say_what_is_wrong(tables: tuple[Any, ...], draws: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        imputation_report(*tables, draws=draws)
