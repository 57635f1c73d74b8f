"""Displays in scikit-learn's manner; matplotlib is imported when something is drawn."""

from sklatent.plotting._anomaly import AnomalyScoreDisplay
from sklatent.plotting._clusters import ClusterDisplay
from sklatent.plotting._synthetic import SyntheticDisplay

__all__ = ["AnomalyScoreDisplay", "ClusterDisplay", "SyntheticDisplay"]
