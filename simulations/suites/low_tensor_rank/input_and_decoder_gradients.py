"""LTR-42: gradients of the input map and of the decoder."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    RateNetwork,
    TargetTask,
    automatic_gradients,
    descend,
    full_network,
    invariant_basis,
    low_rank_network,
    numerical_rank,
    operators,
    outside,
    random_task,
    relative_error,
    simulator_gradients,
    states,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Errors against automatic differentiation, excess over the bound, and where all parameters go when they learn."""
    values: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        values.setdefault(name, []).append(value)

    timing = {"duration": protocol["duration"], "step": protocol["step"]}
    for seed, activation in product(protocol.seeds, protocol["activations"]):
        rng = np.random.default_rng(seed)
        network = full_network(protocol["units"], 2, 2, rng, activation=activation)
        task = random_task(network, rng, **timing)
        reference = automatic_gradients(network, task)
        _, pulling = operators(network, task)
        signals = np.sqrt(task.step) * task.inputs[0].T
        note("relative error, input map", relative_error(pulling[0] @ signals.T, reference.input_map))
        note("relative error, decoder", relative_error(final_product(network, task), reference.decoder))
        if activation == "tanh":
            simulated = simulator_gradients(network, task)
            note("relative error of the simulator, input map", relative_error(simulated.input_map, reference.input_map))
        note("excess over the bound", excess(reference.input_map, pulling[0], signals))
    rank, inputs, outputs = protocol["case"]
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        network = low_rank_network(rank, inputs, outputs, units=protocol["units"], rng=rng)
        task = random_task(network, rng, samples=protocol["batch"], loss="integrated", **timing)
        basis = invariant_basis(network)
        first = network
        rate = protocol["learning rate"]
        for _ in range(protocol["iterations"]):
            network, rate = descend(network, task, rate, only_weights=False)
        note("share of the input map's change outside V", outside(network.input_map - first.input_map, basis))
        note("share of the decoder's change outside V", outside((network.decoder - first.decoder).T, basis))
        note("rank of the weights minus 2R + m + d", numerical_rank(network.weights) - basis.shape[1])
        note("relative change of the input map", relative_error(network.input_map, first.input_map))
    return Measured(values)


def final_product(network: RateNetwork, task: TargetTask) -> np.ndarray:
    """Gradient of the decoder from the final state alone: no dynamics are involved."""
    rates = network.activation.value(states(network, task)[0, -1])
    return 2 * np.outer(network.decoder @ rates - task.target[0], rates)


def excess(gradient: np.ndarray, pulling: np.ndarray, signals: np.ndarray) -> float:
    """Largest excess of a singular value over its bound, as a share of the largest singular value."""
    found, of_adjoints, of_inputs = (np.linalg.svd(each, compute_uv=False) for each in (gradient, pulling, signals))
    few = len(found)
    bound = np.minimum(of_adjoints[0] * of_inputs[:few], of_inputs[0] * of_adjoints[:few])
    return float(((found - bound) / found[0]).max())


CLAIM = Claim(
    id="LTR-42",
    title="Gradients of input map and decoder",
    source="supplement D.3, equations D.3.6 and D.3.7",
    says="Singular values of the input map's gradient are bounded by those of adjoints and inputs as in Theorem 1, and"
    " its columns stay in V; the decoder's gradient depends on the final state alone. Both hold whichever parameters"
    " learn.",
    kind="exact",
    parameters={
        "units": 100,
        "duration": 6.0,
        "step": 0.1,
        "activations": ["tanh", "rectified tanh", "softplus", "linear"],
        "case": (3, 2, 2),
        "batch": 8,
        "iterations": 100,
        "learning rate": 0.02,
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("relative error, input map", "<=", 1e-12),
        Check("relative error, decoder", "<=", 1e-12),
        Check("relative error of the simulator, input map", "<=", 1e-12),
        Check("excess over the bound", "<=", 1e-13),
        Check("share of the input map's change outside V", "<=", 1e-10),
        Check("share of the decoder's change outside V", "<=", 1e-10),
        Check("rank of the weights minus 2R + m + d", "<=", 0),
        Check("relative change of the input map", ">=", 1e-3),
    ),
    measure=measure,
)
