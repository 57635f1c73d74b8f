"""Draw the picture of the front page: ``python docs/make_digits_maps.py``."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer

TARGET = Path(__file__).parent / "images" / "digits_maps.png"


def main() -> None:
    """Write the picture."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.9), layout="constrained")
    colors = plt.get_cmap("tab10")
    for axis, reducer in zip(
        axes, (PCA(2, random_state=0), AutoencoderTransformer(2, random_state=0)), strict=True
    ):
        model = make_pipeline(StandardScaler(), reducer, KNeighborsClassifier())
        accuracy = model.fit(X_train, y_train).score(X_test, y_test)
        Z = model[:-1].transform(X_test)
        for digit in range(10):
            axis.scatter(*Z[y_test == digit].T, s=9, color=colors(digit), label=str(digit))
        # a few unusual images far out would squeeze the others
        low, high = np.quantile(Z, [0.01, 0.99], axis=0)
        pad = 0.1 * (high - low)
        (left, bottom), (right, top) = low - pad, high + pad
        axis.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
        name = type(reducer).__name__
        axis.set_title(f"{name}(2)\n5 neighbours: accuracy {accuracy:.2f}", fontsize=10)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=10, frameon=False, markerscale=2,
        handletextpad=0.1, columnspacing=1.0,
    )  # fmt: skip
    TARGET.parent.mkdir(exist_ok=True)
    figure.savefig(TARGET, dpi=90, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
