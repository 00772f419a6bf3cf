"""LRC-10: once the initial weights are permuted, what was learned to first order works beta^2 times less."""

from __future__ import annotations

from itertools import product
from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    permuted,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Readouts with permuted W_0 and exact changes of first order, means over pairs of vectors."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for gain, target in product(protocol["gains"], protocol["targets"]):
        beta = beta_of(gain)
        found = [_readouts(seed, gain, target, protocol) for seed in protocol.seeds]
        slopes, half, whole = np.mean(np.concatenate(found, axis=1), axis=1)
        note("mean dz'/dtau over zhat", slopes / target)
        note("z' at half the time over zhat tau, last line of equation 82", half / (target / beta**2 / 2))
        note("the same with tau_1*, as printed in the first line", whole / (target / beta**2 / 2))
        loss = (1 - slopes / beta**2 / target) ** 2
        note("loss over g^4 (2 - g^2)^2", loss / (gain**4 * (2 - gain**2) ** 2))
    for gain in protocol["small gains"]:
        excess = _diagonal_excess(protocol["small"], gain, protocol["draws"])
        note("N (E B_ii - 1) over beta - 1", excess / (beta_of(gain) - 1))
        note("distance of N (E B_ii - 1) from 1, as printed in equation 83", abs(excess - 1))
    return Measured(values)


def _readouts(seed: int, gain: float, target: float, protocol: Protocol) -> Float[Array, "3 pair"]:
    """Slope of z' in tau; z' at half the time of first-order learning, and at that time. The readout at 0 is taken off.

    Learned is tau W_1 from the permuted weights' point of view; one outer product, so that its inverse is closed
    (equation 27).
    """
    units = protocol["units"]
    weights = initial_weights(seed, units, gain)
    resolvent, other = resolvent_of(weights), resolvent_of(permuted(weights, seed))
    w, m = vector_pairs(seed, units, protocol["pairs"])
    p, q = w @ resolvent, m @ resolvent.T
    strength = target - (p * m).sum(1)
    pushed, pulled = p @ other.T, m @ other.T  # B' p and B' m
    slope = strength * (w * pushed).sum(1) * (q * pulled).sum(1)
    time = 1 / beta_of(gain) ** 2
    half, whole = (slope * at / (1 - at * strength * (q * pushed).sum(1)) for at in (time / 2, time))
    return np.stack([slope, half, whole])


def _diagonal_excess(units: int, gain: float, draws: int) -> float:
    """N times what the mean diagonal entry of B has beyond 1."""
    weights = np.random.default_rng(round(1000 * gain)).normal(size=(draws, units, units)) * gain / np.sqrt(units)
    return float((np.trace(resolvent_of(weights), axis1=1, axis2=2) - units).mean())


CLAIM = Claim(
    id="LRC-10",
    title="Shuffled initial weights, first order",
    source="supplement S4.5, equations 82-84; Fig. 4(d)",
    says="With W_0 replaced by its permuted entries, the readout is zhat tau instead of zhat beta^2 tau. At the time of"
    " first-order learning, the loss is g^4 (2 - g^2)^2 of the initial one.",
    kind="statistical",
    parameters={
        "units": 400,
        "gains": (0.3, 0.6),
        "targets": (1.0, 2.0),
        "pairs": 100,
        "small": 32,
        "small gains": (0.3, 0.6),
        "draws": 4000,
    },
    sizes={"quick": {}, "full": {"units": 1000, "gains": (0.3, 0.6, 0.8)}},
    seeds={"quick": 6, "full": 10},
    checks=(
        Check("mean dz'/dtau over zhat", "between", (0.97, 1.03)),
        Check("z' at half the time over zhat tau, last line of equation 82", "between", (0.95, 1.05)),
        Check("the same with tau_1*, as printed in the first line", ">=", 1.9),
        Check("loss over g^4 (2 - g^2)^2", "between", (0.9, 1.1)),
        Check("N (E B_ii - 1) over beta - 1", "between", (0.7, 1.3)),
        Check("distance of N (E B_ii - 1) from 1, as printed in equation 83", ">=", 0.3),
    ),
    measure=measure,
    deviation="The readout and the loss hold. Equation 82 prints tau_1* in its first line where the others have tau."
    " Equations 83 and 87 print E B_ij = delta_ij (1 + 1 / N): the mean diagonal entry is 1 + (beta - 1) / N, which"
    " depends on g, and for the argument it is enough that it is 1 + O(1 / N).",
)
