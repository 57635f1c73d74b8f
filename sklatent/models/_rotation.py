"""The latent space turned after training, so that each component means one thing."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning

from sklatent._training import FitOutcome, RowSource
from sklatent._utils._params import StrOptions
from sklatent.base import AnyRows

Array = NDArray[np.float64]
Blocks = tuple[tuple[str, int, int, int, bool], ...]

# Rows to which a rotation is fitted; with fewer than the last number nothing can be told from
# chance: "auto" turns nothing, and no component is left out because of others.
MAX_ROWS, MIN_ROWS = 5000, 50
# At most so many components are turned: those that spread widest.
MAX_ROTATED = 32
# Components are turned if they spread so many times as wide as noise (in variance).
NOISE_MARGIN = 2.0
# Components with such a correlation are laid along their principal axes first.
CORRELATED = 0.3
# A component of which the wider ones explain this share of the variance adds no factor.
REDUNDANT = 0.5
# Rows on which that is found out.
N_PROBES = 1500
# A component that spreads less than this share of the widest is dead.
DEAD = 1e-6
# Correlation with which a direction counts as found again in other rows.
FOUND_AGAIN = 0.95
# "auto" takes independent components if so many are found again, and if at most this share of
# the dependence between components is left.
LEAST_FOUND, MOST_LEFT = 0.5, 0.95
# Bins of equal frequency in which dependence is measured.
N_BINS = 10
# The search for independent directions ends when the cosine of each step is so close to one.
ITERATIONS, ICA_TOL = 500, 1e-4
# Random tables that the loadings are compared with: how far they must stand out in deviations, and
# as a share of the way from chance to one component for each column.
N_NULLS, CLEARLY, SIMPLER = 20, 3.0, 0.25


class Rotation(NamedTuple):
    """An invertible linear map of codes.

    Attributes
    ----------
    kind : {"ica", "varimax"} or None
        How it was found; None is the identity.
    matrix, inverse : ndarray of shape (k, k)
        ``codes @ matrix`` are the turned codes, and back.
    """

    kind: str | None
    matrix: Array
    inverse: Array


def fit_rotation(
    codes: Array,
    loadings: Callable[[Array], Array],
    kind: str,
    *,
    usable: NDArray[np.bool_],
    seed: int,
) -> Rotation:
    """Find directions of codes that mean one thing each.

    Only the components that span the codes are turned. Those that are not usable, that do not
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
        return Rotation(None, np.eye(k), np.eye(k))
    part = codes[:, core] - codes[:, core].mean(0)
    whitener = _whitener(part)
    white = part @ whitener
    found, turn = _choose(white, loadings(white), kind, seed)
    if found is None:
        return Rotation(None, np.eye(k), np.eye(k))
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


def _whitener(centred: Array) -> Array:
    """Give the map that makes centred codes uncorrelated, of unit variance."""
    variance, axes = np.linalg.eigh(centred.T @ centred / len(centred))
    least = DEAD**2 * variance[-1] if variance[-1] > 0 else 1.0
    return np.asarray(axes / np.sqrt(np.maximum(variance, least)))


