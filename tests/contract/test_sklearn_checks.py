"""scikit-learn's own checks: all of ``check_estimator``, and those that it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sklearn.utils.estimator_checks as estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.instances import every, instances, on_device

# scikit-learn runs these on its own estimators, from its tests of all estimators.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@parametrize_with_checks(instances())
def test_check_estimator(estimator: Any, check: Callable[[Any], None], device: str) -> None:
    check(on_device(estimator, device))


# These checks mix arrays and frames between fit and transform, by design.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("name", FURTHER_CHECKS)
@every()
def test_further_check(estimator: Any, name: str) -> None:
    if ("output" in name or "feature_names" in name) and not hasattr(estimator, "transform"):
        pytest.skip("has no transform")
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)
