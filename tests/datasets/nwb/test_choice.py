"""Times far outside their trials are refused or noted, never taken as they are."""

import numpy as np
import pandas as pd
import pytest

from ltr.datasets import open_recording
from ltr.datasets.nwb.write import write_session
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings
from tests.datasets.nwb.sessions import START_OF_SESSION

N = 40
START = 100.0 + 5.0 * np.arange(N)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    row = np.arange(N)
    frame = pd.DataFrame(
        {
            "start_time": START,
            "stop_time": START + 3,
            "go": START + 1,
            "other_clock": START + 61,
            "milliseconds": 500.0 + row,
            "go_or_zero": np.where(row < 4, 0.0, START + 1),
            "go_or_code": np.where(row < 4, -999.0, START + 1),
            "one_late": np.where(row == 7, START + 30, START + 1),
        }
    )
    path = tmp_path_factory.mktemp("choice") / "clocks.nwb"
    write_session(
        path,
        spike_times=[np.arange(90.0, 320.0, 0.05)],
        trials=frame,
        session_description="",
        identifier="x",
        session_start_time=START_OF_SESSION,
    )
    return path


def read(path, **settings):
    return open_recording(path, RecordingSettings(window=(-0.2, 0.2), **settings))


@pytest.mark.parametrize("setting", ["align", "go_cue"])
@pytest.mark.parametrize("name", ["other_clock", "milliseconds"])
def test_times_on_another_clock_are_refused(path, setting, name):
    with pytest.raises(RecordingError, match=rf"{setting}: the times in '{name}' are not on the clock of the trials"):
        read(path, **{"align": "go", setting: name})


def test_unless_the_clock_was_given(path):
    assert read(path, align="other_clock", clock="session").event_times_s.tolist() == (START + 61).tolist()


@pytest.mark.parametrize(("name", "code"), [("go_or_zero", "0"), ("go_or_code", "-999")])
def test_a_code_for_no_event_is_no_time(path, name, code):
    recording = read(path, align=name)

    assert recording.trial_numbers.tolist() == list(range(4, N))
    assert f"'{name}' is {code} in 4 trial(s), far outside them: taken for no event." in recording.notes
    assert np.isnan(read(path, align="go", go_cue=name).go_time_s[:4]).all()


def test_a_single_time_outside_is_noted(path):
    recording = read(path, align="one_late")

    assert recording.n_trials == N
    assert "'one_late' lies far outside the trial in 1 trial(s)." in recording.notes
