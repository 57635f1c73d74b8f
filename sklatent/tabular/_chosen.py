"""Columns that a parameter names: a mask, positions or names."""

from __future__ import annotations

from typing import Any

import numpy as np


def names_any(features: Any) -> bool:
    """Tell whether a parameter names any column.

    Parameters
    ----------
    features : array-like of {bool, int, str} or None
        A mask, positions or names.

    Returns
    -------
    answer : bool
        False for None and for nothing.
    """
    if features is None:
        return False
    wanted = np.asarray(features)
    return bool(wanted.any() if wanted.dtype == bool else wanted.size)


def mask_of(features: Any, names: list[Any], parameter: str) -> np.ndarray:
    """Turn a mask, positions or names into a mask.

    Parameters
    ----------
    features : array-like of {bool, int, str} or None
        What the parameter holds.
    names : list
        Names of the columns.
    parameter : str
        Its name, for messages.

    Returns
    -------
    mask : ndarray of shape (n_columns,), dtype=bool
        All False for None.

    Raises
    ------
    ValueError
        If it names a column that is not there.
    """
    mask = np.zeros(len(names), dtype=bool)
    if not names_any(features):
        return mask
    wanted = np.asarray(features)
    if wanted.dtype == bool:
        if wanted.shape != mask.shape:
            raise ValueError(
                f"{parameter} set as a boolean mask should have shape (n_features,), got: "
                f"{wanted.shape}"
            )
        return wanted.copy()
    if wanted.dtype.kind in "iu":
        if wanted.min() < 0 or wanted.max() >= len(names):
            raise ValueError(
                f"{parameter} set as integer indices should be in [0, n_features - 1], "
                f"got {wanted.tolist()}"
            )
        mask[wanted] = True
        return mask
    unknown = [name for name in wanted.tolist() if name not in names]
    if unknown:
        raise ValueError(f"{parameter} has items {unknown!r} which are not columns of X: {names!r}")
    return np.isin(np.array(names, dtype=object), wanted.astype(object))
