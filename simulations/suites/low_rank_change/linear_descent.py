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
        weighted = self.columns * self.strengths[..., None]
        left, right = (np.asarray(np.linalg.qr(part.mT, mode="r")) for part in (weighted, self.rows))
        found = np.zeros((*self.rates.shape, len(at), number))
        for index, steps in enumerate(at):
            core = left[..., :steps, :steps] @ right[..., :steps, :steps].mT
            values = np.linalg.svd(core, compute_uv=False)[..., :number]
            found[..., index, : values.shape[-1]] = values
        return found

    def truncated(self, seed: int, target: int, rank: int) -> Float[Array, "unit unit"]:
        """The change at the end, with its largest singular values only (equation 4)."""
        left, right = self.columns[seed, target] * self.strengths[seed, target, :, None], self.rows[seed, target]
        (first, one), (second, other) = np.linalg.qr(left.T), np.linalg.qr(right.T)
        vectors, values, covectors = np.linalg.svd(one @ other.T)
        return np.asarray((first @ vectors[:, :rank] * values[:rank]) @ (second @ covectors[:rank].T).T)

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
    wanted = np.asarray(targets, float)
    rates = np.broadcast_to(np.asarray(rates, float), (len(network.weight), len(wanted)))
    inverses, readouts, inputs = initial_inverse(network), network.readout.numpy()[:, 0], network.input_map.numpy()
    # one network after another, because what a single one needs stays in the processor's cache
    parts = [
        _descend_one(inverse, readout, heard[:, 0], wanted, rate, steps)
        for inverse, readout, heard, rate in zip(inverses, readouts, inputs, rates, strict=True)
    ]
    columns, rows, strengths, found = (np.stack(part) for part in zip(*parts, strict=True))
    return Descended(columns, rows, strengths, found, wanted, rates)


def _descend_one(  # noqa: PLR0917  as they stand in the formulas
    inverse: Float[Array, "unit unit"],
    readout: Float[Array, " unit"],
    heard: Float[Array, " unit"],
    targets: Float[Array, " target"],
    rates: Float[Array, " target"],
    steps: int,
) -> tuple[
    Float[Array, "target step unit"],
    Float[Array, "target step unit"],
    Float[Array, "target step"],
    Float[Array, "target time"],
]:
    """Columns, rows, strengths and readouts of one network."""
    columns, rows, lefts, rights = np.empty((4, len(targets), steps, len(inverse)))
    strengths, factors = np.empty((2, len(targets), steps))
    readouts = np.empty((len(targets), steps + 1))
    column, row = (np.tile(start, (len(targets), 1)) for start in (readout @ inverse, inverse @ heard))
    for step in range(steps):
        readouts[:, step] = column @ heard
        strength = rates * (targets - readouts[:, step])
        columns[:, step], rows[:, step], strengths[:, step] = column, row, strength
        # the inverse now is that of the start plus sum_k factors[k] lefts[k] rights[k]^T
        before = slice(0, step)
        left = column @ inverse.T + _times(lefts[:, before], rights[:, before], factors[:, before], column)
        right = row @ inverse + _times(rights[:, before], lefts[:, before], factors[:, before], row)
        factor = strength / (1 - strength * (row * left).sum(1))
        lefts[:, step], rights[:, step], factors[:, step] = left, right, factor
        column, row = (
            column + (factor * (column**2).sum(1))[:, None] * right,
            row + (factor * (row**2).sum(1))[:, None] * left,
        )
    readouts[:, steps] = column @ heard
    return columns, rows, strengths, readouts


def _times(
    lefts: Float[Array, "target step unit"],
    rights: Float[Array, "target step unit"],
    factors: Float[Array, "target step"],
    vector: Float[Array, "target unit"],
) -> Float[Array, "target unit"]:
    """sum_k factors[k] lefts[k] (rights[k] . vector)."""
    overlaps = factors[:, :, None] * (rights @ vector[:, :, None])
    return np.asarray((lefts.mT @ overlaps)[:, :, 0])


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
