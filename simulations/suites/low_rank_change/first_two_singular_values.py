"""LRC-15: one singular value of the change dominates all through learning, and is smaller for larger gain."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    EXPERIMENT,
    PAPER,
    SEEDS,
    SHARES,
    band,
    effective_times,
    experiment,
    frozen,
    learned,
    readout_series,
    singular_value_series,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Two singular values over learning, against the series."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    finals: dict[tuple[float, float], float] = {}
    steps = np.unique(np.linspace(1, protocol["updates"], protocol["points"]).astype(int))
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        found = learned(learning).singular_values(steps.tolist(), 2)
        for index, target in enumerate(learning.targets):
            case = f"zhat = {target:g}, g = {gain:g}"
            time = effective_times(learning)[index, steps]
            series = singular_value_series(time, target, learning.beta)
            close = time <= protocol["until"][target]
            off = np.median(found[:, index, :, 0], axis=0)[close] / series[0, close] - 1
            finals[target, gain] = float(found[:, index, -1, 0].mean())
            values[f"final s_1, mean, {case}"] = [finals[target, gain]]
            values[f"largest s_2 / s_1, {case}"] = (found[:, index, :, 1] / found[:, index, :, 0]).max(1).tolist()
            values[f"largest relative error of third order s_1, {case}"] = [float(np.abs(off).max())]
            reached = readout_series(time, target, learning.beta) >= target
            curves |= {f"time, {case}": time, f"values, {case}": found[:, index]}
            curves[f"theory, {case}"] = np.stack([frozen(curve, reached) for curve in series])
    low, high = protocol["gains"]
    for target in protocol["targets"]:
        ratio = finals[target, high] / finals[target, low] / (1 - high**2)
        values[f"final s_1, g = {high:g} over {low:g}, times beta, zhat = {target:g}"] = [ratio]
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Singular values over effective learning time, as in Fig. 3d, e."""
    figure = new_figure(3.0)
    cases = [name.removeprefix("values, ") for name in measured.curves if name.startswith("values")]
    targets = list(dict.fromkeys(case.split(", ")[0] for case in cases))
    panels = figure.subplots(1, len(targets), squeeze=False)[0]
    for axes, target in zip(panels, targets, strict=True):
        for colour, case in zip(PALETTE, [case for case in cases if case.startswith(target + ",")], strict=False):
            time, gain = measured.curves[f"time, {case}"], case.split(", ")[1]
            for value, look in enumerate(("--", "-.")):
                band(axes, time, measured.curves[f"values, {case}"][:, :, value], colour, f"{gain}, s_{value + 1}")
                axes.plot(time, measured.curves[f"theory, {case}"][value], look, color=colour)
            told = reported.get(f"final s_1, mean, {case}")
            if told:
                axes.plot(time[-1], told, "D", color=colour, ms=5, clip_on=False)
        axes.set(xlabel="effective learning time beta^2 tau", title=target, ylim=(0, None))
    panels[0].set_ylabel("singular values of the change")
    panels[-1].plot([], [], "--", color="k", label="third order")
    panels[-1].plot([], [], "D", color="k", ms=5, label="paper, at the end")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="LRC-15",
    title="First two singular values over learning",
    source="section 3, Fig. 3d, e, equation 14",
    says="A single singular value of the change of the weights dominates; it decreases with increasing g. The second"
    " one stays small.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.6), "points": 21, "until": {0.5: 0.3, 1.0: 0.25, 2.0: 0.18}},
    sizes={"quick": {}, "full": {**PAPER, "points": 41}},
    seeds=SEEDS,
    reported={
        "final s_1, mean, zhat = 0.5, g = 0": 0.44,
        "final s_1, mean, zhat = 0.5, g = 0.6": 0.27,
        "final s_1, mean, zhat = 2, g = 0": 0.85,
        "final s_1, mean, zhat = 2, g = 0.6": 0.44,
    },
    checks=(
        # of m and w at a right angle, whatever the size
        Check("final s_1, mean, zhat = 0.5, g = 0", "between", (0.42, 0.435)),
        Check("final s_1, mean, zhat = 2, g = 0", "between", (0.845, 0.86)),
        Check("final s_1, mean, zhat = 0.5, g = 0.6", "between", (0.23, 0.28)),
        Check("final s_1, mean, zhat = 2, g = 0.6", "between", (0.39, 0.46)),
        Check("final s_1, g = 0.6 over 0, times beta, zhat = 0.5", "between", (0.86, 1.01)),
        Check("final s_1, g = 0.6 over 0, times beta, zhat = 2", "between", (0.70, 0.86)),
        Check("largest s_2 / s_1, zhat = 0.5, g = 0", "<=", 0.02),
        Check("largest s_2 / s_1, zhat = 0.5, g = 0.6", "<=", 0.04),
        Check("largest s_2 / s_1, zhat = 2, g = 0", "<=", 0.07),
        Check("largest s_2 / s_1, zhat = 2, g = 0.6", "<=", 0.1),
        Check("largest relative error of third order s_1, zhat = 0.5, g = 0", "<=", 0.02),
        Check("largest relative error of third order s_1, zhat = 0.5, g = 0.6", "<=", 0.08),
        Check("largest relative error of third order s_1, zhat = 2, g = 0", "<=", 0.03),
        Check("largest relative error of third order s_1, zhat = 2, g = 0.6", "<=", 0.08),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
