"""Torch building blocks: layers, likelihood heads and losses as pure functions."""

from sklatent.nn._layers import ACTIVATIONS, REACH_MARGIN, ResidualMap, mlp
from sklatent.nn._losses import gaussian_kl, squared_error

__all__ = ["ACTIVATIONS", "REACH_MARGIN", "ResidualMap", "gaussian_kl", "mlp", "squared_error"]
