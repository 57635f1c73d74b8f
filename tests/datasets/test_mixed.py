"""The generated table: its columns, its holes, its factors."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent.datasets import make_mixed_table


def numbers(table: pd.DataFrame) -> np.ndarray:
    """All columns as floats: words one-hot, missing numbers at the mean."""
    table = table.assign(sown=table["sown"].astype("int64"))
    table["leaf_mm"] = table["leaf_mm"].fillna(table["leaf_mm"].mean())
    table["height_cm"] = np.log(table["height_cm"])
    return pd.get_dummies(table, dtype=float).to_numpy()


def test_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    first, factors = make_mixed_table(50, random_state=0, return_factors=True)
    again, same = make_mixed_table(50, random_state=0, return_factors=True)
    pd.testing.assert_frame_equal(first, again)
    np.testing.assert_array_equal(factors, same)
    assert not first.equals(make_mixed_table(50, random_state=1))


def test_global_random_stream_is_left_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_mixed_table(20, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_columns_are_of_the_kinds_that_the_docstring_names() -> None:
    table = make_mixed_table(3000, random_state=0)
    assert table.shape == (3000, 13)
    for name in table.columns:
        assert f"`{name}`" in (make_mixed_table.__doc__ or "")
    assert table["family"].nunique() == 20
    assert table["family"].value_counts().max() > 4 * table["family"].value_counts().min()
    assert (table["soil"].nunique(), table["light"].nunique(), table["habit"].nunique()) == (
        5,
        3,
        4,
    )
    assert table["height_cm"].skew() > 2
    assert table["n_flowers"].dtype == np.int64
    days = table["flowering_day"]
    assert days.between(85, 150).mean() + days.between(220, 300).mean() > 0.99
    assert 0.3 < (table["fruit_g"] == 0).mean() < 0.5
    assert table["fruit_g"].min() == 0
    assert set(table["water_ml"] % 5) == {0}
    assert table["evergreen"].dtype == bool
    assert table["survived"].dtype == bool
    assert 0.2 < table["survived"].mean() < 0.8
    assert table["sown"].dtype.kind == "M"
    assert table["sown"].between("2015-03-01", "2024-10-31").all()


def test_holes_are_random_in_one_column_and_depend_on_height_in_another() -> None:
    table = make_mixed_table(20_000, missing_rate=0.2, random_state=0)
    holes = table.isna()
    assert set(table.columns[holes.any()]) == {"soil", "leaf_mm"}
    tall = table["height_cm"] > table["height_cm"].median()
    for name in ("soil", "leaf_mm"):
        assert holes[name].mean() == pytest.approx(0.2, abs=0.01)
    assert holes["leaf_mm"][tall].mean() == pytest.approx(holes["leaf_mm"][~tall].mean(), abs=0.02)
    assert holes["soil"][tall].mean() > 2 * holes["soil"][~tall].mean()
    assert not make_mixed_table(200, missing_rate=0, random_state=0).isna().any(axis=None)


@pytest.mark.parametrize("n_factors", [1, 3, 6])
def test_factors_can_be_recovered_from_rows_of_another_seed(n_factors: int) -> None:
    fitted, known = make_mixed_table(1500, n_factors=n_factors, random_state=0, return_factors=True)
    fresh, wanted = make_mixed_table(500, n_factors=n_factors, random_state=1, return_factors=True)
    model = make_pipeline(StandardScaler(), Ridge()).fit(numbers(fitted), known)
    error = ((model.predict(numbers(fresh)).reshape(wanted.shape) - wanted) ** 2).mean(axis=0)
    assert (error < 0.25).all()  # of a variance of 1
    np.testing.assert_allclose(np.corrcoef(wanted.T), np.eye(n_factors), atol=0.15)


def test_target_can_be_predicted_but_not_perfectly() -> None:
    fitted, fresh = (make_mixed_table(2000, random_state=seed) for seed in (0, 1))
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(numbers(fitted.drop(columns="survived")), fitted["survived"])
    answers = model.predict_proba(numbers(fresh.drop(columns="survived")))[:, 1]
    assert 0.7 < roc_auc_score(fresh["survived"], answers) < 0.95


def test_one_row() -> None:
    assert make_mixed_table(1, random_state=0).shape == (1, 13)


@pytest.mark.parametrize(
    "options", [{"n_samples": 0}, {"n_factors": 7}, {"missing_rate": 0.6}, {"random_state": "a"}]
)
def test_bad_parameters_are_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter"):
        make_mixed_table(**options)


def test_without_pandas_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        make_mixed_table(5)
