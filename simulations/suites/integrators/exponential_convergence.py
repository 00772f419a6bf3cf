"""INT-15: close to an integrator descent converges exponentially, at a rate that the Hessian tells."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.integrators.hessian_at_integrators import without_factor
from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    averaged_loss,
    descend,
    one_channel,
    random_vectors,
    reduced,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Rates of descent from W = 0 at the best learning rate, and the largest rate at which it stays."""
    values: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        encoder, decoder = random_vectors(seed, protocol["units"])
        for steps in protocol["steps"]:
            task = one_channel(encoder, decoder, protocol["scale"], decay=protocol["decay"], steps=steps)
            small, _ = reduced(task)
            normal = (steps * protocol["scale"]) ** 2  # losses of the authors' code
            first, _ = descend(np.zeros((2, 2)), small, protocol["rate"] / steps, protocol["updates"])
            largest = hessian_eigenvalues(first, small)[-1]
            # where descent ends depends a little on the rate, and the Hessian with it
            record = list(range(0, protocol["updates"], protocol["every"]))
            end, losses = descend(np.zeros((2, 2)), small, 1 / largest, protocol["updates"], record=record)
            eigenvalues = hessian_eigenvalues(end, small)
            ratio = eigenvalues[1] / largest
            low, high = protocol["losses fitted"]
            fitted = (losses / normal < high) & (losses / normal > low)
            slope = np.polyfit(np.array(record)[fitted], np.log(losses[fitted]), 1)[0]
            found = {
                "loss, relative error of the rate": abs(slope / (2 * np.log1p(-ratio)) - 1),
                "convergence time C": eigenvalues[-1] / eigenvalues[1],
                "points fitted": fitted.sum(),
                "null eigenvalue over largest": abs(eigenvalues[0]) / eigenvalues[-1],
                "limit of the learning rate, 2 / lambda": 2 / eigenvalues[-1] * normal,
            }
            away = np.random.default_rng([seed, 1]).normal(size=(2, 2))
            start = end + protocol["distance"] * away / np.linalg.norm(away)
            for factor in (0.95, 1.05):
                last, _ = descend(start, small, factor * 2 / eigenvalues[-1], protocol["updates near the limit"])
                found[f"loss after {factor:g} of the limit"] = averaged_loss(last, small) / normal
            for name, value in found.items():
                values.setdefault(name if "limit of" not in name else f"{name}, T = {steps}", []).append(float(value))
    return Measured(values)


def hessian_eigenvalues(parameters: Float[Array, "2 2"], small: Integration) -> Float[Array, " 4"]:
    """Of the loss, in increasing order; equation 49 with its factor 2."""
    return np.linalg.eigvalsh(2 * without_factor(parameters, small))


CLAIM = Claim(
    id="INT-15",
    title="Exponential convergence",
    source="section 3.2, appendix G, after equation 50",
    says="Close to an integrator every mode of the Hessian shrinks as (1 - eta lambda)^tau, which converges if eta is"
    " below 2 / lambda. At eta = 1 / lambda_max the slowest one takes C = lambda_max / lambda_min steps.",
    kind="exact",
    parameters={
        "units": 1000,
        "scale": 1.0,
        "decay": 0.995,
        "steps": [3, 4, 5],
        "rate": 0.02,
        "updates": 1500,
        "every": 5,
        "losses fitted": (1e-24, 1e-12),
        "distance": 1e-3,
        "updates near the limit": 3000,
    },
    sizes={"smoke": {"steps": [3]}, "quick": {}, "full": {}},
    seeds={"smoke": 2, "quick": 3, "full": 10},
    checks=(
        Check("loss, relative error of the rate", "<=", 1e-5),
        Check("points fitted", ">=", 10),
        Check("null eigenvalue over largest", "<=", 1e-12),
        Check("loss after 0.95 of the limit", "<=", 1e-12),
        Check("loss after 1.05 of the limit", ">=", 1e-4),
    ),
    measure=measure,
)
