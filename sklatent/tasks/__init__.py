"""Layer 5: what latent models are used for, by their public verbs alone."""

from sklatent.tasks._anomaly import LatentAnomalyDetector
from sklatent.tasks._clustering import LatentClusterer

__all__ = ["LatentAnomalyDetector", "LatentClusterer"]
