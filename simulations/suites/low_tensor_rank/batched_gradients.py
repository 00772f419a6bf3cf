"""LTR-43: the gradient of a batch has rank at most R + min(d, m), and its singular values obey Weyl's inequality."""

from __future__ import annotations

from itertools import product

import numpy as np

from ltr.simulations.suites.low_tensor_rank.rate_network import (
    automatic_gradients,
    full_network,
    low_rank_network,
    numerical_rank,
    random_task,
    relative_error,
    sample_gradients,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Ranks of the batch's gradient, and the highest excess over the bound on its singular values."""
    values: dict[str, list[float]] = {}
    timing = {"duration": protocol["duration"], "step": protocol["step"], "samples": protocol["batch"]}
    for seed, (rank, inputs, outputs), rest in product(protocol.seeds, protocol["cases"], (True, False)):
        rng = np.random.default_rng(seed)
        network = low_rank_network(rank, inputs, outputs, units=protocol["units"], rng=rng)
        task = random_task(network, rng, from_rest=rest, **timing)
        single = sample_gradients(network, task)
        mean = single.mean(0)
        values.setdefault("relative error of the mean", []).append(
            relative_error(mean, automatic_gradients(network, task).weights)
        )
        bound = rank + (min(outputs, inputs) if rest else outputs)
        start = "rest" if rest else "random states"
        name = f"rank minus R + {'min(d, m)' if rest else 'd'}, from {start}"
        values.setdefault(name, []).append(numerical_rank(mean) - bound)
        values.setdefault("excess over Weyl's bound, linear networks", []).append(
            highest_excess(single, protocol["draws"], rng)
        )
    for seed in protocol.seeds:
        rng = np.random.default_rng(seed)
        network = full_network(protocol["units"], 2, 2, rng)
        single = sample_gradients(network, random_task(network, rng, **timing))
        values.setdefault("excess over Weyl's bound, tanh networks", []).append(
            highest_excess(single, protocol["draws"], rng)
        )
        units, few = protocol["units"], protocol["rank of random matrices"]
        random = rng.normal(size=(protocol["batch"], units, few)) @ rng.normal(size=(protocol["batch"], few, units))
        values.setdefault("excess over Weyl's bound, random matrices", []).append(
            highest_excess(random, protocol["draws"], rng)
        )
    return Measured(values)


def highest_excess(single: Float[Array, "sample unit unit"], draws: int, rng: np.random.Generator) -> float:
    """Largest excess of a singular value of the mean over the mean of the singular values i_1, ..., i_Q.

    Args:
        single: gradients of the samples.
        draws: choices of the indices i_q, besides all first ones.
        rng: draws them, mostly small ones, so that their sum is an index of the mean.

    Returns:
        The excess as a share of the largest singular value.
    """
    samples, units = single.shape[:2]
    of_mean = np.linalg.svd(single.mean(0), compute_uv=False)
    of_samples = np.linalg.svd(single, compute_uv=False)
    indices = np.vstack([np.zeros((1, samples), int), rng.poisson(rng.uniform(0, 4, (draws, 1)), (draws, samples))])
    together = indices.sum(1)  # sum i_q - Q + 1, counted from zero
    kept = together < units
    bound = of_samples[np.arange(samples), indices[kept].clip(max=units - 1)].mean(1)
    return float(((of_mean[together[kept]] - bound) / of_mean[0]).max())


CLAIM = Claim(
    id="LTR-43",
    title="Batched updates",
    source="supplement D.3, batched updates",
    says="Over a batch, the rank of the first gradient is at most R + min(d, m), and the singular value number"
    " i_1 + ... + i_Q - Q + 1 of the mean is at most the mean of the singular values i_1, ..., i_Q of the samples"
    " (for networks that start at rest).",
    kind="exact",
    parameters={
        "units": 100,
        "duration": 6.0,
        "step": 0.1,
        "batch": 16,
        "cases": [(3, 2, 2), (3, 4, 1), (2, 1, 3), (5, 2, 4)],
        "draws": 200,
        "rank of random matrices": 3,
    },
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("rank minus R + min(d, m), from rest", "<=", 0),
        Check("rank minus R + d, from random states", "<=", 0),
        Check("excess over Weyl's bound, linear networks", "<=", 1e-13),
        Check("excess over Weyl's bound, tanh networks", "<=", 1e-13),
        Check("excess over Weyl's bound, random matrices", "<=", 1e-13),
        Check("relative error of the mean", "<=", 1e-12),
    ),
    measure=measure,
)
