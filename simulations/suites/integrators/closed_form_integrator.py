"""Integrators of one channel for a given activation, of rank one and without training; and their play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ltr.simulations.integrator import Response
from ltr.simulations.suites.integrators.sigmoid_networks import largest_value
from ltr.types import Array, Float

Activation = Callable[[Float[Array, "*any"]], Float[Array, "*any"]]


def _sigmoid(current: Float[Array, "*any"]) -> Float[Array, "*any"]:
    published = Response("sigmoid")
    return np.asarray(1 / (1 + np.exp(-published.steepness * (current - published.threshold))))


def _bump(current: Float[Array, "*any"]) -> Float[Array, "*any"]:
    return np.asarray(np.exp(-((20 * (current - 0.1)) ** 2)))


def _wave(current: Float[Array, "*any"], phase: float) -> Float[Array, "*any"]:
    return np.asarray(np.sin(20 * current + phase))


ACTIVATIONS: dict[str, Activation] = {
    "relu": lambda current: np.maximum(current, 0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softplus": lambda current: np.logaddexp(current, 0),
    "bump off zero": _bump,
    "sine": partial(_wave, phase=0.0),
    "parabola off zero": lambda current: current + current**2,
}
EVEN: dict[str, Activation] = {
    "absolute value": np.abs,
    "square": np.square,
    "cosine": partial(_wave, phase=np.pi / 2),
}
"""f(x) = f(-x)."""


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """A network of weights W = direction keeper^T.

    Attributes:
        encoder: e, drawn.
        direction: W e, of all currents; drawn, of norm 1.
        keeper: what keeps the integral.
        decoder: d.
        missed: largest error of the conditions, at the values at which they are asked for.
    """

    encoder: Float[Array, " unit"]
    direction: Float[Array, " unit"]
    keeper: Float[Array, " unit"]
    decoder: Float[Array, " unit"]
    missed: float

    @property
    def weights(self) -> Float[Array, "unit unit"]:
        """W."""
        return np.outer(self.direction, self.keeper)


def closed_form(
    activation: Activation, *, units: int, seed: int, decay: float, points: int, precision: float = 1e-3
) -> ClosedForm:
    """Meets equations 31 and 32 at a finite number of values z, for s = 1.

    For weights direction keeper^T they are linear in keeper and decoder: keeper . e = 1, and both keeper . f(z W e) and
    decoder . f(z W e) are gamma z. The smallest keeper and decoder are taken.

    Args:
        activation: f.
        units: n.
        seed: of encoder and direction.
        decay: gamma.
        points: how many values, evenly spaced up to the largest.
        precision: singular values of the conditions below this, times the largest, count as zero.
    """
    encoder, direction = np.random.default_rng([seed, 6]).normal(size=(2, units)) / np.sqrt(units)
    direction /= np.linalg.norm(direction)
    reach = largest_value(decay)
    integrals = np.linspace(-reach, reach, points)
    states = activation(np.outer(integrals, direction))
    rows, wanted = np.vstack([states, encoder]), np.append(decay * integrals, 1.0)
    keeper = np.linalg.lstsq(rows, wanted, rcond=precision)[0]
    decoder = np.linalg.lstsq(states, decay * integrals, rcond=precision)[0]
    missed = max(np.abs(rows @ keeper - wanted).max(), np.abs(states @ decoder - decay * integrals).max())
    return ClosedForm(encoder, direction, keeper, decoder, float(missed))


def outputs(
    network: ClosedForm, activation: Activation, inputs: Float[Array, "time sequence"]
) -> Float[Array, "sequence time"]:
    """Outputs of the network with all its weights, step by step from h = 0."""
    weights, found = network.weights, []
    states = np.zeros((inputs.shape[1], len(weights)))
    for heard in inputs:
        states = activation((states + heard[:, None] * network.encoder) @ weights.T)
        found.append(states @ network.decoder)
    return np.stack(found, axis=1)
