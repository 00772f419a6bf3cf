"""Real and realistic files: a rat recording counted independently, layouts of public data sets fitted as advised."""

import json

import h5py
import numpy as np
import pytest

from ltr import fit, parse_settings
from ltr.cli.main import main
from ltr.datasets import open_recording, summarise
from ltr.settings import RecordingSettings
from tests.real_data import RECORDINGS

LAYOUTS = sorted((RECORDINGS.parent / "layouts").glob("*.nwb"))
TINY = {"iterations": 3, "rank": 2, "units": 8, "baselines": False}
each_layout = pytest.mark.parametrize("path", LAYOUTS or [None], ids=lambda path: path.stem if path else "none")


def truth_of(path):
    if path is None:
        pytest.skip("the layouts are not here (set LTR_RECORDINGS)")
    return json.loads(path.with_suffix(".json").read_text())


def test_the_rat_recording_has_every_spike_of_every_window(rat_path):
    settings = RecordingSettings(align="press1_time", window=(-0.5, 1.5), bin_ms=20, min_rate_hz=0)

    recording = open_recording(rat_path, settings)

    assert recording.activity.shape == (1266, 100, 30)
    with h5py.File(rat_path) as file:
        spikes = np.sort(file["units/spike_times"][()])
        events = file["intervals/trials/press1_time"][()]
    # all units together: a spike counts if it lies in [event - 0.5, event + 1.5)
    total = (np.searchsorted(spikes, events + 1.5) - np.searchsorted(spikes, events - 0.5)).sum()
    assert recording.activity.sum() == total
    assert recording.trial_numbers.tolist() == list(range(1266))


def test_the_rat_recording_is_summarised(rat_path):
    summary = summarise(rat_path)

    assert (summary.trials, summary.neurons) == (1266, 30)
    flags = "--align press1_time --condition interval_bin --window -0.5 1 --execution-input"
    assert summary.command == f"ltr fit {rat_path} {flags}"


@each_layout
def test_what_is_proposed_for_a_layout_is_right(path):
    truth = truth_of(path)

    summary = summarise(path)

    assert (summary.trials, summary.neurons) == (truth["n_trials"], truth["n_units"])
    assert summary.settings["recording"]["align"] in (truth["align_candidates"] or [truth["candidate_align"]])
    if truth["condition_columns"]:
        assert summary.settings["recording"]["condition"] in truth["condition_columns"]
    else:
        assert "condition" not in summary.settings["recording"]
    assert {area.area: area.neurons for area in summary.areas} == truth["areas"]
    assert (summary.outcome, summary.success_value) == (truth["outcome_column"], truth["success_value"])
    times = {column.name for column in summary.columns if column.role == "event time"}
    assert times == set(truth["time_columns"])


@each_layout
def test_a_layout_is_fitted_with_what_is_proposed(path):
    truth_of(path)
    settings = parse_settings({**summarise(path).settings, **TINY})

    result = fit(open_recording(path, settings.recording), settings)

    assert result.metrics["iterations"] == 3
    assert np.isfinite(result.factors.trial_factor.values).all()


@pytest.mark.slow
def test_the_proposed_command_runs_as_printed(tmp_path):
    import shlex

    path = next((path for path in LAYOUTS if "[" in str(summarise(path).command)), None)
    truth_of(path)
    words = shlex.split(summarise(path).command)

    assert (
        main([*words[1:], "--iterations", "3", "--no-baselines", "--units", "8", "--out", str(tmp_path / "run")]) == 0
    )
    assert (tmp_path / "run" / "report.html").is_file()


@each_layout
def test_every_trial_with_an_event_is_in_the_recording(path):
    truth = truth_of(path)
    align = truth["candidate_align"]

    recording = open_recording(path, RecordingSettings(align=align, min_rate_hz=0))

    assert recording.n_trials == truth["n_trials"] - truth["align_missing_trials"]
    assert recording.n_neurons == truth["n_units"] - truth["units_with_zero_spikes"]
    start, events = _starts(path)[recording.trial_numbers], recording.event_times_s
    # on the session clock, and within the trial, whatever the clock and the place of the column
    assert (events >= start).all()
    assert np.median(events - start) < 5.0


def _starts(path):
    with h5py.File(path) as file:
        return file["intervals/trials/start_time"][()]
