"""LRC-20: permuting the initial weights after learning brings the loss back, more so for larger g and zhat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    ALL_GAINS,
    EXPERIMENT,
    PAPER,
    SEEDS,
    SHARES,
    band,
    experiment,
    learned,
    outcomes,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Loss after shuffling over zhat^2 / 2, and both predictions."""
    gains = np.array(protocol["gains"])
    values: dict[str, list[float]] = {}
    curves: dict[str, Float[Array, "seed gain"]] = {}
    middle = (gains >= 0.3) & (gains <= 0.6)
    for index, target in enumerate(protocol["targets"]):
        name = f"zhat = {target:g}"
        shuffled = np.stack([found.shuffled[:, index] for found in outcomes(protocol).values()], axis=1)
        third = np.array([third_order(gain, target) for gain in gains])
        curves |= {name: shuffled, f"third order, {name}": third}
        for gain, mean in zip(gains, np.nanmean(shuffled, axis=0), strict=True):
            values[f"mean over networks, {name}, g = {gain:g}"] = [float(mean)]
        values[f"above third order, {name}, g = 0.3 to 0.6"] = (np.nanmean(shuffled, axis=0) - third)[middle].tolist()
        values[f"third order above first, {name}, g = 0.3 to 0.6"] = (third - first_order(gains))[middle].tolist()
        descended = learned(experiment(protocol, 0.0))
        trained = descended.losses[:, index, -1] / (target**2 / 2)
        # of the readouts, not of the losses, which may be rounding errors squared
        error = np.abs(np.sqrt(shuffled[:, 0]) - np.sqrt(trained))
        values["readout over target, shuffled minus trained, g = 0"] = [
            *values.get("readout over target, shuffled minus trained, g = 0", []),
            *error.tolist(),
        ]
    return Measured(values, {"gains": gains, **curves})


def first_order(gain: Float[Array, " gain"]) -> Float[Array, " gain"]:
    """(1 - 1 / beta^2)^2."""
    return gain**4 * (2 - gain**2) ** 2


def third_order(gain: float, target: float) -> float:
    """The series of the shuffled readout (equation 91) where that of the readout (equation 15) reaches the target."""
    beta = 1 / (1 - gain**2)
    cubics = (1 + 8 * target**2 * beta) / 6, (1 + 2 * target**2 * (1 + 3 / beta)) / 6
    roots = np.roots([cubics[0], -0.5, 1.0, -1.0])
    time = roots[np.abs(roots.imag) < 1e-9].real.min()
    return float((1 - (time - time**2 / 2 + cubics[1] * time**3) / beta**2) ** 2)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Loss after shuffling against gain, as in Fig. 4d."""
    figure = new_figure(3.2)
    axes = figure.subplots()
    gains = measured.curves["gains"]
    for colour, name in zip(PALETTE, [name for name in measured.curves if name.startswith("zhat")], strict=False):
        band(axes, gains, measured.curves[name], colour, f"{name}, mean and s.d.")
        axes.plot(gains, measured.curves[f"third order, {name}"], ":", color=colour, label=f"{name}, third order")
        told = {g: reported.get(f"mean over networks, {name}, g = {g:g}") for g in gains}
        shown = {g: value for g, value in told.items() if value is not None}
        axes.plot(list(shown), list(shown.values()), "D", color=colour, ms=5, label=f"{name}, paper")
    axes.plot(gains, first_order(gains), "--", color=INK, label="first order")
    axes.set(xlabel="gain g of the initial weights", ylabel="loss after shuffling,\nover initial loss", ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="LRC-20",
    title="Loss after shuffling the initial weights",
    source="section 3, Fig. 4d",
    says="Permuting the initial weights after training undoes much of what was learned. To first order the loss is"
    " g^4 (2 - g^2)^2 times that before training; it is clearly larger for the larger target.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.3, 0.5, 0.6)},
    sizes={"quick": {}, "full": {**PAPER, "gains": ALL_GAINS}},
    seeds=SEEDS,
    reported={
        "mean over networks, zhat = 2, g = 0.3": 0.17,
        "mean over networks, zhat = 2, g = 0.4": 0.36,
        "mean over networks, zhat = 2, g = 0.5": 0.55,
        "mean over networks, zhat = 2, g = 0.6": 0.74,
        "mean over networks, zhat = 2, g = 0.7": 0.85,
        "mean over networks, zhat = 0.5, g = 0.5": 0.25,
        "mean over networks, zhat = 0.5, g = 0.6": 0.52,
        "mean over networks, zhat = 0.5, g = 0.7": 0.78,
    },
    checks=(
        Check("readout over target, shuffled minus trained, g = 0", "<=", 1e-10),
        # 0.147 to 0.183, 0.54 to 0.60 and 0.74 to 0.79 in five sets of 12 networks of 256 units
        Check("mean over networks, zhat = 2, g = 0.3", "between", (0.12, 0.20)),
        Check("mean over networks, zhat = 2, g = 0.5", "between", (0.49, 0.63)),
        Check("mean over networks, zhat = 2, g = 0.6", "between", (0.68, 0.81)),
        # the readout of the shuffled weights alone scatters by 1 / sqrt(N), which counts against 0.5
        Check("mean over networks, zhat = 0.5, g = 0.6", "between", (0.28, 0.60)),
        Check("above third order, zhat = 2, g = 0.3 to 0.6", ">=", 0.03),
        Check("third order above first, zhat = 2, g = 0.3 to 0.6", ">=", 0.02),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
