"""Fitted tables from saved states, those of earlier releases too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklatent.tabular._affine import AffineTable
from sklatent.tabular._quantile import QuantileTable
from sklatent.tabular._table import Table

_FORMER = ("_fitted", "_frame", "_same")


def table_of_state(state: Mapping[str, Any]) -> Table:
    """Make the table that its ``to_state`` has described.

    Parameters
    ----------
    state : mapping
        Plain values and arrays.

    Returns
    -------
    table : AffineTable or QuantileTable
        As ``state["kind"]`` says.
    """
    if state["kind"] == "quantile":
        return QuantileTable.from_state(state)
    return AffineTable.from_state(state)


def split_flat(
    state: Mapping[str, Any], derived: tuple[str, ...]
) -> tuple[dict[str, Any], Table | None]:
    """Take a state apart in which the encoder's own attributes described the table.

    Parameters
    ----------
    state : mapping
        Of an encoder that was saved before it held a table.
    derived : tuple of str
        Attributes that follow from the table.

    Returns
    -------
    rest : dict
        All else.
    table : AffineTable, QuantileTable or None
        None if the encoder was not fitted.
    """
    rest = {key: value for key, value in state.items() if key not in (*derived, *_FORMER)}
    if "center_" not in state:
        return rest, None
    if state.get("mode_", "affine") == "quantile":
        kind = {"kind": "quantile", "columns": state["_fitted"]}
        kind["handle_unknown"] = state["handle_unknown"]
    else:
        # blocks were shorter before cells could be missing
        has_missing = len(state["blocks_"][0]) > 4 and bool(state["blocks_"][0][4])
        kind = {"kind": "affine", "unit": state.get("unit_", 1.0), "has_missing": has_missing}
        kind["same"] = state["_same"]
        for name in ("center", "scale", "constant"):
            kind[name] = state[f"{name}_"]
    dtype = state.get("dtype_", "float64")
    return rest, table_of_state({**kind, "frame": state["_frame"], "dtype": dtype})
