"""Pooled estimates against the formulas of the books, and intervals that hold what they promise."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import t as student
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent.metrics import PooledEstimate, pool


def least_squares(fitted: Any, X: Any, y: Any) -> np.ndarray:
    """Variances of coefficients and intercept of ordinary least squares."""
    design = np.column_stack([np.asarray(X, float), np.ones(len(X))])
    rest = np.asarray(y, float) - fitted.predict(X)
    noise = (rest**2).sum() / (len(X) - design.shape[1])
    return noise * np.diag(np.linalg.inv(design.T @ design))


def tables_of(values: list[float]) -> list[np.ndarray]:
    """Tables whose mean is a given number, and whose variance of the mean is 0.04."""
    spread = np.array([1.0, -1.0] * 12) * np.sqrt(0.04 * 23)
    return [value + spread[:, None] for value in values]


def mean_of(table: np.ndarray) -> Any:
    return table.mean()


def variance_of_mean(table: np.ndarray) -> Any:
    return table.var(ddof=1) / len(table)


def test_rules_of_rubin() -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.5]
    pooled = pool(None, tables_of(values), mean_of, variance=variance_of_mean)
    between = np.var(values, ddof=1)
    assert pooled.estimate == pytest.approx([np.mean(values)])
    assert pooled.within == pytest.approx([0.04])
    assert pooled.between == pytest.approx([between])
    total = 0.04 + 1.2 * between
    assert pooled.total == pytest.approx([total])
    assert pooled.standard_error == pytest.approx([np.sqrt(total)])
    # Barnard and Rubin, 1999, equations 3 to 5
    lost = 1.2 * between / total
    large = 4 / lost**2
    observed = (23 + 1) / (23 + 3) * 23 * (1 - lost)
    df = large * observed / (large + observed)
    assert pooled.degrees_of_freedom == pytest.approx([df])
    way = student.ppf(0.975, df) * np.sqrt(total)
    assert pooled.low == pytest.approx([np.mean(values) - way])
    assert pooled.high == pytest.approx([np.mean(values) + way])
    ratio = 1.2 * between / 0.04
    assert pooled.missing_information == pytest.approx([(ratio + 2 / (df + 3)) / (ratio + 1)])
    assert pooled.p_value == pytest.approx([2 * student.sf(np.mean(values) / np.sqrt(total), df)])
    assert pooled.n_imputations == 5


def test_rule_of_1987_and_other_levels() -> None:
    values = [1.0, 1.2, 0.9, 1.1, 1.5]
    known: dict[str, Any] = {"variance": variance_of_mean, "degrees_of_freedom": np.inf}
    pooled = pool(None, tables_of(values), mean_of, **known)
    ratio = 1.2 * np.var(values, ddof=1) / 0.04
    df = 4 * (1 + 1 / ratio) ** 2
    assert pooled.degrees_of_freedom == pytest.approx([df])
    narrow = pool(None, tables_of(values), mean_of, confidence_level=0.5, **known)
    assert narrow.high - narrow.low == pytest.approx(
        2 * student.ppf(0.75, df) * pooled.standard_error
    )


def test_tables_that_agree_lose_nothing() -> None:
    pooled = pool(None, tables_of([1.0] * 3), mean_of, variance=variance_of_mean)
    assert pooled.between == pytest.approx([0.0], abs=1e-20)
    assert pooled.missing_information == pytest.approx([0.0], abs=1e-12)
    assert pooled.degrees_of_freedom == pytest.approx([24 / 26 * 23])
    # nor is anything undefined where no table has a variance of its own
    certain = pool(None, tables_of([1.0, 2.0, 3.0]), mean_of, variance=lambda table: 0.0)
    assert certain.missing_information == pytest.approx([1.0])
    assert certain.degrees_of_freedom == pytest.approx([2.0])


# -- regressions -----------------------------------------------------------------------------------


def complete(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=n)
    return pd.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "y": 1 + 2 * x[:, 0] - x[:, 1] + rng.normal(size=n)}
    )


class Law:
    """Completes the first column by the normal law of the rows, which it knows."""

    def sample_imputations(self, X: Any, n: int, *, random_state: Any) -> list[Any]:
        rng = np.random.default_rng(random_state)
        cov = np.array([[1, 0.6, 1.4], [0.6, 1, 0.2], [1.4, 0.2, 3.6]])
        weights = np.linalg.solve(cov[1:, 1:], cov[1:, 0])
        spread = np.sqrt(1 - weights @ cov[1:, 0])
        mean = X["b"] * weights[0] + (X["y"] - 1) * weights[1]
        gone = X["a"].isna()
        tables = []
        for _ in range(n):
            filled = X.copy()
            filled.loc[gone, "a"] = (mean + spread * rng.normal(size=len(X)))[gone]
            tables.append(filled)
        return tables


def with_holes(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    gone = np.random.default_rng(seed).random(len(frame)) < 0.4
    return frame.assign(a=frame["a"].mask(gone))


def test_intervals_hold_what_they_promise() -> None:
    truth = np.array([2.0, -1.0, 1.0])
    inside, widths, complete_widths = [], [], []
    for seed in range(60):
        full = complete(120, seed)
        pooled = pool(
            Law(),
            with_holes(full, seed),
            LinearRegression(),
            target="y",
            variance=least_squares,
            n_imputations=8,
            random_state=seed,
        )
        inside.append((pooled.low <= truth) & (truth <= pooled.high))
        widths.append(pooled.standard_error)
        fitted = LinearRegression().fit(full[["a", "b"]], full["y"])
        complete_widths.append(np.sqrt(least_squares(fitted, full[["a", "b"]], full["y"])))
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)
    # wider than with all cells, by about what is missing
    assert (np.mean(widths, axis=0)[:2] > 1.1 * np.mean(complete_widths, axis=0)[:2]).all()


def test_bootstrap_comes_near_the_formula() -> None:
    holes = with_holes(complete(400, 0), 0)
    tables = Law().sample_imputations(holes, 5, random_state=0)
    known: dict[str, Any] = {"target": "y", "random_state": 0}
    by_formula = pool(None, tables, LinearRegression(), variance=least_squares, **known)
    drawn = pool(None, tables, LinearRegression(), n_bootstraps=100, **known)
    np.testing.assert_allclose(drawn.within, by_formula.within, rtol=0.4)
    assert np.array_equal(drawn.estimate, by_formula.estimate)
    again = pool(None, tables, LinearRegression(), n_bootstraps=100, **known)
    assert np.array_equal(drawn.total, again.total)


@pytest.mark.parametrize("container", ["pandas", "polars", "array"])
def test_containers_and_ways_to_give_the_target(container: str) -> None:
    holes = with_holes(complete(100, 0), 0)
    frames = Law().sample_imputations(holes, 3, random_state=0)
    tables: list[Any] = frames
    target: Any = "y"
    if container == "polars":
        tables = [pl.DataFrame({name: one[name].to_numpy() for name in one}) for one in frames]
    if container == "array":
        tables, target = [one.to_numpy() for one in frames], 2
    known: dict[str, Any] = {"variance": least_squares}
    pooled = pool(None, tables, LinearRegression(), target=target, **known)
    names = ["x0", "x1", "intercept"] if container == "array" else ["a", "b", "intercept"]
    assert pooled.names == names
    given = pool(None, [one[["a", "b"]] for one in frames], LinearRegression(), holes["y"], **known)
    np.testing.assert_allclose(pooled.estimate, given.estimate)
    np.testing.assert_allclose(pooled.total, given.total)


def test_pipelines_and_classifiers() -> None:
    tables = Law().sample_imputations(with_holes(complete(200, 0), 0), 3, random_state=0)
    classes = [
        one.assign(y=pd.cut(one["y"], 3, labels=["c", "d", "e"]).astype(str)) for one in tables
    ]
    few: dict[str, Any] = {"target": "y", "n_bootstraps": 4, "random_state": 0}
    pooled = pool(None, classes, make_pipeline(StandardScaler(), LogisticRegression()), **few)
    assert pooled.names[:3] == ["c: a", "c: b", "c: intercept"]
    assert len(pooled.estimate) == 9
    bare = pool(None, tables, LinearRegression(fit_intercept=False), **few)
    assert bare.names == ["a", "b"]


def test_functions_of_a_table_and_its_target() -> None:
    tables = Law().sample_imputations(with_holes(complete(200, 0), 0), 3, random_state=0)
    pooled = pool(None, tables, lambda X, y: [X["a"].mean(), y.mean()], target="y", n_bootstraps=5)
    assert pooled.names == ["estimate 0", "estimate 1"]
    assert pooled.between[0] > 0
    assert pooled.between[1] == 0


def test_reports() -> None:
    pooled = pool(None, tables_of([1.0, 2.0]), mean_of, variance=variance_of_mean)
    assert isinstance(pooled, PooledEstimate)
    assert "estimate 0=1.5" in repr(pooled)
    assert "2 completed tables" in str(pooled)
    assert "1.5" in str(pooled)
    assert pooled._repr_html_().count("<tr>") == 2
    json.dumps(pooled.to_dict())
    frame = pooled.to_frame()
    assert frame["estimate"].tolist() == [1.5]
    assert isinstance(pooled.to_frame("polars"), pl.DataFrame)


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((None, np.ones((4, 2)), mean_of), {}, TypeError, "has no sample_imputations"),
        ((None, tables_of([1.0]), mean_of), {}, ValueError, "two completed tables"),
        ((None, tables_of([1.0, 2.0]), KMeans(2)), {}, ValueError, "KMeans has no coef_"),
        (
            (None, tables_of([1.0, 2.0]), LinearRegression(), [0]),
            {"target": 0},
            ValueError,
            "not both",
        ),
        ((None, tables_of([1.0, 2.0]), mean_of), {"variance": "sandwich"}, ValueError, "variance"),
        ((None, [complete(9, 0)] * 2, mean_of), {"target": "z"}, ValueError, "'z' is none of"),
        ((None, [np.ones((4, 1)), np.ones((5, 1))], mean_of), {}, ValueError, "inconsistent"),
    ],
)
def test_what_cannot_be_pooled(args: Any, kwargs: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        pool(*args, **kwargs)
