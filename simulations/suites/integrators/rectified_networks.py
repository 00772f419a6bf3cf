"""Rectified networks of one channel, trained once for all claims about them: on batches, and on the proxy loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch

from ltr.simulations.integrator import (
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    relative_error,
    run_integrator,
    small_weights,
)
from ltr.simulations.suites.integrators.averaged_rectified_loss import averaged_objective
from ltr.simulations.suites.integrators.rectified_proxy import RATE, RATES, Descended, Proxy, descend
from ltr.simulations.tasks.integrate import IntegrateTask, ternary_inputs
from ltr.simulations.train_network import Descent, train
from ltr.simulations.validation.claim import Protocol, Size
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Bool, Float

RELU = Response("relu")
POPULATIONS = ("+", "-", "shared", "null")
ACTIVE = 1e-3  # a component of L that counts, as in the authors' code

BATCHES = "rectified networks trained on batches"
BATCH_PARAMETERS: Mapping[str, Any] = {
    "units": 100,
    "decay": 0.995,
    "steps": 3,
    "sequences": 256,
    "training": [(1.0, 0.5, 2500), (2.0, 1.0, 3000)],  # scale, learning rate, updates
    "test steps": 200,
    "test sequences": 64,
}
BATCH_SIZES: Mapping[Size, Mapping[str, Any]] = {
    "quick": {},
    # averaged over inputs in place of 4096 sequences: in 1/50 of the time; weights of 100 units then differ by 0.4 to
    # 1.7 % from those that batches of 256 lead to
    "full": {
        "units": 1000,
        "sequences": None,
        "training": [(1.0, 0.5, 5000), (2.0, 0.5, 5000)],
        "test sequences": 16,
    },
}
BATCH_SEEDS: Mapping[Size, int] = {"quick": 4, "full": 10}
ANGLES, HEIGHTS = 24, 12  # of the average over inputs
TOGETHER = 5  # networks of a stack: if there are more of 1000 units, every step maps its memory anew

PROXIES = "rectified networks trained on the proxy loss"
PROXY_PARAMETERS: Mapping[str, Any] = {
    "units": 100,
    "decay": 0.995,
    "scales": [0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 10.0],
    "stop": 1e-7,
    "precision": "float64",
}
PROXY_SIZES: Mapping[Size, Mapping[str, Any]] = {
    "quick": {},
    "full": {
        "units": 1000,
        "scales": [0.05, 0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 10.0, 20.0],
        "precision": "float32",
    },
}
PROXY_SEEDS: Mapping[Size, int] = {"quick": 4, "full": 6}
MOST_STEPS = 150_000


@dataclass(frozen=True, eq=False)
class Observed:
    """A trained network, and what it does on test sequences; times of all sequences are one axis.

    Attributes:
        weights: W.
        encoder: e.
        decoder: d.
        states: h.
        currents: nu.
        outputs: y.
        targets: the integral.
        error: root mean square of the outputs' error over that of the targets.
    """

    weights: Float[Array, "unit unit"]
    encoder: Float[Array, " unit"]
    decoder: Float[Array, " unit"]
    states: Float[Array, "time unit"]
    currents: Float[Array, "time unit"]
    outputs: Float[Array, " time"]
    targets: Float[Array, " time"]
    error: float


@dataclass(frozen=True)
class Batches:
    """Training on sequences of inputs.

    Attributes:
        seeds: of the networks.
        units: n.
        task: what is integrated.
        rate: learning rate, for the squared error over (s T)^2.
        updates: how many.
        sequences: in a batch; None for the average over all.
    """

    seeds: tuple[int, ...]
    units: int
    task: IntegrateTask
    rate: float
    updates: int
    sequences: int | None


@cache
def trained_on_batches(training: Batches) -> Network:
    """Networks of all seeds."""
    groups = [training.seeds[first : first + TOGETHER] for first in range(0, len(training.seeds), TOGETHER)]
    parts = [_side_by_side(replace(training, seeds=group)) for group in groups]
    return Network(
        torch.cat([part.weight for part in parts]),
        torch.cat([part.input_map for part in parts]),
        torch.cat([part.readout for part in parts]),
    )


def _side_by_side(training: Batches) -> Network:
    seeds = training.seeds
    start = small_weights(seeds, training.units)
    network = integrator_network(*drawn_vectors(seeds, training.units, 1), weights=start)
    if training.sequences is None:
        objective = averaged_objective(training.task, angles=ANGLES, heights=HEIGHTS, seeds=seeds)
    else:
        objective = batch_objective(training.task, RELU, sequences=training.sequences, seeds=seeds)
    descent = Descent(training.rate)
    return train(network, objective, steps=training.updates, optimiser=descent, names=seeds).network


def batch_networks(protocol: Protocol, scale: float) -> Network:
    """Networks that the protocol has trained on batches at a scale."""
    rate, updates = next(numbers for at, *numbers in protocol["training"] if at == scale)
    task = IntegrateTask((protocol["decay"],), (scale,), protocol["steps"])
    seeds, sequences = tuple(protocol.seeds), protocol["sequences"]
    return trained_on_batches(Batches(seeds, protocol["units"], task, rate, updates, sequences))


@dataclass(frozen=True)
class Descents:
    """Descent on the proxy loss, from W = 0.

    Attributes:
        seeds: of the networks.
        units: n.
        decay: gamma.
        scale: s.
        stop: loss over s^2 that ends it.
        precision: type of all numbers.
    """

    seeds: tuple[int, ...]
    units: int
    decay: float
    scale: float
    stop: float
    precision: str


@dataclass(frozen=True, eq=False)
class Leading:
    """The leading term sigma l r^T of a network's weights, r . e > 0, and what it stands in relation to.

    Attributes:
        size: sigma.
        left: l.
        right: r.
        second: the next singular value.
        norm: root of the sum of all squared singular values.
        encoder: e.
        decoder: d.
    """

    size: float
    left: Float[Array, " unit"]
    right: Float[Array, " unit"]
    second: float
    norm: float
    encoder: Float[Array, " unit"]
    decoder: Float[Array, " unit"]


@cache
def trained_on_proxy(training: Descents) -> tuple[Proxy, Descended]:
    """Networks of all seeds, and what they were to minimise."""
    precision: torch.dtype = getattr(torch, training.precision)
    vectors = drawn_vectors(training.seeds, training.units, 1)
    encoders, decoders = (torch.as_tensor(part[..., 0], dtype=precision) for part in vectors)
    proxy = Proxy(encoders, decoders, training.scale, training.decay)
    return proxy, descend(proxy, RATES.get(training.scale, RATE), stop=training.stop, steps=MOST_STEPS)


@cache
def leading_terms(training: Descents) -> tuple[Leading, ...]:
    """Singular vectors of the same networks."""
    proxy, found = trained_on_proxy(training)
    terms = []
    vectors = (part.double().numpy() for part in (proxy.encoders, proxy.decoders))
    for encoder, decoder, weights in zip(*vectors, found.weights.astype(float), strict=True):
        left, sizes, right = np.linalg.svd(weights)
        sign = np.sign(right[0] @ encoder)
        norm = float(np.linalg.norm(sizes))
        terms.append(
            Leading(float(sizes[0]), sign * left[:, 0], sign * right[0], float(sizes[1]), norm, encoder, decoder)
        )
    return tuple(terms)


def proxy_training(protocol: Protocol, scale: float) -> Descents:
    """What the protocol trains on the proxy loss at a scale."""
    numbers = (protocol[name] for name in ("stop", "precision"))
    return Descents(tuple(protocol.seeds), protocol["units"], protocol["decay"], scale, *numbers)


def observed(network: Network, protocol: Protocol, scale: float) -> Iterator[Observed]:
    """Each network on structured sequences of its own."""
    task = IntegrateTask((protocol["decay"],), (scale,))
    for index, seed in enumerate(protocol.seeds):
        inputs = ternary_inputs(
            np.random.default_rng([seed, 6]), task, protocol["test sequences"], protocol["test steps"]
        )
        yield on_inputs(single(network, index), inputs, task)


def on_inputs(network: Network, inputs: Float[Array, "time sequence 1"], task: IntegrateTask) -> Observed:
    """One network on given inputs."""
    found = run_integrator(network, inputs, task, RELU)
    units = network.weight.shape[-1]
    return Observed(
        weights=network.weight[0].numpy(),
        encoder=network.input_map[0, :, 0].numpy(),
        decoder=network.readout[0, 0].numpy(),
        states=found.states.reshape(-1, units),
        currents=found.currents.reshape(-1, units),
        outputs=found.outputs.ravel(),
        targets=found.targets.ravel(),
        error=float(relative_error(found)[0, 0]),
    )


def single(network: Network, index: int) -> Network:
    """One network of a stack, in double precision."""
    one = slice(index, index + 1)
    return Network(network.weight[one].double(), network.input_map[one].double(), network.readout[one].double())


def population_vectors(found: Observed) -> Float[Array, "2 unit"]:
    """L+ and L- of equation 20: slopes of every unit's activity where the integral is positive, and negative."""
    halves = np.maximum([found.targets, -found.targets], 0)
    return np.asarray(halves @ found.states / (halves**2).sum(1, keepdims=True))


def populations(vectors: Float[Array, "2 unit"]) -> dict[str, Bool[Array, " unit"]]:
    """Which units are active at which sign of the integral, by :data:`POPULATIONS`."""
    positive, negative = vectors > ACTIVE
    members = positive & ~negative, negative & ~positive, positive & negative, ~positive & ~negative
    return dict(zip(POPULATIONS, members, strict=True))


def explained(activity: Float[Array, "time unit"], model: Float[Array, "time unit"]) -> float:
    """Share of the squares of all units together that a model explains."""
    return float(1 - ((activity - model) ** 2).sum() / (activity**2).sum())
