"""The variational autoencoder: an estimator, and a body for each kind of table."""

from sklatent.models._vae._estimator import VAETransformer

__all__ = ["VAETransformer"]
