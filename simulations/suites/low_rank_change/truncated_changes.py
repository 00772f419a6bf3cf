"""LRC-28: the initial weights and the largest singular values of the change do the task, and few of these suffice."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ltr.simulations.suites.low_rank_change.learned_tasks import (
    CONVERGED,
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
from ltr.simulations.suites.low_rank_change.task_figures import draw_lines, on_logarithmic_axes
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Loss with changes of rank R, as a share of that of the untrained network."""
    values, curves = {}, {}
    for name in NAMES:
        for experiment in experiments(protocol, name, protocol["compared_gains"]):
            found = truncated(learn(experiment, protocol), protocol)
            share = found.by_rank / found.untrained[:, None]
            rank = protocol["shown_ranks"][name]
            values[f"loss at rank {rank}, {label(experiment)}"] = share[:, rank].tolist()
            values[f"loss at rank 0, {label(experiment)}"] = share[:, 0].tolist()
            values[f"loss of the trained, {label(experiment)}"] = (found.trained / found.untrained).tolist()
            curves[label(experiment)] = share
    return Measured(values, curves)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 1 j to l: loss over the rank of the change."""
    titles, y = [TITLES[name] for name in NAMES], "loss, share of the untrained"
    lines = draw_lines(measured.curves, titles, x="rank of the change", y=y, level=CONVERGED, style="o-")
    return on_logarithmic_axes(lines)


CLAIM = Claim(
    id="LRC-28",
    title="Truncated changes suffice",
    source="equation 4, Fig. 1 j to l",
    says="The initial weights with a change of small rank solve the task: below ten.",
    kind="statistical",
    parameters={
        **PARAMETERS,
        "compared_gains": [0.0, 0.9],
        "shown_ranks": {"flip-flop": 10, "mante": 10, "romo": 12},
    },
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    checks=(
        Check("loss at rank 10, flip-flop, g = 0", "<=", 0.03),
        Check("loss at rank 10, flip-flop, g = 0.9", "<=", 0.03),
        Check("loss at rank 10, Mante, g = 0.9", "<=", 0.03),
        Check("loss at rank 12, Romo, g = 0.9", "<=", 0.05),
        Check("loss at rank 0, flip-flop, g = 0.9", ">=", 0.5),
        Check("loss at rank 0, Mante, g = 0.9", ">=", 0.5),
        Check("loss at rank 0, Romo, g = 0.9", ">=", 0.5),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
