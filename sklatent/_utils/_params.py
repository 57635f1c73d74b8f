"""The one door to scikit-learn's private parameter validation.

``_parameter_constraints`` and ``_fit_context`` are private API of scikit-learn. Everything in this
package takes them from here, so that a change upstream is met in one file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sklearn.base import _fit_context as _sklearn_fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Hidden,
    Integral,
    Interval,
    InvalidParameterError,
    MissingValues,
    Options,
    Real,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)

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
