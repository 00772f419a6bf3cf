"""Networks of sigmoid units that integrate, trained on sequences or on the proxy loss; each stack is trained once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch

from ltr.simulations.integrator import (
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    proxy_objective,
)
from ltr.simulations.tasks.integrate import IntegrateTask
from ltr.simulations.train_network import Adam, Objective, train
from ltr.simulations.vanilla_rnn import Network

SIGMOID = Response("sigmoid")  # steepness 50, threshold 0.1, as published
CPU = torch.device("cpu")
THREE_DECAYS = (0.8, 0.8, 0.75)  # as in the caption of Fig. 7; the authors' code has 0.8, 0.75, 0.75
THREE = {
    "quick": {"units": 100, "sequences": 64, "updates": 800, "rate": 1e-3},
    # published: 1024 sequences, 10000 updates at 5e-5
    "full": {"units": 1000, "sequences": 128, "updates": 2500, "rate": 1e-4},
}
"""Size -> arguments of :func:`batch_network_of_three`, the same for all who share these networks."""


@dataclass(frozen=True)
class Training:
    """A stack of networks and how it is trained, hashable so that it is trained once.

    Attributes:
        units: n.
        seeds: one network each.
        decays: gamma of every channel; all scales are 1.
        rates: of Adam, one after another.
        updates: of Adam, at each of the rates.
        learned: parts of the networks that learn; the published sigmoid networks learn their decoders, too.
        response: f.
        device: where torch computes.
    """

    units: int
    seeds: tuple[int, ...]
    decays: tuple[float, ...]
    rates: tuple[float, ...]
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
        points: values of the integrals, drawn anew at each step.
        largest: of them.
        current_weight: of the error of currents, a squared norm.
    """
    objective = proxy_objective(
        training.task,
        training.response,
        points=points,
        largest=largest,
        seeds=training.seeds,
        current_weight=current_weight,
    )
    return follow(training, objective)


def batch_network_of_three(
    units: int,
    seeds: Sequence[int],
    *,
    sequences: int,
    updates: int,
    rate: float,
    steps: int = 10,
    learned: tuple[str, ...] = ("weight", "readout"),
    device: torch.device | None = None,
) -> Network:
    """Networks of three channels, trained on sequences, as in Fig. 7B and Fig. 19; in single precision."""
    training = Training(units, tuple(seeds), THREE_DECAYS, (rate,), updates, learned, device=device or CPU)
    return trained_on_sequences(training, sequences=sequences, steps=steps)


def follow(training: Training, objective: Objective) -> Network:
    """Networks after Adam at one rate after another."""
    vectors = drawn_vectors(training.seeds, training.units, len(training.decays))
    network = integrator_network(*vectors, device=training.device)
    for rate in training.rates:
        network = train(
            network,
            objective,
            steps=training.updates,
            optimiser=Adam(rate),
            learned=training.learned,
            names=training.seeds,
        ).network
    return network
