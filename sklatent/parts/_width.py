"""How wide the latent space must be, read off one ordered autoencoder."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import chi2

from sklatent._training import Fit, FitOutcome, RowSource
from sklatent.parts._principal import PrincipalAxes, principal_axes
from sklatent.parts._skip_autoencoder import autoencoder_recipe

Array = NDArray[np.float64]

# Fewer rows than this: the curve is that of PCA.
MIN_ROWS = 400
# The widest space that "auto" looks at: beyond it the elbow of the curve blurs.
MAX_AUTO = 16
# Share of the rows whose codes are not cut in the search; fewer than in an ordered model,
# because here the prefixes are what counts.
FULL_SHARE = 0.2
# Confidence with which a component must explain more than noise would.
CONFIDENCE = 0.9998
# Steps of the search as a share of the first cycle of the fit.
SHORTER = 0.75


def checked_width(n_components: Any, n_rows: int, n_columns: int) -> int:
    """Check a number of components against the table.

    Raises
    ------
    ValueError
        If it is no int, or the table is too small for it.
    """
    if not isinstance(n_components, Integral):
        raise ValueError(f"n_components={n_components!r} must be an int for this model.")
    most = min(n_rows, n_columns)
    if int(n_components) > most:
        raise ValueError(
            f"n_components={n_components} must be between 1 and min(n_samples, n_features)={most}."
        )
    return int(n_components)


def choose_width(
    n_components: int | float | str,
    fit: Fit,
    n_columns: int,
    *,
    hidden_layer_sizes: tuple[int, ...],
    activation: str,
    seed: int,
) -> int:
    """Turn the parameter ``n_components`` into a number: an int, a share, or "auto".

    Parameters
    ----------
    n_components : int, float or "auto"
        The parameter.
    fit : Fit
        Training rows and how to train on them.
    n_columns : int
        Width of the encoded rows.
    hidden_layer_sizes : tuple of int
        Of the autoencoder whose curve is looked at.
    activation : str
        Its activation.
    seed : int
        Seed.

    Returns
    -------
    int
    """
    if isinstance(n_components, Integral):
        return checked_width(n_components, len(fit.rows), n_columns)

    def train_ordered(width: int) -> FitOutcome:
        recipe = partial(
            autoencoder_recipe,
            n_features=n_columns,
            n_components=width,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            init="pca",
            noise=0.0,
            full_share=FULL_SHARE,
            scale=1.0,
            seed=seed,
        )
        # the elbow of the curve shows before its last digit
        return fit.search(recipe, SHORTER)

    share = None if n_components == "auto" else float(n_components)
    return search_width(share, fit.rows, n_columns, train_ordered, seed)


def search_width(
    share: float | None,
    rows: RowSource,
    n_columns: int,
    train_ordered: Callable[[int], FitOutcome],
    seed: int,
) -> int:
    """Find the number of components that rows need.

    An ordered autoencoder gives the error of every number of components at once. A share takes
    the fewest that explain it. None takes the last component that explains clearly more than an
    average column: Kaiser's rule, on a nonlinear curve. Noise, which spreads over all columns,
    does not.

    Parameters
    ----------
    share : float or None
        Share of the variance to explain.
    rows : RowSource
        Encoded training rows.
    n_columns : int
        Their width.
    train_ordered : callable
        Trains an ordered autoencoder of a width.
    seed : int
        Seed.

    Returns
    -------
    int
    """
    most = min(len(rows), n_columns)
    least = 2 if n_columns >= 3 else 1
    if share is None and most - 1 <= least:
        return max(1, most - 1)
    widest = min(most, MAX_AUTO)
    if share is not None or len(rows) < MIN_ROWS:
        axes = principal_axes(rows.arrays, len(rows), most, seed)
        by_pca = _by_pca(axes, share, len(rows), n_columns)
        if len(rows) < MIN_ROWS:
            return min(by_pca, most) if share else int(np.clip(by_pca, least, most - 1))
        widest = min(most, by_pca + 1)
    outcome = train_ordered(widest)
    curve = prefix_errors(outcome, rows)
    if curve[0] <= 0:
        return 1
    if share is not None:
        reached = np.flatnonzero(1.0 - curve / curve[0] >= share)
        return int(reached[0]) if len(reached) else len(curve) - 1
    gains = curve[:-1] - curve[1:]
    # a component of pure noise explains an average column, give or take its sampling error
    n_valid = len(rows if outcome.valid is None else outcome.valid)
    least_gain = chi2.ppf(CONFIDENCE, n_valid) / n_valid * curve[0] / n_columns
    worthwhile = np.flatnonzero(gains >= least_gain)
    last = int(worthwhile[-1]) + 1 if len(worthwhile) else 0
    return int(np.clip(last, least, most - 1))


def _by_pca(axes: PrincipalAxes, share: float | None, n_rows: int, n_columns: int) -> int:
    if axes.total_variance <= 0:
        return 1
    variance = axes.scale**2
    if share is not None:
        return int(np.searchsorted(np.cumsum(variance) / axes.total_variance, share)) + 1
    # the upper edge of the eigenvalues of noise (Marchenko and Pastur, 1967)
    edge = (1 + np.sqrt(n_columns / n_rows)) ** 2 * axes.total_variance / n_columns
    return int((variance >= edge).sum())


def prefix_errors(outcome: FitOutcome, rows: RowSource) -> Array:
    """Mean squared error of the first 0, 1, ..., k components, never rising.

    On the validation rows of an ordered fit; on ``rows`` where it had none.
    """
    valid = rows if outcome.valid is None else outcome.valid
    module = outcome.net.module_
    dtype = next(module.parameters()).dtype
    sums = np.zeros(1 + outcome.net.module_params_["n_components"])
    with torch.inference_mode():
        for chunk in valid.chunks():
            x = chunk["x"].to(dtype)
            sums[0] += float((x**2).sum())
            sums[1:] += module({"x": x}, None)["prefix_errors"].sum(1).double().cpu().numpy()
    errors: Array = np.minimum.accumulate(sums / len(valid))
    return errors
