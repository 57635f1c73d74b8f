"""Tables with known clusters, and ways to cluster them."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn import datasets
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

BUNDLED: dict[str, Callable[..., Any]] = {
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
}
GENERATED = ("gaussians_0", "gaussians_1", "moons", "rings")
DEEP = ("dec", "idec", "vade", "n2d")
PEERS = ("kmeans", "gmm", "spectral", "hdbscan", "merge", "umap_gmm", *DEEP)


def cluster_names(data: str | None) -> list[str]:
    """Names of the tables: bundled, generated, and mnist_5k where its folder is given."""
    names = [*BUNDLED, *GENERATED]
    if data is not None and (Path(data) / "images" / "mnist_5k.csv.gz").exists():
        names.insert(1, "mnist_5k")
    return names


@cache
def cluster_table(name: str, data: str | None) -> tuple[Matrix, Labels]:
    """Rows and their true clusters."""
    if name in BUNDLED:
        X, y = BUNDLED[name](return_X_y=True)
    elif name == "mnist_5k":
        both = np.loadtxt(Path(str(data)) / "images" / "mnist_5k.csv.gz", delimiter=",")
        X, y = both[:, :-1], both[:, -1]
    elif name.startswith("gaussians"):
        X, y = bent_gaussians(int(name.split("_")[1]))
    else:
        X, y = lifted(name, 0)
    return np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64)


def bent_gaussians(seed: int, n_rows: int = 2000, n_clusters: int = 10) -> tuple[Matrix, Labels]:
    """Gaussians in 8 dimensions through a random network into 30 columns."""
    rng = np.random.default_rng(seed)
    centers = 2.2 * rng.normal(size=(n_clusters, 8))
    y = rng.integers(0, n_clusters, n_rows)
    z = centers[y] + 0.7 * rng.normal(size=(n_rows, 8))
    hidden = np.tanh(z @ rng.normal(size=(8, 64)) / 8**0.5)
    X = hidden @ rng.normal(size=(64, 30)) / 8
    return X + 0.05 * rng.normal(size=X.shape), y


def lifted(name: str, seed: int, n_rows: int = 1200) -> tuple[Matrix, Labels]:
    """Moons or rings in a plane among 30 columns, with noise in all of them."""
    rng = np.random.default_rng(seed)
    if name == "moons":
        plane, y = datasets.make_moons(n_rows, noise=0.06, random_state=seed)
    else:
        plane, y = datasets.make_circles(n_rows, noise=0.05, factor=0.45, random_state=seed)
    X = plane @ rng.normal(size=(2, 30)) / 2**0.5
    return X + 0.05 * rng.normal(size=X.shape), y


# -- peers -----------------------------------------------------------------------------------------


def peer_names() -> list[str]:
    """Peers that can run here."""
    left_out = set() if find_spec("umap") else {"umap_gmm"}
    left_out |= set() if find_spec("clustpy") else set(DEEP)
    return [name for name in PEERS if name not in left_out]


def scaled(X: Matrix) -> Matrix:
    """What peers see: columns in one unit as they are, others standardized, as our default does."""
    ranges = np.ptp(X, axis=0)
    low, high = np.quantile(np.log(ranges[ranges > 0]), [0.25, 0.75])
    if high - low > np.log(3.0):
        return np.asarray(StandardScaler().fit_transform(X))
    centred = X - X.mean(0)
    return np.asarray(centred / np.sqrt(centred[:, ranges > 0].var(0).mean()))


def cluster_by_peer(name: str, X: Matrix, k: int, seed: int) -> Labels:
    """Labels of a peer on scaled rows; -1 counts as a cluster."""
    Z = scaled(X)
    few = PCA(min(50, *Z.shape), random_state=seed).fit_transform(Z) if Z.shape[1] > 50 else Z
    if name == "kmeans":
        found = KMeans(k, n_init=10, random_state=seed).fit_predict(Z)
    elif name == "gmm":
        found = GaussianMixture(k, n_init=5, reg_covar=1e-3, random_state=seed).fit_predict(few)
    elif name == "spectral":
        found = SpectralClustering(
            k, affinity="nearest_neighbors", n_neighbors=10, random_state=seed
        ).fit_predict(few)
    elif name == "hdbscan":
        found = HDBSCAN(min_cluster_size=max(5, len(Z) // 100), copy=True).fit_predict(few)
    elif name == "merge":
        found = _merged(Z, k, seed)
    elif name == "umap_gmm":
        found = _umap(Z, k, seed)
    else:
        found = _clustpy(name, Z, k, seed)
    return np.asarray(found, dtype=np.int64)


def _merged(Z: Matrix, k: int, seed: int) -> Any:
    """Micro-clusters merged along the graph, without a network: one start, no choice."""
    from sklatent.tasks._cluster_mixture import kmeans
    from sklatent.tasks._graph import ascend, merge, neighbor_graph

    random = np.random.RandomState(seed)
    graph = neighbor_graph(Z, 15)
    micro = kmeans(graph.space, min(8 * k, len(Z) // 5), random)
    return ascend(graph.plain, merge(graph.plain, micro, k, "modularity")[0], random)


def _umap(Z: Matrix, k: int, seed: int) -> Any:
    from umap import UMAP

    latent = UMAP(n_components=min(10, Z.shape[1]), min_dist=0.0, random_state=seed)
    codes = latent.fit_transform(Z)
    return GaussianMixture(k, n_init=5, random_state=seed).fit_predict(codes)


def _clustpy(name: str, Z: Matrix, k: int, seed: int) -> Any:
    from clustpy import deep

    kind = {"dec": deep.DEC, "idec": deep.IDEC, "vade": deep.VaDE, "n2d": deep.N2D}[name]
    options: dict[str, Any] = {}
    if name == "vade":  # its default is for numbers between 0 and 1
        from torch.nn import MSELoss

        options["ssl_loss_fn"] = MSELoss()
    if name == "n2d":  # its default takes at most three clusters
        from umap import UMAP

        options["manifold_class"] = UMAP
    return kind(k, random_state=seed, **options).fit(Z.astype(np.float32)).labels_


# -- figures ---------------------------------------------------------------------------------------


def accuracy(y: Labels, labels: Labels) -> float:
    """Share of the rows in the right cluster, under the best matching of clusters to classes."""
    y, labels = (np.unique(part, return_inverse=True)[1] for part in (y, labels))
    counts = np.zeros((y.max() + 1, labels.max() + 1))
    np.add.at(counts, (y, labels), 1)
    return float(counts[linear_sum_assignment(-counts)].sum() / len(y))
