"""LRC-11: once the initial weights are permuted, not all amplification of higher orders is lost."""

from __future__ import annotations

from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.large_network_limit import readout_coefficients, shuffled_coefficients
from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    permuted,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import readout_from, taylor_series
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Exact coefficients of the readout with permuted W_0 over their limits, medians over pairs of vectors."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    units = protocol["units"]
    for gain in protocol["gains"]:
        starts = [initial_weights(seed, units, gain) for seed in protocol.seeds]
        inverses = [
            (resolvent_of(weights), resolvent_of(permuted(weights, seed)))
            for seed, weights in zip(protocol.seeds, starts, strict=True)
        ]
        powers = beta_of(gain) ** (2 * np.arange(4))
        for target in protocol["targets"]:
            found = []
            for seed, (resolvent, other) in zip(protocol.seeds, inverses, strict=True):
                w, m = vector_pairs(seed, units, protocol["pairs"])
                series = taylor_series(resolvent, w, m, target=target, order=3)
                found.append(readout_from(series, other, w, m))
            coefficients = np.median(np.concatenate(found, axis=1), axis=1) / powers
            expected = shuffled_coefficients(target, gain)
            without = readout_coefficients(target, gain) / beta_of(gain) ** 2
            note("median coefficient of T over equation 91", coefficients[1] / expected[1])
            note("median coefficient of T^2 over equation 91", coefficients[2] / expected[2])
            note("median coefficient of T^3 over equation 91", coefficients[3] / expected[3])
            if target > 1 and gain > 0.5:
                note("the same over equation 15 divided by beta^2", coefficients[3] / without[3])
    return Measured(values)


CLAIM = Claim(
    id="LRC-11",
    title="Shuffled initial weights, third order",
    source="supplement S4.5, equations 85-91",
    says="With W_0 permuted and T = beta^2 tau, z' = (zhat / beta^2) [T - T^2 / 2 + (1 + 2 zhat^2 (1 + 3 / beta)) T^3 /"
    " 6]: the first two terms are beta^2 times smaller, the third one less so.",
    kind="statistical",
    parameters={"units": 400, "gains": (0.0, 0.3, 0.6), "targets": (1.0, 2.0), "pairs": 100},
    sizes={"quick": {}, "full": {"units": 1000}},
    seeds={"quick": 8, "full": 10},
    checks=(
        Check("median coefficient of T over equation 91", "between", (0.97, 1.03)),
        Check("median coefficient of T^2 over equation 91", "between", (0.95, 1.05)),
        Check("median coefficient of T^3 over equation 91", "between", (0.95, 1.05)),
        Check("the same over equation 15 divided by beta^2", "<=", 0.7),
    ),
    measure=measure,
)
