"""INT-24: currents of trained rectified networks are the integral times one vector, W e / (s gamma)."""

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
    batch_networks,
    explained,
    observed,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

LARGE = 0.1  # of the largest integral: around 0 currents have no direction
SHOWN = 1500  # times in the figure
DRAWN_SCALE = 2.0  # as in the paper's figure


def measure(protocol: Protocol) -> Measured:
    """Currents as multiples of the integral, unit by unit and as a vector."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for scale, *_ in protocol["training"]:
        for found in observed(batch_networks(protocol, scale), protocol, scale):
            image = found.weights @ found.encoder
            integral, currents = found.targets, found.currents
            large = np.abs(integral) > LARGE * np.abs(integral).max()
            cosine = currents[large] @ image / np.linalg.norm(currents[large], axis=1) / np.linalg.norm(image)
            predicted = np.outer(integral, image / (scale * protocol["decay"]))
            case = f"s = {scale:g}"
            note(f"{case}: currents explained by the integral", explained(currents, proportional(currents, integral)))
            note(
                f"{case}: currents explained by the output",
                explained(currents, proportional(currents, found.outputs)),
            )
            note(f"{case}: currents explained by equations 21 and 24", explained(currents, predicted))
            note(f"{case}: mean |cosine| of currents and W e", np.abs(cosine).mean())
            note(f"{case}: share of times with the sign of the integral", (cosine * integral[large] > 0).mean())
            if scale == DRAWN_SCALE and not curves:
                units = np.array([image.argmax(), image.argmin()])
                some = np.random.default_rng(0).choice(np.flatnonzero(integral != 0), SHOWN, replace=False)
                lengths = np.linalg.norm(currents[some], axis=1) * np.linalg.norm(image)
                curves = {
                    "integral": integral[some],
                    "currents": currents[np.ix_(some, units)].T,
                    "cosine": currents[some] @ image / lengths,
                }
    return Measured(values, curves)


def proportional(currents: Float[Array, "time unit"], to: Float[Array, " time"]) -> Float[Array, "time unit"]:
    """Each unit's current as its best multiple of a signal."""
    return np.outer(to, to @ currents / (to @ to))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Currents of two units, and the cosine of all currents with W e, over the integral, as in Fig. 4."""
    figure = new_figure(3.2)
    of_units, of_all = figure.subplots(1, 2)
    curves = measured.curves
    for colour, current, name in zip(PALETTE, curves["currents"], ("largest W e", "smallest W e"), strict=False):
        of_units.plot(curves["integral"], current, ".", color=colour, ms=3, alpha=0.5, label=f"unit of {name}")
    of_all.plot(curves["integral"], curves["cosine"], ".", color=PALETTE[2], ms=3, alpha=0.5)
    of_units.set(xlabel="integral", ylabel="current", title=f"s = {DRAWN_SCALE:g}")
    of_all.set(xlabel="integral", ylabel="cosine of currents and W e", ylim=(-1.1, 1.1), title=f"s = {DRAWN_SCALE:g}")
    figure.legend(*of_units.get_legend_handles_labels(), loc="outside upper right", ncols=2, markerscale=3)
    return figure


CLAIM = Claim(
    id="INT-24",
    title="Currents are linear in the integral",
    source="section 4.1, equations 21 and 24, Fig. 4",
    says="The currents of a trained rectified network are the integral times a vector L, and L is W e / (s gamma).",
    kind="statistical",
    parameters=BATCH_PARAMETERS,
    sizes=BATCH_SIZES,
    seeds=BATCH_SEEDS,
    checks=tuple(
        Check(f"s = {scale}: {quantity}", ">=", bound)
        for quantity, bounds in {
            "currents explained by the integral": (0.99, 0.93),  # at least 0.998 and 0.957 on seeds 0-9
            "currents explained by the output": (0.998, 0.975),
            "currents explained by equations 21 and 24": (0.98, 0.92),
            "mean |cosine| of currents and W e": (0.999, 0.985),
            "share of times with the sign of the integral": (1.0, 0.99),
        }.items()
        for scale, bound in zip((1, 2), bounds, strict=True)
    ),
    measure=measure,
    draw=draw,
    shares=BATCHES,
)
