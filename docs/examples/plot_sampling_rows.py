"""
New rows that look like the old ones
====================================

:meth:`VAETransformer.sample <sklatent.VAETransformer.sample>` samples new rows: images of digits
first, then patients of the breast cancer table, as a data frame with its columns. A sampler is
easily flattered, so two tests follow: can a classifier tell the new rows from real ones, and are
they copies of the training rows?
"""

# %%
# Digits
# ------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sklatent import VAETransformer

X, _ = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X, test_size=0.5, random_state=0)
vae = VAETransformer(random_state=0).fit(X_train)
samples = vae.sample(len(X_test), random_state=0)
print(f"{vae.n_components_} components, pixels from {samples.min():.0f} to {samples.max():.0f}")

figure, axes = plt.subplots(6, 14, figsize=(9, 4.2), layout="constrained")
for line, images in zip(axes, [*np.split(X_test[:42], 3), *np.split(samples[:42], 3)], strict=True):
    for axis, image in zip(line, images, strict=True):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_color("#d4d4d8")
axes[1, 0].set_ylabel("real", fontsize="large")
axes[4, 0].set_ylabel("synthetic", fontsize="large")
plt.show()

# %%
# Patients
# --------
#
# A model fitted on a data frame answers with one: the same columns, in the same units.

frame = load_breast_cancer(as_frame=True).data
train, test = train_test_split(frame, test_size=0.5, random_state=0)
patients = VAETransformer(random_state=0).fit(train)
new = patients.sample(len(test), random_state=0)
new.iloc[:5, :5].round(2)

# %%
# Single columns agree with the held-out rows by calibration. How columns go together has to be
# learned.

pairs = [
    ("mean radius", "mean texture"),
    ("mean compactness", "mean concavity"),
    ("worst area", "worst symmetry"),
]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
for axis, (across, up) in zip(axes, pairs, strict=True):
    axis.scatter(test[across], test[up], s=10, color="#8a8f98", alpha=0.6, label="held out")
    axis.scatter(new[across], new[up], s=10, color="#c2410c", alpha=0.6, label="synthetic")
    axis.set(xlabel=across, ylabel=up)
handles, labels = axes[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, markerscale=2)
plt.show()

# %%
# Two tests
# ---------
#
# *Told apart*: the area under the ROC curve of gradient boosting that separates synthetic rows from
# rows held out; 0.5 is the best possible, 1 means always found out. *Nearer to train*: the share of
# synthetic rows whose nearest real row is a training row rather than one held out, from equally
# many of each; copies would give 1, new rows about 0.5. Neither alone is enough: the training rows
# themselves pass the first test, shuffled columns the second.


def told_apart(rows, held_out):
    """Area under the ROC curve of a classifier that separates the two tables."""
    both = np.vstack([rows, held_out])
    origin = np.repeat([1, 0], [len(rows), len(held_out)])
    boosting = HistGradientBoostingClassifier(random_state=0)
    chance = cross_val_predict(boosting, both, origin, cv=3, method="predict_proba")[:, 1]
    return roc_auc_score(origin, chance)


def nearer_to_train(rows, train, held_out):
    """Share of rows nearer to a training row than to a row held out."""
    n = min(len(train), len(held_out))
    scaler = StandardScaler().fit(train)
    rows, train, held_out = map(scaler.transform, (rows, train[:n], held_out[:n]))
    distances = [
        NearestNeighbors(n_neighbors=1).fit(real).kneighbors(rows)[0][:, 0]
        for real in (train, held_out)
    ]
    return np.mean(distances[0] < distances[1])


def shuffled(rows):
    """Shuffle each column by itself."""
    return np.random.default_rng(0).permuted(rows, axis=0)


print("                          told apart   nearer to train")
for name, real, held_out, rows in [
    ("digits", X_train, X_test, samples),
    ("breast cancer", train.to_numpy(), test.to_numpy(), new.to_numpy()),
]:
    for kind, table in [
        ("synthetic", rows),
        ("columns shuffled", shuffled(real)),
        ("training rows", real),
    ]:
        auc = told_apart(table, held_out)
        share = nearer_to_train(table, real, held_out)
        print(f"{name:14s} {kind:18s} {auc:.2f}        {share:.2f}")
