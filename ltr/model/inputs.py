"""Inputs over time, one course per condition: a neural ODE, a constant, or known ones.

The neural ODE is the one that was run for the paper:

    tau_c dv/dt = -v + relu(5 DNN_c(v)),   u(t) = tanh(Dhat v(t)),

with Dhat = D with rows of norm 1. It is integrated once per condition, for all
conditions as one batch.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.model.integrate import Grid, integrate
from ltr.types import Float

ODE_GAIN = 5.0  # of the authors' code; not in the paper


class DeepField:
    """-v + relu(5 DNN_c(v)) for all conditions, with its pull-back (see ltr.model.integrate).

    DNN_c has affine maps with ReLU in between, separate for every condition. What reached each layer is kept,
    and the gradient of its weights is one product over all evaluations at the end.

    Args:
        parameters: weights (condition, fan in, fan out) of each layer, then biases (condition, fan out).
    """

    def __init__(self, *parameters: Tensor) -> None:
        depth = len(parameters) // 2
        self.weights, self.biases = parameters[:depth], parameters[depth:]
        self._reached: dict[int, list[Tensor]] = {}

    def size(self, *, backward: bool) -> int:
        """One segment: there are few conditions, and no trials."""
        del backward
        return sys.maxsize

    def begin(self, first: int, stop: int) -> None:
        """Nothing to prepare."""

    def end(self) -> None:
        """Nothing to conclude."""

    def finish(self, state: Tensor) -> None:
        """The last bin is not looked at."""

    def value(self) -> None:
        """Nothing is gathered but the states."""

    def evaluate(self, index: int, state: Float[Tensor, "condition size"], entering: Tensor | None) -> Tensor:
        """tau_c dv/dt."""
        assert entering is None
        hidden = [state]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            hidden.append(torch.baddbmm(bias[:, None], hidden[-1][:, None], weight)[:, 0].relu_())
        self._reached[index] = hidden
        return torch.sub(ODE_GAIN * hidden[-1], state)

    def turn(self, gradient: Tensor | None) -> None:
        """Start to gather gradients."""
        del gradient
        self._layers: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.weights]

    def has(self, first: int) -> bool:
        """Everything is kept."""
        del first
        return True

    def begin_back(self, first: int, stop: int) -> None:
        """Nothing to prepare."""

    def end_back(self) -> None:
        """Nothing to conclude."""

    def pull_back(self, index: int, gradient: Tensor) -> Tensor:
        """Gradient at the slope to gradient at the state."""
        reached = self._reached[index]
        above = ODE_GAIN * gradient
        for layer in reversed(range(len(self.weights))):
            above = above * (reached[layer + 1] > 0)
            self._layers[layer].append((reached[layer], above))
            above = torch.bmm(above[:, None], self.weights[layer].mT)[:, 0]
        return above - gradient

    def gradients(self) -> tuple[Tensor | None, ...]:
        """Of the weights, then of the biases."""
        weights, biases = [], []
        for layer, weight, bias in zip(self._layers, self.weights, self.biases, strict=True):
            if not layer:  # a single bin: no step was taken
                weights.append(torch.zeros_like(weight))
                biases.append(torch.zeros_like(bias))
                continue
            below = torch.stack([item[0] for item in layer], dim=1)
            above = torch.stack([item[1] for item in layer], dim=1)
            weights.append(torch.bmm(below.transpose(1, 2), above))
            biases.append(above.sum(1))
        return *weights, *biases


def neural_ode_states(
    start: Float[Tensor, "*model condition size"],
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    *,
    grid: Grid,
    ode_tau: float,
) -> Float[Tensor, "*model condition time size"]:
    """States v of the input systems at every bin, each condition on its own, all as one batch.

    Args:
        start: v(0) per condition.
        weights: one (condition, fan in, fan out) tensor per layer.
        biases: one (condition, fan out) tensor per layer.
        grid: steps in units of the network's time constant.
        ode_tau: time constant of v, in the same units.
    """
    n_models = start.ndim - 2
    flat = [parameter.flatten(0, n_models) for parameter in (*weights, *biases)]
    slower = grid._replace(step=grid.step / ode_tau)
    states, _ = integrate(DeepField, tuple(flat), start.flatten(0, n_models), grid=slower)
    return states.transpose(0, 1).unflatten(0, start.shape[:-1])


def input_drive(
    states: Float[Tensor, "*model condition time size"], raw_readout: Float[Tensor, "*model input size"]
) -> Float[Tensor, "*model condition time input"]:
    """Dhat v: what enters the tanh, and what the activity penalty weighs."""
    return states @ (raw_readout / raw_readout.norm(dim=-1, keepdim=True)).mT.unsqueeze(-3)


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
