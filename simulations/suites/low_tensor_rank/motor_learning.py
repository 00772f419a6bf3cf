"""Networks that learn to reach, adapt to a perturbation and forget it, with their weights on every trial.

Supplement C: a network is trained to reach from W0 to W*; then its weights follow the gradient, one step a trial,
without, with and again without a perturbation of the hand. Tensors are trial x unit that receives x unit that sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

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


def shade(axes: Axes, epochs: Array, width_in: float, *, trials: Array | None = None) -> None:
    """Shade the epochs of a session behind its trials; all of them, unless numbers are given."""
    numbers = np.arange(len(epochs)) if trials is None else trials
    shade_epochs(axes, numbers, epochs, names=True, width_in=width_in)
    axes.set_xlabel("trial")
