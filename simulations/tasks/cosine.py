"""Playing a cosine from a given initial state: the task of figure S5 of Schuessler et al. (2020).

The text has a trial of 20 time constants, begun by a pulse. The authors' code begins in a state, and its loss sees the
first two periods, 10 time constants; the rest only shows whether the oscillation lasts. Here, it is as in the code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltr.simulations.tasks.trials import Trials


@dataclass(frozen=True)
class CosineTask:
    """One trial without inputs, the same every time.

    Attributes:
        frequency: of the cosine, per time constant.
        duration: of the trial, time constants.
        step: of Euler, time constants.
        periods: how many of them, from the start, count.
    """

    frequency: float = 0.2
    duration: float = 20.0
    step: float = 0.1
    periods: int = 2

    @property
    def steps(self) -> int:
        """Of a trial."""
        return round(self.duration / self.step)


def cosine_trials(task: CosineTask) -> Trials:
    """The trial; the output after the first step should be 1, which is the cosine at the start of that step.

    Example:
        >>> trials = cosine_trials(CosineTask(frequency=0.25, step=1.0, duration=6.0, periods=1))
        >>> trials.targets[0, :, 0].round().tolist(), trials.mask[0, :, 0].tolist()
        ([1.0, 0.0, -1.0, -0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    """
    index = np.arange(task.steps)
    counts = index < round(task.periods / task.frequency / task.step)
    return Trials(
        inputs=np.zeros((task.steps, 1, 1)),
        targets=np.cos(2 * np.pi * task.frequency * task.step * index)[None, :, None],
        mask=counts.astype(float)[None, :, None],
    )
