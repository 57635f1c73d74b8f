"""What the author of a latent model imports: nothing private is needed.

A model is a torch module, a loss, a :class:`Body` that describes what is trained, and an estimator
decorated with :func:`latent_model`. ``docs/develop/add_a_model.rst`` shows a whole one.
"""

from dataclasses import KW_ONLY

from sklatent._training import (
    Batch,
    Budget,
    Encoded,
    Fit,
    FitOutcome,
    FittedNet,
    HeldOutLoss,
    HeldOutScore,
    Judge,
    LastWeights,
    Player,
    Recipe,
    RowSource,
    SampleDistance,
    plan_budget,
    row_source,
)
from sklatent._utils._params import Integral, Interval, Real, RealNotInt, StrOptions
from sklatent._utils.declaration import Declaration
from sklatent.base import (
    AnyRows,
    BaseLatentModel,
    Body,
    CompletionMixin,
    DecoderMixin,
    DensityMixin,
    EncoderMixin,
    MixedTables,
    OutOfFoldMixin,
    ReconstructionMixin,
    SamplerMixin,
    TableParameters,
    in_parts,
    latent_model,
)
from sklatent.nn import ResidualMap, energy_distance, gaussian_kl, mlp, squared_error
from sklatent.parts import LatentPrior, Rotation, autoencoder_recipe, choose_width, principal_axes

__all__ = [
    "KW_ONLY",
    "AnyRows",
    "BaseLatentModel",
    "Batch",
    "Body",
    "Budget",
    "CompletionMixin",
    "Declaration",
    "DecoderMixin",
    "DensityMixin",
    "Encoded",
    "EncoderMixin",
    "Fit",
    "FitOutcome",
    "FittedNet",
    "HeldOutLoss",
    "HeldOutScore",
    "Integral",
    "Interval",
    "Judge",
    "LastWeights",
    "LatentPrior",
    "MixedTables",
    "OutOfFoldMixin",
    "Player",
    "Real",
    "RealNotInt",
    "Recipe",
    "ReconstructionMixin",
    "ResidualMap",
    "Rotation",
    "RowSource",
    "SampleDistance",
    "SamplerMixin",
    "StrOptions",
    "TableParameters",
    "autoencoder_recipe",
    "choose_width",
    "energy_distance",
    "gaussian_kl",
    "in_parts",
    "latent_model",
    "mlp",
    "plan_budget",
    "principal_axes",
    "row_source",
    "squared_error",
]
