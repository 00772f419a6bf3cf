"""INT-22: trained rectified networks hold the integral in two populations, one for each of its signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.integrators.rectified_networks import (
    BATCH_PARAMETERS,
    BATCH_SEEDS,
    BATCH_SIZES,
    BATCHES,
    POPULATIONS,
    batch_networks,
    explained,
    observed,
    population_vectors,
    populations,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Slopes of every unit's activity over the integral, and who is active at which sign."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for scale, *_ in protocol["training"]:
        case = f"s = {scale:g}"
        drawn = []
        for found in observed(batch_networks(protocol, scale), protocol, scale):
            vectors = population_vectors(found)
            members = populations(vectors)
            halves = np.maximum([found.targets, -found.targets], 0)
            outputs = np.abs(vectors * found.decoder)
            note(f"{case}: relative error of the outputs", found.error)
            note(f"{case}: activity explained by equation 20", explained(found.states, halves.T @ vectors))
            note(f"{case}: d . L+", vectors[0] @ found.decoder)
            note(f"{case}: d . L-", vectors[1] @ found.decoder)
            note(f"{case}: share of + units", members["+"].mean())
            note(f"{case}: share of shared and null units", (members["shared"] | members["null"]).mean())
            note(f"{case}: share of shared units", members["shared"].mean())
            note(f"{case}: shared units' share of activity", vectors[:, members["shared"]].sum() / vectors.sum())
            note(f"{case}: shared units' share of outputs", outputs[:, members["shared"]].sum() / outputs.sum())
            drawn.append(np.vstack([vectors * np.sqrt(len(found.decoder)), [members[name] for name in POPULATIONS]]))
        curves[case] = np.concatenate(drawn, axis=1)
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Components of L- over those of L+, all networks together, and how those of one population are distributed."""
    figure = new_figure(3.4)
    panels = figure.subplots(1, 2 * len(measured.curves))
    for index, (case, (positive, negative, *members)) in enumerate(measured.curves.items()):
        scatter, bars = panels[2 * index : 2 * index + 2]
        for name, colour, chosen in zip(POPULATIONS, PALETTE[:3] + PALETTE[6:7], members, strict=True):
            these = chosen.astype(bool)
            scatter.plot(positive[these], negative[these], ".", color=colour, ms=3, alpha=0.6, label=name)
            if name in {"+", "-"}:
                size = (positive if name == "+" else negative)[these]
                bars.hist(size, bins=24, range=(0, 8), histtype="step", color=colour, lw=1.4, density=True)
        scatter.set(xlabel="L+ sqrt(n)", ylabel="L- sqrt(n)", title=case)
        bars.set(xlabel="L+ or L-, sqrt(n)", ylabel="density", title=f"{case}, + and - units")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=4, markerscale=3)
    return figure


CLAIM = Claim(
    id="INT-22",
    title="Two populations",
    source="section 4.1, equation 20, Fig. 3A",
    says="The state of a trained rectified network is L+ times the integral while that is positive, and L- times its"
    " size while it is negative, with d . L+ = 1 and d . L- = -1. About 5 % of the units are active at both signs or at"
    " none, and those active at both have no strong activity.",
    kind="statistical",
    parameters=BATCH_PARAMETERS,
    sizes=BATCH_SIZES,
    seeds=BATCH_SEEDS,
    reported={"s = 1: share of shared and null units": 0.05},
    checks=(
        Check("s = 1: relative error of the outputs", "<=", 0.1),
        Check("s = 1: activity explained by equation 20", ">=", 0.99),
        Check("s = 1: d . L+", "between", (0.88, 1.12)),
        Check("s = 1: d . L-", "between", (-1.12, -0.88)),
        Check("s = 1: share of shared and null units", "<=", 0.12),
        Check("s = 1: share of + units", "between", (0.3, 0.7)),  # 0.36 to 0.59 on seeds 0-9 of 100 units
        Check("s = 2: activity explained by equation 20", ">=", 0.98),
        # -1.08 and 0.84 on seeds 0-9: what is off is the gain of the integral
        Check("s = 2: d . L+", "between", (0.75, 1.25)),
        Check("s = 2: d . L-", "between", (-1.25, -0.75)),
        Check("s = 2: share of shared and null units", "<=", 0.25),  # 0.07 to 0.19
        Check("s = 2: share of shared units", ">=", 0.01),  # so that the next two say something
        Check("s = 2: shared units' share of activity", "<=", 0.1),
        Check("s = 2: shared units' share of outputs", "<=", 0.1),
    ),
    measure=measure,
    draw=draw,
    shares=BATCHES,
)
