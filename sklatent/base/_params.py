"""Parameters written once: fields of a class become the constructor and its documentation."""

import inspect
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, TypeVar, cast, dataclass_transform

import numpy as np

from sklatent._utils._params import Integral, Interval, Real, StrOptions
from sklatent.nn import ACTIVATIONS

T = TypeVar("T", bound=type)


@dataclass_transform(eq_default=False)
def shared_parameters(cls: T) -> T:
    """Mark a base class whose annotated attributes are parameters of every model below it."""
    cls._shares_parameters = True  # type: ignore[attr-defined]
    return cls


@dataclass_transform(eq_default=False)
def latent_model(cls: T) -> T:
    """Turn the annotated attributes of a class into its parameters.

    Its own come first, those shared by all models behind them; what follows ``_: KW_ONLY`` is
    given by keyword. ``__init__`` is generated and only assigns. The ranges in
    ``_parameter_constraints`` are added to those of the bases. Parameters and attributes that
    the docstring does not list are documented as the bases document them.

    Parameters
    ----------
    cls : type
        A subclass of :class:`~sklatent.base.BaseLatentModel`.

    Returns
    -------
    type
        The same class.
    """
    fields = {
        # a file with "from __future__ import annotations" has text there, which dataclass
        # recognizes under its own module's name alone
        name: KW_ONLY if isinstance(kind, str) and kind.endswith("KW_ONLY") else kind
        for name, kind in inspect.get_annotations(cls).items()
    }
    for base in cls.__mro__[1:]:
        if "_shares_parameters" in vars(base):
            shared = inspect.get_annotations(base)
            fields |= {name: kind for name, kind in shared.items() if name not in fields}
    cls.__annotations__ = fields
    ranges: dict[str, list[Any]] = {}
    for base in reversed(cls.__mro__):
        ranges |= vars(base).get("_parameter_constraints", {})
    cls._parameter_constraints = ranges  # type: ignore[attr-defined]
    _check_bodies(cls)
    made = cast(T, dataclass(eq=False, repr=False, match_args=False)(cls))
    if made.__doc__:  # there is none under python -OO
        made.__doc__ = documented(
            made.__doc__, inspect.signature(made).parameters, _shared_docs(made)
        )
    return made


def _check_bodies(cls: type) -> None:
    """Refuse a model that declares a kind of table for which it has no body."""
    declared: Any = getattr(cls, "_declares", None)
    bodies: Any = getattr(cls, "bodies", None)
    if declared is None or bodies is None:
        return  # whoever derives from it may give them
    kinds = {body.kind for body in bodies}
    wanted = {"affine"} | ({"quantile"} if "mixed" in declared.tables else set())
    if kinds != wanted:
        raise TypeError(
            f"{cls.__name__} declares tables={declared.tables}, which need bodies of the kinds "
            f"{sorted(wanted)}; it has {sorted(kinds)}."
        )


def _shared_docs(cls: type) -> dict[str, dict[str, str]]:
    """Collect, by section and name, what the bases document."""
    found: dict[str, dict[str, str]] = {"Parameters": {}, "Attributes": {}}
    for base in [base for base in cls.__mro__[1:] if issubclass(base, TrainingParameters)]:
        sections = sections_of(vars(base).get("__doc__") or "")
        for heading, entries in found.items():
            for name, entry in entries_of(sections.get(heading, "")).items():
                entries.setdefault(name, entry)
    return found


def documented(doc: str, names: Iterable[str], shared: dict[str, dict[str, str]]) -> str:
    """Complete a docstring: parameters in the order of ``names``, and the shared attributes.

    Parameters
    ----------
    doc : str
        A numpydoc docstring.
    names : iterable of str
        The parameters, in the order of the signature.
    shared : dict
        For "Parameters" and "Attributes" the entries to fill in, by name.

    Returns
    -------
    str
    """
    sections = sections_of(doc)
    both = shared["Parameters"] | entries_of(sections.get("Parameters", ""))
    parameters = {name: both[name] for name in names if name in both}
    attributes = entries_of(sections.get("Attributes", ""))
    told = {name for names in attributes for name in names.split(", ")}
    attributes |= {name: entry for name, entry in shared["Attributes"].items() if name not in told}
    texts = {"Parameters": parameters, "Attributes": attributes}
    order = [heading for heading in sections if heading not in texts]
    order[1:1] = texts
    for heading, entries in texts.items():
        sections[heading] = "\n".join(entries.values())
    parts = [
        sections[heading]
        if not heading
        else f"{heading}\n{'-' * len(heading)}\n{sections[heading]}"
        for heading in order
    ]
    return "\n\n".join(parts) + "\n"


