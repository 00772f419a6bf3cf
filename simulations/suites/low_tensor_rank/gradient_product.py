"""LTR-34: in discrete time the gradient of the weights is one product of adjoints and rates."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from ltr.simulations import vanilla_rnn
from ltr.simulations.suites.low_tensor_rank.rate_network import (
    RateNetwork,
    TargetTask,
    adjoints,
    automatic_gradients,
    full_network,
    random_task,
    relative_error,
    sample_gradients,
    simulator_gradients,
    states,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

REPEATS = 7


def measure(protocol: Protocol) -> Measured:
    """Errors of both pairings of adjoints and rates against automatic differentiation, and the cost of the product."""
    exact, simulated, halvings, converging = [], [], [], []
    for seed in protocol.seeds:
        printed, spectra = [], []
        for step in protocol["steps"]:
            network, task = experiment(protocol, seed, step)
            reference = automatic_gradients(network, task).weights
            exact.append(relative_error(sample_gradients(network, task)[0], reference))
            simulated.append(relative_error(simulator_gradients(network, task).weights, reference))
            printed.append(relative_error(same_index_product(network, task), reference))
            spectra.append(np.linalg.svd(reference, compute_uv=False))
        halvings += np.divide(printed[:-1], printed[1:]).tolist()
        distances = np.linalg.norm(np.diff(spectra, axis=0), axis=1)
        converging.append(float(distances[-2] / distances[-1]))
    units = protocol["units of the cost"]
    work = [operations(number, protocol["steps of the cost"]) for number in units]
    longer = operations(units[0], 2 * protocol["steps of the cost"])
    seconds = [product_seconds(number, protocol["steps of the cost"]) for number in units]
    return Measured(
        {
            "relative error, adjoint after the step": exact,
            "relative error of the simulator's backward pass": simulated,
            "error of the printed pairing over that at half the step": halvings,
            "last change but one of the singular values over the last": converging,
            "exponent of operations in the number of units": [exponent(units, work)],
            "operations at twice the number of steps": [longer / work[0]],
            "exponent of seconds in the number of units": [exponent(units, seconds)],
        }
    )


def experiment(protocol: Protocol, seed: int, step: float) -> tuple[RateNetwork, TargetTask]:
    """The same network and task at a step, which does not change what is drawn."""
    rng = np.random.default_rng(seed)
    network = full_network(protocol["units"], 2, 2, rng, gain=protocol["gain"])
    return network, random_task(network, rng, duration=protocol["duration"], step=step)


def same_index_product(network: RateNetwork, task: TargetTask) -> np.ndarray:
    """The product as printed: adjoint and rate of the same times, 0 to the last."""
    visited = states(network, task)
    product: np.ndarray = adjoints(network, task, visited)[0].T @ network.activation.value(visited)[0]
    return task.step * product


def operations(units: int, steps: int) -> float:
    """Floating-point operations of the matrix products in the simulator's backward pass."""
    weight = torch.zeros(units, units, requires_grad=True)
    network = vanilla_rnn.Network(weight, torch.zeros(units, 1), torch.zeros(1, units))
    activity = vanilla_rnn.play(network, torch.zeros(steps, 1, 1), torch.zeros(steps, 1, units), 0.1)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.grad(activity.sum(), weight)
    return float(counter.get_total_flops())


def product_seconds(units: int, steps: int) -> float:
    """Processor time of the product, the best of several."""
    rng = np.random.default_rng(0)
    pulling, rates = rng.normal(size=(2, units, steps))
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        pulling @ rates.T
        taken.append(time.process_time() - began)
    return min(taken)


def exponent(sizes: list[int], costs: list[float]) -> float:
    """Slope of costs over sizes, both logarithmic."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


CLAIM = Claim(
    id="LTR-34",
    title="The gradient as one matrix product",
    source="supplement D.2.2, equation D.2.13",
    says="With adjoints and rates of all q steps as columns of two matrices, the gradient of the weights is their"
    " product times the step, which takes O(q n^2) operations; its singular values converge as the step shrinks.",
    kind="exact",
    parameters={
        "units": 60,
        "gain": 1.5,
        "duration": 5.0,
        "steps": [0.1, 0.05, 0.025, 0.0125, 0.00625],
        "units of the cost": [200, 400, 800],
        "steps of the cost": 400,
    },
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("relative error, adjoint after the step", "<=", 1e-12),
        Check("relative error of the simulator's backward pass", "<=", 1e-12),
        Check("error of the printed pairing over that at half the step", "between", (1.8, 2.2)),
        Check("last change but one of the singular values over the last", "between", (1.8, 2.2)),
        Check("exponent of operations in the number of units", "between", (1.95, 2.05)),
        Check("operations at twice the number of steps", "between", (1.95, 2.05)),
        Check("exponent of seconds in the number of units", "between", (1.5, 2.6)),
    ),
    measure=measure,
)
