"""Trials of a task, as networks are trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ltr.types import Array

STEP = 0.5
"""Euler step of the tasks of Schuessler et al. (2020), time constants."""


@dataclass(frozen=True, eq=False)
class Trials:
    """What is heard, what the answer should be, and where it counts.

    Attributes:
        inputs: during each step.
        targets: of the outputs after each step.
        mask: 1 where the outputs count, else 0.
    """

    inputs: Float[Array, "time trial channel"]
    targets: Float[Array, "trial time output"]
    mask: Float[Array, "trial time 1"]


def on_finer_grid(trials: Trials, times: int) -> Trials:
    """The same trials in steps that are shorter, every one repeated."""
    return Trials(
        trials.inputs.repeat(times, axis=0), trials.targets.repeat(times, axis=1), trials.mask.repeat(times, axis=1)
    )


def on_coarser_grid(trials: Trials, times: int) -> Trials:
    """The same trials in longer steps: mean inputs, and the last target and mask of each; what is left is cut off."""
    count = len(trials.inputs) // times
    inputs = trials.inputs[: count * times].reshape(count, times, *trials.inputs.shape[1:]).mean(1)
    last = slice(times - 1, count * times, times)
    return Trials(np.asarray(inputs), trials.targets[:, last], trials.mask[:, last])
