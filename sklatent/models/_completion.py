"""Conditions and imputation: the verbs of a model of mixed tables that fill in cells."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklatent._utils.validation import check_n_samples
from sklatent.models._completer import MAX_NUMBERS, N_PARTICLES, SHARED_PARTICLES, Completer
from sklatent.tabular import MixedRows, with_index_of


class CompletionMixin:
    """Conditions and imputation: verbs of a model of mixed tables."""

    def sample(
        self: Any,
        n_samples: int = 1,
        *,
        conditions: Mapping[Any, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draw rows from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least one.
        conditions : mapping, default=None
            From column names (positions where ``fit`` saw an array) to what their cells must be:
            a value, a list or set of values, or a range as a tuple of two numbers, dates or
            ordered levels, both ends included, None for an open end. Every row obeys; the other
            cells, and the codes, are drawn given these. Needs ``mode="quantile"``, which mixed
            tables have.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows in each call.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            Rows in the units, container, column order and dtypes that ``fit`` saw; an array is
            float64, or float32 where ``fit`` saw that.

        Raises
        ------
        TypeError
            If ``conditions`` is not a mapping.
        ValueError
            If ``n_samples`` is not a positive integer, or a condition names a column or a value
            that ``fit`` has not seen.
        """
        check_is_fitted(self)
        if conditions is None or (isinstance(conditions, Mapping) and not conditions):
            return super().sample(n_samples, random_state=random_state)  # type: ignore[misc]
        check_n_samples(n_samples)
        self._check_mixed("conditions")
        limits = self.table_.table.limits(conditions)
        fixed = {at: limit for at, limit in limits.items() if isinstance(limit, float)}
        x = np.zeros((1, self.table_.n_encoded_), np.float32)
        x[:, self.table_.varying_] = np.nan
        for at, code in fixed.items():
            x[:, at] = code
        limits = {at: limit for at, limit in limits.items() if at not in fixed}
        rng = check_random_state(random_state)
        drawn = self._complete_alike(x, limits, n_samples, rng)
        # in the precision of the table: a float32 score may belong to a neighbouring value
        drawn = drawn.astype(np.float64)
        for at, code in fixed.items():
            drawn[:, at] = code
        return self.table_.table.obeying(conditions, drawn)

    def impute(
        self: Any,
        X: Any,
        *,
        n_draws: int = 32,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Any:
        """Fill missing cells with what is to be expected given the others of the row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, some cells of which are missing.
        n_draws : int, default=32
            Number of completions that are averaged. All rows are completed by the same random
            numbers: what a row is filled with does not depend on the rows beside it.
        random_state : int, RandomState instance or None, default=0
            Seed of the completions.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            The same rows, complete: means of numbers, the most frequent level of categories.
            Cells that were there stay as they are; a column that was empty in ``fit`` stays so.
        """
        if not isinstance(n_draws, Integral) or n_draws < 1:
            raise ValueError(f"Invalid value for 'n_draws': {n_draws}. At least one is needed.")
        rows, completions = self._imputed(X, n_draws, random_state, same_noise=True)
        return self._filled(X, rows, completions)

    def sample_imputations(
        self: Any,
        X: Any,
        n_samples: int = 5,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> list[Any]:
        """Draw completions of rows: multiple imputation.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, some cells of which are missing.
        n_samples : int, default=5
            Number of completed tables.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same tables in each call.

        Returns
        -------
        list of array or DataFrame
            Completed tables, whose differences show how uncertain the cells are.
        """
        check_n_samples(n_samples)
        rows, completions = self._imputed(X, n_samples, random_state, same_noise=False)
        return [self._filled(X, rows, [one]) for one in completions]

    def _filled(self: Any, X: Any, rows: MixedRows, completions: list[NDArray[Any]]) -> Any:
        return with_index_of(self.table_.table.filled(rows, completions), X)

    def _imputed(
        self: Any, X: Any, n_draws: int, random_state: Any, *, same_noise: bool
    ) -> tuple[MixedRows, list[NDArray[Any]]]:
        check_is_fitted(self)
        self._check_mixed("imputation")
        rows = self._read(X)
        x = self.table_.table.encode(rows).astype(np.float64)
        unknown = np.flatnonzero(np.isnan(x[:, self.table_.varying_]).any(1))
        completions = [x.copy() for _ in range(n_draws)]
        if len(unknown):
            rng = check_random_state(random_state)
            part = x[unknown].astype(np.float32)
            drawn = self._complete(part, n_draws, rng, same_noise=same_noise)
            for i, matrix in enumerate(completions):
                matrix[unknown] = np.where(np.isnan(x[unknown]), drawn[:, i], x[unknown])
        return rows, completions

    def _complete_alike(
        self: Any,
        x: NDArray[Any],
        limits: Mapping[int, Any],
        n_draws: int,
        rng: np.random.RandomState,
    ) -> NDArray[Any]:
        """Complete one encoded row ``n_draws`` times: (n_draws, p)."""
        module = self.net_.answering_module(x.dtype)
        completer = Completer(module, self.prior_, limits, may_miss=True, rng=rng)
        most = max(1, MAX_NUMBERS // (SHARED_PARTICLES * module.widest))
        sizes = [min(most, n_draws - start) for start in range(0, n_draws, most)]
        parts = [self._run_on_codes(lambda one, n=n: completer.alike(one, n), x) for n in sizes]
        return np.concatenate(parts)

    def _complete(
        self: Any,
        x: NDArray[Any],
        n_draws: int,
        rng: np.random.RandomState,
        *,
        same_noise: bool,
    ) -> NDArray[Any]:
        """Complete encoded rows ``n_draws`` times each: (n, n_draws, p)."""
        module = self.net_.answering_module(x.dtype)
        completer = Completer(
            module, self.prior_, {}, may_miss=False, rng=rng, same_noise=same_noise
        )
        size = max(1, MAX_NUMBERS // (max(N_PARTICLES, n_draws) * module.widest))
        parts = [
            self._run_on_codes(lambda part: completer(part, n_draws), x[start : start + size])
            for start in range(0, len(x), size)
        ]
        return np.concatenate(parts)

    def _check_mixed(self: Any, what: str) -> None:
        if self.table_.mode_ != "quantile":
            raise ValueError(
                f"This model was fitted to numbers alone, in mode 'affine', which has no {what}: "
                f"fit {type(self).__name__}(mode='quantile') instead."
            )
