"""LRC-24: trials of flip-flop, Mante's and Romo's task have the pulses, delays, masks and targets of Table S1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import NAMES, TITLES
from ltr.simulations.tasks.catalogue import TASKS
from ltr.simulations.tasks.trials import STEP, Trials
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Constants of the three tasks, read off many trials."""
    drawn = {name: TASKS[name].draw(np.random.default_rng(0), protocol["trials"]) for name in NAMES}
    flip_flop, mante, romo = (drawn[name] for name in NAMES)
    pulsed = np.abs(flip_flop.inputs).sum(2)
    onset = pulsed[1:] > pulsed[:-1]
    # a pulse at the end is cut short
    lengths = [len(run) for trial in pulsed.T for run in _runs(trial) if run[-1] < len(trial) - 1]
    gaps = [np.diff(np.flatnonzero(trial)) for trial in onset.T]
    answered = np.abs(flip_flop.targets)[flip_flop.mask[..., 0] > 0]
    noise = mante.inputs[:6, :, 2:]
    signal = mante.inputs[6:46, :, 2:].mean(0)
    amplitude = np.stack([romo.inputs[6, :, 0], romo.inputs[8:, :, 0].max(0)])
    second = 8 + (romo.inputs[8:, :, 0] > 0).argmax(0)
    chosen = romo.targets.max(1).argmax(1)
    values = {
        "loss at zero, flip-flop": _loss_at_zero(flip_flop),
        "loss at zero, Mante": _loss_at_zero(mante),
        "shortest pulse, flip-flop": float(min(lengths)),
        "longest pulse, flip-flop": float(max(lengths)),
        "shortest time between pulses, flip-flop": float(min(map(np.min, gaps))),
        "longest time between pulses, flip-flop": float(max(map(np.max, gaps))),
        "outputs of 0.5 where it counts, flip-flop": float((answered == 0.5).sum(1).mean()),
        "outputs of 0 where it counts, flip-flop": float((answered == 0).sum(1).mean()),
        "sd of the noise, Mante": float(noise.std()),
        "signals that are none of eight, Mante": float(_none_of_eight(signal)),
        "answers against the signal that the context names, Mante": float(_wrong_answers(mante)),
        "smallest difference of amplitudes, Romo": float(np.abs(amplitude[0] - amplitude[1]).min()),
        "shortest delay, Romo": float(second.min() - 8),
        "longest delay, Romo": float(second.max() - 8),
        "answers against the larger amplitude, Romo": float((chosen != amplitude.argmax(0)).sum()),
        "decision steps, Romo": float((romo.targets.max(2) > 0).sum(1).mean()),
        "last decision step, Romo": float((romo.mask[..., 0] * np.arange(romo.mask.shape[1])).max()),
    }
    curves: dict[str, Array] = {}
    for name in NAMES:
        curves |= {
            f"{name}: inputs": drawn[name].inputs[:, 0],
            f"{name}: targets": drawn[name].targets[0],
            f"{name}: mask": drawn[name].mask[0, :, 0],
        }
    return Measured({name: [value] for name, value in values.items()}, curves)


def _loss_at_zero(trials: Trials) -> float:
    squares = (trials.targets**2 * trials.mask).sum()
    return float(squares / (trials.mask.sum() * trials.targets.shape[2]) / 2)


def _runs(pulsed: Float[Array, " time"]) -> list[Array]:
    """Steps of every pulse."""
    on = np.flatnonzero(pulsed)
    return np.split(on, np.flatnonzero(np.diff(on) > 1) + 1)


def _none_of_eight(signal: Float[Array, "trial channel"]) -> int:
    """Means over the stimulus that are farther from every possible mean than noise could take them."""
    means = np.array([0.125, 0.25, 0.5, 1.0])
    farthest = np.abs(np.abs(signal)[..., None] - means).min(-1)
    return int((farthest > 6 * 0.05 / np.sqrt(STEP) / np.sqrt(40)).sum())


def _wrong_answers(mante: Trials) -> int:
    context = mante.inputs[6, :, :2].argmax(1)
    told = mante.inputs[6:46, np.arange(len(context)), 2 + context].mean(0)
    return int((np.sign(told) != np.sign(mante.targets[:, -1, 0])).sum())


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One trial of each task."""
    figure = new_figure(3.6)
    panels = figure.subplots(2, len(NAMES), sharex="col")
    for (above, below), name in zip(panels.T, NAMES, strict=True):
        inputs, targets = measured.curves[f"{name}: inputs"], measured.curves[f"{name}: targets"]
        time = STEP * np.arange(len(inputs))
        for colour, line in zip(PALETTE, inputs.T, strict=False):
            above.plot(time, line, color=colour, lw=1)
        for colour, line in zip(PALETTE, targets.T, strict=False):
            below.plot(time, np.where(measured.curves[f"{name}: mask"] > 0, line, np.nan), color=colour, lw=1.5)
        above.set_title(TITLES[name])
        below.set_xlabel("time (time constants)")
        below.set_ylim(-0.6, 0.6)
    panels[0, 0].set_ylabel("inputs")
    panels[1, 0].set_ylabel("targets, where\nthey count")
    return figure


CLAIM = Claim(
    id="LRC-24",
    title="Trials of the three tasks",
    source="section 2, supplement A, Table S1",
    says="Pulses, delays, decision times and targets of flip-flop, Mante's and Romo's task.",
    kind="exact",
    parameters={"trials": 512},
    sizes={"smoke": {}, "quick": {}, "full": {"trials": 4096}},
    checks=(
        Check("loss at zero, flip-flop", "between", (0.0625 - 1e-7, 0.0625 + 1e-7)),
        Check("loss at zero, Mante", "between", (0.25 * 40 / 86 / 2 - 1e-7, 0.25 * 40 / 86 / 2 + 1e-7)),
        Check("shortest pulse, flip-flop", "==", 2),
        Check("longest pulse, flip-flop", "==", 2),
        Check("shortest time between pulses, flip-flop", "between", (20, 21)),
        Check("longest time between pulses, flip-flop", "between", (58, 59)),
        Check("outputs of 0.5 where it counts, flip-flop", "==", 1),
        Check("outputs of 0 where it counts, flip-flop", "==", 1),
        Check("sd of the noise, Mante", "between", (0.0707 * 0.95, 0.0707 * 1.05)),
        Check("signals that are none of eight, Mante", "==", 0),
        Check("answers against the signal that the context names, Mante", "==", 0),
        Check("smallest difference of amplitudes, Romo", "between", (0.2, 0.21)),
        Check("shortest delay, Romo", "==", 4),
        Check("longest delay, Romo", "==", 15),
        Check("answers against the larger amplitude, Romo", "==", 0),
        Check("decision steps, Romo", "==", 20),
        Check("last decision step, Romo", "<=", 55),
    ),
    measure=measure,
    draw=draw,
)
