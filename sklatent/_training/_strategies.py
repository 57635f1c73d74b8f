"""From rows to a fitted net: held-out rows, cross-validation, or neither."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklatent._training._budget import Budget
from sklatent._training._checks import SHRINKAGE
from sklatent._training._net import LatentNet, NetSpec
from sklatent._training._rows import RowSource

N_FOLDS = 4
# The start looks so much better on rows it was fitted to than on others that comparing with it
# there says nothing.
OPTIMISM = 1.3
# Standard errors by which training must beat its start to replace it.
GUARD = 1.0
# Twice as many where rows are few: the step was chosen on the same folds that are compared.
GUARD_FOLDS = 2.0
# A row that holds more than this share of all squares of a column, and so many times the mean
# square, is not held out: without it the start does not know that the column varies.
RULING_SHARE = 0.2
RULING_SQUARE = 20.0


@dataclass
class FitContext:
    """What one fit passes to each of its trainings.

    Attributes
    ----------
    make_spec : callable
        From a :class:`RowSource` to the :class:`NetSpec` that starts from these rows.
    budget : Budget
        Steps, batches and validation.
    learning_rate, weight_decay : float
        For the optimizer.
    device : torch.device
        Where to train.
    seed : int
        Seed of everything random in the fit.
    start_on_all : bool
        Whether the start is fitted to all rows or, so that what is measured on the validation
        rows is honest, to the others only.
    refit_start : bool
        Whether a start that is kept is fitted to the validation rows as well.
    net_params : mapping or None
        Passed on to skorch.
    watch : callable or None
        Called with the record of each check; a true answer stops the fit.
    verbose : int
        If positive, checks are logged.
    stopped, interrupted : bool
        Whether a callback or a KeyboardInterrupt ended the fit; True beforehand where an earlier
        training of the same fit was ended.
    """

    make_spec: Callable[[RowSource], NetSpec]
    budget: Budget
    learning_rate: float
    weight_decay: float
    device: torch.device
    seed: int
    start_on_all: bool = True
    refit_start: bool = True
    net_params: Mapping[str, Any] | None = None
    watch: Callable[[LatentNet, dict[str, float]], bool] | None = None
    verbose: int = 0
    stopped: bool = False
    interrupted: bool = False
    _specs: dict[int, tuple[RowSource, NetSpec]] = field(default_factory=dict, init=False)

    def spec(self, rows: RowSource) -> NetSpec:
        """Make the spec of these rows, once."""
        if id(rows) not in self._specs:
            # the rows are kept as well, so that no others get their id
            self._specs[id(rows)] = rows, self.make_spec(rows)
        return self._specs[id(rows)][1]

    @property
    def ended(self) -> bool:
        """Whether a callback or an interrupt wants no further training."""
        return self.stopped or self.interrupted

    def new_net(self, spec: NetSpec) -> LatentNet:
        """Configure a net for a spec."""
        return LatentNet.from_spec(
            spec,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            device=self.device,
            seed=self.seed,
            net_params=self.net_params,
        )

    def train(
        self, net: LatentNet, rows: RowSource, valid: RowSource | None, **options: Any
    ) -> LatentNet:
        """Train a net under the budget, watched."""

        def on_check(record: dict[str, float]) -> bool:
            self.stopped = self.stopped or (self.watch is not None and self.watch(net, record))
            return self.stopped

        options.setdefault("budget", self.budget)
        net.train(rows, valid, on_check=on_check, verbose=self.verbose, **options)
        self.interrupted = self.interrupted or net.interrupted_
        return net


@dataclass
class FitOutcome:
    """A fitted net and how it came about.

    Attributes
    ----------
    net : LatentNet
        Holds the final weights, and nothing that only training needs.
    history : list of dict
        One record per check of the training of the final net.
    n_steps : int
        Steps taken by that training.
    best_step : int
        Step whose weights were kept; 0 is the start.
    interrupted : bool
        Whether a KeyboardInterrupt ended a training.
    valid : RowSource or None
        The rows on which the training was validated.
    """

    net: LatentNet
    history: list[dict[str, float]]
    n_steps: int
    best_step: int
    interrupted: bool
    valid: RowSource | None = None


def fit_net(rows: RowSource, valid: RowSource | None, context: FitContext) -> FitOutcome:
    """Fit a net on rows, with validation as the budget says."""
    validation = context.budget.validation
    if context.ended:
        return _keep_start(rows, context, None)
    if validation == "cross":
        return _fit_cross_validated(rows, context)
    if validation == "skip":
        return _keep_start(rows, context, None)
    if validation == "none":
        net = context.train(context.new_net(context.spec(rows)), rows, None)
        return _outcome(net, context, None, net.n_steps_)
    if valid is not None:
        return _fit_held_out(rows, rows, valid, context)
    order = np.random.RandomState(context.seed).permutation(len(rows))
    # last, hence among the rows trained on; the others in the order drawn
    order = order[np.argsort(_rules_a_column(rows)[order], kind="stable")]
    n_valid = context.budget.n_validation
    return _fit_held_out(rows, rows.subset(order[n_valid:]), rows.subset(order[:n_valid]), context)


def _rules_a_column(rows: RowSource) -> NDArray[np.bool_]:
    """Tell of each row whether some column is hardly more than this row and a few others."""
    total = torch.stack([x.square().nansum(0) for x in rows.chunks()]).sum(0)
    bound = max(RULING_SHARE, RULING_SQUARE / len(rows)) * total
    ruling = [(x.square() > bound).any(1) for x in rows.chunks()]
    return torch.cat(ruling).cpu().numpy()


def _fit_held_out(
    rows: RowSource, train: RowSource, valid: RowSource, context: FitContext
) -> FitOutcome:
    spec = context.spec(rows if context.start_on_all else train)
    net = context.train(context.new_net(spec), train, valid)
    start, best = net.candidates()
    if not spec.from_pca:
        return _outcome(net, context, valid, best.step)
    better: list[bool] = []
    if uninterrupted(lambda: better.append(_improve(net, valid))):
        context.interrupted = True
    if better[-1]:
        return _outcome(net, context, valid, best.step)
    if context.start_on_all and train is not rows and not context.ended:
        honest = context.new_net(context.spec(train))
        honest.initialize()
        there = float(honest.row_losses(valid).mean()) * honest.unit
        if there > OPTIMISM * start.loss * net.unit:
            context.train(honest, train, valid)
            if _improve(honest, valid):
                return _outcome(honest, context, valid, honest.candidates()[1].step)
    if context.refit_start:
        return _keep_start(rows, context, net)
    return replace(_keep_start(train, context, net), valid=valid)


def uninterrupted(finish: Callable[[], None]) -> bool:
    """Do what is short and follows a finished training; once more if interrupted.

    Returns
    -------
    bool
        Whether a KeyboardInterrupt came.
    """
    try:
        finish()
    except KeyboardInterrupt:
        finish()
        return True
    return False


def _improve(net: LatentNet, valid: RowSource) -> bool:
    """Choose how much of the update to keep; False if the start is not clearly worse."""
    start, best = net.candidates()
    if best.step == 0:
        return False
    best_keep, best_rows = 1.0, best.rows
    for keep in SHRINKAGE:
        net.module_.load_state_dict(best.weights)
        net.rewind(keep)
        losses = net.row_losses(valid)
        if losses.mean() < best_rows.mean():
            best_keep, best_rows = keep, losses
    net.module_.load_state_dict(best.weights)
    if best_keep < 1.0:
        net.rewind(best_keep)
        net.refresh(valid)
    return clearly_lower(best_rows, start.rows, GUARD)


def clearly_lower(losses: Tensor, reference: Tensor, guard: float) -> bool:
    """Whether paired losses lie below the reference by ``guard`` standard errors of the mean."""
    gain = reference - losses
    if len(gain) < 2:
        return bool(gain.mean() > 0)
    error = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > guard * error)


def _fit_cross_validated(rows: RowSource, context: FitContext) -> FitOutcome:
    """Find the best step and share of the update out of fold, refit on all rows up to there."""
    order = np.random.RandomState(context.seed).permutation(len(rows))
    patient = replace(context.budget, patience=context.budget.n_steps + 1)
    curves: list[Tensor] = []
    steps: list[int] = []
    for fold in np.array_split(order, N_FOLDS):
        rest = rows.subset(np.setdiff1d(order, fold))
        net = context.new_net(context.spec(rest))
        context.train(net, rest, rows.subset(fold), budget=patient, keep_rows=True)
        if context.ended:
            return _keep_start(rows, context, net)
        curves.append(torch.stack(net.checks_.losses_))
        steps = [0, *(int(record["step"]) for record in net.history)]
    pooled = torch.cat(curves, dim=2)  # steps x shares x rows
    best, share = divmod(int(pooled.mean(2).argmin()), pooled.shape[1])
    if best == 0 or not clearly_lower(pooled[best, share], pooled[0, 0], GUARD_FOLDS):
        return _keep_start(rows, context, net)
    net = context.train(context.new_net(context.spec(rows)), rows, None, stop_at=steps[best])
    if share > 0:
        net.rewind(SHRINKAGE[share - 1])
        net.refresh(net.noise_rows_)
    return _outcome(net, context, None, net.n_steps_)


def _keep_start(rows: RowSource, context: FitContext, tried: LatentNet | None) -> FitOutcome:
    """Return the start from all rows; the history is that of the training that was in vain."""
    net = context.new_net(context.spec(rows))
    net.initialize()
    net.rewind(0.0)
    history = [] if tried is None else _records(tried)
    n_steps = 0 if tried is None else tried.n_steps_
    return FitOutcome(net.finish(), history, n_steps, 0, context.interrupted)


def _outcome(
    net: LatentNet, context: FitContext, valid: RowSource | None, best_step: int
) -> FitOutcome:
    history, n_steps = _records(net), net.n_steps_
    return FitOutcome(net.finish(), history, n_steps, best_step, context.interrupted, valid)


def _records(net: LatentNet) -> list[dict[str, float]]:
    """Return one record per completed check; an interrupt may have left the last one empty."""
    return [
        {key: float(value) for key, value in record.items() if key not in ("batches", "epoch")}
        for record in net.history
        if "train_loss" in record
    ]
