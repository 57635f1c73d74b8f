"""scikit-learn's callbacks in estimators that hold another one, or train nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from sklearn.callback import CallbackContext
from sklearn.frozen import FrozenEstimator

# Wraps the fit of an estimator that is held.
Watched = Callable[[Any], AbstractContextManager[Any]]


@contextmanager
def watched_fit(estimator: Any, X: Any, y: Any = None, n_inside: int = 0) -> Iterator[Watched]:
    """Tell callbacks where a fit begins and ends, and those who want to know of fits inside.

    Parameters
    ----------
    estimator : estimator with ``set_callbacks``
        That is being fitted.
    X, y : object
        What ``fit`` was given.
    n_inside : int, default=0
        How many estimators it fits at most.

    Yields
    ------
    inside : callable
        For each estimator that is held a context manager to fit it under. Callbacks that ask for
        it, such as a progress bar, see its steps; one that is fitted already is left alone.
    """
    context = estimator._init_callback_context(max_subtasks=n_inside)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    yield partial(_inside, context, estimator, X, y)
    # what fit has set makes the estimator that callbacks see
    context.call_on_fit_task_end(estimator=estimator, X=X, y=y, reconstruction_attributes=dict)


@contextmanager
def _inside(context: CallbackContext, estimator: Any, X: Any, y: Any, held: Any) -> Iterator[None]:
    takes_callbacks = hasattr(held, "set_callbacks") and not isinstance(held, FrozenEstimator)
    task = context.subcontext(task_name=f"fit-{type(held).__name__}")
    with task.propagate_callback_context(held) if takes_callbacks else nullcontext():
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        yield
        task.call_on_fit_task_end(estimator=estimator, X=X, y=y)
