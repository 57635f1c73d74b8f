"""Side tower on numpy: generated tables with known latent factors."""

from sklatent.datasets._mixed import make_mixed_table

__all__ = ["make_mixed_table"]
