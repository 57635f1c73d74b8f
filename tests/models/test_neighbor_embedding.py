"""NeighborEmbedding: near rows near, other rows far, and a way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import silhouette_score

from sklatent import NeighborEmbedding
from sklatent._training import row_source
from sklatent._utils import neighbors
from sklatent.models._neighbor_embedding import NeighborNet, neighbor_loss

QUICK = {"hidden_layer_sizes": (32,), "max_steps": 150, "random_state": 0}


def rings(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1.0 + y
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def test_clusters_come_out_more_compact() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:500], y[:500]
    Z = NeighborEmbedding(8, standardize=False, **QUICK).fit_transform(X)
    assert silhouette_score(Z, y) > silhouette_score(X, y) + 0.1


def test_codes_lie_in_the_ball_and_lead_back() -> None:
    X, _ = rings()
    model = NeighborEmbedding(2, **QUICK).fit(X)
    Z = model.transform(X)
    assert (np.linalg.norm(Z, axis=1) < 1.0).all()
    assert model.score(X) > 0.5
    assert np.isfinite(model.transform(1e9 * X)).all()


def test_loss_is_the_cross_entropy_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    z, near = (torch.from_numpy(rng.normal(size=(5, 2))) for _ in range(2))
    output = {"codes": z, "neighbor_codes": near, "error": torch.full((5,), 6.0)}
    terms = neighbor_loss(output, {"x": torch.zeros(5, 2)}, 0.0, temperature=0.5, unit=3.0)
    logits = (z @ near.T / 0.5).numpy()
    rows = np.log(np.exp(logits).sum(1)) - np.diag(logits)
    columns = np.log(np.exp(logits).sum(0)) - np.diag(logits)
    np.testing.assert_allclose(terms["contrast"], (rows + columns) / 2)
    assert terms["reconstruction"].tolist() == [2.0] * 5


def test_decoder_does_not_move_the_codes() -> None:
    module = NeighborNet(3, 2, hidden_layer_sizes=(4,), activation="relu", noise=0.0)
    output = module({"x": torch.randn(6, 3), "partner": torch.randn(6, 3)}, None)
    output["error"].sum().backward()
    assert all(part.grad is None for part in module.encoder.parameters())
    assert any(part.grad is not None for part in module.decoder.parameters())


def test_pairs_are_rows_and_their_neighbours() -> None:
    X = np.arange(12.0).reshape(6, 2)
    index = np.array([[1, 2], [0, 2], [1, 3], [2, 4], [3, 5], [4, 3]])
    source = row_source(lambda i: X[i], 6, 2, torch.device("cpu"), neighbors=index)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(20):
        order = source.shuffled(generator)
        assert sorted(order.tolist()) == list(range(6))
        batch = source.at(order)
        rows, partners = batch["x"][:, 0].numpy() / 2, batch["partner"][:, 0].numpy() / 2
        assert np.array_equal(rows, order)
        seen |= {(int(a), int(b)) for a, b in zip(rows, partners, strict=True)}
    assert seen == {(i, int(j)) for i in range(6) for j in index[i]}
    part = source.subset(np.array([4, 5]))
    assert [(batch["x"].shape, batch["partner"].shape) for batch in part.chunks()] == [
        ((2, 2), (2, 2))
    ]
    assert next(part.arrays()).shape == (2, 2)
    alone = row_source(lambda i: X[i], 6, 2, torch.device("cpu"))
    assert len(alone) == 6
    assert set(next(alone.chunks())) == {"x"}


def test_width_shrinks_to_the_table() -> None:
    X = load_digits().data
    assert NeighborEmbedding(**{**QUICK, "max_steps": 1}).fit(X[:50]).n_components_ == 16
    assert NeighborEmbedding(**{**QUICK, "max_steps": 1}).fit(X[:50, :3]).n_components_ == 3
    assert NeighborEmbedding(**{**QUICK, "max_steps": 1}).fit(X[:5]).n_components_ == 5


def test_many_rows_train_on_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "MAX_GRAPH_ROWS", 60)
    X, _ = rings()
    model = NeighborEmbedding(2, **QUICK).fit(X)
    assert model.transform(X).shape == (300, 2)


def test_validation_rows_of_one() -> None:
    X, _ = rings(60)
    model = NeighborEmbedding(2, **QUICK).fit(X, X_val=X[:1])
    assert "valid_loss" in model.history_[-1]
