"""Networks that begin with random weights or with none, and learn a task of a catalogue.

Schuessler et al. (2020), equations 1 to 4 and Table S1: x' = -x + W phi(x) + sqrt(N) sum_i m_i u_i, outputs
w_i^T phi(x) / sqrt(N). What learns is W, sqrt(N) m and w / sqrt(N), all at one rate of Adam, as in the authors' code:
Adam's steps are free of scale, so that the parametrisation matters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ltr.simulations.tasks.catalogue import Task
from ltr.simulations.tasks.trials import STEP, Trials
from ltr.simulations.train_network import Objective, squared_error
from ltr.simulations.vanilla_rnn import Network, play, read_out
from ltr.types import Array

LEARNED = ("weight", "input_map", "readout")
BATCH = 32
RATE = 0.05  # of Adam, over the number of units


def random_networks(
    task: Task, seeds: Sequence[int], gains: Sequence[float], units: int, *, device: torch.device | str = "cpu"
) -> Network:
    """Networks before learning, each with weights, inputs and readout of its own.

    Args:
        task: how many channels and outputs there are.
        seeds: one network each.
        gains: g of each; weights have variance g^2 / units.
        units: of a network.
        device: where they live.

    Returns:
        A stack of networks, float32.
    """
    drawn = []
    for seed, gain in zip(seeds, gains, strict=True):
        rng = np.random.default_rng([seed, 0])
        weight = gain / np.sqrt(units) * rng.normal(size=(units, units))
        inputs, outputs = (rng.normal(size=(units, count)) for count in (task.channels, task.outputs))
        inputs /= np.linalg.norm(inputs, axis=0)
        outputs /= np.linalg.norm(outputs, axis=0)
        drawn.append((weight, np.sqrt(units) * inputs, outputs.T / np.sqrt(units)))
    weight, input_map, readout = (
        torch.as_tensor(np.stack(part).astype(np.float32), device=device) for part in zip(*drawn, strict=True)
    )
    return Network(weight, input_map, readout)


def task_objective(task: Task, seeds: Sequence[int], *, trials: int = BATCH, step: float = STEP) -> Objective:
    """Half the mean squared error over outputs and what counts of a fresh batch (equations 18 and 19).

    Args:
        task: from which trials are drawn.
        seeds: of each network's trials.
        trials: in a batch.
        step: of Euler, time constants.
    """
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]

    def objective(network: Network, _: int) -> Float[Tensor, " seed"]:
        batches = [task.draw(rng, trials) for rng in rngs]
        heard, targets, mask = (
            _like(network.weight, np.stack([getattr(batch, part) for batch in batches]))
            for part in ("inputs", "targets", "mask")
        )
        return squared_error(read_out(network, play(network, heard, None, step)), targets, mask) / 2

    return objective


def evaluate(network: Network, trials: Trials, step: float = STEP) -> Float[Array, " seed"]:
    """Half the mean squared error of each network of a stack on the same trials."""
    targets, mask = (_like(network.weight, part)[None] for part in (trials.targets, trials.mask))
    return np.asarray(squared_error(_played(network, trials, step), targets, mask).cpu(), dtype=float) / 2


def play_trials(network: Network, trials: Trials, step: float = STEP) -> Float[Array, "seed trial time output"]:
    """Outputs of each network of a stack on the same trials."""
    return np.asarray(_played(network, trials, step).cpu(), dtype=float)


def _played(network: Network, trials: Trials, step: float) -> Float[Tensor, "seed trial time output"]:
    heard = _like(network.weight, trials.inputs).expand(len(network.weight), *trials.inputs.shape).contiguous()
    with torch.no_grad():
        return read_out(network, play(network, heard, None, step))


def _like(weight: Tensor, numbers: Array) -> Tensor:
    return torch.as_tensor(numbers, dtype=weight.dtype, device=weight.device)
