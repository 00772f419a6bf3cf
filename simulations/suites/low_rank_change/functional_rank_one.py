"""LRC-16: with the largest singular value of the change alone, linear networks solve their task as before."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    EXPERIMENT,
    LEVEL,
    PAPER,
    SEEDS,
    SHARES,
    experiment,
    learned,
    readout,
    start,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Losses of truncated networks over zhat^2 / 2, and the smallest rank that is below 5% of that at rank 0."""
    values: dict[str, list[float]] = {}
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        network, descended = start(learning), learned(learning)
        for index, target in enumerate(learning.targets):
            for seed in range(len(learning.seeds)):
                weights = network.weight[seed].numpy()
                outputs = [
                    readout(network, seed, weights + (descended.truncated(seed, index, rank) if rank else 0.0))
                    for rank in range(3)
                ]
                losses = (1 - np.array(outputs) / target) ** 2
                below = losses < LEVEL * losses[0]
                rank = float(below.argmax()) if below.any() else np.inf
                values.setdefault("functional rank", []).append(rank)
                for kept in (1, 2):
                    values.setdefault(f"loss at rank {kept}, zhat = {target:g}", []).append(float(losses[kept]))
    return Measured(values)


CLAIM = Claim(
    id="LRC-16",
    title="Functional rank of linear networks",
    source="section 3, not shown in the paper",
    says="Because the second singular value is small, truncating the change of the weights at rank 1 does not increase"
    " the loss, so that the functional rank is 1.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.3, 0.6)},
    sizes={"quick": {}, "full": PAPER},
    seeds=SEEDS,
    checks=(
        Check("functional rank", "==", 1),
        Check("loss at rank 1, zhat = 0.5", "<=", 5e-4),
        Check("loss at rank 1, zhat = 2", "<=", 0.02),
        Check("loss at rank 2, zhat = 0.5", "<=", 2e-4),
        Check("loss at rank 2, zhat = 2", "<=", 1e-7),
    ),
    measure=measure,
    shares=SHARES,
)
