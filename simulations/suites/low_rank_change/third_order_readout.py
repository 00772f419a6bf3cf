"""LRC-08: to third order, the readout depends on the effective learning time beta^2 tau, the target and beta."""

from __future__ import annotations

from itertools import product
from typing import SupportsFloat

import numpy as np

from ltr.simulations.suites.low_rank_change.gradient_flow import integrated
from ltr.simulations.suites.low_rank_change.large_network_limit import readout_coefficients, two_terms
from ltr.simulations.suites.low_rank_change.random_resolvent import (
    beta_of,
    initial_weights,
    orthogonal_pairs,
    resolvent_of,
    vector_pairs,
)
from ltr.simulations.suites.low_rank_change.taylor_series import taylor_series
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Third coefficients over their limit, medians over pairs; and the inverse of equations 59 and 60 at g = 0."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for gain in protocol["gains"]:
        starts = [(seed, resolvent_of(initial_weights(seed, protocol["units"], gain))) for seed in protocol.seeds]
        for target in protocol["targets"]:
            found = []
            for seed, resolvent in starts:
                w, m = vector_pairs(seed, protocol["units"], protocol["pairs"])
                found.append(taylor_series(resolvent, w, m, target=target, order=3).readout)
            powers = beta_of(gain) ** (2 * np.arange(4))[:, None]
            coefficients = np.median(np.concatenate(found, axis=1) / powers, axis=1)
            note(
                "median third coefficient of z over equation 15",
                coefficients[3] / readout_coefficients(target, gain)[3],
            )
    for seed, target in product(protocol.seeds, protocol["targets"]):
        for name, number in _two_by_two(seed, protocol["small"], target, np.array(protocol["times"])).items():
            note(name, number)
    return Measured(values)


def _two_by_two(seed: int, units: int, target: float, times: np.ndarray) -> dict[str, float]:
    """Of the 2 x 2 matrix I - V^T B U at g = 0 with w orthogonal to m: its entries, and how errors grow with time."""
    identity, ((w,), (m,)) = np.eye(units), orthogonal_pairs(seed, units, 1)
    inverses, printed, swapped, readouts = [], [], [], []
    for time in times:
        left, right = two_terms(identity, w, m, time, target=target, gain=0.0)
        between = np.eye(2) - right.T @ left
        inverse = np.linalg.inv(between)
        x, y = 1 - between[0, 0], -between[0, 1]
        approximate = np.array([[1 + x, y], [y, 1]])
        inverses.append(np.linalg.norm(inverse - approximate))
        swapped.append(np.linalg.norm(np.linalg.inv([[1 - x, -y], [-x, 1]]) - approximate))
        printed.append((-between[1, 0] / y, x / y))
        readouts.append(w @ left @ inverse @ right.T @ m)
    changed = integrated(np.zeros((units, units)), w, m, target, times, substeps=40)
    exact = (w[None, None] @ np.linalg.inv(identity - changed) @ m)[:, 0]
    slopes = {
        "equation 60": inverses,
        "equation 60 if -x stood below, as printed in equation 59": swapped,
        "the readout of two terms, equation 54": np.abs(np.array(readouts) - exact),
        "the readout, equation 15": np.abs(np.polyval(readout_coefficients(target, 0.0)[::-1], times) - exact),
    }
    found = {
        f"power of time in the error of {name}": float(np.polyfit(np.log(times), np.log(error), 1)[0])
        for name, error in slopes.items()
    }
    below, x = np.array(printed)[0]
    return found | {"entry below over -y": float(below), "the printed -x over -y": float(x)}


CLAIM = Claim(
    id="LRC-08",
    title="Readout to third order",
    source="equation 15, supplement equations 54-63",
    says="With the effective learning time T = beta^2 tau, z = zhat [T - T^2 / 2 + (1 + 8 zhat^2 beta) T^3 / 6].",
    kind="statistical",
    parameters={
        "units": 400,
        "gains": (0.0, 0.3, 0.6),
        "targets": (0.5, 2.0),
        "pairs": 80,
        "small": 24,
        "times": (0.002, 0.004, 0.008),
    },
    sizes={"quick": {}, "full": {"units": 1000}},
    seeds={"quick": 8, "full": 10},
    checks=(
        Check("median third coefficient of z over equation 15", "between", (0.92, 1.08)),
        Check("power of time in the error of the readout, equation 15", "between", (3.8, 4.2)),
        Check("power of time in the error of the readout of two terms, equation 54", "between", (3.8, 4.2)),
        Check("power of time in the error of equation 60", "between", (3.8, 4.2)),
        Check(
            "power of time in the error of equation 60 if -x stood below, as printed in equation 59",
            "between",
            (1.8, 2.2),
        ),
        Check("entry below over -y", "between", (0.99, 1.01)),
        Check("the printed -x over -y", ">=", 3),
    ),
    measure=measure,
    deviation="The readout holds. Equation 59 prints -x as the lower left entry of the matrix, and below it 'p and q'"
    " for x and y. By equation 57 the entry is -y, which is 12^(1/2) times smaller, and only with it does the inverse"
    " of equation 60 hold to third order. The readout does not depend on that entry to third order.",
)
