"""Reports on latent spaces, errors of columns, neighbourhoods."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklatent import AutoencoderTransformer, TabularEncoder, VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.metrics import (
    Figure,
    dci_score,
    latent_report,
    neighborhood_scores,
    reconstruction_errors,
)

RNG = np.random.default_rng(0)
FACTORS = RNG.normal(size=(600, 2)) * [2.0, 1.0]
X = np.column_stack([FACTORS[:, 0], 3 * FACTORS[:, 0], FACTORS[:, 1], np.full(600, 7.0)])
X[:, :3] += 0.01 * RNG.normal(size=(600, 3))
PIPE = make_pipeline(StandardScaler(), PCA(3)).fit(X)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 30, "random_state": 0}


def test_linear_model() -> None:
    report = latent_report(PIPE, X, max_rows=600)
    pca = PIPE[-1]
    # of the three columns that vary: shares of the variance, as PCA has them
    np.testing.assert_allclose(report.share, pca.explained_variance_ratio_, atol=1e-6)
    assert report.explained == pytest.approx(1.0)
    assert report.active.tolist() == [True, True, False]
    assert "explain 100.0%, mean over 3 columns that vary (600 rows)" in str(report)
    # a linear decoder has the same slope everywhere: loadings in standard units
    loadings = np.abs(pca.components_) * PIPE.transform(X).std(0)[:, None]
    np.testing.assert_allclose(report.slopes[:, :3], loadings[:, :3], rtol=1e-6, atol=1e-9)
    assert {name for name, _ in report.drives(0)} == {0, 1}
    assert [name for name, _ in report.drives(1)] == [2]
    assert report.r2[0, 0] > 0.95
    assert np.isnan(report.r2[:, 3]).all()
    np.testing.assert_allclose(report.correlation, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(report.spread, PIPE.transform(X).std(0))
    assert report.kl is None


def test_a_column_that_hardly_varies_is_lost_once_at_most() -> None:
    model = PCA(1).fit(X[:, :3])
    rows = X[:, :3].copy()
    rows[:, 2] = 5.0 + 1e-3 * RNG.normal(size=600)
    report = latent_report(model, rows)
    assert report.explained == pytest.approx(2 / 3, abs=1e-3)
    assert report.share[0] == pytest.approx(2 / 3, abs=1e-3)


def test_units_do_not_matter() -> None:
    tiny = 2.0**-100 * X
    report, small = (latent_report(PCA(2).fit(rows), rows) for rows in (X, tiny))
    assert small.explained == pytest.approx(report.explained)
    np.testing.assert_allclose(small.share, report.share)
    np.testing.assert_allclose(small.r2, report.r2)


def test_dimensions_of_rounding_go_with_nothing() -> None:
    table = np.column_stack([X[:, 0], np.full((600, 3), 0.1)])
    report = latent_report(PCA(3).fit(table), table)
    np.testing.assert_array_equal(report.correlation, np.eye(3))
    np.testing.assert_array_equal(report.r2[1:, 0], 0.0)


def test_dependence_of_any_shape_counts() -> None:
    curve = RNG.normal(size=1000)
    table = np.column_stack([curve, curve**2, RNG.normal(size=1000)])
    model = StandardScaler().fit(table)
    report = latent_report(model, table)
    assert report.r2[0, 1] > 0.8
    assert report.r2[0, 2] < 0.02


def test_model_that_knows_its_divergence() -> None:
    vae = VAETransformer(2, **SMALL).fit(X)
    for model in (vae, make_pipeline(StandardScaler(), VAETransformer(2, **SMALL)).fit(X)):
        report = latent_report(model, X)
        assert report.kl is not None
        assert report.active.tolist() == (report.kl > 0.05).tolist()
        assert "KL" in str(report)


def test_mixed_table_in_text_html_and_frames() -> None:
    table = make_mixed_table(200, random_state=0)
    model = AutoencoderTransformer(3, **SMALL).fit(table)
    report = latent_report(model, table, max_rows=100)
    assert report.columns == list(table.columns)
    assert report.r2.shape == report.slopes.shape == (3, 13)
    assert ((report.r2 >= 0) & (report.r2 <= 1)).all()
    assert (report.slopes >= 0).all()
    lines = str(report).splitlines()
    assert len(lines) == 6
    assert "autoencodertransformer0" in str(report)
    assert report._repr_html_().count("<tr>") == 4
    assert json.loads(json.dumps(report.to_dict()))["dimensions"] == report.dimensions
    frame = report.to_frame()
    assert frame["dimension"].tolist() == report.dimensions
    assert "r2 light" in frame
    assert report.to_frame("polars").shape == frame.shape
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    arrow = pytest.importorskip("pyarrow")
    theirs = polars.from_pandas(table)
    for rows, kind in ((table, pandas.DataFrame), (theirs, polars.DataFrame)):
        assert isinstance(latent_report(TabularEncoder().fit(rows), rows).to_frame(), kind)
    of_arrow = latent_report(TabularEncoder().fit(theirs), theirs.to_arrow())
    assert isinstance(of_arrow.to_frame(), arrow.Table)
    assert isinstance(of_arrow.to_frame("pandas"), pandas.DataFrame)
    assert isinstance(latent_report(PIPE, X).to_frame(), pandas.DataFrame)
    assert "13 columns" in repr(report)


def test_same_seed_same_report_and_one_dimension() -> None:
    model = PCA(1).fit(X)
    first, again = (latent_report(model, X, max_rows=50, random_state=1) for _ in range(2))
    assert str(first) == str(again)
    assert str(latent_report(model, X[:2]))


def test_errors_of_numbers() -> None:
    model = PCA(1).fit(X)
    errors = reconstruction_errors(model, X)
    rebuilt = model.inverse_transform(model.transform(X))
    for j, error in errors.items():
        assert error.value == pytest.approx(np.sqrt(np.mean((X[:, j] - rebuilt[:, j]) ** 2)))
        assert error.floor == pytest.approx(X[:, j].std(), abs=1e-12)


def test_errors_are_printed_as_a_table() -> None:
    errors = reconstruction_errors(PCA(1).fit(X), X * [1.0, 1e7, 1e-7, 1.0])
    assert isinstance(errors, dict)
    header, *lines = str(errors).splitlines()
    assert header.split() == ["column", "error", "floor", "best"]
    assert [line.split()[0] for line in lines] == list("0123")
    assert len({len(line) for line in lines}) == 1  # the last column is aligned
    for line, error in zip(lines, errors.values(), strict=True):
        cells = [float(cell) for cell in line.split()[1:]]
        np.testing.assert_allclose(cells, [error.value, error.floor, 0.0], rtol=0.01, atol=6e-4)
    assert float(lines[2].split()[1]) > 0.0  # small units have figures too
    html = errors._repr_html_()
    assert html.count("<tr>") == 5
    assert "ceiling" not in html


def test_scores_and_figures_are_printed_as_words_and_tables() -> None:
    scores = neighborhood_scores(X, X[:, :2], n_neighbors=5)
    assert str(scores).splitlines()[0].split() == [
        *["5", "neighbours,", "600", "rows", "value", "floor", "best"]
    ]
    assert f"trustworthiness {scores.trustworthiness:.3f}" in " ".join(str(scores).split())
    found = dci_score(FACTORS[:200], FACTORS[:200])
    assert str(found).startswith("2 codes, 2 factors")
    for name in ("disentanglement", "completeness", "informativeness"):
        assert f"{name} {getattr(found, name):.3f} 0.000 1" in " ".join(str(found).split())
    assert found._repr_html_().count("<tr>") == 4
    assert str(Figure(0.25, 0.5, best=0.0, standard_error=0.01)) == (
        "0.250 ± 0.010 (floor 0.500, best 0)"
    )
    assert str(Figure(1234567.0, ceiling=1e-5)) == "1.23e+06 (ceiling 1e-05, best 1)"
    assert str(Figure(np.nan)) == "nan (best 1)"


def test_errors_of_a_mixed_table() -> None:
    table = make_mixed_table(200, random_state=0)
    perfect = reconstruction_errors(TabularEncoder().fit(table), table)
    assert list(perfect) == list(table.columns)
    assert max(error.value for error in perfect.values()) < 1e-6
    assert perfect["light"].floor == pytest.approx(
        1 - table["light"].value_counts(normalize=True).max()
    )
    assert perfect["sown"].floor == pytest.approx(
        (table["sown"].astype("int64") / 1e9 / 86400).std(ddof=0), rel=0.01
    ) or perfect["sown"].floor == pytest.approx(
        (table["sown"] - table["sown"].min()).dt.total_seconds().std(ddof=0) / 86400
    )
    small = AutoencoderTransformer(2, **SMALL).fit(table)
    assert reconstruction_errors(small, table)["light"].value > 0


def test_booleans_through_a_linear_model() -> None:
    flags = RNG.integers(0, 2, size=(50, 3)).astype(bool)
    errors = reconstruction_errors(PCA(3).fit(flags), flags)
    assert max(error.value for error in errors.values()) < 1e-10


def test_neighborhoods() -> None:
    codes = RNG.normal(size=(120, 5))
    view = codes[:, :2]
    scores = neighborhood_scores(codes, view, n_neighbors=7)
    assert scores.trustworthiness == pytest.approx(trustworthiness(codes, view, n_neighbors=7))
    assert scores.continuity == pytest.approx(trustworthiness(view, codes, n_neighbors=7))
    same = neighborhood_scores(codes, 3 * codes)
    assert same.trustworthiness == same.continuity == 1.0
    blind = neighborhood_scores(codes, RNG.normal(size=(120, 2)))
    assert blind.trustworthiness == pytest.approx(0.5, abs=0.1)
    assert neighborhood_scores(codes, view, max_rows=50).n_rows == 50


def test_neighborhoods_of_a_mixed_table() -> None:
    table, factors = make_mixed_table(300, random_state=0, return_factors=True)
    good = neighborhood_scores(table, factors)
    blind = neighborhood_scores(table, RNG.normal(size=(300, 3)))
    assert good.trustworthiness > blind.trustworthiness + 0.1
    assert good.continuity > blind.continuity + 0.1


def test_what_is_refused() -> None:
    for call in (latent_report, reconstruction_errors):
        with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
            call(Normalizer(), X)
        with pytest.raises(ValueError, match="features"):
            call(PIPE, X[:, :3])
    with pytest.raises(ValueError, match="n_samples=1"):
        latent_report(PIPE, X[:1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        neighborhood_scores(X, X[:10])
    with pytest.raises(ValueError, match="less than n_samples / 2"):
        neighborhood_scores(X[:10], X[:10])
