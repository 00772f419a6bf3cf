"""Linear networks that integrate: moments, the loss averaged over inputs, its gradient, and descent on it.

A network h' = W (h + E x), y = D^T h of any number of channels; one channel is the case of one column. Networks that
start from W = 0 need no code of their own: their 2D x 2D parameters are the weights of a network of 2D units, with
the same loss and, because the basis is orthonormal, the same descent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ltr.types import Array, Float


@dataclass(frozen=True, eq=False)
class Integration:
    """What a network is to integrate, and what it cannot change.

    Attributes:
        encoders: e of every channel.
        decoders: d of every channel.
        scales: s of every channel.
        decays: gamma of every channel.
        steps: T, length of the training sequences.
        correlation: of an input with the next one; inputs are stationary, of variance 1, and independent across
            channels.
    """

    encoders: Float[Array, "*seed unit channel"]
    decoders: Float[Array, "*seed unit channel"]
    scales: Float[Array, "*seed channel"]
    decays: Float[Array, "*seed channel"]
    steps: int
    correlation: float = 0.0

    @property
    def channels(self) -> int:
        """D."""
        return self.encoders.shape[-1]

    @cached_property
    def correlations(self) -> Float[Array, "step step"]:
        """Correlations of the inputs summed over the sequence, chi of equation 41."""
        return input_correlations(self.steps, self.correlation)

    @cached_property
    def wanted(self) -> Float[Array, "*seed step channel channel"]:
        """Moments of a network without loss, s gamma^q, equation 9."""
        return wanted_moments(self, self.steps)


def one_channel(
    encoder: Float[Array, "*seed unit"],
    decoder: Float[Array, "*seed unit"],
    scale: float | Float[Array, "*seed"],
    *,
    decay: float,
    steps: int,
    correlation: float = 0.0,
) -> Integration:
    """A task of one channel."""
    scales = np.asarray(scale, dtype=float)[..., None]
    return Integration(encoder[..., None], decoder[..., None], scales, np.array([decay]), steps, correlation)


def random_vectors(
    seed: int, units: int, *, mixing: float = 0.0, norms: tuple[float, float] = (1.0, 1.0)
) -> tuple[Float[Array, " unit"], Float[Array, " unit"]]:
    """A random encoder and decoder.

    Args:
        seed: of the generator.
        units: their length.
        mixing: share o of the encoder in the decoder, d = o e + (1 - o) d, of unit vectors (footnote 8).
        norms: of encoder and decoder in the end.
    """
    drawn = np.random.default_rng(seed).normal(size=(2, units))
    encoder, other = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    decoder = mixing * encoder + (1 - mixing) * other
    return norms[0] * encoder, norms[1] * decoder / np.linalg.norm(decoder)


def input_correlations(steps: int, correlation: float) -> Float[Array, "step step"]:
    """Correlations of stationary inputs of variance 1, summed over a sequence: chi of equation 41."""
    lags = np.arange(1, steps + 1)
    overlapping = steps + 1 - np.maximum.outer(lags, lags)
    return np.asarray(overlapping * float(correlation) ** np.abs(np.subtract.outer(lags, lags)))


def moments(
    weights: Float[Array, "*seed unit unit"], task: Integration, count: int
) -> Float[Array, "*seed count channel channel"]:
    """D^T W^q E for q = 1 ... count, equation 8; rows are channels of the output."""
    states, found = task.encoders, []
    for _ in range(count):
        states = weights @ states
        found.append(task.decoders.mT @ states)
    return np.stack(found, axis=-3)


def wanted_moments(task: Integration, count: int) -> Float[Array, "*seed count channel channel"]:
    """s gamma^q for q = 1 ... count on the diagonal, equation 9."""
    powers = task.decays[..., None, :] ** np.arange(1, count + 1)[:, None]
    return np.asarray((task.scales[..., None, :] * powers)[..., None, :] * np.eye(task.channels))


def moment_error(weights: Float[Array, "*seed unit unit"], task: Integration, count: int) -> Float[Array, "*seed"]:
    """Distance of the first moments from those of an integrator, relative to the size of the latter."""
    wanted = wanted_moments(task, count)
    return _norm(moments(weights, task, count) - wanted) / _norm(wanted)


def _norm(array: Float[Array, "*seed count channel channel"]) -> Float[Array, "*seed"]:
    return np.asarray(np.sqrt((array**2).sum((-3, -2, -1))))


def averaged_loss(weights: Float[Array, "*seed unit unit"], task: Integration) -> Float[Array, "*seed"]:
    """Loss averaged over inputs, equation 7, summed over pairs of channels."""
    error = moments(weights, task, task.steps) - task.wanted
    return np.asarray(np.einsum("qp,...qij,...pij->...", task.correlations, error, error))


def loss_gradient(weights: Float[Array, "*seed unit unit"], task: Integration) -> Float[Array, "*seed unit unit"]:
    """Gradient of the averaged loss, equations 10 and 43, as one product of three matrices."""
    steps = task.steps
    images, pulled = [_along(task.encoders, weights)], [_along(task.decoders, weights)]
    for _ in range(steps - 1):
        images.append(weights @ images[-1])
        pulled.append(weights.mT @ pulled[-1])
    images.append(weights @ images[-1])
    error = np.stack([task.decoders.mT @ image for image in images[1:]], axis=-3) - task.wanted
    weighted = (task.correlations @ error.reshape(*error.shape[:-2], -1)).reshape(error.shape)
    # W^m and W^(p-1-m) stand on both sides of the error of moment p, which is 0 beyond the last
    padded = np.concatenate([weighted, np.zeros_like(weighted[..., : steps - 1, :, :])], axis=-3)
    blocks = padded[..., np.add.outer(np.arange(steps), np.arange(steps)), :, :].swapaxes(-3, -2)
    middle = blocks.reshape(*blocks.shape[:-4], steps * task.channels, steps * task.channels)
    left, right = np.concatenate(pulled, axis=-1), np.concatenate(images[:-1], axis=-1)
    return np.asarray(2 * (left @ middle) @ right.mT)


def _along(
    vectors: Float[Array, "*any unit channel"], weights: Float[Array, "*seed unit unit"]
) -> Float[Array, "*seed unit channel"]:
    """Vectors that all seeds share, for every seed."""
    if vectors.shape[:-2] == weights.shape[:-2]:
        return vectors
    return np.broadcast_to(vectors, (*weights.shape[:-2], *vectors.shape[-2:]))


def moment_derivatives(
    weights: Float[Array, "*seed unit unit"], task: Integration
) -> Float[Array, "*seed step unit unit"]:
    """Derivatives of the moments of one channel by the weights, appendices B and F."""
    steps = task.steps
    images, pulled = [_along(task.encoders, weights)], [_along(task.decoders, weights)]
    for _ in range(steps - 1):
        images.append(weights @ images[-1])
        pulled.append(weights.mT @ pulled[-1])
    terms = [sum(pulled[m] @ images[q - 1 - m].mT for m in range(q)) for q in range(1, steps + 1)]
    return np.stack(np.broadcast_arrays(*terms), axis=-3)


def descend(
    weights: Float[Array, "*seed unit unit"],
    task: Integration,
    rate: float | Float[Array, "*seed"],
    updates: int,
    *,
    record: Sequence[int] = (),
) -> tuple[Float[Array, "*seed unit unit"], Float[Array, "*seed record"]]:
    """Gradient descent on the averaged loss.

    Args:
        weights: to start from.
        task: what to learn.
        rate: of equation 6, for the loss of equation 7. The authors' code divides that loss by (T s)^2, and its rates
            have to be divided by the same.
        updates: how many.
        record: numbers of updates after which the loss is wanted, in increasing order.

    Returns:
        Weights in the end, and the losses.
    """
    length, wanted = np.asarray(rate)[..., None, None], set(record)
    losses = []
    for update in range(updates + 1):
        if update:
            weights = weights - length * loss_gradient(weights, task)
        if update in wanted:
            losses.append(averaged_loss(weights, task))
    return weights, np.stack(losses, axis=-1) if losses else np.empty((*weights.shape[:-2], 0))


def overlaps(task: Integration) -> Float[Array, "*seed vector vector"]:
    """Scalar products of all decoders and encoders, Sigma of equation 13, in the order that its users need: (d, e)."""
    vectors = np.concatenate([task.decoders, task.encoders], axis=-1)
    return np.asarray(vectors.mT @ vectors)


def root(matrix: Float[Array, "*seed vector vector"]) -> Float[Array, "*seed vector vector"]:
    """The symmetric square root of a positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(values)[..., None, :]) @ vectors.mT)


