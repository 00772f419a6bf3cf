"""Pulses on two channels, and a level to hold: AND, OR, XOR, and a flip-flop that one channel sets, the other resets.

Jarne (2020), with the time grid of the code that belongs to the paper; a step is the unit of time. The answer changes
20 steps after a pulse has ended, and holds from then on.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from ltr.simulations.tasks.trials import Trials
from ltr.types import Array, Bool, Int

BooleanName = Literal["and", "or", "xor", "flip-flop1"]
NAMES: tuple[BooleanName, ...] = get_args(BooleanName)

CHANNELS = 2
PULSE_STEPS, GAP_STEPS = 20, 20
NOISE = 0.1  # sd of the inputs' white noise in training


class Grid(NamedTuple):
    """When pulses come, and how long a trial lasts.

    Attributes:
        onsets: of the pulses, steps.
        steps: of a trial.
        rest: what the output should be before the first answer.
    """

    onsets: tuple[int, ...]
    steps: int
    rest: float


GRIDS: dict[BooleanName, Grid] = {
    "and": Grid((30,), 200, 0.0),
    "or": Grid((30,), 200, 0.01),
    "xor": Grid((30,), 200, 0.01),
    "flip-flop1": Grid((50, 170, 290), 410, 0.01),
}
# of no pulse, one on either channel, both
ANSWERS: dict[BooleanName, tuple[int, int, int, int]] = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}


def combinations(name: BooleanName) -> Int[Array, "kind pulse"]:
    """Every kind of trial: for each pulse, which channels are on, in bits (1: the first, 2: the second)."""
    if name != "flip-flop1":
        return np.arange(4)[:, None]
    first, second, third = np.indices((2, 2, 2)).reshape(3, -1)
    return np.stack([first, second, third], axis=1) + 1


def boolean_trials(name: BooleanName, kinds: Int[Array, " trial"], rng: np.random.Generator | None = None) -> Trials:
    """Trials of the kinds given.

    Args:
        name: of the task.
        kinds: rows of :func:`combinations`.
        rng: source of the inputs' noise. Default: no noise.
    """
    grid, on = GRIDS[name], channels_on(name, kinds)
    inputs = np.zeros((grid.steps, len(kinds), CHANNELS))
    targets = np.full((len(kinds), grid.steps, 1), grid.rest)
    for onset, heard in zip(grid.onsets, on.swapaxes(0, 1), strict=True):
        inputs[onset : onset + PULSE_STEPS] = heard
        answered = onset + PULSE_STEPS + GAP_STEPS
        targets[:, answered:, 0] = _answers(name, heard)[:, None]
    if rng is not None:
        inputs += rng.normal(scale=NOISE, size=inputs.shape)
    return Trials(inputs, targets, np.ones((len(kinds), grid.steps, 1)))


def channels_on(name: BooleanName, kinds: Int[Array, " trial"]) -> Bool[Array, "trial pulse channel"]:
    """Which channels each pulse comes on."""
    return (combinations(name)[kinds][..., None] >> np.arange(CHANNELS) & 1).astype(bool)


def balanced_kinds(name: BooleanName, trials: int) -> Int[Array, " trial"]:
    """As many trials of every kind as of any other; a multiple of the number of kinds."""
    return np.arange(trials) % len(combinations(name))


def _answers(name: BooleanName, heard: Bool[Array, "trial channel"]) -> Int[Array, " trial"]:
    if name == "flip-flop1":
        return heard[:, 1].astype(int)  # the second channel sets, the first resets
    return np.array(ANSWERS[name])[heard @ np.array([1, 2])]
