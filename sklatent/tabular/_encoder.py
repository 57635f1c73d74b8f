"""TabularEncoder: rows of a table to a float matrix and back."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_is_fitted

from sklatent._utils._params import _fit_context
from sklatent._utils.persistence import check_state, restored_on_error, stamp
from sklatent.tabular._columns import affine_decode, affine_encode, column_moments, near_constant
from sklatent.tabular._frames import FrameSchema, build_frame, frame_schema, is_frame
from sklatent.tabular._rows import Rows, check_rows


class TabularEncoder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Turn the rows of a table into a float matrix, and back into the same kind of table.

    Every latent model of this package uses it to read its input and to write its answers.
    Numeric and boolean columns are centred and, by default, divided by their standard deviation.
    The way back returns the container that ``fit`` saw, with its column names and dtypes.

    Parameters
    ----------
    standardize : bool, default=True
        Divide each column by its standard deviation, so that all columns count equally. If
        False, columns are centred only and keep their units, as in PCA.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    center_ : ndarray of shape (n_features_in_,), dtype=float64
        Mean of each column; where all its values were equal, that value.
    scale_ : ndarray of shape (n_features_in_,), dtype=float64
        Population standard deviation of each column, 1.0 for constant columns and for all
        columns if ``standardize=False``.
    constant_ : ndarray of shape (n_features_in_,), dtype=bool
        Columns whose variance is no more than rounding, by the rule of
        :class:`~sklearn.preprocessing.StandardScaler`.
    n_encoded_ : int
        Number of columns of the matrix.
    varying_ : ndarray of shape (n_encoded_,), dtype=bool
        Columns of the matrix that are not constant.
    unit_ : float
        What one in the matrix stands for if all columns have a common scale, else 1.0. Models
        with ``standardize=False`` divide by it, the encoder alone does not.
    dtype_ : {"float64", "float32"}
        Precision of the rows seen in ``fit``.
    blocks_ : tuple of (str, int, int)
        Kind, first and one past the last column of each block of the matrix.
    log_abs_det_ : float
        Logarithm of the Jacobian determinant of the encoding, over columns that are not
        constant: what turns a log-density of the matrix into one in the units of X.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : The same numbers, without frames on the way back.

    Notes
    -----
    Moments are taken in float64 in chunks of rows, whatever the dtype of X, and the matrix is
    cast to the dtype of X afterwards. A column whose values were all equal in ``fit`` comes back
    from ``inverse_transform`` as exactly that value.

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
    """

    feature_names_in_: np.ndarray
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"standardize": ["boolean"]}

    def __init__(self, *, standardize: bool = True) -> None:
        self.standardize = standardize

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns of a table.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Numbers and booleans; one row is enough.
        y : None
            Ignored.

        Returns
        -------
        self : TabularEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If X is empty or holds anything but finite numbers.
        """
        with restored_on_error(self):
            return self._fit_rows(check_rows(self, X, reset=True))

    def transform(self, X: Any) -> np.ndarray:
        """Encode rows.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_features)
            Rows with the columns that ``fit`` saw; the container may be another one.

        Returns
        -------
        matrix : ndarray of shape (n_samples, n_encoded_)
            In float32 if X was, else in float64.

        Raises
        ------
        ValueError
            If the columns are not those of ``fit`` or a cell is not a finite number.
        """
        check_is_fitted(self)
        return self._encode(check_rows(self, X, reset=False))

    def inverse_transform(self, X: Any) -> Any:
        """Decode a matrix.

        Parameters
        ----------
        X : {array-like, data frame} of shape (n_samples, n_encoded_)
            An encoded matrix.

        Returns
        -------
        table : {ndarray, data frame} of shape (n_samples, n_features_in_)
            An array in the dtype of the matrix if ``fit`` saw an array, else a frame of the
            library, names and dtypes that it saw: booleans are the values from 0.5 up, integers
            are rounded and clipped to the range of their dtype. Cells of dtype object or decimal
            come back as float64.

        Raises
        ------
        ValueError
            If the matrix has another number of columns, or names other than those of
            ``get_feature_names_out`` in their order.
        """
        check_is_fitted(self)
        matrix = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
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

    def _fit_rows(self, rows: Rows, *, common_scale: bool = False) -> Self:
        """Learn from rows that are validated already.

        With ``common_scale`` columns that are not standardized are divided by one number: their
        proportions stay, and a model sees numbers of about one whatever the units of X.
        """
        moments = column_moments(rows.values)
        if not np.isfinite(moments.var).all():
            column = int(np.argmin(np.isfinite(moments.var)))
            name = column if rows.schema is None else rows.schema.names[column]
            raise ValueError(
                "Input X contains values whose squares are too large for dtype('float64'). "
                f"(column {name!r})"
            )
        self._remember(rows)
        self.constant_ = near_constant(moments.mean, moments.var, len(rows))
        self.center_ = moments.mean
        self.scale_ = np.ones_like(moments.var)
        if self.standardize:
            self.scale_[~self.constant_] = np.sqrt(moments.var[~self.constant_])
        self.unit_ = 1.0
        if common_scale and not self.constant_.all():
            self.unit_ = float(np.sqrt(moments.var[~self.constant_].mean()))
            self.scale_[~self.constant_] = self.unit_
        self.varying_ = ~self.constant_
        self._same = moments.same
        self.n_encoded_ = self.n_features_in_
        self.blocks_ = (("numeric", 0, self.n_encoded_),)
        self.log_abs_det_ = float(-np.log(self.scale_).sum())
        return self

    def _remember(self, rows: Rows) -> None:
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

    def _encode(self, rows: Rows) -> np.ndarray:
        """Encode rows that are validated already into a new C-contiguous array."""
        return affine_encode(rows.values, self.center_, self.scale_)

    def _decode(self, matrix: np.ndarray) -> Any:
        """Decode a matrix in float32 or float64 into the kind of table that ``fit`` saw."""
        return self._build(self._values(matrix))

    def _values(self, matrix: np.ndarray) -> np.ndarray:
        """Decode a matrix into numbers in the units of X: shape (n_samples, n_features_in_)."""
        values = affine_decode(matrix, self.center_, self.scale_)
        if self._same.any():
            values[:, self._same] = self.center_[self._same]
        return values

    def _build(self, values: np.ndarray) -> Any:
        """Put numbers in the units of X into the container that ``fit`` saw."""
        if self._frame is None:
            return values
        return build_frame(values, FrameSchema(**self._frame))

    def __getstate__(self) -> dict[str, Any]:
        """Give the state, stamped with the version of this library."""
        return stamp(dict(super().__getstate__()))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved encoder."""
        super().__setstate__(check_state(type(self).__name__, state))

    def __sklearn_tags__(self) -> Tags:
        """Declare that float32 in gives float32 out."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
