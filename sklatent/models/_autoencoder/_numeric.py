"""The autoencoder of tables of numbers: it starts as PCA and keeps what improves on it."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sklatent._training import Fit, FitOutcome, Recipe, RowSource
from sklatent.base import AnyRows, Body
from sklatent.parts import (
    NOISE_MARGIN,
    SkipAutoencoder,
    autoencoder_recipe,
    choose_width,
    prefix_errors,
    rotation_of,
    rows_to_rotate,
)

if TYPE_CHECKING:
    from sklatent.models._autoencoder._estimator import AutoencoderTransformer  # noqa: F401 (named in a string)


# Share of the codes that an ordered model does not cut in training.
ORDERED_SHARE = 0.5


class NumericAutoencoder(Body["AutoencoderTransformer"]):
    """Autoencoder of numbers; its start is a good model by itself."""

    kind: ClassVar[str] = "affine"
    module: ClassVar[type[nn.Module]] = SkipAutoencoder
    starts_at_pca: ClassVar[bool] = True

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the autoencoder that starts from these rows."""
        model = self.model
        check_order(model.ordered, model.rotation)
        return autoencoder_recipe(
            rows,
            self.table.n_encoded,
            n_components,
            hidden_layer_sizes=tuple(model.hidden_layer_sizes),
            activation=model.activation,
            init=model.init,
            noise=model.noise,
            full_share=ORDERED_SHARE if model.ordered else 1.0,
            scale=self.table.unit,
            seed=seed,
        )

    def width(self, fit: Fit, seed: int) -> int:
        """Read a share or "auto" off the curve of an ordered autoencoder."""
        return choose_width(
            self.model.n_components,
            fit,
            self.table.n_encoded,
            hidden_layer_sizes=tuple(self.model.hidden_layer_sizes),
            activation=self.model.activation,
            seed=seed,
        )

    def finish(self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int) -> None:
        """Measure what each component adds, and rotate the codes."""
        model = self.model
        if model.ordered:
            curve = prefix_errors(outcome, encoded)
            model.explained_variance_ratio_ = -np.diff(curve) / max(curve[0], 1e-300)
        if model.rotation is not None:
            cells = rows_to_rotate(encoded, seed)
            codes = self.run_on_codes("encode", cells)
            self.rotation = rotation_of(
                cells,
                codes,
                self.table.blocks,
                model.rotation,
                usable=self._informative(cells, codes),
                along_axes=model.init == "pca",
                seed=seed,
            )
        self.show_rotation()

    def provisional(self, n_components: int) -> dict[str, Any]:
        """Answer without a rotation."""
        return {"rotation_": None}

    def score(self, rows: AnyRows) -> float:
        """Return the share of the variance that codes keep."""
        return self.explained(rows)

    def _informative(self, cells: NDArray[Any], codes: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell components from noise: they spread wider than what is left does in a direction."""
        n, spare = len(cells), int(self.table.varying.sum()) - codes.shape[1]
        # codes that start at random have no unit to compare with
        if spare < 1 or self.model.init != "pca":
            return np.ones(codes.shape[1], dtype=bool)
        left = self.table.unit**2 * ((cells - self.run_on_codes("decode", codes)) ** 2).sum()
        return np.asarray(codes.var(0) > NOISE_MARGIN * left / (n * spare))


def check_order(ordered: bool, rotation: str | None) -> None:
    """Refuse to rotate components that are to be in order."""
    if ordered and rotation is not None:
        raise ValueError(
            f"rotation={rotation!r} mixes the components that ordered=True puts in order: "
            "set rotation=None or ordered=False."
        )
