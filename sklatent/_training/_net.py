"""LatentNet: skorch's net with whole-tensor batches and a loop counted in steps."""

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from sklatent._training._answers import Verb, run_in_chunks, torch_dtype
from sklatent._training._budget import Budget
from sklatent._training._checks import Candidate, Checks, OnCheck, StopTraining
from sklatent._training._rows import Encode, RowSource, TensorBatches
from sklatent._training._seeding import seeded_construction, seeded_generator

Weights = dict[str, NDArray[Any]]
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


@dataclass(frozen=True)
class NetSpec:
    """What a model asks the engine to train.

    Attributes
    ----------
    module : type
        The torch module; its ``forward(x, generator)`` returns a dict of tensors.
    module_params : dict
        Its keyword arguments, plain values only (they are saved with the model).
    criterion : callable
        ``criterion(output, x, progress, **criterion_params)``: a dict of named terms, one value
        per row each.
    criterion_params : dict
        Its further keyword arguments.
    start : dict of ndarray
        Weights to start from; names that are missing keep torch's initialization.
    slow : tuple of str
        Patterns of the parameters that move at a third of the learning rate without decay.
    from_pca : bool
        Whether the start is a good model by itself, to be kept where training gains nothing.
    unit : float
        What a loss of one stands for; only ratios of losses in different units need it.
    loss_scale : float
        Factor of the loss in training; gradients are clipped at norm 1 after it.
    refresh : callable or None
        Called with the module and the validation rows before each look at them, for what is
        measured rather than learned.
    """

    module: type[torch.nn.Module]
    module_params: dict[str, Any]
    criterion: Callable[..., dict[str, Tensor]]
    criterion_params: dict[str, Any] = field(default_factory=dict)
    start: Weights = field(default_factory=dict)
    slow: tuple[str, ...] = ()
    from_pca: bool = False
    unit: float = 1.0
    loss_scale: float = 1.0
    refresh: Callable[[torch.nn.Module, RowSource], None] | None = None


