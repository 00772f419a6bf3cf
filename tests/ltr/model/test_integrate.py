"""Integrators have the order they claim, and inputs are interpolated and switched as documented."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.model.integrate import integrate


def _solve(solver: str, steps: int) -> float:
    """Error at the end of dz/dt = -z + u(t), u(t) = t, whose solution is t - 1 + 2 exp(-t) from z(0) = 1."""
    bins = 5
    time = torch.linspace(0, 1, bins, dtype=torch.float64)
    states = integrate(
        lambda state, injection: injection - state,
        torch.ones(1, 1, dtype=torch.float64),
        time[None, :, None],
        torch.ones(1, bins - 1, dtype=torch.float64),
        bin_width=0.25,
        solver=solver,
        steps_per_bin=steps,
    )
    return abs(float(states[0, -1, 0]) - 2 * np.exp(-1.0))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_error_falls_with_the_order_of_the_method(solver: str, order: int) -> None:
    steps = np.array([2, 4, 8, 16])
    errors = [_solve(solver, int(n)) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2)


def test_first_state_is_the_start_and_input_stops_exactly_on_its_bin() -> None:
    injection = torch.ones(1, 4, 1, dtype=torch.float64)
    on = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    states = integrate(
        lambda state, entering: entering, torch.zeros(1, 1, dtype=torch.float64), injection, on, bin_width=0.5
    )
    assert states[0, :, 0].tolist() == [0.0, 0.5, 0.5, 0.5]
