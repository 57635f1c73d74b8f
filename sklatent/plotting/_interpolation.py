"""Paths through a latent space, decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sklatent._utils.latent import as_rows
from sklatent.geometry import interpolate
from sklatent.metrics._reconstruction import Comparison
from sklatent.plotting._series import RowSeries, SeriesDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class InterpolationDisplay(SeriesDisplay):
    """Rows along paths in the latent space, as images or as cells of the columns that change.

    Make one by :meth:`from_estimator`, which draws at once. The arrays are kept, so that
    :meth:`plot` can draw again.

    Parameters
    ----------
    series : list of RowSeries
        The decoded rows of each path: what it is called, how far along the rows are, and the cells.
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
        One panel for each path; of images one for each row.

    See Also
    --------
    sklatent.geometry.interpolate : The rows alone.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from sklatent.plotting import InterpolationDisplay
    >>> X = load_digits().data
    >>> InterpolationDisplay.from_estimator(
    ...     PCA(10).fit(X), X, X[:1], X[1:2], image_shape=(8, 8)
    ... )  # doctest: +SKIP
    """

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        a: Any,
        b: Any,
        *,
        n_steps: int = 8,
        methods: Sequence[str] = ("linear",),
        image_shape: tuple[int, ...] | None = None,
        ax: Axes | None = None,
        **options: Any,
    ) -> InterpolationDisplay:
        """Walk from rows to rows, and draw what is on the way.

        Parameters
        ----------
        estimator : transformer
            Fitted, with ``inverse_transform``: a latent model, PCA, or a pipeline of such.
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows that give the scale of the columns, and that "density" paths stay close to.
        a, b : {array-like, data frame} of shape (n_paths, n_features)
            The ends; a plain vector is one row.
        n_steps : int, default=8
            Rows on each path, both ends included.
        methods : sequence of {"linear", "spherical", "density"}, default=("linear",)
            Each path is drawn once for each method.
        image_shape : (int, int), default=None
            Height and width, where rows are images; colours last as a third number.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.
        **options : dict
            Further parameters of :meth:`plot`.

        Returns
        -------
        display : InterpolationDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If the estimator has no ``inverse_transform``.
        ValueError
            If the ends do not match, or images have another shape.
        """
        methods = [methods] if isinstance(methods, str) else list(methods)
        if not methods:
            raise ValueError("methods is empty: name one at least.")
        ticks = [f"{share:.2g}" for share in np.linspace(0.0, 1.0, max(2, n_steps))]
        numbered = []
        for method in methods:
            method_: Any = method
            rows = interpolate(estimator, as_rows(a), as_rows(b), n_steps, method=method_, X=X)
            found = Comparison.of(X, rows)
            paths = found.others.reshape(-1, n_steps, len(found.columns))
            for number, cells in enumerate(paths):
                label = f"path {number}" if len(paths) > 1 else ""
                label = f"{label} {method}".strip() if len(methods) > 1 or not label else label
                numbered.append((number, RowSeries(label, ticks, cells)))
        # the methods of a path side by side
        series = [one for _, one in sorted(numbered, key=lambda pair: pair[0])]
        return cls._of(series, found, image_shape).plot(ax=ax, **options)
