"""What a model asks the engine to train, and on what: batches, players, a judge, a start."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklatent._training._fitted import Encode, Index, Weights
from sklatent.nn import energy_distance

# Above this many bytes of float32 the rows stay where they are and are encoded batch by batch.
MAX_RESIDENT_BYTES = 256 * 2**20
CHUNK_ROWS = 8192

# Named tensors with one entry for each row: ``x``, the encoded rows, and what the source of the
# rows declares beside them, such as ``y`` or ``partner``.
Batch = dict[str, Tensor]
# Named terms of a loss, one value for each row.
Terms = dict[str, Tensor]


class Sliceable(Protocol):
    """Rows of a table, some of which can be taken."""

    def __len__(self) -> int: ...

    def take(self, index: Any, /) -> Any:
        """Return some of the rows."""


class Encoder(Protocol):
    """What turns rows into numbers."""

    @property
    def n_encoded(self) -> int:
        """Width of the matrix."""

    def encode(self, rows: Any, /) -> NDArray[Any]:
        """Return a new float matrix."""

    def completed(self, matrix: Any, /) -> NDArray[Any]:
        """Fill missing cells that nets do not read."""


@dataclass(frozen=True)
class Encoded:
    """Rows of a table as nets read them, encoded when they are asked for by index."""

    table: Encoder
    rows: Sliceable

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns once encoded."""
        return len(self.rows), self.table.n_encoded

    def __call__(self, index: Index) -> NDArray[np.floating]:
        """Encode the rows at an index."""
        return self.table.completed(self.table.encode(self.rows.take(index)))


class RowSource:
    """Encoded rows, by index, as batches of float32 tensors on the training device.

    Parameters
    ----------
    encode : callable
        Takes an index array or a slice, gives a fresh float matrix of those rows.
    index : ndarray of shape (n_rows,)
        The rows of the table that this source covers.
    device : torch.device
        Where the batches go.
    resident : Tensor or None
        All rows of the table on the device, or None to encode each batch when it is needed.
    fields : mapping of str to Tensor
        Further fields of the batches, with one entry for each row of the table.
    neighbors : Tensor of shape (n_table, k) or None
        Places of the neighbours of each row. With them a batch has the field ``partner``: one
        neighbour of each row, drawn anew in each pass.

    Attributes
    ----------
    device : torch.device
        Where the batches go.
    n_rows : int
        Number of rows, as ``len`` tells.
    """

    def __init__(
        self,
        encode: Encode,
        index: NDArray[np.intp],
        device: torch.device,
        resident: Tensor | None,
        fields: Mapping[str, Tensor],
        neighbors: Tensor | None,
    ) -> None:
        self._encode = encode
        self._index = index
        self._resident = resident
        self._index_tensor = torch.from_numpy(index).to(device)
        self.n_rows = len(index)
        self._fields = fields
        self._neighbors = neighbors
        self.device = device
        if neighbors is not None:
            # what validation looks at: near neighbours and farther ones, the same at each check
            turn = torch.arange(len(neighbors), device=device) % neighbors.shape[1]
            self._partners = neighbors.gather(1, turn[:, None])[:, 0]

    def __len__(self) -> int:
        return len(self._index)

    def subset(self, positions: NDArray[np.intp]) -> "RowSource":
        """Return the rows at some positions, sharing memory; neighbours may lie outside."""
        return RowSource(
            self._encode,
            self._index[positions],
            self.device,
            self._resident,
            self._fields,
            self._neighbors,
        )

    def shuffled(self, generator: torch.Generator) -> Tensor:
        """Return the places of all rows in the table, in random order, and draw partners."""
        if self._neighbors is not None:
            n, k = self._neighbors.shape
            drawn = torch.randint(k, (n, 1), generator=generator, device=self.device)
            self._partners = self._neighbors.gather(1, drawn)[:, 0]
        order = torch.randperm(len(self), generator=generator, device=self.device)
        return self._index_tensor[order]

    def take(self, positions: Tensor) -> Batch:
        """Return the rows at the positions (a tensor of integers)."""
        return self.at(self._index_tensor[positions])

    def at(self, places: Tensor) -> Batch:
        """Return the rows at these places in the table."""
        batch = {"x": self._x(places)}
        for name, values in self._fields.items():
            batch[name] = values.index_select(0, places)
        if self._neighbors is not None:
            batch["partner"] = self._x(self._partners[places])
        return batch

    def _x(self, places: Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident.index_select(0, places)
        encoded = self._encode(places.cpu().numpy())
        return torch.from_numpy(encoded.astype(np.float32, copy=False)).to(self.device)

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Batch]:
        """Go once through the rows, in order."""
        for start in range(0, len(self._index), size):
            yield self.at(self._index_tensor[start : start + size])

    def arrays(self, size: int = CHUNK_ROWS) -> Iterator[NDArray[np.float64]]:
        """Go once through the rows as float64 arrays, exactly as the table encodes them."""
        for start in range(0, len(self._index), size):
            encoded = self._encode(self._index[start : start + size])
            yield encoded.astype(np.float64, copy=False)


