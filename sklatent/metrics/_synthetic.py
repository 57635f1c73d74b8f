"""Synthetic rows measured beside their floor and their ceiling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.utils import check_random_state

from sklatent._utils._params import Integral, Interval, StrOptions, validate_params
from sklatent.metrics._classifiers import Downstream, Features, auc_error, classifier_auc
from sklatent.metrics._disclosure import disclosed, left_out, returned_ends
from sklatent.metrics._distances import MixedSpace, copied_share, nearer_share
from sklatent.metrics._figures import Figure
from sklatent.metrics._shapes import (
    PairBins,
    column_shapes,
    marginal,
    mean_of_pairs,
    pair_trends,
)
from sklatent.metrics._synthetic_report import SyntheticReport
from sklatent.metrics._tables import Column, Tables, read_tables

_Float = NDArray[np.float64]
_FEWEST_ROWS = 20
_LABELS = ("real_train", "real_test", "synthetic")


@validate_params(
    {
        "n_repeats": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_rows": [Interval(Integral, _FEWEST_ROWS, None, closed="left"), None],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def synthetic_report(
    real_train: Any,
    real_test: Any,
    synthetic: Any,
    *,
    target: Any = None,
    n_repeats: int | str = "auto",
    max_rows: int | None = 10_000,
    identifier_features: Any = "auto",
    random_state: int | np.random.RandomState | None = None,
) -> SyntheticReport:
    """Measure synthetic rows, and print beside each figure its floor and its ceiling.

    Every candidate is compared with `real_test`, which the sampler has never seen. The floor
    is `real_train` with its columns shuffled apart: exact columns that know nothing of each
    other. The ceiling is `real_train` itself, that is fresh real rows as seen from `real_test`.
    Candidates are cut to the same number of rows, since distances between small tables are
    larger.

    ================= ======================================================================
    Figure            What it is
    ================= ======================================================================
    `shapes`          mean over the columns of 1 - Kolmogorov-Smirnov distance (numbers,
                      dates) or 1 - total variation distance (categories; missing is one)
    `trends`          mean over the pairs of columns of 1 - total variation distance between
                      joint bins: deciles of `real_train` for numbers, the same for all tables
    `c2st`            classifier two-sample test: 5-fold ROC AUC of gradient boosting between
                      `real_test` and as many synthetic rows; best .5
    `tstr`            train on synthetic, test on real: ROC AUC (each class against the rest)
                      or R2 of gradient boosting for `target`; its ceiling is trained on
                      `real_train`. A number with at most 10 values counts as classes
    `dcr_share`       share of the rows whose distance to the closest training row is smaller
                      than that to the closest row of `real_test`, both sides cut to the same
                      number; best .5. Its ceiling are the rows of `real_test`, each against
                      all others. Copies of training rows have 1 if `real_test` is as long as
                      `real_train`, and (1 + h) / 2 if it is shorter by a factor h
    `nearest_record`  p-value of the test that the rows lie no nearer to training rows than to
                      rows of `real_test`, from `dcr_share` and its standard error: small where
                      training rows come back
    `exact_copies`    share of the rows that equal a training row; its ceiling is that share
                      among the rows of `real_test`
    `disclosure`      for each column the share of the cells whose value exactly one training row
                      has; its ceiling is that share among the cells of `real_test`
    `missing_gap`     largest difference over the columns of the share of missing cells
    ================= ======================================================================

    No figure is enough alone: columns shuffled apart have perfect `shapes`, and training rows
    handed back have perfect values of everything but `dcr_share` and `exact_copies`.

    Parameters
    ----------
    real_train : {array-like, data frame} of shape (n_train, n_columns)
        The rows that the sampler was fitted on. Numbers, booleans, strings, categories, dates,
        durations and missing cells, in a frame of pandas, polars or pyarrow or an array.
    real_test : {array-like, data frame} of shape (n_test, n_columns)
        Rows of the same origin that it has not seen.
    synthetic : {array-like, data frame} of shape (n_synthetic, n_columns)
        The rows to judge.
    target : object, default=None
        Name (in arrays: position) of the column to predict for `tstr`.
    n_repeats : int or "auto", default="auto"
        How many random cuts, shuffles and folds are averaged. "auto" repeats small tables: 1000
        divided by the number of rows compared, between 1 and 10. `dcr_share` needs none: it is
        averaged over all cuts in closed form.
    max_rows : int or None, default=10000
        Larger tables are cut to so many random rows, for all figures but `exact_copies`. None
        takes all.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows, which with free text are left out of all figures but `disclosure`,
        and named in `left_out`. "auto" finds them as :class:`~sklatent.TabularEncoder` does.
    random_state : int, RandomState instance or None, default=None
        Determines cuts, shuffles and folds.

    Returns
    -------
    report : SyntheticReport
        The figures. ``print(report)`` shows them, ``report.to_dict()`` gives plain values.

    Raises
    ------
    ValueError
        If the tables have different columns or types, infinite numbers or fewer than 20 rows, or
        if `target` is none of their columns or has fewer than two values in `real_test`.
    TypeError
        If cells are of a type that cannot be compared.

    See Also
    --------
    imputation_report : Judges filled cells instead of whole rows.

    Notes
    -----
    The classifier test follows [1]_, training on synthetic rows [2]_. Numbers enter the distance
    by their difference over the interquartile range, categories by 1 for each mismatch; a missing
    cell is a category of its own.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab. Revisiting classifier two-sample tests. ICLR 2017.
    .. [2] C. Esteban, S. L. Hyland, G. Rätsch. Real-valued (medical) time series generation with
       recurrent conditional GANs. arXiv:1706.02633, 2017.

    Examples
    --------
    >>> from sklatent.datasets import make_mixed_table
    >>> from sklatent.metrics import synthetic_report
    >>> train, test, fresh = (make_mixed_table(150, random_state=seed) for seed in range(3))
    >>> report = synthetic_report(train, test, fresh, n_repeats=1, random_state=0)
    >>> bool(abs(report.shapes.value - report.shapes.ceiling) < 0.05)
    True
    >>> report.notes
    ()
    """
    tables = read_tables(dict(zip(_LABELS, (real_train, real_test, synthetic), strict=True)), 2)
    for label, matrix in zip(_LABELS, tables.matrices, strict=True):
        if len(matrix) < _FEWEST_ROWS:
            raise ValueError(
                f"Found array with n_samples={len(matrix)} in {label} while a minimum of "
                f"{_FEWEST_ROWS} is required by synthetic_report."
            )
    roles = left_out(
        real_train,
        identifier_features,
        None if target is None else _position(tables.columns, target),
    )
    named = {tables.columns[j].name: role for j, role in roles.items()}
    ends, told = returned_ends(tables), disclosed(tables)
    tables = tables.without(roles)
    position = None if target is None else _position(tables.columns, target)
    rng = check_random_state(random_state)
    cut = Tables(tables.columns, tuple(_some(rows, max_rows, rng) for rows in tables.matrices))
    fewest = min(len(rows) for rows in cut.matrices)
    if n_repeats == "auto":
        n_repeats = int(np.clip(1000 // fewest, 1, 10))
    bench = _Bench(cut, tables.matrices[0], position, rng)
    rounds = [bench.round(rng) for _ in range(int(n_repeats))]
    figures = {name: np.mean([one[name] for one in rounds], axis=0) for name in rounds[0]}
    apart = _apart(bench.train, rng)
    report = bench.report(figures, apart, tables.matrices[2], target, int(n_repeats))
    return replace(report, disclosure=told, extremes=ends, left_out=named)


def _position(columns: tuple[Column, ...], target: Any) -> int:
    names = [column.name for column in columns]
    if target not in names:
        raise ValueError(
            f"The target {target!r} is not a column of real_train; its columns are "
            f"{', '.join(map(repr, names[:20]))}{', ...' if len(names) > 20 else ''}."
        )
    return names.index(target)


def _some(rows: _Float, count: int | None, rng: np.random.RandomState) -> _Float:
    """Random rows in random order: tables are often sorted."""
    return rows[rng.permutation(len(rows))[:count]]


def _apart(rows: _Float, rng: np.random.RandomState) -> _Float:
    """Shuffle each column by itself."""
    return np.column_stack([rng.permutation(cells) for cells in rows.T])


def _missing_gap(a: _Float, b: _Float) -> float:
    return float(np.abs(np.isnan(a).mean(axis=0) - np.isnan(b).mean(axis=0)).max())


class _Bench:
    """What all rounds share: bins, distances and the tables themselves."""

    def __init__(
        self, tables: Tables, whole_train: _Float, target: int | None, rng: np.random.RandomState
    ) -> None:
        self.columns = tables.columns
        self.train, self.test, self.synthetic = tables.matrices
        self.whole_train = whole_train
        self.bins = PairBins(self.columns, self.train)
        self.features = Features(self.columns, self.train)
        self.downstream = None
        if target is not None:
            real = np.vstack([self.train, self.test])
            seed = rng.randint(2**31 - 1)
            self.downstream = Downstream(self.columns, target, real, self.test, seed)

    def round(self, rng: np.random.RandomState) -> dict[str, _Float]:
        """Measure synthetic rows, floor and ceiling once, each on equally many rows."""
        count = min(len(self.train), len(self.synthetic))
        real = _some(self.train, count, rng)
        candidates = (_some(self.synthetic, count, rng), _apart(real, rng), real)
        seed = rng.randint(2**31 - 1)
        equal = min(count, len(self.test))
        test = _some(self.test, equal, rng)
        found: dict[str, list[Any]] = {
            "shapes": [column_shapes(self.columns, self.test, rows) for rows in candidates],
            "trends": [pair_trends(self.bins, self.test, rows) for rows in candidates],
            "c2st": [classifier_auc(self.features, test, r[:equal], seed) for r in candidates],
            "missing_gap": [_missing_gap(self.test, rows) for rows in candidates],
        }
        if self.downstream is not None:
            found["tstr"] = [self.downstream.score(rows) for rows in candidates]
        return {name: np.array(values) for name, values in found.items()}

    def report(
        self,
        found: dict[str, _Float],
        apart: _Float,
        whole: _Float,
        target: Any,
        n_repeats: int,
    ) -> SyntheticReport:
        """Add what needs no repetition, and fill the form."""
        names = [column.name for column in self.columns]
        shapes = found["shapes"]
        real = (self.train, self.test, self.synthetic)
        error = auc_error(float(found["c2st"][0]), min(map(len, real)))
        share = self._distances(apart)
        return SyntheticReport(
            shapes=_figure(shapes.mean(axis=1)),
            trends=_figure([mean_of_pairs(t) for t in found["trends"]]) if len(names) > 1 else None,
            c2st=replace(_figure(found["c2st"], best=0.5), standard_error=error),
            tstr=_figure(found["tstr"]) if "tstr" in found else None,
            dcr_share=share,
            nearest_record=Figure(_chance(share)),
            exact_copies=_figure(
                [copied_share(rows, self.whole_train) for rows in (whole, apart, self.test)],
                best=0.0,
            ),
            disclosure={},
            extremes=(),
            left_out={},
            missing_gap=_figure(found["missing_gap"], best=0.0),
            column_shapes={name: _figure(shapes[:, j]) for j, name in enumerate(names)},
            pair_trends=found["trends"][0],
            pair_trends_ceiling=found["trends"][2],
            marginals={
                column.name: marginal(column, self.test[:, j], self.synthetic[:, j])
                for j, column in enumerate(self.columns)
            },
            target=target,
            task=None if self.downstream is None else self.downstream.task,
            n_rows=dict(zip(_LABELS, map(len, real), strict=True)),
            n_repeats=n_repeats,
        )

    def _distances(self, apart: _Float) -> Figure:
        space = MixedSpace(self.columns, self.train)
        value, error = nearer_share(space, self.synthetic, self.train, self.test)
        floor, _ = nearer_share(space, apart, self.train, self.test)
        ceiling, _ = nearer_share(space, None, self.train, self.test)
        return Figure(value, floor, ceiling, best=0.5, standard_error=error)


def _chance(share: Figure) -> float:
    """Probability of a DCR share as large as this where training rows are like any others."""
    error = share.standard_error or 0.0
    excess = share.value - share.best
    return float(ndtr(-excess / error)) if error > 0 else float(excess <= 0)


def _figure(values: Any, best: float = 1.0) -> Figure:
    value, floor, ceiling = (float(one) for one in values)
    return Figure(value, floor, ceiling, best)
