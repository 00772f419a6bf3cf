"""Networks of sigmoid units that integrate, trained on sequences or on the proxy loss; each stack is trained once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ltr.simulations.integrator import (
    Activity,
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    proxy_loss,
    proxy_objective,
    run_integrator,
)
from ltr.simulations.tasks.integrate import IntegrateTask, ternary_inputs
from ltr.simulations.train_network import Adam, Descent, Objective, train
from ltr.simulations.validation.claim import Protocol
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Float

SIGMOID = Response("sigmoid")  # steepness 50, threshold 0.1, as published
CPU = torch.device("cpu")
ONE_CHANNEL = "sigmoid networks of one channel"
THREE_DECAYS = (0.8, 0.8, 0.75)  # as in the caption of Fig. 7; the authors' code has 0.8, 0.75, 0.75
THREE = {
    "quick": {"units": 100, "sequences": 64, "updates": 800, "rate": 1e-3},
    # published: 1024 sequences, 10000 updates at 5e-5
    "full": {"units": 1000, "sequences": 128, "updates": 2500, "rate": 1e-4},
}
"""Size -> arguments of :func:`batch_network_of_three`, the same for all who share these networks."""
PROXY = {"decay": 0.8, "units": 128, "points": 101, "rate": 1e-3, "updates": 500}
PROXY_FULL = {"units": 1000, "points": 101, "rate": 3e-4, "updates": 1000}
"""Parameters of :func:`by_proxy`; published: Adam at a rate of 5e-4, 5000 updates, 4096 values drawn anew at each."""

SEQUENCES = {"batch units": 100, "batch updates": 1000, "sequences": 64}
SEQUENCES_FULL = {"batch units": 1000, "batch updates": 1000, "sequences": 128}
"""Parameters of :func:`by_sequences`; published: 10000 updates on 2048 sequences of 3 steps."""


@dataclass(frozen=True)
class Training:
    """A stack of networks and how it is trained, hashable so that it is trained once.

    Attributes:
        units: n.
        seeds: one network each.
        decays: gamma of every channel; all scales are 1.
        optimisers: one after another.
        updates: of each of them.
        learned: parts of the networks that learn; the published sigmoid networks learn their decoders, too.
        response: f, of currents.
        device: where torch computes.
    """

    units: int
    seeds: tuple[int, ...]
    decays: tuple[float, ...]
    optimisers: tuple[Adam | Descent, ...]
    updates: int
    learned: tuple[str, ...] = ("weight", "readout")
    response: Response = SIGMOID
    device: torch.device = CPU

    @property
    def task(self) -> IntegrateTask:
        """What is integrated."""
        return IntegrateTask(self.decays, (1.0,) * len(self.decays))


@cache
def trained_on_sequences(training: Training, *, sequences: int, steps: int) -> Network:
    """Networks trained on the batch loss, from W = 0.

    Args:
        training: of what.
        sequences: batch size.
        steps: T.
    """
    objective = batch_objective(
        training.task, training.response, sequences=sequences, seeds=training.seeds, steps=steps
    )
    return follow(training, objective)


@cache
def trained_on_proxy(training: Training, *, points: int, largest: float, current_weight: float) -> Network:
    """Networks trained on the proxy loss, from W = 0.

    Args:
        training: of what.
        points: values of the integrals: evenly spaced for one channel, drawn anew at each step for several.
        largest: of them.
        current_weight: of the error of currents, a squared norm.
    """
    response = training.response
    if training.task.channels == 1:
        return follow(training, even_objective(training.task, response, points, largest, current_weight))
    drawn = proxy_objective(
        training.task, response, points=points, largest=largest, seeds=training.seeds, current_weight=current_weight
    )
    return follow(training, drawn)


def by_proxy(
    protocol: Protocol,
    *,
    units: int | None = None,
    learned: tuple[str, ...] = ("weight", "readout"),
    response: Response = SIGMOID,
    current_weight: float = 1.0,
) -> tuple[Training, Network]:
    """Networks of one channel trained on the proxy loss at falling rates.

    Args:
        protocol: with the parameters of :data:`PROXY`.
        units: n. Default: the protocol's.
        learned: parts of the networks that learn.
        response: f.
        current_weight: 1 as printed; the authors' code has 1 / n.
    """
    decay, size = protocol["decay"], units or protocol["units"]
    rates, updates = falling(protocol["rate"]), protocol["updates"]
    training = Training(size, tuple(protocol.seeds), (decay,), rates, updates, learned, response, protocol.device)
    reach = largest_value(decay)
    return training, trained_on_proxy(training, points=protocol["points"], largest=reach, current_weight=current_weight)


def by_sequences(protocol: Protocol, decay: float, *, steps: int = 10) -> tuple[Training, Network]:
    """Networks of one channel trained by descent on the batch loss, at the published rate.

    Args:
        protocol: with the parameters of :data:`SEQUENCES`.
        decay: gamma.
        steps: T.
    """
    training = Training(
        protocol["batch units"],
        tuple(protocol.seeds),
        (decay,),
        (Descent(0.5),),
        protocol["batch updates"],
        device=protocol.device,
    )
    return training, trained_on_sequences(training, sequences=protocol["sequences"], steps=steps)


def largest_value(decay: float) -> float:
    """Of z = y / gamma for inputs within +-1, footnote 6: y = gamma (y + 1) at the most.

    Example:
        >>> round(largest_value(0.8), 12)
        5.0
    """
    return 1 / (1 - decay)


def even_objective(
    task: IntegrateTask, response: Callable[[Tensor], Tensor], points: int, largest: float, current_weight: float
) -> Objective:
    """The integral of equation 33 as a sum over evenly spaced values, which leaves nothing to chance."""

    def objective(network: Network, _: int) -> Tensor:
        even = torch.linspace(-largest, largest, points, dtype=network.weight.dtype, device=network.weight.device)
        return proxy_loss(network, even[:, None], task, response, current_weight=current_weight)

    return objective


def falling(rate: float) -> tuple[Adam, ...]:
    """Adam at three rates, each about a third of the one before."""
    return tuple(Adam(part * rate) for part in (1.0, 0.3, 0.1))


def batch_network_of_three(
    units: int,
    seeds: Sequence[int],
    *,
    sequences: int,
    updates: int,
    rate: float,
    steps: int = 10,
    learned: tuple[str, ...] = ("weight", "readout"),
    device: torch.device = CPU,
) -> Network:
    """Networks of three channels, trained on sequences, as in Fig. 7B and Fig. 19; in single precision."""
    training = Training(units, tuple(seeds), THREE_DECAYS, (Adam(rate),), updates, learned, device=device)
    return trained_on_sequences(training, sequences=sequences, steps=steps)


def follow(training: Training, objective: Objective) -> Network:
    """Networks after one optimiser after another, from W = 0."""
    vectors = drawn_vectors(training.seeds, training.units, len(training.decays))
    network = integrator_network(*vectors, device=training.device)
    for optimiser in training.optimisers:
        network = train(
            network,
            objective,
            steps=training.updates,
            optimiser=optimiser,
            learned=training.learned,
            names=training.seeds,
        ).network
    return network


def structured_activity(network: Network, training: Training, *, sequences: int, steps: int) -> Activity:
    """Networks on bursts of -1 and 1 with pauses, on which integrals stay below gamma / (1 - gamma)."""
    inputs = ternary_inputs(np.random.default_rng([0, 5]), training.task, sequences, steps)
    return run_integrator(network, inputs, training.task, training.response)


def current_fit(activity: Activity) -> tuple[Float[Array, "seed channel unit"], Float[Array, " seed"]]:
    """Currents as linear functions of the integrals, by least squares.

    Returns:
        The slopes, and the share of the currents' variance over time that they explain, over all units.
    """
    integrals = activity.targets.reshape(-1, activity.targets.shape[-1])
    currents = activity.currents.reshape(len(activity.currents), len(integrals), -1)
    slopes = np.linalg.pinv(integrals) @ currents
    missed = ((currents - integrals @ slopes) ** 2).sum((1, 2))
    spread = ((currents - currents.mean(1, keepdims=True)) ** 2).sum((1, 2))
    return slopes, np.asarray(1 - missed / spread)


def singular_values(network: Network) -> Float[Array, "seed unit"]:
    """Of the weights, largest first."""
    return torch.linalg.svdvals(network.weight.double()).cpu().numpy()
