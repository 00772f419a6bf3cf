"""Discrete-time networks that learn AND, OR, XOR or a flip-flop from noisy pulses.

Jarne (2020), with the initial weights and the training of the code that belongs to the paper: h' = tanh(W h + B u), a
readout with a bias, and all of it learned by Adam on the mean squared error over all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ltr.simulations.settings import InitialWeights
from ltr.simulations.tasks.boolean import CHANNELS, BooleanName, balanced_kinds, boolean_trials
from ltr.simulations.tasks.trials import Trials
from ltr.simulations.train_network import Adam, Trained, squared_error, train
from ltr.simulations.vanilla_rnn import Network, play, read_out
from ltr.types import Array

LEARNED = ("weight", "input_map", "readout", "output_bias")
UPDATES = 4700  # 20 epochs of 15,000 trials
BATCH = 16  # balanced, which gives the statistics of 64 drawn ones
RATE, DECAY = 1e-4, 1e-4


def boolean_networks(
    seeds: Sequence[int], start: InitialWeights, *, units: int = 50, device: torch.device | str = "cpu"
) -> Network:
    """Networks before learning.

    Args:
        seeds: one network each; the same seed gives the same inputs and readout, whatever the initial weights.
        start: independent normal weights of variance 1 / units, orthogonal ones, or the identity.
        units: how many.
        device: where they live.

    Returns:
        A stack of networks, float32.
    """
    weights, inputs, outputs = [], [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, 0])
        drawn = rng.normal(size=(units, units))
        weights.append(_initial_weights(drawn, start))
        inputs.append(rng.uniform(-1, 1, size=(units, CHANNELS)) * np.sqrt(6 / (CHANNELS + units)))
        outputs.append(rng.uniform(-1, 1, size=(1, units)) * np.sqrt(6 / (1 + units)))
    weight, input_map, readout = (
        torch.as_tensor(np.stack(part).astype(np.float32), device=device) for part in (weights, inputs, outputs)
    )
    return Network(weight, input_map, readout, output_bias=weight.new_zeros(len(weight), 1))


def train_boolean(
    networks: Network,
    names: Sequence[BooleanName],
    seeds: Sequence[int],
    *,
    updates: int = UPDATES,
    batch: int = BATCH,
    noisy: bool = True,
    rate: float = RATE,
    snapshot_every: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a stack of networks, each on its task; the tasks need trials of one length.

    Args:
        networks: where they begin.
        names: of the task of each.
        seeds: of each network's trials.
        updates: steps of Adam.
        batch: trials at each step, a multiple of the number of kinds.
        noisy: whether inputs have noise.
        rate: of Adam at first.
        snapshot_every: keep the weights before steps 0, this, twice this ... and at the end.
        progress: called with (done, total) after every step.

    Raises:
        DivergenceError: a loss is no longer finite.
    """
    rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
    kinds = [balanced_kinds(name, batch) for name in names]
    targets = _stacked([boolean_trials(name, kind) for name, kind in zip(names, kinds, strict=True)], "targets")
    wanted = torch.as_tensor(targets, dtype=networks.weight.dtype, device=networks.weight.device)
    everywhere = wanted.new_ones(1, 1, 1, 1)

    def objective(network: Network, _: int) -> Float[Tensor, " seed"]:
        drawn = [
            boolean_trials(name, kind, rng if noisy else None)
            for name, kind, rng in zip(names, kinds, rngs, strict=True)
        ]
        heard = torch.as_tensor(_stacked(drawn, "inputs"), dtype=wanted.dtype, device=wanted.device)
        return squared_error(read_out(network, play(network, heard, None, 1.0)), wanted, everywhere)

    return train(
        networks,
        objective,
        steps=updates,
        optimiser=Adam(rate, DECAY),
        learned=LEARNED,
        snapshot_every=snapshot_every,
        names=seeds,
        progress=progress,
    )


def _stacked(trials: Sequence[Trials], part: str) -> Array:
    return np.stack([getattr(one, part) for one in trials])


def _initial_weights(drawn: Float[Array, "unit unit"], start: InitialWeights) -> Float[Array, "unit unit"]:
    if start == "identity":
        return np.eye(len(drawn))
    if start == "normal":
        return drawn / np.sqrt(len(drawn))
    rotation, triangle = np.linalg.qr(drawn)
    return np.asarray(rotation * np.sign(np.diag(triangle)))
