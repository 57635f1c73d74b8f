"""Displays of latent spaces: what is drawn is what was found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.geometry import interpolate, traverse
from sklatent.metrics import latent_report
from sklatent.metrics._reconstruction import Comparison
from sklatent.plotting import (
    InterpolationDisplay,
    LatentReportDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    SyntheticDisplay,
    TrainingCurveDisplay,
    TraversalDisplay,
)
from sklatent.plotting._panels import brief, color_limits
from sklatent.plotting._series import RowSeries, TableScale

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 6)) + 0.2 * RNG.normal(size=(200, 6))
MODEL = PCA(3).fit(X)
TABLE = make_mixed_table(120, random_state=0)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}


@pytest.fixture(scope="module")
def mixed() -> AutoencoderTransformer:
    return AutoencoderTransformer(3, **SMALL).fit(TABLE)


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[Any]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


class Constant(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Codes that need no rows, of any frame."""

    def fit(self, X: Any, y: Any = None) -> Constant:
        self.n_features_in_ = len(X.columns)
        return self

    def transform(self, X: Any) -> Any:
        return np.zeros((len(X), 2))

    def inverse_transform(self, Z: Any) -> Any:
        return Z


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_plane_of_two_components_is_the_codes() -> None:
    model = PCA(2).fit(X)
    display = LatentSpaceDisplay.from_estimator(model, X)
    np.testing.assert_array_equal(display.plane, model.transform(X))
    assert display.ax_.get_xlabel() == "pca0"
    np.testing.assert_array_equal(display.ax_.collections[0].get_offsets(), display.plane)


def test_plane_of_more_components_and_of_one() -> None:
    display = LatentSpaceDisplay.from_estimator(MODEL, X)
    np.testing.assert_allclose(np.abs(display.plane), np.abs(MODEL.transform(X)[:, :2]), atol=1e-8)
    assert "(5" in display.ax_.get_xlabel() or "%" in display.ax_.get_xlabel()
    flat = LatentSpaceDisplay.from_estimator(PCA(1).fit(X), X)
    assert not flat.plane[:, 1].any()


def test_numbers_get_a_bar_and_groups_a_legend(mixed: Any) -> None:
    scores = RNG.normal(size=200)
    display = LatentSpaceDisplay.from_estimator(MODEL, X, color=scores)
    np.testing.assert_array_equal(display.ax_.collections[0].get_array(), scores)
    assert len(display.figure_.axes) == 2
    for color, names in (
        (np.arange(200) % 3, ["0", "1", "2"]),
        (np.where(scores > 0, "up", None), ["missing", "up"]),
        (np.where(scores > 0, 2.0, np.nan), ["missing", "2"]),
        (np.where(scores > 0, True, None), ["missing", "True"]),
    ):
        display = LatentSpaceDisplay.from_estimator(MODEL, X, color=color)
        legend = display.ax_.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == names
    named = LatentSpaceDisplay.from_estimator(MODEL, X, color=scores > 0, color_name="sign")
    assert named.ax_.get_legend().get_title().get_text() == "sign"
    by_name = LatentSpaceDisplay.from_estimator(mixed, TABLE, color="light")
    assert by_name.ax_.get_legend().get_title().get_text() == "light"
    LatentSpaceDisplay.from_estimator(mixed, TABLE, color="leaf_mm")  # a number with holes
    many = LatentSpaceDisplay.from_predictions(X, color=[f"w{i % 30}" for i in range(200)])
    assert many.ax_.get_legend() is None
    assert many.ax_.get_title(loc="left") == "colour: 30 groups"
    np.testing.assert_array_equal(
        LatentSpaceDisplay.from_estimator(MODEL, X, color=1).color, X[:, 1]
    )


def test_every_row_is_drawn_whatever_its_colour_lacks() -> None:
    numbers = RNG.normal(size=200)
    numbers[:30] = np.nan
    display = LatentSpaceDisplay.from_estimator(MODEL, X, color=numbers)
    sizes = [len(points.get_offsets()) for points in display.ax_.collections]
    assert sizes == [30, 170]
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["missing"]
    numbers[:30] = -np.inf
    numbers[30] = np.inf
    tones = LatentSpaceDisplay.from_estimator(MODEL, X, color=numbers).ax_.collections[0]
    assert np.unique(tones.get_array()[:30]) == numbers[31:].min()
    assert tones.get_array()[30] == numbers[31:].max()
    empty = LatentSpaceDisplay.from_predictions(X, color=np.full(200, np.nan))
    assert [text.get_text() for text in empty.ax_.get_legend().get_texts()] == ["missing"]


