"""What an estimator declares of itself: which tests it owes, and where it stands in the guide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# What a declared verb is called in words, and the method that answers it.
VERBS = {
    "encodes": "transform",
    "decodes": "inverse_transform",
    "samples": "sample",
    "scores": "score_samples",
    "completes": "impute",
    "labels": "predict",
    "explains": "explain",
}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What holds of an estimator, whatever its parameters are.

    Parameters
    ----------
    question : str
        The question that it answers, in a user's words.
    tables : tuple of {"numeric", "mixed"}
        Kinds of table that ``fit`` takes.
    cost : str
        What a fit costs, as measured.
    classic : str
        Where a classic method is as good or better, as measured.
    needs_y : bool
        Whether ``fit`` needs a target.
    out_of_fold : bool
        Whether ``fit_transform`` answers out of fold, as that of
        :class:`~sklearn.preprocessing.TargetEncoder`, and so differs from ``transform``.
    starts_at_pca : bool
        Whether training on tables of numbers starts at principal components and is never worse
        than them on rows held out.
    """

    question: str
    tables: tuple[Literal["numeric", "mixed"], ...]
    cost: str
    classic: str
    needs_y: bool = False
    out_of_fold: bool = False
    starts_at_pca: bool = False


def declaration_of(estimator: Any) -> Declaration:
    """Return what an estimator, or its class, declares.

    Raises
    ------
    TypeError
        If it declares nothing.
    """
    declared = getattr(estimator, "_declares", None)
    if not isinstance(declared, Declaration):
        cls = estimator if isinstance(estimator, type) else type(estimator)
        raise TypeError(f"{cls.__name__} has no class attribute _declares, a Declaration.")
    return declared


def verbs_of(cls: type) -> tuple[str, ...]:
    """List what an estimator does, in the words of ``VERBS``: read off its methods."""
    return tuple(verb for verb, method in VERBS.items() if hasattr(cls, method))
