"""The autoencoder: an estimator, and a body for each kind of table."""

from sklatent.models._autoencoder._estimator import AutoencoderTransformer

__all__ = ["AutoencoderTransformer"]
