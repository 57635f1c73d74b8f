"""FittedNet: a trained module that answers, on its device, and can be saved.

Answers are chunked, without gradients, in the precision of the question.
"""

from collections.abc import Callable
from copy import deepcopy
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklatent._training._seeding import seeded_construction

Weights = dict[str, NDArray[Any]]
Index = NDArray[np.intp] | slice
Encode = Callable[[Index], NDArray[np.floating]]

# float64 temporaries of larger chunks would peak at gigabytes on wide nets.
CHUNK_ROWS = {torch.float32: 8192, torch.float64: 1024}

Verb = str | Callable[[torch.Tensor], torch.Tensor]


def torch_dtype(dtype: np.dtype[Any], device: torch.device) -> torch.dtype:
    """Return the precision in which a device answers a question asked in ``dtype``."""
    if dtype == np.float64 and device.type != "mps":
        return torch.float64
    return torch.float32


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


def weights_of(module: torch.nn.Module) -> Weights:
    """Copy the weights to the CPU as contiguous arrays."""
    weights: Weights = {}
    for name, value in module.state_dict().items():
        weights[name] = np.ascontiguousarray(value.detach().cpu().numpy()).copy()
    return weights


def load_weights(module: torch.nn.Module, weights: Weights) -> None:
    """Copy arrays into the parameters and buffers of these names."""
    own = module.state_dict()
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            expected = tuple(own[name].shape) if name in own else "no such weights"
            raise ValueError(f"Weights {name!r} have shape {value.shape}; expected {expected}.")
        own[name].copy_(torch.from_numpy(np.ascontiguousarray(value)))


def built(module: type[torch.nn.Module], params: dict[str, Any], seed: int) -> torch.nn.Module:
    """Build a module from a seed; torch's global random stream is left as it was."""
    with seeded_construction(seed):
        return module(**params)


class FittedNet:
    """A trained module, its device, its answers, its state. It knows nothing of training.

    Parameters
    ----------
    module : type
        The torch module.
    module_params : dict
        Its keyword arguments, plain values.
    weights : dict of ndarray
        All its parameters and saved buffers.
    device : torch.device
        Where it answers.

    Attributes
    ----------
    module_ : torch.nn.Module
        In the precision of the weights.
    module_params_ : dict
        Its keyword arguments.
    device : torch.device
        Where it lies.
    """

    def __init__(
        self,
        module: type[torch.nn.Module],
        module_params: dict[str, Any],
        weights: Weights,
        device: torch.device,
    ) -> None:
        self.module_params_, self.device = module_params, device
        # whatever torch's default dtype is, answers are float32 unless weights say otherwise
        made = built(module, module_params, 0).float().to(device)
        if np.dtype(np.float64) in map(attrgetter("dtype"), weights.values()):
            made = made.to(torch_dtype(np.dtype(np.float64), device))
        if missing := set(made.state_dict()) - set(weights):
            raise ValueError(f"The saved weights lack {sorted(missing)}.")
        load_weights(made, weights)
        self.module_ = made.eval().requires_grad_(False)
        # by precision; only the first is saved, the others are made when they are asked for
        self._casts = {next(made.parameters()).dtype: self.module_}

    def run(self, verb: Verb, n_rows: int, encode: Encode, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Call a method of the module on rows, some thousands at a time.

        Parameters
        ----------
        verb : str or callable
            Name of a method of the module, or a function, that maps (n, p) to (n, q).
        n_rows : int
            Number of rows, at least one.
        encode : callable
            Gives the rows of a slice as a float array.
        dtype : dtype
            dtype of the answer, and where the device allows it of what leads there.

        Returns
        -------
        ndarray of shape (n_rows, q)
        """
        module = self.answering_module(dtype)
        method = getattr(module, verb) if isinstance(verb, str) else verb
        computed_in = torch_dtype(dtype, self.device)
        size = CHUNK_ROWS[computed_in]
        answer: NDArray[Any] | None = None
        with torch.inference_mode():
            for start in range(0, n_rows, size):
                rows = slice(start, min(start + size, n_rows))
                # torch shares memory, but neither that of strided nor that of read-only arrays
                part = np.require(encode(rows), requirements=["C", "W"])
                x = torch.from_numpy(part).to(self.device, computed_in)
                answered = method(x).cpu().numpy()
                if n_rows <= size:
                    return answered.astype(dtype, copy=False)
                if answer is None:
                    answer = np.empty((n_rows, *answered.shape[1:]), dtype)
                answer[rows] = answered
        if answer is None:
            raise ValueError("A net answers about at least one row.")
        return answer

    def answering_module(self, dtype: np.dtype[Any]) -> Any:
        """Return the module in the precision of an answer; each cast is made once."""
        wanted = torch_dtype(dtype, self.device)
        if wanted not in self._casts:
            self._casts[wanted] = deepcopy(self.module_).to(wanted)
        return self._casts[wanted]

    def generator(self, seed: int) -> torch.Generator:
        """Return a generator on the device of the net, for draws."""
        return torch.Generator(device=self.device).manual_seed(seed)

    def weights(self) -> Weights:
        """Copy the weights to the CPU as contiguous arrays."""
        return weights_of(self.module_)

    def update(self, weights: Weights) -> None:
        """Set weights by name."""
        load_weights(self.module_, weights)
        # the other precisions are made again, from what would be saved
        self._casts = {next(self.module_.parameters()).dtype: self.module_}

    def to_state(self) -> dict[str, Any]:
        """Describe the net in plain values and arrays, for saving."""
        return {
            "module_params": self.module_params_,
            "weights": self.weights(),
            "device": str(self.device),
        }

    @classmethod
    def from_state(cls, module: type[torch.nn.Module], state: dict[str, Any]) -> "FittedNet":
        """Rebuild the net; without its device, the CPU answers."""
        device = resolve_device(state["device"], missing_ok=True)
        # parameters that came after the release that saved the net
        earlier: dict[str, Any] = getattr(module, "EARLIER", {})
        return cls(module, {**earlier, **state["module_params"]}, state["weights"], device)
