"""LRC-13: trained linear networks rise to their target and stay there, slower for larger target and gain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.linear_readout import outputs
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    EXPERIMENT,
    PAPER,
    SEEDS,
    SHARES,
    experiment,
    learned,
    start,
)
from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Trained networks, played with a fine step."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    rises: dict[tuple[float, float], Float[Array, " seed"]] = {}
    task = ConstantInputTask(step=protocol["step"])
    time = task.step * np.arange(1, task.steps + 1)
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        number = min(protocol["played"], len(learning.seeds))
        network = start(learning)
        some = replace(network, input_map=network.input_map[:number], readout=network.readout[:number])
        for index, target in enumerate(learning.targets):
            case = f"zhat = {target:g}, g = {gain:g}"
            change = np.stack([learned(learning).change(seed, index) for seed in range(number)])
            trained = replace(some, weight=network.weight[:number] + torch.tensor(change))
            answers = outputs(trained, constant_input_trials(task), task.step)[:, 0, :, 0].numpy()
            rises[target, gain] = np.array([rise_time(time - task.fixation, answer) for answer in answers])
            values.setdefault("relative error of the final readout", []).extend(
                np.abs(answers[:, -1] / target - 1).tolist()
            )
            before = time <= task.fixation
            values.setdefault("readout before the input, largest", []).append(float(np.abs(answers[:, before]).max()))
            values[f"time to 63%, {case}"] = rises[target, gain].tolist()
            curves |= {"time": time, f"readout, {case}": answers}
    low, high = protocol["gains"]
    for gain in (low, high):
        values[f"time to 63%, zhat = 2 over 0.5, g = {gain:g}"] = (rises[2.0, gain] / rises[0.5, gain]).tolist()
    values[f"time to 63%, g = {high:g} over {low:g}, zhat = 2"] = (rises[2.0, high] / rises[2.0, low]).tolist()
    return Measured(values, curves)


def rise_time(time: Float[Array, " time"], answer: Float[Array, " time"]) -> float:
    """When the answer first is above 1 - 1 / e of its last value."""
    return float(time[(answer / answer[-1] >= 1 - np.exp(-1)).argmax()])


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Readout of a trained network over a trial, as in Fig. 3a."""
    figure = new_figure(3.0)
    axes = figure.subplots()
    cases = [name.removeprefix("readout, ") for name in measured.curves if name.startswith("readout")]
    for colour, case in zip(PALETTE, cases, strict=False):
        axes.plot(measured.curves["time"], measured.curves[f"readout, {case}"][0], color=colour, label=case)
    for target in dict.fromkeys(case.split(", ")[0].removeprefix("zhat = ") for case in cases):
        axes.axhline(float(target), ls="--", lw=0.8, color=INK)
    axes.axvline(1, lw=0.8, ls=":", color=INK)
    axes.set(xlabel="time (time constants)", ylabel="readout z", ylim=(-0.05, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="LRC-13",
    title="Readout of trained linear networks",
    source="section 3, Fig. 3a",
    says="After training, the readout rises when the input begins and sits at the target at the end of the trial, for"
    " g = 0 and 0.6 and targets 0.5 and 2.",
    kind="statistical",
    parameters={**EXPERIMENT, "gains": (0.0, 0.6), "step": 0.1, "played": 3},
    sizes={"quick": {}, "full": {**PAPER, "played": 5}},
    seeds=SEEDS,
    checks=(
        Check("relative error of the final readout", "<=", 0.01),
        Check("readout before the input, largest", "<=", 0),
        # larger targets move an eigenvalue closer to 1, which makes the network slower
        Check("time to 63%, zhat = 2 over 0.5, g = 0", ">=", 1.4),
        Check("time to 63%, zhat = 2 over 0.5, g = 0.6", ">=", 1.4),
        Check("time to 63%, g = 0.6 over 0, zhat = 2", ">=", 1.5),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