def row_source(
    encode: Encode,
    n_rows: int,
    n_columns: int,
    device: torch.device,
    *,
    fields: Mapping[str, NDArray[Any]] | None = None,
    neighbors: NDArray[np.intp] | None = None,
) -> RowSource:
    """Make the source of all rows of a table, resident on the device where that is cheap.

    Parameters
    ----------
    encode : callable
        Takes an index array or a slice, gives a fresh float matrix of those rows.
    n_rows, n_columns : int
        Shape of the encoded table.
    device : torch.device
        Where the batches go.
    fields : mapping of str to ndarray, default=None
        Further fields of the batches, with one entry for each row.
    neighbors : ndarray of shape (n_rows, k), default=None
        Places of the neighbours of each row, for the field ``partner``.

    Returns
    -------
    RowSource
    """
    resident = None
    if n_rows * n_columns * 4 <= MAX_RESIDENT_BYTES:
        resident = torch.empty((n_rows, n_columns), dtype=torch.float32)
        for start in range(0, n_rows, CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, n_rows)
            resident[start:stop] = torch.from_numpy(encode(slice(start, stop)))
        resident = resident.to(device)
    tensors = {}
    for name, values in (fields or {}).items():
        tensors[name] = torch.from_numpy(values).to(device, _known_dtype(values, device))
    table = None if neighbors is None else torch.from_numpy(neighbors.astype(np.int64)).to(device)
    return RowSource(encode, np.arange(n_rows), device, resident, tensors, table)


def _known_dtype(values: NDArray[Any], device: torch.device) -> torch.dtype | None:
    """Return the dtype for a device that lacks that of the values, else None."""
    return torch.float32 if device.type == "mps" and values.dtype == np.float64 else None


