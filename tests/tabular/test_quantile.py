"""Quantile mode: scores, ties, slopes, levels, and what a round trip may lose."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri
from scipy.stats import norm
from sklearn.base import clone

from sklatent import TabularEncoder


def quantile(**params: Any) -> TabularEncoder:
    return TabularEncoder(mode="quantile", **{"max_levels": 0, **params})


def column(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=float)[:, np.newaxis]


def test_mode_follows_the_columns() -> None:
    numbers = pd.DataFrame({"a": [1.0, None, 2.0], "b": pd.array([1, None, 3], dtype="Int64")})
    assert TabularEncoder().fit(numbers).mode_ == "affine"
    assert TabularEncoder(mode="quantile").fit(numbers).mode_ == "quantile"
    assert TabularEncoder(categorical_features=[]).fit(numbers).mode_ == "affine"
    assert TabularEncoder(categorical_features=["b"]).fit(numbers).mode_ == "quantile"
    assert TabularEncoder().fit([[True, 1], [False, 2]]).mode_ == "affine"
    assert TabularEncoder().fit(np.array([[None, 1], [2.5, 2]], dtype=object)).mode_ == "affine"
    for other in (
        ["x", "y", None],
        pd.to_datetime(["2020-01-01"] * 3),
        pd.to_timedelta([1, 2, 3]),
        pd.Categorical([1, 2, 1]),
    ):
        assert TabularEncoder().fit(numbers.assign(c=other)).mode_ == "quantile"


def test_scores_are_normal_quantiles_of_mid_ranks() -> None:
    x = np.array([5.0, 1.0, 3.0, 4.0])
    Z = quantile().fit_transform(column(x))
    np.testing.assert_allclose(Z[:, 0], ndtri(np.array([3.5, 0.5, 1.5, 2.5]) / 4))
    tied = np.array([0.0, 0, 0, 2, 5, 5])
    encoder = quantile().fit(column(tied))
    np.testing.assert_allclose(
        encoder.transform(column(tied))[:, 0], ndtri(np.array([1.5, 1.5, 1.5, 3.5, 5, 5]) / 6)
    )
    (ties,) = encoder.ties_
    assert ties is not None
    np.testing.assert_allclose(ties, [[ndtri(0.25), 0, 0.5], [ndtri(5 / 6), 4 / 6, 1]])


def test_a_tie_is_flat_and_the_rest_is_linear_in_probability() -> None:
    encoder = quantile().fit(column([0.0, 0, 0, 2.25, 5, 5]))
    p = np.array([1e-9, 0.3, 0.4999, 0.5001, 3.5 / 6, 0.7, 1 - 1e-9])
    back = encoder.table.decode(ndtri(p)[:, np.newaxis])[:, 0]
    middle = (0.5001 - 0.5) / (3.5 / 6 - 0.5) * 2.25
    assert back.tolist()[:3] == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(back[3:], [round(middle, 2), 2.25, 5.0, 5.0])


def test_a_new_value_beside_a_spike_is_not_swallowed() -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random(500) < 0.4, 0.0, rng.exponential(size=500) + 0.5)
    encoder = quantile().fit(column(x))
    new = column([0.01, 0.2, 0.49, 1.2345])
    np.testing.assert_allclose(encoder.inverse_transform(encoder.transform(new)), new, atol=1e-9)
    beyond = encoder.transform(column([-3.0, 99.0]))
    np.testing.assert_allclose(encoder.inverse_transform(beyond).ravel(), [-3.0, 99.0])
    assert encoder.table.decode(beyond).ravel().tolist() == [0.0, x.max()]


def test_between_two_ties_the_nearer_one_counts() -> None:
    encoder = quantile().fit(column([1, 1, 2, 2]))
    assert encoder.inverse_transform(encoder.transform(column([1.2, 1.8]))).ravel().tolist() == [
        1,
        2,
    ]


def test_many_values_are_thinned_to_a_grid_with_the_heavy_ones() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=20_000), np.full(500, 0.125)])
    encoder = quantile(n_quantiles=100).fit(column(x))
    (ties,) = encoder.ties_
    assert ties is not None
    assert ties.shape == (1, 3)
    assert ties[0, 2] - ties[0, 1] == pytest.approx(500 / 20_500)
    Z = encoder.transform(column(x))[:, 0]
    back = encoder.inverse_transform(Z[:, np.newaxis])[:, 0]
    np.testing.assert_allclose(back, x, atol=1e-9)
    assert (back[x == 0.125] == 0.125).all()
    # the scores are still those of ranks, up to what lies between two values that are kept
    ranks = (np.argsort(np.argsort(x)) + 0.5) / len(x)
    light = x != 0.125
    assert np.abs(ndtr(Z) - ranks)[light].max() < 0.011
    assert np.abs(Z - ndtri(ranks))[light].max() < 0.35
    few = quantile(n_quantiles=2).fit(column(x))
    assert np.abs(few.inverse_transform(few.transform(column(x)))[:, 0] - x).max() < 1e-9


def test_slope_is_the_derivative_of_the_score() -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random(300) < 0.3, 1.0, rng.normal(size=300))
    encoder = quantile().fit(column(x))
    v = np.linspace(-1.5, 1.5, 41) + 1e-4
    step = 1e-7
    rise = encoder.transform(column(v + step)) - encoder.transform(column(v - step))
    slope = encoder.table.log_slope(encoder.read(column(v)))
    np.testing.assert_allclose(slope, np.log(rise / (2 * step)), atol=1e-4)


def test_densities_and_masses_sum_to_one() -> None:
    rng = np.random.default_rng(1)
    x = np.where(rng.random(400) < 0.3, 1.0, rng.normal(size=400))
    encoder = quantile().fit(column(x))
    v = np.linspace(x.min() + 1e-9, x.max() - 1e-9, 400_001)
    v = v[v != 1.0]
    rows = encoder.read(column(v))
    density = norm.pdf(encoder.table.encode(rows)) * np.exp(encoder.table.log_slope(rows))
    (ties,) = encoder.ties_
    assert ties is not None
    total = np.trapezoid(density[:, 0], v) + (ties[:, 2] - ties[:, 1]).sum()
    assert total == pytest.approx(1.0, abs=0.02)
    # a tie has a probability, which is that of its interval
    assert encoder.table.log_slope(encoder.read(column([1.0])))[0, 0] == 0.0


def test_slope_of_other_cells_is_zero_and_all_slopes_are_finite() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "w": rng.choice(["a", "b"], 60),
            "same": 1,
            "n": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60).round(1)),
            "d": pd.to_datetime(rng.integers(0, 2**60, 60)),
        }
    )
    encoder = TabularEncoder().fit(X)
    new = pd.DataFrame(
        {"w": "a", "same": 1, "n": [-99.0, 99, 0.05, 0, np.nan], "d": pd.to_datetime("2001")}
    )
    slope = encoder.table.log_slope(encoder.read(new))
    assert np.isfinite(slope).all()
    assert (slope[:, :2] == 0).all()
    assert slope[4, 2] == 0
    assert (slope[:, 3] != 0).all()


def test_large_whole_numbers_and_times_keep_their_last_digit() -> None:
    rng = np.random.default_rng(0)
    base = 2**61
    X = pl.DataFrame({"i": base + rng.integers(0, 10**6, 300)})
    encoder = quantile().fit(X)
    assert encoder.inverse_transform(encoder.transform(X)).equals(X)
    hours = pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**5, 300), unit="h")
    X = pd.DataFrame({"t": hours.as_unit("ns")})
    encoder = TabularEncoder().fit(X)
    drawn = encoder.table.decode(rng.normal(size=(500, 1)))["t"]
    assert (drawn == drawn.dt.floor("h")).all()
    assert not drawn.isin(X["t"]).all()
    assert drawn.between(X["t"].min(), X["t"].max()).all()


@pytest.mark.parametrize(("decimals", "seen"), [(0, 0), (2, 2), (6, 6), (9, None)])
def test_numbers_are_rounded_as_in_fit(decimals: int, seen: int | None) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(scale=50, size=400).round(decimals)
    encoder = quantile().fit(column(x))
    drawn = encoder.inverse_transform(rng.normal(size=(1000, 1)))
    if seen is not None:
        assert np.array_equal(drawn, drawn.round(seen))
    assert not np.array_equal(drawn, drawn.round(decimals - 1))


def test_float32_rows_give_a_float32_matrix_and_come_back() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)).astype(np.float32)
    encoder = quantile().fit(X)
    Z = encoder.transform(X)
    assert Z.dtype == np.float32
    assert np.array_equal(encoder.inverse_transform(Z), X)


def test_kinds_and_blocks() -> None:
    n = 1000
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "word": rng.choice(["b", "a", "c"], n),
            "few": rng.integers(0, 2, n) * 7,
            "many": rng.integers(0, 400, n),
            "flag": rng.random(n) < 0.5,
            "one": "same",
            "holes": np.where(rng.random(n) < 0.5, "x", None),
            "none": np.nan,
            "code": np.arange(n),
            "level": pd.Categorical(["hi"] * n, ["lo", "hi"]),
        }
    )
    encoder = TabularEncoder(categorical_features=["code"]).fit(X)
    assert encoder.blocks_ == (
        ("category", 0, 1, 3, False),
        ("category", 1, 2, 2, False),
        ("number", 2, 3, 0, False),
        ("category", 3, 4, 2, False),
        ("constant", 4, 5, 1, False),
        ("category", 5, 6, 1, True),
        ("constant", 6, 7, 0, True),
        ("category", 7, 8, 1000, False),
        ("category", 8, 9, 2, False),
    )
    assert encoder.n_encoded_ == encoder.n_features_in_ == 9
    assert encoder.varying_.tolist() == [True, True, True, True, False, True, False, True, True]
    assert [ties is None for ties in encoder.ties_] == [True, True, False] + [True] * 6
    assert encoder.log_abs_det_ == 0.0
    Z = encoder.transform(X)
    assert np.array_equal(Z[:, 0], X["word"].map({"a": 0, "b": 1, "c": 2}))
    assert np.array_equal(Z[:, 7], np.arange(n))
    assert (Z[:, 8] == 1).all()
    X = X.drop(columns="code")
    assert TabularEncoder(max_levels=1).fit(X).blocks_[1][0] == "number"
    assert TabularEncoder().fit(X.assign(few=X["few"] + (X["many"] == 3))).blocks_[1][0] == "number"
    assert TabularEncoder(numerical_features=["few"]).fit(X).blocks_[1][0] == "number"
    # few rows per level: a number, whose new values have a place
    assert TabularEncoder().fit(X[:9]).blocks_[1][0] == "number"


@pytest.mark.parametrize(
    "given_as", [["b", "c"], [1, 2], np.array([False, True, True]), np.array([1, 2])]
)
def test_categorical_features(given_as: Any) -> None:
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("abc"))
    encoder = TabularEncoder(categorical_features=given_as).fit(X)
    assert [kind for kind, *_ in encoder.blocks_] == ["number", "category", "category"]
    assert encoder.inverse_transform(encoder.transform(X)).equals(X)
    encoder.set_params(handle_unknown="error")
    with pytest.raises(ValueError, match=r"unknown categories \[0.5\] in column 'b'"):
        encoder.transform(X.assign(b=0.5))


@pytest.mark.parametrize(
    ("given_as", "words"),
    [
        (["z"], "items \\['z'\\] which are not columns"),
        ([3], r"should be in \[0, n_features - 1\]"),
        ([-1], r"should be in \[0, n_features - 1\]"),
        ([True, False], "boolean mask should have shape"),
    ],
)
def test_categorical_features_that_do_not_exist(given_as: Any, words: str) -> None:
    X = pd.DataFrame({"a": [1.0, 2], "b": [3.0, 4], "c": [1, 2]})
    with pytest.raises(ValueError, match=words):
        TabularEncoder(categorical_features=given_as).fit(X)
    with pytest.raises(ValueError, match="leave out categorical_features"):
        TabularEncoder(mode="affine", categorical_features=["a"]).fit(X)


def test_unknown_levels() -> None:
    X = pd.DataFrame({"w": ["a", "b"] * 10, "n": [1, 5] * 10, "b": [True] * 20})
    encoder = TabularEncoder(handle_unknown="error").fit(X)
    new = pd.DataFrame({"w": ["a", "z"], "n": [5, 99], "b": [True, True]})
    words = r"unknown categories \['z'\] in column 'w' during transform \(row 1\): fit saw 'a', 'b'"
    with pytest.raises(ValueError, match=words):
        encoder.transform(new)
    with pytest.raises(ValueError, match=r"in column 'b'"):
        encoder.transform(X.assign(b=False))
    encoder.set_params(handle_unknown="missing")
    with pytest.warns(
        UserWarning, match=r"columns \(cells: some of them\) 'w' \(1: 'z'\), 'n' \(1: 99\)"
    ):
        Z = encoder.transform(new)
    assert np.array_equal(Z, [[0, 1, 0], [np.nan, np.nan, 0]], equal_nan=True)
    back = encoder.inverse_transform(Z.astype(float)[:1])
    assert back["w"].tolist() == ["a"]
    assert back["n"].tolist() == [5]
    unknown = encoder.table.unknown(encoder.read(X))
    assert not unknown.any()
    none = pd.DataFrame({"a": [None, None], "w": ["x", "y"]})
    none = TabularEncoder(handle_unknown="error").fit(none)
    with pytest.raises(ValueError, match="all its cells were missing in fit"):
        none.transform(pd.DataFrame({"a": ["x", None], "w": ["x", "y"]}))


def test_codes_are_rounded_and_clipped() -> None:
    encoder = TabularEncoder().fit([["a"], ["b"], ["c"]])
    back = encoder.inverse_transform([[-7], [0.4], [0.6], [1.7], [99], [np.nan]])
    assert back.ravel().tolist() == ["a", "a", "b", "c", "c", None]


def test_clone_and_refit() -> None:
    words = pd.DataFrame({"a": ["x", "y", None], "b": [1, 2, 3]})
    encoder = TabularEncoder(n_quantiles=50).fit(words)
    assert clone(encoder).get_params() == encoder.get_params()
    numbers = np.arange(6.0).reshape(3, 2)
    again = encoder.fit(numbers)
    assert again.mode_ == "affine"
    assert np.array_equal(again.transform(numbers), TabularEncoder().fit_transform(numbers))
    assert encoder.fit(words).inverse_transform(encoder.transform(words)).equals(words)


# -- any table -----------------------------------------------------------------------------------

holes = st.sampled_from([0.0, 0.3])
floats = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: x + 0.0),
    st.integers(-3, 3).map(float),
    st.decimals(-100, 100, places=2).map(float),
)
COLUMNS = {
    "number": floats,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(0, 3),
    "flag": st.booleans(),
    "word": st.text(max_size=3),
    "date": st.dates(),
    "time": st.datetimes(),
    "gap": st.timedeltas(timedelta(days=-9999), timedelta(days=9999)),
}


@st.composite
def tables(draw: Any) -> pl.DataFrame:
    n_rows = draw(st.integers(1, 30))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4))
    columns = []
    for j, kind in enumerate(kinds):
        cell = COLUMNS[kind]
        if draw(st.booleans()):
            cell = st.one_of(st.none(), cell)
        cells = draw(st.lists(cell, min_size=n_rows, max_size=n_rows))
        dtype = {"number": pl.Float64, "integer": pl.Int64, "small": pl.Int8, "flag": pl.Boolean}
        dtype |= {"word": pl.String, "date": pl.Date}
        dtype |= {"time": pl.Datetime("us"), "gap": pl.Duration("us")}
        columns.append(pl.Series(f"{kind} {j}", cells, dtype=dtype[kind]))
    return pl.DataFrame(columns)


@given(tables(), st.sampled_from(["polars", "pandas", "pyarrow"]), st.booleans())
def test_any_table_comes_back(table: pl.DataFrame, library: str, few: bool) -> None:
    makers = {"polars": lambda: table, "pandas": table.to_pandas, "pyarrow": table.to_arrow}
    X = makers[library]()
    encoder = TabularEncoder(mode="quantile", max_levels=128 if few else 0).fit(X)
    Z = encoder.transform(X)
    assert np.array_equal(np.isnan(Z), table.select(pl.all().is_null()).to_numpy())
    back = encoder.inverse_transform(Z)
    assert type(back) is type(X)
    assert back.equals(X)
    assert np.array_equal(encoder.transform(back), Z, equal_nan=True)


def column_scale(encoder: TabularEncoder) -> float:
    return float(encoder.table.columns[0]["beyond"][:, 1].max())


@given(
    st.lists(floats, min_size=2, max_size=60),
    st.lists(floats, min_size=1, max_size=20),
    st.integers(2, 8),
)
def test_error_stays_under_the_gap_between_neighbours(
    train: list[float], new: list[float], n_quantiles: int
) -> None:
    encoder = quantile(n_quantiles=n_quantiles).fit(column(train))
    if encoder.blocks_[0][0] == "constant":
        return
    v = np.sort(new)
    Z = encoder.transform(column(v))[:, 0]
    assert (np.diff(Z) >= -1e-12).all()
    back = encoder.inverse_transform(Z[:, np.newaxis])[:, 0]
    assert (np.diff(back) >= -1e-9).all()
    knots = encoder.table.columns[0]["values"]
    assert len(knots) <= max(len(set(train)), 2)
    at = np.searchsorted(knots, v, side="right").clip(1, len(knots) - 1)
    inside = (knots[0] <= v) & (v <= knots[-1])
    assert (np.abs(back - v) <= (knots[at] - knots[at - 1]) * (1 + 1e-9))[inside].all()
    ended = encoder.table.decode(Z[:, np.newaxis])[:, 0]
    assert np.array_equal(ended[~inside], np.clip(v, knots[0], knots[-1])[~inside])
    decimals = encoder.table.columns[0]["decimals"]
    # a score next to that of the end is that of the end
    half = (0.5 * 10.0**-decimals if decimals >= 0 else 0.0) + 2e-6 * column_scale(encoder)
    near = ~inside & (np.abs(Z) < 1e14)  # what is farther out is taken to be there
    assert (np.abs(back - v) <= half + 1e-9 * np.abs(v - knots[0]))[near].all()
    twice = encoder.inverse_transform(encoder.transform(column(back)))[:, 0]
    np.testing.assert_allclose(twice, back, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("wrap", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    "cells",
    [
        [1.5, 2.0, None],
        [3, 4, 5],
        ["x", None, "y"],
        [True, False, None],
        [datetime(2020, 1, 1), None, datetime(2021, 1, 1)],
    ],
)
@pytest.mark.parametrize("kind", [float, object, "category"])
def test_values_where_fit_saw_no_cell(kind: Any, cells: list[Any], wrap: Any) -> None:
    """What they are cannot be known: they count as missing, or are an error that says so."""
    seen = pd.DataFrame({"a": pd.Series([None] * 4, dtype=kind), "b": [1.0, 2.0, 3.0, 5.0]})
    X = wrap({"a": cells, "b": [1.0, 2.0, 3.0]})
    encoder = TabularEncoder(mode="quantile", handle_unknown="missing").fit(seen)
    n_cells = sum(cell is not None for cell in cells)
    with pytest.warns(UserWarning, match=rf"Found values where fit saw none, .* 'a' \({n_cells}: "):
        found = encoder.transform(X)
    assert np.isnan(found[:, 0]).all()
    assert np.array_equal(found[:, 1], encoder.transform(seen)[:3, 1])
    encoder = TabularEncoder(mode="quantile", handle_unknown="error").fit(seen)
    with pytest.raises(ValueError, match=r"Column 'a' holds .*, but all its cells were missing"):
        encoder.transform(X)


def test_unknown_dates_are_named_as_they_are_written() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-02"] * 5)
    X = pd.DataFrame({"t": days})
    later = pd.DataFrame({"t": pd.to_datetime(["2025-05-05"])})
    encoder = TabularEncoder(categorical_features=["t"], handle_unknown="error").fit(X)
    with pytest.raises(ValueError, match=r"\['2025-05-05T.*'t'.*fit saw '2024-01-01T"):
        encoder.transform(later)
    with pytest.warns(UserWarning, match=r"'t' \(1: '2025-05-05T"):
        TabularEncoder(categorical_features=["t"], handle_unknown="missing").fit(X).transform(later)


@pytest.mark.parametrize(
    "ends",
    [(-(2**63), 2**63 - 1), (2**63 - 1000, 2**63 - 1), (-(2**63), 7 - 2**63), (0, 2**62 + 5)],
)
@pytest.mark.parametrize("wrap", [pd.DataFrame, pl.DataFrame])
def test_integers_go_on_to_the_ends_of_int64_and_no_further(
    ends: tuple[int, int], wrap: Any
) -> None:
    cells = np.array([*ends, *np.random.default_rng(0).integers(*ends, 200)])
    encoder = quantile().fit(wrap({"a": cells}))
    scores = np.r_[-1e9, np.linspace(-50, 50, 501), 1e9][:, np.newaxis]
    found = list(map(int, encoder.inverse_transform(scores)["a"]))
    assert found == sorted(found)
    assert -(2**63) <= found[0] <= ends[0] <= ends[1] <= found[-1] < 2**63
    edges = wrap({"a": np.array([-(2**63), *ends, 2**63 - 1])})
    assert (np.diff(encoder.transform(edges)[:, 0]) >= 0).all()


def test_times_go_on_to_the_end_of_nanoseconds_and_no_further() -> None:
    days = pd.to_datetime(["2100-01-01", "2262-04-11", "2200-01-01"] * 5).as_unit("ns")
    encoder = quantile().fit(pd.DataFrame({"t": days}))
    found = encoder.inverse_transform(np.array([[-40.0], [0.0], [40.0], [1e9], [-1e9]]))["t"]
    assert found[0] < found[1] < found[2]
    assert list(found[2:]) == list(pd.to_datetime(["2262-04-11", "2262-04-11", "1677-09-22"]))
    assert (found == found.dt.normalize()).all()
