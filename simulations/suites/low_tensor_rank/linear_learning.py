"""Linear networks of low rank learn by gradient descent, with momentum, or by Adam; every weight matrix is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    Loss,
    RateNetwork,
    TargetTask,
    descend,
    gradients,
    invariant_basis,
    low_rank_network,
    random_task,
)
from ltr.types import Array, Float

Method = Literal["descent", "momentum", "adam"]


@dataclass(frozen=True)
class Learning:
    """An experiment, hashable so that it is done once.

    Attributes:
        seed: of network and task.
        rank, inputs, outputs: R, m and d.
        loss: when the target counts.
        samples: in a batch.
        method: of learning.
        rate: of learning; descent halves it whenever the loss would rise.
        iterations: number of steps.
        decay: of the momentum.
        units: of the network.
        duration, step: of the task, in time constants.
        from_rest: whether samples start at zero, or at random states.
    """

    seed: int
    rank: int
    inputs: int
    outputs: int
    loss: Loss
    samples: int
    method: Method
    rate: float
    iterations: int
    units: int
    duration: float
    step: float
    decay: float = 0.9
    from_rest: bool = True

    @property
    def bound(self) -> int:
        """2R + m + d."""
        return 2 * self.rank + self.inputs + self.outputs


@dataclass(frozen=True, eq=False)
class Learned:
    """What happened.

    Attributes:
        basis: of V, of the first weights.
        weights: before the first step and after each.
        gradient: before each step.
    """

    basis: Float[Array, "unit direction"]
    weights: Float[Array, "iteration unit unit"]
    gradient: Float[Array, "step unit unit"]


@cache
def learn(experiment: Learning) -> Learned:
    """Do an experiment."""
    rng = np.random.default_rng(experiment.seed)
    network = low_rank_network(experiment.rank, experiment.inputs, experiment.outputs, units=experiment.units, rng=rng)
    task = random_task(
        network,
        rng,
        duration=experiment.duration,
        step=experiment.step,
        samples=experiment.samples,
        loss=experiment.loss,
        from_rest=experiment.from_rest,
    )
    update = UPDATES[experiment.method](network, task, experiment)
    weights, gradient = [network.weights], []
    for _ in range(experiment.iterations):
        gradient.append(gradients(network.with_weights(weights[-1]), task).weights)
        weights.append(update(weights[-1], gradient[-1]))
    return Learned(invariant_basis(network), np.stack(weights), np.stack(gradient))


Update = Callable[[Array, Array], Array]
"""From weights and gradient to the next weights."""


def _descent(network: RateNetwork, task: TargetTask, experiment: Learning) -> Update:
    rate = experiment.rate

    def update(weights: Array, _: Array) -> Array:
        nonlocal rate
        moved, rate = descend(network.with_weights(weights), task, rate)
        return moved.weights

    return update


def _momentum(network: RateNetwork, _: TargetTask, experiment: Learning) -> Update:
    momentum = np.zeros_like(network.weights)

    def update(weights: Array, gradient: Array) -> Array:
        momentum[:] = experiment.decay * momentum + (1 - experiment.decay) * gradient
        moved: Array = weights - experiment.rate * momentum
        return moved

    return update


def _adam(network: RateNetwork, _: TargetTask, experiment: Learning) -> Update:
    parameter = torch.tensor(network.weights, requires_grad=True)
    optimiser = torch.optim.Adam([parameter], lr=experiment.rate)

    def update(_: Array, gradient: Array) -> Array:
        parameter.grad = torch.tensor(gradient)
        optimiser.step()
        return parameter.detach().numpy().copy()

    return update


UPDATES: dict[Method, Callable[[RateNetwork, TargetTask, Learning], Update]] = {
    "descent": _descent,
    "momentum": _momentum,
    "adam": _adam,
}

EXPERIMENT = {"units": 100, "duration": 6.0, "step": 0.1, "rate": 0.02, "iterations": 150}
"""Parameters that the claims on linear learning have in common."""
