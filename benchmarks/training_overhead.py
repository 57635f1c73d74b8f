"""What does the training engine cost beside a loop written by hand?

A cell is a batch size x number of threads. All four train the same module on the same 20,000 x 32
rows: AutoencoderTransformer(8); the same with a second player that has no turns; a hand-written
loop (fused AdamW with the same groups, gradient clipping, warm-up and cosine, batches by
index_select); stock skorch with its DataLoader and its gradient clipping (and no schedule).
Repetitions are interleaved; seconds per step are the difference between a long and a short
training, the ratios are medians over the repetitions.
"""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._common import (
    Cell,
    Ledger,
    Options,
    Row,
    Target,
    limit_threads,
    markdown,
    median,
    read_options,
    report,
    run_cells,
    targets,
    warm_up,
)

KEYS = ("batch_size", "threads", "steps", "repetitions")
KINDS = ("engine", "idle", "hand", "skorch")
RATIOS = ("engine", "idle", "skorch")
VALUES = (
    *(f"{kind}_{clock}_ms" for kind in KINDS for clock in ("cpu", "wall")),
    *(f"{kind}_over_hand_{clock}" for kind in RATIOS for clock in ("cpu", "wall")),
)
N_ROWS, N_COLUMNS, WIDTH, SHORT = 20_000, 32, 8, 100
Seconds = NDArray[np.float64]


def cells_of(options: Options) -> list[Cell]:
    """Both batch sizes on one thread and on two."""
    steps, repetitions = (300, 1) if options.quick else (700, 21)
    threads = (1,) if options.quick else tuple(n for n in (1, 2) if n <= options.threads)
    return [
        {"batch_size": size, "threads": n, "steps": steps, "repetitions": repetitions}
        for n in threads
        for size in (128, 512)
    ]


def _rows() -> NDArray[np.float32]:
    random = np.random.RandomState(0)
    X = random.randn(N_ROWS, WIDTH) @ random.randn(WIDTH, N_COLUMNS)
    return (X + 0.3 * random.randn(N_ROWS, N_COLUMNS)).astype(np.float32)


def _clocks() -> Seconds:
    return np.array([time.process_time(), time.perf_counter()])


@cache
def _started() -> Any:
    """The module of AutoencoderTransformer after one step: the start of all trainings."""
    import sklatent

    model = sklatent.AutoencoderTransformer(WIDTH, max_steps=1, early_stopping=False, device="cpu")
    return model.fit(_rows()).net_.module_


def _module() -> Any:
    return deepcopy(_started()).float().train().requires_grad_(True)


def _engine(X: NDArray[np.float32], size: int, steps: int) -> None:
    import sklatent

    sklatent.AutoencoderTransformer(
        WIDTH, batch_size=size, max_steps=steps, early_stopping=False, random_state=0, device="cpu"
    ).fit(X)


@cache
def _model_with_idle_player() -> Any:
    """AutoencoderTransformer, and a second player that never moves."""
    import sklatent
    from sklatent.develop import Player, Recipe, RowSource

    numeric = next(body for body in sklatent.AutoencoderTransformer.bodies if body.kind == "affine")

    class TwoPlayers(numeric):  # type: ignore[misc, valid-type]
        def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
            alone: Recipe = super().recipe(rows, n_components=n_components, seed=seed)
            idle = Player(loss=alone.players[0].loss, turns=0)
            return replace(alone, players=(*alone.players, idle))

    class WithIdlePlayer(sklatent.AutoencoderTransformer):
        bodies = (TwoPlayers,)

    return WithIdlePlayer


def _idle(X: NDArray[np.float32], size: int, steps: int) -> None:
    _model_with_idle_player()(
        WIDTH, batch_size=size, max_steps=steps, early_stopping=False, random_state=0, device="cpu"
    ).fit(X)


