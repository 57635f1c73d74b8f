"""Rows and numbers about cells in the container of other rows."""

from typing import Any

import numpy as np

from sklatent.tabular._frames import FrameSchema, build_frame, frame_schema, is_frame, with_index_of


def rows_like(rows: Any, X: Any) -> Any:
    """Put an array of rows into a frame like that of other rows.

    Parameters
    ----------
    rows : array or DataFrame of shape (n_samples, n_features)
        What ``inverse_transform`` gave. A frame stays as it is.
    X : array-like or DataFrame of shape (n_others, n_features)
        Rows whose container is wanted.

    Returns
    -------
    array or DataFrame of shape (n_samples, n_features)
        A frame of the library, names and dtypes of ``X`` where that is a frame of numbers with
        as many columns: booleans are the values from 0.5 up, integers are rounded.
    """
    if not is_frame(X) or is_frame(rows):
        return rows
    schema = frame_schema(X)
    values = np.asarray(rows)
    if len(schema.names) != values.shape[1] or not all(schema.kinds):
        return values
    return build_frame(values, schema)


def floats_like(values: np.ndarray, X: Any) -> Any:
    """Put a number for each cell of rows into a frame like theirs.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features), dtype=float64
        The numbers.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows.

    Returns
    -------
    array or DataFrame of shape (n_samples, n_features)
        A frame of the library, names and index of ``X`` where that is a frame, all of whose
        columns hold floats.
    """
    if not is_frame(X):
        return values
    schema, kinds = frame_schema(X), ["float64"] * values.shape[1]
    frame = build_frame(values, FrameSchema(schema.backend, schema.names, kinds, kinds))
    return with_index_of(frame, X)
