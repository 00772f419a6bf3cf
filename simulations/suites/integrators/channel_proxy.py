"""INT-38: the proxy loss of several channels contains those of one, is 0 for integrators, and trains them."""

from __future__ import annotations

from itertools import product
from typing import SupportsFloat

import numpy as np
import torch

from ltr.simulations.integrator import (
    Response,
    drawn_vectors,
    integrator_network,
    proxy_loss,
    relative_error,
)
from ltr.simulations.suites.integrators.channel_conditions import meeting_conditions
from ltr.simulations.suites.integrators.channel_networks import RELU, SHARES, played, recipes, trained
from ltr.simulations.suites.integrators.linear_integrator import Integration
from ltr.simulations.tasks.integrate import IntegrateTask
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Float

NAME = "ReLU, proxy, D = 2"


def measure(protocol: Protocol) -> Measured:
    """The loss against its special cases and its sums written out; errors of networks trained on it."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for seed in protocol.seeds:
        one, task = _drawn(seed, protocol["units of identities"], 1)
        signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
        of_two = 2 * float(proxy_loss(one, signs, task, RELU, current_weight=1.0))
        note("D = 1 at +-1, relative difference from equation 29", of_two / _of_signs(one, task) - 1)

        grid = np.linspace(-5, 5, 41)
        sigmoid = Response("sigmoid", 5.0, 0.1)
        points = torch.tensor(grid[:, None])
        generic = float(proxy_loss(one, points, task, sigmoid, current_weight=0.3))
        note("D = 1, relative difference from equation 33", generic / _written_out(one, grid[:, None], task) - 1)

        three, task = _drawn(seed, protocol["units of identities"], 3)
        grid = np.array(list(product(np.linspace(-2, 2, 5), repeat=3)))
        found = float(proxy_loss(three, torch.tensor(grid), task, sigmoid, current_weight=0.3))
        note("D = 3, relative difference from equation 34", found / _written_out(three, grid, task) - 1)

        # a linear network that is known to integrate, and the same with a weight changed
        encoders, decoders = three.input_map[0].numpy(), three.readout[0].mT.numpy()
        linear = Integration(encoders, decoders, np.array(task.scales), np.array(task.decays), 3)
        left, right = meeting_conditions(linear)
        exact = torch.tensor(left * linear.decays @ right.T)[None]
        for name, weight in (("an integrator", exact), ("0.9 of an integrator", 0.9 * exact)):
            changed = Network(weight, three.input_map, three.readout)
            missed = proxy_loss(changed, torch.tensor(grid), task, Response("linear"), current_weight=1.0)
            note(f"loss of {name}, linear units", missed)
    recipe = protocol[NAME]
    network = trained(recipe, tuple(protocol.seeds), protocol.device)
    for kind in ("structured", "white"):
        activity = played(network, recipe.task, recipe.response, kind=kind)
        values[f"trained, relative error of outputs, {kind} inputs"] = relative_error(activity).max(1).tolist()
    return Measured(values)


def _drawn(seed: int, units: int, channels: int) -> tuple[Network, IntegrateTask]:
    """A random network in double precision, and a task of unequal scales and decays."""
    rng = np.random.default_rng([seed, 5])
    weights = rng.normal(size=(1, units, units)) / np.sqrt(units)
    network = integrator_network(*drawn_vectors((seed,), units, channels), weights=weights, dtype=torch.float64)
    decays, scales = np.linspace(0.9, 0.7, channels), rng.uniform(0.5, 2, channels)
    return network, IntegrateTask(tuple(decays.tolist()), tuple(scales.tolist()))


def _of_signs(network: Network, task: IntegrateTask) -> float:
    """Equation 29 written out, for rectified units."""
    weight, (encoder,), (decoder,) = (
        part[0].numpy() for part in (network.weight, network.input_map.mT, network.readout)
    )
    (decay,), (scale,) = task.decays, task.scales
    current = weight @ encoder
    total = 0.0
    for sign in (1.0, -1.0):
        half = np.maximum(sign * current, 0)
        kept = weight @ half - sign * decay * current
        total += (decoder @ half - sign * scale * decay) ** 2 + kept @ kept
    return total


def _written_out(network: Network, points: Float[Array, "point channel"], task: IntegrateTask) -> float:
    """Equation 34 as sums over points and channels, for a sigmoid of steepness 5 and threshold 0.1."""
    weight, encoders, decoders = (part[0].numpy() for part in (network.weight, network.input_map, network.readout.mT))
    total = 0.0
    for values in points:
        images = [value * weight @ encoders[:, channel] for channel, value in enumerate(values)]
        state = 1 / (1 + np.exp(-5 * (np.sum(images, axis=0) - 0.1)))
        for channel, value in enumerate(values):
            wanted = task.scales[channel] * task.decays[channel] * value
            total += (decoders[:, channel] @ state - wanted) ** 2
        kept = weight @ state - np.sum(
            [decay * image for decay, image in zip(task.decays, images, strict=True)], axis=0
        )
        total += 0.3 * kept @ kept
    return total / len(points)


CLAIM = Claim(
    id="INT-38",
    title="Proxy loss of several channels",
    source="sections 4.3 and 5, equations 29, 33 and 34",
    says="The proxy loss for any number of channels and any activation asks that currents, as a sum over channels, are"
    " read out as the integrals and kept. Training on it makes networks that integrate.",
    kind="statistical",
    parameters={"units of identities": 20, **recipes("quick", NAME)},
    sizes={"quick": {}, "full": recipes("full", NAME)},
    seeds={"quick": 4, "full": 3},
    checks=(
        Check("D = 1 at +-1, relative difference from equation 29", "between", (-1e-10, 1e-10)),
        Check("D = 1, relative difference from equation 33", "between", (-1e-10, 1e-10)),
        Check("D = 3, relative difference from equation 34", "between", (-1e-10, 1e-10)),
        Check("loss of an integrator, linear units", "<=", 1e-20),
        Check("loss of 0.9 of an integrator, linear units", ">=", 1e-3),
        Check("trained, relative error of outputs, structured inputs", "<=", 0.05),
        Check("trained, relative error of outputs, white inputs", "<=", 0.03),
    ),
    measure=measure,
    shares=SHARES,
)
