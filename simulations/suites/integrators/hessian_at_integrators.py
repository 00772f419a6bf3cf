"""INT-13: second derivatives of the loss at integrators, and in how many directions they vanish."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.integrators.integrator_manifolds import (
    beta_of,
    landmarks,
    scale,
    with_eigenvalues,
)
from ltr.simulations.suites.integrators.linear_integrator import (
    Integration,
    averaged_loss,
    embedded,
    moment_derivatives,
    one_channel,
    random_vectors,
    reduced,
)
from ltr.simulations.suites.integrators.played_network import automatic_hessian
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

NULL = 1e-9  # of the largest eigenvalue


def measure(protocol: Protocol) -> Measured:
    """Eigenvalues of Hessians by automatic differentiation, and these Hessians against both formulas."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    decay, steps = protocol["decay"], protocol["steps"]
    for seed in protocol.seeds:
        encoder, decoder = random_vectors(seed, protocol["units"], mixing=protocol["mixing"])
        task = one_channel(encoder, decoder, float(decoder @ encoder), decay=decay, steps=steps)
        small, basis = reduced(task)
        at = landmarks(small)
        rng = np.random.default_rng([seed, 1])
        alpha, second = rng.uniform(0.5, 2), rng.uniform(0.2, 0.7)
        beta = float(beta_of(alpha, protocol["scale"], at))
        points = {
            "rank one": with_eigenvalues(0.0, alpha, beta, decay),
            "one manifold of rank two": with_eigenvalues(second, alpha, at.alpha, decay),
            "the other manifold": with_eigenvalues(second, at.beta, at.beta - alpha, decay),
            "where they meet": with_eigenvalues(second, at.beta, at.alpha, decay),
        }
        for name, parameters in points.items():
            scales = np.array([scale(alpha, beta, at) if name == "rank one" else decoder @ encoder])
            there = one_channel(small.encoders[:, 0], small.decoders[:, 0], scales[0], decay=decay, steps=steps)
            automatic = automatic_hessian(parameters, there)
            printed = without_factor(parameters, there)
            note("automatic differentiation over equation 49", np.linalg.norm(automatic) / np.linalg.norm(printed))
            note("relative error of twice equation 49", _relative(2 * printed, automatic))
            eigenvalues = np.linalg.eigvalsh(automatic) / np.linalg.norm(automatic, 2)
            note(f"null eigenvalues, {name}", (np.abs(eigenvalues) <= NULL).sum())
            note(f"positive eigenvalues, {name}", (eigenvalues > NULL).sum())
            values.setdefault(f"eigenvalues, {name}", []).extend(np.linalg.eigvalsh(automatic).tolist())
            if name == "rank one":
                step = protocol["step"] * np.linalg.eigh(automatic)[1][:, -1].reshape(2, 2)
                expansion = (step.ravel() @ automatic @ step.ravel()).item()
                note("loss over sum of lambda delta^2", averaged_loss(parameters + step, there) / expansion)
        # all weights, at an integrator: equation 44 has the factor that equation 49 lacks
        full = one_channel(encoder, decoder, float(scale(alpha, beta, at)), decay=decay, steps=steps)
        weights = embedded(points["rank one"], basis)
        printed = 2 * without_factor(weights, full)
        note("relative error of equation 44", _relative(printed, automatic_hessian(weights, full)))
    return Measured(values)


def without_factor(weights: Float[Array, "unit unit"], task: Integration) -> Float[Array, "weight weight"]:
    """Products of derivatives of moments, weighted by chi: equation 49, and half of equation 44."""
    derivatives = moment_derivatives(weights, task).reshape(task.steps, -1)
    return np.asarray(derivatives.T @ task.correlations @ derivatives)


def _relative(found: Array, reference: Array) -> float:
    return float(np.linalg.norm(found - reference) / np.linalg.norm(reference))


CLAIM = Claim(
    id="INT-13",
    title="Second derivatives at integrators",
    source="appendices B, F, G and H, equations 44, 49 and 50",
    says="In the four parameters, the Hessian of equation 49 has one null eigenvalue at an integrator of rank one, two"
    " at one on a single manifold of rank two, and three where these manifolds meet; the others are positive.",
    kind="exact",
    parameters={"units": 6, "mixing": 0.4, "decay": 0.995, "steps": 3, "scale": 1.0, "step": 1e-6},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 12}},
    seeds={"smoke": 3, "quick": 5, "full": 20},
    checks=(
        Check("automatic differentiation over equation 49", "between", (2 - 1e-8, 2 + 1e-8)),
        Check("relative error of twice equation 49", "<=", 1e-8),
        Check("relative error of equation 44", "<=", 1e-8),
        Check("loss over sum of lambda delta^2", "between", (0.499, 0.501)),
        Check("null eigenvalues, rank one", "==", 1),
        Check("positive eigenvalues, rank one", "==", 3),
        Check("null eigenvalues, one manifold of rank two", "==", 2),
        Check("positive eigenvalues, one manifold of rank two", "==", 2),
        Check("null eigenvalues, the other manifold", "==", 2),
        Check("positive eigenvalues, the other manifold", "==", 2),
        Check("null eigenvalues, where they meet", "==", 3),
        Check("positive eigenvalues, where they meet", "==", 1),
    ),
    measure=measure,
    deviation="Equation 49 has lost the factor 2 that equation 44 has: second derivatives by automatic differentiation"
    " are 2.000 times equation 49, and equal equation 44. So equation 50, the loss as a sum of lambda delta^2, holds"
    " for the printed matrix, and half of it for the true Hessian, while the updates 1 - eta lambda after it hold for"
    " the true one. Signs, numbers of null eigenvalues and ratios are not affected.",
)
