"""LTR-33: the adjoint of a rate network and the gradient that it gives."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_tensor_rank.continuous_adjoint import (
    along,
    loss_derivatives,
    random_continuous_task,
    unit_directions,
    weight_gradient,
)
from ltr.simulations.suites.low_tensor_rank.rate_network import (
    RateNetwork,
    TargetTask,
    automatic_gradients,
    full_network,
    gradients,
    random_task,
    relative_error,
    simulator_gradients,
    states,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Errors of corrected and printed equations against automatic differentiation and finite differences."""
    values: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        network = full_network(protocol["units"], 2, 2, rng, gain=protocol["gain"])
        task = random_task(network, rng, duration=protocol["duration"], step=protocol["step"])
        reference = automatic_gradients(network, task).weights
        visited = states(network, task)[0]
        rates = network.activation.value(visited[:-1])
        without_factor = task.step * adjoints_as_printed(network, task, visited, sign=-1)[1:].T @ rates
        as_printed = adjoints_as_printed(network, task, visited, sign=1)[1:]
        corrected = 2 * adjoints_as_printed(network, task, visited, sign=-1)[1:]
        # D.1.14 has the rate of the postsynaptic unit j where that of the presynaptic unit k belongs
        printed_index = np.repeat(task.step * (corrected * rates).sum(0)[:, None], len(reference), axis=1)
        continuous = random_continuous_task(network, rng, duration=protocol["duration"], loss="final")
        directions = unit_directions(protocol["directions"], protocol["units"], rng)
        found: dict[str, float] = {
            "relative error of the gradient": relative_error(gradients(network, task).weights, reference),
            "relative error of the simulator's gradient": relative_error(
                simulator_gradients(network, task).weights, reference
            ),
            "gradient over the printed one, sign corrected": float(
                np.linalg.norm(reference) / np.linalg.norm(without_factor)
            ),
            "relative error with the printed sign": relative_error(2 * task.step * as_printed.T @ rates, reference),
            "relative error with the printed index": relative_error(printed_index, reference),
            "relative error in continuous time": relative_error(
                along(weight_gradient(network, continuous), directions),
                loss_derivatives(network, continuous, directions),
            ),
        }
        for name, value in found.items():
            values.setdefault(name, []).append(value)
    return Measured(values)


def adjoints_as_printed(
    network: RateNetwork, task: TargetTask, visited: Float[Array, "time unit"], *, sign: int
) -> Float[Array, "time unit"]:
    """Equation D.1.18 word for word, a' = sign * J^T a in forward time with no factor of 2 at the end."""
    slope = network.activation.slope(visited)
    error = network.decoder @ network.activation.value(visited[-1]) - task.target[0]
    found = [slope[-1] * (network.decoder.T @ error)]
    for index in reversed(range(len(visited) - 1)):
        later = found[-1]
        found.append(later - sign * task.step * (slope[index] * (network.weights.T @ later) - later))
    return np.stack(found[::-1])


CLAIM = Claim(
    id="LTR-33",
    title="Adjoint of the state and of the weights",
    source="supplement D.1, equations D.1.4 to D.1.18",
    says="The adjoint follows a' = a J from its value at the final time, phi'(x(T)) * D^T (D phi(x(T)) - y), and the"
    " gradient of the weights is the integral of the outer product of adjoint and rates.",
    kind="exact",
    parameters={"units": 60, "gain": 1.5, "duration": 5.0, "step": 0.1, "directions": 3},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("relative error of the gradient", "<=", 1e-12),
        Check("relative error of the simulator's gradient", "<=", 1e-12),
        Check("gradient over the printed one, sign corrected", "between", (2 - 1e-9, 2 + 1e-9)),
        Check("relative error with the printed sign", ">=", 10),
        Check("relative error with the printed index", ">=", 0.1),
        Check("relative error in continuous time", "<=", 1e-7),
    ),
    measure=measure,
    deviation="Three slips in the printed equations; what rests on them stands. In forward time the sign is a' = -a J"
    " (the printed one is right only if time runs backwards; taken as it stands, the gradient is wrong by a"
    " factor of hundreds), the final value lacks a factor of 2 (D.1.16 to D.1.18; gradients are 2.000 times"
    " the printed ones), and D.1.14 has the rate of unit j in place of unit k (relative error above 1). With"
    " these corrected the gradient equals automatic differentiation to rounding, and finite differences of an"
    " ordinary solver in continuous time.",
)
