"""Side tower on numpy: generated tables with known latent factors."""

from sklatent.datasets._factors import make_factor_table, make_shapes
from sklatent.datasets._mixed import make_mixed_table

__all__ = ["make_factor_table", "make_mixed_table", "make_shapes"]
