"""The part of the demo about anomalies and clusters, beside IsolationForest and KMeans."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import adjusted_rand_score, average_precision_score, roc_auc_score

from benchmarks._cluster_tables import accuracy, scaled
from benchmarks._common import markdown

Matrix = NDArray[np.float64]
# Rows of other classes, hidden among the training rows.
N_HIDDEN = 20
N_SHOWN = 10


def show(output: Path) -> None:
    """Print both tables and draw the figures."""
    print("malignant tumours among benign ones, sevens among the digits 0 to 6")
    print(f"outliers: {N_HIDDEN} of them lie hidden among the rows to fit")
    print("novelty: half of the other rows is fitted, then all that are left are asked")
    lines, models = [], {}
    for name in ("tumours", "sevens"):
        for novelty in (False, True):
            found, models[name, novelty] = _detect(name, novelty)
            lines += found
    names = ["table", "question", "method", "AUROC", "AP", "fit + score s"]
    print("\n" + markdown(names, lines) + "\n")
    _tumours_figure(output / "anomalies.png", models["tumours", False])
    _digits_figure(output / "odd_digits.png", models["sevens", True])

    print("clusters found without labels, compared with the known classes:")
    lines = [line for name in ("digits", "wine") for line in _cluster(name)]
    print("\n" + markdown(["table", "method", "accuracy", "ARI", "fit s"], lines) + "\n")
    _clusters_figure(output)


# -- anomalies -------------------------------------------------------------------------------------


def _rows(name: str) -> tuple[Any, NDArray[np.bool_], NDArray[np.intp]]:
    """A table, which of its rows are usual, and the positions of those to look at."""
    if name == "tumours":
        frame = load_breast_cancer(as_frame=True)
        usual = frame.target.to_numpy() == 1
        return frame.data, usual, np.arange(len(usual))
    digits = load_digits(as_frame=True)
    y = digits.target.to_numpy()
    return digits.data, y < 7, np.flatnonzero(y <= 7)


def _detect(name: str, novelty: bool) -> tuple[list[list[Any]], tuple[Any, Any]]:
    from sklatent import LatentAnomalyDetector

    X, usual, rows = _rows(name)
    normal, odd = rows[usual[rows]], rows[~usual[rows]]
    if novelty:
        normal = np.random.RandomState(0).permutation(normal)
        fit, ask = normal[: len(normal) // 2], np.concatenate([normal[len(normal) // 2 :], odd])
    else:
        fit = ask = np.concatenate([normal, odd[:N_HIDDEN]])
    methods = {
        "IsolationForest": IsolationForest(random_state=0),
        "LatentAnomalyDetector": LatentAnomalyDetector(novelty=novelty, random_state=0),
    }
    lines = []
    for label, model in methods.items():
        started = time.perf_counter()
        scores = model.fit(X.iloc[fit]).score_samples(X.iloc[ask])
        seconds = time.perf_counter() - started
        auroc = roc_auc_score(usual[ask], scores)
        ap = average_precision_score(~usual[ask], -scores)
        question = "novelty" if novelty else "outliers"
        lines.append([name, question, label, f"{auroc:.3f}", f"{ap:.3f}", f"{seconds:.2f}"])
    return lines, (model, X.iloc[ask])


def _tumours_figure(path: Path, fitted: tuple[Any, Any]) -> None:
    from matplotlib import pyplot as plt

    from sklatent.plotting import AnomalyScoreDisplay

    display = AnomalyScoreDisplay.from_estimator(*fitted)
    display.figure_.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(display.figure_)


def _digits_figure(path: Path, fitted: tuple[Any, Any]) -> None:
    """The rows with the lowest scores, and what each pixel adds to that."""
    from matplotlib import pyplot as plt

    model, X = fitted
    lowest = np.argsort(model.score_samples(X))[:N_SHOWN]
    parts = -np.asarray(model.explain(X.iloc[lowest]))
    figure, axes = plt.subplots(2, N_SHOWN, figsize=(N_SHOWN, 2.3), squeeze=False)
    for (above, below), row, part in zip(axes.T, lowest, parts, strict=True):
        above.imshow(X.to_numpy()[row].reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        below.imshow(part.reshape(8, 8), cmap="Oranges")
        for axis in (above, below):
            axis.set(xticks=[], yticks=[])
    for axis, text in zip(axes[:, 0], ("least normal", "because of"), strict=True):
        axis.set_ylabel(text, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


# -- clusters --------------------------------------------------------------------------------------


def _cluster(name: str) -> list[list[Any]]:
    from sklatent import LatentClusterer

    X, y = (load_digits if name == "digits" else load_wine)(return_X_y=True)
    k = len(np.unique(y))
    lines = []
    for label in ("KMeans", "LatentClusterer"):
        ours = label == "LatentClusterer"
        started = time.perf_counter()
        # the same scale for both
        model = LatentClusterer(k, random_state=0) if ours else KMeans(k, n_init=10, random_state=0)
        labels = model.fit(X if ours else scaled(X)).labels_
        seconds = time.perf_counter() - started
        figures = [accuracy(y, labels.astype(np.int64)), adjusted_rand_score(y, labels)]
        lines.append([name, label, *(f"{figure:.3f}" for figure in figures), f"{seconds:.2f}"])
    return lines


def _clusters_figure(output: Path) -> None:
    """The latent space of the digits; centres of the clusters, and samples of them."""
    from matplotlib import pyplot as plt

    from sklatent import LatentClusterer
    from sklatent.plotting import ClusterDisplay

    X, _ = load_digits(return_X_y=True)
    model = LatentClusterer(10, random_state=0).fit(X)
    display = ClusterDisplay.from_estimator(model, X)
    display.figure_.savefig(output / "clusters.png", dpi=120, bbox_inches="tight")
    plt.close(display.figure_)
    figure, axes = plt.subplots(4, 10, figsize=(10, 4.2), squeeze=False)
    for column, center in enumerate(model.cluster_centers_):
        drawn = model.sample(3, cluster=column, random_state=0)
        for axis, image in zip(axes[:, column], [center, *drawn], strict=True):
            axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
            axis.set(xticks=[], yticks=[])
    for axis, text in zip(axes[:2, 0], ("centre", "samples"), strict=True):
        axis.set_ylabel(text, rotation=0, ha="right", va="center")
    figure.savefig(output / "cluster_rows.png", dpi=120, bbox_inches="tight")
    plt.close(figure)
