"""Real and synthetic rows side by side: columns one by one, and pairs of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._shapes import Marginal, PairBins, marginal, pair_trends
from sklatent.metrics._synthetic_report import SyntheticReport
from sklatent.metrics._tables import read_tables
from sklatent.plotting._panels import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import SubplotSpec

_REAL, _SYNTHETIC, _INK = "#b0b7bf", "#c2410c", "#5b6470"
_MOST_LABELS = 8  # names of categories below one panel
_MOST_PAIRS = 40  # columns whose names fit on the heat map
_LETTERS = 14


class SyntheticDisplay:
    """Marginals of real and synthetic rows, and the heat map of pair trends.

    Make one by :meth:`from_report` or :meth:`from_tables`; both draw at once. The arrays are
    kept, so that :meth:`plot` can draw again.

    Parameters
    ----------
    marginals : dict of object to Marginal
        Shares of real and synthetic cells by the column's name.
    pair_trends : ndarray of shape (n_columns, n_columns)
        Likeness of the joint distributions of pairs of columns, 1 for equal ones; NaN on the
        diagonal.
    pair_trends_ceiling : ndarray of shape (n_columns, n_columns), default=None
        The same for real rows, whose mean the heat map names beside its own.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The panels of the columns in their order; the heat map is the last one if there is one.

    See Also
    --------
    sklatent.metrics.synthetic_report : The figures behind it.

    Examples
    --------
    >>> from sklatent.datasets import make_mixed_table
    >>> from sklatent.plotting import SyntheticDisplay
    >>> real, synthetic = (make_mixed_table(200, random_state=seed) for seed in range(2))
    >>> SyntheticDisplay.from_tables(real, synthetic)  # doctest: +SKIP
    """

    figure_: Figure | SubFigure
    axes_: NDArray[np.object_]

    def __init__(
        self,
        *,
        marginals: dict[Any, Marginal],
        pair_trends: NDArray[np.float64],
        pair_trends_ceiling: NDArray[np.float64] | None = None,
    ) -> None:
        self.marginals = marginals
        self.pair_trends = pair_trends
        self.pair_trends_ceiling = pair_trends_ceiling

    @classmethod
    def from_report(
        cls, report: SyntheticReport, *, ax: Axes | None = None, **options: Any
    ) -> SyntheticDisplay:
        """Draw what a report found: rows held out against synthetic ones.

        Parameters
        ----------
        report : SyntheticReport
            What :func:`~sklatent.metrics.synthetic_report` returned.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : SyntheticDisplay
            The display, drawn.
        """
        display = cls(
            marginals=report.marginals,
            pair_trends=report.pair_trends,
            pair_trends_ceiling=report.pair_trends_ceiling,
        )
        return display.plot(ax=ax, **options)

    @classmethod
    def from_tables(
        cls, real: Any, synthetic: Any, *, ax: Axes | None = None, **options: Any
    ) -> SyntheticDisplay:
        """Draw two tables.

        Parameters
        ----------
        real : {array-like, data frame} of shape (n_samples, n_columns)
            The real rows. Their deciles are the bins of the pair trends.
        synthetic : {array-like, data frame} of shape (n_synthetic, n_columns)
            The synthetic rows.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : SyntheticDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the tables have other columns or types, no rows, or infinite numbers.
        """
        tables = read_tables({"real": real, "synthetic": synthetic}, 1)
        a, b = tables.matrices
        for label, matrix in (("real", a), ("synthetic", b)):
            if not len(matrix):
                raise ValueError(
                    f"Found array with n_samples=0 in {label} while a minimum of 1 is required by "
                    "SyntheticDisplay."
                )
        marginals = {
            column.name: marginal(column, a[:, j], b[:, j])
            for j, column in enumerate(tables.columns)
        }
        trends = pair_trends(PairBins(tables.columns, a), a, b)
        return cls(marginals=marginals, pair_trends=trends).plot(ax=ax, **options)

    def plot(
        self, ax: Axes | None = None, *, max_columns: int = 24, show_trends: bool = True
    ) -> SyntheticDisplay:
        """Draw the panels, and the heat map beside them.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            A place to draw in: it is switched off and divided. By default a new figure.
        max_columns : int, default=24
            How many columns get a panel; the first ones do.
        show_trends : bool, default=True
            Whether to draw the heat map, where there are two columns or more.

        Returns
        -------
        display : SyntheticDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `max_columns` is not positive.
        """
        plt = pyplot("SyntheticDisplay", ax)
        if max_columns < 1:
            raise ValueError(f"max_columns == {max_columns}, must be >= 1.")
        names = list(self.marginals)[:max_columns]
        with_map = show_trends and len(self.pair_trends) > 1
        # In a figure of its own a panel is 2.3 inches wide, in a given place at least 1.4 or so.
        room = 4 if ax is None else int(ax.get_window_extent().width / ax.figure.dpi * 0.6 / 1.4)
        across = int(np.clip(room, 1, min(4, len(names))))
        down = -(-len(names) // across)
        if ax is None:
            size = (2.3 * across + 5.0 * with_map, max(1.7 * down, 4.4 if with_map else 2.4))
            self.figure_ = plt.figure(figsize=size, layout="constrained")
            place = self.figure_.add_gridspec(1, 1)[0]
        else:
            self.figure_, place = ax.figure, _place_of(ax)
        widths = [2.3 * across, 5.0] if with_map else [1.0]
        halves = place.subgridspec(1, len(widths), width_ratios=widths)
        grid = halves[0].subgridspec(down, across)
        drawn = [self.figure_.add_subplot(grid[i // across, i % across]) for i in range(len(names))]
        for panel, name in zip(drawn, names, strict=True):
            _draw_marginal(panel, name, self.marginals[name])
        if with_map:
            drawn.append(self.figure_.add_subplot(halves[1]))
            self._draw_map(drawn[-1])
        _draw_legend(drawn[-1] if with_map else drawn[0])
        self.axes_ = np.array(drawn, dtype=object)
        return self

    def _draw_map(self, ax: Axes) -> None:
        title = f"pair trends, 1 if alike; mean {np.nanmean(self.pair_trends):.3f}"
        if self.pair_trends_ceiling is not None:
            title += f", of real rows {np.nanmean(self.pair_trends_ceiling):.3f}"
        ax.set_title(title, fontsize=9, loc="left")
        _draw_trends(ax, list(self.marginals), self.pair_trends)


def _place_of(ax: Axes) -> SubplotSpec:
    """Free the place of an axes, as scikit-learn's displays of several panels do."""
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("ax must be on a grid, as plt.subplots and add_subplot make it.")
    ax.set_axis_off()
    return place


