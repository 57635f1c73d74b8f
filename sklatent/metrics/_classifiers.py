"""What gradient boosting can tell apart, and what it learns from synthetic rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from sklatent.metrics._tables import Column

_Float = NDArray[np.float64]
N_FOLDS = 5
_MOST_LEVELS = 250  # gradient boosting takes up to 255
_MOST_CLASSES = 10  # numbers with at most so many values are classes to predict


class Features:
    """Columns as gradient boosting takes them: categories and missing cells natively.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    reference : ndarray of shape (n_samples, n_columns)
        The table whose frequent categories are told apart; the rarest beyond 250 count as one.
    """

    def __init__(self, columns: tuple[Column, ...], reference: _Float) -> None:
        self.categories = np.array([column.is_category for column in columns])
        self._codes: dict[int, _Float] = {}
        for j, column in enumerate(columns):
            if len(column.levels) < _MOST_LEVELS:
                continue
            known = reference[~np.isnan(reference[:, j]), j].astype(np.intp)
            counts = np.bincount(known, minlength=len(column.levels) + 1)
            order = np.argsort(-counts[:-1], kind="stable")[:_MOST_LEVELS]
            codes = np.full(len(counts), float(_MOST_LEVELS))
            codes[order] = np.arange(_MOST_LEVELS)
            self._codes[j] = codes

    def of(self, table: _Float) -> _Float:
        """Pool the rare categories of a table.

        Parameters
        ----------
        table : ndarray of shape (n_samples, n_columns)
            The rows.

        Returns
        -------
        features : ndarray of shape (n_samples, n_columns)
            The same rows.
        """
        table = table.copy()
        for j, codes in self._codes.items():
            known = ~np.isnan(table[:, j])
            table[known, j] = codes[table[known, j].astype(np.intp)]
        return table


def classifier_auc(features: Features, real: _Float, other: _Float, seed: int) -> float:
    """How well a classifier tells two tables apart on rows that it was not trained on.

    Parameters
    ----------
    features : Features
        The columns.
    real, other : ndarray of shape (n_samples, n_columns)
        The tables, equally long.
    seed : int
        For the folds and the classifier.

    Returns
    -------
    auc : float
        Mean area under the ROC curve over 5 folds: .5 if it cannot tell, 1 if it always can.
    """
    X = features.of(np.vstack([real, other]))
    y = np.repeat([0, 1], [len(real), len(other)])
    areas = []
    for fitted, left_out in StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(X, y):
        model = HistGradientBoostingClassifier(
            categorical_features=features.categories, random_state=seed
        )
        model.fit(X[fitted], y[fitted])
        areas.append(roc_auc_score(y[left_out], model.predict_proba(X[left_out])[:, 1]))
    return float(np.mean(areas))


def auc_error(auc: float, n_rows: int) -> float:
    """Approximate standard error of :func:`classifier_auc`.

    Parameters
    ----------
    auc : float
        The area.
    n_rows : int
        The rows of each table.

    Returns
    -------
    standard_error : float
        Hanley and McNeil's for one classifier, times the square root of 2: the classifiers of the
        folds change with the rows too, which made areas vary 1.2 to 1.5 times as much in trials.
    """
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_rows - 1) * (one + two - 2 * auc**2)
    return float(np.sqrt(2 * max(variance, 0.0)) / n_rows)


class Downstream:
    """Train a predictor of one column on one table, test it on real rows.

    Parameters
    ----------
    columns : tuple of Column
        The columns.
    target : int
        Position of the column to predict.
    reference, test : ndarray of shape (n_samples, n_columns)
        The real table that settles which classes there are, and the rows to test on.
    seed : int
        For the predictor.

    Raises
    ------
    ValueError
        If there is nothing to predict: one column alone, or one value of the target in `test`.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        target: int,
        reference: _Float,
        test: _Float,
        seed: int,
    ) -> None:
        column = columns[target]
        self._others = np.arange(len(columns)) != target
        self._target = target
        self._seed = seed
        rest = tuple(c for c, kept in zip(columns, self._others, strict=True) if kept)
        if not rest:
            raise ValueError(f"No column is left to predict the target {column.name!r} from.")
        self._features = Features(rest, reference[:, self._others])
        known = reference[~np.isnan(reference[:, target]), target]
        self._classes = np.unique(known)
        few = len(self._classes) <= _MOST_CLASSES and column.kind == "number"
        self.task = "classification" if column.is_category or few else "regression"
        self._X, self._y = self._split(test)
        if len(np.unique(self._y)) < 2:
            raise ValueError(
                f"The target {column.name!r} has fewer than two values in real_test: there is "
                "nothing to predict."
            )

    def _split(self, table: _Float) -> tuple[_Float, _Float]:
        """Features and target of the rows whose target is known."""
        table = table[~np.isnan(table[:, self._target])]
        y = table[:, self._target]
        if self.task == "classification":
            y = np.where(np.isin(y, self._classes), y, -1.0)  # a class that no real row has
        return self._features.of(table[:, self._others]), y

    def score(self, table: _Float) -> float:
        """Fit on a table and score on the real rows.

        Parameters
        ----------
        table : ndarray of shape (n_samples, n_columns)
            The rows to train on.

        Returns
        -------
        score : float
            For classes the area under the ROC curve, each class against the rest, averaged over
            the classes of the real rows; for numbers R2.
        """
        X, y = self._split(table)
        options = {"categorical_features": self._features.categories, "random_state": self._seed}
        if self.task == "regression":
            if len(y) < 2:
                return float("nan")
            model = HistGradientBoostingRegressor(**options).fit(X, y)
            return float(r2_score(self._y, model.predict(self._X)))
        classes = np.unique(y)
        if len(classes) < 2:
            return 0.5  # whoever knows one class only cannot rank
        model = HistGradientBoostingClassifier(**options).fit(X, y)
        answers = dict(zip(classes, model.predict_proba(self._X).T, strict=True))
        unknown = np.zeros(len(self._X))
        present = np.unique(self._y)
        if len(present) == 2:
            present = present[1:]  # the other one's area is the same
        return float(
            np.mean([roc_auc_score(self._y == c, answers.get(c, unknown)) for c in present])
        )
