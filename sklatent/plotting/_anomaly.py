"""Scores of a detector with its threshold, and the columns that make a row odd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklatent.plotting._panels import pyplot, usual_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_NORMAL, _ODD, _INK = "#b0b7bf", "#c2410c", "#5b6470"


class AnomalyScoreDisplay:
    """Histogram of anomaly scores with the threshold, beside the columns of one row.

    Make one by :meth:`from_estimator`, which draws at once. The arrays are kept, so that
    :meth:`plot` can draw again.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores, higher for normal rows.
    offset : float
        The threshold.
    contributions : ndarray of shape (n_features,), default=None
        What each column adds to the score of the row that is explained.
    feature_names : ndarray of shape (n_features,), default=None
        Names of the columns; their positions by default.
    row : int, default=None
        Position of that row among the scores.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The histogram and, where a row is explained, its columns.

    See Also
    --------
    sklatent.LatentAnomalyDetector : The detector behind it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklatent import LatentAnomalyDetector
    >>> from sklatent.plotting import AnomalyScoreDisplay
    >>> X = load_wine().data
    >>> detector = LatentAnomalyDetector(random_state=0).fit(X)
    >>> AnomalyScoreDisplay.from_estimator(detector, X)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(
        self,
        *,
        scores: NDArray[np.float64],
        offset: float,
        contributions: NDArray[np.float64] | None = None,
        feature_names: NDArray[np.object_] | None = None,
        row: int | None = None,
    ) -> None:
        self.scores = scores
        self.offset = offset
        self.contributions = contributions
        self.feature_names = feature_names
        self.row = row

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, row: int | None = None, ax: Any = None, **options: Any
    ) -> AnomalyScoreDisplay:
        """Score rows, explain one of them, and draw both.

        Parameters
        ----------
        estimator : object
            Fitted detector with ``score_samples`` and ``offset_``. The columns are drawn if it
            has ``explain``, as :class:`~sklatent.LatentAnomalyDetector` does.
        X : {array-like, data frame} of shape (n_samples, n_features)
            The rows.
        row : int, default=None
            Position of the row to explain; by default the one with the lowest score.
        ax : matplotlib Axes or two of them, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display, drawn.
        """
        scores = np.asarray(estimator.score_samples(X), dtype=np.float64)
        row = int(np.argmin(scores)) if row is None else row
        if not -len(scores) <= row < len(scores):
            raise ValueError(f"row == {row}, must be a position among {len(scores)} rows.")
        contributions = names = None
        if hasattr(estimator, "explain"):
            contributions = np.asarray(estimator.explain(X))[row]
            names = getattr(estimator, "feature_names_in_", None)
        offset = float(estimator.offset_)
        display = cls(
            scores=scores,
            offset=offset,
            contributions=contributions,
            feature_names=names,
            row=row,
        )
        return display.plot(ax=ax, **options)

    def plot(self, ax: Any = None, *, max_columns: int = 10) -> AnomalyScoreDisplay:
        """Draw the histogram and, beside it, the columns that lower the score most.

        Scores far beyond all others are counted in the first or last bar, so that a few of them
        do not take the whole axis; the label says how many.

        Parameters
        ----------
        ax : matplotlib Axes or two of them, default=None
            Where to draw: one for the histogram alone, two for both. By default a new figure.
        max_columns : int, default=10
            How many columns are drawn.

        Returns
        -------
        display : AnomalyScoreDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``max_columns`` is not positive.
        """
        plt = pyplot("AnomalyScoreDisplay", None)
        if max_columns < 1:
            raise ValueError(f"max_columns == {max_columns}, must be >= 1.")
        if ax is None:
            n = 1 if self.contributions is None else 2
            _, ax = plt.subplots(1, n, figsize=(4.6 * n, 3.2), layout="constrained", squeeze=False)
        places = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        self.figure_ = places[0].figure
        self._draw_scores(places[0])
        if self.contributions is not None and len(places) > 1:
            self._draw_columns(places[1], max_columns)
        self.axes_ = places
        return self

    def _draw_scores(self, ax: Axes) -> None:
        low, high = usual_range(self.scores)
        inside = np.clip(self.scores, low, high)
        edges = np.histogram_bin_edges(inside, bins=40)
        odd = self.scores < self.offset
        parts = ((~odd, _NORMAL, "normal"), (odd, _ODD, "anomalies"))
        for chosen, colour, label in parts:
            text = f"{label}: {int(chosen.sum())}"
            ax.hist(inside[chosen], bins=edges.tolist(), color=colour, label=text)
        ax.axvline(np.clip(self.offset, low, high), color=_INK, linewidth=1.0, linestyle="--")
        # a handful of anomalies must be seen beside thousands of rows
        ax.set_yscale("log")
        beyond = int((self.scores < low).sum()), int((self.scores > high).sum())
        sides = ((beyond[0], "lower", "first"), (beyond[1], "higher", "last"))
        notes = [f"{count} {side} in the {bar} bar" for count, side, bar in sides if count]
        ax.set_xlabel(f"score ({', '.join(notes)})" if notes else "score")
        ax.set_ylabel("rows")
        ax.legend(edgecolor="none", framealpha=1.0, fontsize=8, loc="upper left")
        ax.spines[["top", "right"]].set_visible(False)

    def _draw_columns(self, ax: Axes, max_columns: int) -> None:
        values = np.asarray(self.contributions)
        names = np.arange(len(values)) if self.feature_names is None else self.feature_names
        lowest = np.argsort(values, kind="stable")[:max_columns]
        places = np.arange(len(lowest))[::-1]
        ax.barh(places, values[lowest], color=_ODD)
        ax.set_yticks(places, [str(names[j]) for j in lowest])
        ax.set_xlabel("contribution to the score")
        place = "" if self.row is None else f" {self.row}"
        ax.set_title(f"row{place}: score {values.sum():.2f}", fontsize=9, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
