"""Body: what a model is for one kind of table. A recipe in, answers out."""

from collections.abc import Iterable, Mapping
from copy import copy
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sklatent._training import (
    Budget,
    Encoded,
    Fit,
    FitOutcome,
    FittedNet,
    Fold,
    Recipe,
    RowSource,
    Verb,
    plan_budget,
    resolve_device,
    row_source,
)
from sklatent.parts import MAX_AUTO, Rotation, checked_width
from sklatent.tabular import AnyRows, Table

if TYPE_CHECKING:
    from sklatent.base._model import BaseLatentModel

M = TypeVar("M", bound="BaseLatentModel")
CHUNK_ROWS = 8192


class Part(Protocol):
    """Something fitted that a body holds: its state is plain."""

    def to_state(self) -> dict[str, Any]:
        """Give plain values and arrays."""

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Make the part that gave this state."""


class Body(Generic[M]):
    """A model for one kind of table: how it is trained, and how it answers.

    A model names a body for each kind of table that it takes; ``fit`` chooses one. A body is
    written by implementing ``recipe`` and, where the defaults do not fit, the five hooks behind it:
    ``width``, ``plan``, ``source``, ``finish`` and ``provisional``. Nothing else is overridden.

    Parameters
    ----------
    model : BaseLatentModel
        Whose parameters count. It is there during ``fit`` alone: a fitted model holds its body,
        and nothing shall hold both.
    table : Table
        How rows become a float matrix and back.

    Attributes
    ----------
    kind : {"affine", "quantile"}
        The kind of table, as ``TabularEncoder.mode_`` names it.
    module : type
        The torch module, which is built again when a saved model is loaded.
    starts_at_pca : bool
        Whether ``init="pca"`` starts at a model that is good by itself, to be kept where training
        gains nothing.
    start_on_all_rows : bool
        Whether the start may be fitted to the validation rows as well.
    cross_validates : bool
        Whether tables that start at PCA and are too small to hold rows out are cross-validated.
    target : {"number", "class"}
        What ``y`` holds, where the model needs one: numbers, which the batches hold as they are,
        or classes, of which they hold the positions in ``classes_``.
    parts : mapping of str to type
        Attributes that are fitted and saved, and their classes; added to those of the bases.
    net : FittedNet
        The trained net.
    """

    kind: ClassVar[str] = "affine"
    module: ClassVar[type[nn.Module]]
    starts_at_pca: ClassVar[bool] = False
    start_on_all_rows: ClassVar[bool] = True
    cross_validates: ClassVar[bool] = True
    target: ClassVar[Literal["number", "class"]] = "number"
    parts: ClassVar[Mapping[str, type[Part]]] = {"rotation": Rotation}

    net: FittedNet
    rotation: Rotation | None = None

    def __init__(self, model: M, table: Table) -> None:
        self.model, self.table = model, table

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the parts of a class to those of its bases."""
        super().__init_subclass__(**kwargs)
        merged: dict[str, type[Part]] = {}
        for base in reversed(cls.__mro__):
            merged |= vars(base).get("parts", {})
        cls.parts = merged

    # -- the hooks -----------------------------------------------------------------------------

    def recipe(self, rows: RowSource, *, n_components: int, seed: int) -> Recipe:
        """Describe what is trained, started from these encoded rows.

        It may be called several times in one fit, on parts of the rows.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement 'recipe'.")

    def width(self, fit: Fit, seed: int) -> int:
        """Turn the parameter ``n_components`` into a number; ``fit.search`` trains on trial."""
        return checked_width(self.model.n_components, len(fit.rows), self.table.n_encoded)

    def plan(self, n_rows: int, **given: Any) -> Budget:
        """Turn the parameters of training into steps; as :func:`plan_budget` takes them."""
        return plan_budget(n_rows, **given)

    def source(self, rows: AnyRows, fields: Mapping[str, NDArray[Any]], device: Any) -> RowSource:
        """Make the source of batches; ``fields`` holds ``y`` where the model needs a target."""
        encoded = Encoded(self.table, rows)
        return row_source(encoded, *encoded.shape, device, fields=fields)

    def finish(self, rows: AnyRows, encoded: RowSource, outcome: FitOutcome, seed: int) -> None:
        """Fit what stands on the trained net, such as a latent prior.

        ``rows`` are the training rows as they came, ``encoded`` the same as the net sees them.
        """

    def provisional(self, n_components: int) -> dict[str, Any]:
        """Set what answers need while the net still trains, for callbacks that score.

        Returns the attributes of the model that show it.
        """
        return {}

    # -- what hooks may use --------------------------------------------------------------------

    def device(self) -> Any:
        """Return the torch device that the model asks for.

        Raises
        ------
        ValueError
            If this machine has none of that name.
        """
        return resolve_device(self.model.device)

    def some_cells(
        self, encoded: RowSource, most: int, rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Return encoded rows as one matrix, a sample where there are many."""
        if len(encoded) > most:
            encoded = encoded.subset(np.sort(rng.choice(len(encoded), most, replace=False)))
        return np.concatenate(list(encoded.arrays()))

    def show_rotation(self) -> None:
        """Tell of the rotation in the model's attributes."""
        model: Any = self.model
        if self.rotation is None or self.rotation.kind is None:
            model.rotation_, model.rotation_matrix_ = None, np.eye(model.n_components_)
        else:
            model.rotation_, model.rotation_matrix_ = self.rotation.kind, self.rotation.matrix

    # -- answers -------------------------------------------------------------------------------

    def run(self, verb: Verb, rows: AnyRows, *, fill: bool = True) -> NDArray[Any]:
        """Call a method of the module on rows, in their dtype.

        With ``fill`` it reads what is to be expected where numbers are missing, else NaN.
        """

        def encode(index: NDArray[np.intp] | slice) -> NDArray[Any]:
            # one row is all overhead: no slicing
            matrix = self.table.encode(rows if len(rows) == 1 else rows.take(index))
            return self.table.completed(matrix) if fill else matrix

        return self.net.run(verb, len(rows), encode, rows.dtype)

    def run_on_codes(self, verb: Verb, codes: NDArray[Any]) -> NDArray[Any]:
        """Call a method of the module on codes, in their dtype."""
        return self.net.run(verb, len(codes), codes.__getitem__, codes.dtype)

    def encode(self, rows: AnyRows) -> NDArray[Any]:
        """Return the codes of rows."""
        codes = self.run("encode", rows)
        return codes if self.rotation is None else self.rotation.rotate(codes)

    def decode(self, codes: NDArray[Any]) -> Any:
        """Return rows for codes, in the container that ``fit`` saw."""
        if self.rotation is not None:
            codes = self.rotation.rotate_back(codes)
        return self.table.decode(self.run_on_codes("decode", codes))

    def encode_out_of_fold(self, rows: AnyRows, folds: Iterable[Fold]) -> NDArray[Any]:
        """Return codes of training rows, each by the net that was trained without it.

        Raises
        ------
        ValueError
            If a row belongs to no fold: its code would be one that has seen its target.
        """
        codes = self.encode(rows)
        seen = np.ones(len(rows), dtype=bool)
        for fold in folds:
            other = copy(self)
            other.net = fold.net
            codes[fold.held_out] = other.encode(rows.take(fold.held_out))
            seen[fold.held_out] = False
        if seen.any():
            raise ValueError(
                f"{seen.sum()} of {len(seen)} rows have no code out of fold: the training was "
                "not cross-validated, or stopped before all folds were trained."
            )
        return codes

    def explained(self, rows: AnyRows) -> float:
        """Return the share of the variance of known cells that encoding and decoding keeps."""
        varying = self.table.varying
        squared = total = 0.0
        for start in range(0, len(rows), CHUNK_ROWS):
            part = rows.take(slice(start, start + CHUNK_ROWS))
            x = self.table.encode(part).astype(np.float64, copy=False)
            x_hat = self.run_on_codes("decode", self.run("encode", part))
            rest, x = (x - x_hat)[:, varying], x[:, varying]
            rest[np.isnan(x)] = x[np.isnan(x)] = 0.0  # no cell, no error
            squared += float((rest**2).sum(dtype=np.float64))
            total += float((x**2).sum(dtype=np.float64))
        # as r2_score: nothing to explain is perfect if nothing is missed
        return 1.0 - squared / total if total > 0 else float(squared == 0)

    # -- saving --------------------------------------------------------------------------------

    def to_state(self) -> dict[str, Any]:
        """Give the states of the parts that are there."""
        there = {name: getattr(self, name, None) for name in self.parts}
        return {name: part.to_state() for name, part in there.items() if part is not None}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set the parts from their states."""
        for name, saved in state.items():
            setattr(self, name, self.parts[name].from_state(saved))


class MixedTables(Body[M]):
    """What the bodies of mixed tables share: how long they train, and how wide the code is."""

    kind: ClassVar[str] = "quantile"

    def plan(self, n_rows: int, **given: Any) -> Budget:
        """Train in larger batches and fewer steps than tables of numbers.

        Each step costs several times as much, and the start is good. Long training copies rows
        where these are few. Validation is looked at seldom: it says little as long as the
        learning rate is high.
        """
        return plan_budget(
            n_rows,
            **given,
            largest_batch=256,
            long_cycle=1000,
            rows_per_step=5,
            passes=8,
            n_checks=8,
        )

    def width(self, fit: Fit, seed: int) -> int:
        """Take half of the columns for "auto"; a share has no meaning."""
        wanted = self.model.n_components
        if wanted == "auto":
            n_varying = len(np.unique(self.table.owners[self.table.varying]))
            return int(np.clip(-(-n_varying // 2), 1, MAX_AUTO))
        if not isinstance(wanted, Integral):
            raise ValueError(
                f"n_components={wanted} is a share of the variance, which a table of "
                "categories has not: give an int or 'auto'."
            )
        return int(wanted)
