"""Tasks that networks are trained on with drawn trials, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from ltr.simulations.tasks import flip_flop, mante, romo
from ltr.simulations.tasks.trials import Trials

TaskName = Literal["flip-flop", "mante", "romo"]


class Task(NamedTuple):
    """A task.

    Attributes:
        channels: that are heard.
        outputs: of the network.
        draw: (source of randomness, number of trials) -> the trials.
    """

    channels: int
    outputs: int
    draw: Callable[[np.random.Generator, int], Trials]


TASKS: dict[TaskName, Task] = {
    "flip-flop": Task(flip_flop.CHANNELS, flip_flop.CHANNELS, flip_flop.flip_flop_trials),
    "mante": Task(mante.CHANNELS, mante.OUTPUTS, mante.mante_trials),
    "romo": Task(romo.CHANNELS, romo.OUTPUTS, romo.romo_trials),
}
