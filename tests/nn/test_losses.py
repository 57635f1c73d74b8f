"""Losses against torch.distributions and by hand."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from sklatent.nn import gaussian_kl, squared_error


def test_squared_error_sums_over_columns_not_rows() -> None:
    x = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    x_hat = torch.tensor([[0.0, 4.0], [0.0, 3.0]])
    assert squared_error(x_hat, x).tolist() == [5.0, 9.0]
    assert squared_error(torch.stack([x, x_hat]), x).tolist() == [[0.0, 0.0], [5.0, 9.0]]


@pytest.mark.parametrize("log_variance", [-8.0, -1.0, 0.0, 2.0])
@pytest.mark.parametrize("mean", [-3.0, 0.0, 0.5])
def test_gaussian_kl_equals_torch_distributions(mean: float, log_variance: float) -> None:
    m = torch.tensor([mean], dtype=torch.float64)
    v = torch.tensor([log_variance], dtype=torch.float64)
    zero, one = torch.zeros_like(m), torch.ones_like(m)
    expected = kl_divergence(Normal(m, torch.exp(0.5 * v)), Normal(zero, one))
    torch.testing.assert_close(gaussian_kl(m, v), expected, rtol=1e-12, atol=1e-14)


def test_gaussian_kl_is_zero_only_at_the_prior() -> None:
    zero = torch.zeros(1)
    assert float(gaussian_kl(zero, zero)) == 0.0
    assert float(gaussian_kl(zero + 0.1, zero)) > 0.0
    assert float(gaussian_kl(zero, zero + 0.1)) > 0.0
