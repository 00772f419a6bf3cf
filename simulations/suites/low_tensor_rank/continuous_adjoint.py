"""The adjoint of a rate network in continuous time, by an ordinary solver, and derivatives of the loss without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from ltr.simulations.suites.low_tensor_rank.rate_network import Loss, RateNetwork
from ltr.types import Array, Float

PRECISION = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-13}
NODES = 200  # of the integral over time
DIFFERENCE = 1e-4  # of the weights, as a share of a unit direction

Path = Callable[[Array], Array]
"""From times to states, unit x time."""


@dataclass(frozen=True, eq=False)
class ContinuousTask:
    """A target to be reached, with inputs u' = generator u.

    Attributes:
        generator: of the inputs.
        first: input at time zero.
        target: of the output.
        duration: in time constants.
        loss: squared distance from the target at the end, or its integral.
    """

    generator: Float[Array, "input input"]
    first: Float[Array, " input"]
    target: Float[Array, " output"]
    duration: float
    loss: Loss

    def inputs(self, time: float) -> Float[Array, " input"]:
        """Inputs at a time."""
        return np.asarray(expm(time * self.generator) @ self.first)


def random_continuous_task(
    network: RateNetwork, rng: np.random.Generator, *, duration: float, loss: Loss
) -> ContinuousTask:
    """Random inputs and targets as in supplement D.4."""
    inputs = network.input_map.shape[1]
    generator = rng.normal(size=(inputs, inputs)) / np.sqrt(inputs) - np.eye(inputs)
    first = rng.normal(size=inputs) / np.sqrt(2)
    return ContinuousTask(generator, first, rng.uniform(-1, 1, len(network.decoder)), duration, loss)


def forward(network: RateNetwork, task: ContinuousTask) -> tuple[Path, float]:
    """The path of the states from rest, and the loss."""
    units = len(network.weights)

    def change(time: float, state: Array) -> Array:
        rates = network.activation.value(state[:units])
        moved = network.weights @ rates - state[:units] + network.input_map @ task.inputs(time)
        return np.append(moved, ((network.decoder @ rates - task.target) ** 2).sum())

    solved = solve_ivp(change, (0, task.duration), np.zeros(units + 1), dense_output=True, **PRECISION)
    final = network.decoder @ network.activation.value(solved.y[:units, -1]) - task.target
    loss = solved.y[-1, -1] if task.loss == "integrated" else (final**2).sum()
    return lambda times: solved.sol(times)[:units], float(loss)


def loss_derivatives(
    network: RateNetwork, task: ContinuousTask, directions: Float[Array, "direction unit unit"]
) -> Float[Array, " direction"]:
    """Derivatives of the loss along directions of the weights, by central differences."""

    def loss(moved: Array) -> float:
        return forward(network.with_weights(network.weights + moved), task)[1]

    return np.array([(loss(DIFFERENCE * each) - loss(-DIFFERENCE * each)) / (2 * DIFFERENCE) for each in directions])


def weight_gradient(
    network: RateNetwork, task: ContinuousTask, *, end: Literal["corrected", "printed"] = "corrected"
) -> Float[Array, "unit unit"]:
    """Gradient of the weights from the adjoint a' = -J^T a - force, solved from the end.

    Args:
        network: whose weights.
        task: with its loss.
        end: only for a loss integrated over time: a(T) = 0, or a'(T) = 0 as in D.3.4.
    """
    path, _ = forward(network, task)

    def force(time: float) -> Array:
        state = path(np.array([time]))[:, 0]
        error = network.decoder @ network.activation.value(state) - task.target
        return np.asarray(2 * network.activation.slope(state) * (network.decoder.T @ error))

    def jacobian(time: float) -> Array:
        slope = network.activation.slope(path(np.array([time]))[:, 0])
        return np.asarray(network.weights * slope - np.eye(len(slope)))

    integrated = task.loss == "integrated"
    if not integrated:
        last = force(task.duration)
    elif end == "printed":
        last = -np.linalg.solve(jacobian(task.duration).T, force(task.duration))
    else:
        last = np.zeros(len(network.weights))
    solved = solve_ivp(
        lambda time, adjoint: -jacobian(time).T @ adjoint - (force(time) if integrated else 0),
        (task.duration, 0),
        last,
        dense_output=True,
        **PRECISION,
    )
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    times = (nodes + 1) * task.duration / 2
    scaled = solved.sol(times) * (shares * task.duration / 2)
    return np.asarray(scaled @ network.activation.value(path(times)).T)


def along(gradient: Float[Array, "unit unit"], directions: Float[Array, "direction unit unit"]) -> Array:
    """Derivatives along directions that a gradient implies."""
    return np.asarray(np.einsum("uv,duv->d", gradient, directions))


def unit_directions(number: int, units: int, rng: np.random.Generator) -> Float[Array, "direction unit unit"]:
    """Random directions of the weights."""
    directions = rng.normal(size=(number, units, units))
    return directions / np.linalg.norm(directions, axis=(1, 2), keepdims=True)
