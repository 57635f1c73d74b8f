"""From rows to a fitted net: held-out rows, cross-validation, or neither."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklatent._training._budget import Budget
from sklatent._training._checks import Candidate
from sklatent._training._net import LatentNet, NetSpec
from sklatent._training._rows import RowSource

N_FOLDS = 4
# Shares of the update that are tried on the validation rows, beside all of it.
SHRINKAGE = (0.75, 0.5, 0.25)


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
    guard : float
        Standard errors by which training must beat its start to replace it.
    net_params : mapping or None
        Passed on to skorch.
    watch : callable or None
        Called with the record of each check; a true answer stops the fit.
    verbose : int
        If positive, checks are logged.
    """

    make_spec: Callable[[RowSource], NetSpec]
    budget: Budget
    learning_rate: float
    weight_decay: float
    device: torch.device
    seed: int
    guard: float = 1.0
    net_params: Mapping[str, Any] | None = None
    watch: Callable[[LatentNet, dict[str, float]], bool] | None = None
    verbose: int = 0
    stopped: bool = field(default=False, init=False)

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
        return net.train(rows, valid, on_check=on_check, verbose=self.verbose, **options)


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
        Whether a KeyboardInterrupt ended the training.
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
    if context.budget.validation == "cross":
        return _fit_cross_validated(rows, context)
    spec = context.make_spec(rows)
    if context.budget.validation == "skip":
        return _keep_start(spec, context, interrupted=False)
    if context.budget.validation == "none":
        net = context.train(context.new_net(spec), rows, None)
        return _outcome(net, None, net.n_steps_)
    if valid is None:
        order = np.random.RandomState(context.seed).permutation(len(rows))
        n_valid = context.budget.n_validation
        valid, rows = rows.subset(order[:n_valid]), rows.subset(order[n_valid:])
    net = context.train(context.new_net(spec), rows, valid)
    start, best = net.checks_.start, net.checks_.best
    if best is None or start is None:  # interrupted before the first look at the validation rows
        return _keep_start(spec, context, net.interrupted_)
    if not spec.from_pca:
        return _outcome(net, valid, best.step)
    kept = best.step > 0 and _shrink(net, valid, start, best, context.guard)
    if not kept:
        net.rewind(0.0)
    return _outcome(net, valid, best.step if kept else 0)


def _shrink(
    net: LatentNet, valid: RowSource, start: Candidate, best: Candidate, guard: float
) -> bool:
    """Choose how much of the update to keep; False if the start is not clearly worse."""
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
    return clearly_lower(best_rows, start.rows, guard)


def clearly_lower(losses: Tensor, reference: Tensor, guard: float) -> bool:
    """Whether paired losses lie below the reference by ``guard`` standard errors of the mean."""
    gain = reference - losses
    if len(gain) < 2:
        return bool(gain.mean() > 0)
    error = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > guard * error)


def _fit_cross_validated(rows: RowSource, context: FitContext) -> FitOutcome:
    """Find the best step out of fold, refit on all rows up to there."""
    order = np.random.RandomState(context.seed).permutation(len(rows))
    patient = replace(context.budget, patience=context.budget.n_steps + 1)
    curves: list[Tensor] = []
    steps: list[int] = []
    for fold in np.array_split(order, N_FOLDS):
        rest = rows.subset(np.setdiff1d(order, fold))
        net = context.new_net(context.make_spec(rest))
        context.train(net, rest, rows.subset(fold), budget=patient, keep_rows=True)
        if net.interrupted_ or context.stopped:
            return _keep_start(context.make_spec(rows), context, net.interrupted_)
        curves.append(torch.stack(net.checks_.losses_))
        steps = [0, *(int(record["step"]) for record in net.history)]
    pooled = torch.cat(curves, dim=1)
    best = int(pooled.mean(1).argmin())
    spec = context.make_spec(rows)
    if best == 0 or not clearly_lower(pooled[best], pooled[0], context.guard):
        return _keep_start(spec, context, interrupted=False)
    net = context.train(context.new_net(spec), rows, None, stop_at=steps[best])
    return _outcome(net, None, net.n_steps_)


def _keep_start(spec: NetSpec, context: FitContext, interrupted: bool) -> FitOutcome:
    net = context.new_net(spec)
    net.initialize()
    net.rewind(0.0)
    return FitOutcome(net.finish(), [], 0, 0, interrupted)


def _outcome(net: LatentNet, valid: RowSource | None, best_step: int) -> FitOutcome:
    history = [
        {key: float(value) for key, value in record.items() if key not in ("batches", "epoch")}
        for record in net.history
    ]
    return FitOutcome(net.finish(), history, net.n_steps_, best_step, net.interrupted_, valid)
