"""INT-12: singular vectors and value of an integrator of rank one."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.integrators.integrator_manifolds import (
    GEOMETRIES,
    geometry,
    random_slopes,
    with_eigenvalues,
)
from ltr.simulations.suites.integrators.linear_integrator import embedded
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """The closed form against singular value decompositions of parameters and weights."""
    values: dict[str, list[float]] = {}
    decay = protocol["decay"]
    for seed in protocol.seeds:
        for index in range(len(GEOMETRIES)):
            _, _, basis = geometry(index, seed, protocol["units"], decay=decay)
            alpha, beta = random_slopes(np.random.default_rng([seed, index]), protocol["points"])
            parameters = with_eigenvalues(0.0, alpha, beta, decay)
            weights = embedded(parameters, basis)
            printed = decay * np.sqrt((alpha**2 + 1) * (beta**2 + 1)) / (beta - alpha)
            one = np.ones_like(alpha)
            x, y = np.stack([one, alpha], 1), np.stack([beta, -one], 1)
            x, y = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (x, y))
            of_weights, of_parameters = (np.linalg.svd(part) for part in (weights, parameters))
            left, right = x @ basis.T, y @ basis.T
            size = of_weights.S[:, 0]
            product = np.abs(printed)[:, None, None] * left[:, :, None] * right[:, None, :]
            found = {
                "relative error of sigma as printed": np.abs(printed / size - 1).max(),
                "relative error of sigma, corrected": np.abs(np.abs(printed) / size - 1).max(),
                "singular values of parameters and weights": np.abs(of_parameters.S[:, 0] / size - 1).max(),
                "second singular value over first": (of_weights.S[:, 1] / size).max(),
                "1 minus cosine of left singular vectors": (1 - np.abs((left * of_weights.U[:, :, 0]).sum(1))).max(),
                "1 minus cosine of right singular vectors": (1 - np.abs((right * of_weights.Vh[:, 0]).sum(1))).max(),
                "weights minus sigma l r^T, up to the sign": np.minimum(
                    np.abs(weights - product).max((1, 2)), np.abs(weights + product).max((1, 2))
                ).max(),
                "x as a left eigenvector, as printed": np.linalg.norm(
                    np.einsum("ci,cij->cj", x, parameters) - decay * x, axis=1
                ).max(),
                "x as a right eigenvector": np.linalg.norm(
                    np.einsum("cij,cj->ci", parameters, x) - decay * x, axis=1
                ).max(),
            }
            for name, value in found.items():
                values.setdefault(name, []).append(float(value))
    return Measured(values)


CLAIM = Claim(
    id="INT-12",
    title="From parameters to weights",
    source="appendix E, from omega to W",
    says="Parameters of rank one are sigma x y^T with x along (1, alpha), its left eigenvector, y along (beta, -1), its"
    " right one, and sigma = gamma sqrt((alpha^2 + 1) (beta^2 + 1)) / (beta - alpha). Weights have the same sigma, and"
    " vectors that are made from x and y by the basis.",
    kind="exact",
    parameters={"units": 60, "decay": 0.9, "points": 20},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200}},
    seeds={"smoke": 3, "quick": 3, "full": 5},
    checks=(
        Check("relative error of sigma as printed", ">=", 0.01),
        Check("relative error of sigma, corrected", "<=", 1e-12),
        Check("singular values of parameters and weights", "<=", 1e-12),
        Check("second singular value over first", "<=", 1e-12),
        Check("1 minus cosine of left singular vectors", "<=", 1e-12),
        Check("1 minus cosine of right singular vectors", "<=", 1e-12),
        Check("weights minus sigma l r^T, up to the sign", "<=", 1e-12),
        Check("x as a left eigenvector, as printed", ">=", 0.01),
        Check("x as a right eigenvector", "<=", 1e-12),
    ),
    measure=measure,
    deviation="Signs and names. For beta < alpha the printed sigma is negative; the singular value has |beta - alpha|"
    " in the denominator, and one of the vectors changes its sign. And x and y are the left and right singular vectors,"
    " not eigenvectors: x is the right eigenvector of gamma, and y the left one. With this, all equals"
    " decompositions of parameters and weights to rounding.",
)
