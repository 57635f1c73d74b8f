"""The part of the demo about seeing a latent space and moving in it."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

from benchmarks._common import available, markdown

IMAGE = (8, 8)
N_SHOWN = 5


def show(output: Path) -> None:
    """Print what the dimensions mean and what an edit moves, and draw the figures."""
    _digits(output)
    _tumours(output)


def save(display: Any, path: Path) -> None:
    """Write the figure of a Display, or a figure, and forget it."""
    from matplotlib import pyplot as plt

    figure = getattr(display, "figure_", display)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def _digits(output: Path) -> None:
    """Ways between images, and latent traversals."""
    import sklatent
    from sklatent.plotting import (
        InterpolationDisplay,
        LatentSpaceDisplay,
        TrainingCurveDisplay,
        TraversalDisplay,
    )

    X, y = load_digits(return_X_y=True)
    train, test, _, labels = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    kind = sklatent.VAETransformer if available(["vae"]) else sklatent.AutoencoderTransformer
    model = kind(10, standardize=False, random_state=0).fit(train)
    save(
        LatentSpaceDisplay.from_estimator(model, test, color=labels, color_name="digit"),
        output / "latent_space.png",
    )
    save(TrainingCurveDisplay.from_estimator(model), output / "training.png")
    starts, ends = (
        [int(np.argmax(labels == digit)) for digit in pair] for pair in ((0, 3), (6, 5))
    )
    paths = InterpolationDisplay.from_estimator(
        model,
        train,
        test[starts],
        test[ends],
        n_steps=10,
        methods=["linear", "spherical", "density"],
        image_shape=IMAGE,
    )
    save(paths, output / "paths_digits.png")
    traversal = TraversalDisplay.from_estimator(
        model, test, row=starts[1], n_values=9, image_shape=IMAGE
    )
    save(traversal, output / "traversal_digits.png")


def _tumours(output: Path) -> None:
    """A table: what each dimension says, and benign tumours moved towards malignant ones."""
    from sklatent import AutoencoderTransformer
    from sklatent.geometry import attribute_direction, edit
    from sklatent.metrics import latent_report
    from sklatent.plotting import (
        InterpolationDisplay,
        LatentReportDisplay,
        ReconstructionDisplay,
        TraversalDisplay,
    )

    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    malignant = y.to_numpy() == 0
    train, test, is_train, is_test = train_test_split(
        X, malignant, test_size=0.25, random_state=0, stratify=malignant
    )
    model = AutoencoderTransformer(4, rotation="auto", random_state=0).fit(train)
    found = latent_report(model, test)
    print("four dimensions, rotated so that each drives few columns of the tumours:")
    print(f"\n{found}\n")
    save(LatentReportDisplay.from_report(found), output / "dimensions.png")
    save(ReconstructionDisplay.from_estimator(model, test), output / "rebuilt_columns.png")
    save(TraversalDisplay.from_estimator(model, test, row=1), output / "traversal_tumours.png")

    towards = attribute_direction(model.transform(train), is_train)
    print(f"direction of the malignant ones: AUROC {towards.strength:.3f} on rows held out of it")
    benign = test[~is_test]
    moved = edit(model, benign, towards, return_moved=True)[1]
    most = sorted(moved, key=lambda column: -abs(moved[column]))
    print("benign tumours moved along it by one gap; what changes most, and least:")
    lines = [[column, f"{moved[column]:+.2f}"] for column in [*most[:N_SHOWN], *most[-N_SHOWN:]]]
    print("\n" + markdown(["column", "standard deviations of benign ones"], lines) + "\n")
    path = InterpolationDisplay.from_estimator(
        model, train, benign[:1], test[is_test][:1], n_steps=7
    )
    save(path, output / "path_tumours.png")
