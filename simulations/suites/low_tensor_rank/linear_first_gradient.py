"""LTR-38: the first gradient of a linear network with weights of rank R has rank at most R + 1."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    adjoints,
    automatic_gradients,
    gradients,
    low_rank_network,
    numerical_rank,
    outside,
    random_task,
    relative_error,
    row_space,
    states,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Ranks of first gradients, from rest and from random states, with tanh networks as contrast."""
    values: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        values.setdefault(name, []).append(value)

    kinds = (("linear", True), ("linear", False), ("tanh", False))
    for seed, (rank, inputs, outputs), (activation, rest) in product(protocol.seeds, protocol["cases"], kinds):
        rng = np.random.default_rng(seed)
        network = low_rank_network(rank, inputs, outputs, units=protocol["units"], rng=rng, activation=activation)
        task = random_task(network, rng, duration=protocol["duration"], step=protocol["step"], from_rest=rest)
        gradient = gradients(network, task).weights
        found = numerical_rank(gradient)
        note(f"{activation} network, rank above R + 1", found - (rank + 1))
        if activation == "linear":
            note("relative error of the gradient", relative_error(gradient, automatic_gradients(network, task).weights))
            pulling = adjoints(network, task, states(network, task))[0].T
            space, _ = np.linalg.qr(np.column_stack([row_space(network), pulling[:, -1]]))
            note("share of the adjoint outside rows and end", outside(pulling, space))
        if rest:
            note(f"rank, R = {rank}, m = {inputs}, d = {outputs}", found)
    return Measured(values)


CLAIM = Claim(
    id="LTR-38",
    title="Theorem 2, claim 1: rank of the first gradient",
    source="supplement D.2.3, Sup. Fig. 6 iv",
    says="In a linear network whose weights have rank R, the first gradient of a loss at the final time has rank at"
    " most R + 1, because the adjoint stays in the span of the rows of the weights and its final value.",
    kind="exact",
    parameters={
        "units": 100,
        "duration": 6.0,
        "step": 0.1,
        "cases": [(3, 2, 2), (3, 4, 1), (2, 1, 3), (5, 2, 4)],
    },
    seeds={"quick": 3, "full": 10},
    reported={"rank, R = 3, m = 2, d = 2": 4},
    checks=(
        Check("rank, R = 3, m = 2, d = 2", "==", 4),
        Check("linear network, rank above R + 1", "<=", 0),
        Check("tanh network, rank above R + 1", ">=", 1),
        Check("share of the adjoint outside rows and end", "<=", 1e-12),
        Check("relative error of the gradient", "<=", 1e-12),
    ),
    measure=measure,
)
