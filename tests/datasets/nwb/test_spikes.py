"""Counts equal a brute-force histogram of every trial and neuron, and a spike on an edge falls into the later bin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.datasets.nwb import spikes


def count_spikes(trains_s, events_s, **window):
    """The spikes of all neurons, one after the other, as a file holds them."""
    ends = np.cumsum([len(train) for train in trains_s])
    return spikes.count_spikes(np.concatenate(trains_s), ends, events_s, **window)


def brute_force(trains_s, events_s, window_s, n_bins):
    counts = np.zeros((len(events_s), n_bins, len(trains_s)), dtype=int)
    for trial, event in enumerate(events_s):
        edges = event + np.linspace(*window_s, n_bins + 1)
        for neuron, train in enumerate(trains_s):
            # the last bin of numpy.histogram holds its right edge, too: one bin more takes such spikes away
            padded = np.append(edges, edges[-1] + 1.0)
            counts[trial, :, neuron] = np.histogram(train, padded)[0][:-1]
    return counts


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    clock_s=st.sampled_from([0.0, 612.4, 1e5]),
    n_bins=st.integers(2, 60),
    start_s=st.floats(-1.0, 0.5),
)
def test_counts_equal_numpy_histograms_of_random_spikes(seed, clock_s, n_bins, start_s):
    generator = np.random.default_rng(seed)
    window_s = (start_s, start_s + n_bins * 0.013)
    trains_s = [np.sort(clock_s + generator.uniform(0, 20, size)) for size in (300, 40, 1, 0)]
    events_s = clock_s + np.sort(generator.uniform(-1, 21, 12))  # windows overlap and reach beyond the spikes

    counts = count_spikes(trains_s, events_s, window_s=window_s, n_bins=n_bins)

    np.testing.assert_array_equal(counts, brute_force(trains_s, events_s, window_s, n_bins))


@pytest.mark.parametrize("clock_s", [0.0, 0.1, 612.4, 86400.3])
@pytest.mark.parametrize("bin_width_s", [0.02, 0.01, 0.1, 1 / 60, 1 / 30])
def test_a_spike_on_an_edge_falls_into_the_later_bin(clock_s, bin_width_s):
    n_bins = 30
    edges_s = clock_s - 10 * bin_width_s + np.arange(n_bins + 1) * bin_width_s  # rounded as a file would hold them

    counts = count_spikes([edges_s], np.array([clock_s]), window_s=(-10 * bin_width_s, 20 * bin_width_s), n_bins=n_bins)

    # one spike on the left edge of each bin; the last spike, on the right end, is outside
    np.testing.assert_array_equal(counts[0, :, 0], np.ones(n_bins))


def test_a_spike_in_two_overlapping_windows_counts_twice():
    counts = count_spikes([np.array([1.05])], np.array([1.0, 1.04]), window_s=(0.0, 0.1), n_bins=2)

    np.testing.assert_array_equal(counts[:, :, 0], [[0, 1], [1, 0]])


def test_spikes_in_any_order_and_trials_in_blocks_count_alike(monkeypatch):
    generator = np.random.default_rng(0)
    trains_s = [generator.uniform(0, 20, size) for size in (300, 40, 0)]
    events_s = generator.permutation(np.linspace(-1, 21, 30))
    window = {"window_s": (-0.5, 1.0), "n_bins": 15}
    monkeypatch.setattr(spikes, "SPIKES_AT_ONCE", 20)  # less than most windows hold together

    counts = count_spikes(trains_s, events_s, **window)

    np.testing.assert_array_equal(counts, brute_force(trains_s, events_s, **window))


def test_counts_are_32_bit_integers_with_trial_time_neuron_axes():
    counts = count_spikes([np.zeros(0)] * 3, np.zeros(5), window_s=(0.0, 0.1), n_bins=2)

    assert counts.dtype == np.int32
    assert counts.shape == (5, 2, 3)
