"""What the columns of an encoded matrix are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

BlockKind = Literal["numeric", "number", "text", "category", "constant"]


class Block(NamedTuple):
    """One block of columns of an encoded matrix; equal to the plain tuple of its fields."""

    kind: BlockKind
    """"numeric" for all columns of an affine table, else what a single column is: "text" is a
    number that stands, with others, for a free text, which is read and never written."""
    start: int
    """First column."""
    stop: int
    """One past the last column."""
    n_levels: int
    """Number of levels of a category or constant, else 0."""
    may_miss: bool
    """Whether cells were missing in ``fit``."""


def plain_blocks(blocks: Iterable[Block]) -> tuple[tuple[Any, ...], ...]:
    """Turn blocks into plain tuples, which saved states and parameters of modules hold.

    Parameters
    ----------
    blocks : iterable of Block
        Blocks of a table.

    Returns
    -------
    plain : tuple of (str, int, int, int, bool)
        The same, without a class of this package.
    """
    return tuple(tuple(block) for block in blocks)


def as_blocks(plain: Iterable[tuple[Any, ...]]) -> tuple[Block, ...]:
    """Turn plain tuples back into blocks.

    Parameters
    ----------
    plain : iterable of (str, int, int, int, bool)
        What :func:`plain_blocks` gave.

    Returns
    -------
    blocks : tuple of Block
        The same with names.
    """
    return tuple(Block(*one) for one in plain)
