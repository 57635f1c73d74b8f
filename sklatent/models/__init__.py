"""The latent models: one file, one model."""

from sklatent.models._autoencoder import AutoencoderTransformer
from sklatent.models._neighbor_embedding import NeighborEmbedding
from sklatent.models._vae import VAETransformer

__all__ = ["AutoencoderTransformer", "NeighborEmbedding", "VAETransformer"]
