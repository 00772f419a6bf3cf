"""LRC-32: changes of rank two to ten do the task, of rank two for a flip-flop without initial connectivity."""

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
    "flip-flop": {0.0: 2, 0.3: 3.4, 0.6: 4, 0.9: 5, 1.2: 5.8, 1.5: 7.6, 1.8: 8.4},
    "mante": {0.0: 4.6, 0.3: 4.6, 0.6: 4.4, 0.9: 4.0, 1.2: 4.4, 1.5: 5.2, 1.8: 5.2, 2.1: 5.0, 2.4: 8},
}


def measure(protocol: Protocol) -> Measured:
    """Smallest rank with a loss below 5 % of that without the change, of networks that converged."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    highest: list[float] = []
    lasting: list[float] = []
    for name in NAMES:
        ranks = []
        for experiment in experiments(protocol, name):
            learning = learn(experiment, protocol)
            found = truncated(learning, protocol)
            converged = np.isfinite(learning.convergence)
            ranks.append(np.where(converged, found.functional_rank, np.nan))
            values[f"rank, {label(experiment)}"] = found.functional_rank[converged].tolist()
            highest += found.functional_rank[converged].tolist()
            lasting += (found.lasting_rank - found.functional_rank)[converged].tolist()
        curves |= {name: np.array(ranks), f"{name}: g": np.array(protocol["gains"][name])}
    values["rank, any network"] = highest
    values["more ranks until the loss stays below 5 % of the untrained"] = lasting
    flip_flop = curves["flip-flop"]
    values["mean at g = 1.8 less that at 0, flip-flop"] = [float(np.nanmean(flip_flop[-1]) - np.nanmean(flip_flop[0]))]
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 2 d."""
    return draw_over_gains(measured.curves, REPORTED, "functional rank of the change")


CLAIM = Claim(
    id="LRC-32",
    title="Functional rank over gain",
    source="Fig. 2 d",
    says="Between two and ten ranks of the change solve the task; more of them at a larger g for flip-flop.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    reported={f"rank, {TITLES[name]}, g = {g:g}": rank for name, row in REPORTED.items() for g, rank in row.items()},
    checks=(
        Check("rank, flip-flop, g = 0", "==", 2),
        Check("rank, any network", "between", (2, 10)),
        Check("mean at g = 1.8 less that at 0, flip-flop", ">=", 2),
        Check("rank, Mante, g = 0.9", "between", (3, 7)),
        Check("rank, Romo, g = 0.9", "between", (5, 10)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
