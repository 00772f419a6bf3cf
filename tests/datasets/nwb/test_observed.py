"""Bins count as observed only as a whole; gaps are found where silence cannot be chance, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltr.datasets.nwb.observed import Intervals, bins_within, recorded_spans
from ltr.datasets.trials.clock import Bounds


def session(*stretches):
    return Intervals(*(np.array(side, dtype=float) for side in zip(*stretches, strict=True)))


def test_a_bin_is_within_the_session_only_as_a_whole():
    inside = bins_within(np.array([0.2, 5.0, 9.8]), np.array([-0.5, -0.25, 0.0, 0.25, 0.5]), session((0.0, 10.0)))

    assert inside.tolist() == [[False, False, True, True], [True] * 4, [True, True, False, False]]


def test_rounding_does_not_put_a_bin_outside_the_session():
    # 0.1 + 0.2 is 0.30000000000000004
    assert bins_within(np.array([0.1]), np.array([0.0, 0.2]), session((0.1, 0.3))).all()


def test_a_bin_across_a_gap_is_not_observed():
    inside = bins_within(np.array([0.0]), np.array([0.0, 1.0, 2.0, 3.0]), session((0.0, 1.5), (1.6, 3.0)))

    assert inside.tolist() == [[True, False, True]]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12), st.integers(0, 2**31))
def test_merged_intervals_cover_what_a_grid_says(pieces, seed):
    start = np.array([first for first, _ in pieces], dtype=float)
    stop = np.array([first + length for first, length in pieces], dtype=float)
    grid = np.zeros(50, dtype=bool)  # second by second
    for first, length in pieces:
        grid[first : first + length] = True
    begin, length = np.random.default_rng(seed).integers([0, 1], [44, 6])

    merged = Intervals.merged(start, stop)

    covered = merged.cover(np.array([float(begin)]), np.array([float(begin + length)]))[0]
    assert covered == grid[begin : begin + length].all()
    assert (merged.start_s[1:] > merged.stop_s[:-1]).all()


def test_nothing_covers_nothing():
    assert not Intervals.merged(np.array([np.nan, 2.0]), np.array([1.0, 2.0])).cover(np.zeros(1), np.ones(1)).any()


def steady(generator, begin, end, rate_hz=50.0):
    return generator.uniform(begin, end, int((end - begin) * rate_hz))


TRIALS = Bounds(np.arange(0.0, 100.0, 10.0), np.arange(4.0, 104.0, 10.0), stated=True)


def test_the_session_runs_over_trials_and_spikes():
    spans, notes = recorded_spans(steady(np.random.default_rng(0), -3.0, 98.0), TRIALS)

    assert spans.start_s[0] < -2.5
    assert spans.stop_s.tolist() == [94.0] or spans.stop_s[0] > 97
    assert notes == []


def test_spikes_in_trials_only_mean_that_only_trials_were_recorded():
    generator = np.random.default_rng(0)
    spikes = np.concatenate([steady(generator, start, start + 4) for start in TRIALS.start_s])

    spans, notes = recorded_spans(spikes, TRIALS)

    assert spans.start_s.tolist() == TRIALS.start_s.tolist()
    assert "recorded one by one" in notes[0]


def test_one_spike_outside_does_not_make_silence_of_what_was_not_recorded():
    generator = np.random.default_rng(0)
    spikes = np.concatenate([steady(generator, start - 0.5, start + 4) for start in TRIALS.start_s])

    spans, notes = recorded_spans(np.append(spikes, 6.0), TRIALS)

    assert "recorded one by one" in notes[0]
    assert not spans.cover(TRIALS.stop_s[1:-1] + 0.5, TRIALS.stop_s[1:-1] + 1.0).any()
    assert spans.cover(TRIALS.start_s - 0.4, TRIALS.stop_s).all()  # as much before each as was stored


def test_trials_before_the_first_and_after_the_last_spike_were_not_recorded():
    spans, notes = recorded_spans(steady(np.random.default_rng(0), 25.0, 60.0), TRIALS)

    assert (spans.start_s[0] >= 25.0, spans.stop_s[-1] <= 60.0, len(notes)) == (True, True, 2)


def test_an_odd_spike_far_away_hides_no_gap():
    generator = np.random.default_rng(0)
    spikes = np.concatenate([steady(generator, 0.0, 40.0), steady(generator, 60.0, 100.0), [1e9]])

    spans, _ = recorded_spans(spikes, None)

    assert not spans.cover(np.array([45.0, 200.0]), np.array([55.0, 210.0])).any()


def test_few_spikes_in_trials_only_may_be_chance():
    spans, notes = recorded_spans(TRIALS.start_s + 1.0, TRIALS)

    assert len(spans.start_s) == 1
    assert notes == []


def test_a_long_silence_is_a_gap_between_the_spikes_around_it():
    generator = np.random.default_rng(0)
    spikes = np.concatenate([steady(generator, 0.0, 30.3), steady(generator, 48.8, 100.0)])

    spans, notes = recorded_spans(spikes, TRIALS)

    assert spans.stop_s[0] == spikes[spikes < 40].max()
    assert spans.start_s[1] == spikes[spikes > 40].min()
    assert "between 30.3 and 48.8 s" in notes[0]


@pytest.mark.parametrize(
    ("silence_s", "rate_hz"), [(1.5, 500.0), (60.0, 3.0)], ids=["short", "long, but few spikes were to be expected"]
)
def test_other_silences_are_silence(silence_s, rate_hz):
    generator = np.random.default_rng(0)
    spikes = np.concatenate([steady(generator, 0, 100, rate_hz), steady(generator, 100 + silence_s, 200, rate_hz)])

    spans, notes = recorded_spans(spikes, None)

    assert (len(spans.start_s), notes) == (1, [])


def test_no_spikes_and_no_trials_span_nothing():
    assert len(recorded_spans(np.zeros(0), None)[0].start_s) == 0
