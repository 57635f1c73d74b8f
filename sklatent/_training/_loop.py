"""Trainer: skorch's net with whole-tensor batches, a loop in steps; it dies with the fit."""

import fnmatch
import math
from collections.abc import Iterable, Mapping
from functools import reduce
from itertools import repeat
from operator import itemgetter
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from sklatent._training._budget import Budget
from sklatent._training._checks import (
    SHRINKAGE,
    Candidate,
    Checks,
    Session,
    StopTraining,
    snapshot,
)
from sklatent._training._fitted import (
    FittedNet,
    built,
    load_weights,
    weights_of,
)
from sklatent._training._recipe import Batch, Player, Recipe, RowSource, TensorBatches
from sklatent._utils.notice import log_always

WARM_UP = 0.1
# Training rows on which noise is measured where there are no validation rows.
MAX_NOISE_ROWS = 5000
# A further, twice as long cycle must have gained this share of everything gained so far.
GROWTH = 0.01
# Parameters of skorch's net that have no effect here, because batches, checks and splits are ours.
RESERVED = frozenset(
    {
        "batch_size",
        "criterion",
        "dataset",
        "device",
        "iterator_train",
        "iterator_valid",
        "max_epochs",
        "module",
        "optimizer__param_groups",
        "seed",
        "train_split",
        "warm_start",
    }
)


def _schedule(step: int, n_steps: int) -> float:
    """Linear warm-up over the first tenth, then a cosine down to zero."""
    warm = max(1.0, WARM_UP * n_steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1.0, n_steps - warm)))


class Side(NamedTuple):
    """A player with its optimizer.

    Attributes
    ----------
    player : Player
        Its loss, and how often it moves.
    optimizer : torch.optim.Optimizer
        Of its parameters.
    parameters : list of Tensor
        Those that it moves.
    rates : list of float
        Peak learning rate of each group of parameters.
    """

    player: Player
    optimizer: torch.optim.Optimizer
    parameters: list[Tensor]
    rates: list[float]


