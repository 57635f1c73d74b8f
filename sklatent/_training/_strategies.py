"""From rows to a fitted net: held-out rows, cross-validation, or neither."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklatent._training._budget import Budget
from sklatent._training._checks import SHRINKAGE, Session
from sklatent._training._fitted import FittedNet, Weights
from sklatent._training._loop import Trainer, records_of
from sklatent._training._recipe import Batch, Recipe, RowSource

MakeRecipe = Callable[[RowSource], Recipe]

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


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """What all trainings of one fit share.

    Attributes
    ----------
    budget : Budget
        Steps, batches and validation.
    learning_rate, weight_decay : float
        For the optimizers.
    device : torch.device
        Where to train.
    seed : int
        Seed of everything random in the fit.
    start_on_all : bool
        Whether the start is fitted to all rows or, so that what is measured on the validation
        rows is honest, to the others only.
    refit_start : bool
        Whether a start that is kept is fitted to the validation rows as well.
    keep_folds : bool
        Whether the nets of a cross-validation are kept, for answers out of fold.
    continued : FittedNet or None
        The net whose weights are gone on with, in place of the start.
    net_params : mapping or None
        Passed on to skorch.
    verbose : int
        If positive, checks are logged.
    """

    budget: Budget
    learning_rate: float
    weight_decay: float
    device: torch.device
    seed: int
    start_on_all: bool = True
    refit_start: bool = True
    keep_folds: bool = False
    continued: FittedNet | None = None
    net_params: Mapping[str, Any] | None = None
    verbose: int = 0


@dataclass(frozen=True)
class Fold:
    """One net of a cross-validation, and the rows that it has not seen.

    Attributes
    ----------
    net : FittedNet
        With the weights of the step that all folds together chose.
    held_out : ndarray of int
        Positions of the rows.
    """

    net: FittedNet
    held_out: NDArray[np.intp]


@dataclass
class FitOutcome:
    """A fitted net and how it came about.

    Attributes
    ----------
    net : FittedNet
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
    folds : tuple of Fold
        The nets of a cross-validation, where the plan keeps them.
    """

    net: FittedNet
    history: list[dict[str, float]]
    n_steps: int
    best_step: int
    interrupted: bool
    valid: RowSource | None = None
    folds: tuple[Fold, ...] = ()


class Fit:
    """All trainings of one call of ``fit``: the same rows, one plan, one session.

    Parameters
    ----------
    rows : RowSource
        Training rows.
    valid : RowSource or None
        Validation rows of the caller; None holds out a part of the training rows.
    plan : FitPlan
        What the trainings share.
    session : Session
        Whether a callback or an interrupt has ended the fit.
    """

    def __init__(
        self, rows: RowSource, valid: RowSource | None, plan: FitPlan, session: Session
    ) -> None:
        self.rows, self.valid, self.plan, self.session = rows, valid, plan, session

    def run(self, make_recipe: MakeRecipe) -> FitOutcome:
        """Train a net, with validation as the budget says."""
        training = _Training(make_recipe, self.plan, self.session)
        rows, validation = self.rows, self.plan.budget.validation
        if self.session.ended:
            return _keep_start(rows, training, None)
        if validation == "cross" and self.valid is None and training.recipe(rows).judge.guards:
            return _fit_cross_validated(rows, training)
        if validation == "skip":
            return _keep_start(rows, training, None)
        if validation == "none":
            net = training.train(training.trainer(rows), rows, None)
            return _outcome(net, training, None, net.n_steps_)
        if self.valid is not None:
            return _fit_held_out(rows, rows, self.valid, training)
        order = np.random.RandomState(self.plan.seed).permutation(len(rows))
        # last, hence among the rows trained on; the others in the order drawn
        order = order[np.argsort(_rules_a_column(rows)[order], kind="stable")]
        n_valid = self.plan.budget.n_validation
        return _fit_held_out(
            rows, rows.subset(order[n_valid:]), rows.subset(order[:n_valid]), training
        )

    def search(self, make_recipe: MakeRecipe, share: float) -> FitOutcome:
        """Train a net for a share of the steps on rows held out, to choose something by it."""
        plan = replace(
            self.plan,
            budget=self.plan.budget.for_search(share),
            start_on_all=False,
            refit_start=False,
            continued=None,
        )
        self.session.n_trainings = 1.0 + 1.0 / share  # this one, and the whole one that follows
        return Fit(self.rows, self.valid, plan, self.session).run(make_recipe)


@dataclass
class _Training:
    """One training within a fit, with the recipes made for parts of its rows."""

    make_recipe: MakeRecipe
    plan: FitPlan
    session: Session
    _recipes: dict[int, tuple[RowSource, Recipe]] = field(default_factory=dict)

    def recipe(self, rows: RowSource) -> Recipe:
        """Make the recipe of these rows, once."""
        if id(rows) in self._recipes:
            return self._recipes[id(rows)][1]
        recipe, continued = self.make_recipe(rows), self.plan.continued
        if continued is not None:
            recipe = self._going_on(recipe, continued)
        # the rows are kept as well, so that no others get their id
        self._recipes[id(rows)] = rows, recipe
        return recipe

    def _going_on(self, recipe: Recipe, continued: FittedNet) -> Recipe:
        if recipe.module_params != continued.module_params_:
            raise ValueError(
                f"warm_start=True goes on with the fitted net, built with "
                f"{continued.module_params_}; the parameters now ask for {recipe.module_params}. "
                "Set warm_start=False to start again."
            )
        return replace(recipe, start=continued.weights(), from_pca=True)

    def trainer(self, rows: RowSource) -> Trainer:
        """Configure a trainer for these rows."""
        plan = self.plan
        return Trainer.of(
            self.recipe(rows),
            learning_rate=plan.learning_rate,
            weight_decay=plan.weight_decay,
            device=plan.device,
            seed=plan.seed,
            net_params=plan.net_params,
        )

    def train(
        self, net: Trainer, rows: RowSource, valid: RowSource | None, **options: Any
    ) -> Trainer:
        """Train under the budget, watched."""
        options.setdefault("budget", self.plan.budget)
        net.train(rows, valid, session=self.session, verbose=self.plan.verbose, **options)
        if net.interrupted_:
            self.session.ended = self.session.interrupted = True
        return net


def _rules_a_column(rows: RowSource) -> NDArray[np.bool_]:
    """Tell of each row whether some column is hardly more than this row and a few others."""
    sums, ruling = [], []
    for batch in rows.chunks():
        sums.append(_cells(batch).square().nansum(0))
    bound = max(RULING_SHARE, RULING_SQUARE / len(rows)) * torch.stack(sums).sum(0)
    for batch in rows.chunks():
        ruling.append((_cells(batch).square() > bound).any(1))
    return torch.cat(ruling).cpu().numpy()


def _cells(batch: Batch) -> Tensor:
    """Return the cells that a row brings into a training: its own, and those of its partner."""
    return torch.cat([batch["x"], batch["partner"]], 1) if "partner" in batch else batch["x"]


def _fit_held_out(
    rows: RowSource, train: RowSource, valid: RowSource, training: _Training
) -> FitOutcome:
    started = rows if training.plan.start_on_all else train
    recipe = training.recipe(started)
    net = training.train(training.trainer(started), train, valid)
    if not recipe.judge.compares:
        return _outcome(net, training, valid, net.n_steps_)
    start, best = net.candidates()
    if not (recipe.from_pca and recipe.judge.guards):
        return _outcome(net, training, valid, best.step)
    better: list[bool] = []
    if uninterrupted(lambda: better.append(_improve(net, valid))):
        training.session.ended = training.session.interrupted = True
    if better[-1]:
        return _outcome(net, training, valid, best.step)
    if training.plan.start_on_all and train is not rows and not training.session.ended:
        honest = training.trainer(train)
        honest.initialize()
        there = float(honest.row_losses(valid).mean()) * honest.recipe.unit
        if there > OPTIMISM * start.loss * net.recipe.unit:
            training.train(honest, train, valid)
            if _improve(honest, valid):
                return _outcome(honest, training, valid, honest.candidates()[1].step)
    if training.plan.refit_start:
        return _keep_start(rows, training, net)
    return replace(_keep_start(train, training, net), valid=valid)


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


def _improve(net: Trainer, valid: RowSource) -> bool:
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


def _fit_cross_validated(rows: RowSource, training: _Training) -> FitOutcome:
    """Find the best step and share of the update out of fold, refit on all rows up to there."""
    order = np.random.RandomState(training.plan.seed).permutation(len(rows))
    patient = replace(training.plan.budget, patience=training.plan.budget.n_steps + 1)
    curves: list[Tensor] = []
    steps: list[int] = []
    kept: list[tuple[Fold, list[Weights]]] = []
    folds = np.array_split(order, min(N_FOLDS, len(rows)))
    training.session.n_trainings = len(folds) + 1
    for fold in folds:
        rest = rows.subset(np.setdiff1d(order, fold))
        net = training.trainer(rest)
        keep = training.plan.keep_folds
        training.train(
            net, rest, rows.subset(fold), budget=patient, keep_rows=True, keep_weights=keep
        )
        if training.session.ended:
            return _keep_start(rows, training, net)
        curves.append(torch.stack(net.checks_.losses_))
        steps = [0, *(int(record["step"]) for record in net.history)]
        if keep:
            kept.append((Fold(net.fitted(), fold), net.checks_.weights_))
    pooled = torch.cat(curves, dim=2)  # steps x shares x rows
    guarded = training.recipe(rows).from_pca
    if not guarded:
        pooled = pooled[:, :1]  # a share of the way from random weights is no model
    best, share = divmod(int(pooled.mean(2).argmin()), pooled.shape[1])
    lower = clearly_lower(pooled[best, share], pooled[0, 0], GUARD_FOLDS)
    if best == 0 or (guarded and not lower):
        return replace(_keep_start(rows, training, net), folds=_at(kept, 0, 1.0))
    net = training.train(training.trainer(rows), rows, None, stop_at=steps[best])
    if share > 0:
        net.rewind(SHRINKAGE[share - 1])
        net.refresh(net.noise_rows_)
    chosen = _at(kept, best, 1.0 if share == 0 else SHRINKAGE[share - 1])
    return replace(_outcome(net, training, None, net.n_steps_), folds=chosen)


def _at(kept: list[tuple[Fold, list[Weights]]], check: int, keep: float) -> tuple[Fold, ...]:
    """Give the nets of all folds what the folds together chose: a check, a share of the update."""
    for fold, weights in kept:
        chosen = weights[check]
        # what is measured and not learned, the buffers, stays
        for name, _ in fold.net.module_.named_parameters() if keep < 1.0 else ():
            start = weights[0][name]
            chosen[name] = start + (chosen[name] - start) * chosen[name].dtype.type(keep)
        fold.net.update(chosen)
    return tuple(fold for fold, _ in kept)


def _keep_start(rows: RowSource, training: _Training, tried: Trainer | None) -> FitOutcome:
    """Return the start from all rows; the history is that of the training that was in vain."""
    net = training.trainer(rows)
    net.initialize()
    net.rewind(0.0)
    history = [] if tried is None else records_of(tried.history)
    n_steps = 0 if tried is None else tried.n_steps_
    return FitOutcome(net.fitted(), history, n_steps, 0, training.session.interrupted)


def _outcome(
    net: Trainer, training: _Training, valid: RowSource | None, best_step: int
) -> FitOutcome:
    history, n_steps = records_of(net.history), net.n_steps_
    return FitOutcome(
        net.fitted(), history, n_steps, best_step, training.session.interrupted, valid
    )
