"""The report on synthetic rows: what it holds and how it shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._figures import Figure, as_plain, html_notes, html_table, text_table
from sklatent.metrics._shapes import Marginal

_Float = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class SyntheticReport:
    """How good synthetic rows are, each figure beside its floor and its ceiling.

    Made by :func:`synthetic_report`, which tells what the figures mean. ``print(report)`` shows
    them as text, a notebook as a table.

    Parameters
    ----------
    shapes : Figure
        Mean of the columns' shapes.
    trends : Figure or None
        Mean of the pairs' trends; None with one column.
    c2st : Figure
        ROC AUC of a classifier that tells synthetic rows from real ones.
    tstr : Figure or None
        Score of a predictor of the target trained on synthetic rows; None without target.
    dcr_share : Figure
        Share of synthetic rows nearer to training rows than to rows held out.
    exact_copies : Figure
        Share of synthetic rows that equal a training row.
    missing_gap : Figure
        Largest difference of a column's share of missing cells.
    column_shapes : dict of object to Figure
        The shapes by the column's name.
    pair_trends, pair_trends_ceiling : ndarray of shape (n_columns, n_columns)
        The trends of synthetic rows and of real ones; NaN on the diagonal.
    marginals : dict of object to Marginal
        Histograms by the column's name.
    target : object or None
        The column to predict.
    task : str or None
        "classification", "regression" or None.
    n_rows : dict of str to int
        How many rows of each table were compared.
    n_repeats : int
        How many repetitions were averaged.

    See Also
    --------
    synthetic_report : Makes reports.
    sklatent.plotting.SyntheticDisplay : Draws them.
    """

    shapes: Figure
    trends: Figure | None
    c2st: Figure
    tstr: Figure | None
    dcr_share: Figure
    exact_copies: Figure
    missing_gap: Figure
    column_shapes: dict[Any, Figure]
    pair_trends: _Float
    pair_trends_ceiling: _Float
    marginals: dict[Any, Marginal]
    target: Any
    task: str | None
    n_rows: dict[str, int]
    n_repeats: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on what looks wrong, in sentences; empty if nothing does."""
        found = []
        share, error = self.dcr_share.value, self.dcr_share.standard_error or 0.0
        if share > 0.5 + 3 * error:
            ratio = min(1.0, self.n_rows["real_test"] / self.n_rows["real_train"])
            found.append(
                f"Synthetic rows lie nearer to training rows than to rows held out ({share:.3f} of "
                f"them; 0.5 expected, {0.5 + ratio / 2:.3f} for copies): the sampler may hand "
                "training rows back."
            )
        copies, usual = self.exact_copies.value, self.exact_copies.ceiling or 0.0
        n_synthetic, n_test = self.n_rows["synthetic"], self.n_rows["real_test"]
        pooled = (copies * n_synthetic + usual * n_test + 1) / (n_synthetic + n_test + 2)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n_synthetic + 1 / n_test))
        if copies > usual + 3 * spread:
            found.append(
                f"{copies:.1%} of the synthetic rows equal a training row in every column, of the "
                f"real rows held out {usual:.1%}."
            )
        if min(self.n_rows.values()) < 100:
            found.append(
                "With fewer than 100 rows of a table the classifier sees little: c2st near 0.5 "
                "says little either."
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain values.

        Returns
        -------
        report : dict
            Nested dicts and lists of numbers and texts, as ``json.dump`` takes them; None stands
            for what is not defined.
        """
        plain: dict[str, Any] = as_plain(self)
        return {**plain, "notes": list(self.notes)}

    def _rows(self) -> list[tuple[str, Figure]]:
        score = "AUC" if self.task == "classification" else "R2"
        named = [
            ("column shapes", self.shapes),
            ("pair trends", self.trends),
            ("classifier test (AUC)", self.c2st),
            (f"train synthetic, test real ({score})", self.tstr),
            ("nearer to train (DCR share)", self.dcr_share),
            ("exact copies of train", self.exact_copies),
            ("missing-rate gap", self.missing_gap),
        ]
        return [(name, figure) for name, figure in named if figure is not None]

    def _columns(self) -> list[tuple[str, Figure]]:
        """List the columns' shapes, the worst against their ceiling first."""
        named = [(str(name), figure) for name, figure in self.column_shapes.items()]
        return sorted(named, key=lambda pair: pair[1].value - (pair[1].ceiling or 0.0))

    def _title(self) -> str:
        rows = ", ".join(f"{count} of {label}" for label, count in self.n_rows.items())
        return f"Synthetic rows in {len(self.column_shapes)} columns; rows: {rows}"

    def __repr__(self) -> str:
        """Give the figures in one line."""
        named = ("shapes", "trends", "c2st", "tstr", "dcr_share", "exact_copies", "missing_gap")
        figures = {name: getattr(self, name) for name in named}
        shown = (f"{name}={f.value:.3f}" for name, f in figures.items() if f is not None)
        return f"SyntheticReport({', '.join(shown)})"

    def __str__(self) -> str:
        """Set all figures, and the five worst columns, as text."""
        parts = [
            self._title(),
            text_table("figure", "synthetic", self._rows()),
            text_table("shapes of the worst columns", "synthetic", self._columns()[:5]),
            "\n".join(f"- {note}" for note in self.notes),
        ]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return (
            f"<p>{self._title()}</p>"
            + html_table("figure", "synthetic", self._rows())
            + html_notes(self.notes)
            + "<details><summary>shapes of all columns</summary>"
            + html_table("column", "synthetic", self._columns())
            + "</details>"
        )
