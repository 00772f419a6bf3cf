"""A vanilla network in discrete time with its exact adjoint, for several seeds at once.

Discretise, then optimise: the backward pass differentiates the Euler-Maruyama steps
that the forward pass took, so gradients equal those of automatic differentiation up to
rounding. The gradient of the weights is one product of adjoints and activities over
time and reaches (supplement D.2.2 of Pellegrino et al. 2023), not one matrix a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

RECURRENT_GAIN = 0.8  # sd of the initial weights, times sqrt(units)
INPUT_SCALE = 0.3


@dataclass(frozen=True, eq=False)
class Network:
    """A vanilla network: tau x' = -x + W tanh(x) + inputs, force = readout @ tanh(x).

    Attributes:
        weight: W; the only part that learns.
        input_map: from the task's three input signals.
        readout: force on the hand.
    """

    weight: Float[Tensor, "*seed unit unit"]
    input_map: Float[Tensor, "*seed unit signal"]
    readout: Float[Tensor, "*seed axis unit"]


def initial_network(units: int, rng: np.random.Generator) -> Network:
    """An untrained network."""
    weight = rng.normal(size=(units, units)) * RECURRENT_GAIN / np.sqrt(units)
    target_map = rng.normal(size=(units, 2)) * INPUT_SCALE / np.sqrt(2)
    hold_map = rng.normal(size=(units, 1)) * INPUT_SCALE
    readout = rng.normal(size=(2, units)) / units
    return Network(
        weight=torch.tensor(weight, dtype=torch.float32, requires_grad=True),
        input_map=torch.tensor(np.hstack([target_map, hold_map]), dtype=torch.float32),
        readout=torch.tensor(readout, dtype=torch.float32),
    )


def stack(networks: Sequence[Network]) -> Network:
    """Networks of equal size as one with a leading seed axis and weights of its own."""
    return Network(
        weight=torch.stack([network.weight.detach() for network in networks]).requires_grad_(),
        input_map=torch.stack([network.input_map for network in networks]),
        readout=torch.stack([network.readout for network in networks]),
    )


def play(
    network: Network,
    signals: Float[Tensor, "*seed time reach signal"],
    noise: Float[Tensor, "*seed time reach unit"],
    step: float,
) -> Float[Tensor, "*seed reach time unit"]:
    """Activity tanh(x) after every Euler-Maruyama step, from rest.

    Args:
        network: weights and input map.
        signals: what the network hears during each step.
        noise: increments of the noise on the state.
        step: step in time constants.

    Returns:
        The activity, through which gradients reach the weights, the input map, the signals and the noise.
    """
    shape = noise.shape
    time, reaches, units = shape[-3:]
    input_map = network.input_map.reshape(-1, *network.input_map.shape[-2:])
    # steps and reaches as one axis, because one product is faster than one a step
    heard = signals.reshape(len(input_map), time * reaches, -1)
    drive = torch.baddbmm(noise.reshape(-1, time * reaches, units), heard, input_map.mT, alpha=step)
    activity: Tensor = _Rollout.apply(
        network.weight.reshape(-1, units, units), drive.view(-1, time, reaches, units), step
    )
    return activity.view(shape).transpose(-3, -2)


class _Rollout(torch.autograd.Function):
    """All steps x' = (1 - step) x + step W tanh(x) + drive from x = 0, as one node of the graph.

    The weights are seed x unit x unit, all else is seed x time x reach x unit: the order in which noise is drawn,
    and one in which time and reach are one axis of the product for the weights.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, drive: Tensor, step: float) -> Tensor:
        activity = torch.empty_like(drive)
        drives, activities = drive.unbind(1), activity.unbind(1)
        # MKL multiplies skinny matrices by a copy in this order 15% faster than by the transposed view
        scaled = (step * weight).mT.contiguous()
        state = drives[0].clone(memory_format=torch.contiguous_format)
        torch.tanh(state, out=activities[0])
        for index in range(1, len(drives)):
            torch.add(drives[index], state, alpha=1 - step, out=state)
            state.baddbmm_(activities[index - 1], scaled)
            torch.tanh(state, out=activities[index])
        ctx.step = step
        ctx.save_for_backward(weight, activity)
        return activity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        weight, activity = ctx.saved_tensors
        adjoint = torch.empty_like(activity)  # gradient at the state after each step, which is that at its drive
        gradients, activities, adjoints = gradient.unbind(1), activity.unbind(1), adjoint.unbind(1)
        tanh_backward = torch.ops.aten.tanh_backward.grad_input  # one pass: gradient * (1 - tanh^2)
        tanh_backward(gradients[-1], activities[-1], grad_input=adjoints[-1])
        # products go where seeds are contiguous, or MKL is not used
        pulled = torch.empty_like(adjoints[0], memory_format=torch.contiguous_format)
        # the first drive is behind no weights
        for index in reversed(range(0 if ctx.needs_input_grad[1] else 1, len(adjoints) - 1)):
            torch.baddbmm(gradients[index], adjoints[index + 1], weight, alpha=ctx.step, out=pulled)
            tanh_backward(pulled, activities[index], grad_input=adjoints[index])
            adjoints[index].add_(adjoints[index + 1], alpha=1 - ctx.step)
        from_weight = None
        if ctx.needs_input_grad[0]:
            from_weight = (adjoint[:, 1:].flatten(1, 2).mT @ activity[:, :-1].flatten(1, 2)).mul_(ctx.step)
        return from_weight, adjoint if ctx.needs_input_grad[1] else None, None
