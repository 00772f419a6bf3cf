"""Real and realistic files: a rat recording counted independently, and layouts of public data sets."""

import json

import h5py
import numpy as np
import pytest

from ltr.datasets import open_recording, summarise
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings


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
    assert summary.command == f"ltr fit {rat_path} --align press1_time --condition interval_bin"


def test_every_layout_gives_a_summary(layouts_folder):
    for path in sorted(layouts_folder.glob("*.nwb")):
        truth = json.loads(path.with_suffix(".json").read_text())
        summary = summarise(path)
        assert summary.trials == truth["n_trials"]
        assert summary.neurons in (truth["n_units"], 0)  # 0 where units lie outside the units table
        assert {column.name for column in summary.columns} >= set(truth["time_columns"])


def test_every_layout_gives_a_recording_or_one_clear_error(layouts_folder):
    for path in sorted(layouts_folder.glob("*.nwb")):
        truth = json.loads(path.with_suffix(".json").read_text())
        align = truth["candidate_align"]
        settings = RecordingSettings(align=align, min_rate_hz=0)
        # what this reader does not know: units elsewhere, events outside the trials table, times from trial start
        if (
            truth["units_path"] != "/units"
            or truth["align_source"] not in ("trials column", "trial start")
            or align in truth["relative_time_columns"]
        ):
            with pytest.raises(RecordingError, match="fix:"):
                open_recording(path, settings)
        else:
            assert open_recording(path, settings).n_trials == truth["n_trials"] - truth["align_missing_trials"], path


@pytest.mark.parametrize("name", ["000128_type1", "000688_type1"])
def test_areas_of_layouts_that_link_units_to_electrodes(layouts_folder, name):
    path = layouts_folder / f"{name}.nwb"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    truth = json.loads(path.with_suffix(".json").read_text())

    assert {area.area: area.neurons for area in summarise(path).areas} == truth["areas"]