class Trainer(NeuralNet):
    """A skorch net that trains a :class:`Recipe`.

    Differences to the stock net: batches are slices of one tensor on the device; an "epoch" is
    the steps between two checks; in each step the players of the recipe move in turn; the mode of
    the module is set once per epoch and nothing is recorded or notified per batch unless a
    callback asks for it; the random numbers of a fit come from one generator; the best weights,
    the starting point included, are kept in memory.
    """

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        *,
        learning_rate: float,
        weight_decay: float,
        device: torch.device,
        seed: int,
        net_params: Mapping[str, Any] | None = None,
    ) -> "Trainer":
        """Configure the net for a recipe; ``net_params`` are skorch's and win."""
        given = dict(net_params or {})
        reserved = sorted(RESERVED & given.keys())
        for part in ("criterion", "dataset", "iterator_train", "iterator_valid", "module"):
            reserved += fnmatch.filter(sorted(given), f"{part}__*")
        if reserved:
            raise ValueError(
                f"net_params may not hold {reserved}: these are set by the parameters of the "
                "estimator."
            )
        for i, player in enumerate(recipe.players):
            least = 0 if i else 1  # the first one's loss is looked at
            if not isinstance(player.turns, int) or player.turns < least:
                raise ValueError(f"turns={player.turns!r} of player {i} must be an int >= {least}.")
            if isinstance(player.moves, str) or isinstance(player.slow, str):
                raise ValueError(
                    f"moves and slow of a player are tuples of patterns, got {player.moves!r} and "
                    f"{player.slow!r}."
                )
        rate = given.get("lr", learning_rate)
        params: dict[str, Any] = {"lr": rate, "verbose": 0, "device": device}
        if "optimizer" not in given:
            params |= {
                "optimizer": torch.optim.AdamW,
                "optimizer__fused": True,
                "optimizer__betas": (0.9, 0.99),
                "optimizer__weight_decay": weight_decay,
            }
        # the losses are the players'; skorch builds a criterion all the same
        net = cls(recipe.module, torch.nn.Identity, **(params | given))
        net.recipe, net.seed = recipe, seed
        return net

    # -- skorch's seams ------------------------------------------------------------------------

    @property
    def _default_callbacks(self) -> list[Any]:
        return []  # the stock ones print and record per batch

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks; skorch's early stopping ends the training, not the program."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as interrupt:
                if isinstance(callback, EarlyStopping):  # this is how it asks to stop
                    raise StopTraining from interrupt
                raise

    def initialize_module(self) -> "Trainer":
        """Build the module from the seed and load the weights it starts from."""
        # whatever torch's default dtype is, rows are float32
        self.module_ = built(self.module, self.recipe.module_params, self.seed).float()
        load_weights(self.module_, self.recipe.start)
        return self

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> "Trainer":
        """Make one optimizer for each player that moves."""
        named = dict(self.module_.named_parameters())
        self.sides_: list[Side] = []
        for player in self.recipe.players:
            if player.turns == 0:
                continue
            matched: set[str] = set()
            for pattern in (*player.moves, *player.slow):
                found = fnmatch.filter(named, pattern)
                if not found:
                    raise ValueError(
                        f"A player names the parameters {pattern!r}, and the module has none that "
                        f"match: it has {sorted(named)}."
                    )
                if pattern in player.moves:
                    matched.update(found)
            moved = []
            for name, weight in named.items():
                if name in matched:
                    moved.append((name, weight))
            rate = player.optimizer.get("lr", self.lr)
            slow = {"lr": 0.3 * rate, "weight_decay": 0.0}
            # skorch reads the groups from its own attributes
            self.optimizer__param_groups = list(zip(player.slow, repeat(slow)))
            groups, options = self.get_params_for_optimizer("optimizer", moved)
            optimizer = self.optimizer(*groups, **{**options, **player.optimizer})
            rates = list(map(itemgetter("lr"), optimizer.param_groups))
            self.sides_.append(Side(player, optimizer, list(dict(moved).values()), rates))
        self.optimizer_ = self.sides_[0].optimizer
        return self

    def _run_epoch(self, batches: TensorBatches) -> None:
        """Run the steps up to the next check."""
        watched = _watches_batches(self.callbacks_)
        self.module_.train()
        recorded: dict[tuple[int, str], list[Tensor]] = {}
        for batch in batches:
            self._set_rates()
            if watched:
                self.notify("on_batch_begin", batch=batch, training=True)
            for i, side in enumerate(self.sides_):
                for turn in range(side.player.turns):
                    part = batch if turn == 0 else batches.another()
                    terms, loss = self._turn(side, part, watched)
                    for name, value in terms.items():
                        recorded.setdefault((i, name), []).append(value.detach())
            if self.n_steps_ == 0:  # which builds and allocates what the others find
                self.began_ = perf_counter()
            self.n_steps_ += 1
            self.cycle_step_ += 1
            if watched:
                self.notify("on_batch_end", batch=batch, training=True, loss=loss, y_pred=None)
        self._record(recorded)

    def _set_rates(self) -> None:
        """Set the learning rates of the next step, and how far the training has come."""
        self.progress_ = self.cycle_step_ / self.cycle_steps_ if self.n_cycles_ == 1 else 1.0
        factor = _schedule(self.cycle_step_, self.cycle_steps_)
        for side in self.sides_:
            for group, rate in zip(side.optimizer.param_groups, side.rates, strict=True):
                group["lr"] = rate * factor

    def _turn(self, side: Side, batch: Batch, watched: bool) -> tuple[dict[str, Tensor], Tensor]:
        """Let a player move once."""
        side.optimizer.zero_grad(set_to_none=True)
        terms = side.player.terms(self.module_, batch, self.generator_, self.progress_)
        for name, values in terms.items():
            terms[name] = values.mean()
        loss = reduce(torch.add, terms.values())
        if side.player.loss_scale != 1.0:
            loss = loss * side.player.loss_scale
        loss.backward()  # type: ignore[no-untyped-call]
        if watched:
            named = self.get_all_learnable_params()
            self.notify("on_grad_computed", named_parameters=named, batch=batch, training=True)
        torch.nn.utils.clip_grad_norm_(side.parameters, 1.0)
        side.optimizer.step()
        return terms, loss

    def _record(self, recorded: dict[tuple[int, str], list[Tensor]]) -> None:
        own: float = 0.0
        named: dict[str, float] = {}
        for (player, name), values in recorded.items():
            if name in named or name == "loss":
                raise ValueError(
                    f"Two terms of the losses, or one and their sum, have the name {name!r}: each "
                    "needs one of its own in the history."
                )
            # one transfer from the device per term and check, not one per step
            mean = named[name] = float(torch.stack(values).mean())
            if player == 0:
                own += mean
            if not math.isfinite(mean):
                own = mean
        if not math.isfinite(own):
            raise ValueError(
                f"Training diverged: the loss is {own} after {self.n_steps_} steps. Lower "
                f"learning_rate (got {self.lr}), or scale the columns of X."
            )
        self.history.record("step", self.n_steps_)
        self.history.record("train_loss", own)
        if len(named) > 1:
            for name, value in named.items():
                self.history.record(f"train_{name}", value)

    # -- training ------------------------------------------------------------------------------

    def train(
        self,
        rows: RowSource,
        valid: RowSource | None,
        budget: Budget,
        session: Session | None = None,
        *,
        keep_rows: bool = False,
        keep_weights: bool = False,
        stop_at: int | None = None,
        verbose: int = 0,
    ) -> "Trainer":
        """Train from the start; afterwards the module holds the best weights seen.

        Sets ``checks_`` (best step and loss), ``n_steps_`` and ``interrupted_`` (whether a
        KeyboardInterrupt ended the training; raising it again is left to the caller).
        ``keep_rows`` and ``keep_weights`` keep the loss of each row and the weights from every
        check, to pool folds.
        """
        self.initialize()
        self.valid_rows_, self.session_, self.logs_ = valid, session or Session(), verbose > 0
        self.keep_rows_, self.keep_weights_ = keep_rows, keep_weights
        some = np.linspace(0, len(rows) - 1, min(len(rows), MAX_NOISE_ROWS)).astype(np.intp)
        self.noise_rows_ = rows.subset(some)
        self.generator_ = torch.Generator(device=rows.device).manual_seed(self.seed)
        self.n_steps_ = self.n_cycles_ = 0
        self.interrupted_ = False
        self.checks_ = Checks(budget.patience, budget.tol, stop_at)
        batches = TensorBatches(rows, budget.batch_size, budget.check_every, self.generator_)
        try:
            self._look()
            self.notify("on_train_begin", X=rows, y=None)
            self._run_cycles(batches, budget)
        except StopTraining:
            pass  # told to stop by patience or by a callback
        except KeyboardInterrupt:
            self.interrupted_ = True
        self.notify("on_train_end", X=rows, y=None)
        if self.checks_.best is not None:
            self.module_.load_state_dict(self.checks_.best.weights)
        return self

    def _look(self) -> Tensor | None:
        """Compare the weights with the best so far, by what the judge says of them."""
        if self.valid_rows_ is None or not self.recipe.judge.compares:
            self.refresh(self.noise_rows_)
            return None
        losses = self.row_losses(self.valid_rows_)
        if self.keep_rows_:
            shrunk = [self._shrunk_losses(keep, self.valid_rows_) for keep in SHRINKAGE]
            self.checks_.losses_.append(torch.stack([losses, *shrunk]))
        if self.keep_weights_:
            self.checks_.weights_.append(weights_of(self.module_))
        self.checks_.compare(self.n_steps_, losses, self.module_)
        return losses

    def _check(self) -> None:
        """Look at the validation rows, tell who watches, stop when told to."""
        losses = self._look()
        if losses is not None:
            self.history.record("valid_loss", float(losses.mean()))
        record = records_of([self.history[-1]])[0]
        if self.logs_:
            _log(record)
        if self.session_.check(self, record) or self.checks_.enough(self.n_steps_):
            raise StopTraining

    def candidates(self) -> tuple[Candidate, Candidate]:
        """Return the starting point and the best weights by the validation rows."""
        if self.checks_.start is None or self.checks_.best is None:
            raise KeyboardInterrupt  # before the first look at the validation rows
        return self.checks_.start, self.checks_.best

    def _run_cycles(self, batches: TensorBatches, budget: Budget) -> None:
        """Train in cycles, each twice as long as the one before, while that gains."""
        n_steps = budget.n_steps
        losses = [self.checks_.best_loss]
        while True:
            self._run_cycle(batches, n_steps, budget.check_every * (n_steps // budget.n_steps))
            losses.append(self.checks_.best_loss)
            gained, total = losses[-2] - losses[-1], losses[0] - losses[-1]
            n_steps *= 2
            if self.n_steps_ + n_steps > budget.max_total_steps or not gained > GROWTH * total:
                return

    def _run_cycle(self, batches: TensorBatches, n_steps: int, check_every: int) -> None:
        """Warm up, then cool down to zero; a later cycle starts from the best weights."""
        if self.n_cycles_ > 0:
            if self.checks_.best is not None:
                self.module_.load_state_dict(self.checks_.best.weights)
            self._initialize_optimizer()
        self.n_cycles_ += 1
        self.cycle_step_, self.cycle_steps_ = 0, n_steps
        # the warm start of a later cycle climbs before it falls
        self.checks_.impatient = self.n_cycles_ == 1
        while self.cycle_step_ < n_steps:
            batches.n_batches = min(check_every, n_steps - self.cycle_step_)
            self.notify("on_epoch_begin", dataset_train=batches, dataset_valid=None)
            self._run_epoch(batches)
            # before the callbacks of others, which find the losses of the validation rows
            self._check()
            if self.n_steps_ > 1:
                seconds = (perf_counter() - self.began_) / (self.n_steps_ - 1)
                self.session_.foresee(seconds, n_steps)
            self.notify("on_epoch_end", dataset_train=batches, dataset_valid=None)

    def refresh(self, rows: RowSource) -> None:
        """Measure again what the module does not learn, on rows it was not trained on."""
        self.module_.eval()
        if self.recipe.refresh is not None:
            with torch.no_grad():
                self.recipe.refresh(self.module_, rows)

    def row_losses(self, rows: RowSource) -> Tensor:
        """Ask the judge: the losses of rows, deterministic, in float64 on the CPU."""
        self.refresh(rows)
        recipe: Recipe = self.recipe
        return recipe.judge.losses(self.module_, recipe.players[0], rows)

    def _shrunk_losses(self, keep: float, rows: RowSource) -> Tensor:
        """Loss of each row at ``start + keep * (weights - start)``; the weights stay."""
        weights = snapshot(self.module_)
        start: Candidate | None = self.checks_.start
        if start is not None:
            with torch.no_grad():
                for name, value in self.module_.named_parameters():
                    value.lerp_(start.weights[name], 1.0 - keep)
        losses = self.row_losses(rows)
        self.module_.load_state_dict(weights)
        return losses

    def rewind(self, keep: float) -> None:
        """Move the weights back to ``start + keep * (weights - start)``.

        ``keep=0`` restores the starting point in the precision in which it was given.
        """
        start = built(self.module, self.recipe.module_params, self.seed)
        start = start if torch.device(self.device).type == "mps" else start.double()
        load_weights(start, self.recipe.start)
        if keep == 0.0:
            self.module_ = start.to(self.device)
            return
        origin = dict(start.named_parameters())
        with torch.no_grad():
            # what is measured and not learned, the buffers, stays
            for name, value in self.module_.named_parameters():
                value.copy_(torch.lerp(origin[name].to(value), value, keep))

    def fitted(self) -> FittedNet:
        """Return the module as it stands, for answers; the training may go on."""
        device = torch.device(self.device)
        return FittedNet(
            type(self.module_), self.recipe.module_params, weights_of(self.module_), device
        )


def records_of(history: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Return one record per completed check; an interrupt may have left the last one empty."""
    kept = []
    for row in history:
        if "train_loss" in row:
            record = dict(row)
            for name in ("batches", "epoch"):
                record.pop(name, None)
            kept.append(dict(zip(record, map(float, record.values()), strict=True)))
    return kept


def _log(record: dict[str, float]) -> None:
    parts = [f"{key} {value:.6g}" for key, value in record.items() if key != "step"]
    log_always("step %d: %s", int(record["step"]), ", ".join(parts))


def _watches_batches(callbacks: Iterable[tuple[str, Any]]) -> bool:
    for _, callback in callbacks:
        for name in ("on_batch_begin", "on_batch_end", "on_grad_computed"):
            if getattr(type(callback), name) is not getattr(Callback, name):
                return True
    return False
