"""Spike counts per trial, bin and neuron."""

from __future__ import annotations

import numpy as np

# Times are compared in millionths of a bin: finer than any recording system, coarser than
# the rounding of floating-point seconds, so a spike on an edge always falls into the later bin.
TICKS_PER_BIN = 1_000_000
SPIKES_AT_ONCE = 4_000_000  # what is made for each spike on the way takes some 100 bytes


def count_spikes(
    spikes_s: np.ndarray,
    ends: np.ndarray,
    event_times_s: np.ndarray,
    *,
    window_s: tuple[float, float],
    n_bins: int,
) -> np.ndarray:
    """Count spikes in bins around events, for all trials and neurons in one pass over the spikes.

    Args:
        spikes_s: spike times of all neurons, one neuron after the other, in seconds; in any order within a neuron.
        ends: where the spikes of each neuron end.
        event_times_s: time of each trial's align event, in seconds on the same clock.
            Windows may overlap; a spike then counts in each of them.
        window_s: start and end of the window relative to the event.
        n_bins: number of equal bins in the window; each holds its left edge, not its right.

    Returns:
        Counts, int32, trial x time x neuron.

    Example:
        >>> spikes, ends = np.array([0.9, 1.0, 1.1]), np.array([3])
        >>> count_spikes(spikes, ends, np.array([1.0]), window_s=(-0.2, 0.2), n_bins=4)[0, :, 0]
        array([0, 1, 1, 1], dtype=int32)
    """
    n_trials, n_neurons = len(event_times_s), len(ends)
    bin_width_s = (window_s[1] - window_s[0]) / n_bins
    counts = np.zeros((n_trials, n_bins, n_neurons), dtype=np.int32)
    cells = counts.reshape(-1)
    order = np.argsort(event_times_s, kind="stable")
    starts_s = event_times_s[order] + window_s[0]
    # windows have one length, so those that hold a spike follow each other in the order of their starts;
    # one bin more on either side: which spikes are inside is decided in ticks
    opens_s, closes_s = starts_s - bin_width_s, starts_s + (window_s[1] - window_s[0] + bin_width_s)
    for begin in range(0, len(spikes_s), SPIKES_AT_ONCE):
        part = spikes_s[begin : begin + SPIKES_AT_ONCE]
        first = np.searchsorted(closes_s, part, side="left")
        times = np.searchsorted(opens_s, part, side="right") - first
        held = np.flatnonzero(times > 0)
        first, times = first[held], times[held]
        if len(held) and times.max() > 1:
            # one entry for each window that holds the spike
            place = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
            held, first = np.repeat(held, times), np.repeat(first, times) + place
        ticks = np.rint((part[held] - starts_s[first]) * (TICKS_PER_BIN / bin_width_s))
        bins = (ticks // TICKS_PER_BIN).astype(np.int64)
        inside = (bins >= 0) & (bins < n_bins)
        held, first, bins = held[inside], first[inside], bins[inside]
        neuron = np.searchsorted(ends, begin + held, side="right")
        np.add.at(cells, (order[first] * n_bins + bins) * n_neurons + neuron, 1)
    return counts