class TensorBatches:
    """Endless shuffled batches, handed out a fixed number at a time.

    Iterating continues where the last iteration ended, so that an "epoch" of the training loop
    may be any number of steps. The rows left over at the end of a pass join the last batch, which
    is therefore never small.
    """

    def __init__(
        self, rows: RowSource, batch_size: int, n_batches: int, generator: torch.Generator
    ) -> None:
        self._rows = rows
        self._batch_size = min(batch_size, len(rows))
        self._generator = generator
        self._stream = self._shuffled_passes()
        self.n_batches = n_batches

    def _shuffled_passes(self) -> Iterator[Batch]:
        n_rows, size = len(self._rows), self._batch_size
        per_pass = max(1, n_rows // size)
        while True:
            order = self._rows.shuffled(self._generator)
            for i in range(per_pass):
                stop = n_rows if i == per_pass - 1 else (i + 1) * size
                yield self._rows.at(order[i * size : stop])

    def __iter__(self) -> Iterator[Batch]:
        for _ in range(self.n_batches):
            yield next(self._stream)

    def another(self) -> Batch:
        """Return one batch more, for a player that takes several turns in a step."""
        return next(self._stream)


@dataclass(frozen=True, kw_only=True)
class Player:
    """A loss, and the parameters that it may move.

    Attributes
    ----------
    loss : callable
        ``loss(output, batch, progress, **loss_params)``: a dict of named terms, one value per row
        each. ``progress`` runs from 0 to 1 over the training.
    loss_params : dict
        Its further keyword arguments.
    outputs : str
        The method of the module that gives ``output``: takes a batch and a generator, which is
        None outside training, and returns a dict of tensors.
    moves : tuple of str
        Patterns of the names of the parameters that it may move.
    slow : tuple of str
        Patterns of those that move at a third of the learning rate without decay.
    turns : int
        How often it moves in each step, on a batch of its own from the second turn on; 0 never.
    optimizer : dict
        What its optimizer has otherwise than the estimator's parameters say, as torch names it
        (``{"lr": 1e-4}``).
    loss_scale : float
        Factor of the loss in training; gradients are clipped at norm 1 after it.
    """

    loss: Callable[..., Terms]
    loss_params: Mapping[str, Any] = field(default_factory=dict)
    outputs: str = "forward"
    moves: tuple[str, ...] = ("*",)
    slow: tuple[str, ...] = ()
    turns: int = 1
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    loss_scale: float = 1.0

    def terms(
        self,
        module: torch.nn.Module,
        batch: Batch,
        generator: torch.Generator | None,
        progress: float,
    ) -> Terms:
        """Return the named terms of the loss, one value per row each."""
        # through the call, for the hooks that others may have put on the module
        answer = module if self.outputs == "forward" else getattr(module, self.outputs)
        terms = self.loss(answer(batch, generator), batch, progress, **self.loss_params)
        if not isinstance(terms, dict) or not terms:
            raise TypeError(
                f"A loss returns a dict of named terms; {self.loss!r} returned "
                f"{terms if isinstance(terms, dict) else type(terms).__name__}."
            )
        for name, values in terms.items():
            if values.ndim == 0:
                raise ValueError(
                    f"The term {name!r} of a loss must have one value per row: got a single "
                    "number. The engine takes the mean over the rows."
                )
        return terms


class Judge(Protocol):
    """Says of a module how bad it is on rows that it was not trained on."""

    @property
    def guards(self) -> bool:
        """Whether a good start is kept unless this judge finds clearly better weights."""

    @property
    def compares(self) -> bool:
        """Whether weights are compared at all; if not, the last are kept."""

    def losses(self, module: torch.nn.Module, player: Player, rows: RowSource) -> Tensor:
        """Return one or more losses, whose mean counts: float64, on the CPU, deterministic."""


@dataclass(frozen=True)
class HeldOutLoss:
    """The player's own loss of each held-out row; carries the guarantee against the start."""

    guards: bool = True
    compares: bool = True

    def losses(self, module: torch.nn.Module, player: Player, rows: RowSource) -> Tensor:
        """Return the loss of each row."""
        parts = []
        with torch.inference_mode():
            for batch in rows.chunks():
                terms = player.terms(module, batch, None, 1.0)
                parts.append(torch.stack(list(terms.values())).sum(0).double().cpu())
        return torch.cat(parts)


@dataclass(frozen=True)
class HeldOutScore:
    """A function of the module and a batch of held-out rows: one loss for each row.

    Parameters
    ----------
    score : callable
        ``score(module, batch)``, lower is better.
    """

    score: Callable[[Any, Batch], Tensor]
    guards: bool = False
    compares: bool = True

    def losses(self, module: torch.nn.Module, player: Player, rows: RowSource) -> Tensor:
        """Return what the function says of each row."""
        parts = []
        with torch.inference_mode():
            for batch in rows.chunks():
                parts.append(self.score(module, batch).double().cpu())
        return torch.cat(parts)


@dataclass(frozen=True)
class SampleDistance:
    """Energy distance between sampled and held-out rows.

    Parameters
    ----------
    draw : str
        The method of the module that samples: ``draw(n, generator)`` gives (n, n_features).
    most : int
        So many rows of each are compared at most.
    """

    draw: str
    most: int = 1000
    guards: bool = False
    compares: bool = True

    def losses(self, module: torch.nn.Module, player: Player, rows: RowSource) -> Tensor:
        """Return the distance, one number."""
        # evenly spaced: rows may come in an order
        places = np.linspace(0, rows.n_rows - 1, min(rows.n_rows, self.most)).astype(np.intp)
        batch = next(rows.subset(places).chunks(self.most))
        # the same random numbers at each check
        generator = torch.Generator(device=rows.device).manual_seed(0)
        with torch.inference_mode():
            drawn = getattr(module, self.draw)(len(batch["x"]), generator)
            return energy_distance(drawn, batch["x"]).double().cpu()[None]


@dataclass(frozen=True)
class LastWeights:
    """No judge: the weights after the last step are kept."""

    guards: bool = False
    compares: bool = False

    def losses(self, module: torch.nn.Module, player: Player, rows: RowSource) -> Tensor:
        """Return nothing."""
        return torch.empty(0, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a model asks the engine to train.

    Attributes
    ----------
    module : type
        The torch module; its ``forward(batch, generator)`` returns a dict of tensors.
    module_params : dict
        Its keyword arguments, plain values only (they are saved with the model).
    players : tuple of Player
        Who moves the parameters; most models have one. They move in turn in each step.
    judge : Judge
        Says which weights are best.
    start : dict of ndarray
        Weights to start from; names that are missing keep torch's initialization.
    from_pca : bool
        Whether the start is a good model by itself, to be kept where training gains nothing.
    unit : float
        What a loss of one stands for; only ratios of losses in different units need it.
    refresh : callable or None
        Called with the module and the validation rows before each look at them, for what is
        measured rather than learned.
    """

    module: type[torch.nn.Module]
    module_params: dict[str, Any]
    players: tuple[Player, ...]
    judge: Judge = field(default_factory=HeldOutLoss)
    start: Weights = field(default_factory=dict)
    from_pca: bool = False
    unit: float = 1.0
    refresh: Callable[[torch.nn.Module, RowSource], None] | None = None
