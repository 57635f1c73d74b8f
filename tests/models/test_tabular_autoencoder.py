"""The autoencoder of mixed tables: its loss, its score, and what it brings back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklatent import AutoencoderTransformer, TabularEncoder
from sklatent.datasets import make_mixed_table
from sklatent.models._autoencoder._tabular_autoencoder import (
    TabularAutoencoder,
    cell_errors,
    marginal_outputs,
    output_sizes,
)
from sklatent.nn import columns_of

BLOCKS = (
    ("number", 0, 1, 0, True),
    ("constant", 1, 2, 1, False),
    ("category", 2, 3, 3, False),
    ("category", 3, 4, 2, True),
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_mixed_table(800, random_state=0)


@pytest.fixture(scope="module")
def model(table: pd.DataFrame) -> AutoencoderTransformer:
    return AutoencoderTransformer(6, max_steps=300, random_state=0).fit(table[:600])


def test_errors_of_cells_are_their_formulae() -> None:
    columns = columns_of(BLOCKS)
    assert columns.places == (2, 3, 0)
    assert output_sizes(columns) == [3, 3, 2]
    outputs = torch.tensor([[0.0, 1.0, 2.0, 0.5, -0.5, 1.0, 0.3, -2.0]], dtype=torch.float64)
    cells = torch.tensor([[2.0, torch.nan, 1.5]], dtype=torch.float64)
    level = np.log(np.exp([0.0, 1.0, 2.0]).sum()) - 2.0
    masks = np.log1p(np.exp(-1.0)), np.log1p(np.exp(-2.0))
    expected = [level, masks[0], 0.5 * (0.3 - 1.5) ** 2 + masks[1]]
    np.testing.assert_allclose(cell_errors(outputs, cells, columns)[0], expected, rtol=1e-12)


def test_marginals_are_what_a_model_without_codes_says() -> None:
    x = np.array([[1.0, 0, 2, np.nan], [np.nan, 0, 2, 1], [3.0, 0, 0, 1]])
    outputs = marginal_outputs([x[:2], x[2:]], columns_of(BLOCKS))
    levels = [*np.log([1.5, 0.5, 2.5]), *np.log([0.5, 2.5]), np.log(1.5 / 2.5)]
    np.testing.assert_allclose(outputs, [*levels, 2.0, np.log(1.5 / 2.5)])


def test_score_is_the_share_of_the_deviance(
    model: AutoencoderTransformer, table: pd.DataFrame
) -> None:
    held_out = table[600:]
    assert 0.2 < model.score(held_out) < 1.0
    blind = AutoencoderTransformer(1, max_steps=1, learning_rate=1e-9, random_state=0)
    assert blind.fit(table[:600]).score(held_out) < 0.05
    wider = AutoencoderTransformer(12, max_steps=300, random_state=0).fit(table[:600])
    assert wider.score(held_out) > model.score(held_out)


def test_rows_come_back(model: AutoencoderTransformer, table: pd.DataFrame) -> None:
    held_out = table[600:]
    codes = model.transform(held_out)
    assert codes.shape == (200, 6)
    np.testing.assert_allclose(codes.mean(0), 0.0, atol=0.5)
    np.testing.assert_allclose(codes.std(0), 1.0, atol=0.5)
    back = model.inverse_transform(codes)
    assert list(back.dtypes) == list(table.dtypes)
    for name in ("soil", "light"):
        common = held_out[name].value_counts(normalize=True).max()
        seen = held_out[name].notna().to_numpy()
        agree = back[name].to_numpy()[seen] == held_out[name].to_numpy()[seen]
        assert agree.mean() > common, name
    np.testing.assert_allclose(model.transform(held_out[:1]), codes[:1], rtol=0, atol=1e-9)


def test_hidden_cells_are_noise(table: pd.DataFrame) -> None:
    noisy = AutoencoderTransformer(4, noise=0.3, max_steps=50, random_state=0).fit(table)
    plain = AutoencoderTransformer(4, max_steps=50, random_state=0).fit(table)
    assert not np.allclose(noisy.transform(table), plain.transform(table))


@pytest.mark.parametrize("params", [{"ordered": True}, {"noise": 1.0}, {"n_components": 0.9}])
def test_what_a_mixed_table_has_not(table: pd.DataFrame, params: dict) -> None:
    with pytest.raises(ValueError, match=r"mixed table|share of the variance"):
        AutoencoderTransformer(**params).fit(table)


def test_straight_on_a_raw_frame(table: pd.DataFrame) -> None:
    X, y = table.drop(columns="survived"), table["survived"]
    pipeline = make_pipeline(
        AutoencoderTransformer(6, max_steps=300, random_state=0), LogisticRegression()
    )
    score = pipeline.fit(X[:600], y[:600]).score(X[600:], y[600:])
    assert score > max(y[600:].mean(), 1 - y[600:].mean())


def test_numbers_with_holes() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1)) * [1.0, -2.0, 3.0] + 0.1 * rng.normal(size=(300, 3))
    X[::5, 1] = np.nan
    model = AutoencoderTransformer(2, max_steps=200, random_state=0).fit(X)
    back = model.inverse_transform(model.transform(X))
    assert back.dtype == X.dtype
    agree = np.isnan(back) == np.isnan(X)
    assert agree.mean() > 0.95
    assert model.score(X) > 0.5


def test_module_without_anything_to_rebuild() -> None:
    frame = pd.DataFrame({"a": ["x"] * 30, "b": [None] * 30})
    model = AutoencoderTransformer(random_state=0).fit(frame)
    assert model.inverse_transform(model.transform(frame))["a"].tolist() == ["x"] * 30
    assert model.score(frame) == 0.0
    blocks = TabularEncoder().fit(frame).blocks_
    module = TabularAutoencoder(blocks, 1, hidden_layer_sizes=(4,), activation="silu", noise=0.0)
    assert module.encode(torch.zeros(3, 2)).shape == (3, 1)
