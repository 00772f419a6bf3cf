"""LRC-31: a learned change does nothing without the very initial weights that it was learned with."""

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
    truncated,
)
from ltr.simulations.suites.low_rank_change.task_figures import draw_over_gains
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

REPORTED = {
    "flip-flop": {0.0: 0.0, 0.3: 0.35, 0.6: 0.95},
    "mante": {0.0: 0.0, 0.3: 0.3, 0.6: 0.95},
    "romo": {0.0: 0.0, 0.3: 0.9, 0.6: 0.95},
}


def measure(protocol: Protocol) -> Measured:
    """Loss with shuffled initial weights over that of the untrained network."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in NAMES:
        losses = []
        for experiment in experiments(protocol, name):
            found = truncated(learn(experiment, protocol), protocol)
            losses.append(found.shuffled / found.untrained)
            values[f"loss, {label(experiment)}"] = losses[-1].tolist()
            if experiment.gain == 0:
                values[f"against the trained, {label(experiment)}"] = (found.shuffled - found.trained).tolist()
        curves |= {name: np.array(losses), f"{name}: g": np.array(protocol["gains"][name])}
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 2 c."""
    return draw_over_gains(measured.curves, REPORTED, "loss after shuffling,\nshare of the untrained")


CLAIM = Claim(
    id="LRC-31",
    title="Shuffled initial connectivity",
    source="Fig. 2 c",
    says="With the entries of the initial weights in another order, the change learned with them is of no use.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    reported={f"loss, {TITLES[name]}, g = {g:g}": loss for name, row in REPORTED.items() for g, loss in row.items()},
    checks=(
        Check("against the trained, flip-flop, g = 0", "between", (-1e-6, 1e-6)),
        Check("loss, flip-flop, g = 0.3", "between", (0.15, 0.85)),
        Check("loss, flip-flop, g = 0.9", ">=", 0.8),
        Check("loss, Mante, g = 0.9", ">=", 0.8),
        Check("loss, Romo, g = 0.9", ">=", 0.8),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
