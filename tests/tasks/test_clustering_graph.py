"""Modularity, its ascent, merging and mixtures, against plain formulae."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr
from sklearn.datasets import make_blobs

from sklatent._utils.neighbors import graph_space, nearest_neighbors
from sklatent.tasks._candidates import Clustering, best_of, find_n_clusters
from sklatent.tasks._cluster_mixture import ClusterMixture, kmeans
from sklatent.tasks._graph import (
    ascend,
    conductance,
    distinct_rows,
    first_equal,
    merge,
    modularity,
    neighbor_graph,
)
from sklatent.tasks._noise import Unclustered, better_than_noise


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray]:
    return make_blobs(120, centers=[[0, 0], [7, 0], [0, 7]], random_state=0)


def test_neighbors_leave_the_row_itself_out() -> None:
    X = np.array([[0.0], [1.0], [3.0], [3.0], [3.0]])
    index, distance = nearest_neighbors(X, 2)
    assert not (index == np.arange(5)[:, None]).any()
    assert index[0].tolist()[0] == 1
    assert distance[2:].max() == 0.0
    assert nearest_neighbors(X, 99)[0].shape == (5, 4)


def test_many_columns_are_compared_by_direction() -> None:
    X = np.random.default_rng(0).normal(size=(40, 120))
    assert np.allclose(np.linalg.norm(graph_space(X), axis=1), 1.0)
    assert graph_space(X[:, :100]).shape == (40, 100)
    assert np.isfinite(graph_space(np.ones((5, 120)))).all()


def test_modularity_is_newmans(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    graph = neighbor_graph(X, 5).plain
    dense = graph.toarray()
    degrees, total = dense.sum(1), dense.sum()
    same = y[:, None] == y
    expected = ((dense - np.outer(degrees, degrees) / total) * same).sum() / total
    assert modularity(graph, y) == pytest.approx(expected)
    leaving = [1 - dense[np.ix_(y == c, y == c)].sum() / degrees[y == c].sum() for c in range(3)]
    assert conductance(graph, y) == pytest.approx(np.mean(leaving))


def test_ascent_repairs_labels_and_never_falls(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = table
    graph = neighbor_graph(X, 10).mutual
    rng = np.random.RandomState(0)
    spoilt = np.where(rng.random_sample(len(y)) < 0.3, rng.randint(3, size=len(y)), y)
    risen = ascend(graph, spoilt, np.random.RandomState(0))
    assert modularity(graph, risen) >= modularity(graph, spoilt)
    assert (risen == y).all()
    assert set(ascend(graph, y, np.random.RandomState(0))) == {0, 1, 2}


@pytest.mark.parametrize("linkage", ["modularity", "average"])
def test_merging_joins_what_belongs_together(
    linkage: str, table: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = table
    graph = neighbor_graph(X, 10).plain
    micro = kmeans(X, 15, np.random.RandomState(0))
    merged, shares = merge(graph, micro, 3, linkage)
    assert len({(a, b) for a, b in zip(merged, y, strict=True)}) == 3
    assert sorted(shares) == list(range(4, 16))
    assert merge(graph, micro, 15, linkage)[1] == {}


def test_number_of_clusters(table: tuple[np.ndarray, np.ndarray]) -> None:
    graph = neighbor_graph(table[0], 10)
    assert find_n_clusters(graph, 10, np.random.RandomState(0)) == 3


def test_choice_takes_modularity_but_not_its_noise() -> None:
    labels = np.zeros(3, dtype=np.intp)
    made = [
        Clustering("merge", labels, 0.8),
        Clustering("latent-kmeans", labels, 0.7995),
        Clustering("latent-gmm", labels, 0.7999),
    ]
    assert best_of(made).name == "latent-kmeans"
    assert best_of([*made, Clustering("merge", labels, 0.802)]).modularity == 0.802


def test_mixture_is_a_density() -> None:
    rng = np.random.RandomState(0)
    covariances = np.stack([np.eye(2), [[2.0, 0.5], [0.5, 1.0]], 0.3 * np.eye(2)])
    means, weights = rng.normal(size=(3, 2)), np.array([0.5, 0.3, 0.2])
    mixture = ClusterMixture(weights, means, covariances, np.array([0, 1, 1]))
    codes = rng.normal(size=(6, 2))
    parts = [
        w * multivariate_normal(m, c).pdf(codes)
        for w, m, c in zip(weights, means, covariances, strict=True)
    ]
    expected = np.log(np.stack([parts[0], parts[1] + parts[2]], axis=1))
    np.testing.assert_allclose(mixture.log_joint(codes), expected)
    assert mixture.n_clusters == 2
    np.testing.assert_allclose(mixture.centers()[1], 0.6 * means[1] + 0.4 * means[2])
    drawn = mixture.draw(20_000, 1, np.random.RandomState(0))
    np.testing.assert_allclose(drawn.mean(0), mixture.centers()[1], atol=0.05)


def test_mixture_takes_as_many_gaussians_as_the_shape_needs() -> None:
    angle = np.linspace(0, 2 * np.pi, 300)
    ring = 3 * np.column_stack([np.cos(angle), np.sin(angle)])
    dot = 0.2 * np.random.default_rng(0).normal(size=(100, 2))
    codes, labels = np.vstack([ring, dot]), np.repeat([0, 1], [300, 100])
    mixture = ClusterMixture.fit(codes, labels, np.random.RandomState(0))
    assert (mixture.predict(codes) == labels).all()
    blob, y = make_blobs(100, centers=[[0, 0], [9, 9]], random_state=0)
    assert len(ClusterMixture.fit(blob, y, np.random.RandomState(0)).weights) == 2


def test_distinct_rows_are_found_in_order() -> None:
    X = np.array([[2.0, np.nan], [-0.0, 1.0], [2.0, np.nan], [0.0, 1.0], [2.0, 0.0]])
    firsts, counts = distinct_rows(X)
    assert firsts.tolist() == [0, 1, 4]
    assert counts.tolist() == [2, 2, 1]
    assert first_equal(X).tolist() == [0, 1, 0, 1, 4]


def test_edges_count_how_often_rows_occur(table: tuple[np.ndarray, np.ndarray]) -> None:
    X, _ = table
    once, often = neighbor_graph(X, 5), neighbor_graph(X, 5, np.full(len(X), 3))
    np.testing.assert_allclose(often.plain.toarray(), 3 * once.plain.toarray())
    np.testing.assert_allclose(often.mutual.toarray(), 3 * once.mutual.toarray())
    assert set(often.copies) == {1}
    counts = np.arange(1, len(X) + 1)
    graph = neighbor_graph(X, 5, counts)
    index, _ = nearest_neighbors(X, 5)
    expected = np.zeros((len(X), len(X)))
    expected[np.arange(len(X))[:, None], index] = counts[:, None]
    np.testing.assert_allclose(graph.plain.toarray(), expected + expected.T)
    both = np.minimum(expected, expected.T) > 0
    np.testing.assert_allclose(
        graph.mutual.toarray()[both] - 1e-3 * np.maximum(expected, expected.T)[both],
        np.sqrt(expected * expected.T)[both],
    )


def test_rows_drawn_without_clusters_have_the_columns_of_the_table() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 2000)
    numbers[:, 1] = np.exp(0.5 * numbers[:, 1])
    words = np.eye(3)[rng.integers(0, 3, 2000)]
    rows = np.hstack([numbers, words])
    drawn = Unclustered.of(rows, np.array([0, 1, 2, 2, 2])).draw(np.random.RandomState(0))
    ranks = [spearmanr(table[:, 0], table[:, 1]).statistic for table in (rows, drawn)]
    assert ranks[1] == pytest.approx(ranks[0], abs=0.05)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        np.testing.assert_allclose(
            np.quantile(drawn[:, :2], share, axis=0), np.quantile(numbers, share, axis=0), atol=0.15
        )
    assert np.array_equal(np.sort(drawn[:, 2:].argmax(1)), np.sort(words.argmax(1)))
    assert set(drawn[:, 2:].sum(1)) == {1.0}
    assert abs(np.corrcoef(drawn[:, 2], rows[:, 2])[0, 1]) < 0.1
    # two heaps become one
    heaps = np.concatenate([rng.normal(-5, 1, 500), rng.normal(5, 1, 500)])[:, None]
    middle = Unclustered.of(heaps, np.zeros(1, dtype=np.intp)).draw(np.random.RandomState(0))
    assert (abs(heaps) < 2).mean() < 0.01
    assert (abs(middle) < 2).mean() > 0.1


@pytest.mark.parametrize("n_rows", [90, 300])
def test_clusters_are_compared_with_noise(n_rows: int) -> None:
    rng = np.random.default_rng(0)
    kind = np.arange(n_rows) % 3
    owners = np.arange(2)
    flat = rng.normal(size=(n_rows, 2))
    assert not better_than_noise(flat, owners, 3, 15)
    assert not better_than_noise(np.exp(flat), owners, 3, 15)
    assert better_than_noise(flat + np.array([[0, 0], [6, 0], [0, 6]])[kind], owners, 3, 15)
    # levels that do or do not go with the numbers
    words, owners = 0.7 * np.eye(3)[kind], np.array([0, 0, 0, 1, 2])
    assert not better_than_noise(np.hstack([words, flat]), owners, 3, 15)
    moved = flat + 4 * kind[:, None]
    assert better_than_noise(np.hstack([words, moved]), owners, 3, 15)


def test_islands_that_no_mean_tells_apart_are_better_than_noise() -> None:
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 300), np.repeat([1.0, 2.5], 150)
    rings = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    rings += 0.05 * rng.normal(size=rings.shape)
    assert better_than_noise(rings, np.arange(2), 2, 15)
