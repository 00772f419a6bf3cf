"""LRC-25: trained networks hold the last pulse, decide by context and compare pulses, on trials twice as long, too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import (
    EVALUATION_SEED,
    FULL,
    NAMES,
    PARAMETERS,
    SEEDS,
    SHARES,
    TITLES,
    experiments,
    learn,
)
from ltr.simulations.task_network import play_trials
from ltr.simulations.tasks.catalogue import TASKS
from ltr.simulations.tasks.flip_flop import STEPS, flip_flop_trials
from ltr.simulations.tasks.trials import STEP, Trials
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Share of decision steps on which the class that is told is right; one number a network."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in NAMES:
        (experiment,) = experiments(protocol, name, [protocol["shown_gain"]])
        network = learn(experiment, protocol).after
        rng = np.random.default_rng(EVALUATION_SEED)
        shown = {TITLES[name]: TASKS[name].draw(rng, protocol["evaluated_trials"])}
        if name == "flip-flop":
            shown["flip-flop, trials twice as long"] = flip_flop_trials(rng, protocol["evaluated_trials"], 2 * STEPS)
        for title, trials in shown.items():
            output = play_trials(network, trials)
            values[title] = share_right(output, trials).tolist()
            curves |= {f"{name}: outputs": output[0, 0], f"{name}: targets": trials.targets[0]}
            curves[f"{name}: mask"] = trials.mask[0, :, 0]
    return Measured(values, curves)


def share_right(output: Float[Array, "seed trial time output"], trials: Trials) -> Float[Array, " seed"]:
    """Of the steps with an answer, on how many the output of the largest size is the right one, with the right sign."""
    answered = (trials.targets != 0).any(2)
    told, wanted = output[:, answered], trials.targets[answered]
    largest = np.abs(told).argmax(2)
    right_output = largest == np.abs(wanted).argmax(1)
    sign = np.sign(np.take_along_axis(told, largest[..., None], axis=2)[..., 0])
    return np.asarray((right_output & (sign == np.sign(wanted.sum(1)))).mean(1))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 1 a to c: outputs of a trained network on one trial, and targets where they count."""
    figure = new_figure(2.4)
    for axes, name in zip(figure.subplots(1, len(NAMES)), NAMES, strict=True):
        outputs, targets = measured.curves[f"{name}: outputs"], measured.curves[f"{name}: targets"]
        time = STEP * np.arange(len(outputs))
        counts = measured.curves[f"{name}: mask"][:, None] > 0
        for colour, line, target in zip(PALETTE, outputs.T, np.where(counts, targets, np.nan).T, strict=False):
            axes.plot(time, target, color="0.75", lw=4, solid_capstyle="butt")
            axes.plot(time, line, color=colour, lw=1.2)
        axes.set(title=TITLES[name], xlabel="time (time constants)")
    figure.axes[0].set_ylabel("output; target (grey)")
    return figure


CLAIM = Claim(
    id="LRC-25",
    title="Trained networks do the tasks",
    source="Fig. 1 a to c",
    says="Trained networks hold the sign of the last pulse, decide by context, and compare two pulses.",
    kind="statistical",
    parameters={**PARAMETERS, "shown_gain": 0.9},
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    checks=(
        Check("flip-flop", ">=", 0.99),
        Check("flip-flop, trials twice as long", ">=", 0.98),
        Check("Mante", ">=", 0.98),
        Check("Romo", ">=", 0.98),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
