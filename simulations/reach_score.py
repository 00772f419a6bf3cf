"""The path of the hand, the loss and its gradient in closed form, for several networks at once.

The path is linear in the force and the loss quadratic in the path, so the gradient at
the activity is two more matrix products. Automatic differentiation through these small
matrices made a training step of 100 units 9% slower, mostly by its bookkeeping.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


class ReachScore(NamedTuple):
    """How well every network reached.

    Attributes:
        position: path of the hand.
        loss: of each network, as in :func:`ltr.simulations.tasks.reach.reach_loss`; gradients reach the activity.
    """

    position: Float[Tensor, "seed reach time 2"]
    loss: Float[Tensor, " seed"]


def score_reaches(
    activity: Float[Tensor, "seed reach time unit"],
    readout: Float[Tensor, "seed 2 unit"],
    response: Float[Tensor, "force position"],
    target: Float[Tensor, "seed reach 2"],
    go_step: int,
) -> ReachScore:
    """Move the hand and compare its path with the target (supplement C.0.2 of Pellegrino et al. 2023).

    Args:
        activity: of the networks; laid out in memory as :func:`~ltr.simulations.vanilla_rnn.play` returns it,
            nothing is copied.
        readout: from activity to force.
        response: flattened forces (time, 2) times this are flattened positions.
        target: of each reach.
        go_step: number of steps before the go cue.
    """
    position, loss, gradient = _moved(activity.detach(), readout, response, target, go_step)
    return ReachScore(position, _WithGradient.apply(activity, loss, gradient))


class _WithGradient(torch.autograd.Function):
    """Losses whose gradient at the activity is known."""

    @staticmethod
    def forward(ctx: Any, activity: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[:, None, None, None], None, None


def _moved(
    activity: Tensor, readout: Tensor, response: Tensor, target: Tensor, go_step: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Position, losses, and their gradient at the activity, in the layout of the activity."""
    seeds, reaches, time, units = activity.shape
    timed = activity.transpose(1, 2).reshape(seeds, time * reaches, units)
    force = (readout @ timed.mT).view(seeds, 2, time, reaches).permute(0, 3, 2, 1)
    position = (force.reshape(seeds, reaches, time * 2) @ response).view(force.shape)
    error = position.clone()
    error[:, :, go_step:] -= target[:, :, None]
    at_position = 2 * error / reaches
    at_position[:, :, :go_step] /= go_step
    at_position[:, :, go_step:] /= time - go_step
    loss = (error * at_position).sum((1, 2, 3)) / 2
    at_force = (at_position.view(seeds, reaches, time * 2) @ response.mT).view(force.shape)
    gradient = at_force.transpose(1, 2).reshape(seeds, time * reaches, 2) @ readout
    return position, loss, gradient.view(seeds, time, reaches, units).transpose(1, 2)
