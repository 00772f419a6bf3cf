"""INT-02: the loss averaged over inputs is a quadratic form in the errors of the moments."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.integrators.linear_integrator import Integration, averaged_loss
from ltr.simulations.suites.integrators.played_network import drawn_inputs, expected_loss, sequence_losses
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

CASES = {"white": (1, 0.0), "correlated": (1, 0.6), "several channels": (3, 0.0)}
"""Inputs -> number of channels, correlation of successive inputs."""


def measure(protocol: Protocol) -> Measured:
    """The formula against means over drawn inputs, and against the mean over all of them."""
    values: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        for name in CASES:
            weights, task = random_case(name, seed, units=protocol["units"], steps=protocol["steps"])
            by_formula = float(averaged_loss(weights, task))
            rng = np.random.default_rng([seed, 2])
            drawn = sequence_losses(
                torch.from_numpy(weights), task, drawn_inputs(rng, task, protocol["sequences"])
            ).numpy()
            error = drawn.std(ddof=1) / np.sqrt(len(drawn))
            expected = float(expected_loss(torch.from_numpy(weights), task))
            found = {
                f"distance from the sampled mean in standard errors, {name}": abs(drawn.mean() - by_formula) / error,
                "standard error of the sampled mean over the mean": error / by_formula,
                "relative error of the formula": abs(by_formula / expected - 1),
                "smallest eigenvalue of chi": np.linalg.eigvalsh(task.correlations)[0],
                "chi minus its transpose": np.abs(task.correlations - task.correlations.T).max(),
            }
            for quantity, value in found.items():
                values.setdefault(quantity, []).append(float(value))
    return Measured(values)


def random_case(name: str, seed: int, *, units: int, steps: int) -> tuple[Float[Array, "unit unit"], Integration]:
    """A random network that integrates nothing, and what it should integrate."""
    channels, correlation = CASES[name]
    rng = np.random.default_rng(seed)
    encoders, decoders = rng.normal(size=(2, units, channels)) / np.sqrt(units)
    scales, decays = rng.uniform(0.7, 1.5, channels), rng.uniform(0.8, 0.99, channels)
    weights = rng.normal(size=(units, units)) * 0.7 / np.sqrt(units)
    return weights, Integration(encoders, decoders, scales, decays, steps, correlation)


CLAIM = Claim(
    id="INT-02",
    title="Averaged loss",
    source="section 3, equations 5, 7 and 8, appendix A, equation 41",
    says="Averaged over inputs, the loss is a quadratic form in the errors of the first T moments. Its matrix chi,"
    " which depends on the inputs alone, is symmetric and positive definite.",
    kind="statistical",
    parameters={"units": 20, "steps": 5, "sequences": 50_000},
    sizes={"quick": {}, "full": {"sequences": 200_000}},
    seeds={"quick": 3, "full": 10},
    checks=(
        # one of 16 000 lies further away by chance
        *(Check(f"distance from the sampled mean in standard errors, {name}", "<=", 4) for name in CASES),
        Check("standard error of the sampled mean over the mean", "<=", 0.01),
        Check("relative error of the formula", "<=", 1e-12),
        Check("smallest eigenvalue of chi", ">=", 0.1),
        Check("chi minus its transpose", "==", 0),
    ),
    measure=measure,
)
