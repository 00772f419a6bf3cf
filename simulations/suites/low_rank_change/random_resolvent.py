"""Random initial weights W_0 with g < 1, their resolvent B = (I - W_0)^-1, and vectors of input and readout."""

from __future__ import annotations

import numpy as np

from ltr.types import Array, Float

VECTORS, PERMUTATION = 1, 2  # purposes of generators; the weights' own has none


def beta_of(gain: float) -> float:
    """Limit of w^T B B^T w for large networks, and of m^T B^T B m: 1 / (1 - g^2)."""
    return 1 / (1 - gain**2)


def initial_weights(seed: int, units: int, gain: float) -> Float[Array, "unit unit"]:
    """W_0 with independent normal entries of variance g^2 / N; of its own for every seed and gain."""
    rng = np.random.default_rng([seed, round(1000 * gain)])
    return gain * rng.normal(size=(units, units)) / np.sqrt(units)


def resolvent_of(weights: Float[Array, "*draw unit unit"]) -> Float[Array, "*draw unit unit"]:
    """B = (I - W)^-1."""
    return np.linalg.inv(np.eye(weights.shape[-1]) - weights)


def permuted(weights: Float[Array, "unit unit"], seed: int) -> Float[Array, "unit unit"]:
    """All entries in another order."""
    return np.random.default_rng([seed, PERMUTATION]).permutation(weights.ravel()).reshape(weights.shape)


def vector_pairs(seed: int, units: int, pairs: int) -> tuple[Float[Array, "pair unit"], Float[Array, "pair unit"]]:
    """Vectors w of readout and m of input, independent and of norm 1."""
    drawn = np.random.default_rng([seed, VECTORS]).normal(size=(2, pairs, units))
    w, m = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    return w, m


def orthogonal_pairs(seed: int, units: int, pairs: int) -> tuple[Float[Array, "pair unit"], Float[Array, "pair unit"]]:
    """The same with w made orthogonal to m: at g = 0 the readout then starts at exactly 0."""
    w, m = vector_pairs(seed, units, pairs)
    w = w - (w * m).sum(-1, keepdims=True) * m
    return w / np.linalg.norm(w, axis=-1, keepdims=True), m
