"""Clusters as mixtures of Gaussians in the latent space: what answers about new rows."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from sklatent._utils.persistence import check_state, stamp
from sklatent.tasks._graph import relabel

Array = NDArray[np.float64]
Labels = NDArray[np.intp]

LOG_2PI = float(np.log(2 * np.pi))
# Gaussians tried for each cluster, and the agreement with its rows at which more are not tried.
SIZES = (1, 2, 4, 8, 16)
AGREEMENT = 0.99
# Rows that a Gaussian needs.
LEAST_ROWS = 8
# Share of the mean variance that no direction falls below.
FLOOR = 1e-3
CHUNK_ROWS = 4096


class ClusterMixture:
    """A mixture whose components belong to clusters.

    Parameters
    ----------
    weights : ndarray of shape (m,)
        Sums to one.
    means : ndarray of shape (m, q)
    covariances : ndarray of shape (m, q, q)
        Positive definite.
    owners : ndarray of shape (m,)
        Cluster of each component.
    """

    def __init__(self, weights: Array, means: Array, covariances: Array, owners: Labels) -> None:
        self.weights = weights
        self.means = means
        self.factors = np.linalg.cholesky(covariances)
        self.owners = owners
        eye = np.eye(means.shape[1])
        self.whitening = np.stack([solve_triangular(f, eye, lower=True) for f in self.factors])

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.owners.max()) + 1

    @classmethod
    def fit(
        cls,
        codes: Array,
        labels: Labels,
        random: np.random.RandomState,
        copies: Labels | int = 1,
    ) -> Self:
        """Describe clusters of rows, taken so often, by the fewest Gaussians that agree."""
        codes, labels = np.repeat(codes, copies, axis=0), np.repeat(labels, copies)
        best = cls._of_size(codes, labels, SIZES[0], random)
        best_share = float((best.predict(codes) == labels).mean())
        for size in SIZES[1:]:
            if best_share >= AGREEMENT:
                break
            mixture = cls._of_size(codes, labels, size, random)
            share = float((mixture.predict(codes) == labels).mean())
            if share > best_share + 1e-3:
                best, best_share = mixture, share
        return best

    @classmethod
    def _of_size(
        cls, codes: Array, labels: Labels, size: int, random: np.random.RandomState
    ) -> Self:
        parts: list[Labels] = []
        owners: list[int] = []
        for label in range(int(labels.max()) + 1):
            rows = np.flatnonzero(labels == label)
            pieces = kmeans(codes[rows], min(size, max(1, len(rows) // LEAST_ROWS)), random)
            for piece in range(int(pieces.max()) + 1):
                parts.append(rows[pieces == piece])
                owners.append(label)
        counts = np.array([len(part) for part in parts], dtype=np.float64)
        means = np.stack([codes[part].mean(0) for part in parts])
        scatters = np.stack(
            [
                (codes[part] - mean).T @ (codes[part] - mean)
                for part, mean in zip(parts, means, strict=True)
            ]
        )
        return cls(
            counts / counts.sum(), means, _shrunk(scatters, counts), np.array(owners, dtype=np.intp)
        )

    def log_joint(self, codes: NDArray[Any]) -> Array:
        """Log density of each code in each cluster, with the cluster's weight: (n, k)."""
        codes = np.asarray(codes, dtype=np.float64)
        joint = np.empty((len(codes), self.n_clusters))
        for start in range(0, len(codes), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            each = self._log_components(codes[part])
            for label in range(self.n_clusters):
                joint[part, label] = logsumexp(each[:, self.owners == label], axis=1)
        return joint

    def _log_components(self, codes: Array) -> Array:
        each = np.empty((len(codes), len(self.weights)))
        for i, (mean, whitening) in enumerate(zip(self.means, self.whitening, strict=True)):
            white = (codes - mean) @ whitening.T
            log_det = float(np.log(np.diag(whitening)).sum())
            each[:, i] = log_det - 0.5 * (white**2).sum(1)
        constant = 0.5 * LOG_2PI * codes.shape[1]
        return np.asarray(each + np.log(self.weights) - constant)

    def predict(self, codes: NDArray[Any]) -> Labels:
        """Most likely cluster of each code."""
        return np.asarray(self.log_joint(codes).argmax(1))

    def tells_apart(self, codes: NDArray[Any]) -> bool:
        """Whether each cluster is the most likely one of some code."""
        return len(np.unique(self.predict(codes))) == self.n_clusters

    def centers(self) -> Array:
        """Mean of each cluster: (k, q)."""
        return np.stack(
            [
                np.average(self.means[mine], axis=0, weights=self.weights[mine])
                for mine in (self.owners == label for label in range(self.n_clusters))
            ]
        )

    def draw(self, n: int, cluster: int | None, random: np.random.RandomState) -> Array:
        """Draw codes, of one cluster or of all."""
        shares = self.weights if cluster is None else self.weights * (self.owners == cluster)
        chosen = random.choice(len(shares), size=n, p=shares / shares.sum())
        noise = random.standard_normal((n, self.means.shape[1]))
        return np.asarray(self.means[chosen] + np.einsum("nij,nj->ni", self.factors[chosen], noise))

    def of(self, clusters: Labels) -> Self:
        """Keep some clusters, numbered from 0 in their order."""
        kept = np.isin(self.owners, clusters)
        state = {name: values[kept] for name, values in vars(self).items()}
        state["weights"] = state["weights"] / state["weights"].sum()
        state["owners"] = relabel(state["owners"])
        return self.from_state(state)

    def to_state(self) -> dict[str, Any]:
        """Give plain arrays, from which :meth:`from_state` makes the same mixture."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make the mixture that :meth:`to_state` has described."""
        mixture = cls.__new__(cls)
        vars(mixture).update(state)
        return mixture

    def __getstate__(self) -> dict[str, Any]:
        """Give the state, stamped with the version of this library."""
        return stamp(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved mixture."""
        vars(self).update(check_state(type(self).__name__, state))


def _shrunk(scatters: Array, counts: Array) -> Array:
    """Draw covariances towards the pooled one: strongly where there are few rows."""
    q = scatters.shape[1]
    pooled = scatters.sum(0) / counts.sum()
    variance = float(np.trace(pooled)) / q
    degrees = q + 2.0
    covariances = (scatters + degrees * pooled) / (counts + degrees)[:, None, None]
    floor = FLOOR * variance if variance > 0 else 1e-12
    return np.asarray(covariances + max(floor, 1e-12) * np.eye(q))


def kmeans(
    X: Array,
    n_clusters: int,
    random: np.random.RandomState,
    *,
    n_init: int = 1,
    copies: Labels | None = None,
) -> Labels:
    """Labels of k-means, numbered from 0; fewer where fewer rows differ."""
    if n_clusters == 1:
        return np.zeros(len(X), dtype=np.intp)
    seed = int(random.randint(2**31 - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters
        model = KMeans(n_clusters, n_init=n_init, random_state=seed)
        labels = model.fit_predict(X, sample_weight=copies)
    return relabel(labels)
