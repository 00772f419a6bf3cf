"""What factors that change over trials gain on held-out entries over the same network without learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ltr.recording import DIMENSIONS, Recording
from ltr.simulations.settings import FactorShape
from ltr.simulations.suites.low_tensor_rank.recovery_curves import REFERENCE, fit
from ltr.simulations.teacher import simulate_teacher
from ltr.sweep.plan import VARIANTS
from ltr.types import Array

TRIALS = 120  # as many as make differences by chance small
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {
    "blocks": {"holdout": "blocks", "block_bins": 6, "scored_bins": 3, "block_trials": 12, "scored_trials": 6},
    "whole trials": {"holdout": "trials"},
}
"""Ways to hold out; blocks are small enough for many in a recording of 12 bins."""


@cache
def gain(seed: int, shape: FactorShape, holdout: str, *, shuffled: bool = False) -> float:
    """Share of the static network's held-out error that changing factors save, on the same entries.

    Args:
        seed: of teacher, split and fits.
        shape: of the teacher's factors.
        holdout: one of :data:`HOLDOUTS`.
        shuffled: permute trials within conditions, so that everything stays but their order.
    """
    teacher = simulate_teacher(replace(REFERENCE, seed=seed, trials=TRIALS, factor_shape=shape))
    order = permuted_within(teacher.recording.condition_index, seed) if shuffled else np.arange(TRIALS)
    recording = in_order(teacher.recording, order)
    always = {**HOLDOUTS[holdout], "length_scale": TRIALS / 4, "test_fraction": 0.2, "validation_fraction": 0.1}
    learning, static = (fit(recording, seed, **always, **changes) for changes in ({}, VARIANTS["constant_factors"]))
    error, static_error = (result.metrics["test"]["normalised_loss"] for result in (learning, static))
    return 1 - float(error / static_error)


def permuted_within(conditions: Array, seed: int) -> Array:
    """A random order of trials in which every condition keeps its places."""
    random = np.random.default_rng([seed, 3])
    order = np.arange(len(conditions))
    for condition in np.unique(conditions):
        places = np.flatnonzero(conditions == condition)
        order[places] = random.permutation(places)
    return order


def in_order(recording: Recording, order: Array) -> Recording:
    """The activity of other trials under the same trial numbers and conditions."""
    return Recording(recording.dataset.assign(activity=(DIMENSIONS, recording.activity[order])))
