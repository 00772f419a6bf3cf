"""A vanilla rate network by Euler steps, with its exact adjoints and gradients (supplement D.1 to D.3).

The network is x' = W phi(x) - x + B u with output D phi(x). Gradients come in two ways that share
nothing but the equations: from the adjoints in NumPy, and from automatic differentiation in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from scipy.linalg import expm
from scipy.special import expit
from torch import Tensor

from ltr.simulations import vanilla_rnn
from ltr.types import Array, Float

Loss = Literal["final", "integrated"]

RELATIVE_RANK_LEVEL = 1e-10
"""Singular values below this share of the largest count as zero."""


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation function.

    Attributes:
        value: function of an array.
        slope: its derivative, at a kink that from the left.
        tensor: the same function in torch.
    """

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    tensor: Callable[[Tensor], Tensor]


ACTIVATIONS = {
    "tanh": Activation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, torch.tanh),
    "rectified tanh": Activation(
        lambda x: np.tanh(np.maximum(x, 0)),
        lambda x: np.where(x > 0, 1 - np.tanh(x) ** 2, 0.0),
        lambda x: torch.tanh(torch.relu(x)),
    ),
    # torch's own softplus is the identity from 20 on, which is wrong by 2e-9 there
    "softplus": Activation(lambda x: np.logaddexp(0, x), expit, lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "linear": Activation(lambda x: x, np.ones_like, lambda x: x),
}


@dataclass(frozen=True, eq=False)
class RateNetwork:
    """Parameters of a network."""

    weights: Float[Array, "unit unit"]
    input_map: Float[Array, "unit input"]
    decoder: Float[Array, "output unit"]
    activation: Activation

    def with_weights(self, weights: Float[Array, "unit unit"]) -> RateNetwork:
        """The same network with other recurrent weights."""
        return replace(self, weights=weights)


@dataclass(frozen=True, eq=False)
class TargetTask:
    """Outputs are to reach a target, by the end or all the time.

    Attributes:
        inputs: during each step.
        start: state before the first step.
        target: of the output.
        step: length of a step in time constants.
        loss: squared distance from the target at the end (``final``), or its integral over time (``integrated``).
    """

    inputs: Float[Array, "sample step input"]
    start: Float[Array, "sample unit"]
    target: Float[Array, "sample output"]
    step: float
    loss: Loss = "final"


class Gradients(NamedTuple):
    """Gradients of the mean loss over samples."""

    weights: Float[Array, "unit unit"]
    input_map: Float[Array, "unit input"]
    decoder: Float[Array, "output unit"]


def full_network(
    units: int, inputs: int, outputs: int, rng: np.random.Generator, *, gain: float = 1.5, activation: str = "tanh"
) -> RateNetwork:
    """A random network whose weights have variance gain^2 / units."""
    weights = rng.normal(size=(units, units)) * gain / np.sqrt(units)
    return _around(weights, inputs, outputs, rng, activation)


def low_rank_network(
    rank: int, inputs: int, outputs: int, *, units: int, rng: np.random.Generator, activation: str = "linear"
) -> RateNetwork:
    """A random network with weights of low rank."""
    product = rng.normal(size=(units, rank)) @ rng.normal(size=(rank, units))
    return _around(product * 1.5 / (units * np.sqrt(rank)), inputs, outputs, rng, activation)


def _around(weights: Array, inputs: int, outputs: int, rng: np.random.Generator, activation: str) -> RateNetwork:
    units = len(weights)
    input_map = rng.normal(size=(units, inputs)) / np.sqrt(inputs)
    decoder = rng.normal(size=(outputs, units)) / np.sqrt(units)
    return RateNetwork(weights, input_map, decoder, ACTIVATIONS[activation])


