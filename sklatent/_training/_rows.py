"""Where training rows come from, and how they reach the device in whole batches."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Above this many bytes of float32 the rows stay where they are and are encoded batch by batch.
MAX_RESIDENT_BYTES = 256 * 2**20
CHUNK_ROWS = 8192

Encode = Callable[[NDArray[np.intp] | slice], NDArray[np.floating]]


class RowSource:
    """Encoded rows, by index, as float32 tensors on the training device.

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
    """

    def __init__(
        self,
        encode: Encode,
        index: NDArray[np.intp],
        device: torch.device,
        resident: Tensor | None,
    ) -> None:
        self._encode = encode
        self._index = index
        self._resident = resident
        self._index_tensor = torch.from_numpy(index).to(device)
        self.device = device

    def __len__(self) -> int:
        return len(self._index)

    def subset(self, positions: NDArray[np.intp]) -> "RowSource":
        """Return the rows at some positions of this source, sharing its memory."""
        return RowSource(self._encode, self._index[positions], self.device, self._resident)

    def shuffled(self, generator: torch.Generator) -> Tensor:
        """Return the places of all rows in the table, in random order."""
        order = torch.randperm(len(self), generator=generator, device=self.device)
        return self._index_tensor[order]

    def take(self, positions: Tensor) -> Tensor:
        """Return the rows at the positions (a tensor of integers) as a float32 tensor."""
        return self.at(self._index_tensor[positions])

    def at(self, rows: Tensor) -> Tensor:
        """Return the rows at these places in the table as a float32 tensor."""
        if self._resident is not None:
            return self._resident.index_select(0, rows)
        encoded = self._encode(rows.cpu().numpy())
        return torch.from_numpy(encoded.astype(np.float32, copy=False)).to(self.device)

    def chunks(self, size: int = CHUNK_ROWS) -> Iterator[Tensor]:
        """Go once through the rows, in order."""
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield self.take(torch.arange(start, stop, device=self.device))

    def arrays(self, size: int = CHUNK_ROWS) -> Iterator[NDArray[np.float64]]:
        """Go once through the rows as float64 arrays, exactly as the table encodes them."""
        for start in range(0, len(self), size):
            encoded = self._encode(self._index[start : start + size])
            yield encoded.astype(np.float64, copy=False)


def row_source(encode: Encode, n_rows: int, n_columns: int, device: torch.device) -> RowSource:
    """Make the source of all rows of a table, resident on the device where that is cheap."""
    resident = None
    if n_rows * n_columns * 4 <= MAX_RESIDENT_BYTES:
        resident = torch.empty((n_rows, n_columns), dtype=torch.float32)
        for start in range(0, n_rows, CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, n_rows)
            resident[start:stop] = torch.from_numpy(encode(slice(start, stop)))
        resident = resident.to(device)
    return RowSource(encode, np.arange(n_rows), device, resident)


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

    def _shuffled_passes(self) -> Iterator[Tensor]:
        n_rows, size = len(self._rows), self._batch_size
        per_pass = max(1, n_rows // size)
        while True:
            order = self._rows.shuffled(self._generator)
            for i in range(per_pass):
                stop = n_rows if i == per_pass - 1 else (i + 1) * size
                yield self._rows.at(order[i * size : stop])

    def __iter__(self) -> Iterator[Tensor]:
        for _ in range(self.n_batches):
            yield next(self._stream)
