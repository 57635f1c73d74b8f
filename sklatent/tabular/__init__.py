"""Layer 1: rows of a table to a float matrix and back."""

from sklatent.tabular._encoder import TabularEncoder
from sklatent.tabular._frames import FrameSchema, with_index_of
from sklatent.tabular._rows import MixedRows, Rows, check_rows

__all__ = ["FrameSchema", "MixedRows", "Rows", "TabularEncoder", "check_rows", "with_index_of"]
