"""Names that change: the old one works for two minor versions, and says when it will not."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

# For how many minor versions an old name still works.
KEPT_FOR = 2

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def minor_version(version: str) -> tuple[int, int]:
    """Return major and minor number of a version, whatever follows them.

    Raises
    ------
    ValueError
        If the version does not begin with two numbers.
    """
    match = re.match(r"(\d+)\.(\d+)(?:\D|$)", version)
    if match is None:
        raise ValueError(f"{version!r} is no version such as '0.2'.")
    return int(match[1]), int(match[2])


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An old name beside the one that took its place.

    Parameters
    ----------
    old, new : str
        The names.
    since : str
        Version whose release warns first, for instance "0.2".
    """

    old: str
    new: str
    since: str

    @property
    def removed(self) -> str:
        """Version from which on the old name is gone."""
        major, minor = minor_version(self.since)
        return f"{major}.{minor + KEPT_FOR}"

    def warn(self, stacklevel: int = 3) -> None:
        """Tell the caller of the caller what to write instead, and until when."""
        warnings.warn(
            f"{self.old!r} was renamed to {self.new!r} in sklatent {self.since}; the old name "
            f"will be removed in {self.removed}.",
            FutureWarning,
            stacklevel=stacklevel,
        )


# Every old name that still works, by where it stands: "traverse.component" would be a parameter of
# a function, "geometry.interpolate" a function of a module. Remove an entry, and the code that uses
# it, in the version that ``removed`` names: a test fails once it is reached.
ALIASES: dict[str, Alias] = {}


def expired(aliases: Iterable[Alias], version: str) -> list[Alias]:
    """List the aliases that have to be gone in a version."""
    reached = minor_version(version)
    return [alias for alias in aliases if minor_version(alias.removed) <= reached]


def _renamed(alias: Alias, given: dict[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with the new name; warns at the caller of the wrapper."""
    if alias.old not in given:
        return given
    if alias.new in given:
        raise TypeError(f"{alias.old!r} is the old name of {alias.new!r}: give only the latter.")
    alias.warn(stacklevel=4)
    return {alias.new if name == alias.old else name: value for name, value in given.items()}


def renamed_parameter(alias: Alias) -> Callable[[F], F]:
    """Decorate a function so that it takes a parameter by its old name too.

    Parameters
    ----------
    alias : Alias
        The parameter's names.

    Returns
    -------
    decorator : callable
        Its function raises TypeError where both names are given.

    Examples
    --------
    >>> from sklatent._utils.deprecation import Alias, renamed_parameter
    >>> @renamed_parameter(Alias(old="size", new="n_steps", since="0.2"))
    ... def path(n_steps=5):
    ...     return n_steps
    >>> path(n_steps=3)
    3
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **_renamed(alias, kwargs))

        return wrapper  # type: ignore[return-value]

    return decorate


def renamed_init_parameter(alias: Alias) -> Callable[[type[T]], type[T]]:
    """Decorate an estimator whose parameter was renamed.

    ``__init__`` and ``set_params`` take the old name, so that searches over it still run;
    ``get_params`` knows the new one alone. Where the attribute is read by its old name, put a
    :func:`deprecated_attribute` beside.
    """

    def decorate(cls: type[T]) -> type[T]:
        for method in ("__init__", "set_params"):
            setattr(cls, method, renamed_parameter(alias)(getattr(cls, method)))
        return cls

    return decorate


def deprecated_alias(alias: Alias, target: F) -> F:
    """Return a function, method or class under its old name; it warns when it is called."""

    @functools.wraps(target)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        alias.warn()
        return target(*args, **kwargs)

    wrapper.__name__ = wrapper.__qualname__ = alias.old
    return wrapper  # type: ignore[return-value]


def deprecated_attribute(alias: Alias) -> property:
    """Return a property that reads an attribute by its old name."""

    def read(owner: Any) -> Any:
        alias.warn()
        return getattr(owner, alias.new)

    return property(read, doc=f"Old name of ``{alias.new}``.")
