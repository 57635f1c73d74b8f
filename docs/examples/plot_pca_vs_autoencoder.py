"""
An autoencoder where PCA stood
==============================

The same pipeline twice, once with :class:`~sklearn.decomposition.PCA` and once with
:class:`~sklatent.AutoencoderTransformer`, on the handwritten digits. Both see the same standardized
pixels; both are judged on images that neither has seen, by two questions: how much of the images
survives the bottleneck, and how well the nearest neighbours in the latent space know the digit.
"""

# %%
# Two pipelines
# -------------
#
# The autoencoder starts as PCA of the same width and keeps only what improves on rows held out
# inside ``fit``, so nothing has to be tuned for a fair comparison.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
widths = [2, 4, 8, 16]


def pipelines(n_components):
    """Return both pipelines, ending in a classifier."""
    reducers = {
        "PCA": PCA(n_components, random_state=0),
        "autoencoder": AutoencoderTransformer(n_components, random_state=0),
    }
    return {
        name: make_pipeline(StandardScaler(), reducer, KNeighborsClassifier())
        for name, reducer in reducers.items()
    }


# %%
# Share of the variance that survives
# -----------------------------------
#
# The pipeline without its classifier encodes and decodes. We compare with the standardized test
# images: 1 is a perfect copy, 0 is the mean image.


def explained_variance(reduce, scaler, X):
    """Share of the variance of X that survives encoding and decoding."""
    scaled = scaler.transform(X)
    reconstructed = scaler.transform(reduce.inverse_transform(reduce.transform(X)))
    return 1 - np.sum((scaled - reconstructed) ** 2) / np.sum(scaled**2)


kept = {"PCA": [], "autoencoder": []}
accuracy = {"PCA": [], "autoencoder": []}
fitted = {}
for width in widths:
    for name, pipeline in pipelines(width).items():
        pipeline.fit(X_train, y_train)
        kept[name].append(explained_variance(pipeline[:-1], pipeline[0], X_test))
        accuracy[name].append(pipeline.score(X_test, y_test))
        fitted[name, width] = pipeline

print("width   variance kept        accuracy of 5 neighbours")
print("        PCA   autoencoder    PCA   autoencoder")
for i, width in enumerate(widths):
    row = [kept["PCA"][i], kept["autoencoder"][i], accuracy["PCA"][i], accuracy["autoencoder"][i]]
    print(f"{width:5d}   {row[0]:.2f}  {row[1]:.2f}           {row[2]:.2f}  {row[3]:.2f}")

colors = {"PCA": "#8a8f98", "autoencoder": "#c2410c"}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", sharex=True)
for axis, values, label in [
    (axes[0], kept, "variance kept, test images"),
    (axes[1], accuracy, "accuracy of 5 neighbours, test images"),
]:
    for name, curve in values.items():
        axis.plot(widths, curve, "o-", color=colors[name], label=name)
    axis.set(xlabel="n_components", ylabel=label, ylim=(0, 1.02))
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [str(width) for width in widths])
    axis.grid(alpha=0.25)
axes[0].legend(frameon=False)
plt.show()

# %%
# The gain is largest where the bottleneck is narrow. With enough components both keep what the
# classifier needs, and the lines of accuracy meet.
#
# Two components
# --------------
#
# The axes show the middle 98 % of the test images in each direction: the autoencoder sends a few
# unusual images far out.

digits = plt.get_cmap("tab10")
figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axis, name in zip(axes, kept, strict=True):
    Z = fitted[name, 2][:-1].transform(X_test)
    for digit in range(10):
        chosen = y_test == digit
        axis.scatter(*Z[chosen].T, s=12, color=digits(digit), alpha=0.8, label=str(digit))
    low, high = np.quantile(Z, [0.01, 0.99], axis=0)
    pad = 0.1 * (high - low)
    axis.set(xlabel="component 1", ylabel="component 2", title=name)
    (left, bottom), (right, top) = low - pad, high + pad
    axis.set(xlim=(left, right), ylim=(bottom, top))
handles, labels = axes[0].get_legend_handles_labels()
figure.legend(
    handles, labels, loc="outside lower center", ncols=10, frameon=False, markerscale=2,
    handletextpad=0.1, columnspacing=1.0,
)  # fmt: skip
plt.show()

# %%
# What is left of an image
# ------------------------

width = 8
shown = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
rows = {"original": X_test[shown]}
for name in kept:
    reduce = fitted[name, width][:-1]
    rows[name] = reduce.inverse_transform(reduce.transform(X_test[shown]))

figure, axes = plt.subplots(3, 10, figsize=(9, 3), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(line, images, strict=True):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("#d4d4d8")
    line[0].set_ylabel(name)
figure.suptitle(f"Test images through {width} components")
plt.show()
