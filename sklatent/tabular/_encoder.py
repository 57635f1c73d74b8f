"""TabularEncoder: rows of a table to a float matrix and back."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from sklatent._utils._params import Interval, StrOptions, _fit_context
from sklatent._utils.declaration import Declaration
from sklatent._utils.persistence import check_state, restored_on_error, stamp
from sklatent.tabular._cells import Cells
from sklatent.tabular._codecs import Column, tie_table
from sklatent.tabular._columns import (
    Moments,
    affine_decode,
    affine_encode,
    column_moments,
    near_constant,
    observed_moments,
)
from sklatent.tabular._frames import FrameSchema, build_frame, frame_schema, is_frame
from sklatent.tabular._mixed import blocks, decode_columns, encode_columns, fit_columns, slopes
from sklatent.tabular._native import build_array, build_columns, number_cells
from sklatent.tabular._rows import MixedRows, Rows, check_rows


class TabularEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
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
    n_quantiles : int, default=1000
        A number with more different values than this keeps about as many of them: those whose
        share of the rows is at least ``1 / n_quantiles``, and an even grid of quantiles of the
        others, closer towards both ends. Numbers between two of them are interpolated.
    max_levels : int, default=128
        In quantile mode, a number or date with at most this many different values is a category,
        if each was seen five times on average.
    handle_unknown : {"error", "missing"}, default="error"
        What ``transform`` does about words, and levels of ``categorical_features``, that ``fit``
        did not see: refuse them, or encode them as missing. Other numbers and dates are never
        unknown: the nearest level, or the score between two values, stands for them.

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
        value or level and nothing missing, or with nothing but missing cells.
    n_encoded_ : int
        Number of columns of the matrix: one per column of the table.
    varying_ : ndarray of shape (n_encoded_,), dtype=bool
        Columns of the matrix that are not constant.
    unit_ : float
        What one in the matrix stands for if all columns have a common scale, else 1.0. Models
        with ``standardize=False`` divide by it, the encoder alone does not.
    dtype_ : {"float64", "float32"}
        Precision of the rows seen in ``fit``.
    blocks_ : tuple of (str, int, int, int, bool)
        For each block of the matrix its kind, first and one past the last column, number of
        levels, and whether cells were missing in ``fit``. One block "numeric" in affine mode, else
        one block "number", "category" or "constant" per column.
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
    the interval of training probability that its value covers. Numbers beyond the training range
    get the score of its end. The inverse is the empirical quantile function, linear between
    values that were seen once and flat over the interval of a value that was seen more often;
    the result is rounded to the decimals of the column. Training values that are kept come back
    exactly, and so do levels.

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
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "standardize": ["boolean"],
        "mode": [StrOptions({"auto", "affine", "quantile"})],
        "categorical_features": ["array-like", None],
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
        n_quantiles: int = 1000,
        max_levels: int = 128,
        handle_unknown: str = "error",
    ) -> None:
        self.standardize = standardize
        self.mode = mode
        self.categorical_features = categorical_features
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
        with restored_on_error(self):
            return self._fit_rows(self._check_rows(X, reset=True))

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
        return self._encode(self._check_rows(X, reset=False))

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
                    "The feature names should match those of get_feature_names_out, "
                    "in the same order."
                )
        return self._decode(matrix)

    def _check_rows(
        self, X: Any, *, reset: bool, estimator: Any = None, min_rows: int = 1
    ) -> Rows | MixedRows:
        """Validate rows as ``mode`` asks, or once fitted as ``mode_`` needs them.

        ``estimator`` is whose columns and name count: the model that holds this encoder.
        """
        mode = self.mode if reset else self.mode_
        mixed: bool | Literal["auto"] = mode == "quantile"
        if mode == "auto":
            mixed = True if _names_any(self.categorical_features) else "auto"
        return check_rows(
            self if estimator is None else estimator,
            X,
            reset=reset,
            min_rows=min_rows,
            mixed=mixed,
            allow_missing=True,
        )

    def _fit_rows(self, rows: Rows | MixedRows, *, common_scale: bool = False) -> Self:
        """Learn from rows that are validated already.

        With ``common_scale`` columns that are not standardized are divided by one number: their
        proportions stay, and a model sees numbers of about one whatever the units of X.
        """
        if isinstance(rows, MixedRows):
            return self._fit_quantile(rows)
        if _names_any(self.categorical_features):
            raise ValueError(
                "mode='affine' takes every column as a number: leave out categorical_features, "
                "or set mode='quantile'."
            )
        moments = column_moments(rows.values)
        has_missing = False
        if not np.isfinite(moments.var).all():
            has_missing = bool(np.isnan(rows.values).any())
            if has_missing:
                moments = observed_moments(rows.values)
            _check_moments(moments, rows)
        self._remember(rows)
        self.mode_ = "affine"
        self.constant_ = near_constant(moments.mean, moments.var, len(rows))
        self.center_ = moments.mean
        self.scale_ = np.ones_like(moments.var)
        if self.standardize:
            self.scale_[~self.constant_] = np.sqrt(moments.var[~self.constant_])
        self.unit_ = 1.0
        if common_scale and not self.constant_.all():
            self.unit_ = float(np.sqrt(moments.var[~self.constant_].mean()))
            self.scale_[~self.constant_] = self.unit_
        self._same = moments.same
        self.blocks_: tuple[tuple[str, int, int, int, bool], ...]
        self.ties_: tuple[np.ndarray | None, ...]
        self.blocks_ = (("numeric", 0, self.n_features_in_, 0, has_missing),)
        self.ties_ = (None,) * self.n_features_in_
        return self._derive()

    def _fit_quantile(self, rows: MixedRows) -> Self:
        """Learn from the cells of each column."""
        forced = _mask(self.categorical_features, rows.names)
        fitted = fit_columns(
            rows.columns, forced, n_quantiles=self.n_quantiles, max_levels=self.max_levels
        )
        self._remember(rows)
        self.mode_ = "quantile"
        self._fitted: list[Column] = fitted
        self.blocks_ = blocks(fitted)
        self.ties_ = tuple(map(tie_table, fitted))
        self.constant_ = np.array([column["kind"] == "constant" for column in fitted])
        self.center_ = np.zeros(len(fitted))
        self.scale_ = np.ones(len(fitted))
        self.unit_ = 1.0
        self._same = np.zeros(len(fitted), dtype=bool)
        return self._derive()

    def _derive(self) -> Self:
        """Set what follows from scales and constant columns."""
        self.varying_ = ~self.constant_
        self.n_encoded_ = self.n_features_in_
        self.log_abs_det_ = float(-np.log(self.scale_).sum())
        return self

    def _remember(self, rows: Rows | MixedRows) -> None:
        """Keep what the way back needs to know, as numbers, strings and lists alone."""
        schema = rows.schema
        self.dtype_ = rows.dtype.name
        self.n_features_in_ = rows.shape[1]
        self._frame: dict[str, Any] | None = None
        self._columns_in: list[Any] | None = None
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if schema is None:
            return
        self._frame = {
            "backend": schema.backend,
            "names": schema.names,
            "dtypes": schema.dtypes,
            "kinds": schema.kinds,
        }
        if schema.has_string_names:
            self.feature_names_in_ = np.asarray(schema.names, dtype=object)
        else:
            self._columns_in = schema.names

    def _encode(self, rows: Rows | MixedRows) -> np.ndarray:
        """Encode rows that are validated already into a new C-contiguous array."""
        if isinstance(rows, MixedRows):
            return encode_columns(
                self._fitted,
                rows.columns,
                names=self._names(),
                handle_unknown=self.handle_unknown,
                dtype=rows.dtype,
            )
        return affine_encode(rows.values, self.center_, self.scale_)

    def _decode(self, matrix: np.ndarray) -> Any:
        """Decode a matrix in float32 or float64 into the kind of table that ``fit`` saw."""
        return self._build(self._values(matrix))

    def _values(self, matrix: np.ndarray) -> np.ndarray:
        """Decode a matrix as far as that gives numbers of shape (n_samples, n_features_in_).

        In affine mode these are in the units of X, in quantile mode they are the matrix itself:
        ``_build`` does the rest.
        """
        if self.mode_ == "quantile":
            return matrix
        values = affine_decode(matrix, self.center_, self.scale_)
        if self._same.any():
            values[:, self._same] = np.where(
                np.isnan(values[:, self._same]), np.nan, self.center_[self._same]
            )
        return values

    def _build(self, values: np.ndarray) -> Any:
        """Put what ``_values`` gave into the container that ``fit`` saw."""
        if self.mode_ == "quantile":
            return self._build_cells(decode_columns(self._fitted, values), values.dtype)
        if self._frame is None:
            return values
        schema = FrameSchema(**self._frame)
        if np.isnan(values).any():
            return build_columns(number_cells(values, schema), schema.names, schema.backend)
        return build_frame(values, schema)

    def _build_cells(self, columns: list[Cells], dtype: np.dtype[Any] | None = None) -> Any:
        """Put the cells of each column into the container that ``fit`` saw."""
        if self._frame is None:
            return build_array(columns, np.dtype("float64") if dtype is None else dtype)
        return build_columns(columns, self._frame["names"], self._frame["backend"])

    def _log_slope(self, rows: MixedRows) -> np.ndarray:
        """Give log d score / d value per number cell, the log mass of ties, and 0 elsewhere."""
        return slopes(self._fitted, rows.columns, self._names())

    def _names(self) -> list[Any]:
        return [*range(self.n_features_in_)] if self._frame is None else self._frame["names"]

    def __getstate__(self) -> dict[str, Any]:
        """Give the state, stamped with the version of this library."""
        return stamp(dict(super().__getstate__()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved encoder."""
        state = check_state(type(self).__name__, state)
        if "mode" not in state:  # saved before there was more than one mode
            state.update({**TabularEncoder().get_params(), "standardize": state["standardize"]})
            if "blocks_" in state:
                width = state["n_features_in_"]
                blocks_ = (("numeric", 0, width, 0, False),)
                state.update(mode_="affine", blocks_=blocks_, ties_=(None,) * width)
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        """Declare that float32 in gives float32 out, and that cells may be missing."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = True
        return tags


def _names_any(categorical_features: Any) -> bool:
    """Tell whether ``categorical_features`` asks for any category."""
    if categorical_features is None:
        return False
    wanted = np.asarray(categorical_features)
    return bool(wanted.any() if wanted.dtype == bool else wanted.size)


def _mask(categorical_features: Any, names: list[Any]) -> np.ndarray:
    """Turn a mask, positions or names into a mask."""
    mask = np.zeros(len(names), dtype=bool)
    if not _names_any(categorical_features):
        return mask
    wanted = np.asarray(categorical_features)
    if wanted.dtype == bool:
        if wanted.shape != mask.shape:
            raise ValueError(
                "categorical_features set as a boolean mask should have shape (n_features,), got: "
                f"{wanted.shape}"
            )
        return wanted.copy()
    if wanted.dtype.kind in "iu":
        if wanted.min() < 0 or wanted.max() >= len(names):
            raise ValueError(
                "categorical_features set as integer indices should be in [0, n_features - 1], "
                f"got {wanted.tolist()}"
            )
        mask[wanted] = True
        return mask
    unknown = [name for name in wanted.tolist() if name not in names]
    if unknown:
        raise ValueError(
            f"categorical_features has items {unknown!r} which are not columns of X: {names!r}"
        )
    return np.isin(np.array(names, dtype=object), wanted.astype(object))


def _check_moments(moments: Moments, rows: Rows) -> None:
    """Refuse columns whose squares overflow."""
    if np.isfinite(moments.var).all():
        return
    column = int(np.argmin(np.isfinite(moments.var)))
    name = column if rows.schema is None else rows.schema.names[column]
    raise ValueError(
        "Input X contains values whose squares are too large for dtype('float64'). "
        f"(column {name!r})"
    )
