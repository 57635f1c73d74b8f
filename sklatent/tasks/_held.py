"""A transformer with a way back, as a task holds it: the user's own, seen through public verbs."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklatent._utils.callbacks import Watched
from sklatent._utils.latent import encode
from sklatent._utils.notice import told_already
from sklatent._utils.seeding import seeded
from sklatent.tabular import AnyRows, Table, as_table

Index = NDArray[np.intp] | slice


@dataclass(frozen=True, eq=False)
class HeldTransformer:
    """A fitted transformer, and the container in which it is asked.

    Numbers go in as an array even if they came in a frame, in which reconstructions would be
    rounded to the dtypes of its columns. Everything else goes in as it came.

    Parameters
    ----------
    transformer : transformer with ``inverse_transform``
        Fitted.
    takes_arrays : bool
        Whether rows of numbers go in as an array. One that was fitted to a frame before the task
        held it is asked with frames.
    as_objects : bool, default=False
        Whether what is no frame and goes in as it came becomes an array of objects.
    """

    transformer: Any
    takes_arrays: bool
    as_objects: bool = False

    @classmethod
    def fit(
        cls,
        estimator: Any,
        X: Any,
        rows: AnyRows,
        seed: int,
        *,
        as_objects: bool = False,
        inside: Watched = nullcontext,
    ) -> Self:
        """Fit a clone.

        Parameters
        ----------
        estimator : transformer with ``inverse_transform``
            Stays as it is.
        X : {array-like, data frame} of shape (n_samples, n_features)
            Training rows as they came.
        rows : Rows or MixedRows
            The same, validated.
        seed : int
            Of the clone and of what is inside, where these have none.
        as_objects : bool, default=False
            As in the class.

        Returns
        -------
        held : HeldTransformer
            The fitted clone.
        """
        takes_arrays = not hasattr(estimator, "feature_names_in_")
        held = cls(seeded(clone(estimator), seed), takes_arrays, as_objects)
        # PCA divides 0 by 0 where all rows are equal
        quiet = np.errstate(divide="ignore", invalid="ignore")
        with quiet, inside(held.transformer), told_already():
            fitted = held.transformer.fit(held.given(X, rows), None)
        return cls(fitted, takes_arrays, as_objects)

    def given(self, X: Any, rows: AnyRows, index: Index | None = None) -> Any:
        """Take some rows, or all for None, in the container that the transformer sees."""
        given = rows.given(X, as_array=self.takes_arrays, as_objects=self.as_objects)
        if index is not None:
            given = _safe_indexing(as_table(given), index)
        return np.ascontiguousarray(given) if isinstance(given, np.ndarray) else given

    def encode(self, X: Any, rows: AnyRows) -> NDArray[Any]:
        """Return the codes of rows, in the precision of these where they are numbers."""
        with told_already():
            return rows.cast(encode(self.transformer, self.given(X, rows)))

    def decode(
        self, codes: NDArray[Any], table: Table, rng: np.random.RandomState | None = None
    ) -> Any:
        """Return the rows of codes, in the container of a table where they are numbers.

        With ``rng`` they are new rows, and have new identifiers.
        """
        return table.contain(self.transformer.inverse_transform(codes), codes.dtype, rng)

    def reconstruct(
        self, X: Any, rows: AnyRows, table: Table, index: Index | None = None
    ) -> AnyRows:
        """Return the reconstructions of some rows, or all for None, for a table to encode."""
        given = self.given(X, rows, index)
        with told_already():
            back = self.transformer.inverse_transform(self.transformer.transform(given))
        return table.read_reconstructions(back)
