"""Rows changed by moving their codes, and rows that lie near others."""

from numbers import Integral as IntegralNumber
from numbers import Real as RealNumber
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array

from sklatent._utils._params import Integral, Interval, Real, validate_params
from sklatent._utils.latent import (
    Codes,
    as_rows,
    check_latent_model,
    decode,
    encode,
    find_component,
)
from sklatent.geometry._directions import AttributeDirection
from sklatent.metrics._reconstruction import column_shifts
from sklatent.tabular import rows_like

Array = NDArray[np.float64]


@validate_params(
    {
        "model": "no_validation",
        "row": ["array-like"],
        "component": [Integral, str],
        "values": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "X": ["array-like", None],
        "quantiles": [tuple],
    },
    prefer_skip_nested_validation=True,
)
def traverse(
    model: Any,
    row: Any,
    component: int | str,
    values: Any = 7,
    *,
    X: Any = None,
    quantiles: tuple[float, float] = (0.01, 0.99),
) -> Any:
    """Change one latent component and hold the others: a latent traversal.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    row : array-like or DataFrame of shape (1, n_features)
        The row to start from; a plain vector is one row.
    component : int or str
        Position of the latent component, or its name in ``get_feature_names_out``.
    values : int or array-like of shape (n_values,), default=7
        The values that the component takes; or how many, at equal distances between two quantiles
        of the codes of ``X``.
    X : array-like or DataFrame of shape (n_samples, n_features), default=None
        Rows that give the range, if ``values`` is a number.
    quantiles : (float, float), default=(0.01, 0.99)
        The ends of that range.

    Returns
    -------
    rows : array or DataFrame of shape (n_values, n_features)
        Decoded rows in the container of ``row``.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.
    ValueError
        If there is no such component, more than one row, or no range, or if ``quantiles`` are not
        two numbers between 0 and 1.

    See Also
    --------
    sklatent.plotting.TraversalDisplay : Draws traversals.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.geometry import traverse
    >>> X = load_wine().data
    >>> traverse(PCA(2).fit(X), X[0], "pca1", [-10, 0, 10]).shape
    (3, 13)
    """
    check_latent_model(model)
    if len(quantiles) != 2 or not all(isinstance(q, RealNumber) and 0 <= q <= 1 for q in quantiles):
        raise ValueError(f"quantiles must be two numbers between 0 and 1, got {quantiles}.")
    row = as_rows(row)
    code = encode(model, row)
    if len(code) != 1:
        raise ValueError(f"traverse starts from one row, got {len(code)}.")
    place = find_component(model, component, code.shape[1])
    if isinstance(values, IntegralNumber):
        if X is None:
            raise ValueError(
                f"values={values} asks for a range: give rows to take it from (X=), or the values "
                "themselves."
            )
        low, high = np.quantile(encode(model, X)[:, place].astype(np.float64), quantiles)
        values = np.linspace(low, high, int(values))
    values = check_array(values, ensure_2d=False, input_name="values", dtype=np.float64)
    if np.ndim(values) != 1:
        raise ValueError(f"values must be one-dimensional, got shape {np.shape(values)}.")
    codes = np.repeat(code, len(values), axis=0)
    codes[:, place] = values
    return rows_like(decode(model, codes), row)


