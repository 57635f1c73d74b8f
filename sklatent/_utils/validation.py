"""Checks of what users pass, in scikit-learn's words."""

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names


def check_codes(estimator: Any, Z: Any, names: NDArray[Any]) -> NDArray[Any]:
    """Validate latent codes.

    Parameters
    ----------
    estimator : estimator instance
        The fitted model, with ``n_components_``.
    Z : array-like or DataFrame of shape (n_samples, n_components_)
        The codes.
    names : ndarray of str
        The names of the codes; a frame with the same names in another order is refused.

    Returns
    -------
    ndarray of shape (n_samples, n_components_)
        float64 or float32.
    """
    given = _get_feature_names(Z)
    Z = check_array(Z, dtype=[np.float64, np.float32], input_name="Z", estimator=estimator)
    if Z.shape[1] != len(names):
        raise ValueError(
            f"Z has {Z.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{len(names)} features as input to inverse_transform."
        )
    if given is not None and list(given) != list(names) and set(given) == set(names):
        raise ValueError(
            "The feature names should match those that transform returns.\n"
            "Feature names must be in the same order as they were in transform.\n"
            "Pass the codes in that order: Z[list(model.get_feature_names_out())].\n"
        )
    return Z  # type: ignore[no-any-return]


def check_n_samples(n_samples: Any) -> None:
    """Refuse to draw anything but a positive number of rows, in scikit-learn's words."""
    is_count = isinstance(n_samples, Integral) and not isinstance(n_samples, bool | np.bool_)
    if not is_count or n_samples < 1:
        raise ValueError(
            f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one "
            "sample."
        )
