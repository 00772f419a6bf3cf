"""Neural-ODE inputs: batched conditions equal single ones, and the family is rich enough (LTR-06)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from ltr.model.inputs import NeuralOde, draw_neural_ode, input_drive, neural_ode_states
from ltr.model.integrate import Grid


def _states(drawn: NeuralOde, **changes: object) -> torch.Tensor:
    options = {"n_bins": 20, "bin_width": 0.1, "solver": "rk4", "steps_per_bin": 1} | changes
    return neural_ode_states(drawn.start, drawn.weights, drawn.biases, grid=Grid.of(**options), ode_tau=2.0)


def test_all_conditions_at_once_equal_each_on_its_own(generator: torch.Generator) -> None:
    drawn = draw_neural_ode(3, 6, [5, 4], 2, generator)
    together = _states(drawn)
    for c in range(3):
        weights, biases = ([layer[c : c + 1] for layer in layers] for layers in (drawn.weights, drawn.biases))
        single = _states(drawn._replace(weights=weights, biases=biases, start=drawn.start[c : c + 1]))
        torch.testing.assert_close(together[c], single[0], rtol=1e-12, atol=1e-14)


def test_states_agree_with_scipys_adaptive_solver(generator: torch.Generator) -> None:
    """tau_c dv/dt = -v + relu(5 DNN(v)), written again in NumPy; DOP853 at 1e-10 against RK4 with 40 steps a bin.

    The ReLUs make the field only piecewise smooth, which costs RK4 its order at the kinks: hence 1e-6.
    """
    drawn = draw_neural_ode(1, 6, [5], 2, generator)
    (w1, w2), (b1, b2) = ([layer[0].numpy() for layer in layers] for layers in (drawn.weights, drawn.biases))

    def field(_: float, v: np.ndarray) -> np.ndarray:
        return (np.maximum(5 * (np.maximum(v @ w1 + b1, 0) @ w2 + b2), 0) - v) / 2.0

    times = np.arange(20) * 0.1
    options = {"t_eval": times, "rtol": 1e-10, "atol": 1e-12, "method": "DOP853"}
    expected = solve_ivp(field, (0, times[-1]), drawn.start[0].numpy(), **options).y.T
    np.testing.assert_allclose(_states(drawn, steps_per_bin=40)[0].numpy(), expected, rtol=1e-6, atol=1e-6)


def test_rows_of_the_input_readout_are_normalised(generator: torch.Generator) -> None:
    drawn = draw_neural_ode(1, 6, [5], 2, generator)
    states = _states(drawn)
    torch.testing.assert_close(input_drive(states, drawn.readout), input_drive(states, 7 * drawn.readout))


@pytest.mark.slow
def test_inputs_can_follow_three_incommensurate_sinusoids() -> None:
    """LTR-06 (c): R^2 of at least .95 after 500 Adam steps over two units of time.

    At this size (state 30, hidden 30 and 30) and step 3e-3, seeds 0 to 2 gave .994, .996 and .997; at 1e-2 seed 1
    gave .92, and a state of 60 gave .34, which is why these parameters are trained with a smaller step.
    """
    time = torch.arange(41, dtype=torch.float64) * 0.05
    frequencies = ((1.0, 0.0), (math.sqrt(2), 1.0), (2.3, 2.0))
    waves = torch.stack([torch.sin(f * math.pi * time + phase) for f, phase in frequencies], 1)
    target = 0.3 * torch.stack([waves.sum(1), waves[:, 0] - waves[:, 2], waves[:, 1] + waves[:, 2]], 1)
    drawn = draw_neural_ode(1, 30, [30, 30], 3, torch.Generator().manual_seed(1))
    gain = torch.ones(3, dtype=torch.float64, requires_grad=True)
    leaves = [*drawn.weights, *drawn.biases, drawn.start, drawn.readout]
    for leaf in leaves:
        leaf.requires_grad_(True)
    optimiser = torch.optim.Adam([*leaves, gain], lr=3e-3)
    for _ in range(500):
        optimiser.zero_grad()
        states = _states(drawn, n_bins=41, bin_width=0.05, solver="heun")
        error = (gain * torch.tanh(input_drive(states, drawn.readout))[0] - target).square().mean()
        error.backward()
        optimiser.step()
    assert 1 - float(error.detach()) / float(target.var()) >= 0.95
