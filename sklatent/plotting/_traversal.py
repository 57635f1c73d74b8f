"""Latent traversals: what single components do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import _safe_indexing

from sklatent._utils.latent import (
    check_latent_model,
    component_names,
    encode,
    find_component,
    short_name,
)
from sklatent.geometry import traverse
from sklatent.metrics._reconstruction import Comparison
from sklatent.plotting._panels import usual_range
from sklatent.plotting._series import RowSeries, SeriesDisplay
from sklatent.tabular import as_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COMPONENTS = 6
_RANGE = (0.01, 0.99)  # quantiles of the codes


class TraversalDisplay(SeriesDisplay):
    """Traversals of single components, as rows of images or as cells of the columns that change.

    Make one by :meth:`from_estimator`, which draws at once. The arrays are kept, so that
    :meth:`plot` can draw again.

    Parameters
    ----------
    series : list of RowSeries
        The decoded rows of each component: its short name, how many standard deviations its codes
        are from their mean, far rows cut, and the cells.
    scale : TableScale
        The columns with their means and standard deviations, far cells cut.
    limits : (float, float), default=(0.0, 1.0)
        What is white and what is black in images, far pixels aside.
    image_shape : tuple of int, default=None
        Height and width of rows that are images.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        One panel for each component; of images one for each row.

    See Also
    --------
    sklatent.geometry.traverse : The rows alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.plotting import TraversalDisplay
    >>> X = load_digits().data
    >>> TraversalDisplay.from_estimator(PCA(5).fit(X), X, image_shape=(8, 8))  # doctest: +SKIP
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        row: int = 0,
        components: int | str | Sequence[int | str] | None = None,
        n_values: int = 7,
        image_shape: tuple[int, ...] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> TraversalDisplay:
        """Traverse components from one row, and draw what changes.

        Parameters
        ----------
        estimator : transformer
            Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows that give the range of each component: from their 1 % to their 99 % quantile.
        row : int, default=0
            Position of the row to start from.
        components : int, str or list of these, default=None
            Positions or names, ``vae0`` as well as ``vaetransformer0``; by default those that vary
            most, at most six.
        n_values : int, default=7
            Values that each component takes.
        image_shape : (int, int), default=None
            Height and width, where rows are images; colours last as a third number.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : TraversalDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        ValueError
            If there is no such row or component, or images of that shape.
        """
        check_latent_model(estimator)
        codes = encode(estimator, X)
        if not -len(codes) <= row < len(codes):
            raise ValueError(f"row == {row}, must be a position among {len(codes)} rows.")
        names = component_names(estimator, codes.shape[1])
        limits = np.array([usual_range(code) for code in codes.astype(np.float64).T]).T
        usual = np.clip(codes, *limits)
        means, spreads = usual.mean(0), usual.std(0)
        if components is None:
            order = np.argsort(-spreads, kind="stable")[:_MOST_COMPONENTS]
            components = [int(place) for place in order]
        knobs = [components] if isinstance(components, str | int) else list(components)
        start = _safe_indexing(as_table(X), [row % len(codes)])
        series = []
        for component in knobs:
            decoded = traverse(estimator, start, component, n_values, X=X, quantiles=_RANGE)
            found = Comparison.of(X, decoded)
            place = find_component(estimator, component, codes.shape[1])
            low, high = np.quantile(codes[:, place].astype(np.float64), _RANGE)
            places = (np.linspace(low, high, n_values) - means[place]) / (spreads[place] or 1.0)
            ticks = [f"{value:+.1f} sd" for value in places]
            series.append(RowSeries(short_name(names[place]), ticks, found.others))
        if not series:
            raise ValueError("components is empty: name one at least.")
        return cls._of(series, found, image_shape).plot(ax=ax, **options)
