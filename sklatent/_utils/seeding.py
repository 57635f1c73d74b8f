"""Seeds of estimators that are held by others."""

from typing import Any


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
    names = [
        name
        for name, value in estimator.get_params().items()
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    ]
    return estimator.set_params(**dict.fromkeys(sorted(names), seed)) if names else estimator