def _hand(X: NDArray[np.float32], size: int, steps: int) -> None:
    import torch

    module = _module()
    linear = [p for name, p in module.named_parameters() if "linear" in name]
    others = [p for name, p in module.named_parameters() if "linear" not in name]
    groups: list[dict[str, Any]] = [
        {"params": others},
        {"params": linear, "lr": 1.5e-3, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, 5e-3, betas=(0.9, 0.99), weight_decay=1e-2, fused=True)
    rates = [group["lr"] for group in optimizer.param_groups]
    parameters = list(module.parameters())
    data = torch.from_numpy((X - X.mean(0)) / X.std(0))
    warm, per_pass, losses = 0.1 * steps, len(data) // size, []
    for step in range(steps):
        if step % per_pass == 0:
            order = torch.randperm(len(data))
        start = step % per_pass * size
        x = data.index_select(0, order[start : start + size])
        cosine = 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
        factor = (step + 1) / (warm + 1) if step < warm else cosine
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        optimizer.zero_grad(set_to_none=True)
        loss = ((module({"x": x}, None)["x_hat"] - x) ** 2).sum(1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.detach())


def _skorch(X: NDArray[np.float32], size: int, steps: int) -> None:
    import torch
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping

    class Rebuild(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _module()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            rebuilt: torch.Tensor = self.inner({"x": x}, None)["x_hat"]
            return rebuilt

    net = NeuralNet(
        Rebuild,
        torch.nn.MSELoss,
        optimizer=torch.optim.AdamW,
        optimizer__fused=True,
        lr=5e-3,
        batch_size=size,
        iterator_train__shuffle=True,
        max_epochs=max(1, round(steps / math.ceil(len(X) / size))),
        train_split=None,
        callbacks=[GradientNormClipping(1.0)],
        verbose=0,
    )
    net.fit(X, X)


TRAININGS: dict[str, Callable[[NDArray[np.float32], int, int], None]] = {
    "engine": _engine,
    "idle": _idle,
    "hand": _hand,
    "skorch": _skorch,
}


def _per_step(kind: str, X: NDArray[np.float32], size: int, steps: int) -> Seconds:
    """CPU and wall seconds of a step, without what a fit does once."""
    marks = [_clocks()]
    per_epoch = math.ceil(len(X) / size)
    # stock skorch counts in epochs
    short, long = (SHORT, steps)
    if kind == "skorch":
        short, long = per_epoch, per_epoch * max(2, round(steps / per_epoch))
    for n in (short, long):
        TRAININGS[kind](X, size, n)
        marks.append(_clocks())
    return ((marks[2] - marks[1]) - (marks[1] - marks[0])) / (long - short)


def measure(cell: Cell, data: str | None) -> Row:
    """Interleave the trainings and compare them repetition by repetition."""
    limit_threads(cell["threads"])
    warm_up()
    _started()
    X, size = _rows(), cell["batch_size"]
    found: dict[str, list[Seconds]] = {kind: [] for kind in KINDS}
    for repetition in range(cell["repetitions"]):
        # back and forth, so that a drift of the machine's speed favours none
        for kind in KINDS[:: -1 if repetition % 2 else 1]:
            found[kind].append(_per_step(kind, X, size, cell["steps"]))
    row: Row = {}
    for i, clock in enumerate(("cpu", "wall")):
        for kind in KINDS:
            row[f"{kind}_{clock}_ms"] = 1e3 * median(s[i] for s in found[kind])
        for kind in RATIOS:
            pairs = zip(found[kind], found["hand"], strict=True)
            row[f"{kind}_over_hand_{clock}"] = median(a[i] / b[i] for a, b in pairs)
    return row


def summary(rows: list[Row]) -> list[str]:
    """Targets and all figures."""
    found = []
    for row in rows:
        at = f"batch {row['batch_size']}, {row['threads']} thread(s)"
        for clock in ("cpu", "wall"):
            engine = row[f"engine_over_hand_{clock}"]
            stock = row[f"skorch_over_hand_{clock}"] / engine
            found.append(Target(f"{at}: engine over hand-written, {clock}", engine, 1.05))
            idle = row[f"idle_over_hand_{clock}"]
            found.append(Target(f"{at}: with an idle second player, {clock}", idle, 1.05))
            found.append(Target(f"{at}: stock skorch over engine, {clock}", stock, 2.0, True))
    columns = [*KEYS, *VALUES]
    flipped = [[name, *(row[name] for row in rows)] for name in columns]
    return [targets(found), markdown(["", *(f"cell {i + 1}" for i in range(len(rows)))], flipped)]


def main() -> None:
    options = read_options("training_overhead", __doc__, threads=2)
    ledger = Ledger(options.output, KEYS, VALUES, options.fresh)
    rows = run_cells(ledger, cells_of(options), measure, options)
    report(options, rows, [str(__doc__).split("\n\n", 1)[1].strip(), *summary(rows)])


if __name__ == "__main__":
    main()
