"""Seeds of estimators that are held by others."""

from typing import Any

from sklearn.frozen import FrozenEstimator


def seeded(estimator: Any, seed: int) -> Any:
    """Seed an estimator and those inside it where they have no seed of their own.

    Parameters
    ----------
    estimator : estimator instance
        Its parameters are set in place.
    seed : int
        For each ``random_state`` that is None.

    Returns
    -------
    estimator : estimator instance
        The same.
    """
    params = {"": estimator, **estimator.get_params()}
    frozen = tuple(name for name, value in params.items() if isinstance(value, FrozenEstimator))
    names = [
        name
        for name, value in params.items()
        if f"__{name}".endswith("__random_state") and value is None and not _below(name, frozen)
    ]
    return estimator.set_params(**dict.fromkeys(sorted(names), seed)) if names else estimator


def _below(name: str, frozen: tuple[str, ...]) -> bool:
    """Whether a parameter belongs to an estimator that must stay as it is."""
    return any(not top or name.startswith(f"{top}__") for top in frozen)