def test_dates_have_a_bar_of_dates(mixed: Any) -> None:
    display = LatentSpaceDisplay.from_estimator(mixed, TABLE, color="sown")
    assert display.color is not None
    np.testing.assert_array_equal(display.color, TABLE["sown"].to_numpy())
    display.figure_.canvas.draw()
    ticks = [text.get_text() for text in display.figure_.axes[1].get_yticklabels()]
    assert ticks
    assert all(tick.startswith("20") for tick in ticks)


def test_colour_of_a_series_has_its_name() -> None:
    frame = TABLE[["light", "leaf_mm"]]
    codes = RNG.normal(size=(len(frame), 2))
    for series in (frame["light"], frame["light"].astype("category")):
        display = LatentSpaceDisplay.from_predictions(codes, color=series)
        assert display.color_name == "light"
    assert LatentSpaceDisplay.from_predictions(codes, color=frame["leaf_mm"]).color_name
    holes = (frame["leaf_mm"] > 80).astype("boolean").mask(frame.index % 5 == 0)
    display = LatentSpaceDisplay.from_predictions(codes, color=holes, color_name="long")
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == ["missing", "False", "True"]
    assert LatentSpaceDisplay.from_estimator(MODEL, X, color=np.int64(-1)).color_name == "5"


@pytest.mark.parametrize(
    "codes",
    [X[:40], X[:40, :1], X[:4], np.ones((20, 3))],
    ids=["rows", "one component", "four rows", "equal rows"],
)
@pytest.mark.parametrize("view", ["tsne", "umap"])
def test_views_that_move_rows(view: Any, codes: Any) -> None:
    if view == "umap":
        pytest.importorskip("umap", exc_type=ImportError)
    display, again = (LatentSpaceDisplay.from_predictions(codes, view=view) for _ in range(2))
    assert display.plane.shape == (len(codes), 2)
    assert np.isfinite(display.plane).all()
    np.testing.assert_array_equal(display.plane, again.plane)


def test_what_umap_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, codes: Any) -> Any:
            return codes[:, [0, -1]].astype(np.float32)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=UMAP))
    Z = RNG.normal(size=(3001, 3))
    display = LatentSpaceDisplay.from_predictions(Z, color=Z[:, 0], view="umap")
    assert asked == {"init": "pca", "n_neighbors": 15, "n_jobs": 1, "random_state": 0}
    assert len(display.plane) == 3000
    assert display.plane.dtype == np.float64
    assert display.ax_.get_xlabel() == "UMAP"
    assert display.color is not None
    np.testing.assert_array_equal(display.plane[:, 0], display.color.astype(np.float32))
    LatentSpaceDisplay.from_predictions(Z[:6, :1].repeat(2, axis=0), view="umap")
    assert (asked["init"], asked["n_neighbors"]) == ("random", 11)


def test_umap_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match="umap-learn"):
        LatentSpaceDisplay.from_estimator(MODEL, X[:40], view="umap")


def _colours(display: Any) -> np.ndarray:
    """Colours as they are drawn, one for each row."""
    display.figure_.canvas.draw()
    return np.asarray(display.ax_.collections[0].get_facecolors())[:, :3]


@pytest.mark.parametrize("far", [1e9, -1e9, np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, object])
def test_one_far_number_does_not_flatten_the_colours(far: float, dtype: Any) -> None:
    numbers = np.linspace(0.0, 1.0, 200)
    usual = _colours(LatentSpaceDisplay.from_predictions(X[:, :2], color=numbers.astype(dtype)))
    numbers[100] = far
    if dtype is object and np.isinf(far):
        return  # cells of a table are finite
    display = LatentSpaceDisplay.from_predictions(X[:, :2], color=numbers.astype(dtype))
    shown = _colours(display)
    others = np.arange(200) != 100
    assert np.abs(shown - usual)[others].max() < 0.03
    assert tuple(shown[100]) == tuple(shown[-1 if far > 0 else 0])
    bar = display.ax_.collections[0].colorbar
    assert bar.extend == "both"
    assert bar.vmin == pytest.approx(0.02, abs=0.01)
    assert bar.vmax == pytest.approx(0.98, abs=0.01)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.r_[np.arange(50.0), 1e9], (1.0, 49.0, "both")),
        (np.r_[np.zeros(98), 1.0, 5.0], (0.0, 5.0, "neither")),
        (np.r_[np.zeros(300), np.arange(1.0, 4.0), 1e9], (0.0, 1e9, "neither")),
        (np.array([3.0, 3.0]), (3.0, 3.0, "neither")),
        (np.array([1.0, 2.0]), (1.0, 2.0, "neither")),
        (np.array([np.nan, np.inf]), (0.0, 1.0, "neither")),
        (np.array([]), (0.0, 1.0, "neither")),
    ],
)
def test_ends_of_a_colour_scale(values: Any, expected: Any) -> None:
    assert color_limits(values) == expected


