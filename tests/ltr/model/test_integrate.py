"""Integrators have the order they claim, and their adjoint is the exact derivative of the steps taken."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.model.dynamics import ACTIVATIONS, RecurrentField, drift
from ltr.model.factors import unit_norm
from ltr.model.inputs import DeepField, draw_neural_ode
from ltr.model.integrate import integrate


class Leak:
    """f(z) = -z, without parameters."""

    def evaluate(self, state):
        return -state, None

    def pull_back(self, gradient, saved):
        return -gradient

    def gradients(self):
        return ()

    def saved_bytes(self, state):
        return 0


class Still(Leak):
    """f(z) = 0."""

    def evaluate(self, state):
        return torch.zeros_like(state), None


def _error(solver: str, steps: int) -> float:
    """Error at the end of dz/dt = -z + u(t), u(t) = t, whose solution is t - 1 + 2 exp(-t) from z(0) = 1."""
    bins = 5
    time = torch.linspace(0, 1, bins, dtype=torch.float64)
    on = torch.ones(1, bins - 1, dtype=torch.float64)
    options = {"n_bins": bins, "bin_width": 0.25, "solver": solver, "steps_per_bin": steps}
    states = integrate(Leak, (), torch.ones(1, 1, dtype=torch.float64), time[None, :, None], on, **options)
    return abs(float(states[0, -1, 0]) - 2 * np.exp(-1.0))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_error_falls_with_the_order_of_the_method(solver: str, order: int) -> None:
    steps = np.array([2, 4, 8, 16])
    errors = [_error(solver, int(n)) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2)


def test_first_state_is_the_start_and_input_stops_exactly_on_its_bin() -> None:
    injection = torch.ones(1, 4, 1, dtype=torch.float64)
    on = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    states = integrate(Still, (), torch.zeros(1, 1, dtype=torch.float64), injection, on, n_bins=4, bin_width=0.5)
    assert states[0, :, 0].tolist() == [0.0, 0.5, 0.5, 0.5]


def test_a_single_bin_is_the_start() -> None:
    start = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    states = integrate(Leak, (), start, n_bins=1, bin_width=0.5)
    states.sum().backward()
    assert torch.equal(states[:, 0], start)
    assert torch.equal(start.grad, torch.ones_like(start))


def _plain(field, start, injection, on, *, n_bins, bin_width, solver, steps_per_bin):
    """The same methods written out one by one, for automatic differentiation to go through."""
    step, state, states = bin_width / steps_per_bin, start, [start]
    for index in range(n_bins - 1):
        left, right = on[:, index, None] * injection[:, index], on[:, index, None] * injection[:, index + 1]
        for s in range(steps_per_bin):
            u0, u1 = (left + (right - left) * (s + share) / steps_per_bin for share in (0, 1))
            half = (u0 + u1) / 2
            k1 = field(state, u0)
            if solver == "euler":
                state = state + step * k1
            elif solver == "heun":
                state = state + step / 2 * (k1 + field(state + step * k1, u1))
            else:
                k2 = field(state + step / 2 * k1, half)
                k3 = field(state + step / 2 * k2, half)
                state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + field(state + step * k3, u1))
        states.append(state)
    return torch.stack(states, 1)


@given(
    trials=st.integers(1, 5),
    units=st.integers(3, 9),
    rank=st.integers(1, 3),
    free=st.integers(0, 2),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    solver=st.sampled_from(["euler", "heun", "rk4"]),
    steps_per_bin=st.integers(1, 3),
    bias=st.booleans(),
    saved_bytes=st.sampled_from([0, 1 << 30]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_gradients_equal_those_of_automatic_differentiation(
    trials, units, rank, free, activation, solver, steps_per_bin, bias, saved_bytes, seed
) -> None:
    """In float64 to 1e-12 of the largest entry, whether rates are kept or computed again."""
    generator = torch.Generator().manual_seed(seed)

    def leaf(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(True)

    bins = 4
    basis, rows, factors = leaf(units, rank + free), leaf(units, rank), leaf(trials, rank)
    start, injection, beta = leaf(trials, rank + free), leaf(trials, bins, rank + free), leaf(rank)
    on = (torch.rand(trials, bins - 1, generator=generator) < 0.7).double()
    weight = torch.randn(trials, bins, rank + free, generator=generator, dtype=torch.float64)
    options = {"n_bins": bins, "bin_width": 0.2, "solver": solver, "steps_per_bin": steps_per_bin}
    act = ACTIVATIONS[activation]
    found = integrate(
        partial(RecurrentField, act),
        (unit_norm(basis), unit_norm(rows), factors, beta if bias else None),
        start,
        injection,
        on,
        saved_bytes=saved_bytes,
        **options,
    )
    field = partial(
        drift,
        basis=unit_norm(basis),
        rows=unit_norm(rows),
        factors=factors,
        activation=act,
        bias=beta if bias else None,
    )
    expected = _plain(field, start, injection, on, **options)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    leaves = [basis, rows, factors, start, injection, *([beta] if bias else [])]
    gradients = [torch.autograd.grad((result * weight).sum(), leaves) for result in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-12 * max(1.0, float(theirs.abs().max()))


@pytest.mark.parametrize("solver", ["euler", "heun", "rk4"])
def test_gradients_of_the_input_systems_equal_automatic_ones(solver: str) -> None:
    drawn = draw_neural_ode(3, 6, [5, 4], 2, torch.Generator().manual_seed(0))
    leaves = [leaf.requires_grad_(True) for leaf in (*drawn.weights, *drawn.biases, drawn.start)]

    def field(state: torch.Tensor, entering: torch.Tensor) -> torch.Tensor:
        hidden = state
        for depth, (weight, bias) in enumerate(zip(drawn.weights, drawn.biases, strict=True)):
            hidden = torch.einsum("ci,cio->co", hidden, weight) + bias
            hidden = torch.relu(hidden) if depth < 2 else hidden
        return torch.relu(5 * hidden) - state + entering

    options = {"n_bins": 6, "bin_width": 0.1, "solver": solver, "steps_per_bin": 2}
    found = integrate(DeepField, (*drawn.weights, *drawn.biases), drawn.start, **options)
    silent = torch.zeros(3, 6, 1, dtype=torch.float64)
    expected = _plain(field, drawn.start, silent, silent[:, 1:, 0], **options)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(result.square().sum(), leaves) for result in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        assert float((ours - theirs).abs().max()) <= 1e-12 * max(1.0, float(theirs.abs().max()))


def test_gradcheck_passes() -> None:
    """Against finite differences, which know nothing of either implementation."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (4, 2), (3, 2), (2,), (3, 3), (3, 4, 3)]
    leaves = [torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_(True) for shape in shapes]
    on = torch.tensor([[1.0, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=torch.float64)

    def states(basis, rows, factors, bias, start, injection):
        build = partial(RecurrentField, ACTIVATIONS["tanh"])
        options = {"n_bins": 4, "bin_width": 0.3, "steps_per_bin": 2}
        return integrate(build, (basis, rows, factors, bias), start, injection, on, **options)

    assert torch.autograd.gradcheck(states, leaves)


def test_nothing_is_kept_when_no_gradient_is_asked_for() -> None:
    start = torch.ones(2, 3)
    parameters = (torch.ones(4, 3), torch.ones(4, 3), torch.ones(2, 3), None)
    states = integrate(partial(RecurrentField, ACTIVATIONS["tanh"]), parameters, start, n_bins=3, bin_width=0.1)
    assert states.grad_fn is None
