"""
Choosing the number of components honestly
==========================================

A reconstruction always gets better with a wider bottleneck, so its error cannot choose the width.
Two scorers can: the likelihood that a :class:`~sklatent.VAETransformer` gives to rows it has not
seen, and the accuracy of a classifier behind it. Both are searched by
:class:`~sklearn.model_selection.GridSearchCV` here, on the breast cancer table of scikit-learn.
"""

# %%
# Three questions, one grid
# -------------------------
#
# ``VAETransformer.score`` is the mean log-likelihood of rows. ``AutoencoderTransformer.score`` is
# the share of the variance kept, shown for contrast.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import AutoencoderTransformer, VAETransformer

X, y = load_breast_cancer(return_X_y=True)
widths = [1, 2, 4, 8, 16]

likelihood = GridSearchCV(
    make_pipeline(StandardScaler(), VAETransformer(random_state=0)),
    {"vaetransformer__n_components": widths},
    cv=3,
)
downstream = GridSearchCV(
    make_pipeline(
        StandardScaler(), VAETransformer(random_state=0), LogisticRegression(max_iter=1000)
    ),
    {"vaetransformer__n_components": widths},
    cv=3,
)
variance = GridSearchCV(
    make_pipeline(StandardScaler(), AutoencoderTransformer(random_state=0)),
    {"autoencodertransformer__n_components": widths},
    cv=3,
)
searches = {
    "likelihood": likelihood.fit(X),
    "accuracy": downstream.fit(X, y),
    "variance kept": variance.fit(X),
}
for name, search in searches.items():
    (best,) = search.best_params_.values()
    print(f"{name:14s} prefers {best:2d} components")

# %%
# What each of them sees
# ----------------------
#
# Bars are one standard deviation over the three folds.

labels = {
    "likelihood": "log-likelihood of a row, nats",
    "accuracy": "accuracy of logistic regression",
    "variance kept": "share of the variance kept",
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for axis, (name, search) in zip(axes, searches.items(), strict=True):
    scores, spread = (search.cv_results_[f"{which}_test_score"] for which in ("mean", "std"))
    color = "#8a8f98" if name == "variance kept" else "#c2410c"
    axis.errorbar(widths, scores, spread, fmt="o-", color=color, capsize=3)
    best = search.best_index_
    axis.plot(widths[best], scores[best], "o", ms=12, mfc="none", mec="black", label="chosen")
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [str(width) for width in widths])
    axis.set(title=labels[name], xlabel="n_components")
    axis.grid(alpha=0.25)
axes[0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# The share of the variance rises with every component. The likelihood stops rising where further
# components describe no more than noise, and the classifier tells what is enough for its task.
