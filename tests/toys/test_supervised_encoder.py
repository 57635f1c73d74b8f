"""A model with a target: codes out of fold, and what the base says of a target that is missing."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from torch import Tensor, nn

from sklatent.develop import Batch, Body, Player, Recipe, RowSource
from tests.imports import private_imports
from tests.toys import supervised_encoder
from tests.toys.supervised_encoder import SupervisedBody, SupervisedEncoder

QUICK = {"hidden_layer_sizes": (8,), "max_steps": 30, "device": "cpu", "random_state": 0}


def table(n_rows: int = 120, n_columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_columns))
    return X, 100 + 10 * (np.sin(X[:, 0]) + X[:, 1] + 0.5 * rng.normal(size=n_rows))


def test_toy_is_short_and_needs_nothing_private() -> None:
    text = Path(supervised_encoder.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert private_imports(text) == []


def test_target_of_a_row_does_not_move_its_code() -> None:
    X, y = table()
    model = SupervisedEncoder(**QUICK)
    Z = model.fit_transform(X, y)
    # rows of one fold lie together in the order that the seed gives
    for row in (0, 60, 119):
        other = y.copy()
        other[row] += 30
        again = clone(model)
        moved = again.fit_transform(X, other)
        assert again.best_iter_ == model.best_iter_ > 0
        assert np.array_equal(moved[row], Z[row])
        still = (moved == Z).all(1)
        assert 30 <= still.sum() < 60  # its fold, a fourth of the rows
        assert not np.array_equal(again.transform(X[row : row + 1])[0], Z[row])


def test_noise_is_learned_by_heart_and_not_out_of_fold() -> None:
    X, _ = table(100, 20)
    y = np.random.default_rng(1).normal(size=100)
    model = SupervisedEncoder(hidden_layer_sizes=(64,), max_steps=100, device="cpu", random_state=0)
    Z = model.fit_transform(X, y)
    assert np.abs(Z - model.transform(X)).max() > 0.01
    assert np.corrcoef(model.transform(X)[:, 0], y)[0, 1] > 0.4
    assert abs(np.corrcoef(Z[:, 0], y)[0, 1]) < 0.25


def test_folds_cover_the_rows_and_their_nets_gave_the_codes() -> None:
    X, y = table()
    model = SupervisedEncoder(**QUICK)
    Z = clone(model).fit_transform(X, y)
    folds = model.run_fit(X, y, keep_folds=True).folds
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(120))
    rows = model.table_.transform(X)
    for fold in folds:
        own = rows[fold.held_out]
        codes = fold.net.run("encode", len(own), lambda index, own=own: own[index], X.dtype)
        np.testing.assert_allclose(codes, Z[fold.held_out], rtol=1e-12)


def test_codes_predict_new_rows_and_lead_back() -> None:
    X, y = table(600)
    model = SupervisedEncoder(4, max_steps=200, device="cpu", random_state=0).fit(X[:300], y[:300])
    Z = model.transform(X[300:])
    assert np.corrcoef(Z[:, 0], y[300:])[0, 1] > 0.8
    back = model.inverse_transform(Z)
    assert np.sum((back - X[300:]) ** 2) < 0.5 * np.sum(X[300:] ** 2)


def test_rows_that_no_fold_holds_out_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SupervisedBody, "plan", Body.plan)
    X, y = table()
    assert SupervisedEncoder(**QUICK).fit(X, y).transform(X).shape == (120, 2)
    with pytest.raises(ValueError, match="120 of 120 rows have no code out of fold"):
        SupervisedEncoder(**QUICK).fit_transform(X, y)


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_few_rows(n_rows: int) -> None:
    X, y = table(n_rows)
    assert SupervisedEncoder(**QUICK).fit_transform(X, y).shape == (n_rows, 2)


def test_target_that_is_missing_or_no_number() -> None:
    X, y = table()
    model = SupervisedEncoder(**QUICK)
    assert get_tags(model).target_tags.required
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, np.where(np.arange(120) == 3, np.nan, y))
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.fit(X, np.where(y > 100, "high", "low"))
    with pytest.raises(ValueError, match="rows of X_val come without one"):
        model.fit(X, y, X_val=X)


class ClassNet(supervised_encoder.SupervisedNet):
    """One code for each class, for the cross-entropy."""


def class_loss(output: dict[str, Tensor], batch: Batch, progress: float) -> dict[str, Tensor]:
    return {"target": nn.functional.cross_entropy(output["z"], batch["y"], reduction="none")}


class ClassBody(SupervisedBody):
    module = ClassNet
    target = "class"

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        assert rows.take(torch.arange(3))["y"].dtype == torch.int64
        known = super().recipe(rows, n_components=n_components, seed=seed)
        return replace(known, module=ClassNet, players=(Player(loss=class_loss),))


class ClassEncoder(SupervisedEncoder):
    bodies = (ClassBody,)


def test_target_of_classes() -> None:
    X, y = table(300)
    names = np.where(y > 100, "high", "low")
    model = ClassEncoder(max_steps=100, device="cpu", random_state=0)
    Z = model.fit_transform(X, names)
    assert model.classes_.tolist() == ["high", "low"]
    assert np.mean(model.classes_[Z.argmax(1)] == names) > 0.75
    # whatever the names of the classes are
    assert np.array_equal(clone(model).fit_transform(X, y <= 100), Z)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.fit(X, y)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match=r"goes on with the classes \['high', 'low'\]"):
        model.fit(X, y > 100)


def test_seed_clone_pickle_and_frames() -> None:
    X, y = table()
    model = SupervisedEncoder(**QUICK)
    expected = model.fit_transform(X, y)
    assert np.array_equal(clone(model).fit_transform(X, y), expected)
    answers = model.transform(X)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).transform(X), answers)
    np.testing.assert_allclose(model.transform(X[:1]), answers[:1], rtol=1e-12)
    other = clone(model).set_params(random_state=1)
    assert not np.array_equal(other.fit_transform(X, y), expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    framed = clone(model).set_output(transform="pandas").fit_transform(frame, y)
    assert list(framed.columns) == ["supervisedencoder0", "supervisedencoder1"]
    assert np.array_equal(framed.to_numpy(), expected)
    inside = make_pipeline(StandardScaler(), clone(model).set_params(standardize=False))
    assert inside.fit_transform(X, y).shape == (120, 2)
