"""LRC-29: learning is fastest at an intermediate gain of the initial connectivity."""

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
    "flip-flop": {0.0: 105, 0.3: 100, 0.6: 65, 0.9: 40, 1.2: 38, 1.5: 55, 1.8: 185},
    "mante": {0.0: 360, 0.3: 160, 0.6: 95, 0.9: 50, 1.2: 45, 1.5: 45, 1.8: 60, 2.1: 115},
    "romo": {0.9: 315, 1.2: 135, 1.5: 80, 1.8: 60, 2.1: 60, 2.4: 70, 2.7: 80, 3.0: 85},
}


def measure(protocol: Protocol) -> Measured:
    """First epoch below 5 % of the first loss, at every gain."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in NAMES:
        found = experiments(protocol, name)
        epochs = np.array([learn(experiment, protocol).convergence for experiment in found])
        values |= {f"epochs, {label(one)}": row.tolist() for one, row in zip(found, epochs, strict=True)}
        gains = np.array(protocol["gains"][name])
        curves |= {name: epochs, f"{name}: g": gains}
        if len(gains) > 1:
            medians = dict(zip(gains, np.median(epochs, axis=1), strict=True))
            values[f"fastest g, {TITLES[name]}"] = [float(min(medians, key=medians.__getitem__))]
            if name == "flip-flop":
                values["g = 0.9 over 0, flip-flop"] = [float(medians[0.9] / medians[0.0])]
                values["g = 1.8 over 1.2, flip-flop"] = [float(medians[1.8] / medians[1.2])]
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 2 a."""
    return draw_over_gains(measured.curves, REPORTED, "epochs until 5 % of the first loss")


CLAIM = Claim(
    id="LRC-29",
    title="Time to learn over gain",
    source="Fig. 2 a",
    says="Learning is fastest at an intermediate g, slow without initial connectivity and with chaotic one.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    reported={
        f"epochs, {TITLES[name]}, g = {g:g}": epochs for name, row in REPORTED.items() for g, epochs in row.items()
    },
    checks=(
        Check("fastest g, flip-flop", "between", (0.6, 1.5)),
        Check("g = 0.9 over 0, flip-flop", "<=", 0.75),
        Check("g = 1.8 over 1.2, flip-flop", ">=", 1.8),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
