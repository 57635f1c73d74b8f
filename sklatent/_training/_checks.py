"""What happens at each look at the validation rows: best weights, stopping, progress."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor

logger = logging.getLogger("sklatent")

# Shares of the update that are tried on the validation rows, beside all of it.
SHRINKAGE = (0.75, 0.5, 0.25)

OnCheck = Callable[[dict[str, float]], bool]


class StopTraining(Exception):
    """Raised inside the loop to end it; never leaves the engine."""


def snapshot(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copy the weights in memory."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


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


class Checks(Callback):
    """Keep the best weights in memory, the starting point included, and stop when told to.

    Parameters
    ----------
    patience : int
        Checks without improvement after which training stops.
    tol : float
        Relative improvement that counts as one.
    keep_rows : bool
        Whether the loss of each row is kept from every check, with all of the update and with
        each share of ``SHRINKAGE`` (to pool folds): a tensor of shape (shares, n_validation).
    stop_at : int or None
        Step at which training stops whatever the budget, at the first check from there on.
    on_check : callable or None
        Called with the record of each check; a true answer stops the training.
    verbose : int
        If positive, each check is logged.
    """

    def __init__(
        self,
        patience: int,
        tol: float,
        keep_rows: bool,
        stop_at: int | None,
        on_check: OnCheck | None,
        verbose: int,
    ) -> None:
        self.patience = patience
        self.tol = tol
        self.keep_rows = keep_rows
        self.stop_at = stop_at
        self.on_check = on_check
        self.verbose = verbose

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Take the starting point as the first candidate."""
        self.start: Candidate | None = None
        self.best: Candidate | None = None
        self.losses_: list[Tensor] = []
        self.waited_ = 0
        self.impatient_ = True
        if net.valid_rows_ is None:
            net.refresh(net.noise_rows_)
        else:
            self._compare(net, net.row_losses(net.valid_rows_))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare the weights with the best so far."""
        record = net.history[-1]
        self._refuse_divergence(net, record["train_loss"])
        if net.valid_rows_ is None:
            net.refresh(net.noise_rows_)
        else:
            losses = net.row_losses(net.valid_rows_)
            net.history.record("valid_loss", float(losses.mean()))
            self._compare(net, losses)
        record = {
            key: float(value)
            for key, value in net.history[-1].items()
            if key not in ("batches", "epoch")
        }
        if self.verbose > 0:
            _log(record)
        if self.on_check is not None and self.on_check(record):
            raise StopTraining
        if self.stop_at is not None and net.n_steps_ >= self.stop_at:
            raise StopTraining
        if self.impatient_ and self.waited_ >= self.patience:
            raise StopTraining

    def best_loss(self) -> float:
        """Lowest validation loss so far; infinite without validation rows."""
        return math.inf if self.best is None else self.best.loss

    def _compare(self, net: Any, losses: Tensor) -> None:
        if self.keep_rows:
            shrunk = [self._shrunk_losses(net, keep) for keep in SHRINKAGE]
            self.losses_.append(torch.stack([losses, *shrunk]))
        loss = float(losses.mean())
        if self.best is None:
            self.start = self.best = Candidate(0, loss, losses, snapshot(net.module_))
            return
        clearly = loss < self.best.loss - self.tol * abs(self.best.loss)
        self.waited_ = 0 if clearly else self.waited_ + 1
        if loss < self.best.loss:
            self.best = Candidate(net.n_steps_, loss, losses, snapshot(net.module_))

    def _shrunk_losses(self, net: Any, keep: float) -> Tensor:
        """Loss of each row at ``start + keep * (weights - start)``; the weights stay."""
        weights = snapshot(net.module_)
        if self.start is not None:
            with torch.no_grad():
                for name, value in net.module_.named_parameters():
                    value.lerp_(self.start.weights[name], 1.0 - keep)
        losses: Tensor = net.row_losses(net.valid_rows_)
        net.module_.load_state_dict(weights)
        return losses

    @staticmethod
    def _refuse_divergence(net: Any, loss: float) -> None:
        if not math.isfinite(loss):
            raise ValueError(
                f"Training diverged: the loss is {loss} after {net.n_steps_} steps. Lower "
                f"learning_rate (got {net.lr}), or scale the columns of X."
            )


def _log(record: dict[str, float]) -> None:
    parts = [f"{key} {value:.6g}" for key, value in record.items() if key != "step"]
    entry = logger.makeRecord(
        logger.name,
        logging.INFO,
        __file__,
        0,
        "step %d: %s",
        (int(record["step"]), ", ".join(parts)),
        None,
    )
    if logger.hasHandlers():
        logger.handle(entry)
    else:  # asked for by `verbose`, so shown even where logging was never configured
        logging.StreamHandler().handle(entry)
