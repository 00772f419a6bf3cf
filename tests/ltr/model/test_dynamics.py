"""Derivatives of activations, and the rank-sized Jacobian against the dense one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from ltr.analysis.spectra import mean_jacobian_eigenvalues
from ltr.model.dynamics import ACTIVATIONS, drift
from ltr.model.factors import unit_norm


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_the_derivative_of_the_activation(name: str) -> None:
    x = torch.tensor([-2.3, -0.4, 0.1, 1.7], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(ACTIVATIONS[name].value(x).sum(), x)
    torch.testing.assert_close(ACTIVATIONS[name].slope(x.detach()), expected, rtol=1e-12, atol=1e-15)


def test_jacobian_eigenvalues_are_those_of_the_dense_jacobian(generator: torch.Generator) -> None:
    """-1 + eig(D_k B^T diag(phi') A), and -1 for the other n - R."""
    n, rank = 25, 3
    columns, rows = (unit_norm(torch.randn(n, rank, generator=generator, dtype=torch.float64)) for _ in range(2))
    factors = torch.randn(1, rank, generator=generator, dtype=torch.float64) * 3
    kappa = torch.randn(1, rank, generator=generator, dtype=torch.float64)
    slope = ACTIVATIONS["tanh"].slope(kappa @ columns.T)
    arrays = (tensor.numpy() for tensor in (columns, rows, factors, slope))
    small = mean_jacobian_eigenvalues(*arrays)[0] - 1
    weights = columns @ torch.diag(factors[0]) @ rows.T

    def dense_field(x: torch.Tensor) -> torch.Tensor:
        return weights @ torch.tanh(x) - x

    full = np.linalg.eigvals(torch.autograd.functional.jacobian(dense_field, columns @ kappa[0]).numpy())
    others = np.abs(full + 1) < 1e-9
    assert others.sum() == n - rank
    distance = np.abs(small[:, None] - full[~others][None])
    assert distance[linear_sum_assignment(distance)].max() < 1e-10


def test_pitchfork_of_a_rank_one_network_is_where_the_supplement_puts_it() -> None:
    """LTR-12: x = c tanh(x) along (-1, 1) / sqrt(2); nonzero fixed points for c > 1 only."""
    column = torch.tensor([[-1.0], [1.0]], dtype=torch.float64) / 2**0.5
    for c, expected in ((0.9, 0.0), (1.5, 1.28784), (2.0, 1.91501)):
        kappa = torch.tensor([[1.0]], dtype=torch.float64)
        options = {"basis": column, "rows": column, "factors": torch.tensor([[c]], dtype=torch.float64)}
        for _ in range(4000):
            kappa = kappa + 0.05 * drift(kappa, torch.zeros_like(kappa), activation=ACTIVATIONS["tanh"], **options)
        assert float(kappa.abs()) / 2**0.5 == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "off"), [(torch.float64, 1e-10), (torch.float32, 5e-7)])
def test_in_place_forms_equal_the_plain_ones(name: str, dtype: torch.dtype, off: float) -> None:
    """Passes overwrite, and keep rates only. -expm1(-r) loses digits of a softplus rate near 0, hence 1e-10."""
    x = torch.tensor([-90.0, -9.0, -2.3, -0.4, -1e-3, 0.1, 1.7, 6.0, 90.0], dtype=dtype)
    activation = ACTIVATIONS[name]
    rate = activation.apply_(x.clone())
    torch.testing.assert_close(rate, activation.value(x), rtol=off, atol=off)
    gradient = torch.linspace(1, 2, len(x), dtype=dtype)
    expected = gradient * activation.slope(x)
    torch.testing.assert_close(activation.pull_(gradient, rate), expected, rtol=off, atol=off)
