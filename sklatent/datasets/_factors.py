"""Generated tables and images of independent factors that are known."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, Real, StrOptions, validate_params

_Float = NDArray[np.float64]

# Steep enough that tanh bends, and above 0.9 of its bound in about a quarter of the cells only.
_N_UNITS = 40
_BENT_SLOPE = 2.25
_SPARSE_SLOPE = 1.5
_SHIFT = 0.5
# Factors of an image, places and sides as shares of its own: the square stays inside.
_PLACE = (0.25, 0.75)
_SIDE = (3 / 16, 7 / 16)
_BRIGHTNESS = (0.4, 1.0)

_COUNT = Interval(Integral, 1, None, closed="left")
_AT_LEAST_ZERO = Interval(Real, 0, None, closed="left")


@validate_params(
    {
        "n_samples": [_COUNT],
        "n_factors": [_COUNT],
        "n_features": [_COUNT],
        "mixing": [StrOptions({"linear", "bent", "sparse"})],
        "noise": [_AT_LEAST_ZERO],
        "distribution": [StrOptions({"uniform", "normal"})],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_factor_table(
    n_samples: int = 1000,
    *,
    n_factors: int = 5,
    n_features: int = 30,
    mixing: Literal["linear", "bent", "sparse"] = "bent",
    noise: float = 0.05,
    distribution: Literal["uniform", "normal"] = "uniform",
    random_state: int | np.random.RandomState | None = None,
) -> tuple[_Float, _Float]:
    """Generate a table of numbers from a few independent factors.

    For methods that should find the factors behind a table:
    :func:`sklatent.metrics.mig_score` and :func:`sklatent.metrics.dci_score` compare codes with
    the factors returned here.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_factors : int, default=5
        Number of factors.
    n_features : int, default=30
        Number of columns, at least `n_factors`.
    mixing : {"linear", "bent", "sparse"}, default="bent"
        How factors become columns.

        - "linear": each column is a weighted sum of all factors, with normal weights.
        - "bent": 40 hidden units, each the tanh of a weighted sum of all factors and a shift;
          each column is a weighted sum of all units.
        - "sparse": column `j` is the tanh of a weighted factor and a shift. Its factor is number
          ``j % n_factors``; about every other column reads a further one drawn at random.
    noise : float, default=0.05
        Standard deviation of the noise added to each cell. Without it, each column has mean 0
        and standard deviation 1 over the rows.
    distribution : {"uniform", "normal"}, default="uniform"
        Distribution of the factors, all with the same one: uniform between -1 and 1, or normal
        with mean 0 and the same variance of a third. From a linear mixture normal factors
        cannot be told from any rotation of them, whatever the method.
    random_state : int, RandomState instance or None, default=None
        Determines the mixture as well as the rows. Pass an int for reproducible ones. For fresh
        rows of the same mixture, draw all rows in one call and split them.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The table, in float64.
    factors : ndarray of shape (n_samples, n_factors)
        The factors, in float64.

    Raises
    ------
    ValueError
        If `n_features` is less than `n_factors`.

    See Also
    --------
    make_shapes : Images with known factors.
    make_mixed_table : Categories, dates and missing cells over known factors.

    References
    ----------
    .. [1] Hyvarinen, Karhunen and Oja, "Independent Component Analysis", Wiley, 2001.

    Examples
    --------
    >>> from sklatent.datasets import make_factor_table
    >>> X, factors = make_factor_table(200, n_factors=3, n_features=8, random_state=0)
    >>> X.shape, factors.shape
    ((200, 8), (200, 3))
    """
    if n_features < n_factors:
        raise ValueError(
            f"A table of n_factors={n_factors} needs as many columns at least, got "
            f"n_features={n_features}: raise n_features or lower n_factors."
        )
    rng = check_random_state(random_state)
    if distribution == "uniform":
        factors = rng.uniform(-1.0, 1.0, (n_samples, n_factors))
    else:
        factors = rng.standard_normal((n_samples, n_factors)) / 3**0.5
    X = {"linear": _linear, "bent": _bent, "sparse": _sparse}[mixing](factors, n_features, rng)
    X = X - X.mean(0)
    spread = X.std(0)
    X /= np.where(spread > 0, spread, 1.0)  # one row has no spread
    X += noise * rng.standard_normal(X.shape)
    return X, factors


def _linear(factors: _Float, n_features: int, rng: np.random.RandomState) -> _Float:
    return np.asarray(factors @ rng.standard_normal((factors.shape[1], n_features)))


def _bent(factors: _Float, n_features: int, rng: np.random.RandomState) -> _Float:
    k = factors.shape[1]
    # the root keeps the spread of what a unit reads the same for any number of factors
    slopes = _BENT_SLOPE * rng.standard_normal((k, _N_UNITS)) / k**0.5
    units = np.tanh(factors @ slopes + _SHIFT * rng.standard_normal(_N_UNITS))
    return np.asarray(units @ rng.standard_normal((_N_UNITS, n_features)))


def _sparse(factors: _Float, n_features: int, rng: np.random.RandomState) -> _Float:
    k = factors.shape[1]
    columns = np.arange(n_features)
    slopes = np.zeros((k, n_features))
    second = np.flatnonzero(rng.uniform(size=n_features) < 0.5)
    slopes[rng.randint(k, size=len(second)), second] = rng.standard_normal(len(second))
    # written afterwards: a column that drew its own factor again reads that one alone
    slopes[columns % k, columns] = rng.standard_normal(n_features)
    shifts = _SHIFT * rng.standard_normal(n_features)
    return np.asarray(np.tanh(_SPARSE_SLOPE * factors @ slopes + shifts))


@validate_params(
    {
        "n_samples": [_COUNT],
        "size": [Interval(Integral, 6, None, closed="left")],
        "noise": [_AT_LEAST_ZERO],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_shapes(
    n_samples: int = 1000,
    *,
    size: int = 16,
    noise: float = 0.02,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[_Float, _Float]:
    """Generate images of a bright square, whose place, side and brightness are known.

    The smallest case in which factors act on many columns in turn: moving the square lights
    other pixels. No weighted sum of pixels finds its place, whatever its side and brightness.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images.
    size : int, default=16
        Height and width in pixels, at least 6.
    noise : float, default=0.02
        Standard deviation of the noise added to each pixel.
    random_state : int, RandomState instance or None, default=None
        Determines the images. Pass an int for reproducible ones.

    Returns
    -------
    X : ndarray of shape (n_samples, size * size)
        The images row by row, in float64: 0 is dark and 1 bright, before the noise. A pixel that
        the square covers in part has this share of its brightness.
    factors : ndarray of shape (n_samples, 4)
        In float64 and independent, each uniform. In pixels: column and row of the square's
        centre (0 is the left or upper edge of the image, ``size`` the other one), between a
        quarter and three quarters of ``size``; its side, between 3/16 and 7/16 of ``size``. Its
        brightness, between 0.4 and 1.

    See Also
    --------
    make_factor_table : Tables of numbers with known factors.

    Examples
    --------
    >>> from sklatent.datasets import make_shapes
    >>> X, factors = make_shapes(100, random_state=0)
    >>> X.shape, factors.shape
    ((100, 256), (100, 4))
    """
    rng = check_random_state(random_state)
    share = rng.uniform(size=(n_samples, 4))
    bounds = np.array([_PLACE, _PLACE, _SIDE, _BRIGHTNESS]) * [[size], [size], [size], [1]]
    factors = bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * share
    x, y, side, brightness = factors.T
    images = brightness[:, None, None] * _cover(y, side, size)[:, :, None]
    images = images * _cover(x, side, size)[:, None, :]
    X = images.reshape(n_samples, -1)
    X += noise * rng.standard_normal(X.shape)
    return X, factors


def _cover(centre: _Float, side: _Float, size: int) -> _Float:
    """Share of each pixel, (n_samples, size), that a stretch around the centre covers."""
    left = np.arange(size)
    first = np.maximum(left, (centre - side / 2)[:, None])
    last = np.minimum(left + 1, (centre + side / 2)[:, None])
    return np.asarray(np.maximum(last - first, 0.0))
