"""The floor computes the products and activations of a step, and no others."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from benchmarks.floor import Floor
from benchmarks.problem import Fitted, Sizes

SIZES = Sizes(trials=9, neurons=7, units=12, rank=2, bins=10)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@pytest.mark.parametrize("fitted", ["all", "execution"])
def test_products_are_those_of_the_equations(fitted: Fitted, activation: Literal["tanh", "sigmoid"]) -> None:
    floor = Floor(SIZES, fitted=fitted, activation=activation, dtype=torch.float64)
    first = 0 if fitted == "all" else SIZES.bins // 2
    last = SIZES.bins - 1
    floor.step()

    rates = torch.tanh(floor.state @ floor.basis)
    at_rates = floor.weighted @ floor.rows
    at_rates[last] = 0  # no step starts at the last bin
    at_rates[first : last + 1] += floor.residual @ floor.readout
    at_units = at_rates * (1 - rates**2)
    started = [index for index in range(floor.evaluations) if index != last]
    expected = {
        "rates": rates,
        "output": rates[first : last + 1] @ floor.readout.T,
        "at_units": at_units,
        "at_state": at_units @ floor.basis.T,
        "from_basis": torch.einsum("ekr,eku->ru", floor.state, at_units),
        "from_rows": torch.einsum("ekr,eku->ru", floor.weighted, rates),
        "from_readout": torch.einsum("tkn,tku->nu", floor.residual, rates[first : last + 1]),
    }
    for name, value in expected.items():
        torch.testing.assert_close(getattr(floor, name), value, rtol=1e-9, atol=1e-11, msg=name)
    drives = (rates @ floor.rows.T)[started]
    torch.testing.assert_close(floor.drives[started], drives, rtol=1e-9, atol=1e-11)
