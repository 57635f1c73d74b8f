"""The latent models beside PCA, IsolationForest and KMeans, and on a mixed table.

    python -m benchmarks.demo --output demo-output
    python -m benchmarks.demo --output demo-output --data my.csv [--target COLUMN]

For each of two real tables and each method, GridSearchCV picks the width of the latent space by
the accuracy of nearest neighbours behind it. Printed for the held-out quarter: how much variance
survives the round trip (R2), the accuracy, and the seconds of one fit with the chosen width.
Figures show the latent view, reconstructions, sampled digits and the course of the training.

The latent spaces are then looked at: ways between images, what single components do to images and
to the columns of a table, and the direction along which tumours become malignant.

Then anomalies and clusters are sought on real tables, without labels. Figures show scores with
their threshold, odd digits with the pixels that are odd, clusters and samples of them.

Last, the variational autoencoder is fitted to a generated table of categories, numbers, dates and
missing cells; samples are compared with rows held out. With --data, only this is done, on your own
table.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import _demo_geometry, _demo_table, _demo_tasks
from benchmarks._common import available, limit_threads, markdown, warm_up

Matrix = NDArray[np.float64]
TABLES = {"digits": (load_digits, (8, 16)), "breast_cancer": (load_breast_cancer, (3, 6))}
N_IMAGES = 10


def models() -> dict[str, Any]:
    """PCA and what may take its place."""
    import sklatent

    found: dict[str, Any] = {"PCA": PCA(random_state=0)}
    found["AutoencoderTransformer"] = sklatent.AutoencoderTransformer(random_state=0)
    if available(["vae"]):
        found["VAETransformer"] = sklatent.VAETransformer(random_state=0)
    return found


def search(model: Any, widths: tuple[int, ...], X: Matrix, y: Matrix, n_jobs: int) -> GridSearchCV:
    """Pick the width inside a pipeline."""
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("reduce", model), ("classify", KNeighborsClassifier())]
    )
    grid = {"reduce__n_components": list(widths)}
    return GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, y)


def compare(name: str, n_jobs: int) -> tuple[list[list[Any]], dict[str, Pipeline], Matrix]:
    """Rows of the table for one data set, the chosen pipelines, and the held-out rows."""
    load, widths = TABLES[name]
    X, y = load(return_X_y=True)
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, random_state=0, stratify=y
    )
    lines, chosen = [], {}
    for label, model in models().items():
        started = time.perf_counter()
        found = search(model, widths, train, y_train, n_jobs)
        total = time.perf_counter() - started
        best = found.best_estimator_
        scaled = best[0].transform(test)
        rebuilt = best[1].inverse_transform(best[1].transform(scaled))
        r2 = r2_score(scaled, rebuilt, multioutput="variance_weighted")
        width = found.best_params_["reduce__n_components"]
        seconds = [f"{found.refit_time_:.2f}", f"{total:.1f}"]
        lines.append(
            [name, label, width, f"{r2:.3f}", f"{found.score(test, y_test):.3f}", *seconds]
        )
        chosen[label] = best
        print(f"{name}: {label} searched in {total:.1f} s", flush=True)
    return lines, chosen, test


# -- figures ---------------------------------------------------------------------------------------


def latent_figure(path: Path) -> None:
    """Two components of the digits by each method; the middle 98 % of the rows are in view."""
    from matplotlib import pyplot as plt

    from sklatent.plotting import LatentSpaceDisplay

    X, y = load_digits(return_X_y=True)
    train, test = train_test_split(X, test_size=0.25, random_state=0, stratify=y)
    scaler = StandardScaler().fit(train)
    train, test, X = (scaler.transform(part) for part in (train, test, X))
    found = models()
    figure, axes = plt.subplots(1, len(found), figsize=(5.2 * len(found), 4.4), squeeze=False)
    for axis, (label, model) in zip(axes[0], found.items(), strict=True):
        model.set_params(n_components=2).fit(train)
        rebuilt = model.inverse_transform(model.transform(test))
        r2 = r2_score(test, rebuilt, multioutput="variance_weighted")
        display = LatentSpaceDisplay.from_estimator(model, X, color=y, color_name="digit", ax=axis)
        (left, low), (right, high) = np.quantile(display.plane, (0.01, 0.99), axis=0)
        axis.set(xlim=(left, right), ylim=(low, high))
        axis.set_title(f"{label}\nheld-out R² {r2:.2f} from two numbers")
    for axis in axes[0, :-1]:
        axis.get_legend().remove()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def images_figure(path: Path, chosen: dict[str, Pipeline], test: Matrix) -> None:
    """Held-out digits, what each method reconstructs, and sampled digits."""
    from matplotlib import pyplot as plt

    strips = {"held out": test[:N_IMAGES]}
    for label, pipeline in chosen.items():
        reducer = pipeline[:-1]
        width = pipeline[1].n_components_
        codes = reducer.transform(test[:N_IMAGES])
        strips[f"{label}\n({width} numbers)"] = reducer.inverse_transform(codes)
    if "VAETransformer" in chosen:
        pipeline = chosen["VAETransformer"]
        drawn = pipeline[1].sample(N_IMAGES, random_state=0)
        strips["VAETransformer\nsampled"] = pipeline[0].inverse_transform(drawn)
    figure, axes = plt.subplots(
        len(strips), N_IMAGES, figsize=(N_IMAGES, 1.15 * len(strips)), squeeze=False
    )
    for row, (label, images) in zip(axes, strips.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def loss_figure(path: Path, chosen: dict[str, dict[str, Pipeline]]) -> None:
    """Loss over the steps; fits that kept their start have no curve."""
    from matplotlib import pyplot as plt

    from sklatent.plotting import TrainingCurveDisplay

    curves = [
        (f"{table}: {label}", pipeline)
        for table, pipelines in chosen.items()
        for label, pipeline in pipelines.items()
        if getattr(pipeline[1], "history_", None)
    ]
    figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 3.4), squeeze=False)
    for axis, (label, pipeline) in zip(axes[0], curves, strict=True):
        TrainingCurveDisplay.from_estimator(pipeline[:2], ax=axis, show_terms=False)
        axis.set_title(label, fontsize=9, loc="left")
        axis.set_ylabel("loss", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def beside_pca(output: Path, n_jobs: int) -> None:
    """Search, print and draw on the two tables of numbers."""
    lines, chosen = [], {}
    for name in TABLES:
        found, chosen[name], test = compare(name, n_jobs)
        lines += found
        if name == "digits":
            images_figure(output / "digits.png", chosen[name], test)
    header = ["table", "method", "components", "held-out R2", "kNN accuracy"]
    print("\n" + markdown([*header, "fit s", "search s"], lines) + "\n")
    latent_figure(output / "latent.png")
    loss_figure(output / "loss.png", chosen)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the grid search")
    parser.add_argument("--data", type=Path, metavar="CSV", help="a table of your own instead")
    parser.add_argument("--target", metavar="COLUMN", help="the column of --data to predict")
    options = parser.parse_args()
    if options.target is not None and options.data is None:
        parser.error("--target names a column of --data")
    import matplotlib as mpl

    mpl.use("Agg")
    started, begun = time.perf_counter(), time.time()
    limit_threads(1)
    warm_up()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.data is None:
        beside_pca(options.output, options.jobs)
        _demo_geometry.show(options.output)
        _demo_tasks.show(options.output)
        print(
            "a generated table of categories, numbers, dates and missing cells, "
            "from make_mixed_table:"
        )
        table, target = _demo_table.generated()
    else:
        table, target = _demo_table.read_table(options.data, options.target), options.target
    _demo_table.show(table, target, options.output)
    for path in sorted(options.output.glob("*")):
        if path.stat().st_mtime >= begun:
            print(path)
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
