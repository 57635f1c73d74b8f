"""The one door to scikit-learn's private parameter validation.

``_parameter_constraints`` and ``_fit_context`` are private API of scikit-learn. Everything in this
package takes them from here, so that a change upstream is met in one file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from sklearn.base import _fit_context as _sklearn_fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Integral,
    InvalidParameterError,
    MissingValues,
    Options,
    Real,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._param_validation import Interval as _SklearnInterval

__all__ = [
    "HasMethods",
    "Hidden",
    "Integral",
    "Interval",
    "InvalidParameterError",
    "MissingValues",
    "Options",
    "Real",
    "RealNotInt",
    "StrOptions",
    "_fit_context",
    "validate_parameter_constraints",
    "validate_params",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])


class Interval(_SklearnInterval):
    """An interval of numbers, of which True and False are none."""

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether a value lies in the interval."""
        return not isinstance(val, bool | np.bool_) and bool(super().is_satisfied_by(val))


def _fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Method], _Method]:
    """Check ``_parameter_constraints`` before the decorated fit method runs.

    Parameters
    ----------
    prefer_skip_nested_validation : bool
        Whether estimators fitted inside the method skip the validation of their own parameters.

    Returns
    -------
    decorator : callable
        Decorator for ``fit``, ``fit_transform`` or ``partial_fit``, which keeps their signature.
    """
    decorator = _sklearn_fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
    return cast(Callable[[_Method], _Method], decorator)
