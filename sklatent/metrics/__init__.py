"""Side tower on tables: reports about synthetic rows and imputed cells, with floor and ceiling."""

from sklatent.metrics._figures import Figure
from sklatent.metrics._imputation import ImputationReport, imputation_report
from sklatent.metrics._pseudo_anomalies import make_pseudo_anomalies, pseudo_anomaly_score
from sklatent.metrics._stability import clustering_stability
from sklatent.metrics._synthetic import synthetic_report
from sklatent.metrics._synthetic_report import SyntheticReport

__all__ = [
    "Figure",
    "ImputationReport",
    "SyntheticReport",
    "clustering_stability",
    "imputation_report",
    "make_pseudo_anomalies",
    "pseudo_anomaly_score",
    "synthetic_report",
]
