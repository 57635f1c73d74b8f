"""The latent models: one file, one model."""

from sklatent.models._autoencoder import AutoencoderTransformer

__all__ = ["AutoencoderTransformer"]
