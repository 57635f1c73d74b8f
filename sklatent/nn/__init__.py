"""Torch building blocks: layers, likelihood heads and losses as pure functions."""

from sklatent.nn._cells import (
    CELL_WIDTH,
    Belief,
    CellEmbedding,
    ColumnHeads,
    Columns,
    FactorGuide,
    Guess,
    columns_of,
    draw_levels,
)
from sklatent.nn._layers import (
    ACTIVATIONS,
    LOG_2PI,
    REACH_MARGIN,
    ResidualMap,
    energy_distance,
    gaussian_kl,
    mlp,
    squared_error,
)
from sklatent.nn._mixtures import (
    draw_mixture,
    draw_truncated,
    gaussian_log_prob,
    log_mass_between,
    mixture_log_prob,
    mixture_parts,
)

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
    "draw_levels",
    "draw_mixture",
    "draw_truncated",
    "energy_distance",
    "gaussian_kl",
    "gaussian_log_prob",
    "log_mass_between",
    "mixture_log_prob",
    "mixture_parts",
    "mlp",
    "squared_error",
]
