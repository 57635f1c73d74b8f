"""Interrupts, callbacks and silence: what a fit does while it runs."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import (
    AutoencoderTransformer,
    LatentAnomalyDetector,
    LatentClusterer,
    TabularEncoder,
)
from tests.instances import answers, as_bytes, every, fitted, target, trains


class Recorder:
    """A callback of scikit-learn's protocol that counts, stops or interrupts at a check."""

    def __init__(self, stop_at: int | None = None, interrupt_at: int | None = None) -> None:
        self.stop_at = stop_at
        self.interrupt_at = interrupt_at
        self.events: list[str] = []
        self.n_checks = 0

    def setup(self, estimator: Any, context: Any) -> None:
        self.events.append("setup")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.events.append("begin")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, fitted_estimator: Any = None
    ) -> bool:
        self.events.append("end")
        if context.parent is None:
            return False
        self.n_checks += 1
        if fitted_estimator is not None:
            assert np.isfinite(np.asarray(fitted_estimator.transform(X))).all()
        if self.n_checks == self.interrupt_at:
            raise KeyboardInterrupt
        return self.n_checks == self.stop_at

    def teardown(self, estimator: Any, context: Any) -> None:
        self.events.append("teardown")


class Propagated(Recorder):
    """The same, told of the steps of whatever is inside too."""

    max_propagation_depth = None

    def __init__(self, stop_at: int | None = None, interrupt_at: int | None = None) -> None:
        super().__init__(stop_at, interrupt_at)
        self.steps: list[str] = []

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self.events.append("end")
        if context.task_name.startswith("step"):
            self.steps.append(type(estimator).__name__)
            if len(self.steps) == self.interrupt_at:
                raise KeyboardInterrupt
            return len(self.steps) == self.stop_at
        return False


def skorch_callback(**hooks: Any) -> Any:
    from skorch.callbacks import Callback

    return type("Hooked", (Callback,), {name: staticmethod(hook) for name, hook in hooks.items()})()


@pytest.fixture
def trained(estimator: Any) -> Any:
    """Long enough for several checks."""
    return estimator.set_params(max_steps=30)


@every(trained=True)
def test_callback_sees_each_check(trained: Any, matrix: np.ndarray) -> None:
    recorder = Recorder()
    model = fitted(trained.set_callbacks(recorder), matrix)
    assert recorder.n_checks == len(model.history_)
    assert recorder.events[0] == "setup"
    assert recorder.events[-1] == "teardown"
    assert recorder.events.count("begin") == recorder.events.count("end") == recorder.n_checks + 1


@every()
def test_every_estimator_takes_callbacks(estimator: Any, matrix: np.ndarray) -> None:
    alone = as_bytes(answers(fitted(clone(estimator), matrix), matrix))
    recorder = Propagated()
    model = fitted(estimator.set_callbacks(recorder), matrix)
    assert as_bytes(answers(model, matrix)) == alone
    assert recorder.events[:2] == ["setup", "begin"]
    assert recorder.events[-2:] == ["end", "teardown"]
    assert recorder.events.count("begin") == recorder.events.count("end")
    assert recorder.events.count("setup") == 1
    with pytest.raises(ValueError, match="0 sample"):
        fitted(model, matrix[:0])
    assert recorder.events[-1] == "teardown"


HOLDERS: dict[str, Any] = {
    "detector": lambda: LatentAnomalyDetector(max_steps=30, random_state=0),
    "detector of a model": lambda: LatentAnomalyDetector(INNER, random_state=0),
    "clusterer of a model": lambda: LatentClusterer(2, estimator=INNER, random_state=0),
    "clusterer": lambda: LatentClusterer(2, method="kmeans", random_state=0),
}
INNER = AutoencoderTransformer(1, max_steps=30, early_stopping=False, hidden_layer_sizes=(4,))


