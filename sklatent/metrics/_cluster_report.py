"""What clusters consist of, and whether they are found again."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import check_is_fitted

from sklatent._utils._params import Integral, Interval, validate_params
from sklatent.metrics._cluster_traits import ClusterTrait, traits_of
from sklatent.metrics._distances import MixedSpace, between
from sklatent.metrics._figures import as_plain, html_lines, html_notes, text_lines
from sklatent.metrics._tables import Tables, read_tables
from sklatent.tabular import as_table, is_frame

_Float = NDArray[np.float64]

# Rows of a cluster among which its medoid is sought.
_ROWS_MEDOID = 1000
# Columns that are named, and the stability below which a cluster is said to dissolve.
_MOST_NAMED, _DISSOLVES = 3, 0.6


@dataclass(frozen=True, repr=False)
class ClusterReport:
    """What the clusters of a table are; made by :func:`cluster_report`.

    ``print(report)`` shows it as text, a notebook as a table.

    Parameters
    ----------
    labels : ndarray of shape (n_clusters,)
        The labels that occur.
    sizes : ndarray of shape (n_clusters,)
        Rows of each cluster.
    shares : ndarray of shape (n_clusters,)
        The same as shares of all rows.
    stability : ndarray of shape (n_clusters,) or None
        How well each cluster is found again, between 0 and 1; None where that was not asked.
    medoids : ndarray of shape (n_clusters,)
        Position of the medoid of each cluster: the row that lies nearest to the others.
    medoid_rows : array or data frame of shape (n_clusters, n_features)
        These rows, in the container of the table.
    traits : list of list of ClusterTrait
        For each cluster the columns in which it differs clearly from all other rows, the
        strongest first.
    n_rows : int
        Rows that were looked at.
    library : {"pandas", "polars", "pyarrow"}
        That of the table; "pandas" for arrays.

    See Also
    --------
    cluster_report : Makes reports.
    sklatent.plotting.ClusterDisplay : Draws clusters.
    """

    labels: NDArray[Any]
    sizes: NDArray[np.intp]
    shares: _Float
    stability: _Float | None
    medoids: NDArray[np.intp]
    medoid_rows: Any
    traits: list[list[ClusterTrait]]
    n_rows: int
    library: Literal["pandas", "polars", "pyarrow"] = "pandas"

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on what looks wrong, in sentences; empty if nothing does."""
        found = []
        if self.stability is not None and (self.stability < _DISSOLVES).any():
            weak = _listed(self.labels[self.stability < _DISSOLVES])
            found.append(
                f"{weak}: not found again in resampled rows (stability below {_DISSOLVES})."
            )
        alike = np.array([not traits for traits in self.traits])
        if alike.any() and len(self.labels) > 1:
            found.append(f"{_listed(self.labels[alike])}: no single column tells it from others.")
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        report : dict
            Nested dicts and lists as ``json.dump`` takes them, without ``medoid_rows``; None
            stands for what is not defined.
        """
        parts = {**vars(self), "notes": self.notes}
        del parts["medoid_rows"]
        plain: dict[str, Any] = as_plain(parts)
        return plain

    def to_frame(self, backend: Literal["pandas", "polars", "pyarrow"] | None = None) -> Any:
        """Give a data frame with one row for each cluster.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, default=None
            The library, which must be installed; by default that of the table.

        Returns
        -------
        frame : DataFrame
            Columns ``cluster``, ``size``, ``share``, ``stability`` (if known), ``medoid``
            (position of the row) and ``traits`` (in words).
        """
        data: dict[str, Any] = {
            "cluster": self.labels.tolist(),
            "size": self.sizes.tolist(),
            "share": self.shares.tolist(),
        }
        if self.stability is not None:
            data["stability"] = self.stability.tolist()
        data["medoid"] = self.medoids.tolist()
        data["traits"] = [self._words(i) for i in range(len(self.labels))]
        return nw.from_dict(data, backend=backend or self.library).to_native()

    def _words(self, i: int) -> str:
        return "; ".join(trait.words for trait in self.traits[i][:_MOST_NAMED])

    def _table(self) -> list[list[str]]:
        """Set the cells of the table, the header first and the largest cluster next."""
        stable = self.stability is not None
        header = ["cluster", "rows", "share", *(["stability"] if stable else []), "medoid"]
        lines = [[*header, "what distinguishes it"]]
        for i in np.argsort(-self.sizes, kind="stable"):
            line = [str(self.labels[i]), str(self.sizes[i]), f"{self.shares[i]:.1%}"]
            line += [] if self.stability is None else [f"{self.stability[i]:.2f}"]
            lines.append([*line, f"row {self.medoids[i]}", self._words(int(i)) or "-"])
        return lines

    def _title(self) -> str:
        return f"{len(self.labels)} clusters of {self.n_rows} rows"

    def __repr__(self) -> str:
        """Give the report in one line."""
        return f"ClusterReport({self._title()})"

    def __str__(self) -> str:
        """Set the report as text, the largest cluster first."""
        notes = "\n".join(f"- {note}" for note in self.notes)
        table = text_lines(self._table(), words=(0, -1))
        return "\n\n".join(part for part in (self._title(), table, notes) if part)

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{html_lines(self._table())}{html_notes(self.notes)}"


def _listed(labels: NDArray[Any]) -> str:
    names = ", ".join(map(str, labels))
    return f"Cluster {names}" if len(labels) == 1 else f"Clusters {names}"


@validate_params(
    {
        "model": "no_validation",
        "X": ["array-like"],
        "n_resamples": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def cluster_report(
    model: Any,
    X: Any,
    *,
    n_resamples: int = 5,
    random_state: int | np.random.RandomState | None = 0,
) -> ClusterReport:
    """Tell what clusters consist of, and whether they are found again.

    Parameters
    ----------
    model : clusterer
        Fitted, with ``predict``: a :class:`~sklatent.LatentClusterer`, one of scikit-learn, or a
        pipeline of such.
    X : {array-like, data frame} of shape (n_samples, n_features)
        Rows, as a rule those that it was fitted to. Categories and missing cells are welcome
        where the model takes them.
    n_resamples : int, default=5
        How often a clone is fitted to rows drawn with replacement, which costs as many fits; 0
        leaves the stability out.
    random_state : int, RandomState instance or None, default=0
        Of the draws, and of the clones, nested ones too.

    Returns
    -------
    ClusterReport
        For each cluster: its size and share; its *medoid*, the row with the least mean distance
        to the others (numbers in interquartile ranges, 1 where categories differ; of more than
        1,000 rows a random 1,000 are compared); the columns that distinguish it, by differences
        of means in robust units and lifts of levels; its *stability*, the mean over the
        resamples of the Jaccard index, shared rows over all rows of both, with the most alike
        cluster of the clone. All rows of ``X`` are labelled for that. Above 0.75 or so a cluster
        is a pattern of the table, below 0.6 one of the sample [1]_.

    Raises
    ------
    TypeError
        If the model has no ``predict``.
    NotFittedError
        If it is not fitted.

    See Also
    --------
    clustering_stability : One figure for all clusters, for searches.

    References
    ----------
    .. [1] Hennig, "Cluster-Wise Assessment of Cluster Stability", Computational Statistics and
       Data Analysis, 2007.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> from sklatent.metrics import cluster_report
    >>> X = load_iris(as_frame=True).data
    >>> report = cluster_report(KMeans(2, random_state=0).fit(X), X)
    >>> report.sizes
    array([53, 97])
    >>> report.traits[0][0].words
    'petal length (cm) 1.56 (others 4.959, -7.6 sd)'
    >>> report.stability.min() > 0.9
    np.True_
    """
    if not hasattr(model, "predict"):
        raise TypeError(
            f"{type(model).__name__} has no predict: give a fitted clusterer that has, for "
            "instance a LatentClusterer or a KMeans."
        )
    check_is_fitted(model)
    X = as_table(X)  # rows of record batches cannot be chosen
    random = check_random_state(random_state)
    labels, codes = np.unique(np.asarray(model.predict(X)), return_inverse=True)
    sizes = np.bincount(codes)
    table = read_tables({"X": X}, 1)
    medoids = _medoids(table, codes, random)
    return ClusterReport(
        labels=labels,
        sizes=sizes,
        shares=sizes / len(codes),
        stability=_stability(model, X, codes, n_resamples, random) if n_resamples else None,
        medoids=medoids,
        medoid_rows=_safe_indexing(X, medoids),
        traits=traits_of(table, codes),
        n_rows=len(codes),
        library=nw.from_native(X).implementation.value if is_frame(X) else "pandas",
    )


def _medoids(
    table: Tables, codes: NDArray[np.intp], random: np.random.RandomState
) -> NDArray[np.intp]:
    cells = table.matrices[0]
    space = MixedSpace(table.columns, cells)
    medoids = []
    for code in range(int(codes.max()) + 1):
        some = np.sort(random.permutation(np.flatnonzero(codes == code))[:_ROWS_MEDOID])
        points = space.points(cells[some])
        medoids.append(some[between(points, points).sum(0).argmin()])
    return np.array(medoids, dtype=np.intp)


def _stability(
    model: Any, X: Any, codes: NDArray[Any], n_resamples: int, random: np.random.RandomState
) -> _Float:
    """Mean over the resamples of the Jaccard index with the most alike cluster."""
    found = np.zeros(codes.max() + 1)
    for _ in range(n_resamples):
        draw = random.randint(len(codes), size=len(codes))
        other = clone(model)
        seeds = [name for name in sorted(other.get_params()) if name.endswith("random_state")]
        other.set_params(**{name: random.randint(2**31 - 1) for name in seeds})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the model has given its own
            labels = other.fit(_safe_indexing(X, draw)).predict(X)
        shared = contingency_matrix(codes, labels)
        either = shared.sum(1, keepdims=True) + shared.sum(0) - shared
        found += (shared / either).max(1)
    return np.asarray(found / n_resamples)
