"""Dimensions of a latent space against columns of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sklatent._utils.latent import short_name
from sklatent.metrics import LatentReport, latent_report
from sklatent.plotting._panels import make_panels, pyplot, short, usual_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Up to so many columns their names, and up to so many cells their values, are written.
_MOST_NAMES, _MOST_VALUES = 60, 60
# Width of a cell in which its value can be read.
_VALUE_INCHES = 0.25


class LatentReportDisplay:
    """Heat map of what each latent dimension tells about each column.

    Make one by :meth:`from_estimator` or :meth:`from_report`, which draw at once. The report is
    kept, so that :meth:`plot` can draw again.

    Parameters
    ----------
    report : LatentReport
        The figures.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    ax_ : matplotlib.axes.Axes
        The heat map.

    See Also
    --------
    sklatent.metrics.latent_report : The figures behind it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.plotting import LatentReportDisplay
    >>> X = load_wine(as_frame=True).data
    >>> LatentReportDisplay.from_estimator(PCA(3).fit(X), X)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    ax_: Axes

    def __init__(self, *, report: LatentReport) -> None:
        self.report = report

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, ax: Axes | None = None, **options: Any
    ) -> LatentReportDisplay:
        """Report on a model, and draw the report.

        Parameters
        ----------
        estimator : transformer
            Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LatentReportDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        """
        return cls.from_report(latent_report(estimator, X), ax=ax, **options)

    @classmethod
    def from_report(
        cls, report: LatentReport, *, ax: Axes | None = None, **options: Any
    ) -> LatentReportDisplay:
        """Draw a report that is at hand.

        Parameters
        ----------
        report : LatentReport
            What :func:`~sklatent.metrics.latent_report` returned.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : LatentReportDisplay
            The display, drawn.
        """
        return cls(report=report).plot(ax=ax, **options)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        values: Literal["r2", "slopes"] = "r2",
        cmap: str = "viridis",
    ) -> LatentReportDisplay:
        """Draw the heat map, the most important dimension on top.

        Up to 60 cells hold their value, where they are wide enough.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. By default a new figure.
        values : {"r2", "slopes"}, default="r2"
            The share of a column that a dimension alone explains, or the mean absolute slope of
            the decoder in standard deviations.
        cmap : str, default="viridis"
            Name of the colour map.

        Returns
        -------
        display : LatentReportDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If ``values`` is neither of the two.
        """
        if values not in ("r2", "slopes"):
            raise ValueError(f"values must be 'r2' or 'slopes', got {values!r}.")
        plt = pyplot("LatentReportDisplay", ax)
        report = self.report
        order = np.argsort(-report.share, kind="stable")
        table = getattr(report, values)[order]
        k, p = table.shape
        longest = max(len(short(name)) for name in report.columns) if p <= _MOST_NAMES else 4
        # inches of a cell, and of a letter of a slanted name
        size = (min(14.0, 2.6 + 0.42 * p), min(12.0, 0.4 + 0.06 * longest + 0.3 * k))
        self.figure_, panels = make_panels(plt, ax, (1, 1), size)
        self.ax_ = panels[0, 0]
        top = 1.0 if values == "r2" else max(1e-12, usual_range(table)[1])
        extend: Literal["max", "neither"] = "max" if (table > top).any() else "neither"
        image = self.ax_.imshow(table, cmap=cmap, vmin=0.0, vmax=top, aspect="auto")
        inches = self.ax_.get_window_extent().width / self.figure_.dpi
        if k * p <= _MOST_VALUES and inches >= _VALUE_INCHES * p:
            for (i, j), value in np.ndenumerate(table):
                # dark cells are low in this map
                ink = "white" if not value > 0.6 * top else "black"
                text = "" if np.isnan(value) else f"{value:.2f}"
                self.ax_.text(j, i, text, ha="center", va="center", fontsize=6, color=ink)
        bar = self.figure_.colorbar(image, ax=self.ax_, pad=0.02, extend=extend)
        label = "share explained alone" if values == "r2" else "mean absolute slope"
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7, length=2)
        bar.outline.set_visible(False)
        self._name_axes(order, p)
        return self

    def _name_axes(self, order: Any, n_columns: int) -> None:
        report, ax = self.report, self.ax_
        names = [
            f"{short(short_name(report.dimensions[i]))}  {report.share[i]:.0%}"
            + ("" if report.active[i] else " (inactive)")
            for i in order
        ]
        ax.set_yticks(range(len(names)), names)
        if n_columns <= _MOST_NAMES:
            labels = [short(name) for name in report.columns]
            ax.set_xticks(range(n_columns), labels, rotation=60, ha="right", rotation_mode="anchor")
        else:
            ax.set_xlabel(f"{n_columns} columns", fontsize=8)
        ax.tick_params(labelsize=7, length=0)
        ax.spines[:].set_visible(False)