@pytest.fixture(params=HOLDERS)
def holder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Train a network inside, whatever the table."""
    monkeypatch.setattr("sklatent.tasks._clustering.SMALL_ROWS", 0)
    monkeypatch.setattr("sklatent.models._neighbor_embedding.STEPS", 30)
    return HOLDERS[request.param]()


def test_callbacks_reach_the_network_inside(holder: Any, matrix: np.ndarray) -> None:
    full = Propagated()
    fitted(clone(holder).set_callbacks(full), matrix)
    assert len(full.steps) > 5
    assert type(holder).__name__ not in full.steps
    stopping = Propagated(stop_at=2)
    model = fitted(clone(holder).set_callbacks(stopping), matrix)
    assert len(stopping.steps) == 2
    answers(model, matrix)
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after"),
        pytest.raises(KeyboardInterrupt),
    ):
        fitted(model.set_callbacks(Propagated(interrupt_at=3)), matrix)
    answers(model, matrix)  # the earlier fit
    assert not hasattr(INNER, "net_")
    # those that do not ask for it see the task alone
    alone = Recorder()
    fitted(clone(holder).set_callbacks(alone), matrix)
    assert alone.n_checks == 1


def test_progress_bar_shows_the_network_inside(
    holder: Any,
    matrix: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")
    model = make_pipeline(TabularEncoder(), holder).set_callbacks(
        ProgressBar(max_propagation_depth=None)
    )
    fitted(model, matrix)
    shown = capsys.readouterr().out
    for name in ("TabularEncoder", type(holder).__name__, "100%"):
        assert name in shown


def test_a_frozen_model_keeps_its_callbacks(matrix: np.ndarray) -> None:
    own = Recorder()
    latent = clone(INNER).set_callbacks(own).fit(matrix)
    before = list(own.events)
    recorder = Propagated()
    model = LatentClusterer(2, estimator=FrozenEstimator(latent), random_state=0)
    model.set_callbacks(recorder).fit(matrix)
    assert recorder.steps == []
    assert own.events == before
    assert latent._skl_callbacks == [own]


def test_verbose_reaches_the_network_inside(
    holder: Any, matrix: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="sklatent"):
        fitted(clone(holder), matrix)
        assert caplog.messages == []
        fitted(clone(holder).set_params(verbose=1), matrix)
        steps = [text for text in caplog.messages if text.startswith("step ")]
        assert len(steps) == (0 if holder.estimator is INNER else 15)
        if isinstance(holder, LatentClusterer):
            assert caplog.messages[-1].startswith("2 clusters by ")


class Clock:
    """Gains a second with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_slow_fit_says_so_once(
    holder: Any,
    matrix: np.ndarray,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sklatent._training._loop.perf_counter", Clock())
    with caplog.at_level(logging.INFO, logger="sklatent"):
        fitted(holder, matrix)
    # two steps up to the first check, one second after the first of them
    (text,) = caplog.messages
    assert re.search(r"\w+\.fit is expected to take up to 30 seconds: 30 steps of 1 seconds", text)


def test_folds_and_searches_are_counted_in(
    rows: np.ndarray, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sklatent._training._loop.perf_counter", Clock())
    model = AutoencoderTransformer(1, max_steps=30, hidden_layer_sizes=(4,), random_state=0)
    with caplog.at_level(logging.INFO, logger="sklatent"):
        model.fit(rows[:200])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(
        "AutoencoderTransformer.fit is expected to take up to 150 seconds: 150 steps of 1 seconds"
    )


@every(trained=True)
def test_callback_changes_nothing(trained: Any, matrix: np.ndarray) -> None:
    alone = as_bytes(answers(fitted(clone(trained), matrix), matrix))
    watched = fitted(trained.set_callbacks(Recorder()), matrix)
    assert as_bytes(answers(watched, matrix)) == alone


@every(trained=True)
def test_callback_stops_the_fit(trained: Any, matrix: np.ndarray) -> None:
    full = fitted(clone(trained), matrix).n_iter_
    model = fitted(trained.set_callbacks(Recorder(stop_at=2)), matrix)
    assert 0 < model.n_iter_ < full
    assert len(model.history_) == 2
    answers(model, matrix)


@every(trained=True)
def test_failing_callback_leaves_the_earlier_fit(trained: Any, matrix: np.ndarray) -> None:
    class Failing(Recorder):
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
            super().on_fit_task_begin(estimator, context)
            if self.events.count("begin") == 3:
                raise RuntimeError("no disk left")

    fresh = clone(trained).set_callbacks(Failing())
    with pytest.raises(RuntimeError, match="no disk left"):
        fitted(fresh, matrix)
    assert [name for name in vars(fresh) if name.endswith("_")] == []
    model = fitted(trained, matrix)
    before = as_bytes(answers(model, matrix))
    failing = Failing()
    with pytest.raises(RuntimeError, match="no disk left"):
        fitted(model.set_callbacks(failing), 2 * matrix[:30, :4])
    assert failing.events[-1] == "teardown"
    assert as_bytes(answers(model, matrix)) == before


@every(trained=True)
def test_interrupt_finishes_the_model_and_is_raised_again(trained: Any, matrix: np.ndarray) -> None:
    trained.set_callbacks(Recorder(interrupt_at=3))
    with (
        pytest.warns(ConvergenceWarning, match="interrupted after .* steps") as said,
        pytest.raises(KeyboardInterrupt),
    ):
        trained.fit(matrix, target(matrix))
    assert [one.filename for one in said] == [__file__]
    assert 0 < trained.n_iter_ < 30
    stopped = fitted(clone(trained).set_callbacks(Recorder(stop_at=3)), matrix)
    assert as_bytes(answers(trained, matrix)) == as_bytes(answers(stopped, matrix))


@every(trained=True)
def test_interrupt_inside_a_step_keeps_the_best_weights(trained: Any, matrix: np.ndarray) -> None:
    steps = []

    def interrupt(net: Any, **kwargs: Any) -> None:
        steps.append(1)
        if len(steps) == 11:
            raise KeyboardInterrupt

    trained.set_params(net_params={"callbacks": [skorch_callback(on_batch_end=interrupt)]})
    with (
        pytest.warns(ConvergenceWarning, match="best weights so far"),
        pytest.raises(KeyboardInterrupt),
    ):
        fitted(trained, matrix)
    assert trained.best_iter_ <= trained.n_iter_ <= 11
    for answer in answers(trained, matrix).values():
        assert np.isfinite(answer).all()
    best = min(record["valid_loss"] for record in trained.history_)
    kept = [record["step"] for record in trained.history_ if record["valid_loss"] == best]
    assert trained.best_iter_ in (0, *kept)


@every(trained=False)
def test_interrupt_of_the_defaults(estimator: Any, rows: np.ndarray) -> None:
    if not trains(type(estimator)):
        pytest.skip("has no codes to interrupt")
    estimator.set_params(hidden_layer_sizes=(8,), max_steps=30)
    estimator.set_callbacks(Recorder(interrupt_at=2))
    with pytest.warns(ConvergenceWarning), pytest.raises(KeyboardInterrupt):
        fitted(estimator, rows)
    for answer in answers(estimator, rows).values():
        assert np.isfinite(answer).all()


@every(trained=True)
def test_interrupt_ends_a_search(trained: Any, matrix: np.ndarray) -> None:
    class Interrupting(Recorder):
        max_propagation_depth = None

    search = GridSearchCV(trained, {"n_components": [1, 2, 3]}, cv=2)
    search.set_callbacks(Interrupting(interrupt_at=3))
    with (
        pytest.warns(ConvergenceWarning, match="interrupted"),
        pytest.raises(KeyboardInterrupt),
    ):
        fitted(search, matrix)
    assert not hasattr(search, "best_estimator_")


@every(trained=True)
@pytest.mark.parametrize("inside", ["alone", "pipeline", "search"])
def test_progress_bar(
    trained: Any,
    inside: str,
    matrix: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "200")  # wide enough to be shown in full
    model: Any = clone(trained)
    if inside == "pipeline":
        model = make_pipeline(StandardScaler(), model)
    if inside == "search":
        model = GridSearchCV(model, {"n_components": [1, 2]}, cv=2)
    fitted(model.set_callbacks(ProgressBar(max_propagation_depth=None)), matrix)
    shown = capsys.readouterr().out
    assert type(trained).__name__ in shown
    assert "100%" in shown


@every("score", trained=True)
def test_scoring_monitor_sees_scores(trained: Any, matrix: np.ndarray) -> None:
    monitor = ScoringMonitor(scoring={"score": lambda model, X, y: model.score(X, y)})
    model = fitted(trained.set_callbacks(monitor), matrix)
    log = monitor.get_logs().data
    scores = [entry["score"] for entry in log if "score" in entry]
    assert len(scores) >= len(model.history_)
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 1


@every(trained=True)
def test_skorch_callbacks_come_through_net_params(trained: Any, matrix: np.ndarray) -> None:
    seen: dict[str, int] = {}

    def count(name: str) -> Any:
        def hook(net: Any, **kwargs: Any) -> None:
            seen[name] = seen.get(name, 0) + 1

        return hook

    names = (
        "on_train_begin",
        "on_epoch_begin",
        "on_batch_begin",
        "on_grad_computed",
        "on_batch_end",
        "on_epoch_end",
        "on_train_end",
    )
    callback = skorch_callback(**{name: count(name) for name in names})
    alone = fitted(clone(trained), matrix)
    model = fitted(trained.set_params(net_params={"callbacks": [callback]}), matrix)
    checks, steps = len(model.history_), model.n_iter_
    assert seen == {
        "on_train_begin": 1,
        "on_epoch_begin": checks,
        "on_batch_begin": steps,
        "on_grad_computed": steps,
        "on_batch_end": steps,
        "on_epoch_end": checks,
        "on_train_end": 1,
    }
    assert as_bytes(answers(model, matrix)) == as_bytes(answers(alone, matrix))


@every(trained=True)
def test_epoch_callback_of_skorch_sees_the_history(trained: Any, matrix: np.ndarray) -> None:
    losses = []

    def read(net: Any, **kwargs: Any) -> None:
        losses.append(net.history[-1]["train_loss"])

    callback = skorch_callback(on_epoch_end=read)
    model = fitted(trained.set_params(net_params={"callbacks": [callback]}), matrix)
    assert losses == model.loss_curve_


@every(trained=True)
def test_history(trained: Any, matrix: np.ndarray) -> None:
    model = fitted(trained, matrix)
    steps = [record["step"] for record in model.history_]
    assert steps == sorted(set(steps))
    assert steps[-1] == model.n_iter_
    assert model.best_iter_ in (0, *steps)
    assert model.loss_curve_ == [record["train_loss"] for record in model.history_]
    assert all(type(value) is float for record in model.history_ for value in record.values())


@pytest.mark.parametrize("verbose", [0, 1])
@every(trained=True)
def test_nothing_is_printed_or_written(
    trained: Any,
    verbose: int,
    matrix: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    fitted(trained.set_params(verbose=verbose), matrix)
    sys.stdout.flush()
    assert capfd.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []
