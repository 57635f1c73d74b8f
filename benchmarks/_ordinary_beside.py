"""The same questions to peers, where they have the verb: the same rows, the usual preparation."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks._ordinary_asked import Asked, Once, answered, share
from benchmarks._ordinary_codes import ask_pipeline
from benchmarks._ordinary_faults import masked
from benchmarks._ordinary_maker import Cells, Frame
from benchmarks._ordinary_peers import Prepared, isolation_forest, kmeans
from benchmarks._ordinary_rows import ask_drawn, ask_law
from benchmarks._ordinary_tasks import agreement, auroc
from benchmarks._peers import gaussian_copula

Scorer = Callable[[Frame], Cells]
CONTAMINATION = 0.01


def peers(asked: Asked) -> None:
    """Ask those that are here."""
    for name, fit in _detectors(asked):
        _ask_detector(asked.as_model(name), fit)
    _ask_clusters(asked.as_model("KMeans"))
    _ask_copula(asked.as_model("Gaussian copula"))
    if find_spec("skrub"):
        _ask_vectorizer(asked.as_model("skrub.TableVectorizer"))


def _detectors(asked: Asked) -> Iterator[tuple[str, Callable[[Frame], Scorer]]]:
    """Give names, and how rows become a scorer that is high for outliers."""
    table, seed = asked.table, asked.seed
    yield "IsolationForest", lambda rows: isolation_forest(table, rows, seed)
    if not find_spec("pyod"):
        return

    def of_pyod(make: Callable[[], Any]) -> Callable[[Frame], Scorer]:
        def fit(rows: Frame) -> Scorer:
            prepared = Prepared(table, rows)
            model = make().fit(prepared.filled(rows))
            return lambda ask: np.asarray(model.decision_function(prepared.filled(ask)))

        return fit

    from pyod.models.ecod import ECOD
    from pyod.models.knn import KNN

    yield "pyod ECOD", of_pyod(ECOD)
    yield "pyod KNN", of_pyod(KNN)


def _ask_detector(asked: Asked, fit: Callable[[Frame], Scorer]) -> None:
    """The threshold is the quantile of the training scores, as in our detector."""
    table = asked.table
    score = Once(lambda: fit(table.rows))
    limit = Once(lambda: np.quantile(score()(table.rows), 1 - CONTAMINATION))
    ask = asked.ask

    def flagged(kind: str) -> float | None:
        return share([(score()(f.rows) > limit()).mean() for f in asked.of(kind)])

    ask("predict", "clean rows flagged", lambda: (score()(table.new) > limit()).mean())
    ask("predict", "faults answered", lambda: answered(score(), asked.faults))
    for kind in ("typo", "times 100", "far", "huge", "wrong century"):
        ask("predict", f"{kind} flagged", lambda kind=kind: flagged(kind))
    rows, what = masked(table, asked.rng(4))
    kept = what < 2
    ask(
        "fit",
        "AUROC of grouped outliers under a mask",
        lambda: auroc(what[kept] == 1, fit(rows)(rows)[kept]),
    )


def _ask_clusters(asked: Asked) -> None:
    table, seed = asked.table, asked.seed
    rows, _ = masked(table, asked.rng(4))
    found = Once(lambda: kmeans(table, table.rows, seed))
    asked.ask(
        "fit",
        "ARI under a typo less that of KMeans without",
        lambda: agreement(table, kmeans(table, rows, seed)[0]) - agreement(table, found()[0]),
    )

    def same_label() -> float | None:
        predict = found()[1]
        return share([(predict(f.rows) == predict(f.clean)).mean() for f in asked.of("new word")])

    asked.ask("predict", "new word keeps the label", same_label)


def _ask_copula(asked: Asked) -> None:
    """A copula takes the columns that say something; what becomes of the others is not its part."""
    table = asked.table.only(asked.table.modelled)
    alone = asked.about(table)
    draw = Once(lambda: gaussian_copula(table.rows, asked.seed))
    drawn = Once(lambda: draw()(len(table.rows)))
    ask_drawn(alone, "sample", drawn)
    ask_law(alone, drawn)


def _ask_vectorizer(asked: Asked) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler
    from skrub import TableVectorizer

    table = asked.table
    model = Once(lambda: TableVectorizer().fit(table.rows))
    asked.ask(
        "transform",
        "faults answered",
        lambda: answered(model().transform, asked.faults, gaps=True),
    )
    ask_pipeline(asked, TableVectorizer, SimpleImputer(), StandardScaler())
