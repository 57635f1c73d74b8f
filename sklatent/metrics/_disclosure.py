"""What synthetic cells give away, column by column, and which columns are not compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._figures import Figure
from sklatent.metrics._tables import Tables
from sklatent.tabular import TabularEncoder

_Float = NDArray[np.float64]
# Rows with a value of their own, as a share, where equal values are no chance.
_HARDLY_REPEATS = 0.9


def disclosed(tables: Tables) -> dict[Any, Figure]:
    """Share of the cells of each column that equal a value which one training row alone has.

    Parameters
    ----------
    tables : Tables
        Training rows, rows held out and synthetic rows, uncut.

    Returns
    -------
    shares : dict of object to Figure
        By the column's name: of the known synthetic cells, and as ceiling of those held out.
    """
    shares = {}
    for j, column in enumerate(tables.columns):
        train, test, synthetic = (rows[:, j] for rows in tables.matrices)
        values, counts = np.unique(train[~np.isnan(train)], return_counts=True)
        single = values[counts == 1]
        value, ceiling = (_share(cells, single) for cells in (synthetic, test))
        shares[column.name] = Figure(value, ceiling=ceiling, best=0.0)
    return shares


def returned_ends(tables: Tables) -> tuple[Any, ...]:
    """Find the numbers of which a smallest or largest value that one row alone has comes back.

    Parameters
    ----------
    tables : Tables
        Training rows, rows held out and synthetic rows, uncut.

    Returns
    -------
    names : tuple of object
        Of columns whose training values hardly repeat: of counts an end says little.
    """
    found = []
    for j, column in enumerate(tables.columns):
        train, _, synthetic = (rows[:, j] for rows in tables.matrices)
        values, counts = np.unique(train[~np.isnan(train)], return_counts=True)
        if column.is_category or np.count_nonzero(counts == 1) < _HARDLY_REPEATS * counts.sum():
            continue
        ends = [values[i] for i in (0, -1) if counts[i] == 1]
        if np.isin(synthetic, ends).any():
            found.append(column.name)
    return tuple(found)


def _share(cells: _Float, single: _Float) -> float:
    known = cells[~np.isnan(cells)]
    return float(np.isin(known, single).mean()) if len(known) else 0.0


def left_out(X: Any, identifier_features: Any, target: int | None) -> dict[int, str]:
    """Find the columns that say nothing about how alike two tables are.

    Parameters
    ----------
    X : table
        The training rows.
    identifier_features : "auto", array-like of {bool, int, str} or None
        Which columns are identifiers.
    target : int or None
        Position of the column to predict, which stays.

    Returns
    -------
    roles : dict of int to {"identifier", "text"}
        By position.
    """
    encoder = TabularEncoder(identifier_features=identifier_features)
    settled = encoder.settle(encoder.read(X, reset=True))
    roles = {j: role for j, role in enumerate(settled.roles) if role and j != target}
    if len(roles) == len(settled.roles):
        raise ValueError("All columns are identifiers or free text: there is nothing to compare.")
    return roles
