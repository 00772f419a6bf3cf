"""Inputs over time, one course per condition: a neural ODE, a constant, or known ones.

The neural ODE is the one that was run for the paper (ledger 1.4):

    tau_c dv/dt = -v + relu(5 DNN_c(v)),   u(t) = tanh(Dhat v(t)),

with Dhat = D with rows of norm 1. It is integrated once per condition, for all
conditions as one batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.model.integrate import integrate
from ltr.types import Float

ODE_GAIN = 5.0  # of the authors' code; not in the paper


def deep_field(
    state: Float[Tensor, "condition size"], weights: Sequence[Tensor], biases: Sequence[Tensor]
) -> Float[Tensor, "condition size"]:
    """DNN_c(v): affine maps with ReLU in between, separate for every condition."""
    hidden = state
    for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        hidden = torch.baddbmm(bias[:, None], hidden[:, None], weight)[:, 0]
        if depth + 1 < len(weights):
            hidden = torch.relu(hidden)
    return hidden


def neural_ode_states(
    start: Float[Tensor, "condition size"],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    *,
    n_bins: int,
    bin_width: float,
    ode_tau: float,
    solver: str,
    steps_per_bin: int,
) -> Float[Tensor, "condition time size"]:
    """States v of the input systems at every bin, each condition on its own.

    Args:
        start: v(0) per condition.
        weights: one (condition, fan in, fan out) tensor per layer.
        biases: one (condition, fan out) tensor per layer.
        n_bins: number of bins.
        bin_width: in units of the network's time constant.
        ode_tau: time constant of v, in the same units.
        solver: as for the network.
        steps_per_bin: as for the network.
    """

    def field(state: Tensor, injection: Tensor) -> Tensor:
        del injection  # the system is autonomous
        return torch.relu(ODE_GAIN * deep_field(state, weights, biases)) - state

    silent = start.new_zeros(len(start), n_bins, 1)
    return integrate(
        field,
        start,
        silent,
        silent[:, 1:, 0],
        bin_width=bin_width / ode_tau,
        solver=solver,
        steps_per_bin=steps_per_bin,
    )


def input_drive(
    states: Float[Tensor, "condition time size"], raw_readout: Tensor
) -> Float[Tensor, "condition time input"]:
    """Dhat v: what enters the tanh, and what the activity penalty weighs."""
    return states @ (raw_readout / raw_readout.norm(dim=1, keepdim=True)).T


class NeuralOde(NamedTuple):
    """Parameters of the input systems: a tensor per layer, conditions first; v(0); D, input x size."""

    weights: list[Tensor]
    biases: list[Tensor]
    start: Tensor
    readout: Tensor


def draw_neural_ode(
    n_conditions: int, size: int, hidden: Sequence[int], n_inputs: int, generator: torch.Generator
) -> NeuralOde:
    """Starting values: weights and biases N(0, 1/fan in), v(0) uniform(-1, 1), D rows N(0, 1/size)."""

    def normal(*shape: int, fan_in: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) / math.sqrt(fan_in)

    pairs = list(itertools.pairwise([size, *hidden, size]))
    return NeuralOde(
        weights=[normal(n_conditions, fan_in, fan_out, fan_in=fan_in) for fan_in, fan_out in pairs],
        biases=[normal(n_conditions, fan_out, fan_in=fan_in) for fan_in, fan_out in pairs],
        start=torch.rand(n_conditions, size, generator=generator, dtype=torch.float64) * 2 - 1,
        readout=normal(n_inputs, size, fan_in=size),
    )
