"""Decision by context: of two noisy signals, the sign of the one that the context names is to be told after a delay.

The task of Mante et al. (2013) as Schuessler et al. (2020) have it, Table S1, with the eight mean signals of the
authors' code.
"""

from __future__ import annotations

import numpy as np

from ltr.simulations.tasks.trials import STEP, Trials

CHANNELS, OUTPUTS = 4, 1  # two contexts, then two signals
STEPS = 96
STIMULUS = slice(6, 46)
DECISION = slice(56, 96)
MEANS = (0.125, 0.25, 0.5, 1.0)
NOISE = 0.05  # of white noise
TARGET = 0.5


def mante_trials(rng: np.random.Generator, trials: int) -> Trials:
    """Draw trials.

    Args:
        rng: source of randomness.
        trials: how many.

    Returns:
        Four channels in (contexts, then signals), one output.
    """
    each = np.arange(trials)
    mean = rng.choice(MEANS, size=(trials, 2)) * rng.choice((-1.0, 1.0), size=(trials, 2))
    context = rng.integers(2, size=trials)
    inputs = np.zeros((STEPS, trials, CHANNELS))
    inputs[STIMULUS, each, context] = 1.0
    inputs[:, :, 2:] = rng.normal(scale=NOISE / np.sqrt(STEP), size=(STEPS, trials, 2))
    inputs[STIMULUS, :, 2:] += mean
    targets = np.zeros((trials, STEPS, OUTPUTS))
    targets[:, DECISION, 0] = TARGET * np.sign(mean[each, context])[:, None]
    mask = np.ones((trials, STEPS, 1))
    mask[:, STIMULUS.stop : DECISION.start] = 0.0
    return Trials(inputs, targets, mask)