def test_one_far_cell_takes_no_scale_of_a_series() -> None:
    usual = TraversalDisplay.from_estimator(MODEL, X, row=1)
    rows = X.copy()
    rows[0, 2] = 1e9
    far = TraversalDisplay.from_estimator(MODEL, rows, row=1)
    np.testing.assert_allclose(far.scale.scales, usual.scale.scales, rtol=0.1)
    np.testing.assert_allclose(far.scale.centers, usual.scale.centers, atol=0.1)
    # without far cells they are means and standard deviations
    np.testing.assert_allclose(usual.scale.scales, X.std(0))
    np.testing.assert_allclose(usual.scale.centers, X.mean(0), atol=1e-12)
    image = TraversalDisplay.from_estimator(MODEL, rows, row=1, image_shape=(2, 3))
    assert image.limits[1] < 3 * X.max()
    assert ReconstructionDisplay.from_predictions(rows, rows, image_shape=(2, 3)).axes_[
        0, 0
    ].images[0].get_clim()[1] == pytest.approx(image.limits[1])


ORDER = ["low", "middling", "high"]


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow", "numbers"])
def test_ordered_categories_keep_their_order(container: str) -> None:
    pandas, words = pytest.importorskip("pandas"), np.array(ORDER)[np.arange(200) % 3]
    names = ORDER
    kind = pandas.CategoricalDtype([*ORDER, "never"], ordered=True)
    frame: Any = pandas.DataFrame({"x": X[:, 0], "level": pandas.Series(words, dtype=kind)})
    if container == "polars":
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame(
            {"x": X[:, 0], "level": words}, schema_overrides={"level": polars.Enum([*ORDER, "no"])}
        )
    elif container == "pyarrow":
        frame = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    elif container == "numbers":
        names = ["10", "2", "1"]
        level = pandas.Categorical(np.array([10, 2, 1])[np.arange(200) % 3], [10, 2, 1], True)
        frame = frame.assign(level=level)
    displays = [LatentSpaceDisplay.from_predictions(X, color=frame["level"])]
    if container != "pyarrow":
        displays.append(LatentSpaceDisplay.from_estimator(Constant().fit(frame), frame, color=1))
        displays.append(displays[1].plot())
    for display in displays:
        legend = display.ax_.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == names


def test_missing_and_unordered_categories_in_legends() -> None:
    pandas = pytest.importorskip("pandas")
    words = np.array([*ORDER, None], dtype=object)[np.arange(200) % 4]
    for ordered, names in ((True, ORDER), (False, sorted(ORDER))):
        color = pandas.Series(pandas.Categorical(words, ORDER, ordered=ordered), name="level")
        legend = LatentSpaceDisplay.from_predictions(X, color=color).ax_.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == ["missing", *names]
        assert legend.get_title().get_text() == "level"


