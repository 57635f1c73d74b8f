"""Paths between codes, and the rows along them."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from sklatent._utils._params import Integral, Interval, StrOptions, validate_params
from sklatent._utils.latent import as_rows, check_latent_model, check_width, decode, encode
from sklatent.geometry._density import DensityGraph
from sklatent.tabular import rows_like

Array = NDArray[np.float64]
Method = Literal["linear", "spherical", "density"]

_METHODS = StrOptions({"linear", "spherical", "density"})
_STEPS = Interval(Integral, 2, None, closed="left")
# Shorter than this share of the longer end, an end has no direction of its own.
_TINY = 1e-12


@validate_params(
    {
        "a": ["array-like"],
        "b": ["array-like"],
        "n_steps": [_STEPS],
        "method": [_METHODS],
        "codes": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def latent_path(
    a: Any, b: Any, n_steps: int = 10, *, method: Method = "linear", codes: Any = None
) -> Array:
    """Lead from codes to codes.

    Parameters
    ----------
    a, b : array-like of shape (n_paths, n_components) or (n_components,)
        The ends. One end may be a single code that all paths share.
    n_steps : int, default=10
        Codes on each path, both ends included; at least 2.
    method : {"linear", "spherical", "density"}, default="linear"
        "linear" goes straight. "spherical" moves around the origin at constant speed, while the
        norm goes linearly from that of ``a`` to that of ``b`` [1]_. "density" follows the
        neighbourhoods of ``codes`` where the straight line would leave them: the cheapest way
        through a graph of neighbours in which a step costs its squared length [2]_, smoothed.
    codes : array-like of shape (n_samples, n_components), default=None
        Codes of rows, for "density"; more than 2,000 are subsampled.

    Returns
    -------
    ndarray of shape (n_paths, n_steps, n_components), dtype=float64
        The codes on the paths. The first and the last ones are ``a`` and ``b`` exactly.

    Raises
    ------
    ValueError
        If the ends do not match, ``n_steps`` is less than 2, or ``codes`` are missing.

    References
    ----------
    .. [1] White, "Sampling Generative Networks", arXiv:1609.04468, 2016.
    .. [2] Hwang, Damelin and Hero, "Shortest path through random points", Annals of Applied
       Probability, 2016.

    Examples
    --------
    >>> from sklatent.geometry import latent_path
    >>> latent_path([0.0, 0.0], [2.0, 4.0], 3)
    array([[[0., 0.],
            [1., 2.],
            [2., 4.]]])
    """
    start, end = (check_array(z, dtype=np.float64, input_name="Z", ensure_2d=False) for z in (a, b))
    start, end = (z[None] if z.ndim == 1 else z for z in (start, end))
    if start.shape[1] != end.shape[1] or 1 not in {len(start), len(end), len(start) / len(end)}:
        raise ValueError(
            f"The ends of the paths do not match: a has shape {start.shape}, b {end.shape}."
        )
    start, end = np.broadcast_arrays(start, end)
    t = np.linspace(0.0, 1.0, n_steps)[None, :, None]
    if method == "density":
        path = _dense(start, end, n_steps, codes)
    elif method == "spherical" and start.shape[1] > 1:
        # squares of huge and of tiny numbers are not numbers; powers of two keep every digit
        unit = _unit(np.stack([start, end]))
        path = unit * _spherical(start / unit, end / unit, t)
    else:
        path = (1.0 - t) * start[:, None] + t * end[:, None]
    path[:, 0], path[:, -1] = start, end
    return path


def _dense(start: Array, end: Array, n_steps: int, codes: Any) -> Array:
    if codes is None:
        raise ValueError(
            "method='density' follows rows: give them, X= to interpolate and codes= to latent_path."
        )
    codes = check_array(codes, dtype=np.float64, input_name="codes", ensure_min_samples=2)
    if codes.shape[1] != start.shape[1]:
        raise ValueError(
            f"codes has {codes.shape[1]} features, but the ends have {start.shape[1]}."
        )
    apart = codes - codes[0]
    unit = _unit(apart if apart.any() else np.stack([start, end]))
    graph = DensityGraph.of(codes / unit)
    pairs = zip(start / unit, end / unit, strict=True)
    return unit * np.stack([graph.path(*pair, n_steps) for pair in pairs])


def _unit(numbers: Array) -> float:
    """Find the power of two below the largest of the numbers."""
    largest = float(np.abs(numbers).max())
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1)) if largest else 1.0


def _spherical(start: Array, end: Array, t: Array) -> Array:
    norms = np.linalg.norm(np.stack([start, end]), axis=2)
    floor = _TINY * norms.max(0)
    # from the origin, which has no direction, the way is that of the other end
    units = [
        np.where((norm > floor)[:, None], z, other) for z, other, norm in
        ((start, end, norms[0]), (end, start, norms[1]))
    ]  # fmt: skip
    u, v = (z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-300) for z in units)
    # half-angle form: exact for nearly equal and for nearly opposite directions
    angle = 2 * np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1))
    across = v - (u * v).sum(1, keepdims=True) * u
    size = np.linalg.norm(across, axis=1)
    # opposite directions have many ways around: by the axis on which the start has least
    axis = np.eye(u.shape[1])[np.abs(u).argmin(1)]
    across = np.where((size > 1e-8)[:, None], across, axis - (axis * u).sum(1, keepdims=True) * u)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
    turn = t * angle[:, None, None]
    norm = (1.0 - t) * norms[0][:, None, None] + t * norms[1][:, None, None]
    path: Array = (norm * np.cos(turn)) * u[:, None] + (norm * np.sin(turn)) * across[:, None]
    return path


@validate_params(
    {
        "model": "no_validation",
        "a": ["array-like"],
        "b": ["array-like"],
        "n_steps": [_STEPS],
        "method": [_METHODS],
        "space": [StrOptions({"data", "latent"})],
        "X": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def interpolate(
    model: Any,
    a: Any,
    b: Any,
    n_steps: int = 10,
    *,
    method: Method = "linear",
    space: Literal["data", "latent"] = "data",
    X: Any = None,
) -> Any:
    """Walk through the latent space from rows to rows.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    a, b : array-like or DataFrame of shape (n_paths, n_features)
        The ends; a plain vector is one row. One end may be a single row that all paths share.
    n_steps : int, default=10
        Rows on each path, both ends included; at least 2.
    method : {"linear", "spherical", "density"}, default="linear"
        How the path runs between the codes, see :func:`latent_path`.
    space : {"data", "latent"}, default="data"
        Whether ``a`` and ``b`` are rows or codes.
    X : array-like or DataFrame of shape (n_samples, n_features), default=None
        Rows that paths should stay close to; for ``method="density"``.

    Returns
    -------
    rows : array or DataFrame of shape (n_paths * n_steps, n_features)
        Decoded rows, one path after the other, in the container of ``a`` (with ``space="latent"``
        in that of ``inverse_transform``). Each path starts and ends with the reconstructions of
        its ends.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.
    ValueError
        If the ends do not match each other or the model, ``n_steps`` is less than 2, or ``X`` is
        missing.

    See Also
    --------
    latent_path : The codes alone.
    sklatent.plotting.InterpolationDisplay : Draws a path.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.geometry import interpolate
    >>> X = load_digits().data
    >>> interpolate(PCA(10).fit(X), X[0], X[1], n_steps=5).shape
    (5, 64)
    """
    check_latent_model(model)
    rows = as_rows(a)
    if space == "data":
        a, b = encode(model, rows), encode(model, as_rows(b))
    else:
        check_width(model, np.shape(as_rows(a))[-1])
    codes = None if X is None or method != "density" else encode(model, X)
    path = latent_path(a, b, n_steps, method=method, codes=codes)
    dtype = np.float32 if getattr(a, "dtype", None) == np.float32 else np.float64
    decoded = decode(model, path.reshape(-1, path.shape[2]).astype(dtype, copy=False))
    return rows_like(decoded, rows) if space == "data" else decoded
