"""Latent-variable models for tables that behave like scikit-learn's own estimators.

Public names are resolved when they are first used, so that importing the package stays light:
naming a latent model imports torch, naming :class:`TabularEncoder` does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklatent import datasets as datasets
    from sklatent import geometry as geometry
    from sklatent import metrics as metrics
    from sklatent import plotting as plotting
    from sklatent.models import AutoencoderTransformer, NeighborEmbedding, VAETransformer
    from sklatent.tabular import TabularEncoder
    from sklatent.tasks import LatentAnomalyDetector, LatentClusterer

__version__ = "0.1.0.dev0"

__all__ = [
    "AutoencoderTransformer",
    "LatentAnomalyDetector",
    "LatentClusterer",
    "NeighborEmbedding",
    "TabularEncoder",
    "VAETransformer",
]

_HOMES = {
    "AutoencoderTransformer": "sklatent.models",
    "LatentAnomalyDetector": "sklatent.tasks",
    "LatentClusterer": "sklatent.tasks",
    "NeighborEmbedding": "sklatent.models",
    "TabularEncoder": "sklatent.tabular",
    "VAETransformer": "sklatent.models",
}
_MODULES = {"datasets", "geometry", "metrics", "plotting"}  # their names are public inside them


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"sklatent.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up does not come through here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
