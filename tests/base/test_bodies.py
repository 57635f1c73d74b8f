"""What a body owes its model: nothing that outlives the fit, all parts saved, clear refusals."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.callback import ScoringMonitor

from sklatent import AutoencoderTransformer, NeighborEmbedding, VAETransformer, develop
from sklatent.datasets import make_mixed_table
from sklatent.parts import standard_normal
from tests.toys.supervised_encoder import SupervisedEncoder

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(120, 5))
QUICK: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_steps": 3, "random_state": 0}


@pytest.mark.parametrize("way", [lambda model: model, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("mixed", [False, True])
def test_a_model_that_nobody_holds_is_gone_at_once(way: Any, mixed: bool) -> None:
    table = make_mixed_table(60, random_state=0) if mixed else X
    model = way(VAETransformer(2, **QUICK).fit(table))
    gone = weakref.ref(model), weakref.ref(model.net_.module_)
    gc.collect()
    gc.disable()  # a cycle would wait for the collector
    try:
        del model
        assert [one() for one in gone] == [None, None]
    finally:
        gc.enable()


class Doubling(torch.nn.Module):
    """Codes are the first columns."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(n_features, n_components, bias=False)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)

    def forward(self, batch: develop.Batch, generator: Any) -> dict[str, torch.Tensor]:
        return {"z": self.encode(batch["x"])}


def shrinking(output: dict[str, Any], batch: develop.Batch, progress: float) -> dict[str, Any]:
    return {"size": (output["z"] ** 2).sum(1)}


class PartBody(develop.Body["PartModel"]):
    module = Doubling
    parts: ClassVar[dict[str, Any]] = {"prior": develop.LatentPrior}

    def recipe(self, rows: develop.RowSource, *, n_components: int, seed: int) -> develop.Recipe:
        model = self.model
        players = [develop.Player(loss=shrinking, moves=model.moves, turns=model.turns)]
        return develop.Recipe(
            module=Doubling,
            module_params={"n_features": self.table.n_encoded, "n_components": n_components},
            players=tuple(players),
        )

    def finish(self, rows: Any, encoded: Any, outcome: Any, seed: int) -> None:
        k = self.model.n_components_
        self.prior = develop.LatentPrior(standard_normal(k))
        self.rotation = develop.Rotation("varimax", 2.0 * np.eye(k), 0.5 * np.eye(k))


@develop.latent_model
class PartModel(develop.EncoderMixin, develop.BaseLatentModel):
    """A model with one part of its own, and a rotation."""

    _declares = develop.Declaration(question="?", tables=("numeric",), cost="", classic="")
    bodies = (PartBody,)
    n_components: int = 2
    _: develop.KW_ONLY
    moves: tuple[str, ...] = ("*",)
    turns: int = 1


def test_parts_are_added_to_those_of_the_bases() -> None:
    assert set(PartBody.parts) == {"prior", "rotation"}
    model = PartModel(**QUICK).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.transform(X), model.transform(X))
    assert again.body.prior.draw(3, np.random.RandomState(0)).shape == (3, 2)


def test_a_name_of_a_parameter_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'decodr\.\*', and the module has none.*linear\.weight"):
        PartModel(moves=("decodr.*",), **QUICK).fit(X)
    for turns in (0, -1, 2.5):
        with pytest.raises(ValueError, match=rf"turns={turns} of player 0 must be an int >= 1"):
            PartModel(turns=turns, **QUICK).fit(X)
    with pytest.raises(ValueError, match=r"tuples of patterns, got 'linear\.\*'"):
        PartModel(moves="linear.*", **QUICK).fit(X)


@pytest.mark.parametrize("width", [0.5, "auto"])
def test_a_width_that_a_model_does_not_know_is_refused(width: Any) -> None:
    with pytest.raises(ValueError, match=f"n_components={width!r} must be an int"):
        PartModel(width, **QUICK).fit(X)


