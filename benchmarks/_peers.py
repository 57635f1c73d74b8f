"""Samplers of mixed tables to compare with: a Gaussian copula and, where installed, ctgan's."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Frame = Any
Draw = Callable[[int], Frame]
EPOCHS = 300


def peer_names() -> list[str]:
    """Peers that can run here: tvae and ctgan need ``pip install ctgan``."""
    return ["copula", *(["tvae", "ctgan"] if find_spec("ctgan") else [])]


def fit_peer(name: str, train: Frame, seed: int) -> Draw:
    """Fit a peer; what it returns samples that many rows."""
    return gaussian_copula(train, seed) if name == "copula" else _ctgan(name, train, seed)


def is_category(series: Any) -> bool:
    """Whether a column holds strings or booleans: neither numbers nor dates."""
    return series.dtype == bool or series.dtype.kind not in "iufM"


# -- Gaussian copula -------------------------------------------------------------------------------


def gaussian_copula(train: Frame, seed: int) -> Draw:
    """Couple the columns' own distributions by one correlation matrix.

    The method of sdv's GaussianCopulaSynthesizer, but with the training column itself instead of a
    fitted beta distribution: exact marginals, missing cells as a value of their own. Ties get
    random places within their interval.
    """
    rng = np.random.default_rng(seed)
    n = len(train)
    orders, scores = [], []
    for name in train:
        order = _order(train[name])
        orders.append(order)
        place = np.empty(n)
        place[order] = np.arange(n)
        scores.append(ndtri((_within_ties(train[name], place, rng) + 0.5) / n))
    correlation = np.corrcoef(np.array(scores))
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))

    def draw(m: int) -> Frame:
        uniform = ndtr(rng.standard_normal((m, len(orders))) @ root.T)
        rows = np.minimum((uniform * n).astype(int), n - 1)
        columns = {
            name: train[name].iloc[order[rows[:, j]]].reset_index(drop=True)
            for j, (name, order) in enumerate(zip(train, orders, strict=True))
        }
        return type(train)(columns)

    return draw


def _order(series: Any) -> NDArray[np.intp]:
    """Rows in the order of their values, missing cells last; categories by their frequency."""
    if not is_category(series):
        return np.asarray(series.reset_index(drop=True).sort_values(kind="stable").index)
    text = series.astype(str)
    counts = text.map(text.value_counts())
    return np.lexsort((text.to_numpy(dtype=str), -counts.to_numpy()))


def _within_ties(
    series: Any, place: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    _, code = np.unique(series.astype(str).to_numpy(dtype=str), return_inverse=True)
    mixed = np.empty_like(place)
    shuffled, sorted_rows = np.lexsort((rng.random(len(code)), code)), np.lexsort((place, code))
    mixed[shuffled] = place[sorted_rows]
    return mixed


# -- ctgan -----------------------------------------------------------------------------------------


def _ctgan(name: str, train: Frame, seed: int) -> Draw:
    """TVAE or CTGAN with their defaults; missing numbers, which they do not take, as flags."""
    from ctgan import CTGAN, TVAE

    prepared, flags = _without_holes(train)
    discrete = [column for column in prepared if is_category(prepared[column])]
    model = TVAE(epochs=EPOCHS) if name == "tvae" else CTGAN(epochs=EPOCHS)
    model.set_random_state(seed)
    model.fit(prepared, discrete)
    return lambda n: _as_before(model.sample(n), train, flags)


def _without_holes(train: Frame) -> tuple[Frame, dict[Any, str]]:
    prepared, flags = train.copy(), {}
    for name in train:
        missing = train[name].isna()
        if is_category(train[name]) or train[name].nunique() <= 10:
            prepared[name] = train[name].astype(object).where(~missing, "missing").astype(str)
            continue
        if train[name].dtype.kind == "M":
            prepared[name] = train[name].astype("int64").astype(float)
        if missing.any():
            flags[name] = f"{name} is missing"
            prepared[flags[name]] = missing.astype(str)
            prepared[name] = prepared[name].fillna(train[name].mean())
    return prepared, flags


def _as_before(drawn: Frame, train: Frame, flags: dict[Any, str]) -> Frame:
    """Values and dtypes of the training table."""
    columns = {}
    for name in train:
        cells, dtype = drawn[name], train[name].dtype
        if is_category(train[name]) or train[name].nunique() <= 10:
            known = train[name].dropna()
            levels = dict(zip(known.astype(object).astype(str), known, strict=True))
            cells = cells.map(levels)
        elif name in flags:
            cells = cells.where(drawn[flags[name]] != "True")
        columns[name] = cells.round().astype(dtype) if dtype.kind == "M" else cells.astype(dtype)
    return type(train)(columns)
