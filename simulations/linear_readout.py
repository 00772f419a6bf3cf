"""Linear networks with one input and one readout that learn by plain gradient descent on their weights.

Schuessler, Mastrogiuseppe, Dubreuil, Ostojic and Barak (2020): x' = -x + W x + sqrt(N) m u, z = w . x / sqrt(N), with
random initial weights of variance gain^2 / N and fixed vectors m and w of length 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ltr.simulations.tasks.constant_input import ConstantInputTask, constant_input_trials
from ltr.simulations.tasks.cosine import CosineTask, cosine_trials
from ltr.simulations.tasks.trials import Trials
from ltr.simulations.train_network import Descent, Trained, squared_error, train
from ltr.simulations.vanilla_rnn import Network, play, read_out


def linear_network(
    seeds: Sequence[int], gain: float, *, units: int, one_vector: bool = False, dtype: torch.dtype = torch.float64
) -> Network:
    """Untrained networks; input map sqrt(N) m, readout w / sqrt(N).

    Args:
        seeds: one network each, drawn anew for every gain.
        gain: g, sd of the weights times sqrt(units).
        units: how many.
        one_vector: whether m = w.
        dtype: of all parts.
    """
    weights, vectors = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, round(1000 * gain)])
        weights.append(rng.normal(size=(units, units)) * gain / np.sqrt(units))
        pair = rng.normal(size=(2, units))
        vectors.append(pair / np.linalg.norm(pair, axis=1, keepdims=True))
    of_readout, of_input = np.stack(vectors, axis=1)
    if one_vector:
        of_input = of_readout
    return Network(
        weight=torch.tensor(np.stack(weights), dtype=dtype),
        input_map=torch.tensor(np.sqrt(units) * of_input[:, :, None], dtype=dtype),
        readout=torch.tensor(of_readout[:, None] / np.sqrt(units), dtype=dtype),
        activation="identity",
    )


def outputs(network: Network, trials: Trials, step: float) -> Float[Tensor, "seed trial time output"]:
    """What stacked networks answer on every trial."""
    heard = torch.as_tensor(trials.inputs, dtype=network.weight.dtype).expand(len(network.weight), -1, -1, -1)
    return read_out(network, play(network, heard, None, step))


def learn(
    network: Network,
    trials: Trials,
    step: float,
    *,
    updates: int,
    rate: float,
    snapshot_every: int | None = None,
    after_step: Callable[[Network], None] | None = None,
) -> Trained:
    """Gradient descent of the weights, with half the mean squared error as the loss (equations 18 and 19).

    Args:
        network: stacked; where it begins.
        trials: all of them, on every update.
        step: of Euler, time constants.
        updates: of the weights.
        rate: of descent.
        snapshot_every: keep the weights before updates 0, this, twice this ... and at the end.
        after_step: called with the networks after every update.
    """
    target, mask = (torch.as_tensor(part, dtype=network.weight.dtype)[None] for part in (trials.targets, trials.mask))

    def loss(learner: Network, _: int) -> Float[Tensor, " seed"]:
        return squared_error(outputs(learner, trials, step), target, mask) / 2

    return train(
        network,
        loss,
        steps=updates,
        optimiser=Descent(rate),
        learned=("weight",),
        snapshot_every=snapshot_every,
        after_step=after_step,
    )


def learn_constant_input(
    seeds: Sequence[int],
    gain: float,
    task: ConstantInputTask,
    *,
    units: int,
    updates: int,
    rate: float,
    snapshot_every: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Trained:
    """Networks learn to answer a constant input; the rate is that for gain 0, times (1 - gain^2)^2."""
    return learn(
        linear_network(seeds, gain, units=units, dtype=dtype),
        constant_input_trials(task),
        task.step,
        updates=updates,
        rate=rate * (1 - gain**2) ** 2,
        snapshot_every=snapshot_every,
    )


def learn_cosine(
    seeds: Sequence[int],
    gain: float,
    task: CosineTask,
    *,
    units: int,
    updates: int,
    rate: float,
    snapshot_every: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Trained:
    """Networks whose readout is their input vector, too, learn to play a cosine from the state sqrt(N) w."""
    return learn(
        from_input_vector(linear_network(seeds, gain, units=units, one_vector=True, dtype=dtype)),
        cosine_trials(task),
        task.step,
        updates=updates,
        rate=rate,
        snapshot_every=snapshot_every,
    )


def from_input_vector(network: Network) -> Network:
    """The networks, begun in the state that a pulse through their input would leave."""
    return replace(network, initial_state=network.input_map[..., 0])
