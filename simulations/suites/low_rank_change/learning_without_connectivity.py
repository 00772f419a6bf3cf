"""LRC-07: without initial connectivity, weights change within the two directions of input and readout."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.random_resolvent import orthogonal_pairs, resolvent_of
from ltr.simulations.suites.low_rank_change.taylor_series import taylor_series
from ltr.simulations.suites.low_rank_change.two_by_two import Learned, coefficients, learn
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

LEVEL = 0.05  # of the initial loss


def measure(protocol: Protocol) -> Measured:
    """Networks by descent on all weights, against the integrated 2 x 2 matrix and its power series."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for target, rate in protocol["rates"].items():
        flowed = learn(target, np.append(np.linspace(0, protocol["soon"], protocol["points"]), protocol["late"]))
        last = np.linalg.svd(flowed.entries[-1], compute_uv=False)
        early = _crossing(flowed, target)
        note(f"s_1 of the flow, zhat = {target:g}", last[0])
        note(f"s_2 of the flow, zhat = {target:g}", last[1])
        note(f"time to 5 % of the loss, zhat = {target:g}", early)
        found = _series(target)
        for name, expected in coefficients(target).items():
            third, later = np.abs(found[name][: len(expected)] - expected), np.abs(expected).max()
            note("error of equation 10 and of z, to third order", third[:3].max() / later)
            note("error of coefficients of fourth and fifth order", third[3:].max() / later)
        # equation 64 prints tau^3 / 2 with w m^T
        corrected = (1 + 2 * target**2) / 6 * target / found["A12"][2]
        note("relative error of tau^3 with w m^T in equations 10 and 66", abs(corrected - 1))
        note("relative error of tau^3 / 2, as printed in equation 64", abs(target / 2 / found["A12"][2] - 1))
        w, m = orthogonal_pairs(len(protocol.seeds), protocol["units"], len(protocol.seeds))
        changes, readouts = _descended(w, m, target, rate, protocol["epochs"])
        basis = np.stack([w, m], -1)
        entries = basis.mT @ changes @ basis
        outside = np.abs(changes - basis @ entries @ basis.mT).max((1, 2)) / np.abs(changes).max((1, 2))
        singular = np.linalg.svd(changes, compute_uv=False)
        crossed = (np.abs(readouts / target - 1) <= np.sqrt(LEVEL)).argmax(0) * rate
        for index in range(len(protocol.seeds)):
            note("dW outside of w and m", outside[index])
            note("third over first singular value", singular[index, 2] / singular[index, 0])
            note("A11 - A22", entries[index, 0, 0] - entries[index, 1, 1])
            note("s_1 of descent over that of the flow", singular[index, 0] / last[0])
            note("s_2 of descent over that of the flow", singular[index, 1] / last[1])
            note("time of descent minus 1.01 times that of the flow, epochs", (crossed[index] - 1.01 * early) / rate)
    return Measured(values)


def _crossing(flowed: Learned, target: float) -> float:
    """Time at which the loss is 5 % of the initial one."""
    return float(np.interp(1 - np.sqrt(LEVEL), flowed.readout / target, flowed.times))


def _series(target: float) -> dict[str, Float[Array, " power"]]:
    """Coefficients of tau to tau^5 in entries of A and in z, by the recursion for all weights."""
    series = taylor_series(np.eye(2), np.eye(2)[:1], np.eye(2)[1:], target=target, order=5)
    entries = np.stack([series.change(power).dense()[0] for power in range(1, 6)])
    return {"A11": entries[:, 0, 0], "A12": entries[:, 0, 1], "A21": entries[:, 1, 0], "z": series.readout[1:, 0]}


def _descended(
    w: Float[Array, "seed unit"], m: Float[Array, "seed unit"], target: float, rate: float, epochs: int
) -> tuple[Float[Array, "seed unit unit"], Float[Array, "epoch seed"]]:
    """dW after descent on equation 6 from no connectivity, and z before every step."""
    weights, readouts = np.zeros((*w.shape, w.shape[1])), []
    for _ in range(epochs):
        inverse = resolvent_of(weights)
        p, q = (w[:, None] @ inverse)[:, 0], (inverse @ m[..., None])[..., 0]
        readouts.append((p * m).sum(1))
        weights = weights + rate * (target - readouts[-1])[:, None, None] * p[:, :, None] * q[:, None, :]
    return weights, np.array(readouts)


CLAIM = Claim(
    id="LRC-07",
    title="Learning without initial connectivity",
    source="equations 9 and 10, supplement equations 64-70",
    says="At g = 0, dW = [w m] A [w m]^T has rank two at most at any time. To third order A11 = A22 = zhat^2 (tau^2 -"
    " tau^3) / 2, A12 = zhat (tau - tau^2 / 2 + (1 + 2 zhat^2) tau^3 / 6) and A21 = zhat^3 tau^3 / 3.",
    kind="exact",
    parameters={
        "units": 32,
        "rates": {0.5: 0.015, 2.0: 0.003, 4.0: 0.001},
        "epochs": 200,
        "soon": 2.0,
        "points": 1001,
        "late": 15.0,
    },
    sizes={"smoke": {}, "quick": {}, "full": {"units": 256}},
    seeds={"smoke": 3, "quick": 4, "full": 5},
    checks=(
        Check("dW outside of w and m", "<=", 1e-12),
        Check("third over first singular value", "<=", 1e-12),
        Check("A11 - A22", "between", (-1e-12, 1e-12)),
        Check("error of equation 10 and of z, to third order", "<=", 1e-12),
        Check("error of coefficients of fourth and fifth order", "<=", 1e-12),
        Check("relative error of tau^3 with w m^T in equations 10 and 66", "<=", 1e-12),
        Check("relative error of tau^3 / 2, as printed in equation 64", ">=", 0.6),
        Check("s_1 of descent over that of the flow", "between", (0.99, 1.01)),
        Check("s_2 of descent over that of the flow", "between", (0.98, 1.02)),
        Check("time of descent minus 1.01 times that of the flow, epochs", "between", (-1, 1)),
        Check("s_1 of the flow, zhat = 0.5", "between", (0.4295, 0.4299)),
        Check("s_2 of the flow, zhat = 0.5", "between", (0.0064, 0.0066)),
        Check("s_1 of the flow, zhat = 2", "between", (0.8508, 0.8512)),
        Check("s_2 of the flow, zhat = 2", "between", (0.0469, 0.047)),
        Check("time to 5 % of the loss, zhat = 0.5", "between", (1.18, 1.181)),
        Check("time to 5 % of the loss, zhat = 2", "between", (0.368, 0.369)),
    ),
    measure=measure,
    deviation="Equations 9, 10 and 65 to 70 hold. Equation 64 is misprinted: the factor of w m^T ends with zhat tau^3 /"
    " 2, while equations 10 and 66, and the exact series, have zhat (1 + 2 zhat^2) tau^3 / 6; they agree at zhat = 1"
    " only.",
)
