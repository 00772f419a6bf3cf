"""LRC-09: the first singular value of weight changes grows linearly in learning time, the second one cubically."""

from __future__ import annotations

from itertools import product
from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.gradient_flow import automatic_derivatives
from ltr.simulations.suites.low_rank_change.large_network_limit import two_terms
from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    orthogonal_pairs,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import taylor_series
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

ORDER = 6  # of the series whose singular values are computed


def measure(protocol: Protocol) -> Measured:
    """Coefficients of both singular values over their limits, medians over pairs of vectors."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for gain, target in product(protocol["gains"], protocol["targets"]):
        beta, found, slopes, errors = beta_of(gain), [], [], []
        for seed in protocol.seeds:
            w, m = vector_pairs(seed, protocol["units"], protocol["pairs"])
            resolvent = resolvent_of(initial_weights(seed, protocol["units"], gain))
            cores = taylor_series(resolvent, w, m, target=target, order=ORDER).cores()
            found.append(_coefficients(cores[:3]))
            times = np.array(protocol["times"]) / beta**2
            singular = np.stack([_singular_values(cores, time) for time in times])
            slopes.append(np.log(singular[1, :, 1] / singular[0, :, 1]) / np.log(times[1] / times[0]))
            # the coefficients come from perturbation theory, these values from a decomposition
            errors.append(singular[0, :, 0] / np.polyval([*found[-1][2::-1], 0 * found[-1][0]], times[0]) - 1)
        expected = target / beta * np.array([1, -1 / 2, (1 + 7 / 2 * target**2 * beta) / 6, target**2 * beta / 12])
        powers = beta ** (2 * np.array([1, 2, 3, 3]))
        medians = np.median(np.concatenate(found, axis=1), axis=1)
        for name, ratio in zip(("T", "T^2", "T^3"), medians[:3] / powers[:3] / expected[:3], strict=True):
            note(f"median coefficient of {name} in s_1 over equation 14", ratio)
        note("median of s_2 / T^3 over equation 14", medians[3] / powers[3] / expected[3])
        note("median power of time in s_2", np.median(np.concatenate(slopes)))
        note("error of s_1 by its coefficients, early", np.abs(np.concatenate(errors)).max())
    for seed, target in product(protocol.seeds, protocol["targets"]):
        note("third over second singular value in tau^3", _third_over_second(seed, protocol["small"], target))
        for name, number in _by_two_by_two(seed, protocol["small"], target, protocol["time"]).items():
            note(name, number)
    return Measured(values)


def _coefficients(cores: Float[Array, "3 pair value value"]) -> Float[Array, "5 pair"]:
    """Of tau, tau^2, tau^3 in s_1, by perturbation of the first, which has rank one; of tau^3 in s_2; and s_3 / s_2.

    What the first leaves over is its Schur complement, which begins with tau^3.
    """
    first, second, third = cores
    left, singular, right = np.linalg.svd(first)
    u, v, largest = left[..., :, 0], right[..., 0, :], singular[..., 0]
    across, along = (second @ v[..., None])[..., 0], (u[..., None, :] @ second)[..., 0, :]  # M v and M^T u
    middle = (u * across).sum(-1)
    beyond_u, beyond_v = across - middle[..., None] * u, along - middle[..., None] * v
    cubic = np.einsum("...i,...ij,...j", u, third, v)
    cubic = cubic + ((beyond_u**2).sum(-1) + (beyond_v**2).sum(-1)) / (2 * largest)
    identity = np.eye(first.shape[-1])
    outside = (identity - u[..., :, None] * u[..., None, :]) @ third @ (identity - v[..., :, None] * v[..., None, :])
    left_over = outside - beyond_u[..., :, None] * beyond_v[..., None, :] / largest[..., None, None]
    others = np.linalg.svd(left_over, compute_uv=False)
    return np.stack([largest, middle, cubic, others[..., 0], others[..., 1] / others[..., 0]])


def _third_over_second(seed: int, units: int, target: float) -> float:
    """Of what grows with tau^3, from derivatives by automatic differentiation."""
    weights, (w, m) = initial_weights(seed, units, 0.6), vector_pairs(seed, units, 1)
    found = automatic_derivatives(weights, w[0], m[0], target, 3)
    return float(_coefficients(np.stack([found[0], found[1] / 2, found[2] / 6])[:, None])[4, 0])


def _singular_values(cores: Float[Array, "power pair value value"], time: float) -> Float[Array, "pair value"]:
    """Of dW after some learning time."""
    powers = time ** np.arange(1, len(cores) + 1)
    return np.asarray(np.linalg.svd(np.tensordot(powers, cores, axes=1), compute_uv=False))


def _by_two_by_two(seed: int, units: int, target: float, time: float) -> dict[str, float]:
    """Singular values from equation 71 at g = 0 over those of U V^T: corrected, and with the printed exponent."""
    (w,), (m,) = orthogonal_pairs(seed, units, 1)
    left, right = two_terms(np.eye(units), w, m, time, target=target, gain=0.0)
    exact = np.linalg.svd(left @ right.T, compute_uv=False)[0]
    (p, q), (_, r) = left.T @ left
    square = np.array([[p**2 + q**2, q * (p + r)], [q * (p + r), q**2 + r**2]])
    return {
        "relative error of s_1 from the last matrix of equation 71": abs(
            np.sqrt(np.linalg.eigvalsh(square)[-1]) / exact - 1
        ),
        "s_1 with the printed exponent 2 over s_1": np.sqrt(np.linalg.eigvalsh(square @ square)[-1]) / exact,
    }


CLAIM = Claim(
    id="LRC-09",
    title="Singular values to third order",
    source="equation 14, supplement S4.4, equations 71-81",
    says="With T = beta^2 tau, the singular values of dW are s_1 = (zhat / beta) [T - T^2 / 2 + (1 + 7 zhat^2 beta / 2)"
    " T^3 / 6] and s_2 = zhat^3 T^3 / 12; the others are of higher order.",
    kind="statistical",
    parameters={
        "units": 400,
        "gains": (0.0, 0.3, 0.6),
        "targets": (0.5, 2.0),
        "pairs": 40,
        "times": (0.005, 0.02),
        "small": 24,
        "time": 0.1,
    },
    sizes={"quick": {}, "full": {"units": 1000}},
    seeds={"quick": 8, "full": 10},
    checks=(
        Check("median coefficient of T in s_1 over equation 14", "between", (0.97, 1.03)),
        Check("median coefficient of T^2 in s_1 over equation 14", "between", (0.93, 1.07)),
        Check("median coefficient of T^3 in s_1 over equation 14", "between", (0.93, 1.07)),
        Check("median of s_2 / T^3 over equation 14", "between", (0.92, 1.08)),
        Check("third over second singular value in tau^3", "<=", 1e-10),
        Check("median power of time in s_2", "between", (2.85, 3.1)),
        Check("error of s_1 by its coefficients, early", "<=", 1e-4),
        Check("relative error of s_1 from the last matrix of equation 71", "<=", 1e-10),
        Check("s_1 with the printed exponent 2 over s_1", "<=", 0.5),
    ),
    measure=measure,
    deviation="Both singular values hold. The last matrix of equation 71 is already the square of the one before and is"
    " printed with another exponent 2, which would square all singular values; equations 75 to 81 do without it.",
)
