"""Codes rotated after training, so that each component means one thing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from sklatent._training import RowSource
from sklatent._utils.notice import warn_caller
from sklatent.parts._directions import (
    DEAD,
    ITERATIONS,
    dependence,
    independent,
    share_found_again,
    varimax,
    whitener_of,
)

Array = NDArray[np.float64]
# Kind, first column, one past the last, number of levels, whether cells are missing.
Blocks = Sequence[tuple[str, int, int, int, bool]]

# Rows to which a rotation is fitted; with fewer than the last number nothing can be told from
# chance: "auto" rotates nothing, and no component is left out because of others.
MAX_ROWS, MIN_ROWS = 5000, 50
# At most so many components are rotated: those that spread widest.
MAX_ROTATED = 32
# Components are rotated if they spread so many times as wide as noise (in variance).
NOISE_MARGIN = 2.0
# Components with such a correlation are laid along their principal axes first.
CORRELATED = 0.3
# A component of which the wider ones explain this share of the variance adds no factor.
REDUNDANT = 0.5
# Rows on which that is found out.
N_PROBES = 1500
# "auto" takes independent components if so many are found again, and if at most this share of
# the dependence between components is left.
LEAST_FOUND, MOST_LEFT = 0.5, 0.95
# Random tables that the loadings are compared with: how far they must stand out in deviations, and
# as a share of the way from chance to one component for each column.
N_NULLS, CLEARLY, SIMPLER = 20, 3.0, 0.25


@dataclass(frozen=True)
class Rotation:
    """An invertible linear map of codes, on their way out, and back on their way in.

    Attributes
    ----------
    kind : {"ica", "varimax"} or None
        How it was found; None is the identity.
    matrix, inverse : ndarray of shape (k, k)
        ``codes @ matrix`` are the rotated codes, and back.
    """

    kind: str | None
    matrix: Array
    inverse: Array

    @classmethod
    def none(cls, n_components: int) -> "Rotation":
        """Return the identity."""
        return cls(None, np.eye(n_components), np.eye(n_components))

    def rotate(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Rotate the codes of the module into those that are answered."""
        if self.kind is None:
            return codes
        return np.asarray(codes @ self.matrix, dtype=codes.dtype)

    def rotate_spread(self, std: NDArray[Any]) -> NDArray[Any]:
        """Rotate standard deviations of independent codes."""
        if self.kind is None:
            return std
        return np.asarray(np.sqrt(std**2 @ self.matrix**2), dtype=std.dtype)

    def rotate_back(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Rotate answered codes into those of the module."""
        if self.kind is None:
            return codes
        return np.asarray(codes @ self.inverse, dtype=codes.dtype)

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays."""
        return {"kind": self.kind, "matrix": self.matrix, "inverse": self.inverse}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Rotation":
        """Make the rotation that gave this state."""
        return cls(**state)


def rows_to_rotate(encoded: RowSource, seed: int) -> Array:
    """Return encoded training rows, not too many, to which a rotation is fitted."""
    if len(encoded) > MAX_ROWS:
        chosen = np.random.RandomState(seed).permutation(len(encoded))[:MAX_ROWS]
        encoded = encoded.subset(np.sort(chosen))
    return np.concatenate(list(encoded.arrays()))


def rotation_of(
    cells: Array,
    codes: Array,
    blocks: Blocks,
    kind: str,
    *,
    usable: NDArray[np.bool_],
    along_axes: bool,
    seed: int,
) -> Rotation:
    """Fit a rotation to rows and their codes.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, n_features)
        Encoded rows.
    codes : ndarray of shape (n_samples, k)
        Their codes.
    blocks : sequence of (str, int, int, int, bool)
        What the columns are (:attr:`TabularEncoder.blocks_`).
    kind : {"ica", "varimax", "auto"}
        As in :func:`fit_rotation`.
    usable : ndarray of shape (k,), dtype=bool
        Components that say anything about the rows.
    along_axes : bool
        Whether codes lie along principal axes already; if not, correlated ones are laid there.
    seed : int
        Seed.

    Returns
    -------
    Rotation
        The identity where nothing was found.
    """
    k = codes.shape[1]
    axes = np.eye(k) if along_axes else principal_frame(codes, usable)
    found = fit_rotation(
        codes @ axes,
        lambda white: loadings_of(cells, blocks, white),
        kind,
        usable=usable,
        seed=seed,
    )
    if found.kind is None:
        return Rotation.none(k)
    return Rotation(found.kind, axes @ found.matrix, found.inverse @ axes.T)


def fit_rotation(
    codes: Array,
    loadings: Callable[[Array], Array],
    kind: str,
    *,
    usable: NDArray[np.bool_],
    seed: int,
) -> Rotation:
    """Find directions of codes that mean one thing each.

    Only the components that span the codes are rotated. Those that are not usable, that do not
    vary, or that the wider ones determine come behind them as they are.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, k)
        Codes of training rows.
    loadings : callable
        Takes white codes (n_samples, r), gives the loadings (n_columns, r) of the table's columns
        on them.
    kind : {"ica", "varimax", "auto"}
        "ica" makes the components independent, "varimax" lets each drive few columns. "auto" takes
        independent ones where they are found again in other rows, else those of few columns where
        the loadings are simpler than by chance, else none.
    usable : ndarray of shape (k,), dtype=bool
        Components that say anything about the rows.
    seed : int
        Seed.

    Returns
    -------
    Rotation
        Turned components have the length in ``codes`` that they span, the longest first.
    """
    k = codes.shape[1]
    core = core_components(codes, usable, seed)
    least = max(2 * len(core), MIN_ROWS if kind == "auto" else 0)
    if len(codes) < least or len(core) < 2:
        return Rotation.none(k)
    part = codes[:, core] - codes[:, core].mean(0)
    whitener = whitener_of(part)
    white = part @ whitener
    found, turn = _choose(white, loadings(white), kind, seed)
    if found is None:
        return Rotation.none(k)
    forward, backward = whitener @ turn, np.linalg.inv(whitener @ turn)
    length = np.linalg.norm(backward, axis=1)
    order = np.argsort(-length, kind="stable")
    # as scikit-learn fixes signs: the largest weight of each component is positive
    widest = np.abs(backward).argmax(1)
    scale = (length * np.sign(backward[np.arange(len(core)), widest]))[order]
    forward, backward = forward[:, order] * scale, backward[order] / scale[:, None]
    rest = np.setdiff1d(np.arange(k), core)
    matrix, inverse = np.zeros((k, k)), np.zeros((k, k))
    matrix[core, : len(core)], inverse[: len(core), core] = forward, backward
    behind = np.arange(len(core), k)
    matrix[rest, behind] = inverse[behind, rest] = 1.0
    return Rotation(found, matrix, inverse)


def principal_frame(codes: Array, usable: NDArray[np.bool_]) -> Array:
    """Give the orthogonal map (k, k) that lays correlated codes along their principal axes.

    Of components that go together none follows from the others more than the other way round.
    """
    frame = np.eye(codes.shape[1])
    part = codes[:, usable] - codes[:, usable].mean(0)
    spread = part.std(0)
    correlation = part.T @ part / len(part) / np.maximum(np.outer(spread, spread), 1e-300)
    if np.abs(np.triu(correlation, 1)).max(initial=0.0) > CORRELATED:
        frame[np.ix_(usable, usable)] = np.linalg.eigh(part.T @ part)[1][:, ::-1]
    return frame


def core_components(codes: Array, usable: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Choose the components that the others follow from, the widest first.

    A code wider than the table has factors lies on a bent surface: its narrower components are
    functions of the wider ones. Kernel ridge regression on every third row left out tells.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, k)
        Codes.
    usable : ndarray of shape (k,), dtype=bool
        Components to choose from.
    seed : int
        Of the rows that are looked at.

    Returns
    -------
    ndarray of shape (n_core,)
        Positions in ``codes``.
    """
    spread = codes.std(0)
    usable = usable & (spread > DEAD * spread.max(initial=0.0)) & (spread > 0)
    order = np.argsort(-spread, kind="stable")
    order = order[usable[order]][:MAX_ROTATED]
    if len(order) < 2 or len(codes) < MIN_ROWS:
        return order
    probes = np.random.RandomState(seed).permutation(len(codes))[:N_PROBES]
    z = (codes[probes] - codes[probes].mean(0)) / np.where(usable, spread, np.inf)
    known, asked = slice(0, 2 * len(z) // 3), slice(2 * len(z) // 3, None)
    distance = np.zeros((len(z), len(z[known])))
    core: list[int] = []
    for j in order:
        apart = (z[:, j, None] - z[known, j]) ** 2
        if core:
            kernel = np.exp(-distance / (2 * len(core)))
            ridge = kernel[known] + 0.1 * np.eye(len(kernel[known]))
            guess = kernel[asked] @ np.linalg.solve(ridge, z[known, j])
            if np.mean((z[asked, j] - guess) ** 2) < (1 - REDUNDANT) * np.var(z[asked, j]):
                continue
        core.append(int(j))
        distance += apart
    return np.asarray(core, dtype=np.intp)


def _choose(white: Array, loadings: Array, kind: str, seed: int) -> tuple[str | None, Array]:
    """Find the rotation of white codes; None if "auto" finds no reason for any."""
    k = white.shape[1]
    if kind == "varimax":
        return kind, varimax(loadings)[0]
    if kind == "ica":
        turn, converged = independent(white, seed)
        if not converged:
            warn_caller(
                f"ICA of the codes did not converge in {ITERATIONS} iterations: the directions of "
                "components that are normally distributed are arbitrary. rotation='auto' rotates "
                "them only where they are found again in other rows.",
                ConvergenceWarning,
            )
        return kind, turn
    turn, _ = independent(white, seed)
    if share_found_again(white, seed) >= LEAST_FOUND and dependence(
        white @ turn
    ) <= MOST_LEFT * dependence(white):
        return "ica", turn
    turn, simplicity = varimax(loadings)
    # random loadings before rotation: what lies below need not be compared with rotated ones
    unturned = 3 / (k + 2)
    if simplicity > unturned + SIMPLER * (1 - unturned):
        rng = np.random.RandomState(seed)
        by_chance = [varimax(rng.standard_normal(loadings.shape))[1] for _ in range(N_NULLS)]
        least = np.mean(by_chance) + SIMPLER * (1 - np.mean(by_chance))
        if simplicity > max(least, np.mean(by_chance) + CLEARLY * np.std(by_chance)):
            return "varimax", turn
    return None, np.eye(k)


def loadings_of(cells: Array, blocks: Blocks, white: Array) -> Array:
    """Loadings of the columns of a table on white codes of its rows.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, n_features)
        Encoded rows; missing cells are at the mean.
    blocks : tuple of (str, int, int, int, bool)
        What the columns are (:attr:`TabularEncoder.blocks_`); each level of a category is a
        column of its own, one if a row has it.
    white : ndarray of shape (n_samples, k)
        Uncorrelated codes of unit variance, centred.

    Returns
    -------
    ndarray of shape (n_columns, k)
        Correlations.
    """
    found = []
    for kind, first, last, n_levels, _ in blocks:
        values = cells[:, first:last]
        if kind == "category":
            code = np.where(np.isnan(values[:, 0]), n_levels, values[:, 0]).astype(np.intp)
            sums = [np.bincount(code, z, minlength=n_levels + 1)[:n_levels] for z in white.T]
            share = np.bincount(code, minlength=n_levels + 1)[:n_levels] / len(code)
            spread = np.sqrt(share * (1 - share))
            found.append(_over(np.column_stack(sums) / len(code), spread))
        elif kind != "constant":
            known = ~np.isnan(values)
            mean = np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
            centred = np.where(known, values - mean, 0.0)
            found.append(_over(centred.T @ white / len(white), centred.std(0)))
    return np.concatenate([np.zeros((0, white.shape[1])), *found])


def _over(covariance: Array, spread: Array) -> Array:
    return np.asarray(covariance / np.where(spread > 0, spread, np.inf)[:, None])


def kl_from_all(mean: Array, std: Array) -> Array:
    """Mean KL divergence of each component's posteriors from the normal of all of them together."""
    variance = std**2
    together = mean.var(0) + variance.mean(0)
    return np.asarray(0.5 * (np.log(together) - np.log(variance).mean(0)), dtype=np.float64)
