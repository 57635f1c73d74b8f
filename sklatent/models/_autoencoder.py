"""AutoencoderTransformer: a nonlinear PCA that starts as PCA."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from sklatent._training import FitOutcome, NetSpec, RowSource
from sklatent._utils._params import Interval, Real, StrOptions
from sklatent.base import BaseLatentModel, DecoderMixin, EncoderMixin
from sklatent.tabular import check_rows
from sklatent.models._capacity import choose_n_components
from sklatent.models._skip_autoencoder import SkipAutoencoder, autoencoder_spec


class AutoencoderTransformer(EncoderMixin, DecoderMixin, BaseLatentModel):
    """Nonlinear dimensionality reduction that starts as PCA."""

    _module: ClassVar[type] = SkipAutoencoder
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseLatentModel._parameter_constraints,
        "init": [StrOptions({"pca", "random"})],
        "ordered": ["boolean"],
        "noise": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int | float | Literal["auto"] = "auto",
        *,
        hidden_layer_sizes: tuple[int, ...] = (128, 128),
        activation: str = "silu",
        init: Literal["pca", "random"] = "pca",
        ordered: bool = False,
        noise: float = 0.0,
        standardize: bool = True,
        learning_rate: float = 5e-3,
        weight_decay: float = 1e-2,
        batch_size: int | Literal["auto"] = "auto",
        max_steps: int | Literal["auto"] = "auto",
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 6,
        tol: float = 0.0,
        warm_start: bool = False,
        device: str = "auto",
        net_params: dict[str, Any] | None = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.init = init
        self.ordered = ordered
        self.noise = noise
        self.standardize = standardize
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_steps = max_steps
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.net_params = net_params
        self.verbose = verbose
        self.random_state = random_state

    def _make_spec(self, rows: RowSource, n_components: int, seed: int) -> NetSpec:
        return self._autoencoder(rows, n_components, seed, ordered=self.ordered)

    def _autoencoder(
        self, rows: RowSource, n_components: int, seed: int, *, ordered: bool
    ) -> NetSpec:
        return autoencoder_spec(
            rows,
            self.table_.n_encoded_,
            n_components,
            hidden_layer_sizes=tuple(self.hidden_layer_sizes),
            activation=self.activation,
            init=self.init,
            noise=self.noise,
            ordered=ordered,
            seed=seed,
        )

    def _choose_n_components(
        self, rows: RowSource, run: Callable[..., FitOutcome], seed: int
    ) -> int:
        return choose_n_components(
            self.n_components,
            rows,
            self.table_.n_encoded_,
            run,
            lambda part, k: self._autoencoder(part, k, seed, ordered=True),
            seed,
        )

    def score(self, X: Any, y: Any = None) -> float:
        """Share of the variance of new rows that survives encoding and decoding."""
        rows = check_rows(self, X, reset=False)
        squared = total = 0.0
        for start in range(0, len(rows), 8192):
            part = rows.take(slice(start, start + 8192))
            x = self.table_._encode(part)
            x_hat = self._run_on_codes("decode", self._run("encode", part))
            squared += float(((x - x_hat) ** 2).sum())
            total += float((x**2).sum())
        return 1.0 - squared / total
