"""Side tower on tables: reports on synthetic rows, imputed cells and latent spaces."""

from sklatent.metrics._cluster_report import ClusterReport, cluster_report
from sklatent.metrics._cluster_traits import ClusterTrait
from sklatent.metrics._dci import DCIScores, dci_score
from sklatent.metrics._disentanglement import factorvae_score, mig_score, sap_score
from sklatent.metrics._drift_report import DriftReport, drift_report
from sklatent.metrics._drift_tests import Drift
from sklatent.metrics._figures import Figure
from sklatent.metrics._hidden_cells import hidden_cell_score, one_standard_error
from sklatent.metrics._imputation import ImputationReport, imputation_report
from sklatent.metrics._latent_report import LatentReport, latent_report
from sklatent.metrics._neighborhoods import NeighborhoodScores, neighborhood_scores
from sklatent.metrics._pooling import PooledEstimate, pool
from sklatent.metrics._pseudo_anomalies import make_pseudo_anomalies, pseudo_anomaly_score
from sklatent.metrics._reconstruction import reconstruction_errors
from sklatent.metrics._stability import clustering_stability, latent_stability
from sklatent.metrics._synthetic import synthetic_report
from sklatent.metrics._synthetic_report import SyntheticReport

__all__ = [
    "ClusterReport",
    "ClusterTrait",
    "DCIScores",
    "Drift",
    "DriftReport",
    "Figure",
    "ImputationReport",
    "LatentReport",
    "NeighborhoodScores",
    "PooledEstimate",
    "SyntheticReport",
    "cluster_report",
    "clustering_stability",
    "dci_score",
    "drift_report",
    "factorvae_score",
    "hidden_cell_score",
    "imputation_report",
    "latent_report",
    "latent_stability",
    "make_pseudo_anomalies",
    "mig_score",
    "neighborhood_scores",
    "one_standard_error",
    "pool",
    "pseudo_anomaly_score",
    "reconstruction_errors",
    "sap_score",
    "synthetic_report",
]