@validate_params(
    {
        "model": "no_validation",
        "X": ["array-like"],
        "direction": [AttributeDirection, "array-like"],
        "strength": [Interval(Real, None, None, closed="neither")],
        "return_moved": ["boolean"],
        "reference": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def edit(
    model: Any,
    X: Any,
    direction: Any,
    strength: float = 1.0,
    *,
    return_moved: bool = False,
    reference: Any = None,
) -> Any:
    """Move rows along a direction of the latent space.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows; a plain vector is one row.
    direction : AttributeDirection or array-like of shape (n_components,)
        Where to. Strength 1 is the gap of an :class:`AttributeDirection`, and the vector itself
        where an array is given.
    strength : float, default=1.0
        How far, negative for the other way. 0 gives the reconstructions of the rows.
    return_moved : bool, default=False
        Whether to say what moved.
    reference : array-like or DataFrame of shape (n_others, n_features), default=None
        Rows whose standard deviations ``moved`` counts in, by default ``X`` itself. Give the table
        where ``X`` is a single row, or rows of one class.

    Returns
    -------
    rows : array or DataFrame of shape (n_samples, n_features)
        Decoded rows in the container of ``X``.
    moved : dict of object to float
        How far each column moved against the reconstructions of the rows: the mean size of the
        change of a number, in standard deviations, with the sign of the mean change; the share of
        rows whose category changed. A column that does not vary in ``reference``, as in a single
        row, counts in its own units. Only if ``return_moved`` is True.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.
    ValueError
        If the direction has another width than the codes, or length 0.

    Notes
    -----
    A column that moves along is no error of the model where the attribute goes with it in the
    rows: see :func:`attribute_direction` on how to hold others.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.geometry import attribute_direction, edit
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = PCA(3).fit(X)
    >>> towards = attribute_direction(model.transform(X), y, positive=2)
    >>> edited, moved = edit(model, X[:50], towards, return_moved=True, reference=X)
    >>> max(moved, key=moved.get)
    'petal width (cm)'
    """
    check_latent_model(model)
    X = as_rows(X)
    codes = encode(model, X)
    step = direction.step if isinstance(direction, AttributeDirection) else direction
    step = check_array(step, ensure_2d=False, dtype=np.float64, input_name="direction")
    if step.shape != (codes.shape[1],):
        raise ValueError(
            f"direction has shape {step.shape}, but the codes have {codes.shape[1]} components."
        )
    if not step.any():
        raise ValueError("direction has length 0: it leads nowhere.")
    edited = decode(model, (codes + strength * step).astype(codes.dtype))
    rows = rows_like(edited, X)
    if not return_moved:
        return rows
    scale = X if reference is None else as_rows(reference)
    return rows, column_shifts(decode(model, codes), edited, scale=scale)


@validate_params(
    {"model": "no_validation", "X": ["array-like"], "weights": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def blend(model: Any, X: Any, weights: Any = None) -> Any:
    """Decode weighted sums of codes: mixtures of rows, and latent arithmetic.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The rows to blend.
    weights : array-like of shape (n_samples,) or (n_blends, n_samples), default=None
        Weights of the rows in each blend, as they are: ``[1, -1, 1]`` takes from the first row
        what distinguishes the second from the third. By default equal weights with the sum 1.

    Returns
    -------
    rows : array or DataFrame of shape (n_blends, n_features)
        Decoded rows in the container of ``X``.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.
    ValueError
        If there are not as many weights as rows.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.geometry import blend
    >>> X = load_digits().data
    >>> blend(PCA(10).fit(X), X[:3], [[0.5, 0.5, 0.0], [1, -1, 1]]).shape
    (2, 64)
    """
    check_latent_model(model)
    X = as_rows(X)
    codes = encode(model, X)
    if weights is None:
        weights = np.full(len(codes), 1.0 / len(codes))
    weights = check_array(weights, dtype=np.float64, input_name="weights", ensure_2d=False)
    weights = weights[None] if weights.ndim == 1 else weights
    if weights.shape[1] != len(codes):
        raise ValueError(
            f"weights has {weights.shape[1]} columns, but there are {len(codes)} rows."
        )
    return rows_like(decode(model, (weights @ codes).astype(codes.dtype)), X)


@validate_params(
    {
        "model": "no_validation",
        "X": ["array-like"],
        "rows": ["array-like"],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def nearest(model: Any, X: Any, rows: Any, n_neighbors: int = 5) -> tuple[Array, NDArray[np.intp]]:
    """Find the rows of a table whose codes are nearest to those of others.

    Parameters
    ----------
    model : transformer
        Fitted, with ``transform`` and ``inverse_transform``.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The table to look in.
    rows : array-like or DataFrame of shape (n_queries, n_features)
        The rows whose neighbours are wanted; a plain vector is one row.
    n_neighbors : int, default=5
        How many, at most ``n_samples``.

    Returns
    -------
    distances : ndarray of shape (n_queries, n_neighbors), dtype=float64
        Euclidean distances of the codes, nearest first.
    indices : ndarray of shape (n_queries, n_neighbors)
        Positions in ``X``. A row that is in ``X`` itself is its own nearest neighbour.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.
    ValueError
        If ``n_neighbors`` is more than there are rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.geometry import nearest
    >>> X = load_iris().data
    >>> nearest(PCA(2).fit(X), X, X[7], n_neighbors=3)[1][0, 0]
    np.int64(7)
    """
    check_latent_model(model)
    codes: list[Codes] = [encode(model, as_rows(part)) for part in (X, rows)]
    table, queries = (part.astype(np.float64, copy=False) for part in codes)
    distances, indices = NearestNeighbors(n_neighbors=n_neighbors).fit(table).kneighbors(queries)
    return distances, indices
