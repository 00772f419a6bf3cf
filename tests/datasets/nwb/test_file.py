"""Files that are not complete NWB sessions are refused with one clear message, without a word from HDF5."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
import pytest

from ltr.datasets import open_recording
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings


def write_nwb(path, *, units=False, trials=False):
    nwbfile = pynwb.NWBFile("text", "identifier", datetime(2024, 1, 1, tzinfo=UTC))
    if units:
        nwbfile.add_unit(spike_times=[1.1, 1.2])
    if trials:
        nwbfile.add_trial(start_time=1.0, stop_time=2.0)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)


def text_file(path):
    path.write_text("trial,spikes\n1,2\n")


def empty_file(path):
    path.touch()


def other_hdf5(path):
    with h5py.File(path, "w") as file:
        file["spikes"] = np.arange(10)


def old_nwb(path):
    with h5py.File(path, "w") as file:
        file["nwb_version"] = "NWB-1.0.6"


def truncated(path):
    write_nwb(path, units=True, trials=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def scrambled(path):
    write_nwb(path, units=True, trials=True)
    content = bytearray(path.read_bytes())
    content[2000:60000] = bytes(58000)
    path.write_bytes(content)


def without_units(path):
    write_nwb(path, trials=True)


def without_trials(path):
    write_nwb(path, units=True)


def units_without_spikes(path):
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+") as file:
        del file["units/spike_times"], file["units/spike_times_index"]


def index_beyond_spikes(path):
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+") as file:
        file["units/spike_times_index"][0] = 99


def uneven_trials(path):
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/stop_time"]
        file["intervals/trials/stop_time"] = np.arange(3.0)


def text_times(path):
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/start_time"]
        file["intervals/trials/start_time"] = ["1.0"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (text_file, "is not an HDF5 file"),
        (empty_file, "is not an HDF5 file"),
        (other_hdf5, "is an HDF5 file, but not an NWB file"),
        (old_nwb, "is in NWB version NWB-1.0.6"),
        (truncated, "cannot be read: it is truncated"),
        (scrambled, "cannot be read: it is damaged"),
        (without_units, "the file has no units table"),
        (without_trials, "the file has no trials table"),
        (units_without_spikes, "the units table has no spike times"),
        (index_beyond_spikes, "'units/spike_times_index' does not fit its column"),
        (uneven_trials, "its column 'stop_time' holds 3 values"),
        (text_times, "column 'start_time' holds text, not times"),
    ],
)
def test_files_that_cannot_be_used_are_refused_with_the_reason(tmp_path, capfd, make, message):
    path = tmp_path / "session.nwb"
    make(path)

    with pytest.raises(RecordingError) as caught:
        open_recording(path, RecordingSettings())

    assert message in str(caught.value)
    assert "allowed:" in str(caught.value)
    assert "fix:" in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_missing_file_suggests_its_neighbours(tmp_path):
    write_nwb(tmp_path / "session_1.nwb")

    with pytest.raises(RecordingError, match=r"there is no file .*\n.*\n.*did you mean 'session_1.nwb'"):
        open_recording(tmp_path / "sesion_1.nwb")


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "session.nwb").mkdir()

    with pytest.raises(RecordingError, match="is a folder"):
        open_recording(tmp_path / "session.nwb")


def test_a_broken_link_inside_the_file_is_damage(tmp_path):
    path = tmp_path / "session.nwb"
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+") as file:
        del file["units"]
        file["units"] = h5py.ExternalLink("gone.nwb", "/units")

    with pytest.raises(RecordingError):
        open_recording(path)
