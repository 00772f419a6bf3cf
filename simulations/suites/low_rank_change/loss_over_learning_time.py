"""LRC-14: in effective learning time, losses for all gains nearly collapse, and follow the third order for a while."""

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
    outcome,
    readout_series,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Readouts against the series, and when the loss is below 5%."""
    values: dict[str, list[float]] = {}
    curves = {}
    times: dict[tuple[float, float], float] = {}
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        descended, found = learned(learning), outcome(learning, protocol["played_beyond"])
        for index, target in enumerate(learning.targets):
            case = f"zhat = {target:g}, g = {gain:g}"
            time, until = effective_times(learning)[index], protocol["until"][target]
            readouts = np.median(descended.readouts[:, index], axis=0)
            series = {order: readout_series(time, target, learning.beta, order) for order in (1, 3)}
            errors = {o: np.abs(readouts - curve)[time <= until].max() / target for o, curve in series.items()}
            times[target, gain] = float(np.median(found.time[:, index])) * learning.beta**2
            values[f"error of third order, {case}"] = [float(errors[3])]
            values[f"error of third order over that of first, {case}"] = [float(errors[3] / errors[1])]
            values[f"effective time of 5%, {case}"] = (found.time[:, index] * learning.beta**2).tolist()
            third = (1 - frozen(series[3], series[3] >= target) / target) ** 2
            reached = float(time[(third < 0.05).argmax()])
            values[f"time of 5% by third order over measured, {case}"] = [reached / times[target, gain]]
            curves |= {f"time, {case}": time, f"loss, {case}": descended.losses[:, index] / (target**2 / 2)}
            curves[f"theory, {case}"] = third
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
        Check("error of third order, zhat = 0.5, g = 0", "<=", 0.06),
        Check("error of third order, zhat = 0.5, g = 0.6", "<=", 0.07),
        Check("error of third order, zhat = 2, g = 0", "<=", 0.03),
        Check("error of third order, zhat = 2, g = 0.6", "<=", 0.06),
        Check("error of third order over that of first, zhat = 0.5, g = 0", "<=", 0.8),
        Check("error of third order over that of first, zhat = 0.5, g = 0.6", "<=", 0.9),
        Check("error of third order over that of first, zhat = 2, g = 0", "<=", 0.6),
        Check("error of third order over that of first, zhat = 2, g = 0.6", "<=", 0.8),
        Check("effective time of 5%, g = 0.6 over 0, zhat = 0.5", "between", (0.78, 1.0)),
        Check("effective time of 5%, g = 0.6 over 0, zhat = 2", "between", (0.60, 0.88)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
