"""Random networks that learn one target by gradient descent.

Pellegrino, Cayco-Gajic and Chadwick (2023), supplement D.4: x' = W phi(x) - x + B u with the loss |D phi(x(T)) - y|^2.
Networks of several seeds learn together as one batch; gradients are written out from the adjoints (supplement D.1 and
D.2, with the sign and the factor of two corrected).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ltr.model.dynamics import ACTIVATIONS
from ltr.types import Array, Bool, Float

INPUTS, OUTPUTS = 2, 2
LINEAR_RADIUS = 0.9  # spectral radius of linear networks, which would grow without bound beyond 1


class Setting(NamedTuple):
    """One row of Sup. Fig. 6.

    Attributes:
        activation: its name in the product.
        gain: weights have variance gain^2 / units.
        rank: of the initial weights, or 0 for full.
    """

    activation: str
    gain: float = 1.5
    rank: int = 0


SETTINGS = {
    "rectified_tanh": Setting("rectified_tanh"),
    "softplus": Setting("softplus"),
    "tanh": Setting("tanh"),
    "linear": Setting("identity", rank=3),
    "chaotic_tanh": Setting("tanh", gain=2.1),
}


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks of several seeds, and what each is to do."""

    weights: Float[Tensor, "seed unit unit"]
    signals: Float[Tensor, "seed step input"]
    input_map: Float[Tensor, "seed unit input"]
    drive: Float[Tensor, "seed step unit"]
    decoder: Float[Tensor, "seed output unit"]
    target: Float[Tensor, "seed output"]


class Visit(NamedTuple):
    """Networks at some weights."""

    states: Float[Tensor, "seed time unit"]
    loss: Float[Tensor, " seed"]
    rates: Float[Tensor, "seed unit step"]
    adjoints: Float[Tensor, "seed unit step"]
    gradient: Float[Tensor, "seed unit unit"]


def random_networks(
    setting: Setting, seeds: Sequence[int], *, units: int, duration: float, step: float, device: str = "cpu"
) -> Networks:
    """Networks with inputs of a random linear system and uniform targets (supplement D.4), the same in all settings.

    Args:
        setting: of the initial weights.
        seeds: one network each.
        units: of a network.
        duration, step: of a trial and of Euler, time constants.
        device: where they live, in float64.
    """
    times = step * torch.arange(round(duration / step), dtype=torch.float64)
    parts = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        system = random.normal(size=(INPUTS, INPUTS)) / np.sqrt(INPUTS) - np.eye(INPUTS)
        start = random.normal(size=INPUTS) / np.sqrt(2)
        input_map, decoder, target = map(
            torch.tensor,
            (
                random.normal(size=(units, INPUTS)) / np.sqrt(INPUTS),
                random.normal(size=(OUTPUTS, units)) / np.sqrt(units),
                random.uniform(-1, 1, size=OUTPUTS),
            ),
        )
        signals = torch.linalg.matrix_exp(times[:, None, None] * torch.tensor(system)) @ torch.tensor(start)
        weights = torch.tensor(_initial_weights(setting, units, random))
        parts.append((weights, signals, input_map, signals @ input_map.T, decoder, target))
    return Networks(*(torch.stack(part).to(device) for part in zip(*parts, strict=True)))


def descend(
    networks: Networks, setting: Setting, *, step: float, learning_rate: float, iterations: int
) -> Iterator[tuple[Tensor, Visit]]:
    """Gradient descent on the weights; a step that raises the loss is taken back, and the next ones are half as long.

    Args:
        networks: where it begins.
        setting: of these networks.
        step: of Euler, time constants.
        learning_rate: length of the first steps of descent.
        iterations: how many of them.

    Yields:
        The weights (seed x unit x unit) and what the networks do with them, before the first step and after each.
    """
    weights, here = networks.weights, visit(networks, networks.weights, setting, step)
    length = torch.full_like(here.loss, learning_rate)
    yield weights, here
    for _ in range(iterations):
        proposed = weights - length[:, None, None] * here.gradient
        there = visit(networks, proposed, setting, step)
        better = there.loss <= here.loss  # never of one that is not a number
        length = torch.where(better, length, length / 2)
        weights = torch.where(better[:, None, None], proposed, weights)
        here = _chosen(better, there, here)
        yield weights, here


def visit(networks: Networks, weights: Float[Tensor, "seed unit unit"], setting: Setting, step: float) -> Visit:
    """States, adjoints and gradient at the weights.

    The rate before each step stands beside the adjoint after it, which makes their product the exact gradient of the
    discrete steps.
    """
    phi = ACTIVATIONS[setting.activation]
    visited = roll_out(networks, weights, setting, step)
    error = product(networks.decoder, phi.value(visited[:, -1])) - networks.target
    slope = phi.slope(visited)
    adjoint = 2 * slope[:, -1] * product(networks.decoder.mT, error)
    pulled = [adjoint]
    for index in reversed(range(1, visited.shape[1] - 1)):
        adjoint = adjoint + step * (slope[:, index] * product(weights.mT, adjoint) - adjoint)
        pulled.append(adjoint)
    rates, adjoints = step**0.5 * phi.value(visited[:, :-1]).mT, step**0.5 * torch.stack(pulled[::-1], 1).mT
    return Visit(visited, (error**2).sum(1), rates, adjoints, torch.bmm(adjoints, rates.mT))


def roll_out(
    networks: Networks, weights: Float[Tensor, "seed unit unit"], setting: Setting, step: float
) -> Float[Tensor, "seed time unit"]:
    """States from rest, before the first Euler step and after each."""
    phi = ACTIVATIONS[setting.activation].value
    state = torch.zeros_like(networks.drive[:, 0])
    visited = [state]
    for drive in networks.drive.unbind(1):
        state = state + step * (product(weights, phi(state)) - state + drive)
        visited.append(state)
    return torch.stack(visited, 1)


def product(
    matrix: Float[Tensor, "seed row column"], vector: Float[Tensor, "seed column"]
) -> Float[Tensor, "seed row"]:
    """Each seed's matrix times its vector."""
    return torch.bmm(matrix, vector[:, :, None])[:, :, 0]


def automatic_gradient(networks: Networks, setting: Setting, step: float) -> Float[Tensor, "seed unit unit"]:
    """By automatic differentiation, which knows nothing of adjoints."""
    weights = networks.weights.clone().requires_grad_()
    rate = ACTIVATIONS[setting.activation].value(roll_out(networks, weights, setting, step)[:, -1])
    error = product(networks.decoder, rate) - networks.target
    (gradient,) = torch.autograd.grad((error**2).sum(), weights)
    return gradient


def _initial_weights(setting: Setting, units: int, random: np.random.Generator) -> Float[Array, "unit unit"]:
    """Full, or of low rank with a fixed spectral radius."""
    if not setting.rank:
        return random.normal(size=(units, units)) * setting.gain / np.sqrt(units)
    weights = random.normal(size=(units, setting.rank)) @ random.normal(size=(setting.rank, units))
    return np.asarray(weights * LINEAR_RADIUS / np.abs(np.linalg.eigvals(weights)).max())


def _chosen(first: Bool[Tensor, " seed"], one: Visit, other: Visit) -> Visit:
    """Of each seed, the one or the other."""
    pairs = zip(one, other, strict=True)
    return Visit(*(torch.where(first.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs))
