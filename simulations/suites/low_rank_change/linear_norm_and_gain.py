"""LRC-18: the change that solves the task is smaller on top of stronger initial weights, about as 1 - g^2."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import styled
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    ALL_GAINS,
    EXPERIMENT,
    PAPER,
    SEEDS,
    SHARES,
    draw_against_gain,
    outcomes,
    over_prediction,
    relative_to_no_gain,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Norm of the change over gains."""
    ratios = relative_to_no_gain(protocol, lambda found: found.norm)
    values = over_prediction(protocol, ratios, -1, "over prediction")
    for gain, found in outcomes(protocol).items():
        for index, target in enumerate(protocol["targets"]):
            values[f"norm, zhat = {target:g}, g = {gain:g}"] = found.norm[:, index].tolist()
    return Measured(values, {"gains": np.array(protocol["gains"]), **ratios})


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Norm of the change against gain, as in Fig. 4b."""
    return draw_against_gain(measured, "norm of the change relative to g = 0", 1 - measured.curves["gains"] ** 2)


CLAIM = Claim(
    id="LRC-18",
    title="Norm of the change and initial weights",
    source="section 3, Fig. 4b",
    says="The norm of the change of the weights at the end of training falls with the gain g of the initial weights,"
    " about as 1 - g^2 relative to g = 0.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.3, 0.5, 0.6)},
    sizes={"quick": {}, "full": {**PAPER, "gains": ALL_GAINS}},
    seeds=SEEDS,
    checks=(
        # of m and w at a right angle, whatever the size; 0.44 and 0.85 in the figure
        Check("norm, zhat = 0.5, g = 0", "between", (0.42, 0.435)),
        Check("norm, zhat = 2, g = 0", "between", (0.845, 0.86)),
        # 0.98 to 1.00, 0.91 to 0.95, 0.95 to 0.96 and 0.77 to 0.81 in five sets of 12 networks of 256 units
        Check("over prediction, zhat = 0.5, g = 0.3", "between", (0.95, 1.03)),
        Check("over prediction, zhat = 0.5, g = 0.6", "between", (0.86, 1.01)),
        Check("over prediction, zhat = 2, g = 0.3", "between", (0.92, 0.99)),
        Check("over prediction, zhat = 2, g = 0.6", "between", (0.70, 0.86)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