def reduced(task: Integration) -> tuple[Integration, Float[Array, "*seed unit vector"]]:
    """The task in the span of decoders and encoders, which descent from W = 0 never leaves (appendix D).

    Returns:
        The task of a network of two units a channel, whose weights are omega; and the orthonormal basis of
        equation 13, in columns, with which W = basis omega basis^T.
    """
    square_root = root(overlaps(task))
    vectors = np.concatenate([task.decoders, task.encoders], axis=-1)
    basis = vectors @ np.linalg.inv(square_root)
    decoders, encoders = square_root[..., : task.channels], square_root[..., task.channels :]
    return replace(task, decoders=decoders, encoders=encoders), basis


def embedded(
    parameters: Float[Array, "*seed vector vector"], basis: Float[Array, "*seed unit vector"]
) -> Float[Array, "*seed unit unit"]:
    """Weights from the parameters, equation 14."""
    return np.asarray(basis @ parameters @ basis.mT)


def task_of_overlap(
    overlap: float | Float[Array, "*seed"],
    scale: float | Float[Array, "*seed"],
    *,
    norms: tuple[float, float] = (1.0, 1.0),
    decay: float,
    steps: int,
) -> Integration:
    """The reduced task of one channel, of which only norms and scalar product of the two vectors matter.

    Args:
        overlap: d . e.
        scale: s.
        norms: of encoder and decoder.
        decay: gamma.
        steps: T.
    """
    shared = np.asarray(overlap, dtype=float)
    of_encoder, of_decoder = (np.broadcast_to(norm**2, shared.shape) for norm in norms)
    sigma = np.stack([np.stack([of_decoder, shared], -1), np.stack([shared, of_encoder], -1)], -2)
    square_root = root(sigma)
    return one_channel(square_root[..., 1], square_root[..., 0], scale, decay=decay, steps=steps)
