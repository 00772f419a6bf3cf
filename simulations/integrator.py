"""Networks that integrate: h_t = f(W (h_(t-1) + E x_t)), y = D^T h, and the losses that they are trained on.

Of a :class:`Network`, ``weight`` is W, ``input_map`` the encoders E and ``readout`` the decoders D^T; networks come in
stacks with a leading seed axis. The batch loss plays sequences of inputs. Proxy losses ask, for values z of the
integrals, whether currents z W E are read out as z and kept by the weights; they are integrals over z, for any f
(Fanthomme and Monasson 2021, equations 26 to 34).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ltr.simulations.tasks.integrate import IntegrateTask, integrals, white_inputs
from ltr.simulations.train_network import Objective
from ltr.simulations.vanilla_rnn import ActivationName, Network, play, read_out
from ltr.types import Array

ResponseName = Literal["linear", "relu", "sigmoid"]
SMALL = 1e-4  # sd of first weights, times sqrt(units)
FAR_BELOW = -1e4  # a current at which any sigmoid is 0 exactly: h = 0 before the first step

_PLAYED: dict[ResponseName, ActivationName] = {"linear": "identity", "relu": "relu", "sigmoid": "logistic"}


@dataclass(frozen=True)
class Response:
    """The activation f of a unit.

    Attributes:
        name: f(x) = x, max(x, 0), or 1 / (1 + exp(-steepness (x - threshold))).
        steepness: beta of the sigmoid.
        threshold: theta of the sigmoid.
    """

    name: ResponseName = "relu"
    steepness: float = 50.0
    threshold: float = 0.1

    def __call__(self, current: Tensor) -> Tensor:
        """Activity at a current."""
        if self.name == "linear":
            return current
        if self.name == "relu":
            return current.clamp(min=0)  # unlike torch.relu it passes gradients at 0, where networks begin
        return torch.sigmoid(self.steepness * (current - self.threshold))


@dataclass(frozen=True, eq=False)
class Activity:
    """Networks on test sequences.

    Attributes:
        states: h.
        currents: the argument of f, W (h + E x).
        outputs: y.
        targets: the integrals.
    """

    states: Float[Array, "seed sequence time unit"]
    currents: Float[Array, "seed sequence time unit"]
    outputs: Float[Array, "seed sequence time channel"]
    targets: Float[Array, "sequence time channel"]


def integrator_network(
    encoders: Float[Array, "seed unit channel"],
    decoders: Float[Array, "seed unit channel"],
    *,
    weights: Float[Array, "seed unit unit"] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Network:
    """A stack of networks.

    Args:
        encoders: e of every channel.
        decoders: d of every channel.
        weights: to start from. Default: none, W = 0.
        dtype: of all tensors.
        device: where they are.
    """
    seeds, units, _ = encoders.shape
    start = np.zeros((seeds, units, units)) if weights is None else weights

    def tensor(numbers: Array) -> Tensor:
        return torch.tensor(numbers, dtype=dtype, device=device)

    return Network(tensor(start), tensor(encoders), tensor(decoders.mT))


def drawn_vectors(
    seeds: Sequence[int], units: int, channels: int, *, normalised: bool | None = None
) -> tuple[Float[Array, "seed unit channel"], Float[Array, "seed unit channel"]]:
    """Random encoders and decoders with entries of variance 1 / units.

    Args:
        seeds: one network each.
        units: number of units.
        channels: number of channels.
        normalised: whether they are scaled to norm 1. Default: for one channel only, as published.
    """
    drawn = [np.random.default_rng([seed, 1]).normal(size=(2, units, channels)) / np.sqrt(units) for seed in seeds]
    vectors = np.stack(drawn, axis=1)
    if normalised if normalised is not None else channels == 1:
        vectors /= np.linalg.norm(vectors, axis=-2, keepdims=True)
    return vectors[0], vectors[1]


def small_weights(seeds: Sequence[int], units: int) -> Float[Array, "seed unit unit"]:
    """First weights that only choose signs: at W = 0 exactly, a rectified network that is played has no gradient."""
    drawn = [np.random.default_rng([seed, 4]).normal(size=(units, units)) for seed in seeds]
    return SMALL / np.sqrt(units) * np.stack(drawn)


def play_integrator(
    network: Network, inputs: Float[Tensor, "*seed time sequence channel"], response: Response
) -> Float[Tensor, "seed sequence time unit"]:
    """States after every input, from h = 0; gradients reach weights and encoders."""
    signals = inputs.expand(len(network.weight), *inputs.shape[-3:])
    input_map = network.weight @ network.input_map  # inputs pass through the weights, too
    if response.name != "sigmoid":
        played = replace(network, input_map=input_map, activation=_PLAYED[response.name], initial_state=None)
        return play(played, signals, None, 1.0)
    # a sigmoid of any slope and threshold is a logistic function of a scaled and shifted current
    scale = response.steepness
    shift = input_map.new_full((*input_map.shape[:-1], 1), -scale * response.threshold)
    played = replace(
        network,
        weight=scale * network.weight,
        input_map=torch.cat([scale * input_map, shift], dim=-1),
        initial_state=input_map.new_full(input_map.shape[:-1], FAR_BELOW),
        activation=_PLAYED[response.name],
    )
    return play(played, torch.cat([signals, torch.ones_like(signals[..., :1])], dim=-1), None, 1.0)


def run_integrator(
    network: Network,
    inputs: Float[Array, "time sequence channel"],
    task: IntegrateTask,
    response: Response,
) -> Activity:
    """Networks on given inputs, with what they should have put out."""
    with torch.no_grad():
        heard = _like(network.weight, inputs)
        states = play_integrator(network, heard, response)
        before = torch.cat([torch.zeros_like(states[:, :, :1]), states[:, :, :-1]], dim=2)
        driven = before + heard.transpose(0, 1) @ network.input_map.mT[:, None]
        currents = driven @ network.weight.mT[:, None]
        outputs = read_out(network, states)
    return Activity(
        states=states.cpu().numpy(),
        currents=currents.cpu().numpy(),
        outputs=outputs.cpu().numpy(),
        targets=integrals(inputs, task),
    )


def relative_error(activity: Activity) -> Float[Array, "seed channel"]:
    """Root mean square error of the outputs over the root mean square of the targets."""
    error = activity.outputs - activity.targets
    return np.asarray(np.sqrt((error**2).mean((1, 2)) / (activity.targets**2).mean((0, 1))))


def batch_objective(
    task: IntegrateTask, response: Response, *, sequences: int, seeds: Sequence[int], steps: int | None = None
) -> Objective:
    """The squared error on sequences drawn anew at each step, over (s T)^2 as in the authors' code.

    Args:
        task: what is integrated.
        response: f.
        sequences: batch size.
        seeds: of the networks; each hears its own sequences.
        steps: T. Default: the task's.
    """
    length = steps or task.steps
    generators = [np.random.default_rng([seed, 2]) for seed in seeds]
    norm = np.square(task.scales) * length**2

    def objective(network: Network, _: int) -> Tensor:
        drawn = [white_inputs(rng, task, sequences, length) for rng in generators]
        states = play_integrator(network, _like(network.weight, np.stack(drawn)), response)
        targets = _like(network.weight, np.stack([integrals(one, task) for one in drawn]))
        error = (read_out(network, states) - targets).square().mean((1, 2))
        return (error / _like(network.weight, norm)).sum(-1)

    return objective


def proxy_loss(
    network: Network,
    points: Float[Tensor, "*seed point channel"],
    task: IntegrateTask,
    response: Callable[[Tensor], Tensor],
    *,
    current_weight: float,
) -> Float[Tensor, " seed"]:
    """Mean over points z of the errors of what is read out and of what is kept, equations 33 and 34.

    Args:
        network: a stack.
        points: values of the integrals over their scales; the sum over +-1 instead of the mean is equation 26.
        task: decays and scales.
        response: any f, of currents.
        current_weight: w of the second error, a squared norm over units. The paper prints 1, its code has 1 / units.
    """
    currents_of_unit = network.weight @ network.input_map
    decays, scales = (_like(network.weight, part) for part in (task.decays, task.scales))
    states = response(points @ currents_of_unit.mT)
    read = states @ network.readout.mT - scales * decays * points
    kept = states @ network.weight.mT - (decays * points) @ currents_of_unit.mT
    return read.square().sum(-1).mean(-1) + current_weight * kept.square().sum(-1).mean(-1)


def proxy_objective(
    task: IntegrateTask,
    response: Callable[[Tensor], Tensor],
    *,
    points: int,
    largest: float,
    seeds: Sequence[int],
    current_weight: float,
) -> Objective:
    """The proxy loss on values of the integrals drawn anew at each step, uniformly within +-largest.

    Args:
        task: what is integrated.
        response: any f.
        points: how many values.
        largest: of them; an integral of inputs of size 1 stays within gamma / (1 - gamma).
        seeds: of the networks.
        current_weight: as in :func:`proxy_loss`.
    """
    generators = [np.random.default_rng([seed, 3]) for seed in seeds]

    def objective(network: Network, _: int) -> Tensor:
        drawn = np.stack([rng.uniform(-largest, largest, (points, task.channels)) for rng in generators])
        return proxy_loss(network, _like(network.weight, drawn), task, response, current_weight=current_weight)

    return objective


def _like(weight: Tensor, numbers: Array | Sequence[float]) -> Tensor:
    # by NumPy, since torch would make single precision of a list of numbers
    return torch.tensor(np.asarray(numbers, dtype=float), dtype=weight.dtype, device=weight.device)