def resolve_device(device: str, *, missing_ok: bool = False) -> torch.device:
    """Turn the ``device`` parameter into a device that exists.

    Raises
    ------
    ValueError
        If the device does not exist, unless ``missing_ok``: then the CPU answers.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(1, device=resolved).cpu()
    except (
        RuntimeError,
        AssertionError,
        NotImplementedError,
    ) as error:  # torch raises either, by how it was built
        if missing_ok:
            return torch.device("cpu")
        raise ValueError(
            f"device={device!r} is not available on this machine; use 'auto' or 'cpu'."
        ) from error
    return resolved


def _schedule(step: int, n_steps: int) -> float:
    """Linear warm-up over the first tenth, then a cosine down to zero."""
    warm = max(1.0, WARM_UP * n_steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1.0, n_steps - warm)))


class LatentNet(NeuralNet):
    """A skorch net that trains a :class:`NetSpec` and answers for it.

    Differences to the stock net: batches are slices of one tensor on the device; an "epoch" is
    the steps between two checks; the mode of the module is set once per epoch and nothing is
    recorded or notified per batch unless a callback asks for it; the random numbers of a fit come
    from one generator; the best weights, the starting point included, are kept in memory.
    """

    def __init__(self, module: Any, *, criterion: Any, seed: int = 0, **kwargs: Any) -> None:
        self.seed = seed
        super().__init__(module, criterion, **kwargs)

    @classmethod
    def from_spec(
        cls,
        spec: NetSpec,
        *,
        learning_rate: float,
        weight_decay: float,
        device: torch.device,
        seed: int,
        net_params: Mapping[str, Any] | None = None,
    ) -> "LatentNet":
        """Configure the net for a model; ``net_params`` are skorch's and win."""
        given = dict(net_params or {})
        reserved = sorted(key for key in given if key in RESERVED or key.startswith("module__"))
        if reserved:
            raise ValueError(
                f"net_params may not hold {reserved}: these are set by the parameters of the "
                "estimator."
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
        params["optimizer__param_groups"] = [
            (pattern, {"lr": 0.3 * rate, "weight_decay": 0.0}) for pattern in spec.slow
        ]
        params |= {f"module__{key}": value for key, value in spec.module_params.items()}
        net = cls(spec.module, criterion=spec.criterion, seed=seed, **(params | given))
        net.start_ = spec.start
        net.module_params_ = spec.module_params
        net.criterion_params_ = spec.criterion_params
        net.unit = spec.unit
        net.loss_scale_, net.refresh_ = spec.loss_scale, spec.refresh
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

    def initialize_module(self) -> "LatentNet":
        """Build the module from the seed and load the weights it starts from."""
        with seeded_construction(self.seed):
            super().initialize_module()
        # whatever torch's default dtype is, rows are float32
        self.module_.float()
        load_weights(self.module_, self.start_)
        return self

    def initialize_criterion(self) -> "LatentNet":
        """Bind the parameters of the loss, which is a plain function."""
        self.criterion_ = partial(self.criterion, **self.criterion_params_)
        return self

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, None]:
        """Validation rows come from the caller and are looked at by ``Checks``."""
        return X, None

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches are made by the caller already."""
        return dataset

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run the steps up to the next check."""
        if iterator is None:
            return
        module, optimizer = self.module_, self.optimizer_
        watched = _watches_batches(callback for _, callback in self.callbacks_)
        module.train()
        recorded: dict[str, list[Tensor]] = {}
        for x in iterator:
            self._set_rates()
            if watched:
                self.notify("on_batch_begin", batch=x, training=True)
            optimizer.zero_grad(set_to_none=True)
            terms = self._terms(x)
            loss = reduce(torch.add, terms.values())
            if self.loss_scale_ != 1.0:
                loss = loss * self.loss_scale_
            loss.backward()  # type: ignore[no-untyped-call]
            if watched:
                named = self.get_all_learnable_params()
                self.notify("on_grad_computed", named_parameters=named, batch=x, training=True)
            torch.nn.utils.clip_grad_norm_(self.parameters_, 1.0)
            optimizer.step()
            self.n_steps_ += 1
            self.cycle_step_ += 1
            for name, value in terms.items():
                recorded.setdefault(name, []).append(value.detach())
            if watched:
                self.notify("on_batch_end", batch=x, training=True, loss=loss, y_pred=None)
        self._record(recorded)

    def _terms(self, x: Tensor) -> dict[str, Tensor]:
        output = self.module_(x, self.generator_)
        progress = self.cycle_step_ / self.cycle_steps_ if self.n_cycles_ == 1 else 1.0
        return {name: term.mean() for name, term in self.criterion_(output, x, progress).items()}

    def _set_rates(self) -> None:
        factor = _schedule(self.cycle_step_, self.cycle_steps_)
        for group, rate in zip(self.optimizer_.param_groups, self.rates_, strict=True):
            group["lr"] = rate * factor

    def _record(self, recorded: dict[str, list[Tensor]]) -> None:
        # one transfer from the device per term and check, not one per step
        means = {name: float(torch.stack(values).mean()) for name, values in recorded.items()}
        self.history.record("step", self.n_steps_)
        self.history.record("train_loss", sum(means.values()))
        if len(means) > 1:
            for name, value in means.items():
                self.history.record(f"train_{name}", value)

    # -- training ------------------------------------------------------------------------------

    def train(
        self,
        rows: RowSource,
        valid: RowSource | None,
        budget: Budget,
        *,
        on_check: OnCheck | None = None,
        keep_rows: bool = False,
        stop_at: int | None = None,
        verbose: int = 0,
    ) -> "LatentNet":
        """Train from the start; afterwards the module holds the best weights seen.

        Sets ``checks_`` (best step and loss), ``n_steps_`` and ``interrupted_`` (whether a
        KeyboardInterrupt ended the training; raising it again is left to the caller).
        """
        self.initialize()
        self.valid_rows_ = valid
        some = np.linspace(0, len(rows) - 1, min(len(rows), MAX_NOISE_ROWS)).astype(np.intp)
        self.noise_rows_ = rows.subset(some)
        self.generator_ = seeded_generator(self.seed, rows.device)
        self.n_steps_ = self.n_cycles_ = 0
        self.interrupted_ = False
        self.parameters_ = [p for _, p in self.get_all_learnable_params()]
        self.checks_ = Checks(budget.patience, budget.tol, keep_rows, stop_at, on_check, verbose)
        # first, so that the callbacks of others find the losses of the validation rows
        self.callbacks_.insert(0, ("checks", self.checks_.initialize()))
        batches = TensorBatches(rows, budget.batch_size, budget.check_every, self.generator_)
        try:
            self.notify("on_train_begin", X=rows, y=None)
            self._run_cycles(batches, budget)
        except StopTraining:
            pass  # told to stop by patience or by a callback
        except KeyboardInterrupt:
            self.interrupted_ = True
        self.notify("on_train_end", X=rows, y=None)
        self._load_best()
        return self

    def candidates(self) -> tuple[Candidate, Candidate]:
        """Return the starting point and the best weights by the validation rows."""
        if self.checks_.start is None or self.checks_.best is None:
            raise KeyboardInterrupt  # before the first look at the validation rows
        return self.checks_.start, self.checks_.best

    def _load_best(self) -> None:
        best: Candidate | None = self.checks_.best
        if best is not None:
            self.module_.load_state_dict(best.weights)

    def _run_cycles(self, batches: TensorBatches, budget: Budget) -> None:
        n_steps = budget.n_steps
        losses = [self.checks_.best_loss()]
        while True:
            self._run_cycle(batches, n_steps, budget.check_every * (n_steps // budget.n_steps))
            losses.append(self.checks_.best_loss())
            gained, total = losses[-2] - losses[-1], losses[0] - losses[-1]
            n_steps *= 2
            if self.n_steps_ + n_steps > budget.max_total_steps or not gained > GROWTH * total:
                return

    def _run_cycle(self, batches: TensorBatches, n_steps: int, check_every: int) -> None:
        """Warm up, then cool down to zero; a later cycle starts from the best weights."""
        if self.n_cycles_ > 0:
            self._load_best()
            self._initialize_optimizer()
        self.rates_ = [group["lr"] for group in self.optimizer_.param_groups]
        self.n_cycles_ += 1
        self.cycle_step_, self.cycle_steps_ = 0, n_steps
        # the warm start of a later cycle climbs before it falls
        self.checks_.impatient_ = self.n_cycles_ == 1
        while self.cycle_step_ < n_steps:
            batches.n_batches = min(check_every, n_steps - self.cycle_step_)
            self.fit_loop(batches, epochs=1)

    def refresh(self, rows: RowSource) -> None:
        """Measure again what the module does not learn, on rows it was not trained on."""
        self.module_.eval()
        if self.refresh_ is not None:
            with torch.no_grad():
                self.refresh_(self.module_, rows)

    def row_losses(self, rows: RowSource) -> Tensor:
        """Loss of each row, deterministic: shape (n_rows,), in float64 on the CPU."""
        self.refresh(rows)
        parts = []
        with torch.inference_mode():
            for x in rows.chunks():
                terms = self.criterion_(self.module_(x, None), x, 1.0)
                parts.append(torch.stack(list(terms.values())).sum(0).double().cpu())
        return torch.cat(parts)

    def rewind(self, keep: float) -> None:
        """Move the weights back to ``start + keep * (weights - start)``.

        ``keep=0`` restores the starting point in the precision in which it was given.
        """
        start = self._fresh_module()
        if keep == 0.0:
            self.module_ = start.to(self.device)
            return
        origin = dict(start.named_parameters())
        with torch.no_grad():
            # what is measured and not learned, the buffers, stays
            for name, value in self.module_.named_parameters():
                value.copy_(torch.lerp(origin[name].to(value), value, keep))

    def _fresh_module(self) -> torch.nn.Module:
        with seeded_construction(self.seed):
            module: torch.nn.Module = self.module(**self.module_params_)
        module = module if torch.device(self.device).type == "mps" else module.double()
        load_weights(module, self.start_)
        return module

    def weights(self) -> Weights:
        """Copy the weights to the CPU as contiguous arrays."""
        return {
            name: np.ascontiguousarray(value.detach().cpu().numpy()).copy()
            for name, value in self.module_.state_dict().items()
        }

    # -- answers -------------------------------------------------------------------------------

    def update(self, weights: Weights) -> None:
        """Set weights by name."""
        load_weights(self.module_, weights)
        # the other precisions are made again, from what would be saved
        self.casts_ = {next(self.module_.parameters()).dtype: self.module_}

    def run(self, verb: Verb, n_rows: int, encode: Encode, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Call a method of the module, or a function, on rows in chunks of ``dtype``."""
        module = self.answering_module(dtype)
        return run_in_chunks(module, verb, n_rows, encode, dtype, self.device)

    def answering_module(self, dtype: np.dtype[Any]) -> torch.nn.Module:
        """Return the module in the precision of an answer; each cast is made once."""
        wanted = torch_dtype(dtype, self.device)
        if wanted not in self.casts_:
            self.casts_[wanted] = deepcopy(self.module_).to(wanted)
        cast: torch.nn.Module = self.casts_[wanted]
        return cast

    def generator(self, seed: int) -> torch.Generator:
        """Return a generator on the device of the net, for draws."""
        return seeded_generator(seed, torch.device(self.device))

    def finish(self) -> "LatentNet":
        """Keep what answers need and drop the optimizer, the data and the callbacks."""
        self.module_.eval().requires_grad_(False)
        return self.from_state(type(self.module_), self.to_state())

    def to_state(self) -> dict[str, Any]:
        """Describe the net in plain values and arrays, for saving."""
        return {
            "module_params": self.module_params_,
            "weights": self.weights(),
            "device": str(self.device),
        }

    @classmethod
    def from_state(cls, module: type[torch.nn.Module], state: dict[str, Any]) -> "LatentNet":
        """Rebuild the net for answering; without its device, the CPU answers."""
        device = resolve_device(state["device"], missing_ok=True)
        params = {f"module__{key}": value for key, value in state["module_params"].items()}
        net = cls(module, criterion=None, device=device, verbose=0, **params)
        net.module_params_, net.start_ = state["module_params"], {}
        net._initialize_module()
        if any(value.dtype == np.float64 for value in state["weights"].values()):
            net.module_ = net.module_.to(torch_dtype(np.dtype(np.float64), device))
        if missing := set(net.module_.state_dict()) - set(state["weights"]):
            raise ValueError(f"The saved weights lack {sorted(missing)}.")
        load_weights(net.module_, state["weights"])
        net.module_.eval().requires_grad_(False)
        # by precision; only the first is saved, the others are made when they are asked for
        net.casts_ = {next(net.module_.parameters()).dtype: net.module_}
        net.initialized_ = True
        return net


def load_weights(module: torch.nn.Module, weights: Weights) -> None:
    """Copy arrays into the parameters and buffers of these names."""
    own = module.state_dict()
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            expected = tuple(own[name].shape) if name in own else "no such weights"
            raise ValueError(f"Weights {name!r} have shape {value.shape}; expected {expected}.")
        own[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _watches_batches(callbacks: Iterable[Any]) -> bool:
    names = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(
        getattr(type(callback), name) is not getattr(Callback, name)
        for callback in callbacks
        for name in names
    )
