"""Checks of the detector and the clusterer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks._ordinary_asked import Asked, Once, answered, share
from benchmarks._ordinary_faults import masked
from benchmarks._ordinary_maker import Cells, Frame, Ordinary
from benchmarks._ordinary_peers import isolation_forest, kmeans
from benchmarks._ordinary_rows import ask_drawn, below

# -- anomalies -------------------------------------------------------------------------------------


def detector(asked: Asked) -> None:
    """A detector that was shown clean rows."""
    from sklatent import LatentAnomalyDetector

    table = asked.table
    model = Once(
        lambda: LatentAnomalyDetector(
            novelty=True, contamination=0.01, random_state=asked.seed
        ).fit(table.rows)
    )
    score = lambda rows: model().score_samples(rows)  # noqa: E731 - fitted when it is asked
    ask = asked.ask

    def flagged(kind: str) -> float | None:
        return share([(model().predict(f.rows) == -1).mean() for f in asked.of(kind)])

    ask("predict", "clean rows flagged", lambda: (model().predict(table.new) == -1).mean())
    ask("predict", "faults answered", lambda: answered(score, asked.faults))
    for kind in ("typo", "times 100", "far", "huge", "wrong century", "constant", "first missing"):
        ask("predict", f"{kind} flagged", lambda kind=kind: flagged(kind))
    ask("predict", "in accordance with scores", lambda: _accords(model(), table.new))

    def iso() -> float | None:
        return share([np.allclose(score(f.rows), score(f.clean)) for f in asked.of("ISO date")])

    ask("predict", "ISO string is the date", iso)
    ask("score_samples", "new word below its true row", lambda: below(asked, score, "new word"))
    mixed, what = mixed_up(table, asked.rng(3))
    ask(
        "score_samples",
        "mixed-up rows: AUROC less IsolationForest's",
        lambda: (
            auroc(what, -score(mixed))
            - auroc(what, isolation_forest(table, table.rows, asked.seed)(mixed))
        ),
    )
    _ask_explain(asked, model)
    ask(
        "p_values",
        "share below .05 off by",
        lambda: abs((model().p_values(table.new) < 0.05).mean() - 0.05),
    )


def _ask_explain(asked: Asked, model: Callable[[], Any]) -> None:
    columns = list(asked.table.rows)

    def named(kind: str) -> float | None:
        good = [
            (np.asarray(model().explain(f.rows)).argmin(1) == columns.index(f.column)).mean()
            for f in asked.of(kind)
        ]
        return share(good)

    asked.ask("explain", "names the column of a typo", lambda: named("typo"))
    asked.ask("explain", "names the column of a huge value", lambda: named("huge"))
    asked.ask("explain", "names the constant that changed", lambda: named("constant"))

    def left_over() -> float:
        rows = asked.table.new
        parts = np.asarray(model().explain(rows), dtype=float).sum(1)
        return float(np.abs(parts - model().score_samples(rows)).max())

    asked.ask("explain", "sums to the score", left_over)


def _accords(model: Any, rows: Frame) -> float:
    below_offset = model.score_samples(rows) < model.offset_
    return float(((model.predict(rows) == -1) == below_offset).mean())


def auroc(what: Cells, scores: Cells) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(what, np.nan_to_num(scores, posinf=1e300, neginf=-1e300)))


def mixed_up(table: Ordinary, rng: np.random.Generator) -> tuple[Frame, Cells]:
    """Clean rows, half of them with a third of their cells from other rows."""
    rows, what = table.new.copy(), rng.random(len(table.new)) < 0.5
    columns = rng.permutation(table.modelled)[: max(2, len(table.modelled) // 3)]
    for column in columns:
        other = rows[column].iloc[rng.permutation(len(rows))].set_axis(rows.index)
        rows[column] = rows[column].where(~what, other)
    return rows, what


def outliers(asked: Asked) -> None:
    """A detector of outliers among its own rows: a group of them, behind one huge typo."""
    from sklatent import LatentAnomalyDetector

    rows, what = masked(asked.table, asked.rng(4))

    def make() -> Any:
        share_ = (what > 0).mean()
        return LatentAnomalyDetector(contamination=share_, random_state=asked.seed)

    model = Once(lambda: make().fit(rows))
    said = Once(lambda: make().fit_predict(rows))
    kept = what < 2
    asked.ask(
        "fit",
        "AUROC of grouped outliers under a mask",
        lambda: auroc(what[kept] == 1, -model().score_samples(rows)[kept]),
    )
    asked.ask("fit_predict", "the mask itself flagged", lambda: (said()[what == 2] == -1).mean())
    asked.ask("fit_predict", "grouped outliers flagged", lambda: (said()[what == 1] == -1).mean())
    asked.ask("fit_predict", "equals predict", lambda: (said() == model().predict(rows)).mean())


# -- clusters --------------------------------------------------------------------------------------


def clusterer(asked: Asked) -> None:
    from sklatent import LatentClusterer

    table, ask = asked.table, asked.ask
    make = lambda: LatentClusterer(3, random_state=asked.seed)  # noqa: E731
    model = Once(lambda: make().fit(table.rows))
    peer = Once(lambda: agreement(table, kmeans(table, table.rows, asked.seed)[0]))
    drawn = Once(lambda: model().sample(300, random_state=asked.seed))

    def same_label() -> float | None:
        good = [
            (model().predict(f.rows) == model().predict(f.clean)).mean()
            for f in asked.of("new word")
        ]
        return share(good)

    def in_cluster() -> float:
        drawn_ = [model().sample(100, cluster=c, random_state=0) for c in range(3)]
        return float(
            np.mean([(model().predict(rows) == c).mean() for c, rows in enumerate(drawn_)])
        )

    ask("fit", "ARI less that of KMeans", lambda: agreement(table, model().labels_) - peer())
    ask("predict", "faults answered", lambda: answered(model().predict, asked.faults))
    ask("predict", "new word keeps the label", same_label)
    ask(
        "predict",
        "training rows as in labels_",
        lambda: (model().predict(table.rows) == model().labels_).mean(),
    )
    ask("predict", "labels without gaps", lambda: set(model().labels_) == set(range(3)))
    ask(
        "predict_proba",
        "sums to one",
        lambda: np.abs(model().predict_proba(table.new).sum(1) - 1).max(),
    )
    ask("transform", "faults answered", lambda: answered(model().transform, asked.faults))
    ask_drawn(asked, "sample", drawn, bounded=table.mixed)
    ask("sample", "in its cluster", in_cluster)
    rows, _ = masked(table, asked.rng(4))
    ask(
        "fit",
        "ARI under a typo less that of KMeans without",
        lambda: agreement(table, make().fit(rows).labels_) - peer(),
    )


def agreement(table: Ordinary, labels: Cells) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(table.group, labels))
