"""What every latent model shares: one ``fit``, a body for each kind of table, a mixin per verb."""

from sklatent.base._body import Body, MixedTables
from sklatent.base._model import BaseLatentModel
from sklatent.base._params import TableParameters, TrainingParameters, latent_model
from sklatent.base._verbs import (
    CompletionMixin,
    DecoderMixin,
    DensityMixin,
    EncoderMixin,
    OutOfFoldMixin,
    ReconstructionMixin,
    SamplerMixin,
    in_parts,
)
from sklatent.tabular import AnyRows

__all__ = [
    "AnyRows",
    "BaseLatentModel",
    "Body",
    "CompletionMixin",
    "DecoderMixin",
    "DensityMixin",
    "EncoderMixin",
    "MixedTables",
    "OutOfFoldMixin",
    "ReconstructionMixin",
    "SamplerMixin",
    "TableParameters",
    "TrainingParameters",
    "in_parts",
    "latent_model",
]
