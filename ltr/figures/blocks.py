"""Averages over trials that several figures share; NaN entries are left out, empty averages are NaN."""

from __future__ import annotations

import numpy as np

from ltr.types import Array, Float


def mean_over_trials(values: Float[Array, "trial ..."]) -> Array:
    """Mean over the first axis without NaN entries, NaN where none is left.

    Example:
        >>> mean_over_trials(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
        [2.0, nan]
    """
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def early_and_late(epochs: Array) -> list[tuple[str, Array]]:
    """Name and mask of early and of late trials: first and last epoch, or first and last fifth.

    Args:
        epochs: epoch label of each trial, in the order of the trials.

    Returns:
        Two pairs (one if there is one trial only).

    Example:
        >>> [name for name, _ in early_and_late(np.array(["a", "a", "b"]))]
        ['first epoch: a', 'last epoch: b']
    """
    labels = list(dict.fromkeys(epochs.tolist()))
    if len(labels) > 1:
        return [
            (f"first epoch: {labels[0]}", epochs == labels[0]),
            (f"last epoch: {labels[-1]}", epochs == labels[-1]),
        ]
    count = len(epochs)
    if count == 1:
        return [("the only trial", np.ones(1, dtype=bool))]
    position = np.arange(count)
    fifth = max(1, count // 5)
    return [("first fifth of trials", position < fifth), ("last fifth of trials", position >= count - fifth)]


def trial_blocks(count: int, blocks: int = 6) -> list[Array]:
    """Positions of trials in consecutive blocks of (nearly) equal size, none empty.

    Example:
        >>> [block.tolist() for block in trial_blocks(5, 2)]
        [[0, 1, 2], [3, 4]]
    """
    return [block for block in np.array_split(np.arange(count), blocks) if len(block)]


def condition_means(values: Float[Array, "trial ..."], condition: Array, labels: Array) -> Array:
    """Mean of the trials of each condition, condition x ...; NaN for a condition without trials."""
    return np.stack([mean_over_trials(values[condition == label]) for label in labels])


def median_go_s(go_time_s: Float[Array, " trial"]) -> float:
    """Median go cue in seconds, NaN when no trial has one."""
    finite = go_time_s[np.isfinite(go_time_s)]
    return float(np.median(finite)) if finite.size else float("nan")
