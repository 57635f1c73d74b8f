"""What is remembered of each look at the validation rows, and whether a fit has ended."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sklatent._training._fitted import Weights
from sklatent._utils.notice import logger

# Shares of the update that are tried on the validation rows, beside all of it.
SHRINKAGE = (0.75, 0.5, 0.25)

# A fit that is expected to take longer than so many seconds says so.
SLOW = 10.0

# Called with the trainer and the record of each check; a true answer ends the fit.
Watch = Callable[[Any, dict[str, float]], bool]


@dataclass
class Session:
    """The state of a fit, which may train several nets.

    Attributes
    ----------
    watch : callable or None
        Called with the trainer and the record of each check; a true answer ends the fit.
    ended : bool
        Whether a callback or an interrupt wants no further training.
    interrupted : bool
        Whether it was a KeyboardInterrupt.
    name : str
        Of the model, for the log.
    n_trainings : float
        How many trainings as long as the first one there are at least.
    is_foreseen : bool
        Whether the time that the fit takes has been estimated.
    """

    watch: Watch | None = None
    ended: bool = False
    interrupted: bool = False
    name: str = "This"
    n_trainings: float = 1.0
    is_foreseen: bool = False

    def check(self, trainer: Any, record: dict[str, float]) -> bool:
        """Tell whoever watches; answer whether the training shall stop."""
        if self.watch is not None and self.watch(trainer, record):
            self.ended = True
        return self.ended

    def foresee(self, seconds: float, n_steps: int) -> None:
        """Say, once in a fit, that it will be slow: seconds for each step, steps of a training."""
        expected = seconds * n_steps * self.n_trainings
        if not self.is_foreseen and expected > SLOW:
            logger.info(
                "%s.fit is expected to take up to %.0f seconds: %.0f steps of %.2g seconds. Fewer "
                "max_steps make it shorter, verbose=1 logs its progress.",
                self.name,
                expected,
                n_steps * self.n_trainings,
                seconds,
            )
        self.is_foreseen = True


class StopTraining(Exception):
    """Raised inside the loop to end it; never leaves the engine."""


def snapshot(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copy the weights in memory."""
    weights = {}
    for name, value in module.state_dict().items():
        weights[name] = value.detach().clone()
    return weights


@dataclass(frozen=True)
class Candidate:
    """Weights and what the validation rows say of them.

    Attributes
    ----------
    step : int
        Step after which the weights were taken; 0 is the starting point.
    loss : float
        Mean loss of the validation rows.
    rows : Tensor of shape (n_validation,)
        Loss of each of them.
    weights : dict of Tensor
        The weights.
    """

    step: int
    loss: float
    rows: Tensor
    weights: dict[str, Tensor]


class Checks:
    """Keep the best weights in memory, the starting point included, and count patience.

    Parameters
    ----------
    patience : int
        Checks without improvement after which training stops.
    tol : float
        Relative improvement that counts as one.
    stop_at : int or None
        Step at which training stops whatever the budget, at the first check from there on.

    Attributes
    ----------
    start, best : Candidate or None
        The starting point, and the best weights so far.
    losses_ : list of Tensor
        What pools folds: the losses of each check, with all of the update and with each share of
        ``SHRINKAGE``, of shape (shares, n_validation).
    weights_ : list of dict of ndarray
        The weights of each check, where they are kept.
    impatient : bool
        Whether patience counts.
    best_loss : float
        Lowest validation loss so far; infinite without validation rows.
    """

    def __init__(self, patience: int, tol: float, stop_at: int | None) -> None:
        self.patience, self.tol, self.stop_at = patience, tol, stop_at
        self.start: Candidate | None = None
        self.best: Candidate | None = None
        self.losses_: list[Tensor] = []
        self.weights_: list[Weights] = []
        self.impatient = True
        self.best_loss = math.inf
        self._waited = 0

    def compare(self, step: int, losses: Tensor, module: torch.nn.Module) -> None:
        """Compare the weights with the best so far; the first are the start."""
        loss = float(losses.mean())
        if self.best is None:
            self.start = self.best = Candidate(0, loss, losses, snapshot(module))
            self.best_loss = loss
            return
        clearly = loss < self.best.loss - self.tol * abs(self.best.loss)
        self._waited = 0 if clearly else self._waited + 1
        if loss < self.best.loss:
            self.best = Candidate(step, loss, losses, snapshot(module))
            self.best_loss = loss

    def enough(self, step: int) -> bool:
        """Whether the training has gone as far as it should."""
        if self.stop_at is not None and step >= self.stop_at:
            return True
        return self.impatient and self._waited >= self.patience
