"""Column names that differ from those of ``fit``, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklatent.tabular._frames import FrameSchema

_DIFFER = "The feature names should match those that were passed during fit.\n"
_LOST = "Feature names seen at fit time, yet now missing:\n"
# Names that are listed, and those that are written out to choose by.
_MOST, _MOST_CHOSEN = 5, 20


@contextmanager
def curable_names(schema: FrameSchema | None) -> Iterator[None]:
    """Add to scikit-learn's error about column names how to put them in order, if that helps.

    Parameters
    ----------
    schema : FrameSchema or None
        Of the rows that are checked inside.
    """
    try:
        yield
    except ValueError as error:
        text = str(error)
        if schema is None or not text.startswith(_DIFFER) or _LOST in text:
            raise
        raise ValueError(text + _cure(schema, "list(model.feature_names_in_)")) from None


def _cure(schema: FrameSchema, names: str) -> str:
    columns = f"X.select({names})" if schema.backend == "pyarrow" else f"X[{names}]"
    return f"Pass the columns of fit in their order: {columns}.\n"


def check_other_names(estimator: Any, schema: FrameSchema | None, *, reset: bool) -> None:
    """Remember and compare column names that are not strings.

    scikit-learn drops them, so that a frame with its columns in another order would pass.

    Parameters
    ----------
    estimator : estimator instance
        Keeps them in ``_columns_in``.
    schema : FrameSchema or None
        Of the rows.
    reset : bool
        True in ``fit``, False elsewhere.

    Raises
    ------
    ValueError
        If they are not those of ``fit``, or in another order.
    """
    names = None if schema is None or schema.has_string_names else schema.names
    if reset:
        estimator._columns_in = names
        return
    seen = getattr(estimator, "_columns_in", None)
    if schema is None or names is None or seen is None or names == seen:
        return
    unseen = [name for name in names if name not in seen]
    missing = [name for name in seen if name not in names]
    message = _DIFFER
    if unseen:
        message += "Feature names unseen at fit time:\n" + _listed(unseen)
    if missing:
        message += _LOST + _listed(missing)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    if not missing and len(seen) <= _MOST_CHOSEN:
        message += _cure(schema, repr(seen))
    raise ValueError(message)


def _listed(names: list[Any]) -> str:
    lines = [f"- {name}\n" for name in names[:_MOST]]
    return "".join(lines) + ("- ...\n" if len(names) > _MOST else "")
