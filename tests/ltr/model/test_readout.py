"""Readout maps are orthonormal where they claim to be, and links do not underflow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.model.readout import inverse_softplus, log_link, log_link_, orthonormal


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5)])
def test_orthonormal_has_orthonormal_rows_or_columns(shape: tuple[int, int], generator: torch.Generator) -> None:
    matrix = orthonormal(torch.randn(shape, generator=generator, dtype=torch.float64))
    gram = matrix @ matrix.T if shape[0] <= shape[1] else matrix.T @ matrix
    torch.testing.assert_close(gram, torch.eye(min(shape), dtype=torch.float64), rtol=0, atol=1e-12)


def test_orthonormal_changes_smoothly_through_a_zero_pivot() -> None:
    """Plain QR flips a column's sign where its pivot changes sign; the convention here must not."""
    values = [orthonormal(torch.tensor([[shift, 1.0], [1.0, 0.3]], dtype=torch.float64)) for shift in (-1e-9, 1e-9)]
    torch.testing.assert_close(values[0], values[1], rtol=0, atol=1e-8)


def test_orthonormal_gradient_equals_finite_differences(generator: torch.Generator) -> None:
    raw = torch.randn(3, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(orthonormal, raw)


def test_log_softplus_is_right_where_softplus_underflows() -> None:
    """Exact above the bend; below it a straight line whose slope is that at the bend, 1 - 1.5e-7."""
    z = torch.tensor([-2000.0, -50.0, -14.9, 0.0, 3.0, 80.0], dtype=torch.float64)
    values = z.numpy()
    expected = np.where(values < -30, values, np.log(np.logaddexp(0, np.maximum(values, -30))))
    found = log_link(z, "softplus").numpy()
    np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-12)
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1.6e-7)
    assert torch.isfinite(log_link(z.float(), "softplus")).all()


def test_log_softplus_has_finite_gradients_everywhere() -> None:
    z = torch.tensor([-2000.0, -15.0, 0.0, 80.0], requires_grad=True)
    log_link(z, "softplus").sum().backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("link", ["softplus", "exp"])
def test_the_link_in_place_has_the_value_and_the_slope_of_the_plain_one(link: str) -> None:
    z = torch.tensor([-300.0, -15.5, -15.0, -3.0, 0.0, 4.0, 90.0], dtype=torch.float64, requires_grad=True)
    log_link(z, link).sum().backward()
    slope, scratch = torch.ones_like(z.grad), torch.empty_like(z.grad)
    found = log_link_(z.detach().clone(), link, slope, scratch)
    torch.testing.assert_close(found, log_link(z, link).detach(), rtol=1e-12, atol=0)
    inside = z.detach() != -15.0  # clamp's derivative is 1 on both sides of the bend at once
    torch.testing.assert_close(slope[inside], z.grad[inside], rtol=1e-9, atol=0)


@pytest.mark.parametrize("value", [1e-4, 0.5, 3.0, 60.0])
def test_inverse_softplus_inverts(value: float) -> None:
    assert np.logaddexp(0, inverse_softplus(value)) == pytest.approx(value, rel=1e-10)
