"""INT-03: the gradient of the averaged loss in closed form."""

from __future__ import annotations

import numpy as np
import torch

from ltr.simulations.suites.integrators.averaged_loss import CASES, random_case
from ltr.simulations.suites.integrators.linear_integrator import loss_gradient
from ltr.simulations.suites.integrators.played_network import automatic_gradient, expected_loss
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """The formula against automatic differentiation of the played network, and against central differences."""
    automatic, differences = [], []
    for seed in protocol.seeds:
        for name in CASES:
            weights, task = random_case(name, seed, units=protocol["units"], steps=protocol["steps"])
            by_formula = loss_gradient(weights, task)
            reference = automatic_gradient(weights, task)
            automatic.append(float(np.abs(by_formula - reference).max() / np.abs(reference).max()))
            direction = np.random.default_rng([seed, 3]).normal(size=weights.shape)
            # partly along the gradient, because the slope along a random direction is small and hence imprecise
            direction = direction / np.linalg.norm(direction) + reference / np.linalg.norm(reference)
            step = protocol["difference"] * direction
            ahead, behind = (float(expected_loss(torch.from_numpy(weights + way * step), task)) for way in (1, -1))
            slope = (ahead - behind) / (2 * protocol["difference"])
            differences.append(abs(float((by_formula * direction).sum()) / slope - 1))
    return Measured(
        {
            "relative error against automatic differentiation": automatic,
            "relative error against central differences": differences,
        }
    )


CLAIM = Claim(
    id="INT-03",
    title="Gradient of the averaged loss",
    source="section 3, equation 10, appendix B, equations 42 and 43",
    says="The gradient is a sum over moments of their errors times products of powers of the weights, applied to the"
    " decoder and the encoder.",
    kind="exact",
    parameters={"units": 20, "steps": 5, "difference": 1e-4},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200, "steps": 10}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("relative error against automatic differentiation", "<=", 1e-12),
        Check("relative error against central differences", "<=", 1e-6),
    ),
    measure=measure,
)
