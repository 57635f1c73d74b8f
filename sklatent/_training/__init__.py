"""The training engine: the only part of the library that knows skorch."""

from sklatent._training._budget import MIN_ROWS_TRAINING, Budget, plan_budget
from sklatent._training._checks import Session
from sklatent._training._fitted import FittedNet, Verb, resolve_device
from sklatent._training._recipe import (
    Batch,
    Encoded,
    HeldOutLoss,
    HeldOutScore,
    Judge,
    LastWeights,
    Player,
    Recipe,
    RowSource,
    SampleDistance,
    row_source,
)
from sklatent._training._strategies import Fit, FitOutcome, FitPlan, Fold, uninterrupted

__all__ = [
    "MIN_ROWS_TRAINING",
    "Batch",
    "Budget",
    "Encoded",
    "Fit",
    "FitOutcome",
    "FitPlan",
    "FittedNet",
    "Fold",
    "HeldOutLoss",
    "HeldOutScore",
    "Judge",
    "LastWeights",
    "Player",
    "Recipe",
    "RowSource",
    "SampleDistance",
    "Session",
    "Verb",
    "plan_budget",
    "resolve_device",
    "row_source",
    "uninterrupted",
]
