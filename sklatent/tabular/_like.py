"""Rows in the container of other rows."""

from typing import Any

import numpy as np

from sklatent.tabular._frames import build_frame, frame_schema, is_frame


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
