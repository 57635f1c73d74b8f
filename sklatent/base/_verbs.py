"""What latent models do, one mixin for each verb: none has a state, none calls another."""

from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state

from sklatent._training import FitOutcome
from sklatent._utils._params import _fit_context
from sklatent._utils.validation import check_codes, check_n_samples
from sklatent.tabular import AnyRows, Table, sample_inside, with_index_of

B = TypeVar("B", covariant=True)

# Rows sampled at a time: bounds the memory of a large sample.
DRAW_ROWS = 10_000


class Answering(Protocol[B]):
    """A fitted model, as its verbs see it."""

    @property
    def body(self) -> B:
        """What answers."""

    def read(self, X: Any, min_rows: int = 1) -> AnyRows:
        """Validate rows of the table that ``fit`` saw."""

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the components."""


class Encoding(Protocol):
    """A body that encodes rows."""

    def encode(self, rows: AnyRows) -> NDArray[Any]:
        """Return codes (n_samples, k)."""


class Decoding(Protocol):
    """A body that decodes codes."""

    def decode(self, codes: NDArray[Any]) -> Any:
        """Return rows in the container that ``fit`` saw."""


class Sampling(Protocol):
    """A body that samples rows."""

    def sample(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Return new rows in the container that ``fit`` saw."""


class Scoring(Protocol):
    """A body that knows how likely rows are."""

    def log_density(self, rows: AnyRows) -> NDArray[np.float64]:
        """Return the log-likelihood of each row."""


class Reconstructing(Protocol):
    """A body that knows how much of rows their codes keep."""

    def score(self, rows: AnyRows) -> float:
        """Return the share."""


