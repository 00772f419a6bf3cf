"""Learning without initial connectivity: dW = [w m] A [w m]^T with a 2 x 2 matrix A, for orthogonal w and m."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

from ltr.types import Array, Float

W, M = np.eye(2)


class Learned(NamedTuple):
    """Course of A at g = 0, free of N.

    Attributes:
        times: of learning.
        entries: A.
        readout: z.
    """

    times: Float[Array, " time"]
    entries: Float[Array, "time 2 2"]
    readout: Float[Array, " time"]


def flow(entries: Float[Array, "2 2"], target: float) -> Float[Array, "2 2"]:
    """dA/dtau by equations 68 to 70."""
    other = entries @ np.linalg.inv(np.eye(2) - entries)
    moved = np.eye(2) + other.T
    return np.asarray((target - other[0, 1]) * moved @ np.outer(W, M) @ moved)


def learn(target: float, times: Float[Array, " time"]) -> Learned:
    """Integrate from A = 0."""
    solved = solve_ivp(
        lambda _, entries: flow(entries.reshape(2, 2), target).ravel(),
        (0, float(times[-1])),
        np.zeros(4),
        method="DOP853",
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
    )
    entries = solved.y.T.reshape(-1, 2, 2)
    return Learned(times, entries, np.linalg.inv(np.eye(2) - entries)[:, 0, 1])


def coefficients(target: float) -> dict[str, Float[Array, " power"]]:
    """Of tau, tau^2 ... in A and in z: to third order those of equations 10 and 15, then by computer algebra."""
    square = target**2
    return {
        "A11": np.array([0, 1 / 2, -1 / 2, (11 * square + 7) / 24, -(10 * square + 1) / 8]) * square,
        "A12": np.array(
            [1, -1 / 2, (1 + 2 * square) / 6, -(20 * square + 1) / 24, (56 * square**2 + 106 * square + 1) / 120]
        )
        * target,
        "A21": np.array([0, 0, 1 / 3, -1 / 2, (32 * square + 25) / 60]) * target**3,
        "z": np.array([1, -1 / 2, (1 + 8 * square) / 6, -(56 * square + 1) / 24]) * target,
    }
