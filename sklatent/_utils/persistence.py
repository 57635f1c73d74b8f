"""States that stay whole: saved ones say who wrote them, failed fits leave no trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

from sklearn.base import BaseEstimator

from sklatent._utils.notice import warn_caller

# Where earlier releases kept the classes that saved files name, and the module where each is now.
# A path that is left behind stays importable: a file with these names goes where the class was.
OLD_PATHS = {
    "sklatent.models._autoencoder.AutoencoderTransformer": "sklatent",
    "sklatent.models._autoencoder_ensemble.AutoencoderEnsemble": (
        "sklatent.models._autoencoder_ensemble"
    ),
    "sklatent.models._neighbor_embedding.NeighborEmbedding": "sklatent",
    "sklatent.models._vae.VAETransformer": "sklatent",
    "sklatent.tabular._encoder.TabularEncoder": "sklatent",
    "sklatent.tasks._anomaly.LatentAnomalyDetector": "sklatent",
    "sklatent.tasks._anomaly_score.Term": "sklatent.tasks._anomaly_score",
    "sklatent.tasks._anomaly_terms.BulkTail": "sklatent.tasks._anomaly_terms",
    "sklatent.tasks._anomaly_terms.Neighbours": "sklatent.tasks._anomaly_terms",
    "sklatent.tasks._anomaly_terms.Tail": "sklatent.tasks._anomaly_terms",
    "sklatent.tasks._cluster_mixture.ClusterMixture": "sklatent.tasks._cluster_mixture",
    "sklatent.tasks._clustering.LatentClusterer": "sklatent",
    "sklatent.tasks._distance_view.Block": "sklatent.tasks._distance_view",
    "sklatent.tasks._distance_view.DistanceView": "sklatent.tasks._distance_view",
}

# Raised when a saved state changes so that older releases could not read it.
FORMAT = 3


def _version() -> str:
    from sklatent import __version__

    return __version__


def stamp(state: dict[str, Any]) -> dict[str, Any]:
    """Add the version of the library and the number of the format to a state."""
    return {**state, "_sklatent_version": _version(), "_sklatent_format": FORMAT}


def check_state(name: str, state: dict[str, Any]) -> dict[str, Any]:
    """Take the stamp off a state.

    Raises
    ------
    ValueError
        If the state was written in a newer format than this release knows.

    Warns
    -----
    UserWarning
        If the state was written by another version.
    """
    state = dict(state)
    version = state.pop("_sklatent_version", None)
    written = state.pop("_sklatent_format", FORMAT)
    if written > FORMAT:
        raise ValueError(
            f"This {name} was saved by sklatent {version} in format {written}; the installed "
            f"version {_version()} reads formats up to {FORMAT}. Upgrade sklatent to load it."
        )
    if version is not None and version != _version():
        warn_caller(
            f"This {name} was saved by sklatent {version} and is loaded by {_version()}; its "
            "answers should be the same to 1e-6."
        )
    return state


def with_new_parameters(cls: type[BaseEstimator], state: dict[str, Any]) -> dict[str, Any]:
    """Add the parameters that came after the release that saved a state, at their defaults."""
    added = {
        name: parameter.default
        for name, parameter in signature(cls).parameters.items()
        if parameter.default is not parameter.empty
    }
    return added | state


@contextmanager
def restored_on_error(estimator: BaseEstimator) -> Iterator[None]:
    """Give the estimator back as it was if the block fails: fitted stays fitted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        # what callbacks keep on the estimator during a fit is theirs to tear down
        for name in [*vars(estimator)]:
            if name not in before and not name.startswith(("_callback", "_skl", "_parent")):
                delattr(estimator, name)
        vars(estimator).update(before)
        raise
