"""LRC-30: the larger the initial connectivity, the smaller its change, which is small beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.simulations.suites.low_rank_change.learned_tasks import (
    FULL,
    NAMES,
    PARAMETERS,
    SEEDS,
    SHARES,
    TITLES,
    experiments,
    label,
    learn,
)
from ltr.simulations.suites.low_rank_change.task_figures import draw_over_gains
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

REPORTED = {
    "flip-flop": {0.0: 1.9, 0.3: 1.85, 0.6: 1.6, 0.9: 1.2, 1.2: 0.8, 1.5: 0.6, 1.8: 0.65},
    "mante": {0.0: 2.05, 0.3: 1.65, 0.6: 1.27, 0.9: 0.95, 1.2: 0.75, 1.5: 0.75, 1.8: 0.7, 2.1: 0.75, 2.4: 0.9},
    "romo": {0.0: 3.45, 0.3: 3.3, 0.9: 2.2, 1.2: 1.6, 1.5: 1.2, 1.8: 1.0, 2.1: 0.95, 2.4: 0.9, 2.7: 0.85, 3.0: 0.95},
}
FALLING = (0.3, 0.6, 0.9, 1.2)


def measure(protocol: Protocol) -> Measured:
    """Frobenius norms of the changes, and of the changes beside the initial weights."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in NAMES:
        found = experiments(protocol, name)
        learned = [learn(experiment, protocol) for experiment in found]
        norms = np.array([np.linalg.norm(one.change, axis=(1, 2)) for one in learned])
        values |= {f"norm, {label(one)}": row.tolist() for one, row in zip(found, norms, strict=True)}
        for one, norm in zip(learned, norms, strict=True):
            if one.experiment.gain == protocol["compared_gain"]:
                share = norm / np.linalg.norm(one.initial, axis=(1, 2))
                values[f"over the initial, {label(one.experiment)}"] = share.tolist()
        curves |= {name: norms, f"{name}: g": np.array(protocol["gains"][name])}
    means = dict(zip(protocol["gains"]["flip-flop"], curves["flip-flop"].mean(1), strict=True))
    values["g = 0.9 over 0, flip-flop"] = [float(means[0.9] / means[0.0])]
    values["rise from one g to the next, flip-flop"] = np.diff([means[gain] for gain in FALLING]).tolist()
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 2 b."""
    return draw_over_gains(measured.curves, REPORTED, "norm of the change")


CLAIM = Claim(
    id="LRC-30",
    title="Size of the change over gain",
    source="Fig. 2 b",
    says="The norm of the change falls with g, and is small beside that of the initial weights.",
    kind="statistical",
    parameters={**PARAMETERS, "compared_gain": 0.9},
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    reported={f"norm, {TITLES[name]}, g = {g:g}": norm for name, row in REPORTED.items() for g, norm in row.items()},
    checks=(
        Check("rise from one g to the next, flip-flop", "<=", 0),
        Check("g = 0.9 over 0, flip-flop", "between", (0.45, 0.70)),
        Check("over the initial, flip-flop, g = 0.9", "<=", 0.16),
        Check("over the initial, Mante, g = 0.9", "<=", 0.2),
        Check("over the initial, Romo, g = 0.9", "<=", 0.3),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
