"""Layers shared by the latent models, and losses as pure functions: one value per row."""

import math
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
LOG_2PI = math.log(2 * math.pi)
# How far beyond the farthest training row a map is trusted.
REACH_MARGIN = 1.25


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
    """``y = linear(x) + residual_scale * mlp(asinh(x))``, and far out a linear map again.

    The linear part carries what principal component analysis knows, the network what bends. The
    inputs of the network pass through asinh, which is linear near zero and logarithmic in the
    tails: one outlying cell cannot saturate the hidden layer. Without hidden layers the map is
    linear.

    Beyond ``reach``, where no row was seen in training, answers fade to the linear map ``anchor``,
    which is all there is at twice the reach: a network says nothing about such rows, and a slope
    that has moved a little is far off at the end of a long way. The reach is infinite unless it
    is set.

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
    reach: Tensor
    anchor_weight: Tensor
    anchor_bias: Tensor

    def __init__(
        self, n_in: int, hidden: Sequence[int], n_out: int, *, activation: str, n_extra: int
    ) -> None:
        super().__init__()
        self.n_out = n_out
        self.linear = nn.Linear(n_in, n_out)
        self.network = mlp(n_in, hidden, n_out + n_extra, activation) if hidden else None
        self.register_buffer("residual_scale", torch.ones(n_out))
        self.register_buffer("reach", torch.full((1,), torch.inf))
        self.register_buffer("anchor_weight", torch.zeros(n_out, n_in))
        self.register_buffer("anchor_bias", torch.zeros(n_out))

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
        y = torch.addcmul(linear, bent[:, : self.n_out], self.residual_scale)
        return (y, extra) if self.training else self._faded(x, y, extra)

    def _faded(self, x: Tensor, y: Tensor, extra: Tensor | None) -> tuple[Tensor, Tensor | None]:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        within = norm <= self.reach
        if bool(within.all()):
            return y, extra
        share = torch.where(within, 1.0, (2.0 - norm / self.reach).clamp(0.0, 1.0))
        anchor = nn.functional.linear(x, self.anchor_weight, self.anchor_bias)
        # chosen, not mixed, where the share is zero: squares of the other may overflow
        y = torch.where(share > 0, torch.lerp(anchor, y, share), anchor)
        return y, None if extra is None else extra * share

    @torch.no_grad()
    def widen_reach(self, x: Tensor) -> None:
        """Let the reach cover rows (n, n_in) that the map is trained on."""
        norm = REACH_MARGIN * torch.linalg.vector_norm(x, dim=-1).max()
        torch.maximum(self.reach, norm, out=self.reach)


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Squared error of each row, summed over the columns: shape (n,)."""
    return torch.sum((x_hat - x) ** 2, dim=-1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), per element, in nats.

    Kingma and Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
    """
    return 0.5 * (mean**2 + torch.exp(log_variance) - 1.0 - log_variance)


def energy_distance(x: Tensor, y: Tensor) -> Tensor:
    """Energy distance between two samples of rows (n, p) and (m, p): a number, 0 in the limit.

    Szekely and Rizzo, "Energy statistics: A class of statistics based on distances", 2013.
    """
    within_x = torch.cdist(x, x).sum() / max(1, len(x) * (len(x) - 1))
    within_y = torch.cdist(y, y).sum() / max(1, len(y) * (len(y) - 1))
    return 2.0 * torch.cdist(x, y).mean() - within_x - within_y
