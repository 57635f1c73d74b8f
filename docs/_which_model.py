"""The table of the page "Which model": made from what the estimators declare of themselves."""

from __future__ import annotations

from textwrap import indent

from sklatent._utils.declaration import VERBS, declaration_of, verbs_of
from sklatent._utils.discovery import all_estimators

MARKER = ".. table of estimators"
HEADER = ("Question", "Estimator", "It", "Tables", "Cost of a fit", "Where a classic is better")
# Reading order: from the models to what is done with them.
FIRST = ("AutoencoderTransformer", "VAETransformer", "LatentAnomalyDetector", "LatentClusterer")
KINDS = {"numeric": "numbers", "mixed": "mixed"}


def rows() -> list[tuple[str, ...]]:
    """Return a row of cells for each public estimator, in the order of ``HEADER``."""
    classes = dict(all_estimators())
    names = [*(name for name in FIRST if name in classes), *(n for n in classes if n not in FIRST)]
    table = []
    for name in names:
        declared = declaration_of(classes[name])
        verbs = [f"{verb} (``{VERBS[verb]}``)" for verb in verbs_of(classes[name])]
        kinds = ", ".join(KINDS[kind] for kind in declared.tables)
        table.append(
            (
                declared.question,
                f":class:`~sklatent.{name}`",
                ", ".join(verbs),
                kinds,
                declared.cost,
                declared.classic,
            )
        )
    return table


def table() -> str:
    """Return the table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 18 18 18 8 18 20", ""]
    for cells in (HEADER, *rows()):
        bullets = ["* - " + cells[0], *("  - " + cell for cell in cells[1:])]
        lines.append(indent("\n".join(bullets), "   "))
    return "\n".join(lines)


def filled(page: str) -> str:
    """Return the page with the table in place of its marker.

    Raises
    ------
    ValueError
        If the marker is not there exactly once.
    """
    if page.count(MARKER) != 1:
        raise ValueError(
            f"The page needs the line {MARKER!r} once, not {page.count(MARKER)} times."
        )
    return page.replace(MARKER, table())
