"""Linear networks learn by gradient descent in the limit of long trials, exactly and without playing them.

For constant input the output tends to z = w^T (I - W)^-1 m (equation 5), and descent adds rate (zhat - z) p q^T to W,
with p = (I - W)^-T w and q = (I - W)^-1 m (equation 6). A change of rank one changes the inverse by one of rank one
(equation 27), so that a step costs the products of one matrix with two vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ltr.simulations.vanilla_rnn import Network
from ltr.types import Array, Float


@dataclass(frozen=True, eq=False)
class Descended:
    """What descent did: step k adds ``strengths[k] columns[k] rows[k]^T`` to the weights.

    Attributes:
        columns: p before every step.
        rows: q before every step.
        strengths: rate times error of every step.
        readouts: z before every step, and at the end.
        targets: zhat.
        rates: of descent.
    """

    columns: Float[Array, "seed target step unit"]
    rows: Float[Array, "seed target step unit"]
    strengths: Float[Array, "seed target step"]
    readouts: Float[Array, "seed target time"]
    targets: Float[Array, " target"]
    rates: Float[Array, "seed target"]

    @property
    def times(self) -> Float[Array, "seed target time"]:
        """Learning time before every step and at the end: rate times number of steps."""
        return self.rates[..., None] * np.arange(self.readouts.shape[-1])

    @property
    def losses(self) -> Float[Array, "seed target time"]:
        """(zhat - z)^2 / 2, before every step and at the end."""
        return (self.targets[:, None] - self.readouts) ** 2 / 2

    @property
    def gradient_norms(self) -> Float[Array, "seed target step"]:
        """Frobenius norm of the gradient of every step."""
        lengths = np.linalg.norm(self.columns, axis=-1) * np.linalg.norm(self.rows, axis=-1)
        return np.abs(self.strengths) / self.rates[..., None] * lengths

    def change(self, seed: int, target: int, steps: int | None = None) -> Float[Array, "unit unit"]:
        """Weights minus initial weights, after some steps; by default, at the end. ``seed`` and ``target`` count."""
        weighted = self.columns[seed, target, :steps] * self.strengths[seed, target, :steps, None]
        return np.asarray(weighted.T @ self.rows[seed, target, :steps])

    def singular_values(self, at: Sequence[int], number: int) -> Float[Array, "seed target at value"]:
        """The largest of the change after each of some numbers of steps."""
        # the first k columns of a QR decomposition decompose the first k columns
        left, right = (
            np.linalg.qr(part.mT, mode="r") for part in (self.columns * self.strengths[..., None], self.rows)
        )
        found = np.zeros((*self.rates.shape, len(at), number))
        for index, steps in enumerate(at):
            core = left[..., :steps, :steps] @ right[..., :steps, :steps].mT
            values = np.linalg.svd(core, compute_uv=False)[..., :number]
            found[..., index, : values.shape[-1]] = values
        return found

    def change_norms(self) -> Float[Array, "seed target"]:
        """Frobenius norm of the change at the end."""
        weighted = self.columns * self.strengths[..., None]
        squared = ((weighted @ weighted.mT) * (self.rows @ self.rows.mT)).sum((-2, -1))
        return np.asarray(np.sqrt(squared))


def descend(network: Network, targets: Sequence[float], rates: Float[Array, "*#seed #target"], steps: int) -> Descended:
    """Learn each target with each network, apart from each other.

    Args:
        network: stacked and linear, with one input and one output; its initial state does not matter.
        targets: zhat.
        rates: of descent, one for each network and target, or one for each target.
        steps: of descent.
    """
    inverse = initial_inverse(network)
    seeds, units = inverse.shape[:2]
    shape = (seeds, len(targets))
    wanted, rates = np.asarray(targets, float), np.broadcast_to(np.asarray(rates, float), shape)
    input_map = network.input_map.numpy()[..., 0][:, None]
    column = np.repeat(network.readout.numpy() @ inverse, len(targets), axis=1)
    row = np.repeat(input_map @ inverse.mT, len(targets), axis=1)
    columns, rows, lefts, rights = np.empty((4, *shape, steps, units))
    strengths, factors = np.empty((2, *shape, steps))
    readouts = np.empty((*shape, steps + 1))
    for step in range(steps):
        readouts[..., step] = (column * input_map).sum(-1)
        strength = rates * (wanted - readouts[..., step])
        columns[..., step, :], rows[..., step, :], strengths[..., step] = column, row, strength
        # the inverse now is that of the start plus sum_k factors[k] lefts[k] rights[k]^T
        before = (lefts[..., :step, :], rights[..., :step, :], factors[..., :step, None])
        left = column @ inverse.mT + _corrected(column, *before)
        right = row @ inverse + _corrected(row, before[1], before[0], before[2])
        factor = strength / (1 - strength * (row * left).sum(-1))
        lefts[..., step, :], rights[..., step, :], factors[..., step] = left, right, factor
        column, row = (
            column + (factor * (column**2).sum(-1))[..., None] * right,
            row + (factor * (row**2).sum(-1))[..., None] * left,
        )
    readouts[..., steps] = (column * input_map).sum(-1)
    return Descended(columns, rows, strengths, readouts, wanted, rates)


def _corrected(
    vector: Float[Array, "seed target unit"],
    lefts: Float[Array, "seed target step unit"],
    rights: Float[Array, "seed target step unit"],
    factors: Float[Array, "seed target step 1"],
) -> Float[Array, "seed target unit"]:
    """sum_k factors[k] lefts[k] (rights[k] . vector)."""
    return np.asarray((lefts.mT @ (factors * (rights @ vector[..., None])))[..., 0])


def initial_inverse(network: Network) -> Float[Array, "seed unit unit"]:
    """B = (I - W)^-1."""
    weight = network.weight.numpy()
    return np.linalg.inv(np.eye(weight.shape[-1]) - weight)


def without_initial_readout(network: Network) -> Network:
    """The networks with w made orthogonal to B m, so that z = 0 before learning, and long as before."""
    away = initial_inverse(network) @ network.input_map.numpy()
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    readout = network.readout.numpy()
    turned = readout - (readout @ away) * away.mT
    turned *= np.linalg.norm(readout, axis=-1, keepdims=True) / np.linalg.norm(turned, axis=-1, keepdims=True)
    return replace(network, readout=torch.tensor(turned))
