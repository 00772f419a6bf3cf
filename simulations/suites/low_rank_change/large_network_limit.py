"""Learning to third order in learning time, as the paper writes it for large networks.

In learning time tau with beta = 1 / (1 - g^2); finite networks differ by a few N^-1/2. Written with p = B^T w and
q = B m.
"""

from __future__ import annotations

import numpy as np

from ltr.simulations.suites.low_rank_change.random_resolvent import beta_of
from ltr.simulations.suites.low_rank_change.taylor_series import Outer
from ltr.types import Array, Float


def readout_coefficients(target: float, gain: float) -> Float[Array, " power"]:
    """Of z in powers 0 to 3 of beta^2 tau (equation 15)."""
    beta = beta_of(gain)
    return target * np.array([0, 1, -1 / 2, (1 + 8 * target**2 * beta) / 6])


def shuffled_coefficients(target: float, gain: float) -> Float[Array, " power"]:
    """The same after W_0 was permuted (equation 91)."""
    beta = beta_of(gain)
    return target / beta**2 * np.array([0, 1, -1 / 2, (1 + 2 * target**2 * (1 + 3 / beta)) / 6])


def derivatives(
    resolvent: Float[Array, "unit unit"],
    w: Float[Array, "pair unit"],
    m: Float[Array, "pair unit"],
    *,
    target: float,
    gain: float,
    transposed: bool = False,
) -> list[Outer]:
    """W_1, W_2 and W_3 of equations 11, 35 and 42.

    Args:
        resolvent: B.
        w, m: vectors of readout and input.
        target: zhat.
        gain: g.
        transposed: instead, as they follow from the products of vectors in equations 36, 37, 43 and 45, which print
            w^T B^T for w^T B.
    """
    beta = beta_of(gain)
    p, q = w @ resolvent, m @ resolvent.T
    back = q @ resolvent  # B^T B m
    forth = (w if transposed else p) @ resolvent.T  # B B^T w; or B w, which becomes B B w
    if transposed:
        forth = forth @ resolvent.T
    first = Outer.of((target, p, q))
    mixed = [(target**2, p, forth), (target**2, back, q)]
    second = Outer.of((-target * beta**2, p, q), *((factor * beta, *pair) for factor, *pair in mixed))
    third = Outer.of(
        (target * beta**4, p, q),
        *((-3 * factor * beta**3, *pair) for factor, *pair in mixed),
        # b^2 of the first product and, in the second, which is printed as it should be, its complement to 2
        (target**3 * beta**2 * 3 / 2, back, forth),
        (target**3 * beta**2 / 2, back, p @ resolvent.T),
        (target**3 * beta**2, p, (q @ resolvent) @ resolvent.T),
        (target**3 * beta**2, (p @ resolvent.T) @ resolvent, q),
    )
    return [first, second, third]


def two_terms(
    resolvent: Float[Array, "unit unit"],
    w: Float[Array, " unit"],
    m: Float[Array, " unit"],
    time: float,
    *,
    target: float,
    gain: float,
) -> tuple[Float[Array, "unit 2"], Float[Array, "unit 2"]]:
    """U and V of equation 53, in the corrected form: dW = U V^T to third order in tau.

    Args:
        resolvent: B.
        w, m: vectors of readout and input.
        time: tau.
        target: zhat.
        gain: g.
    """
    beta = beta_of(gain)
    grown = time * beta**2
    a = np.sqrt(target * time * (1 - grown / 2 + grown**2 / 6))
    b = target**2 * beta * time**2 * (1 - grown) / 2 / a
    c = target**3 * beta**2 * time**3 / 6 / a
    hat = np.sqrt(target**3 * beta**2 * time**3 / 12)
    p, q = resolvent.T @ w, resolvent @ m
    left = a * p + b * resolvent.T @ q + c * resolvent.T @ (resolvent @ p)
    right = a * q + b * resolvent @ p + c * resolvent @ (resolvent.T @ q)
    return np.stack([left, hat * resolvent.T @ q], 1), np.stack([right, hat * resolvent @ p], 1)
