"""How long to train, in steps, and how validation rows are found."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

Validation = Literal["holdout", "cross", "none", "skip"]

# Fewer rows than this: four-fold cross-validation instead of one held-out part.
MIN_ROWS_HOLDOUT = 400
# Fewer rows than this: what the model starts from (principal components) is the answer.
MIN_ROWS_TRAINING = 100
# Fewer rows than this: no row can be spared for validation.
MIN_ROWS_SPLIT = 20


@dataclass(frozen=True)
class Budget:
    """What one fit may spend.

    Attributes
    ----------
    batch_size : int
        Rows per step.
    n_steps : int
        Steps of the first cycle of the learning-rate schedule.
    max_total_steps : int
        Further cycles, each twice as long, run while validation improves, up to this many steps.
    n_checks : int
        How often validation is looked at in each cycle.
    patience : int
        Checks without improvement after which training stops.
    tol : float
        Relative improvement of the validation loss that counts as one.
    validation : {"holdout", "cross", "none", "skip"}
        Where validation rows come from; "none" trains on all rows to the end, "skip" does not
        train.
    n_validation : int
        Rows of the held-out part, where it is taken from the training rows.
    check_every : int
        Steps between two looks at the validation rows; follows from the others.
    """

    batch_size: int
    n_steps: int
    max_total_steps: int
    n_checks: int
    patience: int
    tol: float
    validation: Validation
    n_validation: int

    check_every: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "check_every", max(1, self.n_steps // self.n_checks))

    def for_search(self, share: float) -> "Budget":
        """Return one cycle of a share of the steps, with rows held out in any case."""
        n_steps = max(1, round(share * self.n_steps))
        return replace(self, n_steps=n_steps, max_total_steps=n_steps, validation="holdout")


def _validation_mode(
    n_rows: int,
    early_stopping: bool | Literal["auto"],
    has_validation: bool,
    from_pca: bool,
    cross: bool,
) -> Validation:
    if has_validation:
        return "holdout"
    if early_stopping is False:
        return "none"
    if not from_pca:
        return "holdout" if n_rows >= MIN_ROWS_SPLIT else "none"
    if n_rows < (MIN_ROWS_SPLIT if early_stopping is True else MIN_ROWS_TRAINING):
        return "skip"
    return "cross" if cross and n_rows < MIN_ROWS_HOLDOUT else "holdout"


def plan_budget(
    n_rows: int,
    *,
    batch_size: int | Literal["auto"],
    max_steps: int | Literal["auto"],
    early_stopping: bool | Literal["auto"],
    validation_fraction: float,
    n_iter_no_change: int,
    tol: float,
    has_validation: bool,
    from_pca: bool,
    cross: bool,
    largest_batch: int = 128,
    long_cycle: int = 1500,
    rows_per_step: int | None = None,
    passes: int = 24,
    n_checks: int = 15,
) -> Budget:
    """Turn the parameters of an estimator and the number of rows into a budget.

    The first cycle has ``long_cycle`` steps: fewer where rows are few, or, if ``rows_per_step`` is
    given, one for so many rows. Cycles are added up to so many ``passes`` through the rows.
    """
    validation = _validation_mode(n_rows, early_stopping, has_validation, from_pca, cross)
    size = batch_size
    if size == "auto":
        size = 2 ** round(math.log2(min(max(n_rows / 16, 16), largest_batch)))
    if max_steps == "auto":
        n_steps = long_cycle if n_rows >= MIN_ROWS_HOLDOUT else 400
        if rows_per_step is not None:
            n_steps = min(max(n_rows // rows_per_step, 30), long_cycle)
        # A model that has hardly seen each row may still have something to learn.
        again = rows_per_step is None or n_steps == long_cycle
        wanted = passes * n_rows // size if again else n_steps
        max_total_steps = max(n_steps, wanted) if validation == "holdout" else n_steps
    else:
        n_steps = max_total_steps = max_steps
    most = max(1000, min(n_rows // 100, 10_000))
    n_validation = min(max(1, math.ceil(validation_fraction * n_rows)), most, n_rows - 2)
    return Budget(
        batch_size=min(size, n_rows),
        n_steps=n_steps,
        max_total_steps=max_total_steps,
        n_checks=min(n_checks, n_steps),
        patience=n_iter_no_change,
        tol=tol,
        validation=validation,
        n_validation=n_validation,
    )
