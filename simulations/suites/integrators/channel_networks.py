"""Networks that integrate one or several channels, and where their currents are; each stack is trained once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import torch

from ltr.simulations.integrator import (
    Activity,
    Response,
    batch_objective,
    drawn_vectors,
    integrator_network,
    proxy_loss,
    proxy_objective,
    run_integrator,
    small_weights,
)
from ltr.simulations.tasks.integrate import IntegrateTask, ternary_inputs, white_inputs
from ltr.simulations.train_network import Adam, Descent, Objective, train
from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Float

SHARES = "networks of several channels"
RELU = Response("relu")
SIGMOID = Response("sigmoid")  # steepness 50, threshold 0.1, as published for one and two channels
SMOOTH = Response("sigmoid", steepness=5.0, threshold=0.0)  # for three and five channels in the authors' code
TWO = (0.8, 0.75)
MANY = (0.8, 0.77, 0.75, 0.76, 0.79)  # decays of three and five channels in the authors' code

Inputs = Literal["structured", "white"]


@dataclass(frozen=True)
class Recipe:
    """How a stack of networks is trained, hashable so that it is trained once. Scales are 1.

    Attributes:
        units: n.
        decays: gamma of every channel.
        rates: of the optimiser, one after another.
        updates: at each of the rates.
        samples: sequences of the batch loss, values of the integrals of the proxy loss, at each update; 0 for the
            values +-1 of a single channel, equation 29.
        steps: length of sequences, T; 0 for the proxy loss.
        optimiser: which.
        response: f.
        learned: parts that learn; the published sigmoid networks learn their decoders, too.
        largest: of the values of the integrals.
    """

    units: int
    decays: tuple[float, ...]
    rates: tuple[float, ...]
    updates: tuple[int, ...]
    samples: int = 64
    steps: int = 0
    optimiser: Literal["descent", "Adam"] = "Adam"
    response: Response = RELU
    learned: tuple[str, ...] = ("weight",)
    largest: float = 5.0

    @property
    def task(self) -> IntegrateTask:
        """What is integrated."""
        return IntegrateTask(self.decays, (1.0,) * len(self.decays), self.steps or 3)

    def __str__(self) -> str:
        """In words, for the page."""
        heard = f"{self.samples} sequences of {self.steps} steps" if self.steps else f"{self.samples or 2} integrals"
        followed = ", ".join(f"{count} at {rate:g}" for count, rate in zip(self.updates, self.rates, strict=True))
        unit: str = self.response.name
        if unit == "sigmoid":
            unit += f" of steepness {self.response.steepness:g} and threshold {self.response.threshold:g}"
        decays = ", ".join(f"{decay:g}" for decay in self.decays)
        learned = " and ".join(self.learned)
        return f"[{self.units} units, {unit}; gamma {decays}; {heard}; {self.optimiser}, {followed}; {learned}]"


def _batch(units: int, decays: tuple[float, ...], updates: int, rate: float) -> Recipe:
    return Recipe(units, decays, (rate,), (updates,), steps=3, optimiser="descent")


_sigmoid = Recipe(200, (0.8,), (1e-3, 2e-4), (1000, 300), samples=128, response=SIGMOID, learned=("weight", "readout"))
# at the published rate of 0.5, ratios r are 0.10 to 0.13 in place of 0.08, and at 1.0 they are 0.44 to 0.58
_sigmoid_batch = replace(_sigmoid, rates=(0.3, 0.1), updates=(1500, 300), samples=64, steps=3, optimiser="descent")
_rectified = Recipe(200, MANY, (1e-3, 2e-4), (1000, 200), samples=128)
_quick = {
    "ReLU, batch, D = 1": _batch(200, (0.995,), 1500, 0.5),
    "ReLU, batch, D = 2": _batch(200, (0.995, 0.993), 3000, 1.5),
    "ReLU, batch, D = 4": replace(_batch(200, (0.995, 0.995, 0.992, 0.99), 4000, 1.5), samples=32),
    "ReLU, proxy, D = 1": Recipe(200, (0.995,), (1e-4,), (1000,), samples=0),
    "ReLU, proxy, D = 2": replace(_rectified, decays=TWO),
    "ReLU, proxy, D = 3": replace(_rectified, decays=MANY[:3]),
    "ReLU, proxy, D = 5": _rectified,
    "sigmoid, batch, D = 1": _sigmoid_batch,
    # the authors train one channel by descent on three steps, and two by Adam on ten
    "sigmoid, batch, D = 2": replace(
        _sigmoid, decays=TWO, rates=(5e-4, 1e-4), updates=(600, 200), samples=64, steps=10
    ),
    "sigmoid, batch, D = 2 trained as D = 1": replace(_sigmoid_batch, decays=TWO),
    # of 200 units, networks have ratios r of 0.07 to 0.15, of 1000 units 0.03
    "sigmoid, proxy, D = 1": replace(_sigmoid, units=400, rates=(5e-4,), updates=(1500,), samples=64),
    "sigmoid, proxy, D = 2": replace(_sigmoid, decays=TWO),
    "sigmoid, proxy, D = 3": replace(_sigmoid, decays=MANY[:3], response=SMOOTH),
    "sigmoid, proxy, D = 5": replace(_sigmoid, decays=MANY, response=SMOOTH),
}


def _as_published(name: str, recipe: Recipe) -> Recipe:
    """With 1000 units; samples and updates are fewer than the authors', so that all takes half an hour on a CPU."""
    recipe = replace(recipe, units=1000)
    if name == "sigmoid, batch, D = 2":
        # one network each: r is 0.44 so, 0.46 at a rate of 5e-5, and 0.51 at 1e-4
        return replace(recipe, rates=(2e-5, 5e-6), updates=(1500, 300))
    if recipe.steps == 0 and recipe.samples:
        return replace(recipe, rates=(5e-4, 1e-4), updates=(1200, 300), samples=128)
    return recipe


