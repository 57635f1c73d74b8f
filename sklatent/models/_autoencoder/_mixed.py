"""The autoencoder of mixed tables."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from torch import nn

from sklatent._training import FitOutcome, Recipe, RowSource
from sklatent.base import AnyRows, MixedTables
from sklatent.models._autoencoder._numeric import check_order
from sklatent.models._autoencoder._tabular_autoencoder import (
    TabularAutoencoder,
    tabular_autoencoder_recipe,
)
from sklatent.parts import rotation_of, rows_to_rotate

if TYPE_CHECKING:
    from sklatent.models._autoencoder._estimator import AutoencoderTransformer  # noqa: F401 (named in a string)


class MixedAutoencoder(MixedTables["AutoencoderTransformer"]):
    """Autoencoder of any table; it starts from random weights."""

    module: ClassVar[type[nn.Module]] = TabularAutoencoder

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe the net for the columns of the table."""
        model = self.model
        check_order(model.ordered, model.rotation)
        if model.ordered or model.noise >= 1:
            raise ValueError(
                "A mixed table has no ordered components, and noise is the share of its cells "
                f"that are hidden: got ordered={model.ordered} and noise={model.noise}."
            )
        return tabular_autoencoder_recipe(
            rows,
            self.table.blocks,
            n_components,
            hidden_layer_sizes=tuple(model.hidden_layer_sizes),
            activation=model.activation,
            noise=model.noise,
        )

    def finish(self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int) -> None:
        """Rotate the codes."""
        model = self.model
        if model.rotation is not None:
            cells = rows_to_rotate(encoded, seed)
            codes = self.run_on_codes("encode", cells)
            self.rotation = rotation_of(
                cells,
                codes,
                self.table.blocks,
                model.rotation,
                # codes that start at random have no unit to compare with
                usable=np.ones(codes.shape[1], dtype=bool),
                along_axes=False,
                seed=seed,
            )
        self.show_rotation()

    def provisional(self, n_components: int) -> dict[str, Any]:
        """Answer without a rotation."""
        return {"rotation_": None}

    def score(self, rows: AnyRows) -> float:
        """Return the share of the deviance that codes explain."""
        ours, blind = self.run("losses", rows).sum(0, dtype=np.float64)
        return float(1.0 - ours / blind) if blind > 0 else 0.0
