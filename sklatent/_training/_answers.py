"""Answers of a trained module: chunked, without gradients, in the precision of the question."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklatent._training._rows import Encode

# float64 temporaries of larger chunks would peak at gigabytes on wide nets.
CHUNK_ROWS = {torch.float32: 8192, torch.float64: 1024}

Verb = str | Callable[[torch.Tensor], torch.Tensor]


def torch_dtype(dtype: np.dtype[Any], device: torch.device) -> torch.dtype:
    """Return the precision in which a device answers a question asked in ``dtype``."""
    if dtype == np.float64 and device.type != "mps":
        return torch.float64
    return torch.float32


def run_in_chunks(
    module: torch.nn.Module,
    verb: Verb,
    n_rows: int,
    encode: Encode,
    dtype: np.dtype[Any],
    device: torch.device,
) -> NDArray[Any]:
    """Call ``module.<verb>`` on all rows.

    Parameters
    ----------
    module : torch.nn.Module
        In the precision of :func:`torch_dtype`.
    verb : str or callable
        Name of a method of the module, or a function, that maps (n, p) to (n, q).
    n_rows : int
        Number of rows.
    encode : callable
        Gives the rows of a slice as a float array.
    dtype : dtype
        dtype of the answer.
    device : torch.device
        Where the module lies.

    Returns
    -------
    ndarray of shape (n_rows, q)
    """
    method = getattr(module, verb) if isinstance(verb, str) else verb
    computed_in = torch_dtype(dtype, device)
    size = CHUNK_ROWS[computed_in]
    answer: NDArray[Any] | None = None
    with torch.inference_mode():
        for start in range(0, n_rows, size):
            rows = slice(start, min(start + size, n_rows))
            x = torch.from_numpy(encode(rows)).to(device, computed_in)
            part = method(x).cpu().numpy()
            if n_rows <= size:
                return part.astype(dtype, copy=False)
            if answer is None:
                answer = np.empty((n_rows, *part.shape[1:]), dtype)
            answer[rows] = part
    if answer is None:
        raise ValueError("run_in_chunks needs at least one row.")
    return answer
