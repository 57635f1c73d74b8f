"""Layers shared by the latent models."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def mlp(n_in: int, hidden: Sequence[int], n_out: int, activation: str) -> nn.Sequential:
    """Multi-layer perceptron with a linear last layer that starts at zero.

    A zero last layer makes the network the zero function at the first step, so that whatever it
    is added to starts unchanged.
    """
    widths = [n_in, *hidden]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    last = nn.Linear(widths[-1], n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


class ResidualMap(nn.Module):
    """``y = linear(x) + residual_scale * mlp(asinh(x))``.

    The linear part carries what principal component analysis knows, the network what bends. The
    inputs of the network pass through asinh, which is linear near zero and logarithmic in the
    tails: one outlying cell cannot saturate the hidden layer. Without hidden layers the map is
    linear.

    Parameters
    ----------
    n_in, n_out : int
        Width of the input and of the output.
    hidden : sequence of int
        Widths of the hidden layers.
    activation : str
        A key of ``ACTIVATIONS``.
    n_extra : int
        Further outputs of the network without a linear part (a second head on the same trunk).
    """

    residual_scale: Tensor

    def __init__(
        self, n_in: int, hidden: Sequence[int], n_out: int, *, activation: str, n_extra: int
    ) -> None:
        super().__init__()
        self.n_out = n_out
        self.linear = nn.Linear(n_in, n_out)
        self.network = mlp(n_in, hidden, n_out + n_extra, activation) if hidden else None
        self.register_buffer("residual_scale", torch.ones(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map rows of shape (n, n_in) to (n, n_out)."""
        return self.both(x)[0]

    def both(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the map and the extra outputs of shape (n, n_extra)."""
        linear: Tensor = self.linear(x)
        if self.network is None:
            return linear, None
        bent = self.network(torch.asinh(x))
        extra = bent[:, self.n_out :] if bent.shape[1] > self.n_out else None
        # addcmul: one pass over the output instead of two
        return torch.addcmul(linear, bent[:, : self.n_out], self.residual_scale), extra
