"""How wide the latent space must be."""

from collections.abc import Callable
from numbers import Integral

from sklatent._training import FitOutcome, NetSpec, RowSource


def choose_n_components(
    n_components: int | float | str,
    rows: RowSource,
    n_columns: int,
    run: Callable[..., FitOutcome],
    make_spec: Callable[[RowSource, int], NetSpec],
    seed: int,
) -> int:
    """Turn the parameter ``n_components`` into a number."""
    most = min(len(rows), n_columns)
    if isinstance(n_components, Integral):
        if n_components > most:
            raise ValueError(
                f"n_components={n_components} must be between 1 and "
                f"min(n_samples, n_features)={most}."
            )
        return int(n_components)
    return max(1, most // 2)
