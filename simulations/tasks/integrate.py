"""Integrating several inputs at once: what is heard, and what the outputs should be.

Channel c is to output y_t = gamma_c (y_(t-1) + s_c x_t), the leaky integral of its input x. Task and test sequences are
those of Fanthomme and Monasson (2021), equations 1 to 5; a step is the unit of time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ltr.types import Array

BURST_STEPS = 25
BURST_RATE = 0.95  # share of a burst's steps on which there is an input
BACKGROUND_RATE = 0.05  # of ups, and of downs, between bursts
GAP_STEPS = (10, 69)  # between bursts
PULSE_STEPS = 4  # how long a pulse lasts


@dataclass(frozen=True)
class IntegrateTask:
    """What is integrated.

    Attributes:
        decays: gamma of every channel, from 0 to 1; the newest input is multiplied by it, too.
        scales: s of every channel.
        steps: length of the training sequences, T.
    """

    decays: tuple[float, ...] = (0.995,)
    scales: tuple[float, ...] = (1.0,)
    steps: int = 3

    @property
    def channels(self) -> int:
        """How many integrals there are, D."""
        return len(self.decays)


def white_inputs(
    rng: np.random.Generator, task: IntegrateTask, sequences: int, steps: int | None = None
) -> Float[Array, "time sequence channel"]:
    """Independent normal inputs of variance 1, as networks are trained on.

    Args:
        rng: source of randomness.
        task: how many channels.
        sequences: how many of each.
        steps: their length. Default: that of training.
    """
    return rng.normal(size=(steps or task.steps, sequences, task.channels))


def ternary_inputs(
    rng: np.random.Generator, task: IntegrateTask, sequences: int, steps: int
) -> Float[Array, "time sequence channel"]:
    """Structured inputs of -1, 0 and 1: bursts of one sign on a sparse background, as networks are tested on."""
    up, down = rng.random((2, steps, sequences, task.channels)) < BACKGROUND_RATE
    inputs = up.astype(float) - down
    for sequence in range(sequences):
        for channel in range(task.channels):
            start = int(rng.integers(*GAP_STEPS, endpoint=True))
            while start < steps:
                burst = inputs[start : start + BURST_STEPS, sequence, channel]
                burst[:] = rng.choice((-1.0, 1.0)) * (rng.random(len(burst)) < BURST_RATE)
                start += BURST_STEPS + int(rng.integers(*GAP_STEPS, endpoint=True))
    return inputs


def integrals(
    inputs: Float[Array, "time sequence channel"], task: IntegrateTask
) -> Float[Array, "sequence time channel"]:
    """What the outputs should be: add s x, then multiply by gamma (equation 4).

    Example:
        >>> integrals(np.array([[[1.0]], [[0.0]]]), IntegrateTask((0.5,), (2.0,))).tolist()
        [[[1.0], [0.5]]]
    """
    decays, scales = np.asarray(task.decays), np.asarray(task.scales)
    value, found = np.zeros(inputs.shape[1:]), []
    for now in inputs:
        value = decays * (value + scales * now)
        found.append(value)
    return np.stack(found, axis=1)


def pulse_inputs(
    rng: np.random.Generator, task: IntegrateTask, sequences: int, steps: int
) -> Float[Array, "time sequence channel"]:
    """Inputs of -1, 0 or 1 that last for some steps, as an animal might be given them."""
    pulses = rng.integers(-1, 2, size=(-(-steps // PULSE_STEPS), sequences, task.channels))
    return np.repeat(pulses, PULSE_STEPS, axis=0)[:steps].astype(float)