class Completing(Protocol):
    """A body that fills in cells."""

    table: Table

    def sample(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Return new rows."""

    def sample_given(
        self, conditions: Mapping[Any, Any], n_samples: int, rng: np.random.RandomState
    ) -> Any:
        """Return new rows that obey conditions."""

    def sample_means(self, n_samples: int, rng: np.random.RandomState) -> Any:
        """Return decoded codes of new rows."""

    def impute(
        self,
        X: Any,
        rows: AnyRows,
        n_draws: int,
        random_state: Any,
        conditions: Mapping[Any, Any] | None,
    ) -> Any:
        """Return rows whose missing cells are filled."""

    def sample_imputations(
        self, X: Any, rows: AnyRows, n_samples: int, random_state: Any
    ) -> list[Any]:
        """Return completed tables."""

    def check_completes(self, what: str, *, estimator: Any) -> None:
        """Refuse a table whose rows are modelled as a whole."""


def in_parts(
    draw: Callable[[int, np.random.RandomState], NDArray[Any]],
    n_samples: int,
    rng: np.random.RandomState,
) -> NDArray[Any]:
    """Draw rows as a matrix, some thousands at a time."""
    starts = range(0, n_samples, DRAW_ROWS)
    return np.concatenate([draw(min(DRAW_ROWS, n_samples - start), rng) for start in starts])


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The verb ``transform``: rows to codes."""

    def transform(self: Answering[Encoding], X: Any) -> Any:
        """Encode rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_), or the container of ``set_output``
            Latent codes, deterministic, in the dtype of ``X`` (float64 or float32).
        """
        body = self.body
        return body.encode(self.read(X))


class DecoderMixin:
    """The verb ``inverse_transform``: codes to rows."""

    def inverse_transform(self: Answering[Decoding], Z: Any) -> Any:
        """Decode codes.

        Parameters
        ----------
        Z : array-like or DataFrame of shape (n_samples, n_components_)
            Latent codes, as ``transform`` gives them.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            Rows in the container, column order and dtypes that ``fit`` saw; an array is float64
            or float32, as ``Z`` is. A pandas frame has the index of ``Z`` where that has one.

        Raises
        ------
        ValueError
            If ``Z`` has another width than ``n_components_``, or missing or infinite cells.
        """
        body = self.body
        return with_index_of(body.decode(check_codes(self, Z, self.get_feature_names_out())), Z)


class SamplerMixin:
    """The verb ``sample``: new rows."""

    def sample(
        self: Answering[Sampling],
        n_samples: int = 1,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Sample rows from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least one.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same rows in each call.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            Rows in the units, container, column order and dtypes that ``fit`` saw; an array is
            float64, or float32 where ``fit`` saw that.

        Raises
        ------
        ValueError
            If ``n_samples`` is not a positive integer.
        """
        body = self.body
        check_n_samples(n_samples)
        return body.sample(n_samples, check_random_state(random_state))


class DensityMixin:
    """The verbs ``score_samples`` and ``score``: log-likelihood."""

    def score_samples(self: Answering[Scoring], X: Any) -> NDArray[np.float64]:
        """Log-likelihood of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows with the columns seen in ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), dtype=float64
            Natural logarithm of the density in the units of ``X``; deterministic, and the same
            whatever rows lie beside.
        """
        body = self.body
        return body.log_density(self.read(X))

    def score(self: Answering[Scoring], X: Any, y: Any = None) -> float:
        """Mean log-likelihood of rows, so that a search ranks by it.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, held out for an honest figure.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean of ``score_samples(X)``.
        """
        body = self.body
        return float(np.mean(body.log_density(self.read(X))))


class ReconstructionMixin:
    """The verb ``score``: how much of rows their codes keep."""

    def score(self: Answering[Reconstructing], X: Any, y: Any = None) -> float:
        """Share of the variance of rows that survives encoding and decoding.

        It says whether codes can be decoded into the rows, and nothing about what else they are
        good for.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, held out for an honest figure.
        y : None
            Ignored.

        Returns
        -------
        float
            One minus the squared error over the squared distance from the training mean, over
            all columns that were not constant in ``fit``, in the units the model was fitted in
            (standardized or raw). 1 is perfect, 0 as good as the mean. Of a mixed table, the
            share of the deviance: squared errors of the scores of numbers, cross-entropies of
            categories and of missing cells, against those of the marginals of the training rows.
        """
        body = self.body
        return body.score(self.read(X))


class CompletionMixin:
    """Conditions and imputation: the verbs of a model that fills in cells."""

    def sample(
        self: Answering[Completing],
        n_samples: int = 1,
        *,
        conditions: Mapping[Any, Any] | None = None,
        protect_extremes: int | None = None,
        noise: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Sample rows from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least one.
        conditions : mapping, default=None
            From column names (positions where ``fit`` saw an array) to what their cells must be:
            a value, a list or set of values, or a range as a tuple of two numbers, dates or
            ordered categories, both ends included, None for an open end. Every row obeys; the
            other cells, and the codes, are sampled given these.
        protect_extremes : int or None, default=None
            With a number k, rows are drawn until none holds a number or date beyond the k-th
            training value from either end, or a category of fewer than k training rows: what a
            few people alone have does not come back. Columns with conditions are left to these.
            Of tables of numbers above 10,000 rows or two million cells the ends of a random part
            count.
        noise : bool, default=True
            Whether cells scatter about what their code is decoded to, as those of real rows do.
            If False, rows are decoded codes: smooth images, and in mixed tables the most likely
            cells. Not with conditions.
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
            If ``n_samples`` is not a positive integer, a condition names a column or a value that
            ``fit`` has not seen, or ``protect_extremes`` leaves hardly a row.
        """
        body = self.body
        check_n_samples(n_samples)
        rng = check_random_state(random_state)
        asked = {} if conditions is None else conditions

        def draw(n: int) -> Any:
            if isinstance(asked, Mapping) and not asked:
                return body.sample(n, rng) if noise else body.sample_means(n, rng)
            if not noise:
                raise ValueError("noise=False samples decoded codes, which obey no conditions.")
            body.check_completes("conditions", estimator=self)
            return body.sample_given(asked, n, rng)

        if protect_extremes is None:
            return draw(n_samples)
        return sample_inside(draw, n_samples, body.table, protect_extremes, asked)

    def impute(
        self: Answering[Completing],
        X: Any,
        *,
        conditions: Mapping[Any, Any] | None = None,
        n_draws: int = 32,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Any:
        """Fill missing cells with what is to be expected given the others of the row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows, some cells of which are missing.
        conditions : mapping, default=None
            What filled cells must be, by column, as in :meth:`sample`. Cells that are there are
            not looked at.
        n_draws : int, default=32
            Number of completions that are averaged; in tables of numbers, where means are exact
            given a code, the number of codes tried, at least 64. All rows are completed by the
            same random numbers: what a row is filled with does not depend on the rows beside it.
        random_state : int, RandomState instance or None, default=0
            Seed of the completions.

        Returns
        -------
        X : array or DataFrame of shape (n_samples, n_features)
            A copy of the rows in their container and dtypes, complete: means of numbers, the most
            frequent level of categories.
            Cells that were there are not touched; a column that was empty in ``fit`` stays so.
        """
        body = self.body
        if not isinstance(n_draws, Integral) or n_draws < 1:
            raise ValueError(f"Invalid value for 'n_draws': {n_draws}. At least one is needed.")
        body.check_completes("imputation", estimator=self)
        return body.impute(X, self.read(X), int(n_draws), random_state, conditions)

    def sample_imputations(
        self: Answering[Completing],
        X: Any,
        n_samples: int = 5,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> list[Any]:
        """Sample completions of rows: multiple imputation.

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
            Completed copies of the rows, in their container and dtypes. The differences between
            them show how uncertain the cells are.
        """
        body = self.body
        check_n_samples(n_samples)
        body.check_completes("imputation", estimator=self)
        return body.sample_imputations(X, self.read(X), n_samples, random_state)


class OutOfFold(Protocol):
    """A model that keeps the nets of its folds."""

    @property
    def body(self) -> Any:
        """What answers."""

    def read(self, X: Any, min_rows: int = 1) -> AnyRows:
        """Validate rows of the table that ``fit`` saw."""

    def run_fit(
        self, X: Any, y: Any = None, X_val: Any = None, *, keep_folds: bool = False
    ) -> FitOutcome:
        """Fit the model."""


class OutOfFoldMixin(EncoderMixin):
    """``fit_transform`` out of fold: no row is encoded by a net that has seen its target."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self: OutOfFold, X: Any, y: Any = None) -> Any:
        """Fit the model, and encode each row by a net that was trained without it.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Target.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_components_), or the container of ``set_output``
            Codes, which differ from those of ``fit(X, y).transform(X)``.
        """
        outcome = self.run_fit(X, y, keep_folds=True)
        return self.body.encode_out_of_fold(self.read(X), outcome.folds)
