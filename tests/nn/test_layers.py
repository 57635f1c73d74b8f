"""Layers: the functions that they say they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sklatent.nn import ACTIVATIONS, REACH_MARGIN, ResidualMap, mlp


def test_network_starts_as_the_zero_function() -> None:
    network = mlp(3, (5, 4), 2, "tanh")
    assert torch.equal(network(torch.randn(7, 3)), torch.zeros(7, 2))


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4, 3)])
def test_residual_map_starts_linear(hidden: tuple[int, ...]) -> None:
    layer = ResidualMap(3, hidden, 2, activation="silu", n_extra=0)
    x = torch.randn(7, 3)
    assert torch.equal(layer(x), layer.linear(x))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_residual_map_is_its_formula(activation: str) -> None:
    layer = ResidualMap(3, (5,), 2, activation=activation, n_extra=0).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    layer.residual_scale.copy_(torch.tensor([0.5, 3.0]))
    x = 3 * torch.randn(7, 3, dtype=torch.float64)
    first, bend, last = layer.network
    hidden = bend(torch.asinh(x) @ first.weight.T + first.bias)
    expected = x @ layer.linear.weight.T + layer.linear.bias
    expected = expected + layer.residual_scale * (hidden @ last.weight.T + last.bias)
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_extra_outputs_share_the_trunk() -> None:
    layer = ResidualMap(3, (5,), 2, activation="relu", n_extra=4)
    y, extra = layer.both(torch.randn(7, 3))
    assert y.shape == (7, 2)
    assert extra is not None
    assert extra.shape == (7, 4)
    assert torch.equal(extra, torch.zeros(7, 4))
    assert ResidualMap(3, (5,), 2, activation="relu", n_extra=0).both(torch.ones(1, 3))[1] is None


def test_outlying_cell_does_not_saturate_the_network() -> None:
    layer = ResidualMap(1, (8,), 1, activation="tanh", n_extra=0)
    torch.nn.init.normal_(layer.network[-1].weight)
    with torch.no_grad():
        bend = layer(torch.tensor([[1e30]])) - layer.linear(torch.tensor([[1e30]]))
    assert torch.isfinite(bend).all()


def test_rows_do_not_mix() -> None:
    layer = ResidualMap(3, (5,), 2, activation="gelu", n_extra=0).double()
    torch.nn.init.normal_(layer.network[-1].weight)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 3)))
    torch.testing.assert_close(layer(x)[4:5], layer(x[4:5]), rtol=1e-12, atol=1e-14)


def bent_layer(reach: float) -> ResidualMap:
    layer = ResidualMap(2, (5,), 3, activation="silu", n_extra=1).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    layer.reach.fill_(reach)
    torch.nn.init.normal_(layer.anchor_weight)
    torch.nn.init.normal_(layer.anchor_bias)
    return layer.eval().requires_grad_(False)


def test_answers_beyond_the_reach_fade_to_the_anchor() -> None:
    layer, free = bent_layer(5.0), bent_layer(torch.inf)
    free.load_state_dict({**layer.state_dict(), "reach": free.reach})
    direction = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    x = torch.tensor([[0.5], [5.0], [7.5], [10.0], [1e3], [1e300]], dtype=torch.float64) * direction
    y, extra = layer.both(x)
    whole, whole_extra = free.both(x)
    anchor = x @ layer.anchor_weight.T + layer.anchor_bias
    assert torch.equal(y[:2], whole[:2])
    torch.testing.assert_close(y[2], (whole[2] + anchor[2]) / 2, rtol=1e-12, atol=0)
    torch.testing.assert_close(y[3:], anchor[3:], rtol=1e-12, atol=0)
    assert extra is not None
    assert whole_extra is not None
    share = torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0, 0.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(extra, whole_extra * share, rtol=1e-12, atol=0)
    # a far row does not change the answers of the others
    torch.testing.assert_close(layer(x[:2]), y[:2], rtol=1e-12, atol=0)
    # and training sees the map as it is
    assert torch.equal(layer.train()(x), free(x))


def test_reach_is_widened_to_cover_rows_and_never_narrowed() -> None:
    layer = bent_layer(1.0)
    layer.widen_reach(torch.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=torch.float64))
    assert layer.reach.item() == pytest.approx(5.0 * REACH_MARGIN)
    layer.widen_reach(torch.tensor([[0.1, 0.1]], dtype=torch.float64))
    assert layer.reach.item() == pytest.approx(5.0 * REACH_MARGIN)
