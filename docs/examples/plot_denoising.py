"""
Cleaning noisy images
=====================

With ``noise > 0`` the autoencoder is trained to reconstruct rows from noisy copies of themselves.
It learns to move a disturbed row back to where rows usually lie, which PCA can do along straight
directions only.

No noisy image is shown to ``fit``: the model adds the noise itself, a fresh draw at every step.
"""

# %%
# Clean images to learn from, noisy ones to mend
# ----------------------------------------------
#
# ``standardize=False`` keeps the units of the pixels (0 to 16), so that ``noise`` is a standard
# deviation in these units, the same for all pixels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklatent import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, _, y_test = train_test_split(X, y, stratify=y, random_state=0)
sigma = 4.0
X_noisy = X_test + np.random.default_rng(0).normal(scale=sigma, size=X_test.shape)

pca = PCA(10, random_state=0).fit(X_train)
strengths = [0.0, 1.0, 2.0, 4.0, 6.0]
autoencoders = [
    AutoencoderTransformer(10, noise=strength, standardize=False, random_state=0).fit(X_train)
    for strength in strengths
]

# %%
# To clean is to encode and decode
# --------------------------------


def error(images):
    """Root mean squared distance from the clean test images, in pixel units."""
    return np.sqrt(np.mean((images - X_test) ** 2))


def clean(model):
    """Encode and decode the noisy images."""
    return model.inverse_transform(model.transform(X_noisy))


cleaned = {
    "noisy": X_noisy,
    "PCA": clean(pca),
    "autoencoder": clean(autoencoders[strengths.index(0.0)]),
    "denoising": clean(autoencoders[strengths.index(sigma)]),
}
for name, images in cleaned.items():
    print(f"{name:12s} error {error(images):.2f}")

# %%
# An autoencoder that never saw noise follows it more closely than PCA does. The one that was
# trained against noise of this strength gets closer to the clean images than both.

rows = {"clean": X_test, **cleaned}
shown = [np.flatnonzero(y_test == digit)[1] for digit in range(10)]
figure, axes = plt.subplots(len(rows), 10, figsize=(9, 4.6), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, image in zip(line, images[shown], strict=True):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("#d4d4d8")
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure.suptitle("Test images, disturbed and cleaned")
plt.show()

# %%
# Which strength of noise to train with
# -------------------------------------
#
# ``noise`` is a choice like any other: too little leaves the disturbance, too much wipes out the
# detail of the strokes.

errors = [error(clean(model)) for model in autoencoders]

figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
axis.plot(strengths, errors, "o-", color="#c2410c", label="autoencoder")
axis.axhline(error(cleaned["PCA"]), color="#8a8f98", linestyle="--", label="PCA")
axis.axvline(sigma, color="#d4d4d8", linewidth=6, zorder=0, label="noise of the test images")
axis.set(xlabel="noise in training (pixel units)", ylabel="error after cleaning (pixel units)")
axis.set_ylim(0, None)
axis.legend(frameon=False, loc="lower right", fontsize="small")
plt.show()
