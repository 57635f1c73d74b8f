"""States of models that were saved before parts were objects of their own."""

from collections.abc import Mapping
from typing import Any


def parts_of(state: dict[str, Any]) -> Mapping[str, Any]:
    """Take the states of the parts out of the state of a model, whenever it was saved."""
    if "_parts" in state:
        parts: Mapping[str, Any] = state.pop("_parts")
        return parts
    found: dict[str, Any] = {}
    inverse = state.pop("_unrotation", None)
    if state.get("rotation_") is not None:
        matrix = state["rotation_matrix_"]
        found["rotation"] = {"kind": state["rotation_"], "matrix": matrix, "inverse": inverse}
    if "_draws" in state:
        found["draws"] = {"points": state.pop("_draws")}
    if "_noise" in state:
        noise, marginals = state.pop("_noise"), state.pop("_marginals")
        found["calibration"] = {"noise": noise, "marginals": marginals}
    if "prior_" in state:
        mixture = state["prior_"]
        found["prior"] = {
            "weights": mixture.weights_,
            "means": mixture.means_,
            "covs": mixture.covariances_,
        }
    return found
