"""TabularEncoder: rows of a table to a float matrix and back."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from sklatent._utils._params import Interval, StrOptions, _fit_context
from sklatent._utils.callbacks import watched_fit
from sklatent._utils.declaration import Declaration
from sklatent._utils.notice import is_told, warn_caller
from sklatent._utils.persistence import check_state, restored_on_error, stamp, with_new_parameters
from sklatent.tabular._affine import AffineTable
from sklatent.tabular._blocks import Block
from sklatent.tabular._chosen import mask_of, names_any
from sklatent.tabular._description import TableDescription, describe
from sklatent.tabular._frames import frame_schema, is_frame
from sklatent.tabular._quantile import QuantileTable
from sklatent.tabular._roles import Role, Settled, settle, settle_numbers
from sklatent.tabular._rows import MixedRows, Rows, check_rows
from sklatent.tabular._saved import split_flat, table_of_state
from sklatent.tabular._table import Table, Ties

# What the attributes of a fitted encoder tell of its table.
_DERIVED = (
    "mode_",
    "center_",
    "scale_",
    "constant_",
    "varying_",
    "n_encoded_",
    "unit_",
    "dtype_",
    "blocks_",
    "ties_",
    "log_abs_det_",
)


# What a column is to be, and the parameter that says so.
_ROLES = {
    "category": "categorical_features",
    "number": "numerical_features",
    "identifier": "identifier_features",
}


class TabularEncoder(OneToOneFeatureMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator):
    """Turn the rows of a table into a float matrix, and back into the same kind of table.

    Every latent model of this package uses it to read its input and to write its answers. There
    are two modes. The affine one, for tables of numbers and booleans, centres each column and, by
    default, divides it by its standard deviation. The quantile one, for tables with words,
    categories or dates, turns levels into codes and numbers into normal scores of their ranks.
    Cells may be missing in both: they are NaN in the matrix. The way back returns the container
    that ``fit`` saw, with its column names and dtypes.

    Parameters
    ----------
    standardize : bool, default=True
        Divide each column by its standard deviation, so that all columns count equally. If
        False, columns are centred only and keep their units, as in PCA. For the affine mode.
    mode : {"auto", "affine", "quantile"}, default="auto"
        How columns are encoded. "auto" is "affine" if all columns are numeric or boolean, whether
        or not cells are missing, and "quantile" as soon as one column holds words, categories,
        dates, times or durations, or ``categorical_features`` names one.
    categorical_features : array-like of {bool, int, str} or None, default=None
        Columns that are categories whatever they hold: a mask, positions or names, as in
        :class:`~sklearn.ensemble.HistGradientBoostingClassifier`. For the quantile mode.
    numerical_features : array-like of {bool, int, str} or None, default=None
        Columns of numbers or dates that are ordered however few values they have.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows, such as customer numbers: a mask, positions or names. They are 0
        in the matrix, missing on the way back, and new in samples of models. "auto" finds them in
        data frames of at least 100 rows, and says so in a warning: strings, at least 95 % of them
        different and all of one form; integers that are running numbers, or of at least four
        digits, all equally many, and on which no other column depends. None leaves no column out.
    n_quantiles : int, default=1000
        A number with more different values than this keeps about as many of them: those whose
        share of the rows is at least ``1 / n_quantiles``, and an even grid of quantiles of the
        others, closer towards both ends. Numbers between two of them are interpolated.
    max_levels : int, default=2
        In quantile mode, a number or date with at most this many different values is a category,
        if each was seen five times on average. All others are ordered.
    handle_unknown : {"missing", "error"}, default="missing"
        What ``transform`` does about levels of categories that ``fit`` did not see: encode them
        as missing and name their columns in a warning, or refuse them. Numbers and dates that are
        no categories are never unknown.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    mode_ : {"affine", "quantile"}
        The mode in use.
    center_ : ndarray of shape (n_features_in_,), dtype=float64
        Mean of each column over the cells that are not missing; where all its values were equal,
        that value. 0.0 in quantile mode.
    scale_ : ndarray of shape (n_features_in_,), dtype=float64
        Population standard deviation of each column, 1.0 for constant columns, for all columns
        if ``standardize=False``, and in quantile mode.
    constant_ : ndarray of shape (n_features_in_,), dtype=bool
        Columns whose variance is no more than rounding, by the rule of
        :class:`~sklearn.preprocessing.StandardScaler`. In quantile mode, columns with one
        value or level and nothing missing, or with nothing but missing cells. Identifiers in
        both modes, and free text.
    n_encoded_ : int
        Number of columns of the matrix: one per column of the table, and behind these the numbers
        that stand for free text.
    varying_ : ndarray of shape (n_encoded_,), dtype=bool
        Columns of the matrix that are not constant.
    unit_ : float
        What one in the matrix stands for if all columns have a common scale, else 1.0. Models
        with ``standardize=False`` divide by it, the encoder alone does not.
    dtype_ : {"float64", "float32"}
        Precision of the rows seen in ``fit``.
    blocks_ : tuple of (str, int, int, int, bool)
        For each block of the matrix its ``kind``, ``start`` and ``stop`` (one past the last
        column), ``n_levels``, and ``may_miss``: whether cells were missing in ``fit``; named
        tuples. One block "numeric" in affine mode, else one block "number", "category" or
        "constant" per column, "constant" for identifiers and free text, and one "text" for each
        number that stands for a free text.
    ties_ : tuple of {ndarray of shape (n_ties, 3), None}
        For each column of kind "number" the values that were seen more than once: score, lower
        and upper end of the interval of training probability, sorted. None for other columns.
    log_abs_det_ : float
        Logarithm of the Jacobian determinant of the encoding, over columns that are not
        constant: what turns a log-density of the matrix into one in the units of X. 0.0 in
        quantile mode, where it depends on the row.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : The same numbers, without frames on the way back.
    sklearn.preprocessing.QuantileTransformer : Normal scores of numbers, without ties.
    sklearn.preprocessing.OrdinalEncoder : Codes of levels.

    Notes
    -----
    Moments are taken in float64 in chunks of rows, whatever the dtype of X, and the matrix is
    cast to the dtype of X afterwards. A column whose values were all equal in ``fit`` comes back
    from ``inverse_transform`` as exactly that value.

    In quantile mode the score of a number is the normal quantile of its mid-rank: the middle of
    the interval of training probability that its value covers. Beyond the training range scores
    go on, linear in robust units of the column. The inverse is the empirical quantile function,
    linear between values that were seen once and flat over the interval of a value that was seen
    more often; the result is rounded to the decimals of the column. Training values that are kept
    come back exactly, and so do levels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklatent import TabularEncoder
    >>> X = np.array([[1.0, 10.0], [3.0, 10.0]])
    >>> encoder = TabularEncoder().fit(X)
    >>> encoder.transform(X)
    array([[-1.,  0.],
           [ 1.,  0.]])
    >>> encoder.inverse_transform([[0.0, 0.0]])
    array([[ 2., 10.]])

    >>> X = np.array([["red", 1.5], ["blue", 2.5], ["red", None]], dtype=object)
    >>> encoder = TabularEncoder().fit(X)
    >>> encoder.transform(X).round(2)
    array([[ 1.  , -0.67],
           [ 0.  ,  0.67],
           [ 1.  ,   nan]])
    >>> encoder.inverse_transform([[0.0, 0.0]])
    array([['blue', 2.0]], dtype=object)
    """

    _declares: ClassVar[Declaration] = Declaration(
        question="Turn a table of any kind into a float matrix, and back?",
        tables=("numeric", "mixed"),
        cost="no training: moments, quantiles and categories of the columns",
        classic=(
            "StandardScaler and OneHotEncoder: where no way back to the table is needed, or a "
            "linear model wants one column for each category"
        ),
    )
    feature_names_in_: np.ndarray
    _columns_in: list[Any] | None
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "standardize": ["boolean"],
        "mode": [StrOptions({"auto", "affine", "quantile"})],
        "categorical_features": ["array-like", None],
        "numerical_features": ["array-like", None],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
        "n_quantiles": [Interval(Integral, 2, None, closed="left")],
        "max_levels": [Interval(Integral, 0, None, closed="left")],
        "handle_unknown": [StrOptions({"error", "missing"})],
    }

    def __init__(
        self,
        *,
        standardize: bool = True,
        mode: str = "auto",
        categorical_features: Any = None,
        numerical_features: Any = None,
        identifier_features: Any = "auto",
        n_quantiles: int = 1000,
        max_levels: int = 2,
        handle_unknown: str = "missing",
    ) -> None:
        self.standardize = standardize
        self.mode = mode
        self.categorical_features = categorical_features
        self.numerical_features = numerical_features
        self.identifier_features = identifier_features
        self.n_quantiles = n_quantiles
        self.max_levels = max_levels
        self.handle_unknown = handle_unknown

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns of a table.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Numbers, booleans, words, categories, dates, times and durations; cells may be
            missing. One row is enough.
        y : None
            Ignored.

        Returns
        -------
        self : TabularEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If X is empty, a cell is infinite, a column holds words beside numbers, or the mode
            is "affine" and a column is not numeric.
        TypeError
            If a cell or a column is of a kind that has no encoding.
        """
        with restored_on_error(self), watched_fit(self, X):
            return self.fit_rows(self.read(X, reset=True))

    def transform(self, X: Any) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows with the columns that ``fit`` saw; the container may be another one.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_encoded_)
            In float32 if X was, else in float64; NaN where cells are missing.

        Raises
        ------
        ValueError
            If the columns are not those of ``fit``, a cell is infinite, a column holds words
            where ``fit`` saw numbers, or a level is unknown.
        """
        check_is_fitted(self)
        return self.table.encode(self.read(X))

    def describe(self, X: Any) -> TableDescription:
        """Say what each column of a table becomes, and why: before any training.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            A table that could be given to ``fit``. The encoder is left as it is.

        Returns
        -------
        description : TableDescription
            ``print`` shows it as text, a notebook as a table, ``to_frame()`` gives a data frame
            with the columns "column", "becomes" and "why".

        Raises
        ------
        ValueError, TypeError
            As in :meth:`fit`.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklatent import TabularEncoder
        >>> X = pd.DataFrame({"day": ["3/1/2024", "13/1/2024"], "paid": [True, False]})
        >>> print(TabularEncoder().describe(X))
        2 columns, mode 'quantile'
        <BLANKLINE>
        column  becomes               why
        day     date                  words of the format %-d/%-m/%Y
        paid    category of 2 levels  true or false
        """
        encoder = clone(self)
        rows = encoder.read(X, reset=True)
        settled = encoder.settle(rows)
        table = encoder._fitted(rows, settled, common_scale=False, completes=False)
        return describe(table, settled, _ROLES)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns of the matrix.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the table, where ``fit`` saw none.

        Returns
        -------
        names : ndarray of shape (n_encoded_,), dtype=object
            The names of the columns; those of free text once more with a number from 0.
        """
        names = list(super().get_feature_names_out(input_features))
        seen = dict.fromkeys(range(len(names)), 0)
        for owner in self.table.owners[len(names) :].tolist():
            names.append(f"{names[owner]}_{seen[owner]}")
            seen[owner] += 1
        return np.array(names, dtype=object)

    def inverse_transform(self, X: Any) -> Any:
        """Decode a matrix.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_encoded_)
            An encoded matrix; NaN is a missing cell.

        Returns
        -------
        table : {ndarray, data frame} of shape (n_samples, n_features_in_)
            An array in the dtype of the matrix if ``fit`` saw an array, else a frame of the
            library, names and dtypes that it saw: booleans are the values from 0.5 up, integers
            are rounded and clipped to the range of their dtype, codes to the levels. In affine
            mode, cells of dtype object or decimal come back as float64.

        Raises
        ------
        ValueError
            If the matrix has another number of columns, or names other than those of
            ``get_feature_names_out`` in their order, or NaN in a column whose dtype has no
            missing cells.
        """
        check_is_fitted(self)
        matrix = check_array(
            X,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            input_name="X",
            estimator=self,
        )
        if matrix.shape[1] != self.n_encoded_:
            raise ValueError(
                f"X has {matrix.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_encoded_} features as input."
            )
        if is_frame(X):
            schema = frame_schema(X)
            if schema.has_string_names and schema.names != list(self.get_feature_names_out()):
                raise ValueError(
                    "The feature names should match those of get_feature_names_out, in the same "
                    "order: X[list(encoder.get_feature_names_out())]."
                )
        return self.table.decode(matrix, beyond=True)

    # -- for models that hold an encoder -------------------------------------------------------

    def read(
        self,
        X: Any,
        *,
        estimator: Any = None,
        reset: bool = False,
        min_rows: int = 1,
        allow_missing: bool = True,
        mixed: Literal[False] | None = None,
    ) -> Rows | MixedRows:
        """Validate rows, for :meth:`fit_rows` or for ``table.encode``.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows.
        estimator : estimator instance or None, default=None
            Whose columns and name count: the model that holds this encoder. None is the encoder.
        reset : bool, default=False
            Whether these are the rows of ``fit``, whose columns are then remembered. Otherwise
            they must have the columns and the kind of the fitted table.
        min_rows : int, default=1
            Least number of rows.
        allow_missing : bool, default=True
            Whether cells may be missing in a table of numbers alone. In others they always may.
        mixed : False or None, default=None
            False takes numbers and booleans only, whatever ``mode`` says. None takes what
            ``mode`` asks for, or once fitted ``mode_``.

        Returns
        -------
        rows : Rows or MixedRows
            Validated rows, not yet encoded.

        Raises
        ------
        ValueError
            As in :meth:`fit` and :meth:`transform`.
        """
        holder = self if estimator is None else estimator
        if mixed is False:
            return check_rows(
                holder,
                X,
                reset=reset,
                min_rows=min_rows,
                allow_missing=allow_missing,
                advise=True,
            )
        if not reset:
            return self.table.read(
                X, estimator=holder, min_rows=min_rows, allow_missing=allow_missing
            )
        wanted: bool | Literal["auto"] = self.mode == "quantile"
        if self.mode == "auto":
            wanted = True if names_any(self.categorical_features) else "auto"
        return check_rows(
            holder, X, reset=True, min_rows=min_rows, mixed=wanted, allow_missing=allow_missing
        )

    def open(
        self,
        X: Any,
        *,
        estimator: Any,
        min_rows: int = 2,
    ) -> Rows | MixedRows:
        """Validate the rows of ``fit`` for a model that takes mixed tables.

        Numbers some of which are missing are read again, and ``mode`` set to "quantile", unless
        it is "affine".

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Training rows.
        estimator : estimator instance
            The model, whose columns and name count.
        min_rows : int, default=2
            Least number of rows.

        Returns
        -------
        rows : Rows or MixedRows
            For :meth:`fit_rows`.

        Raises
        ------
        ValueError
            As in :meth:`fit`.
        """
        rows = self.read(X, estimator=estimator, reset=True, min_rows=min_rows)
        if isinstance(rows, MixedRows) or self.mode == "affine" or not rows.has_missing():
            return rows
        self.set_params(mode="quantile")
        return self.read(X, estimator=estimator, reset=True, min_rows=min_rows)

    def fit_rows(
        self, rows: Rows | MixedRows, *, common_scale: bool = False, completes: bool = False
    ) -> Self:
        """Learn from rows that are validated already.

        Parameters
        ----------
        rows : Rows or MixedRows
            What :meth:`read` or :meth:`open` gave.
        common_scale : bool, default=False
            Whether columns that are not standardized are divided by one number: their proportions
            stay, and a model sees numbers of about one whatever the units of X.
        completes : bool, default=False
            Whether a table of numbers learns what to expect of missing cells, for models that
            answer about rows with such.

        Returns
        -------
        self : TabularEncoder
            The fitted encoder.
        """
        settled = self.settle(rows)
        table = self._fitted(rows, settled, common_scale=common_scale, completes=completes)
        if not is_told():
            for message in settled.messages(rows.names):
                warn_caller(message)
        # the names of the columns as scikit-learn keeps them
        schema, self._columns_in = rows.schema, None
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if schema is not None and schema.has_string_names:
            self.feature_names_in_ = np.asarray(schema.names, dtype=object)
        elif schema is not None:
            self._columns_in = schema.names
        self._adopt(table)
        return self

    def settle(self, rows: Rows | MixedRows) -> Settled:
        """Decide what the columns are to be.

        Parameters
        ----------
        rows : Rows or MixedRows
            What :meth:`read` or :meth:`open` gave.

        Returns
        -------
        settled : Settled
            Roles, what was found of them, and formats of dates in words.
        """
        find: set[Role] = set() if rows.schema is None else {"text"}
        if isinstance(self.identifier_features, str) and find:
            find.add("identifier")
        roles = self._roles(rows.names)
        if isinstance(rows, Rows):
            return settle_numbers(rows, roles, find=find)
        return settle(rows.columns, roles, find=find)

    def _fitted(
        self, rows: Rows | MixedRows, settled: Settled, *, common_scale: bool, completes: bool
    ) -> AffineTable | QuantileTable:
        """Fit a table of the kind that the rows have."""
        if isinstance(rows, MixedRows):
            return QuantileTable.fit(
                replace(rows, columns=settled.columns),
                settled.roles,
                n_quantiles=self.n_quantiles,
                max_levels=self.max_levels,
                handle_unknown=self.handle_unknown,
            )
        if names_any(self.categorical_features):
            raise ValueError(
                "mode='affine' takes every column as a number: leave out categorical_features, "
                "or set mode='quantile'."
            )
        return AffineTable.fit(
            rows,
            standardize=self.standardize,
            common_scale=common_scale,
            completes=completes,
            identifiers=[j for j, role in enumerate(settled.roles) if role == "identifier"],
        )

    def _roles(self, names: list[Any]) -> list[str]:
        """Say of each column what the user wants it to be, "" where that is left open."""
        roles = [""] * len(names)
        for role, parameter in _ROLES.items():
            features = getattr(self, parameter)
            mask = mask_of(None if isinstance(features, str) else features, names, parameter)
            for j in np.flatnonzero(mask):
                if roles[j]:
                    raise ValueError(
                        f"{_ROLES[roles[j]]} and {parameter} both name the column {names[j]!r}."
                    )
                roles[j] = role
        return roles

    @property
    def table(self) -> Table:
        """What is fitted, behind one interface for both modes."""
        try:
            table = self._table
        except AttributeError:
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit first."
            ) from None
        return table.handling(self.handle_unknown)

    def _adopt(self, table: Table) -> None:
        """Keep a fitted table, and tell of it in the attributes that end in an underscore."""
        self._table = table
        self.mode_ = table.kind
        self.center_, self.scale_ = table.center, table.scale
        self.constant_, self.varying_ = table.constant, table.varying
        self.n_encoded_, self.n_features_in_ = table.n_encoded, len(table.names)
        self.unit_ = table.unit
        self.dtype_ = table.dtype.name
        self.blocks_: tuple[Block, ...] = table.blocks
        self.ties_: Ties = table.ties
        self.log_abs_det_ = float(-np.log(self.scale_).sum())

    def __getstate__(self) -> dict[str, Any]:
        """Give the state in plain values, stamped with the version of this library."""
        state = {k: v for k, v in dict(super().__getstate__()).items() if k not in _DERIVED}
        if "_table" in state:
            state["_table"] = state["_table"].to_state()
        return stamp(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved encoder."""
        state = with_new_parameters(type(self), check_state(type(self).__name__, state))
        if "_table" in state:
            table: Table | None = table_of_state(state.pop("_table"))
        else:
            state, table = split_flat(state, _DERIVED)
        super().__setstate__(state)
        if table is not None:
            self._adopt(table)

    def __sklearn_tags__(self) -> Tags:
        """Declare that float32 in gives float32 out, and that cells may be missing."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = True
        return tags


# shown, saved and looked up under its public name
TabularEncoder.__module__ = "sklatent"
