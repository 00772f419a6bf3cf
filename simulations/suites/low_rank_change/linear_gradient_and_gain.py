"""LRC-19: random initial weights make the gradient longer, about as 1 / (1 - g^2)."""

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
    over_prediction,
    relative_to_no_gain,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Mean norm of dW/dtau up to tau*, over gains."""
    ratios = relative_to_no_gain(protocol, lambda found: found.gradient)
    values = over_prediction(protocol, ratios, 1, "over prediction")
    return Measured(values, {"gains": np.array(protocol["gains"]), **ratios})


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Mean norm of the gradient against gain, as in Fig. 4c."""
    return draw_against_gain(
        measured, "mean norm of the gradient\nrelative to g = 0", 1 / (1 - measured.curves["gains"] ** 2)
    )


CLAIM = Claim(
    id="LRC-19",
    title="Norm of the gradient and initial weights",
    source="section 3, Fig. 4c",
    says="The mean norm of the gradient until the loss is below 5% grows with the gain g of the initial weights, about"
    " as 1 / (1 - g^2) relative to g = 0.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.3, 0.5, 0.6)},
    sizes={"quick": {}, "full": {**PAPER, "gains": ALL_GAINS}},
    seeds=SEEDS,
    checks=(
        # 1.00 to 1.02, 1.06 to 1.11, 1.02 to 1.03 and 1.11 to 1.17 in five sets of 12 networks of 256 units
        Check("over prediction, zhat = 0.5, g = 0.3", "between", (0.96, 1.06)),
        Check("over prediction, zhat = 0.5, g = 0.6", "between", (0.98, 1.17)),
        Check("over prediction, zhat = 2, g = 0.3", "between", (0.98, 1.07)),
        Check("over prediction, zhat = 2, g = 0.6", "between", (1.03, 1.23)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
