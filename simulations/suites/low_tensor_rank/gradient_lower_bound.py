"""LTR-36: the lower bound of Theorem 1 fails, except where there are no more steps than units."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    RELATIVE_RANK_LEVEL,
    full_network,
    operators,
    random_task,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Shortfall under the bound in networks, in the smallest example, and where the bound can be proved."""
    found: dict[str, list[float]] = {}
    silent: list[bool] = []
    cases = product(protocol["activations"], protocol["steps"], protocol["units"], protocol.seeds)
    for activation, steps, units, seed in cases:
        rng = np.random.default_rng(seed)
        network = full_network(units, 2, 2, rng, activation=activation)
        task = random_task(network, rng, duration=protocol["duration"], step=protocol["duration"] / steps)
        rates, pulling = operators(network, task)
        silent.append(not (rates.any() and pulling.any()))
        if not silent[-1]:  # a rectified network that stays silent has no singular value but zero
            found.setdefault(f"shortfall, {activation}, {steps} steps", []).append(shortfall(pulling[0], rates[0]))
    tanh = [value for steps in protocol["steps"] for value in found[f"shortfall, tanh, {steps} steps"]]
    orthogonal = shortfall(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    provable = [
        shortfall(*np.random.default_rng(seed).normal(size=(2, units, steps)))
        for seed, units in product(protocol.seeds, protocol["units"])
        for steps in range(1, units + 1)
    ]
    return Measured(
        {
            **found,
            "share of tanh networks under the bound": [float(np.mean(np.array(tanh) > RELATIVE_RANK_LEVEL))],
            "silent networks, left out": [float(sum(silent))],
            "shortfall of orthogonal rates and adjoints": [orthogonal],
            "shortfall with at most as many steps as units": provable,
        }
    )


def shortfall(pulling: Float[Array, "unit step"], rates: Float[Array, "unit step"]) -> float:
    """By how much a singular value of the gradient falls under the lower bound, as a share of the largest bound."""
    sizes = [np.linalg.svd(matrix, compute_uv=False) for matrix in (pulling @ rates.T, pulling, rates)]
    gradient, of_adjoints, of_rates = (np.pad(size, (0, len(pulling) - len(size))) for size in sizes)
    lower = np.maximum(smallest(of_adjoints) * of_rates, smallest(of_rates) * of_adjoints)
    return float((lower - gradient).max() / lower[0])


def smallest(singular: Float[Array, " unit"]) -> float:
    """The smallest singular value that is not zero."""
    return float(singular[singular > RELATIVE_RANK_LEVEL * singular[0]].min())


CLAIM = Claim(
    id="LTR-36",
    title="Theorem 1, lower bound",
    source="supplement D.2.1, after equation D.2.11",
    says="A lower bound analogous to the upper one holds, with the smallest non-zero singular value of adjoints or"
    " rates in place of the largest; it is of no numerical use.",
    kind="exact",
    parameters={
        "units": [3, 5, 8],
        "steps": [200, 2000],
        "duration": 5.0,
        "activations": ["tanh", "rectified tanh"],
    },
    sizes={"smoke": {}, "quick": {}, "full": {}},
    seeds={"smoke": 5, "quick": 5, "full": 10},
    checks=(
        Check("shortfall, tanh, 200 steps", ">=", 1e-3, over="some"),
        Check("shortfall, tanh, 2000 steps", ">=", 1e-3, over="some"),
        Check("shortfall, rectified tanh, 200 steps", ">=", 1e-3, over="some"),
        Check("share of tanh networks under the bound", ">=", 0.3),
        Check("shortfall of orthogonal rates and adjoints", ">=", 1),
        Check("shortfall with at most as many steps as units", "<=", 1e-12),
    ),
    measure=measure,
    deviation="False in general. The identity it rests on, |T1 T2 y| >= s |T2 y| with s the smallest non-zero singular"
    " value of T1, needs the range of T2 to avoid the kernel of T1, and an operator from L2 to n units has an infinite"
    " kernel: rates and adjoints that are orthogonal in time give a zero gradient. Most tanh networks of 3 to 8 units"
    " fall under the bound, as much at 2000 steps as at 200, so that it is no matter of discretisation. With at most as"
    " many steps as units, and full column rank, the bound holds.",
)
