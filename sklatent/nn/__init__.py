"""Torch building blocks: layers, likelihood heads and losses as pure functions."""

from sklatent.nn._cells import (
    CELL_WIDTH,
    CellEmbedding,
    ColumnHeads,
    gaussian_log_prob,
    mixture_log_prob,
    mixture_parts,
)
from sklatent.nn._columns import Columns, columns_of
from sklatent.nn._guide import Belief, FactorGuide, Guess
from sklatent.nn._layers import ACTIVATIONS, REACH_MARGIN, ResidualMap, mlp
from sklatent.nn._losses import LOG_2PI, gaussian_kl, squared_error

__all__ = [
    "ACTIVATIONS",
    "CELL_WIDTH",
    "LOG_2PI",
    "REACH_MARGIN",
    "Belief",
    "CellEmbedding",
    "ColumnHeads",
    "Columns",
    "FactorGuide",
    "Guess",
    "ResidualMap",
    "columns_of",
    "gaussian_kl",
    "gaussian_log_prob",
    "mixture_log_prob",
    "mixture_parts",
    "mlp",
    "squared_error",
]
