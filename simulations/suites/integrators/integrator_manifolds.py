"""Integrators among the 2 x 2 parameters of networks with one channel that start from W = 0 (appendix E)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ltr.simulations.suites.integrators.linear_integrator import Integration, one_channel, random_vectors, reduced
from ltr.types import Array, Float

GEOMETRIES = ((1.0, 1.0, 0.4), (0.3, 1.0, 0.1), (0.5, 2.0, 0.1), (1.4, 0.7, -0.3))
"""Norms of encoder and decoder, and mixing."""


class Landmarks(NamedTuple):
    """Where the manifolds lie: alpha_0, beta_0 and Z of appendix E."""

    alpha: float
    beta: float
    size: float


def landmarks(task: Integration) -> Landmarks:
    """From the square root of Sigma, which has a reduced task's decoder and encoder as its columns."""
    (first, shared), (_, last) = np.hstack([task.decoders, task.encoders])
    return Landmarks(float(-first / shared), float(last / shared), float(shared**2))


def landmarks_as_printed(decoder: float, encoder: float, overlap: float) -> Landmarks:
    """From the squared norms of the vectors and their scalar product, as after equation 46."""
    plus, minus = decoder + encoder, decoder - encoder
    kappa = np.sqrt(minus**2 + 4 * overlap**2)
    upper, lower = np.sqrt(plus + kappa), np.sqrt(plus - kappa)
    gap = overlap * (upper - lower)
    alpha = -((kappa - minus) * lower + (kappa + minus) * upper) / (2 * gap)
    beta = ((kappa + minus) * lower + (kappa - minus) * upper) / (2 * gap)
    return Landmarks(float(alpha), float(beta), float(gap**2 / (2 * kappa**2)))


def matrix(
    rows: tuple[tuple[float | Array, float | Array], tuple[float | Array, float | Array]],
) -> Float[Array, "*case 2 2"]:
    """From four numbers or four arrays."""
    entries = np.broadcast_arrays(*rows[0], *rows[1])
    return np.stack(entries, axis=-1).reshape(*entries[0].shape, 2, 2)


def with_eigenvalues(
    second: float | Array, alpha: float | Array, beta: float | Array, decay: float
) -> Float[Array, "*case 2 2"]:
    """Gamma(lambda, alpha, beta) of equation 46: eigenvalue gamma at (1, alpha), lambda at (1, beta)."""
    gap = np.asarray(alpha - beta)[..., None, None]
    return (
        matrix(
            (
                (alpha * second - beta * decay, decay - second),
                (alpha * beta * (second - decay), alpha * decay - beta * second),
            )
        )
        / gap
    )


def scale(alpha: float | Array, beta: float | Array, at: Landmarks) -> Array:
    """Of integrators of rank one, equation 48."""
    return np.asarray(at.size * (alpha - at.alpha) * (beta - at.beta) / (beta - alpha))


def beta_of(alpha: float | Array, wanted: float | Array, at: Landmarks) -> Array:
    """Where on the line of an alpha the scale is the wanted one, below equation 48."""
    away = at.size * (alpha - at.alpha)
    return np.asarray((away * at.beta - alpha * wanted) / (away - wanted))


def geometry(
    index: int, seed: int, units: int, *, decay: float, steps: int = 3
) -> tuple[Integration, Integration, Float[Array, "unit 2"]]:
    """Random vectors with the norms and mixing of a geometry.

    Returns:
        The task with scale 1, the same in the space of parameters, and the basis.
    """
    *norms, mixing = GEOMETRIES[index]
    encoder, decoder = random_vectors(seed, units, mixing=mixing, norms=(norms[0], norms[1]))
    task = one_channel(encoder, decoder, 1.0, decay=decay, steps=steps)
    return task, *reduced(task)


def random_slopes(rng: np.random.Generator, count: int) -> tuple[Float[Array, " case"], Float[Array, " case"]]:
    """Pairs alpha, beta that are not close to each other, where the parametrization is singular."""
    alpha = rng.uniform(-3, 3, count)
    return alpha, alpha + rng.choice([-1, 1], count) * rng.uniform(0.3, 3, count)