RECIPES = {"quick": _quick, "full": {name: _as_published(name, recipe) for name, recipe in _quick.items()}}
"""Size -> activation, loss and number of channels -> networks, the same for all claims on them."""


def recipes(size: str, *names: str) -> dict[str, Recipe]:
    """Parameters of a claim on some of these networks."""
    return {name: RECIPES[size][name] for name in names}


@cache
def trained(recipe: Recipe, seeds: tuple[int, ...], device: torch.device) -> Network:
    """One network a seed, in single precision."""
    vectors = drawn_vectors(seeds, recipe.units, len(recipe.decays))
    # currents of 0 pass gradients in the proxy losses, which start at W = 0
    start = small_weights(seeds, recipe.units) if recipe.steps else None
    network = integrator_network(*vectors, weights=start, device=device)
    objective = _objective(recipe, seeds, device)
    for rate, updates in zip(recipe.rates, recipe.updates, strict=True):
        optimiser = Adam(rate) if recipe.optimiser == "Adam" else Descent(rate)
        followed = train(network, objective, steps=updates, optimiser=optimiser, learned=recipe.learned, names=seeds)
        network = followed.network
    return network


def _objective(recipe: Recipe, seeds: tuple[int, ...], device: torch.device) -> Objective:
    task, response = recipe.task, recipe.response
    if recipe.steps:
        return batch_objective(task, response, sequences=recipe.samples, seeds=seeds)
    if recipe.samples:
        # the error of currents is a mean over units, as in the authors' code; as printed it would be a sum
        weight = 1 / recipe.units
        return proxy_objective(
            task, response, points=recipe.samples, largest=recipe.largest, seeds=seeds, current_weight=weight
        )
    signs = torch.tensor([[1.0], [-1.0]], device=device)
    return lambda network, _: 2 * proxy_loss(network, signs, task, response, current_weight=1.0)


def played(
    network: Network,
    task: IntegrateTask,
    response: Response,
    *,
    kind: Inputs = "structured",
    sequences: int = 64,
    steps: int = 200,
) -> Activity:
    """Networks on test sequences, the same for all."""
    draw = ternary_inputs if kind == "structured" else white_inputs
    return run_integrator(network, draw(np.random.default_rng(100), task, sequences, steps), task, response)


def main_directions(network: Network) -> tuple[Float[Array, "seed value"], Float[Array, "seed unit channel"]]:
    """All singular values of the weights, and left singular vectors of the D largest."""
    left, values, _ = np.linalg.svd(network.weight.cpu().numpy().astype(float))
    return values, left[..., : network.input_map.shape[-1]]


def largest_gap(singular: Float[Array, " value"], *, among: int = 20) -> int:
    """How many singular values are before the largest ratio of one to the next, among the first.

    Example:
        >>> largest_gap(np.array([3.0, 2.0, 0.1, 0.09]))
        2
    """
    return int(np.argmin(np.diff(np.log(singular[:among])))) + 1


class Outside(NamedTuple):
    """How much of the currents is outside of a subspace.

    Attributes:
        of_means: ratio of mean norms outside and inside, equation 38.
        of_squares: root mean square outside over that of all currents, as in the authors' code.
    """

    of_means: float
    of_squares: float


def outside(currents: Float[Array, "*time unit"], directions: Float[Array, "unit channel"]) -> Outside:
    """How much of the currents is outside of the span of orthonormal directions.

    Example:
        >>> outside(np.array([[3.0, 4.0], [3.0, 0.0]]), np.array([[1.0], [0.0]])).of_means
        0.6666666666666666
    """
    flat = currents.reshape(-1, currents.shape[-1]).astype(float)
    inside = flat @ directions
    rest = np.linalg.norm(flat - inside @ directions.T, axis=1)
    norms = np.linalg.norm(inside, axis=1)
    return Outside(float(rest.mean() / norms.mean()), float(np.sqrt((rest**2).mean() / (flat**2).sum(1).mean())))


def linear_map(
    integrals: Float[Array, "*time channel"], coordinates: Float[Array, "*time coordinate"]
) -> tuple[Float[Array, "coordinate channel"], Float[Array, " coordinate"]]:
    """R of equation 37 by least squares, without a constant, and the R^2 of each coordinate."""
    given, wanted = (part.reshape(-1, part.shape[-1]).astype(float) for part in (integrals, coordinates))
    found = np.linalg.lstsq(given, wanted, rcond=None)[0]
    missed = ((wanted - given @ found) ** 2).sum(0)
    return found.T, np.asarray(1 - missed / ((wanted - wanted.mean(0)) ** 2).sum(0))


def selectivity(
    activity: Activity, seed: int, directions: Float[Array, "unit channel"]
) -> Float[Array, "unit channel"]:
    """Directions s of equation 40 in the space of integrals, of which units see the projection, from the outputs."""
    found, _ = linear_map(activity.outputs[seed], activity.currents[seed] @ directions)
    return directions @ found


def angles(directions: Float[Array, "unit 2"]) -> Float[Array, " unit"]:
    """From the axis of the first integral, in radians within +-pi."""
    return np.asarray(np.arctan2(directions[:, 1], directions[:, 0]))


def along_axes(directions: Float[Array, "unit 2"]) -> float:
    """Mean of cos 4 angle: 0 for even angles, 1 if all are multiples of a right angle."""
    return float(np.cos(4 * angles(directions)).mean())
