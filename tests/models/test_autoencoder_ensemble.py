"""Stacked autoencoders are the single ones side by side, and leave the worst rows out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sklatent.models._autoencoder_ensemble import (
    AutoencoderEnsemble,
    StackedAutoencoder,
    trimmed_error,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 2)) @ RNG.normal(size=(2, 6)) + 0.1 * RNG.normal(size=(200, 6))
SHAPE = {"n_features": 6, "n_components": 2, "hidden_layer_sizes": (5,), "activation": "silu"}


def test_stack_equals_its_members() -> None:
    stack = StackedAutoencoder(**SHAPE, n_members=3, n_rows=8).double().eval()
    x = torch.from_numpy(X)
    rebuilt = []
    for member in range(3):
        one = StackedAutoencoder(**SHAPE, n_members=1, n_rows=8).double().eval()
        weights = stack.state_dict()
        one.load_state_dict({name: value[member : member + 1] for name, value in weights.items()})
        codes = stack.encode(x)[:, 2 * member : 2 * member + 2]
        torch.testing.assert_close(one.encode(x), codes)
        rebuilt.append(one.decode(codes))
        torch.testing.assert_close(
            one({"x": x}, None)["errors"][0],
            stack({"x": x}, None)["errors"][member],
            rtol=1e-9,
            atol=1e-12,
        )
    torch.testing.assert_close(stack.decode(stack.encode(x)), torch.stack(rebuilt).mean(0))


def test_worst_rows_do_not_count_after_the_first_steps() -> None:
    errors = torch.tensor([[1.0, 2.0, 30.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]])
    x = torch.zeros(10, 1)
    early = trimmed_error({"errors": errors}, {"x": x}, 0.1, trim=0.2)["reconstruction"]
    late = trimmed_error({"errors": errors}, {"x": x}, 0.5, trim=0.2)["reconstruction"]
    clean = trimmed_error({"errors": errors}, {"x": x}, 0.5, trim=0.0)["reconstruction"]
    assert early.shape == clean.shape == (1, 10)
    assert sorted(late[0].tolist()) == [1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]


def test_training_rebuilds_rows_and_not_the_outliers() -> None:
    spoiled = X.copy()
    spoiled[:20] = 3 * RNG.normal(size=(20, 6))

    def errors(**params: float) -> np.ndarray:
        model = AutoencoderEnsemble(2, n_members=3, max_steps=200, random_state=0, **params)
        back = model.fit(spoiled).inverse_transform(model.transform(spoiled))
        return ((spoiled - back) ** 2).sum(1)

    with_trim, without = errors(trim=0.3), errors(trim=0.0)
    total = ((spoiled[20:] - spoiled[20:].mean(0)) ** 2).sum(1).mean()
    assert with_trim[20:].mean() < 0.2 * total
    assert with_trim[:20].mean() > without[:20].mean()


def test_width_explains_the_share_that_is_asked_for() -> None:
    fitted = [
        AutoencoderEnsemble(share, n_members=2, max_steps=2, random_state=0).fit(X).n_components_
        for share in (0.3, 0.95)
    ]
    assert fitted == [1, 2]
    model = AutoencoderEnsemble(n_members=2, max_steps=2, random_state=0)
    assert model.fit(np.ones((10, 3))).n_components_ == 1


@pytest.mark.parametrize(("n_rows", "n_steps"), [(20, 30), (800, 150), (5000, 300)])
def test_steps_grow_with_the_rows(n_rows: int, n_steps: int) -> None:
    model = AutoencoderEnsemble(1, n_members=1, hidden_layer_sizes=(2,), random_state=0)
    assert model.fit(RNG.normal(size=(n_rows, 2))).n_iter_ == n_steps


def test_same_seed_same_codes() -> None:
    one, two, other = (
        AutoencoderEnsemble(2, n_members=2, max_steps=20, random_state=seed).fit(X).transform(X)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert one.shape == (200, 4)
