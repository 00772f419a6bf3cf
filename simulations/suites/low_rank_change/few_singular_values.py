"""LRC-27: few singular values hold most of what learning changes."""

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
from ltr.simulations.suites.low_rank_change.task_figures import draw_lines
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

SHOWN = 20


def measure(protocol: Protocol) -> Measured:
    """Share of the squared changes in their first singular values."""
    values, curves = {}, {}
    for name in NAMES:
        for experiment in experiments(protocol, name, protocol["compared_gains"]):
            singular = np.linalg.svd(learn(experiment, protocol).change, compute_uv=False)
            share = np.cumsum(singular**2, axis=1) / (singular**2).sum(1, keepdims=True)
            count = protocol["counted"][name][protocol["compared_gains"].index(experiment.gain)]
            values[f"share of the first {count}, {label(experiment)}"] = share[:, count - 1].tolist()
            if name == "flip-flop" and experiment.gain == 0:
                values["third over second, flip-flop, g = 0"] = (singular[:, 2] / singular[:, 1]).tolist()
            curves[label(experiment)] = singular[:, :SHOWN]
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 1 g to i: singular values of the changes."""
    titles = [TITLES[name] for name in NAMES]
    return draw_lines(measured.curves, titles, x="index", y="singular value of the change", first=1, style="o-")


CLAIM = Claim(
    id="LRC-27",
    title="Few singular values of the change",
    source="Fig. 1 g to i",
    says="Singular values of the changes decay fast: two for flip-flop without initial connectivity, else six.",
    kind="statistical",
    parameters={
        **PARAMETERS,
        "compared_gains": [0.0, 0.9],
        # singular values that are summed, at either gain
        "counted": {"flip-flop": [2, 6], "mante": [6, 6], "romo": [6, 10]},
    },
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    checks=(
        Check("share of the first 2, flip-flop, g = 0", ">=", 0.88),
        Check("third over second, flip-flop, g = 0", "<=", 0.5),
        Check("share of the first 6, flip-flop, g = 0.9", ">=", 0.85),
        Check("share of the first 6, Mante, g = 0.9", ">=", 0.85),
        Check("share of the first 10, Romo, g = 0.9", ">=", 0.85),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