def random_task(
    network: RateNetwork,
    rng: np.random.Generator,
    *,
    duration: float,
    step: float,
    samples: int = 1,
    loss: Loss = "final",
    from_rest: bool = True,
) -> TargetTask:
    """Inputs from a random linear system u' = M u - u and uniform targets (supplement D.4).

    Args:
        network: that will do it.
        rng: draws the system, its start and the target of each sample.
        duration: in time constants.
        step: in time constants.
        samples: that share the system of the inputs.
        loss: when the target counts.
        from_rest: whether states start at zero, or normally distributed.
    """
    units, inputs = network.input_map.shape
    generator = rng.normal(size=(inputs, inputs)) / np.sqrt(inputs) - np.eye(inputs)
    first = rng.normal(size=(samples, inputs)) / np.sqrt(2)
    target = rng.uniform(-1, 1, size=(samples, len(network.decoder)))
    start = np.zeros((samples, units)) if from_rest else rng.normal(size=(samples, units))
    times = step * np.arange(round(duration / step))
    signals = np.einsum("tij,sj->sti", expm(times[:, None, None] * generator), first)
    return TargetTask(signals, start, target, step, loss)


def states(network: RateNetwork, task: TargetTask) -> Float[Array, "sample time unit"]:
    """States before the first step and after each."""
    drive = task.inputs @ network.input_map.T
    visited = [task.start]
    for index in range(drive.shape[1]):
        state = visited[-1]
        change = network.activation.value(state) @ network.weights.T - state + drive[:, index]
        visited.append(state + task.step * change)
    return np.stack(visited, 1)


def adjoints(
    network: RateNetwork, task: TargetTask, visited: Float[Array, "sample time unit"]
) -> Float[Array, "sample time unit"]:
    """Gradients of each sample's loss at its states, backwards in time (D.1.18, with the sign and factor corrected)."""
    slope = network.activation.slope(visited)
    kicks = slope * (_pulls(network, task, visited) @ network.decoder)
    found = [kicks[:, -1]]
    for index in reversed(range(visited.shape[1] - 1)):
        later = found[-1]
        pulled = slope[:, index] * (later @ network.weights) - later
        found.append(later + task.step * pulled + kicks[:, index])
    return np.stack(found[::-1], 1)


def _pulls(network: RateNetwork, task: TargetTask, visited: Array) -> Float[Array, "sample time output"]:
    """Gradient of the loss at the outputs."""
    errors = network.activation.value(visited) @ network.decoder.T - task.target[:, None]
    scale = np.zeros(visited.shape[1])
    if task.loss == "final":
        scale[-1] = 2
    else:
        scale[1:] = 2 * task.step  # the start is given, so the integral is the sum after each step
    return errors * scale[:, None]


def sample_gradients(network: RateNetwork, task: TargetTask) -> Float[Array, "sample unit unit"]:
    """Gradient of each sample's loss at the weights."""
    rates, pulling = operators(network, task)
    return pulling @ rates.mT


def operators(
    network: RateNetwork, task: TargetTask
) -> tuple[Float[Array, "sample unit step"], Float[Array, "sample unit step"]]:
    """Rates and adjoints as operators from L2([0, T]) to the units, so that the gradient is adjoints @ rates.T.

    The rate before each step stands beside the adjoint after it, which makes the product exact.
    """
    visited = states(network, task)
    root = np.sqrt(task.step)
    rates = root * network.activation.value(visited[:, :-1])
    pulling = root * adjoints(network, task, visited)[:, 1:]
    return rates.mT, pulling.mT


def gradients(network: RateNetwork, task: TargetTask) -> Gradients:
    """Gradients of the mean loss, from the adjoints."""
    visited = states(network, task)
    rates = network.activation.value(visited)
    pulling, samples = adjoints(network, task, visited)[:, 1:], len(visited)
    by_unit = pulling.reshape(-1, pulling.shape[-1]).T * (task.step / samples)
    return Gradients(
        weights=by_unit @ rates[:, :-1].reshape(by_unit.shape[::-1]),
        input_map=by_unit @ task.inputs.reshape(-1, task.inputs.shape[-1]),
        decoder=np.einsum("sto,stu->ou", _pulls(network, task, visited), rates) / samples,
    )


def mean_loss(network: RateNetwork, task: TargetTask) -> float:
    """Mean loss over samples; not a number, or infinite, where states run away."""
    errors = network.activation.value(states(network, task)[:, 1:]) @ network.decoder.T - task.target[:, None]
    of_time = (errors**2).sum(2)
    return float(np.mean(of_time[:, -1] if task.loss == "final" else task.step * of_time.sum(1)))


