"""What models of mixed tables share: how the table is opened and how wide the code is."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import Tags

from sklatent._training import FitOutcome, RowSource
from sklatent._utils._params import StrOptions
from sklatent.models._capacity import MAX_AUTO
from sklatent.tabular import MixedRows, Rows, TabularEncoder, check_rows

# Batches of mixed tables are larger and steps fewer: each step costs several times as much, and
# the start is good. Long training copies rows where these are few. Validation is looked at seldom:
# it says little as long as the learning rate is high.
SCHEDULE = {
    "largest_batch": 256,
    "long_cycle": 1000,
    "rows_per_step": 5,
    "passes": 8,
    "n_checks": 8,
}
CONSTRAINTS: dict[str, list[Any]] = {
    "mode": [StrOptions({"auto", "affine", "quantile"})],
    "categorical_features": ["array-like", None],
}


class MixedTablesMixin:
    """The parameters ``mode`` and ``categorical_features``: tables of numbers, or of anything."""

    @property
    def _mixed(self: Any) -> bool:
        return bool(self.table_.mode_ == "quantile")

    def _starts_at_pca(self: Any) -> bool:
        return self.init == "pca" and not self._mixed

    def _schedule(self: Any) -> dict[str, int]:
        return SCHEDULE if self._mixed else {}

    def _open(self: Any, X: Any) -> tuple[TabularEncoder, Rows | MixedRows]:
        table = TabularEncoder(
            standardize=self.standardize,
            mode=self.mode,
            categorical_features=self.categorical_features,
        )
        rows = table.read(X, estimator=self, reset=True, min_rows=2)
        if isinstance(rows, MixedRows) or not rows.has_missing():
            return table, rows
        if self.mode == "affine":
            check_rows(self, X, reset=True)  # says which cell
        table.set_params(mode="quantile")
        return table, table.read(X, estimator=self, reset=True, min_rows=2)

    def _choose_n_components(
        self: Any, rows: RowSource, run: Callable[..., FitOutcome], seed: int
    ) -> int:
        if not self._mixed:
            return int(super()._choose_n_components(rows, run, seed))  # type: ignore[misc]
        if self.n_components == "auto":
            return int(np.clip(-(-self.table_.varying_.sum() // 2), 1, MAX_AUTO))
        if not isinstance(self.n_components, Integral):
            raise ValueError(
                f"n_components={self.n_components} is a share of the variance, which a table of "
                "categories has not: give an int or 'auto'."
            )
        return int(self.n_components)

    def __sklearn_tags__(self: Any) -> Tags:
        """Declare that cells may be missing."""
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = self.mode != "affine"
        return tags