def sections_of(doc: str) -> dict[str, str]:
    """Divide a numpydoc docstring: the text of each section by its heading, "" for the first."""
    lines = inspect.cleandoc(doc).split("\n")
    starts = [
        at
        for at, line in enumerate(lines[:-1])
        if line and set(lines[at + 1]) == {"-"} and len(lines[at + 1]) >= len(line)
    ]
    found = {"": "\n".join(lines[: starts[0] if starts else None]).strip()}
    for start, end in zip(starts, [*starts[1:], None], strict=False):
        found[lines[start]] = "\n".join(lines[start + 2 : end]).strip("\n")
    return found


def entries_of(section: str) -> dict[str, str]:
    """Divide a list of parameters or attributes: the text of each entry by what it names."""
    found: dict[str, list[str]] = {}
    for line in section.split("\n"):
        if line and not line.startswith(" "):
            found[line.partition(" : ")[0]] = [line]
        elif found:
            found[next(reversed(found))].append(line)
    return {name: "\n".join(lines).rstrip() for name, lines in found.items()}


@shared_parameters
class TrainingParameters:
    """What every trained model takes, with its defaults.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Hidden layers of the encoder's network; the decoder has them in reverse.
    activation : {"elu", "gelu", "relu", "silu", "softplus", "tanh"}, default="silu"
        Activation of the hidden layers.
    standardize : bool, default=True
        Whether each column counts equally. If False, columns keep their units.
    learning_rate : float, default=5e-3
        Peak step size of AdamW; reached after a tenth of the steps, then a cosine down to zero.
    weight_decay : float, default=1e-2
        Decoupled weight decay of the networks; linear parts have none.
    batch_size : int or "auto", default="auto"
        Rows per step; "auto" is a sixteenth of the rows, as a power of two within [16, 128].
    max_steps : int or "auto", default="auto"
        Most training steps. "auto" gives 1,500 (400 below 400 rows) and, on tables too large to
        have been seen 24 times by then, further cycles while validation improves.
    early_stopping : bool or "auto", default="auto"
        Whether rows are held out to stop training and to choose the best weights, as "auto" does
        from 20 rows on. If False, the model trains for ``max_steps`` on all rows.
    validation_fraction : float, default=0.15
        Share of the rows held out, at most 1,000 rows or 1 % of the rows, whichever is more.
    n_iter_no_change : int, default=6
        Checks (15 per cycle) without improvement after which the first cycle stops.
    tol : float, default=0.0
        Relative improvement of the validation loss that counts as one.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before, on rows with the same columns.
    device : str, default="auto"
        Torch device for ``fit`` and for answers; "auto" is a CUDA device if there is one. A saved
        model whose device is missing answers on the CPU.
    net_params : dict, default=None
        Further parameters of the :class:`skorch.NeuralNet` that trains, such as
        ``{"callbacks": [...]}`` or ``{"optimizer": torch.optim.SGD}``.
    verbose : int, default=0
        If positive, each check is logged to the logger "sklatent".
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the held-out rows and the batches. Pass an int for the same result
        in each call.
    """

    _: KW_ONLY
    hidden_layer_sizes: tuple[int, ...] = (128, 128)
    activation: str = "silu"
    standardize: bool = True
    learning_rate: float = 5e-3
    weight_decay: float = 1e-2
    batch_size: int | Literal["auto"] = "auto"
    max_steps: int | Literal["auto"] = "auto"
    early_stopping: bool | Literal["auto"] = "auto"
    validation_fraction: float = 0.15
    n_iter_no_change: int = 6
    tol: float = 0.0
    warm_start: bool = False
    device: str = "auto"
    net_params: dict[str, Any] | None = None
    verbose: int = 0
    random_state: int | np.random.RandomState | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
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


@shared_parameters
class TableParameters(TrainingParameters):
    """What every model that takes mixed tables takes: what its columns are.

    Parameters
    ----------
    categorical_features : array-like of {bool, int, str}, default=None
        Columns that are categories whatever they hold: a mask, positions or names. With any,
        ``mode="auto"`` is "quantile".
    numerical_features : array-like of {bool, int, str}, default=None
        Columns that are ordered numbers even if they have two values only. Numbers of more
        different values always are.
    identifier_features : "auto", array-like of {bool, int, str} or None, default="auto"
        Columns that name rows, such as customer numbers: the model leaves them out.
        See :class:`TabularEncoder`.
    handle_unknown : {"missing", "error"}, default="missing"
        What becomes of levels that ``fit`` did not see: they count as missing, and a warning
        names their columns; or they are refused.
    """

    _: KW_ONLY
    categorical_features: Any = None
    numerical_features: Any = None
    identifier_features: Any = "auto"
    handle_unknown: Literal["missing", "error"] = "missing"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "categorical_features": ["array-like", None],
        "numerical_features": ["array-like", None],
        "identifier_features": [StrOptions({"auto"}), "array-like", None],
        "handle_unknown": [StrOptions({"missing", "error"})],
    }
