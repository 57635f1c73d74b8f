"""Spoiled rows are rows of the same kind, and good detectors find them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklatent.datasets import make_mixed_table
from sklatent.metrics import make_pseudo_anomalies, pseudo_anomaly_score

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 1)) + 0.1 * RNG.normal(size=(200, 10))


class ByMean:
    """Scores by the distance of the cells from their mean: low where a row is not of one piece."""

    def __init__(self, sign: float) -> None:
        self.sign = sign

    def score_samples(self, X: np.ndarray) -> np.ndarray:
        return -self.sign * X.std(1)


def test_number_of_spoiled_cells() -> None:
    for kind, count in (("cell", 1), ("cells", 3)):
        intact, spoiled = make_pseudo_anomalies(X, kind=kind, random_state=0)
        np.testing.assert_allclose(intact, X)
        assert ((intact != spoiled).sum(1) == count).all()
    intact, spoiled = make_pseudo_anomalies(X, kind="jitter", random_state=0)
    assert (intact != spoiled).all()
    spread = np.quantile(X, 0.75, axis=0) - np.quantile(X, 0.25, axis=0)
    np.testing.assert_allclose((spoiled - intact).std(0), spread / 2, rtol=0.2)


def test_cells_come_from_other_rows_of_the_column() -> None:
    intact, spoiled = make_pseudo_anomalies(X, random_state=0)
    for before, after in zip(intact.T, spoiled.T, strict=True):
        assert np.isin(after.round(9), before.round(9)).all()


@pytest.mark.parametrize("kind", ["cell", "cells", "jitter"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_mixed_tables_keep_their_columns(library: str, kind: str) -> None:
    table: Any = make_mixed_table(80, random_state=0)
    table = pl.from_pandas(table) if library == "polars" else table
    for part in make_pseudo_anomalies(table, kind=kind, random_state=0):
        assert isinstance(part, pd.DataFrame if library == "pandas" else pl.DataFrame)
        assert list(part.columns) == list(table.columns)
        assert list(part.dtypes) == list(table.dtypes)


def test_score_of_good_and_bad_detectors() -> None:
    good, bad = (pseudo_anomaly_score(ByMean(sign), X) for sign in (1.0, -1.0))
    assert good > 0.9
    assert bad == pytest.approx(1 - good)
    assert pseudo_anomaly_score(ByMean(1.0), X) == good
    assert pseudo_anomaly_score(ByMean(1.0), X, n_repeats=2, random_state=1) != good


def test_one_row_is_refused() -> None:
    with pytest.raises(ValueError, match="n_samples=1"):
        make_pseudo_anomalies(X[:1])
    with pytest.raises(ValueError, match="kind"):
        make_pseudo_anomalies(X, kind="noise")
