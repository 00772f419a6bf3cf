"""INT-04: which diagonalizable networks integrate for all times, by eigenvalues and their shares in the output."""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.integrators.linear_integrator import Integration, moments, one_channel, wanted_moments
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

LARGEST_CONDITION = 1e3  # of the eigenvectors: beyond, rounding errors grow
MOST_DRAWS = 1000


def measure(protocol: Protocol) -> Measured:
    """Networks with chosen eigenvalues and shares, some of which meet the conditions and some of which do not."""
    s, gamma, lags = protocol["scale"], protocol["decay"], protocol["lags"]
    # eigenvalue -> shares of the modes that have it
    fulfilled = {
        "one mode": {gamma: [s], 0.7: [0.8, -0.8], -0.4: [0.5, -0.2, -0.3]},
        "two modes": {gamma: [s - 0.4, 0.4], 0.7: [0.8, -0.8]},
    }
    violated = {
        "no cancellation, two eigenvalues": {gamma: [s], 0.7: [0.3], 0.5: [-0.3]},
        "no cancellation, one eigenvalue": {gamma: [s], -0.4: [0.1, -0.05]},
        "shares of gamma do not sum to s": {gamma: [s, 0.1], 0.7: [0.8, -0.8]},
    }
    errors: dict[str, list[float]] = {}
    for seed in protocol.seeds:
        for name, modes in (fulfilled | violated).items():
            eigenvalues = np.repeat(list(modes), [len(shares) for shares in modes.values()])
            shares = np.concatenate(list(modes.values()))
            rng = np.random.default_rng(seed)
            weights, task = with_modes(rng, protocol["units"], eigenvalues, shares, scale=s, decay=gamma)
            found = moments(weights, task, lags)[:, 0, 0]
            by_shares = (shares * eigenvalues ** np.arange(1, lags + 1)[:, None]).sum(1)
            met = "conditions fulfilled" if name in fulfilled else "conditions violated"
            errors.setdefault(f"largest error of a moment, {met}", []).append(
                float(np.abs(found - wanted_moments(task, lags)[:, 0, 0]).max())
            )
            errors.setdefault("error of moments from shares", []).append(float(np.abs(found - by_shares).max()))
    return Measured(errors)


def with_modes(
    rng: np.random.Generator,
    units: int,
    eigenvalues: Float[Array, " mode"],
    shares: Float[Array, " mode"],
    *,
    scale: float,
    decay: float,
) -> tuple[Float[Array, "unit unit"], Integration]:
    """A network with given eigenvalues and shares g = (P^T d) (P^-1 e), and the task that it may or may not solve.

    Eigenvectors P are drawn and then corrected so that P 1 = e, and P^T d = g. The other modes have the eigenvalue 0;
    the last of them has what is missing from the sum of shares, which is always d . e.
    """
    shares = np.concatenate([shares, np.zeros(units - len(shares))])
    eigenvalues = np.concatenate([eigenvalues, np.zeros(units - len(eigenvalues))])
    for _ in range(MOST_DRAWS):
        encoder, decoder = rng.normal(size=(2, units)) / np.sqrt(units)
        shares[-1] += decoder @ encoder - shares.sum()
        vectors = rng.normal(size=(units, units)) / np.sqrt(units)
        vectors += np.outer(encoder - vectors.sum(1), np.ones(units)) / units
        vectors += np.outer(decoder, shares - decoder @ vectors) / (decoder @ decoder)
        if np.linalg.cond(vectors) < LARGEST_CONDITION:
            break
    else:
        raise ArithmeticError("all drawn eigenvectors are nearly dependent")
    weights = vectors * eigenvalues @ np.linalg.inv(vectors)
    return weights, one_channel(encoder, decoder, scale, decay=decay, steps=units + 1)


CLAIM = Claim(
    id="INT-04",
    title="Conditions for integration at all times",
    source="section 3.1, equations 11 and 12",
    says="A diagonalizable network integrates sequences of any length if and only if the shares of the modes with the"
    " eigenvalue gamma sum to s, and those of each other eigenvalue but 0 sum to zero.",
    kind="exact",
    parameters={"units": 12, "scale": 1.4, "decay": 0.9, "lags": 40},
    sizes={"smoke": {}, "quick": {}, "full": {}},
    seeds={"smoke": 3, "quick": 5, "full": 100},
    checks=(
        Check("largest error of a moment, conditions fulfilled", "<=", 1e-10),
        Check("largest error of a moment, conditions violated", ">=", 0.01),
        Check("error of moments from shares", "<=", 1e-10),
    ),
    measure=measure,
)
