"""What the dimensions of a latent space mean."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing, check_random_state

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent._utils.latent import (
    check_latent_model,
    component_names,
    decode,
    encode,
    last_step,
)
from sklatent.metrics._disentanglement import alive
from sklatent.metrics._figures import as_plain, html_lines, text_lines
from sklatent.metrics._latent_figures import decoder_slopes, frozen_shares, single_r2
from sklatent.metrics._reconstruction import Comparison
from sklatent.tabular import as_table, is_frame

_Float = NDArray[np.float64]

# Dimensions with less, in nats or as a share of the table, are called inactive.
ACTIVE_KL, ACTIVE_SHARE = 0.05, 0.001
# Rows on which slopes are taken.
_ROWS_SLOPES = 256
# Columns that a dimension is said to drive, and what they, or a partner, need to be named.
_MOST_NAMED, _LEAST_NAMED = 3, 0.05


@dataclass(frozen=True, repr=False)
class LatentReport:
    """What each dimension of a latent space does; made by :func:`latent_report`.

    ``print(report)`` shows it as text, a notebook as a table.

    Parameters
    ----------
    dimensions : list of str
        Names of the dimensions.
    columns : list
        Names of the columns of the table.
    spread : ndarray of shape (n_components,)
        Standard deviation of the codes.
    kl : ndarray of shape (n_components,) or None
        What the codes tell about the rows, in nats, where the model knows it
        (``kl_per_component_``).
    share : ndarray of shape (n_components,)
        Share of the table that is lost when the dimension is held at its mean: the mean over the
        columns of the share of the variance of a number, and of the errors of the most frequent
        category. A column that is reconstructed worse than by its mean counts as lost.
    explained : float
        The same share for all dimensions together. Their shares need not add up to it.
    active : ndarray of shape (n_components,)
        Whether ``kl`` exceeds 0.05 nats; where the model has none, ``share`` a thousandth.
    r2 : ndarray of shape (n_components, n_columns)
        Share of each column that each dimension alone explains, whatever the shape of the
        dependence; NaN for constant columns.
    slopes : ndarray of shape (n_components, n_columns)
        Mean absolute slope of the decoder: standard deviations of a number, or changes of category,
        per standard deviation of the code.
    correlation : ndarray of shape (n_components, n_components)
        Of the codes; 0 for constant ones.
    n_rows : int
        Rows that were looked at.
    library : {"pandas", "polars", "pyarrow"}
        That of the table; "pandas" for arrays.

    See Also
    --------
    latent_report : Makes reports.
    sklatent.plotting.LatentReportDisplay : Draws them.
    """

    dimensions: list[str]
    columns: list[Any]
    spread: _Float
    kl: _Float | None
    share: _Float
    explained: float
    active: NDArray[np.bool_]
    r2: _Float
    slopes: _Float
    correlation: _Float
    n_rows: int
    library: Literal["pandas", "polars", "pyarrow"] = "pandas"

    def drives(self, dimension: int, n_columns: int = _MOST_NAMED) -> list[tuple[Any, float]]:
        """Name the columns that a dimension tells most about.

        Parameters
        ----------
        dimension : int
            Its position.
        n_columns : int, default=3
            How many columns at most; those with less than 0.05 are left out.

        Returns
        -------
        columns : list of (object, float)
            Names and shares (``r2``), the best first.
        """
        shares = np.nan_to_num(self.r2[dimension])
        best = np.argsort(-shares, kind="stable")[:n_columns]
        return [(self.columns[j], float(shares[j])) for j in best if shares[j] >= _LEAST_NAMED]

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        report : dict
            Nested dicts and lists as ``json.dump`` takes them; None stands for what is not defined.
        """
        plain: dict[str, Any] = as_plain(self)
        return plain

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give a data frame with one row for each dimension.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, default=None
            The library, which must be installed; by default that of the table.

        Returns
        -------
        frame : DataFrame
            Columns ``dimension``, ``active``, ``std``, ``kl`` (if known), ``share``, ``with`` and
            ``correlation`` (the dimension most correlated with it), and an ``r2`` and a ``slope``
            for each column of the table.
        """
        partners = self._partners()
        data: dict[str, Any] = {
            "dimension": self.dimensions,
            "active": self.active.tolist(),
            "std": self.spread.tolist(),
        }
        if self.kl is not None:
            data["kl"] = self.kl.tolist()
        data["share"] = self.share.tolist()
        data["with"] = ["" if j is None else self.dimensions[j] for j, _ in partners]
        data["correlation"] = [value for _, value in partners]
        for label, table in (("r2", self.r2), ("slope", self.slopes)):
            for j, name in enumerate(self.columns):
                data[f"{label} {name}"] = table[:, j].tolist()
        return nw.from_dict(data, backend=backend or self.library).to_native()

    def _partners(self) -> list[tuple[int | None, float]]:
        """Find the dimension that is most correlated with each one."""
        if len(self.dimensions) < 2:
            return [(None, 0.0)] * len(self.dimensions)
        strength = np.abs(self.correlation) - 2.0 * np.eye(len(self.dimensions))
        best = strength.argmax(1)
        return [(int(j), float(self.correlation[i, j])) for i, j in enumerate(best)]

    def _table(self) -> list[list[str]]:
        """Set the cells of the table, the header first and the most important dimension next."""
        header = ["dimension", "std", *([] if self.kl is None else ["KL"]), "share"]
        lines = [[*header, "correlated with", "drives"]]
        partners = self._partners()
        for i in np.argsort(-self.share, kind="stable"):
            name = self.dimensions[i] + ("" if self.active[i] else " (inactive)")
            line = [name, f"{self.spread[i]:.3g}"]
            line += [] if self.kl is None else [f"{self.kl[i]:.2f}"]
            line.append(f"{self.share[i]:.1%}")
            partner, value = partners[i]
            named = partner is not None and abs(value) >= _LEAST_NAMED
            line.append(f"{self.dimensions[partner or 0]} {value:+.2f}" if named else "-")
            line.append(", ".join(f"{column} {share:.2f}" for column, share in self.drives(int(i))))
            lines.append(line)
        return lines

    def _title(self) -> str:
        active = int(self.active.sum())
        varying = int((~np.isnan(self.r2)).any(0).sum())
        columns = f"{varying} columns" + (" that vary" if varying < len(self.columns) else "")
        return (
            f"{len(self.dimensions)} dimensions, {active} active; together they explain "
            f"{self.explained:.1%}, mean over {columns} ({self.n_rows} rows)"
        )

    def __repr__(self) -> str:
        """Give the report in one line."""
        return f"LatentReport({self._title()})"

    def __str__(self) -> str:
        """Set the report as text, the most important dimension first."""
        return f"{self._title()}\n\n{text_lines(self._table(), words=(0, -2, -1))}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{html_lines(self._table())}"


@validate_params(
    {
        "model": "no_validation",
        "X": ["array-like"],
        "max_rows": [Interval(Integral, 10, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def latent_report(
    model: Any,
    X: Any,
    *,
    max_rows: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
) -> LatentReport:
    """Tell what each dimension of a latent space does.

    Parameters
    ----------
    model : transformer
        Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Rows, held out for honest shares; at least two. Categories and missing cells are welcome
        where the model takes them.
    max_rows : int, default=1000
        At most so many rows, drawn at random, are decoded once for each dimension; slopes are taken
        at up to 256 of them. All rows are encoded.
    random_state : int, RandomState instance or None, default=0
        Of that draw.

    Returns
    -------
    LatentReport
        For each dimension: activity, KL where the model knows it, share of the table, the columns
        that it drives, slopes of the decoder and correlations with other dimensions.

    Raises
    ------
    TypeError
        If the model has no ``inverse_transform``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.metrics import latent_report
    >>> X = load_iris(as_frame=True).data
    >>> report = latent_report(PCA(2).fit(X), X)
    >>> report.drives(0, 2)[0][0]
    'petal length (cm)'
    """
    check_latent_model(model)
    X = as_table(X)  # rows of record batches cannot be chosen
    codes = encode(model, X)
    n, k = codes.shape
    if n < 2:
        raise ValueError(f"Found array with n_samples={n} while a minimum of 2 is required.")
    order = check_random_state(random_state).permutation(n)[:max_rows]
    some, rows = codes[order], _safe_indexing(as_table(X), order)
    share, explained = frozen_shares(model, some, rows)
    found = Comparison.of(X, decode(model, codes[:2]))
    kl = getattr(last_step(model), "kl_per_component_", None)
    kl = None if kl is None else np.asarray(kl, dtype=np.float64)
    spread = codes.std(0, dtype=np.float64)
    slopes = decoder_slopes(model, some[:_ROWS_SLOPES], spread, rows)
    wide = codes.astype(np.float64, copy=False)
    # what varies by rounding only may still go with the columns
    living = np.where(alive(wide), wide, 0.0)
    return LatentReport(
        dimensions=component_names(model, k),
        columns=found.names,
        spread=spread,
        kl=kl,
        share=share,
        explained=explained,
        active=share > ACTIVE_SHARE if kl is None else kl > ACTIVE_KL,
        r2=single_r2(living, found),
        slopes=slopes,
        correlation=_correlation(living),
        n_rows=n,
        library=nw.from_native(X).implementation.value if is_frame(X) else "pandas",
    )


def _correlation(codes: _Float) -> _Float:
    spread = codes.std(0)
    centred = (codes - codes.mean(0)) / np.where(spread > 0, spread, 1.0)
    correlation: _Float = np.clip(centred.T @ centred / len(codes), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
