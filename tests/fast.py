"""Which tests ``pytest -m fast`` runs: under two minutes on one core, some of everything."""

from __future__ import annotations

FAST = (
    "tests/contract/test_discovery.py",
    "tests/contract/test_laws.py",
    "tests/contract/test_mixed_tables.py::test_every_verb_answers",
    "tests/contract/test_parameters.py",
    "tests/contract/test_saved_files.py",
    "tests/contract/test_sklearn_checks.py::test_check_estimator",
    "tests/datasets/",
    "tests/geometry/",
    "tests/metrics/",
    "tests/nn/",
    "tests/tabular/",
    "tests/test_architecture.py",
    "tests/test_import.py",
    "tests/training/",
)

# Measured with --durations: what takes longest among them.
SLOW = (
    "tests/contract/test_parameters.py::test_parameter_shows_in_the_fitted_model",
    "tests/metrics/test_classifiers.py",
    "tests/metrics/test_synthetic.py",
    "tests/nn/test_cells.py::test_mixtures_are_those_of_torch_distributions",
    "tests/tabular/test_quantile.py::test_any_table_comes_back",
    "tests/test_architecture.py::test_package_keeps[keeps_functions_short]",
    "tests/test_import.py::test_latent_models_load_torch_when_named",
    "tests/test_import.py::test_side_towers_load_neither_torch_nor_matplotlib",
)

# The same of checks of scikit-learn: those with tables of 100 rows or more, on which the defaults
# train, and all of what holds a given estimator.
SLOW_CHECKS = (
    "-check_fit_check_is_fitted]",
    "-check_n_features_in]",
    "-check_positive_only_tag_during_fit]",
    "(estimator=",
)


def is_fast(nodeid: str) -> bool:
    """Whether the test of this id belongs to the fast ones."""
    slow = nodeid.startswith(SLOW) or any(part in nodeid for part in SLOW_CHECKS)
    return nodeid.startswith(FAST) and not slow
