"""Find the public estimators, so that what holds for all of them is tested on all of them."""

from __future__ import annotations

import inspect


def all_estimators(verb: str | None = None) -> list[tuple[str, type]]:
    """List the public estimators of the package.

    Parameters
    ----------
    verb : str or None, default=None
        If given, only estimators with this method, for instance "sample".

    Returns
    -------
    estimators : list of (str, type)
        Names and classes, sorted by name.

    Examples
    --------
    >>> from sklatent._utils.discovery import all_estimators
    >>> [name for name, _ in all_estimators() if name.startswith("Tab")]
    ['TabularEncoder']
    """
    # Imported here: the lowest layer may name the whole package only when it is asked to.
    from sklearn.base import BaseEstimator

    import sklatent

    found: list[tuple[str, type]] = []
    for name in sklatent.__all__:
        value = getattr(sklatent, name, None)
        if not (inspect.isclass(value) and issubclass(value, BaseEstimator)):
            continue
        if verb is None or hasattr(value, verb):
            found.append((name, value))
    return sorted(found)
