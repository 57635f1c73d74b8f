"""The training engine: the only part of the library that knows skorch."""

from sklatent._training._answers import Verb
from sklatent._training._budget import MIN_ROWS_TRAINING, Budget, plan_budget
from sklatent._training._net import LatentNet, NetSpec, resolve_device
from sklatent._training._rows import RowSource, row_source
from sklatent._training._strategies import FitContext, FitOutcome, fit_net, uninterrupted

__all__ = [
    "MIN_ROWS_TRAINING",
    "Budget",
    "FitContext",
    "FitOutcome",
    "LatentNet",
    "NetSpec",
    "RowSource",
    "Verb",
    "fit_net",
    "plan_budget",
    "resolve_device",
    "row_source",
    "uninterrupted",
]
