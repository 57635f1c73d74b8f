"""A generated mixed table: categories, numbers, a boolean, a date, missing cells; known factors."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, Real, validate_params

_Float = NDArray[np.float64]

# What a column sees of the factors is fixed: another seed gives other plants of the same nursery.
_SIGNALS = (
    "family",
    "height_cm",
    "flowering_day",
    "soil",
    "light",
    "n_flowers",
    "habit",
    "fruit_g",
    "leaf_mm",
    "evergreen",
    "water_ml",
    "sown",
    "survived",
)
_OWN_NOISE = 0.35
# In the order of the factor, not of the alphabet.
# fmt: off
_FAMILIES = (
    "Malvaceae", "Apiaceae", "Ericaceae", "Rosaceae", "Poaceae", "Liliaceae",
    "Asteraceae", "Betulaceae", "Fabaceae", "Lamiaceae", "Orchidaceae", "Cactaceae",
    "Rutaceae", "Pinaceae", "Solanaceae", "Araceae", "Iridaceae", "Fagaceae",
    "Violaceae", "Musaceae"
)
# fmt: on
_SOILS = ("sand", "loam", "peat", "clay", "gravel")
_LIGHTS = ("shade", "half shade", "sun")
_HABITS = ("herb", "shrub", "climber", "tree")
_FIRST_DAY, _LAST_DAY = np.datetime64("2015-03-01"), np.datetime64("2024-10-31")


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "n_factors": [Interval(Integral, 1, 6, closed="both")],
        "missing_rate": [Interval(Real, 0, 0.5, closed="both")],
        "random_state": ["random_state"],
        "return_factors": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_mixed_table(
    n_samples: int = 1000,
    *,
    n_factors: int = 3,
    missing_rate: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
    return_factors: bool = False,
) -> Any:
    """Generate the stock list of a plant nursery, with known latent factors behind it.

    Each row is a plant. Its factors are independent and standard normal. Each column reads one
    factor, a second one at half the weight, and noise of its own; the 13 columns take the factors
    in turn. The way from factors to columns does not depend on `random_state`: two seeds give
    two sets of rows from one population, for instance one to fit and one to compare with.

    ================ =================== =======================================================
    Column           Kind                What it holds
    ================ =================== =======================================================
    `family`         category            one of 20 botanical families, some of them rare
    `height_cm`      number              height, skewed to the right, one decimal
    `flowering_day`  whole number        day of the year, two peaks: spring and autumn
    `soil`           category, missing   sand, loam, peat, clay or gravel; the taller the plant,
                                         the more often it was not noted (missing at random)
    `light`          category            shade, half shade or sun
    `n_flowers`      whole number        a count, skewed
    `habit`          category            herb, shrub, climber or tree
    `fruit_g`        number              weight of the fruit: exactly 0 for about two in five
    `leaf_mm`        number, missing     length of a leaf, missing completely at random
    `evergreen`      boolean             whether it keeps its leaves
    `water_ml`       number              water per day, in steps of 5
    `sown`           date                a day from March 2015 to October 2024
    `survived`       boolean             whether it outlived its first winter: **the target**
    ================ =================== =======================================================

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_factors : int, default=3
        Number of latent factors, 1 to 6.
    missing_rate : float, default=0.1
        Expected share of missing cells in `soil` and in `leaf_mm`, 0 to 0.5.
    random_state : int, RandomState instance or None, default=None
        Determines the rows. Pass an int for reproducible ones.
    return_factors : bool, default=False
        Whether to return the factors as well.

    Returns
    -------
    table : pandas.DataFrame of shape (n_samples, 13)
        The columns above. `survived` is the one to predict.
    factors : ndarray of shape (n_samples, n_factors)
        The latent factors, in float64. Only if `return_factors` is True.

    Raises
    ------
    ImportError
        If pandas is not installed.

    Examples
    --------
    >>> from sklatent.datasets import make_mixed_table
    >>> table, factors = make_mixed_table(200, random_state=0, return_factors=True)
    >>> table.shape, factors.shape
    ((200, 13), (200, 3))
    >>> table["light"].value_counts().index.tolist()
    ['half shade', 'sun', 'shade']
    """
    try:
        pandas = import_module("pandas")
    except ImportError as error:
        raise ImportError(
            "make_mixed_table returns a pandas DataFrame, and pandas is not installed: "
            "install it, for instance with pip install pandas."
        ) from error
    rng = check_random_state(random_state)
    factors = rng.standard_normal((n_samples, n_factors))
    noise = rng.standard_normal((n_samples, len(_SIGNALS)))
    loadings = _loadings(n_factors)
    scale = np.sqrt(np.sum(loadings**2, axis=1) + _OWN_NOISE**2)
    signals = (factors @ loadings.T + _OWN_NOISE * noise) / scale
    columns = _columns(dict(zip(_SIGNALS, signals.T, strict=True)), rng)
    _punch_holes(columns, missing_rate, signals[:, _SIGNALS.index("height_cm")], rng)
    table = pandas.DataFrame(columns)
    return (table, factors) if return_factors else table


def _loadings(n_factors: int) -> _Float:
    """Weight of each factor in each column's signal: 1 for its own, a half for the next one."""
    loadings = np.zeros((len(_SIGNALS), n_factors))
    rows = np.arange(len(_SIGNALS))
    if n_factors > 1:
        # Signs in turn, so that columns of the same factor do not all rise together.
        loadings[rows, (rows + 1) % n_factors] = np.where(rows // n_factors % 2, -0.5, 0.5)
    loadings[rows, rows % n_factors] = 1.0
    return loadings


def _columns(signal: dict[str, _Float], rng: np.random.RandomState) -> dict[str, Any]:
    """Make of standard normal signals what a nursery would write down."""
    n_rows = len(signal["family"])
    # Steps of the distribution function: the first family is six times as frequent as the last.
    steps = np.cumsum(np.linspace(6.0, 1.0, len(_FAMILIES)))
    spring = signal["flowering_day"] < 0.3
    peaks = np.where(spring, 118.0, 255.0) + 9.0 * signal["flowering_day"]
    fruit = 40.0 * np.expm1(0.7 * np.maximum(signal["fruit_g"] + 0.25, 0.0))
    affinity = np.stack([-1.2 * signal["habit"], 0.4 - signal["habit"] ** 2, 0.6 * signal["light"]])
    affinity = np.vstack([affinity, 1.2 * signal["habit"]]) + 0.5 * rng.gumbel(size=(4, n_rows))
    span = (_LAST_DAY - _FIRST_DAY).astype(int)
    days = np.rint(span * ndtr(signal["sown"])).astype(int)
    # The product makes the target more than a sum of columns.
    risk = signal["survived"] + 1.5 * signal["height_cm"] * signal["water_ml"]
    return {
        "family": _levels(_FAMILIES, np.searchsorted(steps / steps[-1], ndtr(signal["family"]))),
        "height_cm": np.round(60.0 * np.exp(0.7 * signal["height_cm"]), 1),
        "flowering_day": np.rint(peaks + 7.0 * rng.standard_normal(n_rows)).astype(np.int64),
        "soil": _levels(_SOILS, np.digitize(signal["soil"], [-1.0, -0.2, 0.5, 1.2])),
        "light": _levels(_LIGHTS, np.digitize(signal["light"], [-0.7, 0.6])),
        "n_flowers": rng.poisson(np.exp(1.5 + 0.8 * signal["n_flowers"])).astype(np.int64),
        "habit": _levels(_HABITS, affinity.argmax(axis=0)),
        "fruit_g": np.round(fruit, 1),
        "leaf_mm": np.round(85.0 * np.exp(0.25 * signal["leaf_mm"]), 1),
        "evergreen": signal["evergreen"] > 0.4,
        "water_ml": 5.0 * np.rint(np.maximum(40.0 + 12.0 * signal["water_ml"], 0.0)),
        "sown": (_FIRST_DAY + days).astype("datetime64[s]"),
        "survived": risk + 0.5 * rng.logistic(size=n_rows) > -0.3,
    }


def _levels(names: tuple[str, ...], codes: NDArray[np.intp]) -> NDArray[np.object_]:
    return np.array(names, dtype=object)[np.minimum(codes, len(names) - 1)]


def _punch_holes(
    columns: dict[str, Any], rate: float, height: _Float, rng: np.random.RandomState
) -> None:
    """Empty cells of `leaf_mm` by chance alone, and of `soil` the likelier the taller the plant."""
    columns["leaf_mm"][rng.uniform(size=len(height)) < rate] = np.nan
    # The mean of ndtr(height) is a half, which makes the expected share the rate itself.
    columns["soil"][rng.uniform(size=len(height)) < 2.0 * rate * ndtr(height)] = None
