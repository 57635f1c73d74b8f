"""The report on synthetic rows: perfect rows reach the ceiling, each trap shows in a figure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.datasets import make_mixed_table
from sklatent.metrics import Figure, SyntheticReport, synthetic_report

TRAIN, TEST, FRESH = (make_mixed_table(400, random_state=seed) for seed in range(3))
OPTIONS: dict[str, Any] = {"target": "survived", "n_repeats": 1, "random_state": 0}


def apart(table: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {name: table[name].iloc[rng.permutation(len(table))].array for name in table}
    )


@pytest.fixture(scope="module")
def fresh() -> SyntheticReport:
    return synthetic_report(TRAIN, TEST, FRESH, **OPTIONS)


@pytest.fixture(scope="module")
def copied() -> SyntheticReport:
    return synthetic_report(TRAIN, TEST, TRAIN, **OPTIONS)


def test_fresh_rows_reach_the_ceiling(fresh: SyntheticReport) -> None:
    assert fresh.trends is not None
    assert fresh.tstr is not None
    for figure in (fresh.shapes, fresh.trends, fresh.tstr, fresh.c2st):
        assert figure.value == pytest.approx(figure.ceiling, abs=0.06)
    assert fresh.c2st.value == pytest.approx(0.5, abs=0.06)
    assert fresh.tstr.value > 0.7 > 0.6 > fresh.tstr.floor
    assert fresh.c2st.value == pytest.approx(0.5, abs=3 * fresh.c2st.standard_error)
    share = fresh.dcr_share
    assert share.value == pytest.approx(0.5, abs=3 * share.standard_error)
    assert share.ceiling == pytest.approx(0.5, abs=0.1)
    assert fresh.exact_copies == Figure(0.0, 0.0, 0.0, 0.0)
    assert fresh.notes == ()
    assert fresh.task == "classification"


def test_columns_shuffled_apart_have_shapes_and_nothing_else() -> None:
    report = synthetic_report(TRAIN, TEST, apart(TRAIN), **OPTIONS)
    assert report.trends is not None
    assert report.tstr is not None
    assert report.shapes.value == pytest.approx(report.shapes.ceiling)
    assert report.c2st.value > 0.9
    assert report.c2st.value == pytest.approx(report.c2st.floor, abs=0.05)
    assert report.trends.value == pytest.approx(report.trends.floor, abs=0.02)
    assert report.trends.value < report.trends.ceiling - 0.03
    assert report.tstr.value < 0.65


def test_copies_pass_the_classifier_and_are_flagged(copied: SyntheticReport) -> None:
    assert copied.c2st.value == pytest.approx(copied.c2st.ceiling, abs=0.05)
    assert copied.exact_copies.value == 1
    assert copied.dcr_share.value == 1
    assert len(copied.notes) == 4
    assert copied.nearest_record.value < 1e-6
    assert "nearer to training rows" in copied.notes[0]
    assert "100.0% of the synthetic rows equal a training row" in copied.notes[1]


def test_copies_with_a_little_noise_are_flagged_by_distance() -> None:
    noisy = TRAIN.assign(height_cm=TRAIN["height_cm"] + 0.03)
    report = synthetic_report(TRAIN, TEST.iloc[:200], noisy, n_repeats=1, random_state=0)
    assert report.exact_copies.value == 0
    assert report.dcr_share.value == pytest.approx(0.75, abs=0.05)
    assert report.nearest_record.value < 1e-3
    assert "0.750 for copies" in report.notes[0]
    assert report.tstr is None


def test_rows_of_real_duplicates_are_no_copying() -> None:
    few = ["light", "evergreen", "survived"]
    report = synthetic_report(TRAIN[few], TEST[few], FRESH[few], n_repeats=1, random_state=0)
    assert report.exact_copies.value > 0.9
    assert report.notes == ()


def test_missing_cells_that_a_sampler_forgets() -> None:
    filled = FRESH.assign(leaf_mm=FRESH["leaf_mm"].fillna(85.0))
    report = synthetic_report(TRAIN, TEST, filled, n_repeats=1, random_state=0)
    assert report.missing_gap.value == pytest.approx(TEST["leaf_mm"].isna().mean())
    assert report.missing_gap.value > 3 * report.missing_gap.ceiling
    assert report.column_shapes["leaf_mm"].value < report.column_shapes["leaf_mm"].ceiling


def test_same_answers_in_every_library() -> None:
    tables = [table.iloc[:120] for table in (TRAIN, TEST, FRESH)]
    options = {**OPTIONS, "n_repeats": 1}
    first = synthetic_report(*tables, **options).to_dict()
    assert synthetic_report(*map(pl.from_pandas, tables), **options).to_dict() == first
    arrows = [pl.from_pandas(table).to_arrow() for table in tables]
    assert synthetic_report(*arrows, **options).to_dict() == first


def test_arrays_with_positions_as_names() -> None:
    rng = np.random.default_rng(0)
    tables = [rng.normal(size=(60, 3)) for _ in range(3)]
    for table in tables:
        table[:, 2] += table[:, 0]
    report = synthetic_report(*tables, target=2, n_repeats=2, random_state=0)
    assert report.task == "regression"
    assert list(report.column_shapes) == [0, 1, 2]
    assert report.tstr is not None
    assert report.tstr.value > report.tstr.floor


def test_classes_of_numbers_and_classes_that_are_not_real() -> None:
    classes = [
        table.assign(survived=1 + table["survived"].astype(int) + (table["height_cm"] > 100))
        for table in (TRAIN, TEST, FRESH)
    ]
    report = synthetic_report(*classes, **OPTIONS)
    assert report.task == "classification"
    assert report.tstr is not None
    assert report.tstr.value > 0.8
    classes[2] = classes[2].assign(survived=7)
    report = synthetic_report(*classes, **OPTIONS)
    assert report.tstr is not None
    assert report.tstr.value == 0.5


def test_constant_empty_and_long_columns_are_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame(
            {
                "constant": 1.0,
                "empty": pd.Series([None] * 40, dtype=object),
                "key": [f"level {i}" for i in rng.integers(0, 10**6, size=40)],
                "x": rng.normal(size=40),
            }
        )
        for _ in range(3)
    ]
    report = synthetic_report(*tables, target="x", n_repeats=1, random_state=0)
    assert report.column_shapes["constant"].value == 1
    assert report.column_shapes["empty"].value == 1
    assert report.column_shapes["key"].value < 0.1
    assert len(report.notes) == 1  # few rows


def test_more_than_250_levels() -> None:
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame({"w": rng.integers(0, 400, size=900).astype(str), "x": rng.normal(size=900)})
        for _ in range(3)
    ]
    report = synthetic_report(*tables, n_repeats=1, random_state=0)
    assert report.c2st.value == pytest.approx(0.5, abs=0.08)


def test_one_column_has_no_pairs() -> None:
    one = [table[["height_cm"]] for table in (TRAIN, TEST, FRESH)]
    report = synthetic_report(*one, n_repeats=1, random_state=0)
    assert report.trends is None
    assert "pair trends" not in str(report)


def test_sizes_are_made_equal_and_large_tables_cut() -> None:
    report = synthetic_report(
        TRAIN, TEST.iloc[:100], FRESH.iloc[:50], n_repeats=1, max_rows=80, random_state=0
    )
    assert report.n_rows == {"real_train": 80, "real_test": 80, "synthetic": 50}
    # the ceiling has the noise of 50 rows too
    assert report.shapes.value == pytest.approx(report.shapes.ceiling, abs=0.05)


def test_random_state_and_repeats() -> None:
    tables = [table[["height_cm", "light"]].iloc[:60] for table in (TRAIN, TEST, FRESH)]
    options = {"n_repeats": 1}
    first = synthetic_report(*tables, **options, random_state=0).to_dict()
    assert synthetic_report(*tables, **options, random_state=0).to_dict() == first
    assert synthetic_report(*tables, **options, random_state=1).to_dict() != first
    longer = [table[["height_cm"]].iloc[:340] for table in (TRAIN, TEST, FRESH)]
    assert synthetic_report(*longer, random_state=0).n_repeats == 2


def test_report_can_be_read(fresh: SyntheticReport, copied: SyntheticReport) -> None:
    text = str(copied)
    for word in ("column shapes", "floor", "ceiling", "best", "±", "400 of real_train"):
        assert word in text
    assert copied.notes[0] in text
    assert repr(fresh).startswith("SyntheticReport(shapes=0.9")
    html = fresh._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 9 + 13 + 2
    plain = json.loads(json.dumps(fresh.to_dict()))
    assert plain["shapes"]["floor"] == fresh.shapes.floor
    assert plain["pair_trends"][0][0] is None


def test_html_escapes_names() -> None:
    named = [table[["leaf_mm"]].set_axis(["<b>"], axis=1) for table in (TRAIN, TEST, FRESH)]
    html = synthetic_report(*named, n_repeats=1, random_state=0)._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("tables", "options", "message"),
    [
        ((TRAIN, TEST, FRESH[:5]), {}, "n_samples=5 in synthetic while a minimum of 20"),
        ((TRAIN, TEST, FRESH), {"target": "price"}, "target 'price' is not a column of real_train"),
        ((TRAIN, TEST, FRESH.drop(columns="soil")), {}, "missing in synthetic: 'soil'"),
        ((TRAIN, TEST.assign(survived=True), FRESH), {"target": "survived"}, "fewer than two"),
        (
            (TRAIN[["soil"]], TEST[["soil"]], FRESH[["soil"]]),
            {"target": "soil"},
            "No column is left",
        ),
        ((TRAIN, TEST, FRESH), {"n_repeats": 0}, "'n_repeats' parameter"),
        ((TRAIN, TEST, FRESH), {"max_rows": 3}, "'max_rows' parameter"),
    ],
)
def test_errors_say_what_is_wrong(
    tables: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic_report(*tables, **options)


def customers(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = np.array(["late", "parcel", "called", "shop", "refund", "happy", "mail", "again"])
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")
    spent = rng.lognormal(3, 1, n)
    return pd.DataFrame(
        {
            "customer": [f"C{i:06d}" for i in rng.choice(10**6, n, replace=False)],
            "day": day.strftime("%d/%m/%Y"),
            "spent": spent,
            "visits": rng.poisson(1 + spent / 20),
            "note": [" ".join(row) for row in words[rng.integers(0, 8, (n, 6))]],
        }
    )


@pytest.mark.parametrize("wrap", [lambda frame: frame, pl.from_pandas])
def test_identifiers_and_texts_are_named_and_judged_by_what_they_give_back(wrap: Any) -> None:
    train, test, fresh = (customers(300, seed) for seed in range(3))
    gone = fresh.assign(note=None, customer=[f"D{i:06d}" for i in range(300)])
    tables = [wrap(table) for table in (train, test, gone)]
    report = synthetic_report(*tables, n_repeats=1, random_state=0)
    assert report.left_out == {"customer": "identifier", "note": "text"}
    assert list(report.column_shapes) == ["day", "spent", "visits"]
    assert list(report.disclosure) == list(train)
    assert report.column_shapes["day"].value > 0.85
    assert report.missing_gap.value == 0
    assert max(figure.value for figure in report.disclosure.values()) < 0.3
    assert report.nearest_record.value > 1e-3
    assert len(report.notes) == 1
    assert "'customer' (identifier), 'note' (text)" in report.notes[0]
    kept = synthetic_report(*tables, n_repeats=1, identifier_features=None, random_state=0)
    assert kept.left_out == {"note": "text"}


def test_values_of_single_rows_that_come_back_are_named() -> None:
    train, test, fresh = (customers(300, seed) for seed in range(3))
    shuffled = fresh.assign(customer=np.random.default_rng(0).permutation(train["customer"]))
    report = synthetic_report(train, test, shuffled, n_repeats=1, random_state=0)
    assert report.disclosure["customer"] == Figure(1.0, ceiling=0.0, best=0.0)
    assert report.exact_copies.value == 0
    assert any("'customer' (100.0% of the cells" in note for note in report.notes)
    once = (train["visits"].value_counts() == 1).loc[lambda one: one].index
    assert report.disclosure["visits"].value == fresh["visits"].isin(once).mean()
    assert report.disclosure["visits"].ceiling == test["visits"].isin(once).mean()


def test_ends_that_come_back_are_named() -> None:
    train, test, fresh = (customers(300, seed) for seed in range(3))
    fresh.loc[7, "spent"] = train["spent"].max()
    report = synthetic_report(train, test, fresh, n_repeats=1, random_state=0)
    assert report.extremes == ("spent",)
    assert any("protect_extremes=5" in note for note in report.notes)
