"""LTR-37: the gradient as a sum over pairs of singular vectors of adjoints and rates."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    automatic_gradients,
    full_network,
    operators,
    random_task,
    relative_error,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Error of the sum against automatic differentiation, and the largest inner product over time."""
    errors, inner = [], []
    for seed, activation in product(protocol.seeds, protocol["activations"]):
        rng = np.random.default_rng(seed)
        network = full_network(protocol["units"], 2, 2, rng, activation=activation)
        task = random_task(network, rng, duration=protocol["duration"], step=protocol["step"])
        rates, pulling = operators(network, task)
        # vectors over units are the left ones, those over time the right ones; the text has them swapped
        units_a, size_a, time_a = np.linalg.svd(pulling[0], full_matrices=False)
        units_r, size_r, time_r = np.linalg.svd(rates[0], full_matrices=False)
        together = time_a @ time_r.T
        summed = np.einsum("ai,bj,i,j,ij->ab", units_a, units_r, size_a, size_r, together, optimize=True)
        errors.append(relative_error(summed, automatic_gradients(network, task).weights))
        inner.append(float(np.abs(together).max()))
    return Measured({"relative error of the sum": errors, "largest inner product over time": inner})


CLAIM = Claim(
    id="LTR-37",
    title="Expansion of the gradient",
    source="supplement D.2.1, equation D.2.12",
    says="The gradient is a sum over pairs of singular vectors of adjoints and rates, weighted by both singular values"
    " and by an inner product over time that is at most 1.",
    kind="exact",
    parameters={"units": 60, "duration": 5.0, "step": 0.05, "activations": ["tanh", "rectified tanh", "softplus"]},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("relative error of the sum", "<=", 1e-12),
        Check("largest inner product over time", "between", (0, 1 + 1e-12)),
    ),
    measure=measure,
)