def test_synthetic_panels_keep_the_order_too() -> None:
    pandas = pytest.importorskip("pandas")
    kind = pandas.CategoricalDtype(ORDER, ordered=True)
    table = pandas.DataFrame({"level": pandas.Series(["high", "low", "middling"] * 5, dtype=kind)})
    panel = SyntheticDisplay.from_tables(table, table).axes_[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ORDER


def test_latent_space_refuses() -> None:
    with pytest.raises(ValueError, match="view must be one of"):
        LatentSpaceDisplay.from_predictions(X, view="mds")
    with pytest.raises(ValueError, match="needs 4 rows at least, got n_samples=3"):
        LatentSpaceDisplay.from_predictions(X[:3], view="tsne")
    with pytest.raises(ValueError, match="but there are 200 rows"):
        LatentSpaceDisplay.from_estimator(MODEL, X, color=[1, 2])
    with pytest.raises(ValueError, match="no column 6"):
        LatentSpaceDisplay.from_estimator(MODEL, X, color=6)
    with pytest.raises(TypeError, match="no inverse_transform"):
        LatentSpaceDisplay.from_estimator(Normalizer(), X)


def test_traversal_of_numbers() -> None:
    display = TraversalDisplay.from_estimator(MODEL, X, row=-1, components=["pca1", 0], n_values=5)
    assert [ax.get_title("left") for ax in display.axes_] == ["pca1", "pca0"]
    np.testing.assert_array_equal(display.series[0].cells, traverse(MODEL, X[-1], 1, 5, X=X))
    assert len(texts(display.axes_[0])) == 5 * 6
    display.plot(max_columns=2)
    names = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    # the columns that the component moves most, in standard deviations
    moved = np.abs(MODEL.components_[1]) / X.std(0)
    assert names == [str(j) for j in sorted(np.argsort(-moved)[:2])]


def test_traversal_is_labelled_in_standard_deviations() -> None:
    display = TraversalDisplay.from_estimator(MODEL, X, components=[1], n_values=3)
    codes = MODEL.transform(X)[:, 1]
    low, high = np.quantile(codes, [0.01, 0.99])
    expected = (np.array([low, (low + high) / 2, high]) - codes.mean()) / codes.std()
    assert display.series[0].ticks == [f"{value:+.1f} sd" for value in expected]
    rows = X.copy()
    rows[5] = 1e9  # one row in two hundred
    far = TraversalDisplay.from_estimator(MODEL, rows, components=[1], n_values=3)
    ends = [float(tick.split()[0]) for tick in far.series[0].ticks]
    np.testing.assert_allclose(ends, expected, atol=0.3)
    constant = TraversalDisplay.from_estimator(MODEL, X[:1], components=[1], n_values=2)
    assert constant.series[0].ticks == ["+0.0 sd", "+0.0 sd"]


def test_axes_have_short_names() -> None:
    model = VAETransformer(2, **SMALL).fit(X)
    assert model.get_feature_names_out().tolist() == ["vaetransformer0", "vaetransformer1"]
    plane = LatentSpaceDisplay.from_estimator(model, X).ax_
    assert (plane.get_xlabel(), plane.get_ylabel()) == ("vae0", "vae1")
    labels = {
        component: TraversalDisplay.from_estimator(model, X, components=component).series[0].label
        for component in (1, -1, "vae1", "vaetransformer1")
    }
    assert set(labels.values()) == {"vae1"}
    report = LatentReportDisplay.from_estimator(model, X)
    assert {label.get_text()[:4] for label in report.ax_.get_yticklabels()} == {"vae0", "vae1"}
    with pytest.raises(ValueError, match="no component 'vae2'"):
        TraversalDisplay.from_estimator(model, X, components="vae2")


def test_traversal_of_a_mixed_table(mixed: Any) -> None:
    display = TraversalDisplay.from_estimator(mixed, TABLE)
    assert len(display.axes_) == 3
    for ax in display.axes_:
        assert len(texts(ax)) == 7 * len(ax.get_yticklabels()) > 0
    display.figure_.canvas.draw()


def test_words_that_follow_each_other_differ_in_colour() -> None:
    words = np.array([[f"w{i}"] for i in range(9)] + [["w8"]], dtype=object)
    display = TraversalDisplay(
        series=[RowSeries("words", list("abcdefghij"), np.array([[*range(9), 8.0]]).T)],
        scale=TableScale.of(Comparison.of(words, words)),
    ).plot()
    shown = np.asarray(display.axes_[0].images[0].get_array())[0]
    differs = (shown[1:] != shown[:-1]).any(axis=1)
    assert differs.tolist() == [True] * 8 + [False]


def test_traversal_of_images() -> None:
    display = TraversalDisplay.from_estimator(MODEL, X, image_shape=(2, 3), n_values=4)
    assert display.axes_.shape == (3, 4)
    shown = np.asarray(display.axes_[0, 0].images[0].get_array())
    np.testing.assert_array_equal(shown.ravel(), display.series[0].cells[0])


def test_traversal_refuses() -> None:
    with pytest.raises(ValueError, match="position among 200 rows"):
        TraversalDisplay.from_estimator(MODEL, X, row=200)
    with pytest.raises(ValueError, match="component == 7"):
        TraversalDisplay.from_estimator(MODEL, X, components=[7])
    with pytest.raises(ValueError, match="is empty"):
        TraversalDisplay.from_estimator(MODEL, X, components=[])
    with pytest.raises(ValueError, match=r"image_shape=\(2, 2\) does not hold 6 columns"):
        TraversalDisplay.from_estimator(MODEL, X, image_shape=(2, 2))
    with pytest.raises(ValueError, match="max_columns == 0"):
        TraversalDisplay.from_estimator(MODEL, X, max_columns=0)


def test_interpolation() -> None:
    display = InterpolationDisplay.from_estimator(
        MODEL, X, X[:2], X[2:4], n_steps=5, methods=["linear", "spherical"], image_shape=(2, 3)
    )
    assert display.axes_.shape == (4, 5)
    labels = [one.label for one in display.series]
    assert labels == ["path 0 linear", "path 0 spherical", "path 1 linear", "path 1 spherical"]
    expected = interpolate(MODEL, X[1], X[3], 5, method="spherical")
    np.testing.assert_allclose(display.series[3].cells, expected)
    with pytest.raises(ValueError, match="is empty"):
        InterpolationDisplay.from_estimator(MODEL, X, X[0], X[1], methods=[])


def test_interpolation_in_a_mixed_table(mixed: Any) -> None:
    display = InterpolationDisplay.from_estimator(mixed, TABLE, TABLE[:1], TABLE[3:4], n_steps=4)
    assert [label.get_text() for label in display.axes_[0].get_xticklabels()][-1] == "1"
    display.figure_.canvas.draw()


def test_path_that_goes_nowhere() -> None:
    display = InterpolationDisplay.from_estimator(MODEL, X, X[0], X[0])
    assert texts(display.axes_[0]) == []


def test_reconstruction_of_columns(mixed: Any) -> None:
    display = ReconstructionDisplay.from_estimator(mixed, TABLE)
    assert [ax.get_title("left") for ax in display.axes_] == list(TABLE.columns)
    place = list(TABLE.columns).index("evergreen")
    bars = display.axes_[place].patches
    assert sum(bar.get_width() for bar in bars[:2]) == len(TABLE)
    perfect = ReconstructionDisplay.from_predictions(X, X, max_columns=2)
    assert len(perfect.axes_) == 2
    assert texts(perfect.axes_[0]) == ["100% explained"]
    display.figure_.canvas.draw()


def test_reconstruction_passes_over_constant_columns() -> None:
    rows = np.column_stack([np.zeros(200), X[:, 0], np.full(200, np.nan), X[:, 1]])
    display = ReconstructionDisplay.from_predictions(rows, rows, max_columns=2)
    assert [ax.get_title("left") for ax in display.axes_] == ["1", "3"]
    assert len(display.plot(max_columns=3).axes_) == 3
    everything = display.plot(max_columns=4).axes_
    assert [ax.get_title("left") for ax in everything] == list("0123")
    assert [texts(ax)[0] for ax in everything[:3]] == ["constant", "100% explained", "missing"]


@pytest.mark.parametrize(
    ("number", "digits", "text"),
    [
        (-1234.5, 2, "-1234"),
        (99.7, 2, "100"),
        (0.4231, 2, "0.42"),
        (189778.0, 4, "189778"),
        (12345.6, 4, "12346"),
        (9999.7, 4, "10000"),
        (3.14159, 4, "3.142"),
        (1.5e8, 4, "1.5e+08"),
        (0.0, 2, "0"),
    ],
)
def test_brief_numbers(number: float, digits: int, text: str) -> None:
    assert brief(number, digits) == text


def test_cells_say_what_their_colour_means(mixed: Any) -> None:
    display = TraversalDisplay.from_estimator(mixed, TABLE)
    keys = [ax.get_xlabel() for ax in display.axes_]
    assert keys[:-1] == ["", ""]
    assert keys[-1].endswith("below (blue) or above (red) the mean, full at 2 standard deviations")
    assert "blue" not in display.plot(cmap="viridis").axes_[-1].get_xlabel()
    words = np.array([["a"], ["b"]])
    paths = TraversalDisplay(
        series=[RowSeries("words", ["0", "1"], np.array([[0.0], [1.0]]))],
        scale=TableScale.of(Comparison.of(words, words)),
    )
    assert paths.plot().axes_[0].get_xlabel() == ""


def test_reconstruction_of_images() -> None:
    display = ReconstructionDisplay.from_estimator(MODEL, X, image_shape=(2, 3), n_images=4)
    assert display.axes_.shape == (2, 4)
    shown = np.asarray(display.axes_[1, 2].images[0].get_array()).ravel()
    np.testing.assert_allclose(shown, MODEL.inverse_transform(MODEL.transform(X))[2])


def test_reconstruction_refuses() -> None:
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ReconstructionDisplay.from_predictions(X, X[:5])
    with pytest.raises(ValueError, match="n_images == 0"):
        ReconstructionDisplay.from_predictions(X, X, n_images=0)


def test_training_curve() -> None:
    model = make_pipeline(StandardScaler(), VAETransformer(2, **SMALL)).fit(X)
    display = TrainingCurveDisplay.from_estimator(model)
    history = model[-1].history_
    titles = [ax.get_title("left") for ax in display.axes_]
    assert titles == ["loss", "kl", "reconstruction"]
    drawn = display.axes_[0].lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, [record["train_loss"] for record in history])
    assert len(display.plot(show_terms=False).axes_) == 1
    untrained = AutoencoderTransformer(2, random_state=0).fit(X[:20])
    assert "start was kept" in texts(TrainingCurveDisplay.from_estimator(untrained).axes_[0])[0]
    with pytest.raises(TypeError, match="PCA has no history_"):
        TrainingCurveDisplay.from_estimator(MODEL)