def _short(name: Any) -> str:
    text = str(name)
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"


def _draw_marginal(ax: Axes, name: Any, shares: Marginal) -> None:
    """Real cells as grey area, synthetic ones as a line over it."""
    if shares.edges is None:
        _draw_levels(ax, shares)
    else:
        edges, unit = _as_axis(ax, shares)
        ax.stairs(shares.real, edges, fill=True, color=_REAL)
        ax.stairs(shares.synthetic, edges, color=_SYNTHETIC, linewidth=1.4)
        ax.set_xlabel(unit, fontsize=7)
    ax.set_ylim(0, 1.25 * max(shares.real.max(), shares.synthetic.max(), 1e-3))
    ax.set_title(_short(name), fontsize=9, loc="left")
    gaps = [1.0 - float(part.sum()) for part in (shares.real, shares.synthetic)]
    if max(gaps) > 1e-9:
        text = f"missing {gaps[0]:.0%} | {gaps[1]:.0%}"
        ax.text(0.98, 1, text, fontsize=7, color=_INK, ha="right", va="top", transform=ax.transAxes)
    ax.tick_params(labelsize=7, length=2)
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)


def _draw_levels(ax: Axes, shares: Marginal) -> None:
    n = len(shares.labels)
    # Many categories have no order that would say more than their frequency.
    order = np.arange(n) if n <= _MOST_LABELS else np.argsort(-shares.real, kind="stable")
    places = np.arange(n)
    ax.bar(places, shares.real[order], width=0.8, color=_REAL)
    ends = places - 0.42, places + 0.42
    ax.hlines(shares.synthetic[order], *ends, color=_SYNTHETIC, linewidth=1.4)
    if n <= _MOST_LABELS:
        names = [_short(shares.labels[i]) for i in order]
        ax.set_xticks(places, names)
        crowded = n > 3 or n * max(map(len, names), default=0) > 24
        for label in ax.get_xticklabels() if crowded else ():
            label.set(rotation=30, ha="right")
    else:
        ax.set_xticks([])
        ax.set_xlabel(f"{n} categories, by frequency", fontsize=7)


def _as_axis(ax: Axes, shares: Marginal) -> tuple[NDArray[np.float64], str]:
    """Ends of the bins in units to read: dates on an axis of dates, durations in days."""
    edges = shares.edges
    assert edges is not None
    if shares.kind == "duration":
        return edges / 86_400e6, "days"
    if shares.kind != "date":
        return edges, ""
    from matplotlib import dates as untyped

    dates: Any = untyped
    locator = dates.AutoDateLocator(minticks=2, maxticks=4)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    return np.asarray(dates.date2num(edges.astype("datetime64[us]"))), ""


def _draw_trends(ax: Axes, names: list[Any], trends: NDArray[np.float64]) -> None:
    """Draw the lower half, what differs in dark."""
    n = len(trends)
    lower = np.where(np.tri(n, k=-1, dtype=bool), trends, np.nan)[1:, :-1]
    image = ax.imshow(lower, cmap="Oranges_r", vmin=min(0.5, np.nanmin(lower)), vmax=1.0)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.outline.set_visible(False)
    if n <= _MOST_PAIRS:
        ax.set_xticks(range(n - 1), [_short(name) for name in names[:-1]], rotation=90)
        ax.set_yticks(range(n - 1), [_short(name) for name in names[1:]])
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(labelsize=7, length=0)
    ax.spines[:].set_visible(False)


def _draw_legend(ax: Axes) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Patch(color=_REAL, label="real"),
        Line2D([], [], color=_SYNTHETIC, linewidth=1.4, label="synthetic"),
    ]
    ax.legend(handles=handles, fontsize=8, frameon=False, loc="upper right")
