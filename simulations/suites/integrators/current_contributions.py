"""INT-25: what the two populations send to all units is the same up to its sign, and that of an input up to s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.suites.integrators.rectified_networks import (
    BATCH_PARAMETERS,
    BATCH_SEEDS,
    BATCH_SIZES,
    BATCHES,
    POPULATIONS,
    batch_networks,
    observed,
    population_vectors,
    populations,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

DRAWN_SCALE = 2.0  # as in the paper's figure


def measure(protocol: Protocol) -> Measured:
    """W L+, W L- and W e against each other, L as equation 24 has it and as fitted to activity."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for scale, *_ in protocol["training"]:
        for found in observed(batch_networks(protocol, scale), protocol, scale):
            case = f"s = {scale:g}"
            image, fitted = found.weights @ found.encoder, population_vectors(found)
            defined = np.maximum([image, -image], 0) / (scale * protocol["decay"])
            positive, negative = defined @ found.weights.T
            note(f"{case}: slope of W e on W L+, over s", slope(image, positive) / scale)
            note(f"{case}: slope of W L- on W L+", slope(negative, positive))
            note(f"{case}: correlation of W e and W L+", np.corrcoef(image, positive)[0, 1])
            note(f"{case}: correlation of W L- and W L+", np.corrcoef(negative, positive)[0, 1])
            note(f"{case}: |W L+ + W L-| over |W L+|", np.linalg.norm(positive + negative) / np.linalg.norm(positive))
            note(f"{case}: |s W L+ - W e| over |W e|", np.linalg.norm(scale * positive - image) / np.linalg.norm(image))
            if scale == DRAWN_SCALE and not curves:
                members = populations(fitted)
                labels = [members[name] for name in POPULATIONS]
                curves["sent"] = np.vstack([positive, negative, image / scale, labels]) * 1.0
            positive, negative = fitted @ found.weights.T
            note(f"{case}: slope of W e on W L+, L fitted, over s", slope(image, positive) / scale)
            note(f"{case}: slope of W L- on W L+, L fitted", slope(negative, positive))
    return Measured(values, curves)


def slope(of: Float[Array, " unit"], on: Float[Array, " unit"]) -> float:
    """Of the line through the origin that fits best."""
    return float(of @ on / (on @ on))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """W L- and W e / s over W L+, one dot a unit, as in Fig. 5; lines are equation 27."""
    figure = new_figure(3.6)
    panels = figure.subplots(1, 2)
    positive, negative, image, *members = measured.curves["sent"]
    ends = np.array([positive.min(), positive.max()])
    for panel, other, sign, name in zip(panels, (negative, image), (-1, 1), ("W L-", "W e / s"), strict=True):
        panel.plot(ends, sign * ends, color=INK, lw=1, label="equation 27")
        for population, colour, chosen in zip(POPULATIONS, PALETTE[:3] + PALETTE[5:6], members, strict=True):
            these = chosen.astype(bool)
            panel.plot(positive[these], other[these], ".", color=colour, ms=5, alpha=0.7, label=population)
        panel.set(xlabel="W L+", ylabel=name, title=f"s = {DRAWN_SCALE:g}")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=5)
    return figure


CLAIM = Claim(
    id="INT-25",
    title="Contributions to the currents",
    source="section 4.2, equation 27, Fig. 5",
    says="W L+ = -W L- = W e / s, so that currents go on as the integral does, whichever population is active.",
    kind="statistical",
    parameters=BATCH_PARAMETERS,
    sizes=BATCH_SIZES,
    seeds=BATCH_SEEDS,
    checks=(
        Check("s = 1: slope of W e on W L+, over s", "between", (0.995, 1.005)),
        Check("s = 1: slope of W L- on W L+", "between", (-1.005, -0.995)),
        Check("s = 1: correlation of W e and W L+", ">=", 0.998),
        Check("s = 1: correlation of W L- and W L+", "<=", -0.997),
        Check("s = 1: |W L+ + W L-| over |W L+|", "<=", 0.1),
        Check("s = 1: |s W L+ - W e| over |W e|", "<=", 0.06),
        Check("s = 1: slope of W L- on W L+, L fitted", "between", (-1.15, -0.85)),
        Check("s = 2: slope of W e on W L+, over s", "between", (0.95, 1.05)),
        Check("s = 2: slope of W L- on W L+", "between", (-1.05, -0.95)),
        Check("s = 2: correlation of W e and W L+", ">=", 0.985),
        Check("s = 2: correlation of W L- and W L+", "<=", -0.96),
        Check("s = 2: |W L+ + W L-| over |W L+|", "<=", 0.35),  # 0.15 to 0.26 on seeds 0-9
        Check("s = 2: |s W L+ - W e| over |W e|", "<=", 0.2),
    ),
    measure=measure,
    draw=draw,
    shares=BATCHES,
)
