"""Integrators have the order they claim, and their adjoint is the exact derivative of the steps taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.model.inputs import draw_neural_ode, neural_ode_states
from ltr.model.integrate import Grid, integrate
from tests.problems import plain_steps


class Leak:
    """f(z) = -z, without parameters; in segments of two bins."""

    def size(self, *, backward):
        return 2

    def begin(self, first, stop):
        pass

    def evaluate(self, index, state, entering):
        return -state if entering is None else entering - state

    def end(self):
        pass

    def finish(self, state):
        pass

    def value(self):
        return None

    def turn(self, gradient):
        return None

    def has(self, first):
        return first > 0

    def begin_back(self, first, stop):
        pass

    def pull_back(self, index, gradient):
        return -gradient

    def end_back(self):
        pass

    def gradients(self):
        return ()


class Still(Leak):
    """f(z) = 0."""

    def evaluate(self, index, state, entering):
        return torch.zeros_like(state) if entering is None else entering.clone()


def _ends(course: torch.Tensor) -> torch.Tensor:
    """Both ends of every step."""
    return torch.stack([course[:-1], course[1:]])


def _error(solver: str, steps: int) -> float:
    """Error at the end of dz/dt = -z + u(t), u(t) = t, whose solution is t - 1 + 2 exp(-t) from z(0) = 1."""
    bins = 5
    time = torch.linspace(0, 1, bins, dtype=torch.float64)
    grid = Grid.of(solver, n_bins=bins, bin_width=0.25, steps_per_bin=steps)
    states, _ = integrate(Leak, (), torch.ones(1, dtype=torch.float64), _ends(time[:, None]), grid=grid)
    return abs(float(states[-1, 0]) - 2 * np.exp(-1.0))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_error_falls_with_the_order_of_the_method(solver: str, order: int) -> None:
    steps = np.array([2, 4, 8, 16])
    errors = [_error(solver, int(n)) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2)


def test_first_state_is_the_start_and_input_stops_exactly_on_its_bin() -> None:
    drive = torch.ones(2, 1, 1, dtype=torch.float64)  # in the first step only
    grid = Grid.of("heun", n_bins=4, bin_width=0.5, steps_per_bin=1)
    states, _ = integrate(Still, (), torch.zeros(1, dtype=torch.float64), drive, grid=grid)
    assert states[:, 0].tolist() == [0.0, 0.5, 0.5, 0.5]


def test_a_single_bin_is_the_start() -> None:
    start = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    states, _ = integrate(Leak, (), start, grid=Grid.of("heun", n_bins=1, bin_width=0.5, steps_per_bin=1))
    states.sum().backward()
    assert torch.equal(states[0], start)
    assert torch.equal(start.grad, torch.ones_like(start))


@pytest.mark.parametrize("solver", ["euler", "heun", "rk4"])
@pytest.mark.parametrize("models", [(), (2,)])
def test_gradients_of_the_input_systems_equal_automatic_ones(solver: str, models: tuple[int, ...]) -> None:
    drawn = [draw_neural_ode(3, 6, [5, 4], 2, torch.Generator().manual_seed(seed)) for seed in range(2)]

    def leaf(*tensors: torch.Tensor) -> torch.Tensor:
        return (torch.stack(tensors) if models else tensors[0]).requires_grad_(True)

    weights = [leaf(*pair) for pair in zip(*(one.weights for one in drawn), strict=True)]
    biases = [leaf(*pair) for pair in zip(*(one.biases for one in drawn), strict=True)]
    leaves = [*weights, *biases, leaf(*(one.start for one in drawn))]

    def field(state: torch.Tensor, entering: torch.Tensor) -> torch.Tensor:
        hidden = state
        for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = torch.einsum("...ci,...cio->...co", hidden, weight) + bias
            hidden = torch.relu(hidden) if depth < 2 else hidden
        return torch.relu(5 * hidden) - state + entering

    grid = Grid.of(solver, n_bins=6, bin_width=0.2, steps_per_bin=2)
    found = neural_ode_states(leaves[-1], weights, biases, grid=grid, ode_tau=2.0)
    silent = torch.zeros(2, 5, 1, dtype=torch.float64)
    slower = grid._replace(step=grid.step / 2)
    expected = torch.stack(plain_steps(field, leaves[-1], silent, slower), -2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(result.square().sum(), leaves) for result in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-12 * max(1.0, float(theirs.abs().max()))
