"""Fitted transformers with a way back, seen through their public verbs."""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

Codes = NDArray[np.floating[Any]]


def check_latent_model(model: Any) -> None:
    """Refuse what cannot encode and decode rows.

    Parameters
    ----------
    model : object
        A fitted transformer with ``inverse_transform``, or a pipeline of such.

    Raises
    ------
    TypeError
        If it has no ``transform`` or no ``inverse_transform``.
    NotFittedError
        If it is not fitted.
    """
    missing = [verb for verb in ("transform", "inverse_transform") if not hasattr(model, verb)]
    if missing:
        raise TypeError(
            f"{type(model).__name__} has no {' and no '.join(missing)}{_culprits(model, missing)}: "
            "give a fitted transformer that has both, for instance an AutoencoderTransformer or a "
            "PCA."
        )
    check_is_fitted(model)


def _culprits(model: Any, verbs: list[str]) -> str:
    """Name the steps of a pipeline that have not all of the verbs."""
    names = [
        f"{name!r} ({type(step).__name__})"
        for name, step in getattr(model, "steps", [])
        if step not in (None, "passthrough") and not all(hasattr(step, verb) for verb in verbs)
    ]
    return f", because of {' and '.join(names)}" if names else ""


def as_rows(X: Any) -> Any:
    """Take a plain vector as one row; everything else stays as it is."""
    if isinstance(X, list | tuple):
        # cells of several kinds, and None, are no reason to fail here
        cells = np.asarray(X, dtype=object)
        if cells.ndim != 1:
            return X
        # beside a word, numpy would turn numbers into words
        words = [isinstance(cell, str) for cell in cells]
        return (cells if any(words) else np.asarray(X)).reshape(1, -1)
    is_vector = isinstance(X, np.ndarray) and X.ndim == 1
    return X.reshape(1, -1) if is_vector else X


def encode(model: Any, X: Any) -> Codes:
    """Encode rows by a fitted model.

    Parameters
    ----------
    model : transformer
        Checked by :func:`check_latent_model`.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n_samples, n_components)
        float64, or float32 where the model answers so.
    """
    codes = model.transform(X)
    if hasattr(codes, "toarray"):
        codes = codes.toarray()
    codes = np.asarray(codes)
    if codes.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {codes.ndim}D array instead: transform of "
            f"{type(model).__name__} must give one row of codes for each row."
        )
    return codes if codes.dtype == np.float32 else codes.astype(np.float64, copy=False)


def check_width(model: Any, n_components: int) -> None:
    """Refuse codes of another width than those of the model, as far as it tells.

    Parameters
    ----------
    model : transformer
        Checked by :func:`check_latent_model`.
    n_components : int
        Width of the codes at hand.

    Raises
    ------
    ValueError
        If the widths differ.
    """
    wanted = len(_names_out(model))
    if wanted not in (0, n_components):
        raise ValueError(
            f"Z has {n_components} features, but {type(model).__name__} is expecting {wanted} "
            "features as input: codes have one number for each component."
        )


def decode(model: Any, codes: Codes) -> Any:
    """Decode codes by a fitted model, as its ``inverse_transform`` gives rows."""
    rows = model.inverse_transform(np.ascontiguousarray(codes))
    return rows.toarray() if hasattr(rows, "toarray") else rows


def last_step(model: Any) -> Any:
    """Return the last step of a pipeline, and any other model itself."""
    steps = getattr(model, "steps", None)
    return steps[-1][1] if steps else model


def component_names(model: Any, n_components: int) -> list[str]:
    """Name the components of a model as its ``get_feature_names_out`` does, else z0, z1 ..."""
    names = _names_out(model)
    return names if len(names) == n_components else [f"z{j}" for j in range(n_components)]


def short_name(name: str) -> str:
    """Shorten the name of a component for an axis: ``vaetransformer0`` is ``vae0``."""
    return re.sub(r"(?<=[a-z])transformer(?=\d+$)", "", name)


def find_component(model: Any, component: int | str, n_components: int) -> int:
    """Find a component by its position, its name or its short name.

    Parameters
    ----------
    model : transformer
        Checked by :func:`check_latent_model`.
    component : int or str
        Which one.
    n_components : int
        How many there are.

    Returns
    -------
    int
        The position, from 0.

    Raises
    ------
    ValueError
        If there is no such component.
    """
    names = component_names(model, n_components)
    if isinstance(component, str):
        for known in (names, [short_name(name) for name in names]):
            if component in known:
                return known.index(component)
        raise ValueError(f"There is no component {component!r}; there are {names}.")
    if not -n_components <= component < n_components:
        raise ValueError(
            f"component == {component}, but {type(model).__name__} has {n_components} components."
        )
    return int(component) % n_components


def _names_out(model: Any) -> list[str]:
    if not hasattr(model, "get_feature_names_out"):
        return []
    try:
        return [str(name) for name in model.get_feature_names_out()]
    except (AttributeError, ValueError):
        # a step of a pipeline that has no names, or that needs those of its input
        return []
