"""LRC-01: normalised traces of products of the resolvent of random weights are powers of beta = 1 / (1 - g^2)."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_rank_change.random_resolvent import beta_of, initial_weights, permuted, resolvent_of
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

POWERS = {"B": 0, "B B^T": 1, "B B B^T": 2, "B B^T B B^T": 4, "B' B^T": 0, "B B^T B' B^T": 2}
"""Powers of beta; B' is the resolvent of permuted weights."""


def measure(protocol: Protocol) -> Measured:
    """Traces over their limits, means over seeds, one number for each gain."""
    values: dict[str, list[float]] = {}
    for gain in protocol["gains"]:
        found = np.mean([list(_traces(seed, protocol["units"], gain).values()) for seed in protocol.seeds], axis=0)
        for (name, power), trace in zip(POWERS.items(), found, strict=True):
            values.setdefault(f"Tr {name} / N over its limit", []).append(trace / beta_of(gain) ** power)
    return Measured(values)


def _traces(seed: int, units: int, gain: float) -> dict[str, float]:
    """Divided by N, by name."""
    weights = initial_weights(seed, units, gain)
    once, other = resolvent_of(weights), resolvent_of(permuted(weights, seed))
    square = once @ once.T
    traces = {
        "B": np.trace(once),
        "B B^T": (once**2).sum(),
        "B B B^T": (once * square).sum(),
        "B B^T B B^T": (square**2).sum(),
        "B' B^T": (other * once).sum(),
        "B B^T B' B^T": (square * (other @ once.T).T).sum(),
    }
    return {name: float(traces[name]) / units for name in POWERS}


CLAIM = Claim(
    id="LRC-01",
    title="Traces of the random resolvent",
    source="equations 12 and 31, supplement S5, equations 83, 87, 92-95 and 137",
    says="For g < 1 and many units, Tr B / N = 1, Tr B B^T / N = beta, Tr B B B^T / N = beta^2 and Tr B B^T B B^T / N ="
    " beta^4. With B' of permuted weights, Tr B' B^T / N = 1 and Tr B B^T B' B^T / N = beta^2.",
    kind="statistical",
    parameters={"units": 600, "gains": (0.3, 0.6)},
    sizes={"quick": {}, "full": {"units": 1000, "gains": (0.3, 0.5, 0.6, 0.7)}},
    seeds={"quick": 6, "full": 10},
    checks=(
        Check("Tr B / N over its limit", "between", (0.99, 1.01)),
        Check("Tr B B^T / N over its limit", "between", (0.99, 1.01)),
        Check("Tr B B B^T / N over its limit", "between", (0.98, 1.02)),
        Check("Tr B B^T B B^T / N over its limit", "between", (0.96, 1.04)),
        Check("Tr B' B^T / N over its limit", "between", (0.99, 1.01)),
        Check("Tr B B^T B' B^T / N over its limit", "between", (0.98, 1.02)),
    ),
    measure=measure,
)
