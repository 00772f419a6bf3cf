"""Spike counts per trial, bin and neuron."""

from __future__ import annotations

import numpy as np

# Times are compared in millionths of a bin: finer than any recording system, coarser than
# the rounding of floating-point seconds, so a spike on an edge always falls into the later bin.
TICKS_PER_BIN = 1_000_000
SPIKES_AT_ONCE = 4_000_000  # what is made for each spike in a window takes some 50 bytes


def count_spikes(
    spikes_s: np.ndarray,
    ends: np.ndarray,
    event_times_s: np.ndarray,
    *,
    window_s: tuple[float, float],
    n_bins: int,
) -> np.ndarray:
    """Count spikes in bins around events, one neuron after the other, in all trials at once.

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
    one = counts.dtype.type(1)  # np.add.at is ten times slower where the types differ
    starts_s = event_times_s + window_s[0]
    # one bin more on either side: which spikes are inside is decided in ticks
    opens_s, closes_s = starts_s - bin_width_s, starts_s + (window_s[1] - window_s[0] + bin_width_s)
    for neuron, train_s in enumerate(np.split(spikes_s, ends[:-1])):
        in_order = train_s if (train_s[1:] >= train_s[:-1]).all() else np.sort(train_s)
        first = np.searchsorted(in_order, opens_s)
        held = np.searchsorted(in_order, closes_s) - first
        for trials in _blocks(held):
            trial = np.repeat(trials, held[trials])
            spike_s = in_order[_ranges(first[trials], held[trials])]
            ticks = np.rint((spike_s - starts_s[trial]) * (TICKS_PER_BIN / bin_width_s)).astype(np.int64)
            bins = ticks // TICKS_PER_BIN
            inside = (bins >= 0) & (bins < n_bins)
            np.add.at(cells, (trial[inside] * n_bins + bins[inside]) * n_neurons + neuron, one)
    return counts


def _blocks(held: np.ndarray) -> list[np.ndarray]:
    """Trials in blocks, so that those of a block hold no more spikes than may be looked at together."""
    last = np.flatnonzero(np.diff(np.cumsum(held) // SPIKES_AT_ONCE))
    return np.split(np.arange(len(held)), last + 1)


def _ranges(first: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Whole numbers from each ``first`` on, as many as its length, one range after the other."""
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) + np.repeat(first - (ends - lengths), lengths)
