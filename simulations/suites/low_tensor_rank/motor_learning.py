"""Networks that learn to reach, adapt to a perturbation and forget it, with their weights on every trial.

Supplement C: a network is trained to reach from W0 to W*; then its weights follow the gradient, one step a trial,
without, with and again without a perturbation of the hand. Tensors are trial x unit that receives x unit that sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from ltr.figures.style import shade_epochs
from ltr.simulations.reach_learning import LearningRecord, train_and_record_many
from ltr.simulations.settings import PerturbationName, ReachSettings
from ltr.simulations.validation.claim import Protocol, Size
from ltr.types import Array, Float

PARAMETERS: Mapping[str, Any] = {"units": 100}
SIZES: Mapping[Size, Mapping[str, Any]] = {"quick": {}, "full": {"units": 200}}
SEEDS: Mapping[Size, int] = {"quick": 3, "full": 5}
SHARES = "networks that learn to reach"
PERTURBATIONS: tuple[PerturbationName, ...] = ("curl", "rotation")
EPOCHS = ("baseline", "adaptation", "washout")

COMPRESSED = 15  # size of the tensor that is decomposed; it keeps 0.9996 of the squares, measured
STARTS, SWEEPS, TOLERANCE = 3, 500, 1e-9  # of the decomposition; the best start counts


def records(protocol: Protocol, perturbation: PerturbationName = "curl") -> tuple[LearningRecord, ...]:
    """What networks did and became, one for each seed."""
    return learned(tuple(protocol.seeds), protocol["units"], perturbation)


@cache
def learned(seeds: tuple[int, ...], units: int, perturbation: PerturbationName) -> tuple[LearningRecord, ...]:
    """Train networks of several seeds and record them."""
    settings = ReachSettings(units=units, neurons=min(units, ReachSettings.neurons), perturbation=perturbation)
    return tuple(train_and_record_many(settings, seeds, keep_weights=True))


def change_in_pretraining(record: LearningRecord) -> Float[Array, "unit unit"]:
    """W* - W0."""
    return np.subtract(record.pretraining.final_weight, record.pretraining.initial_weight, dtype=float)


def weights(record: LearningRecord) -> Float[Array, "trial unit unit"]:
    """W on every trial."""
    return np.asarray(record.weights, dtype=float)


def changes_in_session(record: LearningRecord) -> Float[Array, "trial unit unit"]:
    """W - W* on every trial."""
    return weights(record) - record.pretraining.final_weight


def last_trials(record: LearningRecord) -> dict[str, int]:
    """The last trial of each epoch."""
    return {epoch: int(np.flatnonzero(record.epoch == epoch)[-1]) for epoch in EPOCHS}


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


def shade(axes: Axes, epochs: Array, width_in: float, *, trials: Array | None = None) -> None:
    """Shade the epochs of a session behind its trials; all of them, unless numbers are given."""
    numbers = np.arange(len(epochs)) if trials is None else trials
    shade_epochs(axes, numbers, epochs, names=True, width_in=width_in)
    axes.set_xlabel("trial")
