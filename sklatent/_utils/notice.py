"""Warnings that point at the line of the caller, and are said once in a call; lines of the log."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

logger = logging.getLogger("sklatent")

# Whose lines a warning does not point at.
_INSIDE = ("joblib", "skops", "skorch", "sklatent", "sklearn")
_told: ContextVar[bool] = ContextVar("told", default=False)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that asked: outside this library, scikit-learn, and what runs or loads.

    Parameters
    ----------
    message : str
        The text.
    category : type, default=UserWarning
        Class of the warning.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_inside(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_inside(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in _INSIDE


@contextmanager
def told_already() -> Iterator[None]:
    """Mark a block in which what is wrong with the rows has been said: see :func:`is_told`."""
    token = _told.set(True)
    try:
        yield
    finally:
        _told.reset(token)


def is_told() -> bool:
    """Tell whether an estimator that holds this one has spoken about the same rows."""
    return _told.get()


def log_always(text: str, *args: Any) -> None:
    """Log what ``verbose`` has asked for: it is shown even where logging was never configured."""
    entry = logger.makeRecord(logger.name, logging.INFO, __file__, 0, text, args, None)
    if logger.hasHandlers():
        logger.handle(entry)
    else:
        logging.StreamHandler().handle(entry)
