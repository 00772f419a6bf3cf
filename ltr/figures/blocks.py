"""Averages over trials that several figures share; NaN entries are left out, empty averages are NaN."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ltr.types import Array, Float

SHOWN_EPOCHS = 3  # columns that fit beside one another


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


def periods(epochs: Array) -> list[tuple[str, Array]]:
    """Name and mask of the periods that figures compare, early ones first.

    With two or three epochs, each epoch; with more, the first, the middle and the last; with one, the first and
    the last fifth of its trials.

    Args:
        epochs: epoch label of each trial, in the order of the trials.

    Returns:
        Two or three pairs (one if there is one trial only).

    Example:
        >>> [name for name, _ in periods(np.array(["a", "a", "b"]))]
        ['epoch a', 'epoch b']
    """
    labels = list(dict.fromkeys(epochs.tolist()))
    if len(labels) > 1:
        shown = labels if len(labels) <= SHOWN_EPOCHS else [labels[0], labels[len(labels) // 2], labels[-1]]
        return [(f"epoch {label}", epochs == label) for label in shown]
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


def smooth_over_time(values: Float[Array, "time ..."], sd_bins: float) -> Array:
    """Gaussian smoothing over the first axis; missing bins stay NaN and lend nothing to their neighbours.

    The kernel is cut at the ends of the window and renormalised there, as around missing bins.

    Args:
        values: with NaN where there is nothing.
        sd_bins: standard deviation in bins.

    Example:
        >>> smooth_over_time(np.array([2.0, 2.0, np.nan]), 1.0).tolist()
        [2.0, 2.0, nan]
    """
    finite = np.isfinite(values)
    total = gaussian_filter1d(np.where(finite, values, 0.0), sd_bins, axis=0, mode="constant")
    weight = gaussian_filter1d(finite.astype(float), sd_bins, axis=0, mode="constant")
    return np.where(finite, total / np.where(finite, weight, 1.0), np.nan)


def median_go_s(go_time_s: Float[Array, " trial"]) -> float:
    """Median go cue in seconds, NaN when no trial has one."""
    finite = go_time_s[np.isfinite(go_time_s)]
    return float(np.median(finite)) if finite.size else float("nan")
