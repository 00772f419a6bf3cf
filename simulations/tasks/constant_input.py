"""Answering a constant input with a constant output: the simple task of Schuessler et al. (2020), table S1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltr.simulations.tasks.trials import Trials


@dataclass(frozen=True)
class ConstantInputTask:
    """One trial, the same every time; nothing of it is random.

    Attributes:
        target: what the output should be at the end.
        duration: of the trial, time constants.
        step: of Euler, time constants.
        fixation: how long nothing is heard; from then on the input is 1.
        decision: how long, at the end, the output counts.
    """

    target: float = 0.5
    duration: float = 101.0
    step: float = 0.5
    fixation: float = 1.0
    decision: float = 1.0

    @property
    def steps(self) -> int:
        """Of a trial."""
        return round(self.duration / self.step)


def constant_input_trials(task: ConstantInputTask) -> Trials:
    """The trial.

    Example:
        >>> trials = constant_input_trials(ConstantInputTask(duration=3.0))
        >>> trials.inputs[:, 0, 0].tolist(), trials.mask[0, :, 0].tolist()
        ([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    """
    index = np.arange(task.steps)
    heard = index >= round(task.fixation / task.step)
    counts = index >= task.steps - round(task.decision / task.step)
    return Trials(
        inputs=heard.astype(float)[:, None, None],
        targets=np.full((1, task.steps, 1), task.target),
        mask=counts.astype(float)[None, :, None],
    )
