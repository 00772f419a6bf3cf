"""LRC-14: in effective learning time, losses for all gains nearly collapse, and follow the third order for a while."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    EXPERIMENT,
    LEVEL,
    PAPER,
    SEEDS,
    SHARES,
    band,
    effective_times,
    experiment,
    frozen,
    learned,
    outcome,
    readout_series,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """Readouts against the series, and when the loss is below 5%."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    times: dict[tuple[float, float], float] = {}
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        descended, found = learned(learning), outcome(learning, protocol["played_beyond"])
        for index, target in enumerate(learning.targets):
            case = f"zhat = {target:g}, g = {gain:g}"
            time, until = effective_times(learning)[index], protocol["until"][target]
            readouts = descended.readouts[:, index]
            third = readout_series(time, target, learning.beta)
            off = np.abs(np.median(readouts, axis=0) - third)[time <= until].max() / target
            # with w^T B B^T w and m^T B^T B m of each network in place of beta, less of this is scatter
            grid = np.linspace(0, until, 50)
            own = [
                np.interp(grid, taken, z)
                for taken, z in zip(found.slope[:, None] * time / learning.beta**2, readouts, strict=True)
            ]
            errors = {
                order: np.abs(np.median(own, axis=0) - readout_series(grid, target, learning.beta, order)).max()
                for order in (1, 3)
            }
            times[target, gain] = float(np.median(found.time[:, index])) * learning.beta**2
            values[f"error of third order, {case}"] = [float(off)]
            values[f"beta of each network: error of third order, {case}"] = [float(errors[3] / target)]
            values[f"beta of each network: error of third order over that of first, {case}"] = [
                float(errors[3] / errors[1])
            ]
            values[f"effective time of 5%, {case}"] = (found.time[:, index] * learning.beta**2).tolist()
            theory = (1 - frozen(third, third >= target) / target) ** 2
            reached = float(time[(theory < LEVEL).argmax()])
            values[f"time of 5% by third order over measured, {case}"] = [reached / times[target, gain]]
            curves |= {f"time, {case}": time, f"loss, {case}": descended.losses[:, index] / (target**2 / 2)}
            curves[f"theory, {case}"] = theory
    low, high = protocol["gains"]
    for target in protocol["targets"]:
        name = f"effective time of 5%, g = {high:g} over {low:g}, zhat = {target:g}"
        values[name] = [times[target, high] / times[target, low]]
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Loss over effective learning time, as in Fig. 3b, c."""
    figure = new_figure(3.0)
    cases = [name.removeprefix("loss, ") for name in measured.curves if name.startswith("loss")]
    targets = list(dict.fromkeys(case.split(", ")[0] for case in cases))
    panels = figure.subplots(1, len(targets), squeeze=False, sharey=True)[0]
    for axes, target in zip(panels, targets, strict=True):
        for colour, case in zip(PALETTE, [case for case in cases if case.startswith(target + ",")], strict=False):
            time, gain = measured.curves[f"time, {case}"], case.split(", ")[1]
            band(axes, time, measured.curves[f"loss, {case}"], colour, gain)
            axes.plot(time, measured.curves[f"theory, {case}"], "--", color=colour, label=f"{gain}, third order")
        axes.set(xlabel="effective learning time beta^2 tau", title=target, ylim=(0, None))
    panels[0].set_ylabel("loss over zhat^2 / 2")
    panels[-1].legend(loc="upper right")
    return figure


CLAIM = Claim(
    id="LRC-14",
    title="Loss over effective learning time",
    source="section 3, Fig. 3b, c",
    says="Over the effective learning time beta^2 tau, loss curves for g = 0 and g = 0.6 nearly collapse. The expansion"
    " to third order agrees with them during most of learning; for the larger target, larger g is still faster.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.6), "until": {0.5: 0.5, 1.0: 0.35, 2.0: 0.2}},
    sizes={"quick": {}, "full": PAPER},
    seeds=SEEDS,
    checks=(
        Check("error of third order, zhat = 0.5, g = 0", "<=", 0.03),
        Check("error of third order, zhat = 0.5, g = 0.6", "<=", 0.08),
        Check("error of third order, zhat = 2, g = 0", "<=", 0.01),
        Check("error of third order, zhat = 2, g = 0.6", "<=", 0.06),
        Check("beta of each network: error of third order over that of first, zhat = 0.5, g = 0", "<=", 0.4),
        Check("beta of each network: error of third order over that of first, zhat = 0.5, g = 0.6", "<=", 0.65),
        Check("beta of each network: error of third order over that of first, zhat = 2, g = 0", "<=", 0.3),
        Check("beta of each network: error of third order over that of first, zhat = 2, g = 0.6", "<=", 0.7),
        # where the agreement ends: the last part of learning is predicted too early or too late
        Check("time of 5% by third order over measured, zhat = 0.5, g = 0", "between", (0.65, 0.76)),
        Check("time of 5% by third order over measured, zhat = 2, g = 0", "between", (1.08, 1.25)),
        Check("effective time of 5%, g = 0.6 over 0, zhat = 0.5", "between", (0.78, 1.0)),
        Check("effective time of 5%, g = 0.6 over 0, zhat = 2", "between", (0.60, 0.88)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