def test_report(mixed: Any) -> None:
    report = latent_report(mixed, TABLE)
    display = LatentReportDisplay.from_report(report)
    order = np.argsort(-report.share, kind="stable")
    shown = np.asarray(display.ax_.images[0].get_array())
    np.testing.assert_array_equal(shown, report.r2[order])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[0].startswith(f"autoencoder{order[0]} ")
    display.plot(values="slopes")
    np.testing.assert_array_equal(
        np.asarray(display.ax_.images[0].get_array()), report.slopes[order]
    )
    with pytest.raises(ValueError, match="values must be"):
        display.plot(values="kl")


def test_report_writes_values_only_where_they_fit(mixed: Any) -> None:
    from matplotlib import pyplot as plt

    report = latent_report(mixed, TABLE)
    assert LatentReportDisplay.from_report(report).ax_.texts
    assert len(LatentReportDisplay.from_estimator(PCA(6).fit(X), X).ax_.texts) == 36
    wide = np.hstack([X, X])
    assert len(LatentReportDisplay.from_estimator(PCA(5).fit(wide), wide).ax_.texts) == 60
    assert not LatentReportDisplay.from_estimator(PCA(6).fit(wide), wide).ax_.texts
    _, narrow = plt.subplots(figsize=(1.5, 2.0))
    assert not LatentReportDisplay.from_report(report, ax=narrow).ax_.texts
    plt.close("all")


@pytest.mark.parametrize("codes", [np.ones((1, 4)), np.ones((20, 4))])
def test_rows_that_are_all_alike_lie_in_one_place(codes: np.ndarray) -> None:
    display = LatentSpaceDisplay.from_estimator(PCA(4).fit(X), np.repeat(X[:1], len(codes), axis=0))
    np.testing.assert_array_equal(display.plane, np.zeros((len(codes), 2)))
    assert "(0%)" in display.ax_.get_xlabel()


def test_one_component_may_be_named_alone() -> None:
    alone = TraversalDisplay.from_estimator(MODEL, X, components=1)
    listed = TraversalDisplay.from_estimator(MODEL, X, components=["pca1"])
    assert [one.label for one in alone.series] == [one.label for one in listed.series] == ["pca1"]


def test_sparse_rows_and_strange_axes_are_refused() -> None:
    with pytest.raises(TypeError, match="Sparse data was passed"):
        ReconstructionDisplay.from_estimator(PCA(2).fit(X), csr_array(X))
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got str"):
        ReconstructionDisplay.from_estimator(MODEL, X, ax="here")
