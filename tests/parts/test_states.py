"""Parts are saved as plain values, and the part that comes back answers to the bit as before."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.mixture import GaussianMixture

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent.base._saved import parts_of
from sklatent.datasets import make_mixed_table
from sklatent.models._autoencoder._mixed import MixedAutoencoder
from sklatent.models._autoencoder._numeric import NumericAutoencoder
from sklatent.models._vae._mixed import MixedVAE
from sklatent.models._vae._numeric import NumericVAE
from sklatent.parts import (
    Calibration,
    ImportanceDraws,
    LatentPrior,
    Rotation,
    fit_marginals,
    fit_mixture,
    normal_draws,
    standard_normal,
)
from sklatent.parts._calibration import fit_residual_noise

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(400, 3)) @ RNG.normal(size=(3, 3)) + np.repeat([[0.0], [5.0]], 200, 0)


def rotation() -> Rotation:
    matrix = RNG.normal(size=(3, 3))
    return Rotation("ica", matrix, np.linalg.inv(matrix))


def calibration() -> Calibration:
    table = np.column_stack([RNG.exponential(size=500), RNG.integers(0, 4, 500)])
    noise = fit_residual_noise(table, RNG.normal(size=table.shape))
    return Calibration(noise, fit_marginals(RNG.normal(size=(2000, 2)), table))


def answers_of(part: Any) -> list[np.ndarray]:
    rng = np.random.RandomState(0)
    if isinstance(part, Rotation):
        std = np.abs(CODES) + 0.1
        return [part.rotate(CODES), part.rotate_back(CODES), part.rotate_spread(std)]
    if isinstance(part, LatentPrior):
        return [part.draw(50, rng), part.mixture.score_samples(CODES)]
    if isinstance(part, ImportanceDraws):
        return [part.points]
    decoded = rng.normal(size=(60, 2))
    noisy = part.with_noise(decoded, rng)
    return [noisy, part.matched(noisy)]


PARTS = {
    "rotation": rotation(),
    "no rotation": Rotation.none(3),
    "mixture": LatentPrior(fit_mixture(CODES, seed=3)),
    "normal": LatentPrior(standard_normal(3)),
    "draws": ImportanceDraws(normal_draws(64, 3, 1)),
    "calibration": calibration(),
}

every_part = pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))


@every_part
def test_a_part_comes_back_to_the_bit(part: Any) -> None:
    state = pickle.loads(pickle.dumps(part.to_state()))
    again = type(part).from_state(state)
    for given, expected in zip(answers_of(again), answers_of(part), strict=True):
        assert given.dtype == expected.dtype
        np.testing.assert_array_equal(given, expected)
    # and once more: nothing drifts
    twice = again.to_state()
    assert flat(twice) == flat(part.to_state())


@every_part
def test_states_are_plain(part: Any) -> None:
    for value in leaves(part.to_state()):
        assert type(value) in (str, bool, int, float, np.ndarray, type(None))


def leaves(state: Any) -> list[Any]:
    if isinstance(state, dict):
        state = list(state.values())
    if isinstance(state, list | tuple):
        return [leaf for part in state for leaf in leaves(part)]
    return [state]


def flat(state: Any) -> list[Any]:
    return [
        (leaf.dtype.str, leaf.shape, leaf.tobytes()) if isinstance(leaf, np.ndarray) else leaf
        for leaf in leaves(state)
    ]


def test_another_part_gives_other_answers() -> None:
    # what the comparison above can see
    other = Rotation("ica", PARTS["rotation"].matrix * (1 + 1e-12), PARTS["rotation"].inverse)
    assert not np.array_equal(other.rotate(CODES), PARTS["rotation"].rotate(CODES))
    assert flat(other.to_state()) != flat(PARTS["rotation"].to_state())
    assert not np.array_equal(PARTS["mixture"].draw(5, np.random.RandomState(0)), CODES[:5])


def test_no_rotation_gives_codes_as_they_are() -> None:
    part = Rotation.none(3)
    assert part.rotate(CODES) is CODES
    assert part.rotate_back(CODES) is CODES
    assert part.rotate_spread(CODES) is CODES


def test_rotation_keeps_the_dtype_and_leads_back() -> None:
    part = PARTS["rotation"]
    np.testing.assert_allclose(part.rotate_back(part.rotate(CODES)), CODES, atol=1e-9)
    single = CODES.astype(np.float32)
    assert part.rotate(single).dtype == part.rotate_back(single).dtype == np.float32
    assert part.rotate_spread(np.abs(single)).dtype == np.float32


# -- what bodies hold ----------------------------------------------------------------------------

QUICK: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_steps": 20, "random_state": 0}
TABLE = make_mixed_table(120, random_state=0)
NUMBERS = RNG.normal(size=(150, 2)) @ RNG.normal(size=(2, 5)) + 0.2 * RNG.normal(size=(150, 5))

BODIES: dict[Any, tuple[Any, Any, set[str]]] = {
    NumericAutoencoder: (AutoencoderTransformer, NUMBERS, {"rotation"}),
    MixedAutoencoder: (AutoencoderTransformer, TABLE, {"rotation"}),
    NumericVAE: (VAETransformer, NUMBERS, {"rotation", "prior", "draws", "calibration"}),
    MixedVAE: (VAETransformer, TABLE, {"rotation", "prior", "draws"}),
}


@pytest.mark.filterwarnings("ignore:The posterior collapsed")
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_body_saves_each_of_its_parts(body: Any) -> None:
    cls, table, wanted = BODIES[body]
    fitted = cls(2, rotation="varimax", **QUICK).fit(table)
    assert type(fitted.body) is body
    assert set(body.parts) == set(fitted.body.to_state()) == wanted
    state = fitted.__getstate__()
    assert "_body" not in state
    assert flat(state["_parts"]) == flat(fitted.body.to_state())
    again = pickle.loads(pickle.dumps(fitted))
    assert type(again.body) is body
    assert not hasattr(again.body, "model")  # a cycle
    assert flat(again.body.to_state()) == flat(fitted.body.to_state())
    for name, part in body.parts.items():
        assert type(getattr(again.body, name)) is part
    # saving a model leaves it able to answer
    np.testing.assert_array_equal(fitted.transform(table), again.transform(table))


def test_a_body_without_a_part_saves_none() -> None:
    fitted = AutoencoderTransformer(2, **QUICK).fit(NUMBERS)
    bare = type(fitted.body)(fitted, fitted.table_.table)
    assert bare.to_state() == {}
    bare.restore({})
    assert bare.rotation is None


# -- what earlier releases saved -----------------------------------------------------------------


def test_parts_of_a_new_state_are_taken_out() -> None:
    state = {"_parts": {"rotation": 1}, "n_components_": 2}
    assert parts_of(state) == {"rotation": 1}
    assert state == {"n_components_": 2}


def test_a_state_without_parts_has_none() -> None:
    state = {"n_components_": 2}
    assert parts_of(state) == {}
    assert state == {"n_components_": 2}


def test_an_old_state_without_a_rotation_has_none() -> None:
    state = {"rotation_": None, "rotation_matrix_": np.eye(2), "_unrotation": np.eye(2)}
    assert parts_of(state) == {}
    assert set(state) == {"rotation_", "rotation_matrix_"}


def old_state(fitted: Any) -> dict[str, Any]:
    """What the release before parts would have saved of a model."""
    state = dict(fitted.__getstate__())
    parts = state.pop("_parts")
    # it was there whether codes were rotated or not
    identity = {"inverse": np.eye(fitted.n_components_)}
    state["_unrotation"] = parts.get("rotation", identity)["inverse"]
    if "draws" in parts:
        state["_draws"] = parts["draws"]["points"]
    if "calibration" in parts:
        state["_noise"] = parts["calibration"]["noise"]
        state["_marginals"] = parts["calibration"]["marginals"]
    return state


def assert_same_rows(given: Any, expected: Any) -> None:
    pd.testing.assert_frame_equal(pd.DataFrame(given), pd.DataFrame(expected), check_exact=True)


@pytest.mark.filterwarnings("ignore:The posterior collapsed")
@pytest.mark.parametrize("rotation", ["varimax", None])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_old_states_come_back_to_the_bit(body: Any, rotation: str | None) -> None:
    cls, table, wanted = BODIES[body]
    fitted = cls(2, rotation=rotation, **QUICK).fit(table)
    again = cls.__new__(cls)
    again.__setstate__(pickle.loads(pickle.dumps(old_state(fitted))))
    assert type(again.body) is body
    for name in ("_draws", "_noise", "_marginals", "_unrotation"):
        assert not hasattr(again, name)
    missing = {"rotation"} if rotation is None else set()
    assert set(again.body.to_state()) == wanted - missing
    codes = fitted.transform(table)
    np.testing.assert_array_equal(again.transform(table), codes)
    assert_same_rows(again.inverse_transform(codes), fitted.inverse_transform(codes))
    if cls is VAETransformer:
        assert isinstance(again.body.prior.mixture, GaussianMixture)
        np.testing.assert_array_equal(again.score_samples(table), fitted.score_samples(table))
        drawn, expected = (one.sample(30, random_state=0) for one in (again, fitted))
        assert_same_rows(drawn, expected)
    # and what is saved then is saved as today
    assert "_parts" in again.__getstate__()
