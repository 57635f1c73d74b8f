"""Layer 1: rows of a table to a float matrix and back."""

from sklatent.tabular._affine import AffineTable
from sklatent.tabular._blocks import Block, as_blocks, plain_blocks
from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column, decimals_of
from sklatent.tabular._containers import check_container
from sklatent.tabular._dates import find_format, stamps
from sklatent.tabular._encoder import TabularEncoder
from sklatent.tabular._extremes import sample_inside
from sklatent.tabular._filling import fill_missing
from sklatent.tabular._frames import FrameSchema, as_table, is_frame, open_frame, with_index_of
from sklatent.tabular._gaussian import GaussianFill, patterns
from sklatent.tabular._known import Limit, as_lists, limits_of, moved, obeying
from sklatent.tabular._like import floats_like, rows_like
from sklatent.tabular._native import number_stores
from sklatent.tabular._quantile import QuantileTable
from sklatent.tabular._rows import MixedRows, Rows, check_rows
from sklatent.tabular._table import AnyRows, Table
from sklatent.tabular._times import zone_of

__all__ = [
    "AffineTable",
    "AnyRows",
    "Block",
    "Cells",
    "Column",
    "FrameSchema",
    "GaussianFill",
    "Limit",
    "MixedRows",
    "QuantileTable",
    "Rows",
    "Table",
    "TabularEncoder",
    "as_blocks",
    "as_lists",
    "as_table",
    "check_container",
    "check_rows",
    "decimals_of",
    "fill_missing",
    "find_format",
    "floats_like",
    "is_frame",
    "limits_of",
    "moved",
    "number_stores",
    "obeying",
    "open_frame",
    "patterns",
    "plain_blocks",
    "rows_like",
    "sample_inside",
    "stamps",
    "with_index_of",
    "zone_of",
]
