"""When trials end where the file does not say, and times that count from the start of each trial."""

import numpy as np
import pytest

from ltr.datasets.trials.clock import Bounds, counts_from_trial_start, trial_bounds
from ltr.datasets.trials.table import Table

START = np.array([31.7, 40.0, 50.0])
BOUNDS = Bounds(START, START + 3, stated=True)


def test_seconds_from_trial_start_are_recognised():
    assert counts_from_trial_start(np.array([0.5, np.nan, 1.0]), BOUNDS)


@pytest.mark.parametrize(
    "times",
    [[32.0, 41.0, 51.0], [36.0, 46.0, 56.0], [32.0, np.nan, np.nan], [np.nan] * 3],
    ids=["within the trial", "after the trial", "some missing", "all missing"],
)
def test_times_on_the_session_clock_are_not(times):
    assert not counts_from_trial_start(np.array(times), BOUNDS)


def table(**columns):
    return Table("trials table", 3, {name: np.array(values, dtype=float) for name, values in columns.items()})


def test_bounds_are_those_of_the_file_where_it_has_them():
    bounds = trial_bounds(table(start_time=[1, 5, 3], stop_time=[2, 6, 4]))

    assert bounds.stated
    assert bounds.stop_s.tolist() == [2, 6, 4]


@pytest.mark.parametrize("columns", [{"stop_time": [1, 5, 3]}, {}, {"stop_time": [np.nan] * 3}], ids=str)
def test_a_trial_without_length_lasts_until_the_next_begins(columns):
    bounds = trial_bounds(table(start_time=[1, 5, 3], **columns))

    assert not bounds.stated
    assert bounds.stop_s.tolist() == [3, 7, 5]  # rows are not in the order of time


def test_without_start_times_there_are_no_bounds():
    assert trial_bounds(table(stop_time=[1, 2, 3])) is None
    assert trial_bounds(table(start_time=[np.nan] * 3)) is None
