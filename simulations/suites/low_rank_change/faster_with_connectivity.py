"""LRC-26: networks with random initial connectivity learn faster than those without."""

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
from ltr.simulations.suites.low_rank_change.task_figures import draw_lines, on_logarithmic_axes
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Epochs until the loss is below 5 % of the first, at both gains, and their ratio."""
    values, curves = {}, {}
    for name in NAMES:
        medians = {}
        for experiment in experiments(protocol, name, protocol["compared_gains"]):
            learning = learn(experiment, protocol)
            values[f"epochs, {label(experiment)}"] = learning.convergence.tolist()
            medians[experiment.gain] = np.median(learning.convergence)
            curves[label(experiment)] = learning.loss
        if len(medians) > 1:
            without, connected = (medians[gain] for gain in sorted(medians))
            values[f"ratio of medians, {TITLES[name]}"] = [float(connected / without)]
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 1 d to f: loss over epochs."""
    titles = [TITLES[name] for name in NAMES]
    return on_logarithmic_axes(draw_lines(measured.curves, titles, x="epoch", y="loss"))


CLAIM = Claim(
    id="LRC-26",
    title="Faster with initial connectivity",
    source="Fig. 1 d to f",
    says="All three tasks are learned without initial connectivity and with it; with it, much faster.",
    kind="statistical",
    parameters={**PARAMETERS, "compared_gains": [0.0, 0.9]},
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    reported={"epochs, flip-flop, g = 0": 65, "epochs, flip-flop, g = 0.9": 40},
    checks=(
        Check("ratio of medians, flip-flop", "<=", 0.75),
        Check("epochs, flip-flop, g = 0", "<=", 500),
        Check("epochs, Mante, g = 0.9", "<=", 150),
        Check("epochs, Romo, g = 0.9", "<=", 450),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