def descend(
    network: RateNetwork, task: TargetTask, rate: float, *, only_weights: bool = True
) -> tuple[RateNetwork, float]:
    """One step of gradient descent that does not raise the loss.

    Args:
        network: before the step.
        task: with its loss.
        rate: at which to begin; it is halved until the loss does not rise.
        only_weights: leave input map and decoder as they are.

    Returns:
        The network after the step, and the rate that was taken.
    """
    found, before = gradients(network, task), mean_loss(network, task)
    while True:
        moved = network.with_weights(network.weights - rate * found.weights)
        if not only_weights:
            input_map = network.input_map - rate * found.input_map
            moved = replace(moved, input_map=input_map, decoder=network.decoder - rate * found.decoder)
        with np.errstate(over="ignore", invalid="ignore"):  # of a step that is then rejected
            after = mean_loss(moved, task)
        if after <= before:
            return moved, rate
        rate /= 2


def automatic_gradients(network: RateNetwork, task: TargetTask) -> Gradients:
    """Gradients of the mean loss, from automatic differentiation of the same Euler steps in torch."""
    parameters = [
        torch.tensor(value, requires_grad=True) for value in (network.weights, network.input_map, network.decoder)
    ]
    weights, input_map, decoder = parameters
    activation, target = network.activation.tensor, torch.tensor(task.target)
    state, total = torch.tensor(task.start), torch.zeros((), dtype=torch.float64)
    for heard in torch.tensor(task.inputs).unbind(1):
        state = state + task.step * (activation(state) @ weights.T - state + heard @ input_map.T)
        if task.loss == "integrated":
            total = total + task.step * ((activation(state) @ decoder.T - target) ** 2).sum()
    if task.loss == "final":
        total = ((activation(state) @ decoder.T - target) ** 2).sum()
    found = torch.autograd.grad(total / len(target), parameters)
    return Gradients(*(gradient.numpy() for gradient in found))


def simulator_gradients(network: RateNetwork, task: TargetTask) -> Gradients:
    """Gradients by the backward pass of the simulator of reaching networks, which knows tanh and a start at rest."""
    parameters = [
        torch.tensor(value, requires_grad=True) for value in (network.weights, network.input_map, network.decoder)
    ]
    weight, input_map, readout = parameters
    simulated = vanilla_rnn.Network(weight, input_map, readout)
    signals = torch.tensor(task.inputs).transpose(0, 1)
    activity = vanilla_rnn.play(simulated, signals, None, task.step)
    squared = (activity @ simulated.readout.mT - torch.tensor(task.target)[:, None]) ** 2
    of_sample = squared[:, -1].sum(1) if task.loss == "final" else task.step * squared.sum((1, 2))
    found = torch.autograd.grad(of_sample.mean(), parameters)
    return Gradients(*(gradient.numpy() for gradient in found))


def relative_error(found: Array, reference: Array) -> float:
    """Size of the difference as a share of the reference."""
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


def numerical_rank(matrix: Float[Array, "row column"]) -> int:
    """Number of singular values above rounding."""
    singular = np.linalg.svd(matrix, compute_uv=False)
    return int((singular > RELATIVE_RANK_LEVEL * singular[0]).sum())


def invariant_basis(network: RateNetwork) -> Float[Array, "unit direction"]:
    """Orthonormal basis of V: columns and rows of the weights, columns of the input map, rows of the decoder."""
    columns, rows = row_space(network.with_weights(network.weights.T)), row_space(network)
    basis, _ = np.linalg.qr(np.hstack([columns, rows, network.input_map, network.decoder.T]))
    return np.asarray(basis)


def row_space(network: RateNetwork) -> Float[Array, "unit rank"]:
    """Orthonormal basis of the rows of the weights."""
    rows = np.linalg.svd(network.weights)[2]
    return np.asarray(rows[: numerical_rank(network.weights)].T)


def outside(vectors: Float[Array, "unit vector"], basis: Float[Array, "unit direction"]) -> float:
    """Share of the vectors that lies outside the span of an orthonormal basis."""
    return float(np.linalg.norm(vectors - basis @ (basis.T @ vectors)) / np.linalg.norm(vectors))
