"""Layer 1: rows of a table to a float matrix and back."""

from sklatent.tabular._affine import AffineTable
from sklatent.tabular._blocks import Block, as_blocks, plain_blocks
from sklatent.tabular._cells import Cells
from sklatent.tabular._containers import check_container
from sklatent.tabular._dates import find_format, stamps
from sklatent.tabular._encoder import TabularEncoder
from sklatent.tabular._extremes import sample_inside
from sklatent.tabular._filling import fill_missing
from sklatent.tabular._frames import FrameSchema, as_table, is_frame, open_frame, with_index_of
from sklatent.tabular._gaussian import GaussianFill, patterns
from sklatent.tabular._known import Limit, limits_of, obeying
from sklatent.tabular._like import rows_like
from sklatent.tabular._quantile import QuantileTable
from sklatent.tabular._rows import MixedRows, Rows, check_rows
from sklatent.tabular._table import AnyRows, Table

__all__ = [
    "AffineTable",
    "AnyRows",
    "Block",
    "Cells",
    "FrameSchema",
    "GaussianFill",
    "Limit",
    "MixedRows",
    "QuantileTable",
    "Rows",
    "Table",
    "TabularEncoder",
    "as_blocks",
    "as_table",
    "check_container",
    "check_rows",
    "fill_missing",
    "find_format",
    "is_frame",
    "limits_of",
    "obeying",
    "open_frame",
    "patterns",
    "plain_blocks",
    "rows_like",
    "sample_inside",
    "stamps",
    "with_index_of",
]
