"""
Choosing the number of components honestly
==========================================

A reconstruction always gets better with a wider bottleneck, so its error cannot choose the width.
Two scorers can: the likelihood that a :class:`~sklatent.VAETransformer` gives to rows it has not
seen, and the accuracy of a classifier behind it. Both are searched by
:class:`~sklearn.model_selection.GridSearchCV` here, on the breast cancer table of scikit-learn.
"""

# %%
# Two searches, three scores
# --------------------------
#
# ``VAETransformer.score`` is the mean log-likelihood of rows, in their own units. The share of the
# variance kept is computed in the same search, for contrast.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklatent import VAETransformer

X, y = load_breast_cancer(return_X_y=True)
widths = [2, 4, 8, 16, 24]
folds = KFold(3, shuffle=True, random_state=0)


def score_rows(model, X, y=None):
    """Likelihood and reconstruction of rows that the model has not seen."""
    lost = (X - model.inverse_transform(model.transform(X))) / X.std(axis=0)
    return {"likelihood": model.score(X), "variance kept": 1 - np.mean(lost**2)}


unsupervised = GridSearchCV(
    VAETransformer(random_state=0),
    {"n_components": widths},
    scoring=score_rows,
    refit="likelihood",
    cv=folds,
).fit(X)
supervised = GridSearchCV(
    make_pipeline(StandardScaler(), VAETransformer(random_state=0), LogisticRegression()),
    {"vaetransformer__n_components": widths},
    cv=folds,
).fit(X, y)

print(f"likelihood chooses {unsupervised.best_params_['n_components']} components")
print(f"accuracy chooses   {supervised.best_params_['vaetransformer__n_components']} components")

# %%
# What each of them sees
# ----------------------
#
# Bars are one standard deviation over the three folds.

panels = [
    ("log-likelihood of a row (nats)", unsupervised, "likelihood", "#c2410c"),
    ("accuracy of logistic regression", supervised, "score", "#c2410c"),
    ("share of the variance kept", unsupervised, "variance kept", "#8a8f98"),
]
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for axis, (title, search, name, color) in zip(axes, panels, strict=True):
    mean, spread = (search.cv_results_[f"{which}_test_{name}"] for which in ("mean", "std"))
    best = np.argmax(mean)
    axis.errorbar(widths, mean, spread, fmt="o-", color=color, capsize=3)
    axis.plot(widths[best], mean[best], "o", ms=12, mfc="none", mec="black", label="largest")
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [str(width) for width in widths])
    axis.minorticks_off()
    axis.set(title=title, xlabel="n_components")
    axis.grid(alpha=0.25)
axes[0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# The share of the variance rises with every component. The likelihood does not: a component that
# describes only the training rows makes new ones less likely. The classifier tells what is enough
# for its task, and is a reason to take fewer components where the gain is within the bars.
