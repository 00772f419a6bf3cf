"""The loss of rectified networks of one channel averaged over inputs, by quadrature on a sphere instead of sampling.

States of sequences that start at rest are homogeneous in the inputs, h(c x) = c h(x) for c > 0, and three independent
normal inputs are a length times a direction that is uniform on the sphere. So only directions count, and of these the
weights are applied to one for each angle of the first two inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.tasks.integrate import IntegrateTask
from ltr.simulations.train_network import Objective
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array

STEPS = 3


def averaged_objective(task: IntegrateTask, *, angles: int, heights: int, seeds: Sequence[int]) -> Objective:
    """The batch loss of the engine, averaged over sequences of three normal inputs.

    Args:
        task: what is integrated.
        angles: of the first two inputs, evenly spaced.
        heights: of the third input on the sphere, on which they are uniform; evenly spaced. Both grids are shifted at
            random on every step, so that the mean is exact and no error between their points goes unseen.
        seeds: of the networks.
    """
    assert task.steps == STEPS
    (decay,), (scale,) = task.decays, task.scales
    generators = [np.random.default_rng([seed, 6]) for seed in seeds]
    lags = scale * decay ** np.arange(STEPS, 0, -1)  # of the oldest input first

    def objective(network: Network, _: int) -> Tensor:
        def like(array: Array) -> Tensor:
            return torch.as_tensor(array).to(network.weight)

        shifts = np.stack([rng.random(2) for rng in generators])
        angle = 2 * np.pi * (np.arange(angles) + shifts[:, :1]) / angles
        height = 2 * (np.arange(heights) + shifts[:, 1:]) / heights - 1
        ring = np.sqrt(1 - height**2)
        older, newer = np.cos(angle), np.sin(angle)
        back = network.weight.mT
        current = network.input_map.mT @ back
        halves = torch.cat([current, -current], dim=1).clamp(min=0)
        # after an older input of either sign, and the newer one
        sides = np.stack([older.clip(min=0), (-older).clip(min=0), newer], axis=-1)
        second = (like(sides) @ torch.cat([halves @ back, current], dim=1)).clamp(min=0)
        kept, heard = (second @ back)[:, :, None], current[:, None]
        third = (like(ring)[:, None, :, None] * kept + like(height)[:, None, :, None] * heard).clamp(min=0)
        pairs = lags[-3] * older + lags[-2] * newer, lags[-2] * older + lags[-1] * newer
        wanted = (
            lags[-1] * np.array([[1.0, -1.0]]),
            pairs[1],
            (pairs[0][:, :, None] * ring[:, None] + lags[-1] * height[:, None]).reshape(len(angle), -1),
        )
        total = network.weight.new_zeros(len(angle))
        for squared_length, (states, aim) in enumerate(zip((halves, second, third), wanted, strict=True), start=1):
            error = (states.flatten(1, -2) @ network.readout.mT)[..., 0] - like(aim)
            total = total + squared_length * error.square().mean(1)
        return total / (STEPS * (scale * STEPS) ** 2)

    return objective
