"""The weights over learning as a tensor, and what it is made of: shares by rank, and components of the whole tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ltr.types import Array, Float

COMPRESSED = 15  # size of the tensor that is decomposed; for reaching it keeps 0.9996 of the squares, measured
STARTS, SWEEPS, TOLERANCE = 3, 500, 1e-9  # of the decomposition; the best start counts


def cumulative_share(matrix: Float[Array, "row column"]) -> Float[Array, " value"]:
    """Share of the squares that the first singular values explain together."""
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    return np.asarray(np.cumsum(squares) / squares.sum())


def unfolding(tensor: Float[Array, "trial unit unit"], mode: int) -> Float[Array, "row column"]:
    """The tensor as a matrix whose rows belong to one mode."""
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


class Components(NamedTuple):
    """A tensor decomposition.

    Attributes:
        trials, columns, rows: one factor of each mode for each component.
        explained: share of the squares.
    """

    trials: Float[Array, "trial rank"]
    columns: Float[Array, "unit rank"]
    rows: Float[Array, "unit rank"]
    explained: float

    def tensor(self) -> Float[Array, "trial unit unit"]:
        """The sum of the components."""
        return np.einsum("kr,ir,jr->kij", self.trials, self.columns, self.rows, optimize=True)


def decompose(tensor: Float[Array, "trial unit unit"], ranks: Sequence[int]) -> dict[int, Components]:
    """PARAFAC of each rank, by alternating least squares in the leading directions of each mode."""
    from tensorly.cp_tensor import cp_to_tensor
    from tensorly.decomposition import parafac

    bases = [leading_directions(tensor, mode) for mode in range(3)]
    core = np.einsum("kij,ka,ib,jc->abc", tensor, *bases, optimize=True)
    lost = (tensor**2).sum() - (core**2).sum()
    found = {}
    for rank in ranks:
        fits = [
            parafac(core, rank, n_iter_max=SWEEPS, init="random", random_state=start, tol=TOLERANCE)
            for start in range(STARTS)
        ]
        errors = [((core - cp_to_tensor(fit)) ** 2).sum() + lost for fit in fits]
        weights, factors = fits[int(np.argmin(errors))]
        of_trials, of_columns, of_rows = (basis @ factor for basis, factor in zip(bases, factors, strict=True))
        found[rank] = Components(of_trials * weights, of_columns, of_rows, float(1 - min(errors) / (tensor**2).sum()))
    return found


def leading_directions(tensor: Float[Array, "trial unit unit"], mode: int) -> Float[Array, "entry direction"]:
    """Orthonormal directions of a mode in which the tensor has most of its squares."""
    unfolded = unfolding(tensor, mode)
    _, vectors = np.linalg.eigh(unfolded @ unfolded.T)
    return np.asarray(vectors[:, ::-1][:, :COMPRESSED])
