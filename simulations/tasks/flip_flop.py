"""A memory of one pulse: the output of the channel that was pulsed last holds the sign of that pulse, the other is 0.

Schuessler et al. (2020), Table S1, with the timing of the authors' code: delays count from the onset of a pulse.
"""

from __future__ import annotations

import numpy as np

from ltr.simulations.tasks.trials import STEP, Trials

CHANNELS = 2
STEPS = 100
FIRST_STEP = 2
PULSE_STEPS = 2
DECISION_STEPS = 10  # from the onset of a pulse to where the answer counts
WAIT = (5.0, 25.0)  # until the next pulse, time constants
EXTRA_WAIT = 5.0
TARGET = 0.5


def flip_flop_trials(rng: np.random.Generator, trials: int, steps: int = STEPS) -> Trials:
    """Draw trials.

    Args:
        rng: source of randomness.
        trials: how many.
        steps: their length.

    Returns:
        Two channels in, two outputs.
    """
    shortest = int((WAIT[0] + EXTRA_WAIT) / STEP)
    pulses = steps // shortest + 1
    wait = np.floor((rng.uniform(*WAIT, size=(pulses, trials)) + EXTRA_WAIT) / STEP).astype(int)
    onset = FIRST_STEP + np.vstack([np.zeros((1, trials), dtype=int), np.cumsum(wait, axis=0)])
    channel = rng.integers(CHANNELS, size=(pulses, trials))
    sign = rng.choice((-1.0, 1.0), size=(pulses, trials))
    time = np.arange(steps)[:, None]
    inputs, targets = np.zeros((2, steps, trials, CHANNELS))
    mask = np.zeros((steps, trials, 1))
    each = np.arange(trials)
    for start, end, where, way in zip(onset[:-1], onset[1:], channel, sign, strict=True):
        held = (time >= start + DECISION_STEPS) & (time < end)
        inputs[:, each, where] += way * ((time >= start) & (time < start + PULSE_STEPS))
        targets[:, each, where] += TARGET * way * held
        mask[..., 0] += held
    return Trials(inputs, targets.swapaxes(0, 1), mask.swapaxes(0, 1))
