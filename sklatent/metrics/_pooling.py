"""Analyses of several completed tables, pooled by Rubin's rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_consistent_length

from sklatent._utils._params import Integral, Interval, Real, StrOptions, validate_params
from sklatent._utils.latent import last_step
from sklatent._utils.seeding import seeded
from sklatent.metrics._figures import as_plain, html_lines, text_lines
from sklatent.tabular import is_frame

_Float = NDArray[np.float64]
# Gives estimates, or estimates and their variances, for a completed table (and its target).
_Analysis = Callable[..., Any]


@dataclass(frozen=True, repr=False)
class PooledEstimate:
    """Estimates from several completed tables as one; made by :func:`pool`.

    ``print(pooled)`` shows them as text, a notebook as a table.

    Parameters
    ----------
    names : list of str
        What is estimated.
    estimate : ndarray of shape (n_estimates,)
        Means over the completed tables.
    within, between, total : ndarray of shape (n_estimates,)
        Variances: mean variance of the estimates of one table, variance between the tables, and
        both together, ``within + (1 + 1 / m) between`` with ``m`` tables.
    degrees_of_freedom : ndarray of shape (n_estimates,)
        Of the t distribution of the estimates (Barnard and Rubin, 1999).
    low, high : ndarray of shape (n_estimates,)
        Ends of the confidence intervals.
    p_value : ndarray of shape (n_estimates,)
        Of the two-sided test of 0.
    missing_information : ndarray of shape (n_estimates,)
        Fraction of the information about each estimate that is lost with the missing cells.
    n_imputations : int
        Number of completed tables.
    confidence_level : float
        Of the intervals.

    See Also
    --------
    pool : Makes them.
    """

    names: list[str]
    estimate: _Float
    within: _Float
    between: _Float
    total: _Float
    degrees_of_freedom: _Float
    low: _Float
    high: _Float
    p_value: _Float
    missing_information: _Float
    n_imputations: int
    confidence_level: float

    @property
    def standard_error(self) -> _Float:
        """Roots of the total variances."""
        return np.sqrt(self.total)

    def to_dict(self) -> dict[str, Any]:
        """Give the estimates as plain values.

        Returns
        -------
        report : dict
            Lists of numbers and texts, as ``json.dump`` takes them; None stands for what is not
            defined.
        """
        plain: dict[str, Any] = as_plain(self)
        return plain

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] = "pandas") -> Any:
        """Give a data frame with one row for each estimate.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, default="pandas"
            The library, which must be installed.

        Returns
        -------
        frame : DataFrame
            Columns ``name``, ``estimate``, ``standard_error``, ``low``, ``high``, ``p_value``,
            ``degrees_of_freedom``, ``missing_information``, ``within``, ``between`` and ``total``.
        """
        data: dict[str, Any] = {"name": self.names}
        for column in (*_SHOWN, "within", "between", "total"):
            data[column] = getattr(self, column).tolist()
        return nw.from_dict(data, backend=backend).to_native()

    def _lines(self) -> list[list[str]]:
        columns = [getattr(self, column) for column in _SHOWN]
        rows = zip(self.names, *columns, strict=True)
        return [
            ["", *_SHOWN.values()],
            *([name, *(f"{number:.4g}" for number in numbers)] for name, *numbers in rows),
        ]

    def _title(self) -> str:
        share = f"{100 * self.confidence_level:g} %"
        return f"{self.n_imputations} completed tables; intervals hold {share}"

    def __repr__(self) -> str:
        """Give the estimates in one line."""
        pairs = zip(self.names, self.estimate, self.standard_error, strict=True)
        shown = (f"{name}={value:.4g} ± {error:.2g}" for name, value, error in pairs)
        return f"PooledEstimate({', '.join(shown)})"

    def __str__(self) -> str:
        """Set all estimates as text."""
        return f"{self._title()}\n\n{text_lines(self._lines(), words=(0,))}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>" + html_lines(self._lines())


_SHOWN = {
    "estimate": "estimate",
    "standard_error": "error",
    "low": "low",
    "high": "high",
    "p_value": "p",
    "degrees_of_freedom": "df",
    "missing_information": "missing",
}


@validate_params(
    {
        "variance": [StrOptions({"bootstrap"}), callable],
        "n_imputations": [Interval(Integral, 2, None, closed="left")],
        "n_bootstraps": [Interval(Integral, 2, None, closed="left")],
        "degrees_of_freedom": [Interval(Real, 0, None, closed="right"), None],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def pool(
    model: Any,
    imputations: Any,
    estimator: Any,
    y: Any = None,
    *,
    target: Any = None,
    variance: Literal["bootstrap"] | Callable[..., Any] = "bootstrap",
    n_imputations: int = 20,
    n_bootstraps: int = 50,
    degrees_of_freedom: float | None = None,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> PooledEstimate:
    r"""Analyse several completed tables and pool the estimates by Rubin's rules.

    A table that is filled once hides how uncertain its cells are. Here the analysis is done on
    each of several completions, and the spread of its answers is added to the variance that each
    of them has.

    Parameters
    ----------
    model : estimator with ``sample_imputations`` or None
        A fitted model that completes rows, such as :class:`~sklatent.VAETransformer`. Not asked,
        and may be None, where `imputations` are completed tables.
    imputations : array-like or DataFrame of shape (n_samples, n_features), or list of these
        Rows with missing cells, which the model completes `n_imputations` times; or a list of at
        least two completed tables.
    estimator : estimator with ``coef_``, or callable
        What is estimated. Clones of a scikit-learn estimator are fitted to each table; the last
        step of a pipeline has the coefficients, and those of a fitted intercept come last. Or a
        function of a table, and of the target if there is one, that gives a number or an array of
        estimates.
    y : array-like of shape (n_samples,), default=None
        Target of the estimator, complete.
    target : str or int, default=None
        Instead of `y`, the column of the completed tables that is the target; position in arrays.
    variance : "bootstrap" or callable, default="bootstrap"
        Variances of the estimates of one table: from `n_bootstraps` fits to resampled rows; or a
        function of the fitted estimator, the table and the target that gives one variance for each
        estimate (with a function as `estimator`, of the table and the target).
    n_imputations : int, default=20
        Number of completions, where `imputations` are rows with missing cells.
    n_bootstraps : int, default=50
        Number of resampled tables for each completed one.
    degrees_of_freedom : float, default=None
        Of the estimates if no cell were missing; by default the number of rows less that of the
        estimates. ``numpy.inf`` gives the rule of 1987, for large tables.
    confidence_level : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the completions, of the resampled rows and of clones without a seed of their own.

    Returns
    -------
    pooled : PooledEstimate
        Estimates, variances, intervals and the fraction of missing information.

    Raises
    ------
    TypeError
        If the model has no ``sample_imputations`` though it is needed.
    ValueError
        If there are fewer than two tables, both `y` and `target`, or a fitted estimator without
        ``coef_``.

    See Also
    --------
    imputation_report : How good completed cells are.

    Notes
    -----
    With estimates :math:`\hat Q_i` and variances :math:`U_i` of :math:`m` tables, the pooled
    estimate is :math:`\bar Q`, and its variance :math:`T = \bar U + (1 + 1/m) B` with
    :math:`B = \sum_i (\hat Q_i - \bar Q)^2 / (m - 1)` [1]_. Intervals are those of a t
    distribution whose degrees of freedom count the rows too [2]_. The fraction of missing
    information is :math:`(r + 2 / (\nu + 3)) / (r + 1)` with
    :math:`r = (1 + 1/m) B / \bar U`, and 0 where the tables agree.

    The intervals hold what they promise where the model that completes the table knows all columns
    of the analysis, the target among them.

    References
    ----------
    .. [1] Rubin, "Multiple Imputation for Nonresponse in Surveys", Wiley, 1987.
    .. [2] Barnard and Rubin, "Small-Sample Degrees of Freedom with Multiple Imputation",
       Biometrika, 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklatent import VAETransformer
    >>> from sklatent.metrics import pool
    >>> X = load_diabetes(as_frame=True).frame[["bmi", "bp", "s5", "target"]]
    >>> X["bmi"] = X["bmi"].mask(np.random.default_rng(0).random(len(X)) < 0.3)
    >>> model = VAETransformer(2, max_steps=50, random_state=0).fit(X)
    >>> pooled = pool(model, X, LinearRegression(), target="target", random_state=0)
    >>> pooled.names
    ['bmi', 'bp', 's5', 'intercept']
    >>> bool(0.05 < pooled.missing_information[0] < 0.6)
    True
    """
    random = check_random_state(random_state)
    tables = _tables(model, imputations, n_imputations, random)
    if y is not None and target is not None:
        raise ValueError("Either y is the target, or the column that 'target' names, not both.")
    analyse = partial(
        _analysed,
        estimator=estimator,
        variance=variance,
        n_bootstraps=n_bootstraps,
        seed=int(random.randint(2**31 - 1)),
    )
    found = [analyse(*_split(table, y, target)) for table in tables]
    estimates, variances = (np.stack([one[i] for one in found]) for i in (1, 2))
    if degrees_of_freedom is None:
        degrees_of_freedom = max(1, len(tables[0]) - estimates.shape[1])
    return _pooled(found[0][0], estimates, variances, degrees_of_freedom, confidence_level)


def _tables(
    model: Any, imputations: Any, n_imputations: int, random: np.random.RandomState
) -> Sequence[Any]:
    """Give completed tables: those given, or those that a model draws."""
    listed = isinstance(imputations, list | tuple) and all(
        is_frame(one) or np.ndim(one) == 2 for one in imputations
    )
    if listed:
        if len(imputations) < 2:
            raise ValueError(f"At least two completed tables are needed, got {len(imputations)}.")
        check_consistent_length(*imputations)
        return [one if is_frame(one) else np.asarray(one) for one in imputations]
    if not hasattr(model, "sample_imputations"):
        raise TypeError(
            f"{type(model).__name__} has no sample_imputations: give a model that completes rows, "
            "for instance a fitted VAETransformer, or a list of completed tables as 'imputations'."
        )
    tables: Sequence[Any] = model.sample_imputations(
        imputations, n_imputations, random_state=int(random.randint(2**31 - 1))
    )
    return tables


def _split(table: Any, y: Any, target: Any) -> tuple[Any, Any]:
    """Take the target out of a table."""
    if target is None:
        return table, y
    if not is_frame(table):
        return np.delete(table, target, axis=1), table[:, target]
    frame = nw.from_native(table, eager_only=True)
    if target not in frame.columns:
        raise ValueError(f"The target {target!r} is none of the columns {list(frame.columns)}.")
    return frame.drop(target).to_native(), frame[target].to_numpy()


def _analysed(
    X: Any, y: Any, *, estimator: Any, variance: Any, n_bootstraps: int, seed: int
) -> tuple[list[str], _Float, _Float]:
    """Give names, estimates and variances of one completed table."""

    def ask(X: Any, y: Any) -> tuple[Any, list[str], _Float]:
        given = (X,) if y is None else (X, y)
        if hasattr(estimator, "fit"):
            fitted = seeded(clone(estimator), seed).fit(*given)
            return (fitted, *_coefficients(fitted, X))
        values = np.atleast_1d(np.asarray(estimator(*given), dtype=np.float64)).ravel()
        return None, [f"estimate {i}" for i in range(len(values))], values

    fitted, names, values = ask(X, y)
    if callable(variance):
        about = (X,) if y is None else (X, y)
        given = variance(*about) if fitted is None else variance(fitted, *about)
        own = np.broadcast_to(np.asarray(given, dtype=np.float64).ravel(), values.shape)
        return names, values, own
    # all tables are resampled alike, so that what differs between them is their cells
    random, n = np.random.RandomState(seed), len(X)
    drawn = []
    for _ in range(n_bootstraps):
        rows = random.randint(n, size=n)
        some = None if y is None else _safe_indexing(np.asarray(y), rows)
        drawn.append(ask(_safe_indexing(X, rows), some)[2])
    return names, values, np.var(drawn, axis=0, ddof=1)


def _coefficients(fitted: Any, X: Any) -> tuple[list[str], _Float]:
    """Give the coefficients of a fitted estimator, an intercept last, and their names."""
    step = last_step(fitted)
    if not hasattr(step, "coef_"):
        raise ValueError(
            f"{type(step).__name__} has no coef_ once it is fitted: give an estimator that has, or "
            "a function of the completed table."
        )
    coef = np.atleast_2d(np.asarray(step.coef_, dtype=np.float64))
    names = _names(fitted, X, coef.shape[1])
    several = len(coef) > 1
    labels = getattr(step, "classes_", range(len(coef)))
    with_intercept = getattr(step, "fit_intercept", hasattr(step, "intercept_"))
    if with_intercept:
        intercept = np.broadcast_to(np.asarray(step.intercept_, dtype=np.float64), len(coef))
        coef, names = np.column_stack([coef, intercept]), [*names, "intercept"]
    if several:
        names = [f"{label}: {name}" for label in labels for name in names]
    return names, coef.ravel()


def _names(fitted: Any, X: Any, n: int) -> list[str]:
    """Name the columns that coefficients belong to."""
    before = fitted[:-1] if getattr(fitted, "steps", None) else None
    if before is not None and len(before):
        names = before.get_feature_names_out()
    elif is_frame(X):
        names = nw.from_native(X, eager_only=True).columns
    else:
        names = [f"x{j}" for j in range(n)]
    return [str(name) for name in names]


def _pooled(
    names: list[str], estimates: _Float, variances: _Float, complete: float, level: float
) -> PooledEstimate:
    """Pool estimates and variances (n_tables, n_estimates)."""
    m = len(estimates)
    estimate, within = estimates.mean(0), variances.mean(0)
    between = estimates.var(0, ddof=1)
    total = within + (1 + 1 / m) * between
    # tables that agree lose nothing, also where nothing varies at all
    lost = np.divide((1 + 1 / m) * between, total, out=np.zeros(len(total)), where=total > 0)
    small = complete * (complete + 1) / (complete + 3) if np.isfinite(complete) else np.inf
    with np.errstate(divide="ignore"):
        # either may be infinite; nothing is known of rows without a variance of their own
        observed = 1 / np.where(lost < 1, (1 - lost) * small, np.inf)
        df = 1 / (lost**2 / (m - 1) + observed)
    missing = np.where(lost > 0, lost + (1 - lost) * 2 / (df + 3), 0.0)
    error = np.sqrt(total)
    way = student.ppf(0.5 + level / 2, df) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = 2 * student.sf(np.abs(estimate) / error, df)
    return PooledEstimate(
        names=names,
        estimate=estimate,
        within=within,
        between=between,
        total=total,
        degrees_of_freedom=df,
        low=estimate - way,
        high=estimate + way,
        p_value=p_value,
        missing_information=missing,
        n_imputations=m,
        confidence_level=level,
    )
