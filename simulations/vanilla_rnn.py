"""Vanilla rate networks with their exact adjoint, for several seeds at once.

Discretise, then optimise: the backward pass differentiates the Euler-Maruyama steps
that the forward pass took, so gradients equal those of automatic differentiation up to
rounding. The gradient of the weights is one product of adjoints and activities over
time and reaches (supplement D.2.2 of Pellegrino et al. 2023), not one matrix a step.
With a step of one time constant the leak cancels, and the network is one in discrete
time: x' = W phi(x) + inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

ActivationName = Literal["tanh", "identity", "relu", "rectified_tanh", "softplus", "logistic"]


@dataclass(frozen=True, eq=False)
class Network:
    """A vanilla network: tau x' = -x + W phi(x) + inputs, output = readout @ phi(x) + output_bias.

    Attributes:
        weight: W.
        input_map: from what the network hears.
        readout: from activity to output.
        initial_state: x before the first step; None for rest, x = 0.
        activation: phi.
        output_bias: None for none.
    """

    weight: Float[Tensor, "*seed unit unit"]
    input_map: Float[Tensor, "*seed unit signal"]
    readout: Float[Tensor, "*seed output unit"]
    initial_state: Float[Tensor, "*seed unit"] | None = None
    activation: ActivationName = "tanh"
    output_bias: Float[Tensor, "*seed output"] | None = None


PARTS = tuple(item.name for item in fields(Network) if item.name != "activation")
"""Names of what can be learned."""


def initial_network(
    units: int,
    rng: np.random.Generator,
    *,
    recurrent_gain: float = 0.8,
    input_scale: float = 0.3,
    readout_scale: float = 1.0,
) -> Network:
    """An untrained network for reaching.

    Args:
        units: how many.
        rng: from which all is drawn.
        recurrent_gain: sd of the weights, times sqrt(units).
        input_scale: sd of the input map for holding; for the target, times sqrt(2).
        readout_scale: sd of the readout, times units.
    """
    weight = rng.normal(size=(units, units)) * recurrent_gain / np.sqrt(units)
    target_map = rng.normal(size=(units, 2)) * input_scale / np.sqrt(2)
    hold_map = rng.normal(size=(units, 1)) * input_scale
    readout = rng.normal(size=(2, units)) * readout_scale / units
    return Network(
        weight=torch.tensor(weight, dtype=torch.float32),
        input_map=torch.tensor(np.hstack([target_map, hold_map]), dtype=torch.float32),
        readout=torch.tensor(readout, dtype=torch.float32),
    )


def stack(networks: Sequence[Network]) -> Network:
    """Networks of equal size and activation as one with a leading seed axis and tensors of its own."""
    parts = {
        name: None if getattr(networks[0], name) is None else torch.stack([getattr(one, name) for one in networks])
        for name in PARTS
    }
    stacked = {name: None if part is None else part.detach() for name, part in parts.items()}
    return Network(**stacked, activation=networks[0].activation)  # type: ignore[arg-type]


def play(
    network: Network,
    signals: Float[Tensor, "*seed time reach signal"],
    noise: Float[Tensor, "*seed time reach unit"] | None,
    step: float,
) -> Float[Tensor, "*seed reach time unit"]:
    """Activity phi(x) after every Euler-Maruyama step.

    Args:
        network: weights, input map and initial state.
        signals: what the network hears during each step.
        noise: increments of the noise on the state; None for none.
        step: step in time constants.

    Returns:
        The activity, through which gradients reach the weights, the input map, the initial state, the signals and
        the noise.
    """
    *seed, time, reaches, _ = signals.shape
    units = network.weight.shape[-1]
    input_map = network.input_map.reshape(-1, *network.input_map.shape[-2:])
    # steps and reaches as one axis, because one product is faster than one a step
    heard = signals.reshape(len(input_map), time * reaches, -1)
    if noise is None:
        drive = heard @ (step * input_map).mT
    else:
        drive = torch.baddbmm(noise.reshape(-1, time * reaches, units), heard, input_map.mT, alpha=step)
    start = network.initial_state
    if start is None and not ACTIVATIONS[network.activation].rests:
        start = network.weight.new_zeros(*seed, units)
    activity: Tensor = _Rollout.apply(
        network.weight.reshape(-1, units, units),
        drive.view(-1, time, reaches, units),
        None if start is None else start.reshape(-1, 1, units).expand(-1, reaches, -1),
        step,
        network.activation,
    )
    return activity.view(*seed, time, reaches, units).transpose(-3, -2)


def read_out(
    network: Network, activity: Float[Tensor, "*seed reach time unit"]
) -> Float[Tensor, "*seed reach time output"]:
    """Output of the network; much faster than a product written out, for activity as :func:`play` returns it."""
    # time first, as in memory: nothing is copied
    timed = activity.transpose(-3, -2)
    output = timed.flatten(-3, -2) @ network.readout.mT
    if network.output_bias is not None:
        output = output + network.output_bias[..., None, :]
    return output.unflatten(-2, timed.shape[-3:-1]).transpose(-3, -2)


class _Activation(NamedTuple):
    """How activity is computed, and a gradient at it pulled back to the state, by the activity alone.

    Attributes:
        play: (state, out).
        pull: (gradient, activity, out); ``out`` may be the gradient.
        rests: whether a state of zero is without activity.
    """

    play: Callable[[Tensor, Tensor], Any]
    pull: Callable[[Tensor, Tensor, Tensor], Any]
    rests: bool = True


_TANH_BACKWARD = torch.ops.aten.tanh_backward.grad_input  # one pass: gradient * (1 - tanh^2)


def _pull_rectified_tanh(gradient: Tensor, activity: Tensor, out: Tensor) -> None:
    _TANH_BACKWARD(gradient, activity, grad_input=out)
    out.mul_(activity > 0)


ACTIVATIONS: dict[ActivationName, _Activation] = {
    "tanh": _Activation(
        lambda state, out: torch.tanh(state, out=out),
        lambda gradient, activity, out: _TANH_BACKWARD(gradient, activity, grad_input=out),
    ),
    "identity": _Activation(
        lambda state, out: out.copy_(state),
        lambda gradient, _, out: out.copy_(gradient),
    ),
    "relu": _Activation(
        lambda state, out: torch.clamp(state, min=0, out=out),
        lambda gradient, activity, out: torch.mul(gradient, activity > 0, out=out),
    ),
    "rectified_tanh": _Activation(
        lambda state, out: torch.tanh(state, out=out).clamp_(min=0),
        _pull_rectified_tanh,
    ),
    "softplus": _Activation(
        # not torch's, which is the identity from 20 on
        lambda state, out: torch.logaddexp(state, torch.zeros_like(state), out=out),
        lambda gradient, activity, out: torch.mul(gradient, -torch.expm1(-activity), out=out),
        rests=False,
    ),
    "logistic": _Activation(
        lambda state, out: torch.sigmoid(state, out=out),
        lambda gradient, activity, out: torch.ops.aten.sigmoid_backward.grad_input(gradient, activity, grad_input=out),
        rests=False,
    ),
}


class _Rollout(torch.autograd.Function):
    """All steps x' = (1 - step) x + step W phi(x) + drive, as one node of the graph.

    The weights are seed x unit x unit, the initial state is seed x reach x unit (None: x = phi(x) = 0), all else is
    seed x time x reach x unit: the order in which noise is drawn, and one in which time and reach are one axis of
    the product for the weights.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  autograd passes by position
        ctx: Any, weight: Tensor, drive: Tensor, initial: Tensor | None, step: float, activation: ActivationName
    ) -> Tensor:
        phi = ACTIVATIONS[activation].play
        activity = torch.empty_like(drive)
        drives, activities = drive.unbind(1), activity.unbind(1)
        # MKL multiplies skinny matrices by a copy in this order 15% faster than by the transposed view
        scaled = (step * weight).mT.contiguous()
        state = drives[0].clone(memory_format=torch.contiguous_format)
        first = None
        if initial is not None:
            phi(initial, first := torch.empty_like(state))
            state.add_(initial, alpha=1 - step).baddbmm_(first, scaled)
        phi(state, activities[0])
        for index in range(1, len(drives)):
            torch.add(drives[index], state, alpha=1 - step, out=state)
            state.baddbmm_(activities[index - 1], scaled)
            phi(state, activities[index])
        ctx.step, ctx.pull = step, ACTIVATIONS[activation].pull
        ctx.save_for_backward(weight, activity, first)
        return activity

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        weight, activity, first = ctx.saved_tensors
        of_weight, of_drive, of_initial = ctx.needs_input_grad[:3]
        adjoint = torch.empty_like(activity)  # gradient at the state after each step, which is that at its drive
        gradients, activities, adjoints = gradient.unbind(1), activity.unbind(1), adjoint.unbind(1)
        pull, step = ctx.pull, ctx.step
        pull(gradients[-1], activities[-1], adjoints[-1])
        # products go where seeds are contiguous, or MKL is not used
        pulled = torch.empty_like(adjoints[0], memory_format=torch.contiguous_format)
        # the first drive is behind no weights, unless there is activity before it
        for index in reversed(range(0 if of_drive or first is not None else 1, len(adjoints) - 1)):
            torch.baddbmm(gradients[index], adjoints[index + 1], weight, alpha=step, out=pulled)
            pull(pulled, activities[index], adjoints[index])
            adjoints[index].add_(adjoints[index + 1], alpha=1 - step)
        from_weight = from_initial = None
        if of_weight:
            from_weight = adjoint[:, 1:].flatten(1, 2).mT @ activity[:, :-1].flatten(1, 2)
            if first is not None:
                from_weight.baddbmm_(adjoints[0].mT, first)
            from_weight.mul_(step)
        if of_initial:
            from_initial = step * adjoints[0] @ weight
            pull(from_initial, first, from_initial)
            from_initial.add_(adjoints[0], alpha=1 - step)
        return from_weight, adjoint if of_drive else None, from_initial, None, None
