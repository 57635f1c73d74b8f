"""Write the small fitted models that later releases must still read.

Run ``python -m tests.data.make_fitted`` from the root of the repository, and only where the
format of saved models changes on purpose: the files stand for models that people have saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np

from tests.instances import declaring, fitted, make, trains

FOLDER = Path(__file__).parent
PARAMS = {
    "n_components": 2,
    "hidden_layer_sizes": (8,),
    "max_steps": 300,
    "n_importance_samples": 32,
    "random_state": 0,
    "device": "cpu",
}
MODELS = {cls.__name__: make(cls, PARAMS) for cls in declaring("transform") if trains(cls)}


def table() -> np.ndarray:
    """400 rows on a bent sheet: 4 columns of numbers, one of counts, one constant."""
    rng = np.random.default_rng(0)
    u, v = rng.uniform(-1.5, 1.5, size=(2, 400))
    columns = np.column_stack([u + v, u**2, np.sin(2 * v), u * v])
    columns += 0.05 * rng.normal(size=columns.shape)
    counts = np.floor(3 * (1.5 + u))[:, None]
    return np.hstack([columns * [1.0, 10.0, 0.1, 1.0] + 3.0, counts, np.full((400, 1), 7.0)])


def expected_answers(model: Any, X: np.ndarray) -> dict[str, np.ndarray]:
    """What the model answers about some rows, by verb."""
    Z = model.transform(X)
    answers = {"transform": Z}
    if hasattr(model, "inverse_transform"):
        answers["inverse_transform"] = model.inverse_transform(Z)
    if hasattr(model, "score_samples"):
        answers["score_samples"] = model.score_samples(X)
    if hasattr(model, "sample"):
        answers["sample"] = model.sample(20, random_state=0)
    return answers


def main() -> None:
    X = table()
    for name, model in MODELS.items():
        fitted(model, X)
        joblib.dump(model, FOLDER / f"{name}.joblib", compress=3)
        np.savez_compressed(FOLDER / f"{name}.npz", X=X[:30], **expected_answers(model, X[:30]))


if __name__ == "__main__":
    main()
