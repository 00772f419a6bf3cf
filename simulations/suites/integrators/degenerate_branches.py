"""INT-11: integrators whose first eigenvector has no first component."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.integrators.integrator_manifolds import GEOMETRIES, geometry, landmarks, matrix
from ltr.simulations.suites.integrators.linear_integrator import embedded, moments, overlaps
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """The matrix against its eigenvectors, scales along v, and the curve at the scale d . e."""
    values: dict[str, list[float]] = {}
    decay, lags = protocol["decay"], protocol["lags"]
    powers = decay ** np.arange(1, lags + 1)
    for seed in protocol.seeds:
        for index in range(len(GEOMETRIES)):
            task, small, basis = geometry(index, seed, protocol["units"], decay=decay)
            rng = np.random.default_rng([seed, index])
            slope = np.sort(rng.uniform(0.2, 3, protocol["points"])) * rng.choice([-1, 1])
            second = rng.uniform(-0.8, 0.8, protocol["points"])
            vectors = matrix(((0.0, 1.0), (1.0, slope)))
            values_there = matrix(((decay, 0.0), (0.0, second)))
            directly = vectors @ values_there @ np.linalg.inv(vectors)
            corrected = matrix(((second, 0.0), ((second - decay) * slope, decay)))
            printed = matrix(((second, 0.0), ((decay - second) * slope, decay)))
            of_rank_one = embedded(matrix(((0.0, 0.0), (-decay * slope, decay))), basis)
            found = moments(of_rank_one, task, lags)[..., 0, 0]
            scales = found[:, 0] / decay
            # a decoder at right angles to (1, v) does not see the second mode
            decoder = small.decoders[:, 0]
            quiet = -decoder[0] / decoder[1]
            curve = matrix(((second, 0.0), ((second - decay) * quiet, decay)))
            on_curve = moments(embedded(curve, basis), task, lags)[..., 0, 0]
            overlap = overlaps(task)[0, 1]
            errors = {
                "error of the matrix as printed": np.abs(printed - directly).max((1, 2)).min(),
                "error of the matrix corrected": np.abs(corrected - directly).max(),
                "second eigenvalue 0, error of moments": np.abs(found - scales[:, None] * powers).max(),
                "second eigenvalue 0, scale minus a line in v": np.abs(
                    scales - np.polyval(np.polyfit(slope, scales, 1), slope)
                ).max(),
                "second eigenvalue 0, slope of the line plus Z": abs(
                    np.polyfit(slope, scales, 1)[0] + landmarks(small).size
                ),
                "scale d . e, error of moments for all eigenvalues": np.abs(on_curve - overlap * powers).max(),
            }
            for name, value in errors.items():
                values.setdefault(name, []).append(float(value))
    return Measured(values)


CLAIM = Claim(
    id="INT-11",
    title="Degenerate branches of integrators",
    source="appendix E, case u1 = 0",
    says="If the eigenvector of gamma has no first component, the parameters are (lambda, 0; (gamma - lambda) v,"
    " gamma). Their scale is linear in v, so that a scale leaves a point with lambda = 0, or a curve if it is d . e.",
    kind="exact",
    parameters={"units": 60, "decay": 0.9, "lags": 6, "points": 20},
    sizes={"smoke": {}, "quick": {}, "full": {"units": 200, "points": 50}},
    seeds={"smoke": 3, "quick": 3, "full": 10},
    checks=(
        Check("error of the matrix as printed", ">=", 0.01),
        Check("error of the matrix corrected", "<=", 1e-12),
        Check("second eigenvalue 0, error of moments", "<=", 1e-12),
        Check("second eigenvalue 0, scale minus a line in v", "<=", 1e-12),
        Check("second eigenvalue 0, slope of the line plus Z", "<=", 1e-12),
        Check("scale d . e, error of moments for all eigenvalues", "<=", 1e-9),
    ),
    measure=measure,
    deviation="The entry below the diagonal has the opposite sign, (lambda - gamma) v: so says the product of"
    " eigenvectors and eigenvalues, to rounding. What follows from it, scales linear in v, a point for lambda = 0 and"
    " a curve at d . e, stands.",
)