def test_terms_of_one_name_are_refused() -> None:
    def named_loss(output: Any, batch: Any, progress: float) -> dict[str, Any]:
        return {"loss": output["z"].sum(1)}

    class Body(PartBody):
        def recipe(self, rows: Any, *, n_components: int, seed: int) -> develop.Recipe:
            recipe = super().recipe(rows, n_components=n_components, seed=seed)
            player = develop.Player(loss=named_loss)
            return develop.Recipe(
                module=Doubling, module_params=recipe.module_params, players=(player,)
            )

    class Model(PartModel):
        bodies = (Body,)

    with pytest.raises(ValueError, match="have the name 'loss'"):
        Model(**QUICK).fit(X)


def test_a_model_without_a_body_for_what_it_declares_is_refused() -> None:
    with pytest.raises(TypeError, match=r"bodies of the kinds \['affine', 'quantile'\]"):

        @develop.latent_model
        class Half(develop.EncoderMixin, develop.BaseLatentModel):
            _declares = develop.Declaration(
                question="?", tables=("numeric", "mixed"), cost="", classic=""
            )
            bodies = (PartBody,)
            n_components: int = 2


def test_codes_out_of_fold_do_not_go_on_with_a_net_that_has_seen_all_rows() -> None:
    y = RNG.normal(size=120)
    model = SupervisedEncoder(warm_start=True, **QUICK)
    codes = model.fit_transform(X, y)
    with pytest.raises(ValueError, match="codes out of fold need warm_start=False"):
        model.fit_transform(X, y)
    assert np.array_equal(model.fit(X, y).set_params(warm_start=False).fit_transform(X, y), codes)


def test_targets_keep_their_digits() -> None:
    y = RNG.normal(size=120)
    near, far = (
        SupervisedEncoder(**{**QUICK, "max_steps": 60}).fit_transform(X, y + shift)[:, 0]
        for shift in (0.0, 1e9)
    )
    np.testing.assert_allclose(near, far, atol=1e-3)


def test_validation_uses_as_many_rows_as_the_source_has(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklatent._utils import neighbors

    monkeypatch.setattr(neighbors, "MAX_GRAPH_ROWS", 40)
    many = np.tile(X, (200, 1))  # of 24,000 rows a tenth of the source would be held out entirely
    model = NeighborEmbedding(2, validation_fraction=0.15, **QUICK).fit(many)
    assert "valid_loss" in model.history_[-1]


def test_a_fitted_body_answers_without_its_model() -> None:
    model = AutoencoderTransformer(2, rotation="varimax", **QUICK).fit(X)
    assert not hasattr(model.body, "model")
    assert model.set_params(activation="tanh").transform(X).shape == (120, 2)


def unnamed(output: dict[str, Any], batch: develop.Batch, progress: float) -> Any:
    return output["z"].sum(1)


def averaged(output: dict[str, Any], batch: develop.Batch, progress: float) -> dict[str, Any]:
    return {"size": output["z"].mean()}


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (unnamed, TypeError, "returns a dict of named terms.*returned Tensor"),
        (averaged, ValueError, "'size' of a loss must have one value per row"),
    ],
)
def test_a_loss_that_is_none_is_told_what_one_is(loss: Any, error: type, match: str) -> None:
    module = Doubling(5, 2)
    batch = {"x": torch.zeros(3, 5)}
    with pytest.raises(error, match=match):
        develop.Player(loss=loss).terms(module, batch, None, 0.0)


@pytest.mark.parametrize("mixed", [False, True])
def test_every_verb_answers_while_the_net_still_trains(mixed: bool) -> None:
    table = make_mixed_table(60, random_state=0) if mixed else X
    seen = []

    def look(model: Any, rows: Any, y: Any) -> float:
        assert len(model.sample(3, random_state=0)) == 3
        assert np.isfinite(model.score_samples(rows)).all()
        assert len(model.inverse_transform(model.transform(rows))) == len(rows)
        seen.append(model)
        return 0.0

    monitor = ScoringMonitor(scoring={"look": look})
    model = VAETransformer(2, **QUICK).set_callbacks(monitor)
    model.fit(table, np.zeros(len(table)))
    assert seen


@pytest.mark.parametrize("name", ["criterion__x", "dataset__x", "iterator_train__shuffle"])
def test_parameters_of_skorch_without_effect_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"net_params may not hold \['{name}'\]"):
        AutoencoderTransformer(2, init="random", net_params={name: 1}, **QUICK).fit(X)
