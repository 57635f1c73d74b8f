"""BaseLatentModel: one ``fit`` for all models. It chooses a body, trains it, keeps what answers."""

from functools import partial
from numbers import Integral
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, assert_all_finite, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sklatent._training import (
    Budget,
    Fit,
    FitOutcome,
    FitPlan,
    FittedNet,
    Session,
    uninterrupted,
)
from sklatent._utils._params import (
    Interval,
    InvalidParameterError,
    RealNotInt,
    StrOptions,
    _fit_context,
)
from sklatent._utils.declaration import Declaration
from sklatent._utils.notice import warn_caller
from sklatent._utils.persistence import check_state, restored_on_error, stamp, with_new_parameters
from sklatent.base._body import Body
from sklatent.base._callbacks import Watcher
from sklatent.base._params import TrainingParameters
from sklatent.base._saved import parts_of
from sklatent.tabular import AnyRows, TabularEncoder

# Parameters of a model of mixed tables that say what its columns are.
_OF_COLUMNS = (
    "mode",
    "categorical_features",
    "numerical_features",
    "identifier_features",
    "handle_unknown",
)


class BaseLatentModel(TrainingParameters, CallbackSupportMixin, BaseEstimator):
    """Base of the latent models: parameters, training, persistence.

    A concrete model is decorated with :func:`latent_model`, lists the parameters that it adds as
    annotated attributes, declares what it promises, and names its bodies: how it is trained and
    answers for each kind of table.

    Attributes
    ----------
    n_components_ : int
        Width of the latent space.
    n_features_in_ : int
        Number of columns seen in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names seen in ``fit``, if all of them were strings.
    table_ : TabularEncoder
        How rows become a float matrix and back.
    net_ : FittedNet
        The trained net; ``net_.module_`` is the torch module.
    n_iter_ : int
        Training steps taken; 0 where the starting point was kept without training.
    best_iter_ : int
        Step whose weights are used; 0 is the starting point.
    history_ : list of dict
        A record per check: ``step``, ``train_loss``, each named term of the loss and, where rows
        are held out, ``valid_loss``.
    loss_curve_ : list of float
        Training loss at each check.
    """

    bodies: ClassVar[tuple[type[Body[Any]], ...]]
    _declares: ClassVar[Declaration]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
    }

    # -- fit -----------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, *, X_val: Any = None) -> Self:
        """Fit the model to rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Target, for models that need one; ignored by the others.
        X_val : array-like or DataFrame of shape (n_val, n_features), default=None
            Rows on which training is validated and stopped, whatever ``early_stopping`` and
            the number of rows say. By default a part of ``X`` is held out. Metadata routing
            brings it through a Pipeline, transformed on the way, with
            ``Pipeline(..., transform_input=["X_val"])``. Models that need a target take none.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If ``X`` has one row or infinite cells, if ``y`` is needed and missing or of the wrong
            kind, or if the training diverges.
        KeyboardInterrupt
            Raised again after an interrupt, with the model fitted to the best weights so far.
        """
        self.run_fit(X, y, X_val)
        return self

    def run_fit(
        self, X: Any, y: Any = None, X_val: Any = None, *, keep_folds: bool = False
    ) -> FitOutcome:
        """Fit the model and return how that came about, for verbs that need to know.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Target, as in ``fit``.
        X_val : array-like or DataFrame of shape (n_val, n_features), default=None
            Rows on which training is validated, as in ``fit``.
        keep_folds : bool, default=False
            Whether the nets of a cross-validation are kept in what is returned.

        Returns
        -------
        FitOutcome
            Of the last training.
        """
        if keep_folds and self.warm_start and hasattr(self, "net_"):
            raise ValueError(
                "warm_start=True goes on with a net that has seen all rows: codes out of fold need "
                "warm_start=False."
            )
        with restored_on_error(self):
            outcome, interrupted = self._fit(X, y, X_val, keep_folds)
        if interrupted:
            warn_caller(
                f"{type(self).__name__}.fit was interrupted after {self.n_iter_} steps; the model "
                "is fitted with the best weights so far.",
                ConvergenceWarning,
            )
            raise KeyboardInterrupt
        return outcome

    def _fit(self, X: Any, y: Any, X_val: Any, keep_folds: bool) -> tuple[FitOutcome, bool]:
        check_layers(self.hidden_layer_sizes)
        continued = self._continued() if self.warm_start else None
        rows = self._open(X) if continued is None else self.read(X, min_rows=2)
        body = self._new_body()
        fields = self._fields(body, X, y, X_val) if self._declares.needs_y else {}
        device = body.device()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        train = body.source(rows, fields, device)
        valid = None if X_val is None else body.source(self.read(X_val), {}, device)
        budget = self._budget(body, train.n_rows, valid is not None, continued is not None)
        context = self._init_callback_context(max_subtasks=self._n_subtasks(body, budget))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        plan = FitPlan(
            budget=budget,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            device=device,
            seed=seed,
            start_on_all=body.start_on_all_rows,
            keep_folds=keep_folds,
            continued=continued,
            net_params=self.net_params,
            verbose=int(self.verbose),
        )
        session = Session(Watcher(self, body, context, X, y), name=type(self).__name__)
        fit = Fit(train, valid, plan, session)
        k = body.width(fit, seed) if continued is None else self.n_components_
        outcome = fit.run(partial(body.recipe, n_components=k, seed=seed))
        self._keep(body, outcome, k)
        interrupted = uninterrupted(partial(body.finish, rows, train, outcome, seed))
        del body.model  # a cycle would keep the net until the garbage is collected
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return outcome, interrupted or session.interrupted

    def _open(self, X: Any) -> AnyRows:
        """Start from nothing: validate the rows and fit the front to them."""
        # what an earlier fit has set, and a failed one brings back
        for name in [*vars(self)]:
            if name.endswith("_") or name == "_body":
                delattr(self, name)
        of_columns = {name: getattr(self, name) for name in _OF_COLUMNS if hasattr(self, name)}
        # where nobody can choose otherwise no column is left out
        of_columns.setdefault("identifier_features", None)
        table = TabularEncoder(standardize=self.standardize, **of_columns)
        if "mixed" in self._declares.tables:
            rows = table.open(X, estimator=self)
        else:
            rows = table.read(X, estimator=self, reset=True, min_rows=2, mixed=False)
        self.table_ = table.fit_rows(rows, common_scale=not self.standardize, completes=True)
        return rows

    def read(self, X: Any, min_rows: int = 1) -> AnyRows:
        """Validate rows of the table that ``fit`` saw.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows.
        min_rows : int, default=1
            Least number of rows.

        Returns
        -------
        Rows or MixedRows
            What ``body`` takes.
        """
        table = self.table_.table
        return table.read(X, estimator=self, min_rows=min_rows, allow_missing=table.takes_missing)

    def _fields(self, body: Body[Any], X: Any, y: Any, X_val: Any) -> dict[str, NDArray[Any]]:
        """Give what the batches hold beside the rows: the target."""
        if X_val is not None:
            raise ValueError(
                f"{type(self).__name__} needs a target, and rows of X_val come without one: pass "
                "X and y alone, a part of which is held out."
            )
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        target = column_or_1d(y, warn=True)
        check_consistent_length(X, target)
        assert_all_finite(target, input_name="y")
        if body.target == "number":
            return {"y": np.asarray(target, dtype=np.float64)}
        check_classification_targets(target)
        classes, codes = np.unique(target, return_inverse=True)
        known: NDArray[Any] = getattr(self, "classes_", classes)
        if not np.array_equal(known, classes):
            raise ValueError(
                f"warm_start=True goes on with the classes {known.tolist()}, and y has "
                f"{classes.tolist()}. Set warm_start=False to start again."
            )
        self.classes_: NDArray[Any] = classes
        return {"y": codes.astype(np.int64)}

    def _continued(self) -> FittedNet | None:
        """Return the net that a warm start goes on with."""
        if not hasattr(self, "net_"):
            return None
        changed = self.standardize != self.table_.standardize
        if isinstance(self.n_components, Integral):
            changed = changed or self.n_components != self.n_components_
        if changed:
            raise ValueError(
                f"warm_start=True goes on with the fitted net, which has n_components="
                f"{self.n_components_} and standardize={self.table_.standardize}. Set "
                "warm_start=False to start again."
            )
        return self.net_

    def _new_body(self) -> Body[Any]:
        """Make the body for the kind of table that the front found."""
        by_kind = dict(zip(map(attrgetter("kind"), self.bodies), self.bodies, strict=True))
        body: Body[Any] = by_kind[self.table_.mode_](self, self.table_.table)
        return body

    def _budget(
        self, body: Body[Any], n_rows: int, has_validation: bool, continued: bool
    ) -> Budget:
        return body.plan(
            n_rows,
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            early_stopping=self.early_stopping,
            validation_fraction=self.validation_fraction,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            has_validation=has_validation,
            # folds would have been seen by a net that goes on from earlier training
            from_pca=body.starts_at_pca and getattr(self, "init", "pca") == "pca" and not continued,
            cross=body.cross_validates,
        )

    def _n_subtasks(self, body: Body[Any], budget: Budget) -> int | None:
        """How many checks a fit makes at most, where that is known beforehand."""
        searches = not isinstance(self.n_components, Integral)
        grows = budget.max_total_steps > budget.n_steps
        # where PCA knows the validation rows, a second attempt may follow
        repeats = budget.validation == "holdout" and body.start_on_all_rows
        if searches or grows or repeats or budget.validation == "cross":
            return None
        return 0 if budget.validation == "skip" else -(-budget.n_steps // budget.check_every)

    def _keep(self, body: Body[Any], outcome: FitOutcome, n_components: int) -> None:
        body.net = self.net_ = outcome.net
        self._body = body
        self.n_components_ = n_components
        self.n_iter_ = outcome.n_steps
        self.best_iter_ = outcome.best_step
        self.history_ = outcome.history
        self.loss_curve_ = list(map(itemgetter("train_loss"), outcome.history))

    # -- answers -------------------------------------------------------------------------------

    @property
    def body(self) -> Any:
        """What answers for the kind of table that ``fit`` saw."""
        check_is_fitted(self)
        return self._body

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has been completed."""
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        """Describe what the models accept and return."""
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = self._declares.needs_y
        tags.input_tags.allow_nan = True
        return tags

    @property
    def _n_features_out(self) -> int:
        # a module whose codes are wider than ``n_components`` says so
        return int(getattr(self.net_.module_, "n_codes", self.n_components_))

    # -- persistence ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Give the state as plain values and arrays: small, and readable without the GPU."""
        state = dict(super().__getstate__())
        body = state.pop("_body", None)
        if "net_" in state:
            state["net_"] = state["net_"].to_state()
        if body is not None:
            state["_parts"] = body.to_state()
        return stamp(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved model, on the CPU where its device is missing."""
        state = with_new_parameters(type(self), check_state(type(self).__name__, state))
        parts, net = parts_of(state), state.get("net_")
        super().__setstate__(state)
        if isinstance(net, dict):
            body = self._new_body()
            body.net = self.net_ = FittedNet.from_state(body.module, net)
            body.restore(parts)
            del body.model
            self._body = body


def check_layers(sizes: Any) -> None:
    """Refuse layers that are not a positive whole number wide.

    Raises
    ------
    InvalidParameterError
        In scikit-learn's words.
    """
    one_dimensional = isinstance(sizes, tuple | list | np.ndarray) and np.ndim(sizes) == 1
    for size in sizes if one_dimensional else [None]:
        if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
            raise InvalidParameterError(
                "The 'hidden_layer_sizes' parameter must be a tuple of ints in the range [1, inf). "
                f"Got {sizes!r} instead."
            )
