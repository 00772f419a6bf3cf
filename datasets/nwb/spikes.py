"""Spike counts per trial, bin and neuron."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Times are compared in millionths of a bin: finer than any recording system, coarser than
# the rounding of floating-point seconds, so a spike on an edge always falls into the later bin.
TICKS_PER_BIN = 1_000_000


def count_spikes(
    trains_s: Sequence[np.ndarray],
    event_times_s: np.ndarray,
    *,
    window_s: tuple[float, float],
    n_bins: int,
) -> np.ndarray:
    """Count spikes in bins around events.

    Args:
        trains_s: spike times of each neuron, increasing, in seconds.
        event_times_s: time of each trial's align event, in seconds on the same clock.
            Windows may overlap; a spike then counts in each of them.
        window_s: start and end of the window relative to the event.
        n_bins: number of equal bins in the window; each holds its left edge, not its right.

    Returns:
        Counts, int32, trial x time x neuron.

    Example:
        >>> count_spikes([np.array([0.9, 1.0, 1.1])], np.array([1.0]), window_s=(-0.2, 0.2), n_bins=4)[0, :, 0]
        array([0, 1, 1, 1], dtype=int32)
    """
    n_trials = len(event_times_s)
    bin_width_s = (window_s[1] - window_s[0]) / n_bins
    starts_s = event_times_s + window_s[0]
    counts = np.zeros((n_trials, n_bins, len(trains_s)), dtype=np.int32)
    for neuron, train in enumerate(trains_s):
        # one bin more on either side: which spikes are inside is decided in ticks
        first = np.searchsorted(train, starts_s - bin_width_s)
        last = np.searchsorted(train, event_times_s + window_s[1] + bin_width_s)
        lengths = last - first
        # row by row: the trial of each (trial, spike) pair, and the spike's place in the train
        trial = np.repeat(np.arange(n_trials), lengths)
        place = np.arange(len(trial)) + np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        ticks = np.rint((train[place] - starts_s[trial]) * (TICKS_PER_BIN / bin_width_s)).astype(np.int64)
        bins = ticks // TICKS_PER_BIN
        inside = (bins >= 0) & (bins < n_bins)
        cells = np.bincount(trial[inside] * n_bins + bins[inside], minlength=n_trials * n_bins)
        counts[:, :, neuron] = cells.reshape(n_trials, n_bins)
    return counts
