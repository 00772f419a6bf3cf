"""LRC-17: random initial weights shorten learning, about as (1 - g^2)^2 and more for the larger target."""

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
    """tau* over gains, with beta of large networks and with that of each network."""
    ratios = relative_to_no_gain(protocol, lambda found: found.time)
    own = relative_to_no_gain(protocol, lambda found: found.time * found.slope[:, None])
    values = over_prediction(protocol, ratios, -2, "over prediction")
    values |= over_prediction(protocol, own, 0, "with beta of each network")
    means = {name: np.nanmean(curves, axis=0) for name, curves in ratios.items()}
    for name, mean in means.items():
        values[f"largest ratio of neighbouring gains, {name}"] = [float((mean[1:] / mean[:-1]).max())]
    strong = np.array(protocol["gains"]) >= 0.5
    values["zhat = 2 over zhat = 0.5, g >= 0.5"] = (means["zhat = 2"] / means["zhat = 0.5"])[strong].tolist()
    return Measured(values, {"gains": np.array(protocol["gains"]), **ratios})


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Learning time against gain, as in Fig. 4a."""
    return draw_against_gain(measured, "learning time relative to g = 0", (1 - measured.curves["gains"] ** 2) ** 2)


CLAIM = Claim(
    id="LRC-17",
    title="Learning time and initial weights",
    source="section 3, Fig. 4a",
    says="The learning time until the loss is below 5% falls with the gain g of the initial weights, about as"
    " (1 - g^2)^2 relative to g = 0; for the larger target it lies below this curve.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.3, 0.5, 0.6)},
    sizes={"quick": {}, "full": {**PAPER, "gains": ALL_GAINS}},
    seeds=SEEDS,
    checks=(
        # 0.97 to 1.00, 0.86 to 0.93, 0.93 to 0.96 and 0.70 to 0.76 in five sets of 12 networks of 256 units
        Check("over prediction, zhat = 0.5, g = 0.3", "between", (0.93, 1.05)),
        Check("over prediction, zhat = 0.5, g = 0.6", "between", (0.78, 1.02)),
        Check("over prediction, zhat = 2, g = 0.3", "between", (0.88, 1.02)),
        Check("over prediction, zhat = 2, g = 0.6", "between", (0.62, 0.85)),
        # most of the scatter is that of beta
        Check("with beta of each network, zhat = 0.5, g = 0.6", "between", (0.85, 0.96)),
        Check("with beta of each network, zhat = 2, g = 0.6", "between", (0.68, 0.80)),
        Check("largest ratio of neighbouring gains, zhat = 0.5", "<=", 0.99),
        Check("largest ratio of neighbouring gains, zhat = 2", "<=", 0.99),
        Check("zhat = 2 over zhat = 0.5, g >= 0.5", "<=", 0.95),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
