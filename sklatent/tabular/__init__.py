"""Layer 1: rows of a table to a float matrix and back."""

from sklatent.tabular._cells import Cells
from sklatent.tabular._encoder import TabularEncoder
from sklatent.tabular._frames import FrameSchema, with_index_of
from sklatent.tabular._known import fill_missing, limits_of, obeying
from sklatent.tabular._like import rows_like
from sklatent.tabular._rows import MixedRows, Rows, check_rows

__all__ = [
    "Cells",
    "FrameSchema",
    "MixedRows",
    "Rows",
    "TabularEncoder",
    "check_rows",
    "fill_missing",
    "limits_of",
    "obeying",
    "rows_like",
    "with_index_of",
]
