"""LRC-05: to second order in learning time, weights change by one outer product, and growth slows down."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.gradient_flow import automatic_derivatives
from ltr.simulations.suites.low_rank_change.large_network_limit import derivatives, readout_coefficients
from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import Outer, taylor_series
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Forms at finite N against automatic differentiation in small networks; those of the limit in large ones."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    target = protocol["target"]
    for seed in protocol.seeds:
        for name, error in _small_errors(seed, protocol["small"], protocol["gain"], target).items():
            note(name, error)
    found = {}
    for units in protocol["sizes"]:
        errors = [_large_errors(seed, units, protocol) for seed in protocol.seeds]
        found[units] = np.median(np.concatenate(errors, axis=1), axis=1)
    small, large = (found[units] for units in protocol["sizes"])
    note("median error of W_2, equation 35", large[0])
    note("error of W_2 in the smaller over the larger networks", small[0] / large[0])
    note("median error of W_2 with w^T B^T as printed in equations 36 and 37", large[1])
    for gain in protocol["gains"]:
        ratios = [_readout_ratios(seed, gain, protocol) for seed in protocol.seeds]
        note("median second coefficient of z over -zhat / 2", np.median(ratios))
    return Measured(values)


def _small_errors(seed: int, units: int, gain: float, target: float) -> dict[str, float]:
    """Relative errors of the forms that are exact at any N, and the rank of dW to second order."""
    weights = initial_weights(seed, units, gain)
    resolvent, (w, m) = resolvent_of(weights), vector_pairs(seed, units, 1)
    automatic = automatic_derivatives(weights, w[0], m[0], target, 2)[1]
    p, q = w @ resolvent, m @ resolvent.T
    error, beta_w, beta_m = target - (p * m).sum(1), (p**2).sum(1), (q**2).sum(1)
    exact = Outer.of(
        (-error * beta_w * beta_m, p, q),
        (error**2 * beta_w, q @ resolvent, q),
        (error**2 * beta_m, p, p @ resolvent.T),
    ).dense()[0]
    series = taylor_series(resolvent, w, m, target=target, order=2).derivative(2).dense()[0]
    scale = np.abs(automatic).max()
    return {
        "error of W_2 at finite N": np.abs(exact - automatic).max() / scale,
        "error of the power series": np.abs(series - automatic).max() / scale,
        "W_2 apart from the row and column space of W_1": np.abs(_apart(p[0]) @ automatic @ _apart(q[0])).max() / scale,
    }


def _apart(vector: np.ndarray) -> np.ndarray:
    """Projection onto what is orthogonal to a vector; dW is one outer product to second order if nothing is left."""
    return np.asarray(np.eye(len(vector)) - np.outer(vector, vector) / (vector @ vector))


def _large_errors(seed: int, units: int, protocol: Protocol) -> np.ndarray:
    """Relative Frobenius errors of W_2, one a pair of vectors: equation 35; as printed in equations 36 and 37."""
    gain, target = protocol["gain"], protocol["target"]
    resolvent, (w, m) = resolvent_of(initial_weights(seed, units, gain)), vector_pairs(seed, units, protocol["pairs"])
    exact = taylor_series(resolvent, w, m, target=target, order=2).derivative(2)
    forms = [derivatives(resolvent, w, m, target=target, gain=gain, transposed=printed)[1] for printed in (False, True)]
    return np.stack([(form - exact).norm() / exact.norm() for form in forms])


def _readout_ratios(seed: int, gain: float, protocol: Protocol) -> np.ndarray:
    """Second coefficients of z in beta^2 tau over their limit, one a pair of vectors."""
    units = protocol["units"]
    resolvent, (w, m) = resolvent_of(initial_weights(seed, units, gain)), vector_pairs(seed, units, protocol["pairs"])
    series = taylor_series(resolvent, w, m, target=protocol["target"], order=2)
    expected = readout_coefficients(protocol["target"], gain)[2]
    return np.asarray(series.readout[2] / beta_of(gain) ** 4 / expected)


CLAIM = Claim(
    id="LRC-05",
    title="Second order in learning time",
    source="supplement S4.2, equations 35-41",
    says="W_2 = zhat beta B^T [-beta w m^T + zhat (w w^T B + B m m^T)] B^T. To second order dW is one outer product,"
    " and the readout has the term -zhat (beta^2 tau)^2 / 2.",
    kind="statistical",
    parameters={
        "small": 30,
        "sizes": (200, 800),
        "units": 400,
        "gain": 0.6,
        "gains": (0.0, 0.3, 0.6),
        "target": 1.0,
        "pairs": 60,
    },
    sizes={"quick": {}, "full": {"small": 60, "sizes": (500, 2000), "units": 1000}},
    seeds={"quick": 4, "full": 6},
    checks=(
        Check("error of W_2 at finite N", "<=", 1e-12),
        Check("error of the power series", "<=", 1e-12),
        Check("W_2 apart from the row and column space of W_1", "<=", 1e-12),
        Check("median error of W_2, equation 35", "<=", 0.12),
        Check("error of W_2 in the smaller over the larger networks", "between", (1.4, 2.7)),
        Check("median error of W_2 with w^T B^T as printed in equations 36 and 37", ">=", 0.25),
        Check("median second coefficient of z over -zhat / 2", "between", (0.92, 1.08)),
    ),
    measure=measure,
    deviation="Equation 35 holds. Equations 36, 37 and 41 print w^T B^T where w^T B belongs, as in equation 35 itself;"
    " with B^T, the product of the two vectors is not dW to second order. No result depends on it.",
)
