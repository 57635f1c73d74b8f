"""Displays in scikit-learn's manner; matplotlib is imported when something is drawn."""

from sklatent.plotting._anomaly import AnomalyScoreDisplay
from sklatent.plotting._clusters import ClusterDisplay
from sklatent.plotting._interpolation import InterpolationDisplay
from sklatent.plotting._latent_report import LatentReportDisplay
from sklatent.plotting._latent_space import LatentSpaceDisplay
from sklatent.plotting._reconstruction import ReconstructionDisplay
from sklatent.plotting._synthetic import SyntheticDisplay
from sklatent.plotting._training_curve import TrainingCurveDisplay
from sklatent.plotting._traversal import TraversalDisplay

__all__ = [
    "AnomalyScoreDisplay",
    "ClusterDisplay",
    "InterpolationDisplay",
    "LatentReportDisplay",
    "LatentSpaceDisplay",
    "ReconstructionDisplay",
    "SyntheticDisplay",
    "TrainingCurveDisplay",
    "TraversalDisplay",
]
