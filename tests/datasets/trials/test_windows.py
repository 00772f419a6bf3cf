"""Edges of windows are clean decimals, and times on the wrong clock are recognised."""

import numpy as np
import pytest

from ltr.datasets.trials.windows import bin_edges, refuse_relative_times, within
from ltr.errors import RecordingError


def test_edges_are_the_decimals_one_would_write_down():
    assert bin_edges((-0.1, 0.1), 20.0).tolist() == [-0.1, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1]


def test_seconds_from_trial_start_are_refused_as_align_times():
    start = np.array([31.7, 40.0, 50.0])

    with pytest.raises(RecordingError, match="'CueTime' seems to hold seconds from the start of each trial"):
        refuse_relative_times("CueTime", np.array([0.5, np.nan, 1.0]), start, start + 3)


@pytest.mark.parametrize(
    "times",
    [[32.0, 41.0, 51.0], [36.0, 46.0, 56.0], [32.0, np.nan, np.nan]],
    ids=["within the trial", "after the trial", "some missing"],
)
def test_times_on_the_session_clock_are_accepted(times):
    start = np.array([31.7, 40.0, 50.0])

    refuse_relative_times("cue", np.array(times), start, start + 3)


def test_a_bin_is_within_the_session_only_as_a_whole():
    inside = within(np.array([0.2, 5.0, 9.8]), np.array([-0.5, -0.25, 0.0, 0.25, 0.5]), (0.0, 10.0))

    assert inside.tolist() == [[False, False, True, True], [True] * 4, [True, True, False, False]]


def test_rounding_does_not_put_a_bin_outside_the_session():
    # 0.1 + 0.2 is 0.30000000000000004
    assert within(np.array([0.1]), np.array([0.0, 0.2]), (0.1, 0.3)).all()
