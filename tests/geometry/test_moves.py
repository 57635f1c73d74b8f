"""Traversals, directions, edits, blends and neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklatent import AutoencoderTransformer
from sklatent.datasets import make_mixed_table
from sklatent.geometry import (
    AttributeDirection,
    attribute_direction,
    blend,
    edit,
    nearest,
    traverse,
)

RNG = np.random.default_rng(0)
FACTORS = RNG.normal(size=(400, 3))
# three pairs of columns, each with a factor of its own
X = np.repeat(FACTORS, 2, axis=1) * [1.0, -2.0, 1.0, 3.0, 1.0, 0.5]
X = X + 0.05 * RNG.normal(size=X.shape)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}
MODEL = PCA(3).fit(X)


def test_traversal_of_a_linear_model_is_a_straight_line() -> None:
    values = np.array([-3.0, -1.0, 0.0, 4.0])
    rows = traverse(MODEL, X[0], 1, values)
    slopes = np.diff(rows, axis=0) / np.diff(values)[:, None]
    np.testing.assert_allclose(slopes, np.tile(MODEL.components_[1], (3, 1)), atol=1e-10)
    codes = MODEL.transform(rows)
    np.testing.assert_allclose(codes[:, 1], values, atol=1e-10)
    np.testing.assert_allclose(codes[:, [0, 2]], MODEL.transform(X[:1])[:, [0, 2]].repeat(4, 0))


def test_traversal_through_the_values_of_the_table() -> None:
    rows = traverse(MODEL, X[0], "pca2", 5, X=X, quantiles=(0.0, 1.0))
    seen = MODEL.transform(X)[:, 2]
    np.testing.assert_allclose(MODEL.transform(rows)[[0, -1], 2], [seen.min(), seen.max()])


@pytest.mark.parametrize("method", ["means", "normal"])
@pytest.mark.parametrize("target", ["class", "number"])
def test_direction_of_a_planted_attribute(method: Any, target: str) -> None:
    codes = RNG.normal(size=(500, 4))
    y = codes[:, 2] + 0.1 * RNG.normal(size=500)
    found = attribute_direction(codes, y > 0 if target == "class" else y, method=method)
    assert np.linalg.norm(found.vector) == pytest.approx(1.0)
    assert found.vector[2] > 0.95
    assert found.strength > 0.95
    # means of the halves of a normal distribution; one standard deviation of a number
    assert found.gap == pytest.approx(2 * np.sqrt(2 / np.pi) if target == "class" else 1.0, rel=0.1)


def test_other_attributes_are_held() -> None:
    first = RNG.normal(size=2000)
    second = 0.7 * first + 0.7 * RNG.normal(size=2000)
    codes = np.column_stack([first + second, first - second])
    drawn = attribute_direction(codes, first, method="means").vector
    held = attribute_direction(codes, first, method="means", given=second).vector
    # moving the first alone moves both codes alike
    np.testing.assert_allclose(held, np.sqrt([0.5, 0.5]), atol=1e-3)
    assert drawn[0] > 0.9
    with pytest.raises(ValueError, match="needs method='means'"):
        attribute_direction(codes, first, given=second)


def test_strength_of_nothing_is_chance() -> None:
    codes, y = RNG.normal(size=(600, 5)), RNG.integers(0, 2, 600)
    assert attribute_direction(codes, y).strength == pytest.approx(0.5, abs=0.1)


def test_labels_of_any_kind() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    codes = RNG.normal(size=(60, 3))
    words = np.where(codes[:, 1] > 0, "yes", "no")
    expected = attribute_direction(codes, words)
    for y in (
        words.tolist(),
        words.astype(object),
        pandas.Series(words),
        pandas.Series(words).astype("category"),
        polars.Series(words.tolist()).cast(polars.Categorical),
    ):
        found = attribute_direction(codes, y)
        assert found.positive == "yes"
        np.testing.assert_array_equal(found.vector, expected.vector)
    truth = pandas.Series(words == "yes").astype("boolean")
    np.testing.assert_array_equal(attribute_direction(codes, truth).vector, expected.vector)


@pytest.mark.parametrize("hole", [None, float("nan")])
@pytest.mark.parametrize("words", [True, False])
def test_missing_labels_are_named(hole: Any, words: bool) -> None:
    y = ["a", "b"] * 10 if words else [0.5, 1.5] * 10
    with pytest.raises(ValueError, match="Input y contains NaN: leave out rows"):
        attribute_direction(RNG.normal(size=(20, 2)), np.array([*y[:-1], hole], dtype=object))


def test_many_whole_numbers_are_a_number() -> None:
    codes = RNG.normal(size=(300, 3))
    age = np.round(40 + 10 * codes[:, 0]).astype(int)
    found = attribute_direction(codes, age)
    assert found.positive is None
    assert abs(found.vector[0]) > 0.99
    assert found.strength > 0.95
    few = attribute_direction(codes, np.digitize(codes[:, 0], [-1, 0, 1]), positive=3)
    assert few.positive == 3
    days = np.datetime64("2024-01-01") + age.astype("timedelta64[D]")
    np.testing.assert_allclose(attribute_direction(codes, days).vector, found.vector)


@pytest.mark.parametrize("method", ["means", "normal"])
@pytest.mark.parametrize("target", ["class", "number"])
def test_centre_and_units_of_codes_do_not_matter(method: Any, target: str) -> None:
    codes = RNG.normal(size=(100, 3))
    y = codes[:, 2] + RNG.normal(size=100)
    y = y > 0 if target == "class" else y
    found = attribute_direction(codes, y, method=method)
    for other in (codes + 2.0**20, 2.0**-600 * codes):
        again = attribute_direction(other, y, method=method)
        np.testing.assert_allclose(again.vector, found.vector, atol=1e-6)
        assert again.strength == pytest.approx(found.strength)


@pytest.mark.parametrize("method", ["means", "normal"])
def test_nothing_to_find(method: Any) -> None:
    flat, y = np.full((30, 2), 0.1), np.arange(30) + 0.5
    for target, chance in ((y > 10, 0.5), (y, 0.0)):
        found = attribute_direction(flat, target, method=method)
        assert (found.gap, found.strength) == (0.0, chance)
        assert not found.vector.any()
    told = attribute_direction(RNG.normal(size=(30, 2)), y, method="means", given=2 * y - 1)
    assert not told.vector.any()
    # folds in which a number does not vary have nothing to rank
    rare = np.where(np.arange(30) < 2, 0.5, 0.0)
    assert np.isfinite(attribute_direction(RNG.normal(size=(30, 2)), rare).strength)


def test_edit_moves_the_planted_columns_and_little_else() -> None:
    towards = attribute_direction(MODEL.transform(X), FACTORS[:, 1])
    edited, moved = edit(MODEL, X, towards, 1.0, return_moved=True)
    assert moved[2] == pytest.approx(1.0, abs=0.1)
    assert moved[3] == pytest.approx(1.0, abs=0.1)
    assert max(abs(moved[j]) for j in (0, 1, 4, 5)) < 0.12
    rebuilt = MODEL.inverse_transform(MODEL.transform(X))
    scale = X.std(0)
    np.testing.assert_allclose(((edited - rebuilt) / scale).mean(0), list(moved.values()))


def test_edit_by_nothing_is_the_reconstruction() -> None:
    rows, moved = edit(MODEL, X[:5], [1.0, 0.0, 0.0], 0.0, return_moved=True)
    np.testing.assert_allclose(rows, MODEL.inverse_transform(MODEL.transform(X[:5])))
    assert set(moved.values()) == {0.0}


def test_edit_of_a_mixed_table() -> None:
    table = make_mixed_table(300, random_state=0)
    model = AutoencoderTransformer(3, hidden_layer_sizes=(32,), max_steps=150, random_state=0)
    codes = model.fit(table).transform(table)
    towards = attribute_direction(codes, table["light"], positive="shade")
    rows, moved = edit(model, table, towards, 3.0, return_moved=True)
    assert rows.dtypes.tolist() == table.dtypes.tolist()
    assert list(moved) == list(table.columns)
    rebuilt = model.inverse_transform(codes)
    assert moved["light"] == pytest.approx(np.mean(rows["light"] != rebuilt["light"]))
    assert (rows["light"] == "shade").mean() > (rebuilt["light"] == "shade").mean()


def test_what_moved_of_a_few_rows_counts_in_the_spread_of_the_table() -> None:
    step = np.array([1.0, 0.0, 0.0])
    change = MODEL.components_[0]
    moved = edit(MODEL, X[0], step, return_moved=True, reference=X)[1]
    np.testing.assert_allclose(list(moved.values()), change / X.std(0))
    # a single row has no spread of its own
    moved = edit(MODEL, X[0], step, return_moved=True)[1]
    np.testing.assert_allclose(list(moved.values()), change)


def test_rows_that_move_apart_do_not_cancel() -> None:
    class Folded(PCA):
        def inverse_transform(self, X: Any) -> Any:
            return super().inverse_transform(np.abs(X))

    model = Folded(1).fit(X)
    model.mean_[:] = 0.0
    rows = np.outer([-2.0, -1.0, 1.0], model.components_[0])
    moved = edit(model, rows, [0.5], return_moved=True, reference=X)[1]
    change = np.abs(0.5 * model.components_[0]) / X.std(0)
    np.testing.assert_allclose(np.abs(list(moved.values())), change)
    # two rows in three move back
    np.testing.assert_array_equal(np.sign(list(moved.values())), -np.sign(model.components_[0]))


def test_a_row_of_numbers_and_words_as_a_list() -> None:
    table = make_mixed_table(60, random_state=0)[["height_cm", "soil"]].to_numpy(dtype=object)
    model = AutoencoderTransformer(1, **SMALL).fit(table)
    rows = traverse(model, table[0].tolist(), 0, [0.0, 1.0])
    np.testing.assert_array_equal(rows, traverse(model, table[:1], 0, [0.0, 1.0]))


def test_blend_is_latent_arithmetic() -> None:
    codes = MODEL.transform(X[:3])
    mean = blend(MODEL, X[:3])
    np.testing.assert_allclose(mean, MODEL.inverse_transform(codes.mean(0, keepdims=True)))
    both = blend(MODEL, X[:3], [[1, -1, 1], [0, 0, 1]])
    np.testing.assert_allclose(
        both[0], MODEL.inverse_transform([codes[0] - codes[1] + codes[2]])[0]
    )
    np.testing.assert_allclose(both[1], MODEL.inverse_transform(codes[2:])[0])
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1.0, -1.0, 1.0])
    np.testing.assert_allclose(blend(MODEL, X[:3], series), both[:1])


def test_nearest_rows() -> None:
    distances, indices = nearest(MODEL, X, X[[5, 9]], n_neighbors=4)
    assert indices[:, 0].tolist() == [5, 9]
    codes = MODEL.transform(X)
    expected = np.sort(np.linalg.norm(codes - codes[5], axis=1))[:4]
    np.testing.assert_allclose(distances[0], expected, atol=1e-7)


def test_rows_come_back_in_their_container() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({f"c{j}": X[:, j] for j in range(6)})
    model = PCA(2).fit(frame)
    for rows in (
        traverse(model, frame[:1], 0, 4, X=frame),
        edit(model, frame, np.ones(2)),
        blend(model, frame[:3]),
    ):
        assert isinstance(rows, polars.DataFrame)
        assert rows.columns == frame.columns


def test_what_a_traversal_refuses() -> None:
    with pytest.raises(ValueError, match="component == 3, but PCA has 3 components"):
        traverse(MODEL, X[0], 3, [0.0])
    with pytest.raises(ValueError, match="no component 'z9'"):
        traverse(MODEL, X[0], "z9", [0.0])
    with pytest.raises(ValueError, match="starts from one row, got 2"):
        traverse(MODEL, X[:2], 0, [0.0])
    with pytest.raises(ValueError, match="asks for a range"):
        traverse(MODEL, X[0], 0, 5)
    with pytest.raises(ValueError, match="one-dimensional"):
        traverse(MODEL, X[0], 0, [[0.0]])
    with pytest.raises(ValueError, match="'values' parameter"):
        traverse(MODEL, X[0], 0, 0, X=X)
    for quantiles in ((0.0, 0.5, 1.0), (-1.0, 2.0), ("a", "b")):
        with pytest.raises(ValueError, match="two numbers between 0 and 1"):
            traverse(MODEL, X[0], 0, X=X, quantiles=quantiles)


def test_grades_may_be_a_number() -> None:
    codes = np.random.default_rng(0).normal(size=(300, 3))
    grade = np.digitize(codes[:, 1], [-1, 0, 1])
    found = attribute_direction(codes, grade, kind="number")
    assert found.positive is None
    assert abs(found.vector[1]) > 0.98
    assert found.strength > 0.9
    # two numbers between whole ones, as classes
    halves = np.where(codes[:, 1] > 0, 1.5, 0.5)
    assert attribute_direction(codes, halves, kind="classes").positive == 1.5
    with pytest.raises(ValueError, match="or take them as a number: kind='number'"):
        attribute_direction(codes, grade)
    words = np.array(["low", "mid", "high", "top"])[grade]
    with pytest.raises(ValueError, match=r"positive='top'\.$"):
        attribute_direction(codes, words)
    for y, positive in ((words, None), (grade > 0, None), (grade, 2)):
        with pytest.raises(ValueError, match="kind='number' takes numbers and dates"):
            attribute_direction(codes, y, kind="number", positive=positive)


def test_what_a_direction_refuses() -> None:
    codes = MODEL.transform(X)
    with pytest.raises(ValueError, match="got 1 class"):
        attribute_direction(codes, np.zeros(len(codes), dtype=int))
    with pytest.raises(ValueError, match="3 classes: name the one"):
        attribute_direction(codes, np.arange(len(codes)) % 3)
    with pytest.raises(ValueError, match="'x' is not among"):
        attribute_direction(codes, np.arange(len(codes)) % 3, positive="x")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        attribute_direction(codes, [0, 1])
    assert np.isnan(attribute_direction(codes[:5], [0, 0, 0, 0, 1]).strength)


def test_what_moves_refuse() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\), but the codes have 3"):
        edit(MODEL, X, [1.0, 0.0])
    with pytest.raises(ValueError, match="length 0"):
        edit(MODEL, X, AttributeDirection(np.zeros(3), 0.0, 0.5, "means", None))
    with pytest.raises(ValueError, match="'strength' parameter"):
        edit(MODEL, X, [1.0, 0.0, 0.0], np.inf)
    with pytest.raises(ValueError, match="2 columns, but there are 3 rows"):
        blend(MODEL, X[:3], [1, 1])
    half = make_pipeline(make_column_transformer((StandardScaler(), [0, 1])), PCA(1)).fit(X)
    with pytest.raises(TypeError, match=r"because of 'columntransformer' \(ColumnTransformer\)"):
        blend(half, X)
    with pytest.raises(ValueError, match="n_neighbors"):
        nearest(MODEL, X[:3], X[:1], n_neighbors=4)
    for call in (
        lambda model: traverse(model, X[0], 0, [0.0]),
        lambda model: edit(model, X, np.ones(3)),
        lambda model: blend(model, X),
        lambda model: nearest(model, X, X[:1]),
    ):
        with pytest.raises(NotFittedError):
            call(PCA(3))
        with pytest.raises(TypeError, match="Normalizer has no inverse_transform"):
            call(Normalizer())
