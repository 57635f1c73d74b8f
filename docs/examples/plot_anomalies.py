"""
Which rows are odd, and which of their columns
==============================================

:class:`~sklatent.LatentAnomalyDetector` beside scikit-learn's isolation forest, on rows that are
not extreme in any single column: images of digits with a patch taken from another image.
"""

# %%
# Rows that do not fit together
# -----------------------------
#
# Half of the digits are known to be clean, which is what ``novelty=True`` says. In 40 of the others
# a patch of 3 x 3 pixels comes from another image. Each pixel is a usual value.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV

from sklatent import LatentAnomalyDetector
from sklatent.metrics import pseudo_anomaly_score
from sklatent.plotting import AnomalyScoreDisplay

rng = np.random.default_rng(0)
images = rng.permutation(load_digits().images)
clean, asked = images[:900].copy(), images[900:].copy()
is_normal = np.arange(len(asked)) >= 40
corners = rng.integers(0, 6, size=(40, 2))
for image, (top, left) in zip(asked[:40], corners, strict=True):
    patch = np.s_[top : top + 3, left : left + 3]
    image[patch] = clean[rng.integers(len(clean))][patch]
clean, asked = clean.reshape(-1, 64), asked.reshape(-1, 64)

detector = LatentAnomalyDetector(novelty=True, random_state=0).fit(clean)
forest = IsolationForest(random_state=0).fit(clean)
for name, model in (("latent", detector), ("forest", forest)):
    print(f"{name}: AUROC {roc_auc_score(is_normal, model.score_samples(asked)):.2f}")

# %%
# Why are these rows odd?
# -----------------------
#
# The contributions of the columns sum to the score of a row. Here they are drawn as images, darker
# for what lowers the score, with a frame around the patch.

lowest = np.argsort(detector.score_samples(asked[:40]))[:6]
parts = detector.explain(asked)
figure, axes = plt.subplots(2, 6, figsize=(9, 3.2), layout="constrained")
for (above, below), row in zip(axes.T, lowest, strict=True):
    above.imshow(asked[row].reshape(8, 8), cmap="Greys")
    below.imshow(-parts[row].reshape(8, 8), cmap="Oranges")
    top, left = corners[row] - 0.5
    for ax in (above, below):
        ax.add_patch(plt.Rectangle((left, top), 3, 3, fill=False, color="#c2410c"))
        ax.set_axis_off()
plt.show()

# %%
# The display shows the scores with their threshold, and the columns of the row with the lowest
# score.

AnomalyScoreDisplay.from_estimator(detector, asked)
plt.show()

# %%
# The threshold moves without another fit.

for share in ("auto", 0.05, 0.1):
    found = detector.set_contamination(share).predict(asked) < 0
    print(f"contamination={share!r}: {found.sum()} rows, {found[:40].sum()} of the 40 among them")

# %%
# A search without labels
# -----------------------
#
# Any transformer with ``inverse_transform`` may be inside. Its parameters are chosen by how well
# the detector finds rows that the scorer itself has spoiled.

search = GridSearchCV(
    LatentAnomalyDetector(PCA(random_state=0), novelty=True, random_state=0),
    {"estimator__n_components": [5, 20, 40], "n_neighbors": [1, 5, 50]},
    scoring=pseudo_anomaly_score,
    cv=3,
).fit(clean)
print(search.best_params_)
print(f"AUROC {roc_auc_score(is_normal, search.score_samples(asked)):.2f}")
