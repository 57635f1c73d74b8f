"""Columns of generated business tables, which hang together through two factors and a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Frame = Any  # pandas.DataFrame
Cells = Any

# Step of the grid on which the values of a kind of column lie.
GRIDS = {"integer": 1.0, "year": 1.0, "code": 1.0, "money": 0.01, "tenth": 0.1}
NUMBERS = ("integer", "year", "money", "tenth", "real")  # a code is a category in digits
# Columns that a model may not return, and nobody can fill.
ROLES = ("id", "text")
WORDS = (
    "late early parcel window broken again asked twice manager letter signed paid moved house "
    "waiting garden call back monday friday new number wrong colour returned happy service slow "
    "quick repair invoice missing extra copy sent kept cancelled renewed annual key lost found "
    "north south left right door bell noisy quiet second floor contact evening morning only"
)


@dataclass(frozen=True)
class Ordinary:
    """A table with what is known of it.

    ``rows`` are for ``fit``, ``new`` are clean rows held out. ``kinds`` has the kind of each
    column, one that ends in a format of dates included: ``worded %d/%m/%Y``. ``typo`` is a
    column with a value that nobody means, ``group`` the hidden group of each row of ``rows``.
    """

    name: str
    rows: Frame
    new: Frame
    kinds: Mapping[str, str]
    target: str
    typo: tuple[str, float]
    group: Cells

    def columns(self, *kinds: str) -> list[str]:
        """Columns of these kinds."""
        return [name for name, kind in self.kinds.items() if kind.split()[0] in kinds]

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers that vary."""
        return self.columns(*NUMBERS)

    @property
    def modelled(self) -> list[str]:
        """Columns that say something: no identifier, no free text, no constant."""
        return [name for name in self.kinds if self.kinds[name] not in (*ROLES, "constant")]

    @property
    def mixed(self) -> bool:
        """Whether there is more than complete numbers and booleans."""
        others = [name for name in self.kinds if self.kinds[name] not in (*NUMBERS, "bool")]
        return bool(self.rows.isna().any().any()) or any(
            self.rows[name].dtype.kind not in "iuf" for name in others
        )

    def only(self, columns: Sequence[str]) -> "Ordinary":
        """Give a table of these columns."""
        kept = [column for column in self.kinds if column in columns]
        return replace(
            self,
            rows=self.rows[kept],
            new=self.new[kept],
            kinds={column: self.kinds[column] for column in kept},
        )

    def format_of(self, column: str) -> str:
        """Format of the dates in a column of words."""
        return self.kinds[column].split(maxsplit=1)[1]


class Maker:
    """Draws columns: a kind and the cells."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n
        self.group = rng.integers(0, 3, n)
        # of variance one each; the first tells the groups apart
        first = 0.35 * rng.normal(size=n) + 1.147 * (self.group - 1.0)
        self.factors = np.stack([first, rng.normal(size=n)])

    def score(self, first: float, second: float = 0.0, noise: float = 0.5) -> Cells:
        """Mix the factors with noise, to variance one."""
        mixed = first * self.factors[0] + second * self.factors[1]
        mixed = mixed + noise * self.rng.normal(size=self.n)
        return mixed / np.sqrt(first**2 + second**2 + noise**2)

    def integer(
        self, score: Cells, mean: float, sd: float, low: int, high: int, kind: str = "integer"
    ) -> tuple[str, Cells]:
        return kind, np.clip(np.round(mean + sd * score), low, high).astype(np.int64)

    def count(self, score: Cells, rate: float, spread: float = 0.5) -> tuple[str, Cells]:
        return "integer", self.rng.poisson(rate * np.exp(spread * score)).astype(np.int64)

    def money(self, score: Cells, middle: float, spread: float) -> tuple[str, Cells]:
        return "money", np.round(middle * np.exp(spread * score), 2)

    def tenth(self, score: Cells, mean: float, sd: float) -> tuple[str, Cells]:
        return "tenth", np.round(mean + sd * score, 1)

    def real(self, score: Cells, mean: float, sd: float) -> tuple[str, Cells]:
        return "real", mean + sd * score

    def pick(
        self, score: Cells, names: Sequence[str], shares: Sequence[float], rare: Sequence[str] = ()
    ) -> tuple[str, Cells]:
        """Cut a score into levels; rare ones have three rows each."""
        edges = np.quantile(score, np.cumsum(shares)[:-1] / np.sum(shares))
        cells = np.array(names, dtype=object)[np.searchsorted(edges, score)]
        for word in rare:
            cells[self.rng.choice(self.n, 3, replace=False)] = word
        return "category", cells

    def flag(self, score: Cells, share: float) -> tuple[str, Cells]:
        return "bool", score > np.quantile(score, 1 - share)

    def days(
        self, score: Cells, start: str, n_days: int, written: str | None = None
    ) -> tuple[str, Cells]:
        """Draw days, as dates or as words in the format ``written``."""
        import pandas as pd
        from scipy.stats import norm

        offset = np.floor(n_days * norm.cdf(score)).astype(int)
        days = pd.Series(pd.Timestamp(start) + pd.to_timedelta(offset, unit="D"))
        if written is None:
            return "date", days.to_numpy()
        return f"worded {written}", days.dt.strftime(written).to_numpy(dtype=object)

    def times(self, start: str, minutes: Cells) -> tuple[str, Cells]:
        import pandas as pd

        moments = pd.Timestamp(start) + pd.to_timedelta(np.round(minutes), unit="min")
        return "date", pd.Series(moments).to_numpy()

    def running(self, start: int) -> tuple[str, Cells]:
        return "id", np.arange(start, start + self.n)

    def coded(self, form: str, among: int) -> tuple[str, Cells]:
        """Draw different numbers and write them in a form."""
        numbers = self.rng.choice(among, self.n, replace=False)
        return "id", np.array([form.format(i) for i in numbers], dtype=object)

    def text(self) -> tuple[str, Cells]:
        """Draw sentences of words that the hidden group likes."""
        words = WORDS.split()
        weights = np.random.default_rng(0).dirichlet(np.full(len(words), 0.5), size=3)
        drawn = [self.rng.choice(words, 9, p=weights[g]) for g in self.group]
        return "text", np.array([" ".join(row) for row in drawn], dtype=object)
