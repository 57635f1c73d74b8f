"""What every latent model shares: one ``fit``, and one mixin per verb.

To add a model, derive from :class:`BaseLatentModel` and the mixins of the verbs that it answers,
and implement ``_make_spec``: the torch module, its loss, and the weights it starts from.
"""

import warnings
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackContext, CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from sklatent._training import (
    Budget,
    FitContext,
    FitOutcome,
    LatentNet,
    NetSpec,
    RowSource,
    Verb,
    fit_net,
    plan_budget,
    resolve_device,
    row_source,
    uninterrupted,
)
from sklatent._utils._params import Interval, RealNotInt, StrOptions, _fit_context
from sklatent._utils.persistence import check_state, restored_on_error, stamp
from sklatent._utils.validation import check_codes, check_hidden_layer_sizes, check_n_samples
from sklatent.nn import ACTIVATIONS
from sklatent.tabular import MixedRows, Rows, TabularEncoder, check_rows, with_index_of

AnyRows = Rows | MixedRows

# Rows drawn at a time: bounds the memory of a large sample.
DRAW_ROWS = 10_000


class BaseLatentModel(CallbackSupportMixin, BaseEstimator):
    """Base of the latent models: parameters, training, persistence.

    Concrete models list all their parameters in ``__init__`` and implement ``_make_spec``.

    Attributes
    ----------
    table_ : TabularEncoder
        How rows become a float matrix and back.
    net_ : LatentNet
        The trained net; ``net_.module_`` is the torch module.
    n_components_ : int
        Width of the latent space.
    n_iter_ : int
        Training steps taken; 0 where the starting point was kept without training.
    best_iter_ : int
        Step whose weights are used; 0 is the starting point.
    history_ : list of dict
        One record per look at the validation rows: ``step``, ``train_loss``, ``valid_loss`` and
        each named term of the loss.
    loss_curve_ : list of float
        Training loss of each record.
    """

    table_: TabularEncoder
    _module: ClassVar[type]
    # Whether the start may be fitted to the validation rows as well.
    _start_on_all_rows: ClassVar[bool] = True
    # Whether tables too small to hold rows out are cross-validated.
    _cross_validates: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [
            Interval(Integral, 1, None, closed="left"),
            Interval(RealNotInt, 0, 1, closed="neither"),
            StrOptions({"auto"}),
        ],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "standardize": ["boolean"],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "net_params": [dict, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # -- what a model implements ---------------------------------------------------------------

    @abstractmethod
    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        """Describe the net that starts from these encoded rows."""

    def _starts_at_pca(self) -> bool:
        """Whether the starting point is a good model by itself."""
        return getattr(self, "init", "pca") == "pca"

    def _choose_n_components(
        self, rows: RowSource, run: Callable[..., FitOutcome], seed: int
    ) -> int:
        """Turn the parameter ``n_components`` into a number.

        ``run`` trains a net under the budget of this fit, from a function that makes its spec.
        """
        most = min(len(rows), self.table_.n_encoded_)
        if self.n_components > most:
            raise ValueError(
                f"n_components={self.n_components} must be between 1 and "
                f"min(n_samples, n_features)={most}."
            )
        return int(self.n_components)

    def _after_training(
        self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int
    ) -> None:
        """Fit what stands on the trained net, such as a latent prior.

        ``rows`` are the training rows as they came, ``encoded`` the same as the net sees them.
        """

    def _turn(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Turn the codes of the module into those that are answered."""
        return codes

    def _turn_back(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Turn answered codes into those of the module."""
        return codes

    def _provisional(self, n_components: int) -> dict[str, Any]:
        """Give what else answers need while the net still trains, for callbacks that score."""
        return {}

    # -- fit -----------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, *, X_val: Any = None) -> Self:
        """Fit the model to rows.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training rows.
        y : None
            Ignored; part of scikit-learn's interface.
        X_val : array-like or DataFrame of shape (n_val, n_features), default=None
            Rows on which training is validated and stopped, whatever ``early_stopping`` and
            the number of rows say. By default a part of ``X`` is held out. Metadata routing
            brings it through a Pipeline, transformed on the way, with
            ``Pipeline(..., transform_input=["X_val"])``.

        Returns
        -------
        self : object
            The fitted model.

        Raises
        ------
        ValueError
            If ``X`` has one row or infinite cells, missing ones with ``mode="affine"``, or if the
            training diverges.
        KeyboardInterrupt
            Raised again after an interrupt, with the model fitted to the best weights so far.
        """
        with restored_on_error(self):
            interrupted = self._fit(X, y, X_val)
        if interrupted:
            warnings.warn(
                f"{type(self).__name__}.fit was interrupted after {self.n_iter_} steps; the model "
                "is fitted with the best weights so far.",
                ConvergenceWarning,
                stacklevel=3,
            )
            raise KeyboardInterrupt
        return self

    def _fit(self, X: Any, y: Any, X_val: Any) -> bool:
        check_hidden_layer_sizes(self.hidden_layer_sizes)
        continued = self._continued()
        rows = self._begin(X) if continued is None else self._read(X, min_rows=2)
        device = resolve_device(self.device)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        held_out = None if X_val is None else self._read(X_val)
        train = self._source(rows, device)
        valid = None if held_out is None else self._source(held_out, device)
        budget = self._plan(len(rows), valid is not None, continued is not None)
        context = self._init_callback_context(max_subtasks=self._n_subtasks(budget))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        ended = {"stopped": False, "interrupted": False}

        def run(
            make_spec: Callable[[RowSource], NetSpec], *, search: float | None = None
        ) -> FitOutcome:
            """Train; ``search`` is the share of the steps of a search on rows held out."""
            fit = FitContext(
                make_spec=make_spec,
                budget=budget if search is None else budget.for_search(search),
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                device=device,
                seed=seed,
                start_on_all=self._start_on_all_rows and search is None,
                refit_start=search is None,
                net_params=self.net_params,
                watch=self._watcher(context, X, y),
                verbose=int(self.verbose),
                **ended,
            )
            outcome = fit_net(train, valid, fit)
            ended.update(stopped=fit.stopped, interrupted=fit.interrupted)
            return outcome

        k = self._choose_n_components(train, run, seed) if continued is None else self.n_components_
        outcome = run(lambda part: self._spec(part, k, seed, continued))
        self._keep(outcome, k)
        interrupted = uninterrupted(lambda: self._after_training(rows, train, outcome, seed))
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return interrupted or ended["interrupted"]

    def _begin(self, X: Any) -> AnyRows:
        """Start from nothing: validate the rows and fit the front to them."""
        self._forget()
        table, rows = self._open(X)
        self.table_ = table.fit_rows(rows, common_scale=not self.standardize)
        return rows

    def _open(self, X: Any) -> tuple[TabularEncoder, AnyRows]:
        """Make the front through which rows come in and go out, and validate the first ones."""
        table = TabularEncoder(standardize=self.standardize)
        return table, check_rows(self, X, reset=True, min_rows=2)

    def _read(self, X: Any, min_rows: int = 1) -> AnyRows:
        """Validate rows of the table that ``fit`` saw."""
        if self.table_.mode_ == "quantile":
            return self.table_.read(X, estimator=self, min_rows=min_rows)
        return check_rows(self, X, reset=False, min_rows=min_rows)

    def _module_of(self, table: TabularEncoder) -> type:
        """Return the class of the torch module for a table."""
        return self._module

    def _schedule(self) -> dict[str, int]:
        """Give what :func:`plan_budget` shall assume instead of its defaults."""
        return {}

    def _continued(self) -> LatentNet | None:
        """Return the net that a warm start goes on with."""
        if not self.warm_start or not hasattr(self, "net_"):
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
        net: LatentNet = self.net_
        return net

    def _forget(self) -> None:
        """Drop what an earlier fit has set, which a failed one brings back."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def _source(self, rows: AnyRows, device: Any) -> RowSource:
        def encode(index: NDArray[np.intp] | slice) -> NDArray[np.floating]:
            return self.table_.table.encode(rows.take(index))

        return row_source(encode, len(rows), self.table_.n_encoded_, device)

    def _plan(self, n_rows: int, has_validation: bool, continued: bool) -> Budget:
        return plan_budget(
            n_rows,
            batch_size=self.batch_size,
            max_steps=self.max_steps,
            early_stopping=self.early_stopping,
            validation_fraction=self.validation_fraction,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
            has_validation=has_validation,
            # folds would have been seen by a net that goes on from earlier training
            from_pca=self._starts_at_pca() and not continued,
            cross=self._cross_validates,
            **self._schedule(),
        )

    def _spec(
        self, rows: RowSource, n_components: int, seed: int, continued: LatentNet | None
    ) -> NetSpec:
        spec = self._make_spec(rows, n_components, seed)
        if continued is None:
            return spec
        if spec.module_params != continued.module_params_:
            raise ValueError(
                f"warm_start=True goes on with the fitted net, built with "
                f"{continued.module_params_}; the parameters now ask for {spec.module_params}. "
                "Set warm_start=False to start again."
            )
        return replace(spec, start=continued.weights(), from_pca=True)

    def _watcher(
        self, context: CallbackContext, X: Any, y: Any
    ) -> Callable[[LatentNet, dict[str, float]], bool]:
        """Tell scikit-learn's callbacks of each check; a true answer stops the training."""

        def watch(net: LatentNet, record: dict[str, float]) -> bool:
            def fitted_so_far() -> dict[str, Any]:
                now = LatentNet.from_state(type(net.module_), net.to_state())
                width = now.module_params_["n_components"]
                return {"net_": now, "n_components_": width, **self._provisional(width)}

            task = context.subcontext(task_name=f"step {int(record['step'])}")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            return bool(
                task.call_on_fit_task_end(
                    estimator=self, X=X, y=y, reconstruction_attributes=fitted_so_far
                )
            )

        return watch

    def _n_subtasks(self, budget: Budget) -> int | None:
        """How many checks a fit makes at most, where that is known beforehand."""
        searches = not isinstance(self.n_components, Integral)
        grows = budget.max_total_steps > budget.n_steps
        # where PCA knows the validation rows, a second attempt may follow
        repeats = budget.validation == "holdout" and self._start_on_all_rows
        if searches or grows or repeats or budget.validation == "cross":
            return None
        return 0 if budget.validation == "skip" else -(-budget.n_steps // budget.check_every)

    def _keep(self, outcome: FitOutcome, n_components: int) -> None:
        self.net_ = outcome.net
        self.n_components_ = n_components
        self.n_iter_ = outcome.n_steps
        self.best_iter_ = outcome.best_step
        self.history_ = outcome.history
        self.loss_curve_ = [record["train_loss"] for record in outcome.history]

    # -- answers -------------------------------------------------------------------------------

    def _run(self, verb: Verb, rows: AnyRows) -> NDArray[Any]:
        """Call a method of the module on rows, in their dtype."""
        if len(rows) == 1:
            # one row is all overhead: no slicing
            return self.net_.run(verb, 1, lambda _: self.table_.table.encode(rows), rows.dtype)

        def encode(index: NDArray[np.intp] | slice) -> NDArray[np.floating]:
            return self.table_.table.encode(rows.take(index))

        return self.net_.run(verb, len(rows), encode, rows.dtype)

    def _run_on_codes(self, verb: Verb, codes: NDArray[Any]) -> NDArray[Any]:
        """Call a method of the module on codes, in their dtype."""

        def part(index: NDArray[np.intp] | slice) -> NDArray[np.floating]:
            # torch shares memory, but neither that of strided nor that of read-only arrays
            return np.require(codes[index], requirements=["C", "W"])

        return self.net_.run(verb, len(codes), part, codes.dtype)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether ``fit`` has been completed."""
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Tags:
        """Describe what the models accept and return."""
        tags = super().__sklearn_tags__()
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components_)

    # -- persistence ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Give the state as plain values and arrays: small, and readable without the GPU."""
        state = dict(super().__getstate__())
        if "net_" in state:
            state["net_"] = state["net_"].to_state()
        return stamp(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a saved model, on the CPU where its device is missing."""
        state = check_state(type(self).__name__, state)
        # parameters that came after the release that saved the model
        for name, parameter in signature(type(self)).parameters.items():
            if parameter.default is not parameter.empty:
                state.setdefault(name, parameter.default)
        if isinstance(state.get("net_"), dict):
            state["net_"] = LatentNet.from_state(self._module_of(state["table_"]), state["net_"])
        super().__setstate__(state)


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The verb ``transform``: rows to codes."""

    def transform(self: Any, X: Any) -> Any:
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
        check_is_fitted(self)
        return self._turn(self._run("encode", self._read(X)))


class DecoderMixin:
    """The verb ``inverse_transform``: codes to rows."""

    def inverse_transform(self: Any, Z: Any) -> Any:
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
        check_is_fitted(self)
        codes = check_codes(self, Z, self.get_feature_names_out())
        decoded = self._run_on_codes("decode", self._turn_back(codes))
        return with_index_of(self.table_.table.decode(decoded), Z)


class SamplerMixin:
    """The verb ``sample``: new rows."""

    def sample(
        self: Any, n_samples: int = 1, *, random_state: int | np.random.RandomState | None = None
    ) -> Any:
        """Draw rows from the model.

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
        check_is_fitted(self)
        check_n_samples(n_samples)
        rng = check_random_state(random_state)
        parts = [
            self._draw_rows(min(DRAW_ROWS, n_samples - start), rng)
            for start in range(0, n_samples, DRAW_ROWS)
        ]
        values = np.concatenate(parts).astype(self.table_.dtype_, copy=False)
        return self.table_.table.build(values)


class DensityMixin:
    """The verbs ``score_samples`` and ``score``: log-likelihood."""

    def score_samples(self: Any, X: Any) -> NDArray[np.float64]:
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
        check_is_fitted(self)
        log_density: NDArray[np.float64] = self._log_density(self._read(X))
        return log_density

    def score(self: Any, X: Any, y: Any = None) -> float:
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
        return float(np.mean(self.score_samples(X)))
