"""How a model was trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklatent._utils.latent import last_step
from sklatent.plotting._panels import ACCENT, QUIET, SECOND, make_panels, pyplot, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_TOTALS = ("train_loss", "valid_loss")


class TrainingCurveDisplay:
    """The losses at each check, one panel for each named term, with the step that was kept.

    Make one by :meth:`from_estimator`, which draws at once. The arrays are kept, so that
    :meth:`plot` can draw again.

    Parameters
    ----------
    history : list of dict
        One record for each check: ``step``, ``train_loss``, perhaps ``valid_loss``, and the named
        terms of the loss.
    best_step : int, default=None
        The step whose weights are used.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The total loss, then its terms.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklatent import VAETransformer
    >>> from sklatent.plotting import TrainingCurveDisplay
    >>> model = VAETransformer(4, max_steps=50, random_state=0).fit(load_digits().data)
    >>> TrainingCurveDisplay.from_estimator(model)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(
        self, *, history: Sequence[dict[str, float]], best_step: int | None = None
    ) -> None:
        self.history = history
        self.best_step = best_step

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Axes | None = None, **options: Any
    ) -> TrainingCurveDisplay:
        """Draw the history of a fitted model.

        Parameters
        ----------
        estimator : object
            Fitted, with ``history_``; or a pipeline that ends with such.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the model keeps no history.
        """
        check_is_fitted(estimator)
        model = last_step(estimator)
        if not hasattr(model, "history_"):
            raise TypeError(
                f"{type(model).__name__} has no history_: only models that are trained step by "
                "step have one."
            )
        display = cls(history=model.history_, best_step=getattr(model, "best_iter_", None))
        return display.plot(ax=ax, **options)

    def plot(self, ax: Axes | None = None, *, show_terms: bool = True) -> TrainingCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A place to draw in: with several panels it is switched off and divided. By default a
            new figure.
        show_terms : bool, default=True
            Whether to draw the terms of the loss beside the whole.

        Returns
        -------
        display : TrainingCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = pyplot("TrainingCurveDisplay", ax)
        named = {name for record in self.history for name in record}
        terms = sorted(named - {"step", *_TOTALS}) if show_terms else []
        n = 1 + len(terms)
        self.figure_, panels = make_panels(plt, ax, (1, n), (3.4 * n + 0.4, 2.8))
        self.axes_ = panels[0]
        if not self.history:
            self.axes_[0].text(0.5, 0.5, "not trained: the start was kept", ha="center", fontsize=9)
            self.axes_[0].set_axis_off()
            return self
        whole = self.axes_[0]
        self._draw(whole, "train_loss", ACCENT, "training")
        if "valid_loss" in named:
            self._draw(whole, "valid_loss", SECOND, "held-out rows")
        whole.set_title("loss", fontsize=9, loc="left")
        for panel, term in zip(self.axes_[1:], terms, strict=True):
            self._draw(panel, term, ACCENT, "training")
            panel.set_title(term.removeprefix("train_").replace("_", " "), fontsize=9, loc="left")
        for panel in self.axes_:
            if self.best_step is not None:
                label = f"kept: step {self.best_step}"
                panel.axvline(self.best_step, color=QUIET, lw=1.0, ls="--", label=label, zorder=0)
            panel.set_xlabel("step", fontsize=8)
            tidy(panel)
        whole.legend(frameon=False, fontsize=7)
        return self

    def _draw(self, ax: Axes, name: str, color: str, label: str) -> None:
        known = [record for record in self.history if name in record]
        steps = [record["step"] for record in known]
        values = [record[name] for record in known]
        ax.plot(steps, values, color=color, lw=1.4, marker="o", ms=2.5, label=label)
