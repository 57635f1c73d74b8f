"""The report on synthetic rows: what it holds and how it shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklatent.metrics._figures import Figure, as_plain, html_notes, html_table, text_table
from sklatent.metrics._shapes import Marginal

_Float = NDArray[np.float64]
# What is drawn between two near neighbours in the table is often one of them, by rounding.
_TOLD = 0.25


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
    nearest_record : Figure
        P-value of the test that synthetic rows lie no nearer to training rows than to rows held
        out.
    exact_copies : Figure
        Share of synthetic rows that equal a training row.
    disclosure : dict of object to Figure
        By the column's name, of all columns, the share of the synthetic cells whose value one
        training row alone has; as ceiling that of the cells held out.
    extremes : tuple of object
        Names of numbers that hardly repeat among training rows, and of which the smallest or the
        largest comes back.
    left_out : dict of object to str
        Columns that are in no other figure: "identifier" or "text" by the column's name.
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
    nearest_record: Figure
    exact_copies: Figure
    disclosure: dict[Any, Figure]
    extremes: tuple[Any, ...]
    left_out: dict[Any, str]
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
                f"them; 0.5 expected, {0.5 + ratio / 2:.3f} for copies; "
                f"p = {self.nearest_record.value:.1g}): the sampler may hand training rows back."
            )
        if self._is_more(self.exact_copies):
            found.append(
                f"{self.exact_copies.value:.1%} of the synthetic rows equal a training row in "
                f"every column, of the real rows held out {self.exact_copies.ceiling:.1%}."
            )
        told = [
            f"{name!r} ({one.value:.1%} of the cells, of those held out {one.ceiling:.1%})"
            for name, one in self.disclosure.items()
            if self._is_more(one) and one.value - (one.ceiling or 0.0) > _TOLD
        ]
        if told:
            found.append(
                f"Values that one training row alone has come back in {', '.join(told)}. Name "
                "columns that tell who a row is in identifier_features, or leave them out."
            )
        if self.extremes:
            found.append(
                f"The smallest or largest value comes back in {', '.join(map(repr, self.extremes))}"
                ", where one training row alone has it. sample(protect_extremes=5) draws no number "
                "beyond the fifth from either end, and no category of fewer than five rows."
            )
        if self.left_out:
            some = ", ".join(f"{name!r} ({role})" for name, role in self.left_out.items())
            found.append(f"Left out of all figures but the values given back: {some}.")
        if min(self.n_rows.values()) < 100:
            found.append(
                "With fewer than 100 rows of a table the classifier sees little: c2st near 0.5 "
                "says little either."
            )
        return tuple(found)

    def _is_more(self, share: Figure) -> bool:
        """Tell whether a share is larger than that of the rows held out, by chance or not."""
        value, usual = share.value, share.ceiling or 0.0
        n_synthetic, n_test = self.n_rows["synthetic"], self.n_rows["real_test"]
        pooled = (value * n_synthetic + usual * n_test + 1) / (n_synthetic + n_test + 2)
        spread = np.sqrt(pooled * (1 - pooled) * (1 / n_synthetic + 1 / n_test))
        return bool(value > usual + 3 * spread)

    def _most_disclosed(self) -> tuple[str, Figure]:
        """Find the column whose single values come back most."""
        name, figure = max(
            self.disclosure.items(), key=lambda pair: pair[1].value - (pair[1].ceiling or 0.0)
        )
        return f"values of one row of train, {name!r}", figure

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
            ("nearest-record test (p)", self.nearest_record),
            ("exact copies of train", self.exact_copies),
            self._most_disclosed(),
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
