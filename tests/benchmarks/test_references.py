"""The benchmarks' references compute the loss that we train on, and its gradients.

What takes the same Heun steps agrees to rounding; the published configuration takes other steps, and agrees
in the limit of tight tolerances.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.problem import Fitted, Problem, Sizes, build_problem, unit_states
from benchmarks.references import (
    AdaptiveOptions,
    Parts,
    Reference,
    dense_states,
    exact_states,
    fine_states,
    published_states,
    reduced_states,
)

SIZES = Sizes(trials=9, neurons=7, units=12, rank=2, bins=10)
# many steps of order 4: 2e-11 from SciPy's solution, far below all errors that are looked at
CONVERGED = partial(fine_states, steps_per_bin=20)


def problem(fitted: Fitted = "all", solver: str = "heun") -> Problem:
    return build_problem(SIZES, fitted=fitted, solver=solver, dtype=torch.float64)


def gradients(reference: Reference) -> torch.Tensor:
    found = [parameter.grad for parameter in reference.parameters.values()]
    return torch.cat([gradient.flatten() for gradient in found if gradient is not None])


@pytest.mark.parametrize("states", [dense_states, reduced_states])
@pytest.mark.parametrize("fitted", ["all", "execution"])
def test_loss_and_gradients_are_ours(states: Callable[[Reference, Parts], torch.Tensor], fitted: Fitted) -> None:
    ours = problem(fitted)
    reference = Reference.of(ours)

    # same steps, other order of operations
    assert reference.step(states) == pytest.approx(ours.step(), rel=1e-9)
    for name, parameter in ours.network.named_parameters():
        torch.testing.assert_close(reference.parameters[name].grad, parameter.grad, rtol=1e-9, atol=1e-11)


def test_published_configuration_converges_to_the_solution() -> None:
    reference = Reference.of(problem("execution"))
    exact = CONVERGED(reference, reference.parts())
    errors = []
    for tolerance in (1e-5, 1e-7):  # torchsde takes smaller ones for 1e-7
        options = AdaptiveOptions(rtol=tolerance, atol=tolerance)
        states = published_states(reference, reference.parts(), options)
        errors.append((states - exact).abs().max().item())

    # Euler's error in a step goes with its square, that of the solution with the step: with the root of the tolerance
    slope = np.log(errors[0] / errors[1]) / np.log(100)
    assert slope == pytest.approx(0.5, abs=0.1)


def test_published_configuration_has_the_loss_of_the_solution() -> None:
    reference = Reference.of(problem("execution"))
    options = AdaptiveOptions(rtol=1e-7, atol=1e-7)
    with torch.no_grad():
        parts = reference.parts()
        error = (published_states(reference, parts, options) - CONVERGED(reference, parts)).abs().max().item()
        # |phi(x) - phi(x')| <= |x - x'|, and M sums over units
        in_output = error * parts.readout.abs().sum(1).max().item()
    exact_loss = reference.step(CONVERGED)
    exact_gradients = gradients(reference)
    loss = reference.step(partial(published_states, options=options))

    assert error < 1e-3
    # a change of every output by at most e changes a mean square L by at most 2 e sqrt(L) + e^2
    assert abs(loss - exact_loss) <= 2 * in_output * exact_loss**0.5 + in_output**2
    # gradients are as wrong as the states, up to a factor of the size of the network
    difference = (gradients(reference) - exact_gradients).norm() / exact_gradients.norm()
    assert difference < 10 * error


def test_many_small_steps_reach_the_exact_states() -> None:
    reference = Reference.of(problem())

    # SciPy's relative tolerance a step is 1e-10
    np.testing.assert_allclose(
        CONVERGED(reference, reference.parts()).detach().numpy(), exact_states(reference), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(("solver", "bound"), [("heun", 1e-2), ("rk4", 1e-5)])
def test_our_states_are_those_of_the_solution(solver: str, bound: float) -> None:
    ours = problem(solver=solver)
    exact = exact_states(Reference.of(ours)).swapaxes(0, 1)

    # steps h of 0.1 time constants: errors of the order of h^2 and h^4, times about 1 for Heun and 0.1 for RK4
    error = np.abs(unit_states(ours, dtype=torch.float64).numpy() - exact).max()
    assert error / np.abs(exact).max() < bound
