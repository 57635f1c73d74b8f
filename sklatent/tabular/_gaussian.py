"""A normal distribution of encoded rows, and what it tells of the missing cells of a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

# Rows and cells that it is fitted to, at most.
MAX_ROWS, MAX_CELLS = 10_000, 1 << 22
# Widest table whose covariance is held in full, and axes that stand for wider ones.
MAX_FULL, N_AXES = 128, 64
# Rows for each of these axes: with fewer they would be noise.
ROWS_PER_AXIS = 4
# Least variance of a column beside the axes, as a share of its own.
LEAST_NOISE = 1e-3


@dataclass(frozen=True, eq=False)
class GaussianFill:
    """Rows as normal with covariance ``factor @ factor.T + diag(noise)``.

    Parameters
    ----------
    mean : ndarray of shape (n_columns,)
        Mean of each column.
    factor : ndarray of shape (n_columns, n_axes)
        What the columns have in common.
    noise : ndarray of shape (n_columns,)
        Variance beside that, positive.
    """

    mean: np.ndarray
    factor: np.ndarray
    noise: np.ndarray

    @classmethod
    def fit(cls, matrix: np.ndarray) -> Self:
        """Fit to rows.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            Encoded rows. Up to 128 columns have the covariance of Ledoit and Wolf, "A
            Well-Conditioned Estimator for Large-Dimensional Covariance Matrices", 2004, of the
            standardized columns, over the rows that know both of two columns; wider tables 64
            principal axes and the variance that these leave in each column.

        Returns
        -------
        fill : GaussianFill
            The distribution.
        """
        # loads much of scikit-learn and scipy, which an encoder alone has no use for
        from sklearn.covariance import ledoit_wolf_shrinkage
        from sklearn.decomposition import PCA

        known = ~np.isnan(matrix)
        count = np.maximum(1, known.sum(0))
        x = np.where(known, matrix, 0.0).astype(np.float64)
        mean = x.sum(0) / count
        x = np.where(known, x - mean, 0.0)
        scale = np.sqrt((x**2).sum(0) / count)
        scale[scale == 0] = 1.0
        x /= scale
        n, p = x.shape
        if p <= MAX_FULL:
            together = known.astype(np.float64)
            covariance = (x.T @ x) / np.maximum(1.0, together.T @ together)
            share = ledoit_wolf_shrinkage(x, assume_centered=True)
            covariance = (1 - share) * covariance + share * np.trace(covariance) / p * np.eye(p)
            values, axes = np.linalg.eigh(covariance)
            # no covariance is negative: rows that know other columns may disagree
            least = values[0] if values[0] > 0 else LEAST_NOISE
            noise = np.full(p, least)
            factor = axes * np.sqrt(np.maximum(values - least, 0.0))
        else:
            k = min(N_AXES, max(1, n // ROWS_PER_AXIS))
            pca = PCA(k, svd_solver="randomized", random_state=0).fit(x)
            factor = pca.components_.T * np.sqrt(pca.explained_variance_ * (n - 1) / n)
            noise = np.maximum(x.var(0) - (factor**2).sum(1), LEAST_NOISE)
        # axes of wide tables are estimates to a few digits, and fill files
        kept = np.float64 if p <= MAX_FULL else np.float32
        return cls(mean, (factor * scale[:, None]).astype(kept), noise * scale**2)

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        """Fill missing cells by their conditional mean, given the other cells of their row.

        Parameters
        ----------
        matrix : ndarray of shape (n_samples, n_columns)
            Encoded rows, NaN where missing.

        Returns
        -------
        filled : ndarray of shape (n_samples, n_columns)
            In the same dtype; the matrix itself where nothing is missing.
        """
        missing = np.isnan(matrix)
        if not missing.any():
            return matrix
        filled = matrix.copy()
        for rows, unknown in patterns(missing):
            known = ~unknown
            weights = self._gain(unknown, known) @ self.factor[unknown].T
            rest = matrix[np.ix_(rows, known)].astype(np.float64) - self.mean[known]
            filled[np.ix_(rows, unknown)] = self.mean[unknown] + rest @ weights
        return filled

    def root(self, unknown: np.ndarray) -> np.ndarray:
        """Give the root of what unknown cells have in common, given the others.

        Parameters
        ----------
        unknown : ndarray of shape (n_columns,), dtype=bool
            Which cells are unknown.

        Returns
        -------
        root : ndarray of shape (n_columns, n_axes)
            Zero for known cells. The conditional covariance is ``root @ root.T``, and
            ``noise[unknown]`` on the diagonal.
        """
        factor = np.where(unknown[:, None], self.factor, 0.0)
        lower = np.linalg.cholesky(self._precision(~unknown))
        return np.asarray(solve_triangular(lower, factor.T, lower=True).T)

    def _gain(self, unknown: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Mean of the axes given known cells, as weights of shape (n_known, n_axes)."""
        weighted = self.factor[known] / self.noise[known, None]
        return np.asarray(cho_solve(cho_factor(self._precision(known)), weighted.T).T)

    def _precision(self, known: np.ndarray) -> np.ndarray:
        factor = self.factor[known]
        common = factor.T @ (factor / self.noise[known, None])
        return np.asarray(common + np.eye(len(common)))

    def to_state(self) -> dict[str, Any]:
        """Give plain arrays."""
        return {"mean": self.mean, "factor": self.factor, "noise": self.noise}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Make the distribution that gave this state."""
        return cls(**state)


def patterns(missing: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Group incomplete rows by which of their cells are missing.

    Parameters
    ----------
    missing : ndarray of shape (n_samples, n_columns), dtype=bool
        Which cells are missing.

    Yields
    ------
    rows : ndarray of int
        Positions of the rows with one pattern.
    unknown : ndarray of shape (n_columns,), dtype=bool
        The pattern.
    """
    incomplete = np.flatnonzero(missing.any(1))
    found, which = np.unique(missing[incomplete], axis=0, return_inverse=True)
    for i, unknown in enumerate(found):
        yield incomplete[which.ravel() == i], unknown
