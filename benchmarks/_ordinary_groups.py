"""Groups of checks that share a fit: the model's name, and what asks it."""

from collections.abc import Callable

from benchmarks import _ordinary_beside as beside
from benchmarks import _ordinary_codes as codes
from benchmarks import _ordinary_rows as rows
from benchmarks import _ordinary_tasks as tasks
from benchmarks._ordinary_asked import Asked

PEERS = "peers"
GROUPS: dict[str, tuple[str, Callable[[Asked], None]]] = {
    "encoder": ("TabularEncoder", codes.encoder),
    "autoencoder": ("AutoencoderTransformer", codes.autoencoder),
    "neighbors": ("NeighborEmbedding", codes.neighbors),
    "vae": ("VAETransformer", rows.vae),
    "detector": ("LatentAnomalyDetector, novelty", tasks.detector),
    "outliers": ("LatentAnomalyDetector", tasks.outliers),
    "clusterer": ("LatentClusterer", tasks.clusterer),
    PEERS: ("", beside.peers),
}
