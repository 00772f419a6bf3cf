"""Edges of windows are clean decimals."""

import pytest

from ltr.datasets.trials.windows import bin_edges, require_fitting
from ltr.errors import RecordingError


def test_edges_are_the_decimals_one_would_write_down():
    assert bin_edges((-0.1, 0.1), 20.0).tolist() == [-0.1, -0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06, 0.08, 0.1]


def test_windows_of_endlessly_many_bins_are_refused():
    with pytest.raises(RecordingError, match=r"holds 2e\+304 bins of 0\.1 ms"):
        bin_edges((-1e300, 1e300), 0.1)


def test_what_no_memory_holds_is_refused():
    require_fitting(1000, 100, 1000)
    with pytest.raises(RecordingError, match="10000 trials x 1000 bins x 1000 neurons do not fit into memory"):
        require_fitting(10_000, 1000, 1000)
