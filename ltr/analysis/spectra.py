"""Eigenvalues of the recurrent weights and of the Jacobian, through rank-sized matrices.

The nonzero eigenvalues of W^(k) = A D_k B^T are those of the R x R matrix D_k B^T A
(supplement A.3).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from ltr.types import Array, Float


def weight_eigenvalues(
    columns: Float[Array, "unit rank"], rows: Float[Array, "unit rank"], factors: Float[Array, "trial rank"]
) -> Array:
    """Nonzero eigenvalues of W^(k) on each trial: complex, trial x rank, in no particular order.

    Example:
        >>> weight_eigenvalues(np.eye(3, 1), np.eye(3, 1), np.array([[2.0], [3.0]])).real
        array([[2.],
               [3.]])
    """
    return np.linalg.eigvals(factors[:, :, None] * (rows.T @ columns)[None]).astype(complex)


def mean_jacobian_eigenvalues(
    columns: Float[Array, "unit rank"],
    rows: Float[Array, "unit rank"],
    factors: Float[Array, "trial rank"],
    mean_slope: Float[Array, "trial unit"],
) -> Array:
    """Nonzero eigenvalues of W^(k) diag(phi'), phi' averaged over the trial's trajectory: complex, trial x rank.

    Minus 1 and over tau, they are eigenvalues of the Jacobian that the trial visits on average; a real part
    of 1 is the limit of stability.
    """
    small = np.einsum("ir,ki,is->krs", rows, mean_slope, columns)
    return np.linalg.eigvals(factors[:, :, None] * small).astype(complex)


def compressed_weights(
    columns: Float[Array, "unit rank"], rows: Float[Array, "unit rank"], factors: Float[Array, "trial rank"]
) -> Float[Array, "trial small small"]:
    """W^(k) on each trial in an orthonormal basis of all columns and rows: trial x 2 rank x 2 rank.

    Outside of that space W^(k) is zero in both directions. So singular values, departure from normality, the symmetric
    part and norms of exp(t W^(k)) are those of the n x n matrix, up to directions in which nothing happens; such a
    direction is in the small matrix, too, wherever the large one has any (of 2 rank dimensions W^(k) fills at most
    rank). Of fewer than 2 rank units all are kept.

    Example:
        >>> compressed_weights(np.eye(3, 1), np.eye(3, 1), np.array([[2.0]])).shape
        (1, 2, 2)
    """
    basis = np.linalg.qr(np.concatenate([columns, rows], axis=1))[0]
    return (factors[:, None, :] * (basis.T @ columns)[None]) @ (rows.T @ basis)


def track(eigenvalues: Array) -> Array:
    """Order each trial's eigenvalues so that each column follows one of them over trials.

    Neighbouring trials are matched by the assignment with the smallest total distance, never by sorting;
    the first trial is ordered by falling real part.
    """
    tracked = np.array(eigenvalues)
    tracked[0] = tracked[0][np.lexsort((-tracked[0].imag, -tracked[0].real))]
    for trial in range(1, len(tracked)):
        distance = np.abs(tracked[trial - 1][:, None] - eigenvalues[trial][None])
        tracked[trial] = eigenvalues[trial][linear_sum_assignment(distance)[1]]
    return tracked
