"""
Clusters without labels
=======================

Handwritten digits, clustered by :class:`~sklatent.LatentClusterer` and by k-means, and a number of
clusters found by a search that sees no labels.
"""

# %%
# Beside k-means
# --------------
#
# The labels of the digits are looked at once, at the end: by the adjusted Rand index, which is 1
# for equal clusterings and 0 for unrelated ones.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_circles
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold

from sklatent import LatentClusterer
from sklatent.metrics import clustering_stability
from sklatent.plotting import ClusterDisplay

X, y = load_digits(return_X_y=True)
model = LatentClusterer(10, random_state=0).fit(X)
kmeans = KMeans(10, n_init=10, random_state=0).fit(X)

print(f"chosen: {model.method_}")
for name, score in model.modularity_.items():
    print(f"  modularity of {name:14} {score:.4f}")
print(f"LatentClusterer  ARI {adjusted_rand_score(y, model.labels_):.2f}")
print(f"KMeans           ARI {adjusted_rand_score(y, kmeans.labels_):.2f}")

# %%
# The latent space
# ----------------

ClusterDisplay.from_estimator(model, X)
plt.show()

# %%
# Centres and samples
# -------------------
#
# The first column is the decoded centre of each cluster, the others are samples of it.

figure, axes = plt.subplots(5, 14, figsize=(9, 3.6), layout="constrained")
centers = model.cluster_centers_
for cluster in range(10):
    row, left = cluster % 5, 7 * (cluster // 5)
    samples = model.sample(5, cluster=cluster, random_state=0)
    for place, image in enumerate([centers[cluster], *samples]):
        axes[row, left + place].imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
for axis in axes.flat:
    axis.set_axis_off()
plt.show()

# %%
# Shapes that k-means cannot see
# ------------------------------
#
# Two rings in a plane among 30 noisy columns. The number of clusters is left open.

rng = np.random.default_rng(0)
plane, ring = make_circles(800, noise=0.05, factor=0.45, random_state=0)
rows = plane @ rng.normal(size=(2, 30)) + 0.05 * rng.normal(size=(800, 30))
rings = LatentClusterer("auto", random_state=0).fit(rows)
print(f"{rings.n_clusters_} clusters by {rings.method_!r}")
print(f"LatentClusterer  ARI {adjusted_rand_score(ring, rings.labels_):.2f}")
found = KMeans(2, n_init=10, random_state=0).fit_predict(rows)
print(f"KMeans           ARI {adjusted_rand_score(ring, found):.2f}")

# %%
# A search without labels
# -----------------------
#
# Clusters that are there are found again in other rows. The scorer fits a clone to the rows held
# out and compares it with what the model predicts for them. Principal components as the latent
# space keep the search short.

numbers = [6, 8, 10, 12, 14]
search = GridSearchCV(
    LatentClusterer(estimator=PCA(20), random_state=0),
    {"n_clusters": numbers},
    scoring=clustering_stability,
    cv=KFold(2, shuffle=True, random_state=0),
).fit(X[:900])
stability = search.cv_results_["mean_test_score"]
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.plot(numbers, stability, "o-", color="#c2410c")
axis.set(xlabel="n_clusters", ylabel="stability (ARI)")
axis.grid(alpha=0.25)
plt.show()
print(f"most stable: {search.best_params_['n_clusters']} clusters")
