"""Peers with the usual preparation: numbers scaled, words one-hot, gaps filled."""

from collections.abc import Callable

import numpy as np

from benchmarks._ordinary_maker import Cells, Frame, Ordinary


def as_numbers(table: Ordinary, rows: Frame) -> Frame:
    """Columns of numbers and dates as floats, dates in days."""
    import pandas as pd

    def days(cells: Cells) -> Cells:
        return (cells - pd.Timestamp("2000-01-01")) / pd.Timedelta("1D")

    out = {column: rows[column].astype(float) for column in table.numbers}
    for column in table.columns("date"):
        out[column] = days(rows[column])
    for column in table.columns("worded"):
        read = pd.to_datetime(rows[column], format=table.format_of(column), errors="coerce")
        out[column] = days(read)
    return pd.DataFrame(out, index=rows.index)


def word_columns(table: Ordinary) -> list[str]:
    """Columns of categories and booleans."""
    return table.columns("category", "bool", "code")


class Prepared:
    """A matrix of a table's rows: scaled numbers, then a block of dummies for each category."""

    def __init__(self, table: Ordinary, rows: Frame) -> None:
        numbers = as_numbers(table, rows)
        self.table, self.names = table, list(numbers)
        self.mean, self.sd = numbers.mean().to_numpy(), numbers.std().to_numpy()
        self.levels = {c: sorted(rows[c].dropna().unique()) for c in word_columns(table)}

    def matrix(self, rows: Frame) -> Cells:
        """Rows as numbers, NaN where cells are missing; new words have no dummy."""
        blocks = [(as_numbers(self.table, rows).to_numpy() - self.mean) / self.sd]
        for column, levels in self.levels.items():
            cells = rows[column].to_numpy(dtype=object)
            block = np.stack([cells == level for level in levels], axis=1).astype(float)
            block[rows[column].isna().to_numpy()] = np.nan
            blocks.append(block)
        return np.concatenate(blocks, axis=1)

    def filled(self, rows: Frame) -> Cells:
        """Rows as numbers with means in the gaps."""
        matrix = self.matrix(rows)
        means = np.nanmean(self.matrix(self.table.rows), axis=0)
        return np.where(np.isnan(matrix), means, matrix)

    def words(self, matrix: Cells) -> dict[str, Cells]:
        """The likeliest level of each category."""
        start, out = len(self.names), {}
        for column, levels in self.levels.items():
            best = matrix[:, start : start + len(levels)].argmax(1)
            out[column] = np.array(levels, dtype=object)[best]
            start += len(levels)
        return out


def iterative_imputer(table: Ordinary, gaps: Frame) -> tuple[Cells, dict[str, Cells]]:
    """Fill with IterativeImputer: numbers in units of their sd, and words."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    prepared = Prepared(table, table.rows)
    known = prepared.matrix(table.rows)
    model = IterativeImputer(max_iter=10, random_state=0, keep_empty_features=True).fit(known)
    filled = model.transform(prepared.matrix(gaps))
    return filled[:, : len(prepared.names)], prepared.words(filled)


def isolation_forest(table: Ordinary, rows: Frame, seed: int) -> Callable[[Frame], Cells]:
    """Fit; give what scores rows, high for outliers."""
    from sklearn.ensemble import IsolationForest

    prepared = Prepared(table, rows)
    model = IsolationForest(random_state=seed).fit(prepared.filled(rows))
    return lambda ask: -model.score_samples(prepared.filled(ask))


def kmeans(table: Ordinary, rows: Frame, seed: int) -> tuple[Cells, Callable[[Frame], Cells]]:
    """Three clusters: labels, and what labels other rows."""
    from sklearn.cluster import KMeans

    prepared = Prepared(table, rows)
    model = KMeans(3, n_init=10, random_state=seed).fit(prepared.filled(rows))
    return model.labels_, lambda ask: model.predict(prepared.filled(ask))
