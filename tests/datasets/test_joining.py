"""Sessions of the same neurons become one recording; others are refused with what to do."""

import h5py
import numpy as np
import pytest

from ltr.datasets import open_recording
from ltr.datasets.array_files import write_array_file
from ltr.errors import RecordingError
from ltr.recording import Recording
from ltr.settings import RecordingSettings
from tests.datasets.nwb.sessions import new_session, save


def day(path, ids, starts, area=None):
    nwbfile = new_session()
    shift = 0.21 * (int(path.stem[-1]) - 1)  # on the second day, all fire one bin later
    nwbfile.add_trial_column("go", "go cue")
    if area:
        nwbfile.add_unit_column("area", "area")
    for start in starts:
        nwbfile.add_trial(start_time=start, stop_time=start + 1.0, go=np.nan if start == 3.0 else start + 0.5)
    for unit in ids:
        # as many spikes in each window as the id says
        spikes = np.sort(np.concatenate([start + 0.5 + shift + 0.01 * np.arange(unit) for start in starts]))
        nwbfile.add_unit(id=unit, spike_times=spikes, **({"area": area} if area else {}))
    return save(nwbfile, path)


SETTINGS = RecordingSettings(align="go", window=(0.0, 0.4), bin_ms=200)


def test_trials_follow_each_other_and_neurons_are_matched_by_id(tmp_path):
    first = day(tmp_path / "day1.nwb", [1, 2, 5], [1.0, 3.0, 5.0])
    second = day(tmp_path / "day2.nwb", [5, 1, 2], [1.0, 2.0])

    recording = open_recording([first, second], SETTINGS)

    assert recording.trial_numbers.tolist() == [0, 2, 3, 4]  # rows over both tables, one without go cue
    assert recording.dataset.neuron.values.tolist() == ["1", "2", "5"]
    assert (recording.activity.sum(axis=1) == [1, 2, 5]).all()
    assert recording.epochs == ["day1", "day2"]
    assert recording.event_times_s.tolist() == [1.5, 5.5, 1.5, 2.5]
    assert "day1: 1 of 3 trials left out: no value in the align column 'go'." in recording.notes
    assert "matched by id" in recording.notes[-1]


def test_ranges_of_epochs_count_over_all_files(tmp_path):
    paths = [day(tmp_path / f"day{number}.nwb", [1, 2], [1.0, 2.0, 4.0]) for number in (1, 2)]

    recording = open_recording(paths, SETTINGS.model_copy(update={"epochs": ("a:0-3", "b:4-5")}))

    assert recording.dataset.epoch.values.tolist() == ["a", "a", "a", "a", "b", "b"]


def test_a_neuron_that_is_silent_on_one_day_stays(tmp_path):
    paths = [day(tmp_path / f"day{number}.nwb", [1, 2], [1.0, 2.0]) for number in (1, 2)]
    with h5py.File(paths[1], "r+") as file:
        file["units/spike_times"][:2] = 0.0  # both spikes of unit 1: far from any window

    recording = open_recording(paths, SETTINGS)

    assert recording.activity.sum(axis=(0, 1)).tolist() == [2, 8]
    assert recording.activity[2:, :, 0].sum() == 0


@pytest.mark.parametrize(
    ("ids", "area", "message"),
    [
        ([1, 2], None, r"different neurons \(3 and 2, 2 ids in both\)"),
        ([7, 8, 9], None, "fit each file by itself"),
        ([1, 2, 5], "M1", "neuron 1 is in '' in one, in 'M1' in the other"),
    ],
)
def test_files_with_other_neurons_are_refused(tmp_path, ids, area, message):
    first = day(tmp_path / "day1.nwb", [1, 2, 5], [1.0, 3.0])
    second = day(tmp_path / "day2.nwb", ids, [1.0, 2.0], area=area)

    with pytest.raises(RecordingError, match=message):
        open_recording([first, second], SETTINGS)


def test_neurons_in_both_can_be_chosen(tmp_path):
    first = day(tmp_path / "day1.nwb", [1, 2, 5], [1.0, 2.0])
    second = day(tmp_path / "day2.nwb", [1, 2], [1.0, 2.0])

    recording = open_recording([first, second], SETTINGS.model_copy(update={"neurons": "id in [1, 2]"}))

    assert recording.activity.shape == (4, 2, 2)


def binned(path, **labels):
    counts = np.full((3, 4, 2), 1 + sum(map(ord, str(path))) % 7)  # different in each file
    recording = Recording.from_arrays(counts, bin_edges=np.arange(5) * 0.1, trial_numbers=[0, 2, 5], **labels)
    write_array_file(recording, path)
    return path


def test_binned_files_are_joined_too_and_numbers_go_on(tmp_path):
    paths = [binned(tmp_path / "a.npz", epochs=["x", "x", "y"]), binned(tmp_path / "b.nc", epochs=["y", "z", "z"])]

    recording = open_recording(paths)

    assert recording.trial_numbers.tolist() == [0, 2, 5, 6, 8, 11]
    assert recording.dataset.epoch.values.tolist() == ["x", "x", "y", "y", "z", "z"]


def test_files_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    recording = open_recording([binned(tmp_path / "1" / "s.npz"), binned(tmp_path / "2" / "s.npz")])

    assert recording.epochs == ["s (1)", "s (2)"]


def test_the_same_recording_twice_is_refused(tmp_path):
    path = binned(tmp_path / "a.npz")
    (tmp_path / "copy.npz").write_bytes(path.read_bytes())

    with pytest.raises(RecordingError, match="a and copy hold the same activity"):
        open_recording([path, tmp_path / "copy.npz"])


def test_settings_that_binned_files_do_not_use_are_noted(tmp_path):
    recording = open_recording(binned(tmp_path / "a.npz"), RecordingSettings(align="go", areas=["M1"]))

    assert "Not used, since a.npz is already binned: align, areas." in recording.notes


def test_files_with_other_bins_are_refused(tmp_path):
    counts = np.ones((2, 3, 2), int)
    write_array_file(Recording.from_arrays(counts, bin_edges=np.arange(4) * 0.1), tmp_path / "other.npz")

    with pytest.raises(RecordingError, match="their bins differ"):
        open_recording([binned(tmp_path / "a.npz"), tmp_path / "other.npz"])


def test_no_source_is_an_error():
    with pytest.raises(RecordingError, match="no recording was given"):
        open_recording([])


def test_bins_of_numbers_would_differ_between_files(tmp_path):
    paths = [day(tmp_path / f"day{number}.nwb", [1, 2], [1.0, 2.0, 4.0]) for number in (1, 2)]

    with pytest.raises(RecordingError, match="into other bins in each of the 2 files"):
        open_recording(paths, SETTINGS.model_copy(update={"condition": ("start_time",), "condition_bins": 2}))


def test_a_range_beyond_the_last_trial_is_refused(tmp_path):
    paths = [day(tmp_path / f"day{number}.nwb", [1, 2], [1.0, 2.0, 4.0]) for number in (1, 2)]

    with pytest.raises(RecordingError, match="no trial in b:6-9"):
        open_recording(paths, SETTINGS.model_copy(update={"epochs": ("a:0-5", "b:6-9")}))


def test_an_error_names_the_file_that_it_is_about(tmp_path):
    paths = [day(tmp_path / f"day{number}.nwb", [1, 2], [1.0, 2.0, 4.0]) for number in (1, 2)]

    with pytest.raises(RecordingError, match=r"day2\.nwb: no trial is left"):
        open_recording(paths, SETTINGS.model_copy(update={"epochs": ("a:0-2",)}))