def _choose(white: Array, loadings: Array, kind: str, seed: int) -> tuple[str | None, Array]:
    """Find the turn of white codes; None if "auto" finds no reason for any."""
    k = white.shape[1]
    if kind == "varimax":
        return kind, varimax(loadings)[0]
    if kind == "ica":
        turn, converged = _independent(white, seed)
        if not converged:
            warnings.warn(
                f"ICA of the codes did not converge in {ITERATIONS} iterations: the directions of "
                "components that are normally distributed are arbitrary. rotation='auto' turns "
                "them only where they are found again in other rows.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return kind, turn
    turn, _ = _independent(white, seed)
    if share_found_again(white, seed) >= LEAST_FOUND and dependence(
        white @ turn
    ) <= MOST_LEFT * dependence(white):
        return "ica", turn
    turn, simplicity = varimax(loadings)
    # random loadings before they are turned: what lies below need not be compared with turned ones
    unturned = 3 / (k + 2)
    if simplicity > unturned + SIMPLER * (1 - unturned):
        rng = np.random.RandomState(seed)
        by_chance = [varimax(rng.standard_normal(loadings.shape))[1] for _ in range(N_NULLS)]
        least = np.mean(by_chance) + SIMPLER * (1 - np.mean(by_chance))
        if simplicity > max(least, np.mean(by_chance) + CLEARLY * np.std(by_chance)):
            return "varimax", turn
    return None, np.eye(k)


def _independent(white: Array, seed: int) -> tuple[Array, bool]:
    """Find the turn that makes white codes as independent as a turn can, and whether it stood.

    Hyvarinen, "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", IEEE
    Trans. Neural Networks, 1999: symmetric, with logcosh. The steps are those of scikit-learn's
    FastICA, which reports failure by a warning alone: warnings cannot be caught in one thread
    without losing those of others.
    """
    n, k = white.shape
    weights = _orthogonal(np.random.RandomState(seed).normal(size=(k, k)))
    for _ in range(ITERATIONS):
        bent = np.tanh(weights @ white.T)
        slope = (1 - bent**2).mean(1)
        before, weights = weights, _orthogonal(bent @ white / n - slope[:, None] * weights)
        step = np.abs(np.einsum("ij,ij->i", weights, before))
        if np.abs(step - 1).max() < ICA_TOL:
            return weights.T, True
    return weights.T, False


def _orthogonal(weights: Array) -> Array:
    """Give the orthogonal matrix that is nearest."""
    squares, axes = linalg.eigh(weights @ weights.T)
    squares = np.maximum(squares, np.finfo(squares.dtype).tiny)
    return np.asarray(np.linalg.multi_dot([axes * (1 / np.sqrt(squares)), axes.T, weights]))


def dependence(codes: Array) -> float:
    """Mean mutual information of two components, in nats, that of chance taken off."""
    n, k = codes.shape
    # equal values share a bin: which row comes first says nothing
    bins = ((rankdata(codes, axis=0) - 1) * N_BINS // n).astype(np.intp) + N_BINS * np.arange(k)
    inside = np.zeros((n, N_BINS * k))
    np.put_along_axis(inside, bins, 1.0, axis=1)
    # all tables of two components in one product
    joint = inside.T @ inside / n
    share = np.diag(joint)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(joint / np.outer(share, share)), 0.0)
    pairs = terms.reshape(k, N_BINS, k, N_BINS).sum((1, 3))
    free = (share > 0).reshape(k, N_BINS).sum(1) - 1
    return float((pairs - np.outer(free, free) / (2 * n))[np.triu_indices(k, 1)].mean())


def share_found_again(white: Array, seed: int) -> float:
    """Share of the independent directions of one half of the rows that the other half finds too."""
    k = white.shape[1]
    halves = np.array_split(np.random.RandomState(seed).permutation(len(white)), 2)
    if len(halves[1]) < 2 * k:
        return 0.0
    sources = []
    for half in halves:
        part = white[half] - white[half].mean(0)
        whitener = _whitener(part)
        sources.append(white @ whitener @ _independent(part @ whitener, seed)[0])
    agreement = np.abs(np.corrcoef(sources[0], sources[1], rowvar=False)[:k, k:])
    matched = agreement[linear_sum_assignment(-agreement)]
    return float(np.mean(matched >= FOUND_AGAIN))


def varimax(loadings: Array) -> tuple[Array, float]:
    """Turn loadings so that each column loads on few components.

    Kaiser, "The varimax criterion for analytic rotation in factor analysis", Psychometrika, 1958;
    with columns of equal length, by the iteration of singular value decompositions.

    Parameters
    ----------
    loadings : ndarray of shape (n_columns, k)
        Loadings on white codes.

    Returns
    -------
    turn : ndarray of shape (k, k)
        Orthogonal.
    simplicity : float
        Mean over columns of the sum of fourth powers of turned loadings of length one: between
        1 / k and 1, where each column loads on one component.
    """
    length = np.linalg.norm(loadings, axis=1)
    unit = loadings[length > 0] / length[length > 0, None]
    turn, before = np.eye(loadings.shape[1]), 0.0
    if not len(unit):
        return turn, 0.0
    for _ in range(ITERATIONS):
        turned = unit @ turn
        gradient = unit.T @ (turned**3 - turned * (turned**2).mean(0))
        left, values, right = np.linalg.svd(gradient)
        turn = left @ right
        if values.sum() <= before * (1 + 1e-10):
            break
        before = values.sum()
    return turn, float(((unit @ turn) ** 4).sum(1).mean())


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


CONSTRAINTS: dict[str, list[Any]] = {"rotation": [StrOptions({"ica", "varimax", "auto"}), None]}


class RotationMixin:
    """The parameter ``rotation``: codes turned on their way out and back on their way in."""

    def _after_training(
        self: Any, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int
    ) -> None:
        super()._after_training(rows, encoded, outcome, seed)  # type: ignore[misc]
        k = self.n_components_
        none = Rotation(None, np.eye(k), np.eye(k))
        self.rotation_, self.rotation_matrix_, self._unrotation = none
        if self.rotation is None:
            return
        if len(encoded) > MAX_ROWS:
            chosen = np.random.RandomState(seed).permutation(len(encoded))[:MAX_ROWS]
            encoded = encoded.subset(np.sort(chosen))
        cells = np.concatenate(list(encoded.arrays()))
        codes = self._run_on_codes("encode", cells)
        usable = self._informative(cells, codes)
        # codes that start at principal components lie along them already
        axes = np.eye(k) if self._starts_at_pca() else principal_frame(codes, usable)
        found = fit_rotation(
            codes @ axes,
            lambda white: loadings_of(cells, self.table_.blocks_, white),
            self.rotation,
            usable=usable,
            seed=seed,
        )
        if found.kind is not None:
            self.rotation_, matrix, inverse = found
            self.rotation_matrix_, self._unrotation = axes @ matrix, inverse @ axes.T

    def _provisional(self: Any, n_components: int) -> dict[str, Any]:
        before: dict[str, Any] = super()._provisional(n_components)  # type: ignore[misc]
        return {**before, "rotation_": None}

    def _turn(self: Any, codes: NDArray[Any]) -> NDArray[Any]:
        if getattr(self, "rotation_", None) is None:
            return codes
        return np.asarray(codes @ self.rotation_matrix_, dtype=codes.dtype)

    def _turn_spread(self: Any, std: NDArray[Any]) -> NDArray[Any]:
        """Turn standard deviations of independent codes."""
        if getattr(self, "rotation_", None) is None:
            return std
        return np.asarray(np.sqrt(std**2 @ self.rotation_matrix_**2), dtype=std.dtype)

    def _turn_back(self: Any, codes: NDArray[Any]) -> NDArray[Any]:
        if getattr(self, "rotation_", None) is None:
            return codes
        return np.asarray(codes @ self._unrotation, dtype=codes.dtype)
