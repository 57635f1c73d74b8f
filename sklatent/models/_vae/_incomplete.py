"""Posteriors of rows of numbers some of which are missing."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklatent.parts import posterior_of
from sklatent.tabular import GaussianFill, patterns


@dataclass(frozen=True)
class IncompletePosterior:
    """What the encoder says of rows whose missing cells are normal given the others.

    The mean is that of the row filled with what is to be expected; to the posterior covariance
    comes what the encoder, linear about this row, makes of the covariance of the missing cells.
    For a linear model this is exact.

    Attributes
    ----------
    module : SkipVAE
        The module.
    gaussian : GaussianFill
        Of the encoded rows.
    """

    module: Any
    gaussian: GaussianFill

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give means and spreads of codes as :class:`~sklatent.parts.ImportanceSampler` asks."""
        cells = x.cpu().numpy()
        missing = np.isnan(cells)
        if not missing.any():
            return posterior_of(self.module)(x)
        filled = torch.from_numpy(self.gaussian(cells)).to(x)
        mean, log_variance = self.module.infer(filled)
        covariance = torch.diag_embed(torch.exp(log_variance))
        slope = self.module.slope(filled)
        for rows, unknown in patterns(missing):
            root = torch.from_numpy(self.gaussian.root(unknown)).to(x)
            noise = torch.from_numpy(np.where(unknown, self.gaussian.noise, 0.0)).to(x)
            own = slope[rows]
            common = own @ root
            covariance[rows] += common @ common.mT + (own * noise) @ own.mT
        return mean, torch.linalg.cholesky(covariance)

    def moments(self, x: Tensor) -> Tensor:
        """Give posterior means and standard deviations of the codes side by side, (n, 2 k)."""
        mean, spread = self(x)
        if spread.ndim == 3:
            spread = torch.linalg.vector_norm(spread, dim=2)
        scale: Tensor = self.module.code_scale
        return torch.cat([mean * scale, spread * scale], dim=1)
