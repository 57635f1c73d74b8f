"""
Seeing and moving in a latent space
===================================

Paths, traversals and directions in the latent space of the handwritten digits, and what the
dimensions mean in a mixed table. All of it works on PCA and on pipelines as well.
"""

# %%
# The space
# ---------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklatent import AutoencoderTransformer, VAETransformer
from sklatent.datasets import make_mixed_table
from sklatent.geometry import attribute_direction, edit, nearest
from sklatent.metrics import latent_report, neighborhood_scores
from sklatent.plotting import (
    InterpolationDisplay,
    LatentReportDisplay,
    LatentSpaceDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
    TraversalDisplay,
)

X, y = load_digits(return_X_y=True)
model = VAETransformer(10, random_state=0).fit(X[:1400])
test, labels = X[1400:], y[1400:]

view = LatentSpaceDisplay.from_estimator(model, test, color=labels)
plt.show()

# %%
# How far neighbours in this plane are neighbours among the codes, and the other way round:

print(neighborhood_scores(model.transform(test), view.plane))

# %%
# How it was trained, and what it keeps
# -------------------------------------

TrainingCurveDisplay.from_estimator(model)
ReconstructionDisplay.from_estimator(model, test, image_shape=(8, 8))
plt.show()

# %%
# From one digit to another
# -------------------------
#
# Three ways through the latent space for two pairs of digits. The last one follows the rows.

InterpolationDisplay.from_estimator(
    model,
    X[:1400],
    test[[0, 5]],
    test[[7, 12]],
    n_steps=10,
    methods=["linear", "spherical", "density"],
    image_shape=(8, 8),
)
plt.show()

# %%
# Latent traversal
# ----------------

TraversalDisplay.from_estimator(model, test, row=3, image_shape=(8, 8))
plt.show()

# %%
# The direction of an attribute
# -----------------------------
#
# How much ink a digit takes is a number of each row. Here it is no straight line through the codes:
# the direction in which it grows ranks rows held out only roughly, and says so.

ink = X[:1400].sum(axis=1)
direction = attribute_direction(model.transform(X[:1400]), ink / ink.std())
print(f"Spearman's correlation on held-out rows: {direction.strength:.2f}")

strengths = [-3, -2, -1, 0, 1, 2, 3]
figure, axes = plt.subplots(3, len(strengths), figsize=(6, 2.8), layout="constrained")
for column, strength in zip(axes.T, strengths, strict=True):
    edited = edit(model, test[:3], direction, strength)
    column[0].set_title(f"{strength:+d}" if strength else "0", fontsize=8)
    for axis, row in zip(column, edited, strict=True):
        axis.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set_axis_off()
plt.show()

for strength in (-1, 1):
    change = edit(model, test, direction, strength).sum(1) - edit(model, test, direction, 0).sum(1)
    print(f"strength {strength:+d}: ink {np.mean(change) / ink.std():+.2f} standard deviations")

# %%
# Neighbours in the space
# -----------------------

indices = nearest(model, X[:1400], test, n_neighbors=1)[1][:, 0]
print(f"nearest training row has the same label: {np.mean(y[indices] == labels):.1%}")

# %%
# A table of categories, numbers, dates and missing cells
# -------------------------------------------------------
#
# The columns that each dimension changes most, from one row; numbers are coloured by their distance
# from the mean of the column.

plants = make_mixed_table(2000, random_state=0)
autoencoder = AutoencoderTransformer(4, random_state=0).fit(plants)
TraversalDisplay.from_estimator(autoencoder, plants, row=1)
plt.show()

# %%
# What the dimensions mean
# ------------------------

report = latent_report(autoencoder, plants)
print(report)
LatentReportDisplay.from_report(report)
ReconstructionDisplay.from_estimator(autoencoder, plants)
plt.show()
