"""The latent models: one file or one folder each."""

from sklatent.models._autoencoder import AutoencoderTransformer
from sklatent.models._neighbor_embedding import NeighborEmbedding
from sklatent.models._vae import VAETransformer

__all__ = ["AutoencoderTransformer", "NeighborEmbedding", "VAETransformer"]

# Saved files and lists of trusted types name the public home of a class, not where its file lies.
for _model in (AutoencoderTransformer, NeighborEmbedding, VAETransformer):
    _model.__module__ = "sklatent"
