"""Comparison over a delay: which of two pulses was the larger is to be told by one of two outputs.

The task of Romo et al. (1999) as Schuessler et al. (2020) have it, Table S1, with the duration of the authors' code.
"""

from __future__ import annotations

import numpy as np

from ltr.simulations.tasks.trials import STEP, Trials

CHANNELS, OUTPUTS = 1, 2
STEPS = 56
FIRST_PULSE = slice(6, 8)
DELAY = (2.0, 8.0)  # time constants
PULSE_STEPS = 2
DECISION = (10, 30)  # steps after the second pulse
AMPLITUDES = (0.5, 1.5)
SMALLEST_DIFFERENCE = 0.2
TARGET = 0.5


def romo_trials(rng: np.random.Generator, trials: int) -> Trials:
    """Draw trials.

    Args:
        rng: source of randomness.
        trials: how many.

    Returns:
        One channel in, two outputs: the first answers that the first pulse was the larger.
    """
    amplitude = rng.uniform(*AMPLITUDES, size=(trials, 2))
    while (alike := np.abs(np.diff(amplitude)[:, 0]) < SMALLEST_DIFFERENCE).any():
        amplitude[alike] = rng.uniform(*AMPLITUDES, size=(alike.sum(), 2))
    second = FIRST_PULSE.stop + np.floor(rng.uniform(*DELAY, size=trials) / STEP).astype(int)
    end = second + PULSE_STEPS
    time = np.arange(STEPS)[:, None]
    inputs = np.zeros((STEPS, trials, CHANNELS))
    inputs[FIRST_PULSE, :, 0] = amplitude[:, 0]
    inputs[..., 0] += amplitude[:, 1] * ((time >= second) & (time < end))
    decision = (time >= end + DECISION[0]) & (time < end + DECISION[1])
    targets = np.zeros((STEPS, trials, OUTPUTS))
    targets[:, np.arange(trials), amplitude.argmax(1)] = TARGET * decision
    mask = ((time < end) | decision).astype(float)[..., None]
    return Trials(inputs, targets.swapaxes(0, 1), mask.swapaxes(0, 1))
