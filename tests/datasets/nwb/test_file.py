"""Files that are not complete NWB sessions are refused with one clear message, without a word from HDF5."""

import contextlib
import dataclasses
import os
from datetime import UTC, datetime

import h5py
import numpy as np
import pynwb
import pytest

from ltr.datasets import open_recording, summarise
from ltr.datasets.nwb.file import attribute, open_nwb
from ltr.datasets.nwb.walk import walk
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


# -- what leads out of the file, in circles, or into more than memory holds


def with_something(path, place, make):
    write_nwb(path, units=True, trials=True)
    with h5py.File(path, "r+", libver="latest") as file:
        if place in file:
            del file[place]
        make(file)
    return path


def refusal(path, **settings):
    with pytest.raises(RecordingError) as caught:
        open_recording(path, RecordingSettings(**settings))
    return str(caught.value)


@pytest.fixture
def other(tmp_path):
    path = tmp_path / "other.nwb"
    write_nwb(path, units=True)
    return path


def test_a_link_to_another_file_is_followed_only_where_that_is_allowed(tmp_path, other):
    path = with_something(
        tmp_path / "session.nwb",
        "units",
        lambda file: file.__setitem__("units", h5py.ExternalLink("other.nwb", "/units")),
    )

    message = refusal(path)
    assert "'units' is a link to another file, other.nwb" in message
    assert "--external-links" in message

    settings = RecordingSettings(external_links=True, window=(0.0, 1.0), min_rate_hz=0.0)
    assert open_recording(path, settings).n_neurons == 1


def test_a_link_within_the_file_that_leads_through_another_is_refused(tmp_path, other):
    def make(file):
        file["out"] = h5py.ExternalLink("other.nwb", "/")
        file["units"] = h5py.SoftLink("/out/units")

    assert "is a link to another file" in refusal(with_something(tmp_path / "session.nwb", "units", make))


@pytest.mark.parametrize("allowed", [False, True])
def test_a_link_to_a_pipe_is_refused_and_never_waited_for(tmp_path, allowed):
    os.mkfifo(tmp_path / "pipe")
    path = with_something(
        tmp_path / "session.nwb", "units", lambda file: file.__setitem__("units", h5py.ExternalLink("pipe", "/"))
    )

    assert ("no ordinary file" if allowed else "another file") in refusal(path, external_links=allowed)


def test_values_that_lie_in_another_file_are_refused(tmp_path):
    (tmp_path / "values.raw").write_bytes(bytes(16))

    def make(file):
        storage = [(str(tmp_path / "values.raw"), 0, 16)]
        file.create_dataset("units/spike_times", shape=(2,), dtype="f8", external=storage)

    message = refusal(with_something(tmp_path / "session.nwb", "units/spike_times", make))
    assert "the values of '/units/spike_times' lie elsewhere" in message


@pytest.mark.parametrize("source", ["other.nwb", "."])
def test_virtual_datasets_are_refused_even_over_the_file_itself(tmp_path, other, source):
    def make(file):
        file["times"] = [1.1, 1.2]
        layout = h5py.VirtualLayout((2,), dtype="f8")
        layout[:] = h5py.VirtualSource(source, "times", shape=(2,))
        file.create_virtual_dataset("units/spike_times", layout)

    assert "is made of other datasets" in refusal(with_something(tmp_path / "session.nwb", "units/spike_times", make))


def test_a_dataset_that_is_made_of_itself_is_refused_even_where_links_are_allowed(tmp_path):
    def make(file):
        layout = h5py.VirtualLayout((2,), dtype="f8")
        layout[:] = h5py.VirtualSource(".", "units/spike_times", shape=(2,))
        file.create_virtual_dataset("units/spike_times", layout)

    path = with_something(tmp_path / "session.nwb", "units/spike_times", make)
    assert "is made of its own file" in refusal(path, external_links=True)


def test_links_in_a_circle_are_refused(tmp_path):
    def make(file):
        file["units"], file["a"] = h5py.SoftLink("/a"), h5py.SoftLink("/units")

    assert "leads in a circle" in refusal(with_something(tmp_path / "session.nwb", "units", make))


def test_links_that_double_with_every_step_are_refused_at_once(tmp_path):
    def make(file):
        file["step0"] = h5py.SoftLink(".")
        for number in range(1, 31):
            file[f"step{number}"] = h5py.SoftLink(f"step{number - 1}/step{number - 1}")
        file["units"] = h5py.SoftLink("/step30/units")

    assert "leads in a circle" in refusal(with_something(tmp_path / "session.nwb", "units", make))


def test_groups_that_hold_themselves_are_met_once(tmp_path):
    def make(file):
        inner = file.create_group("acquisition/inner")
        inner["outer"], inner["itself"] = file["acquisition"], inner

    path = with_something(tmp_path / "session.nwb", "acquisition/inner", make)
    with open_nwb(path) as file:
        places = [place for place, _ in walk(file)]
    assert [place for place in places if place.startswith("acquisition")] == ["acquisition", "acquisition/inner"]


def test_a_nominal_size_that_no_memory_holds_is_refused_and_said(tmp_path):
    def make(file):
        file.create_dataset("units/spike_times", shape=(10**12,), dtype="f8", chunks=(1000,))

    assert "takes 7629395 MB" in refusal(with_something(tmp_path / "session.nwb", "units/spike_times", make))


def test_chunks_that_no_memory_holds_are_refused_although_little_is_read(tmp_path):
    def make(file):
        times = file.create_dataset(
            "units/spike_times", shape=(2,), maxshape=(None,), dtype="f8", chunks=(2**28,), compression="gzip"
        )
        assert times.shape == (2,)

    message = refusal(with_something(tmp_path / "session.nwb", "units/spike_times", make))
    assert "is stored in chunks of 2048 MB" in message


def test_texts_that_are_too_long_to_be_labels_are_named_not_read(tmp_path):
    def make(file):
        file.create_dataset("intervals/trials/story", data=["x" * 10**6], dtype=h5py.string_dtype())
        file["intervals/trials"].attrs["colnames"] = ["start_time", "stop_time", "story"]

    summary = summarise(with_something(tmp_path / "session.nwb", "intervals/trials/story", make))
    story = next(column for column in summary.columns if column.name == "story")
    assert (story.dtype, story.why) == ("not usable", "it holds texts of more than 10000 characters")


@pytest.mark.parametrize("type_id", [h5py.h5t.UNIX_D32LE, h5py.h5t.NATIVE_B32], ids=["time", "bits"])
def test_types_that_numpy_lacks_leave_the_other_columns_readable(tmp_path, type_id):
    def make(file):
        space = h5py.h5s.create_simple((1,))
        h5py.h5d.create(file["intervals/trials"].id, b"odd", type_id, space)
        file["intervals/trials"].attrs["colnames"] = ["start_time", "stop_time", "odd"]

    summary = summarise(with_something(tmp_path / "session.nwb", "intervals/trials/odd", make))
    assert [column.name for column in summary.columns] == ["start_time", "stop_time", "odd"]


def test_attributes_of_a_type_that_numpy_lacks_are_as_good_as_none(tmp_path):
    def make(file):
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file["intervals/trials"].id, b"odd", h5py.h5t.UNIX_D32LE, space)

    path = with_something(tmp_path / "session.nwb", "intervals/nothing", make)
    with open_nwb(path) as file:
        assert attribute(file.group("intervals/trials"), "odd") is None


@pytest.mark.parametrize(
    "place",
    ["intervals/trials/start_time", "units/spike_times", "units/spike_times_index", "units/id"],
)
def test_no_value_or_a_single_one_in_place_of_a_column_is_no_column(tmp_path, place):
    for value in (h5py.Empty("f8"), 5.0):
        path = with_something(tmp_path / "session.nwb", place, lambda file, value=value: file.__setitem__(place, value))
        with contextlib.suppress(RecordingError):  # anything else is a traceback
            open_recording(path, RecordingSettings(window=(0.0, 1.0)))


def test_what_a_file_says_reaches_no_terminal_as_control_characters(tmp_path):
    def make(file):
        group = file.create_group("acquisition/bell\x1b[2J")
        group["timestamps"], group["data"] = np.arange(3.0), np.arange(3.0)
        file["intervals/trials"].create_dataset("side\x07\n", data=["\x1b[31mleft"], dtype=h5py.string_dtype())
        file["intervals/trials"].create_dataset(b"\xff", data=[1.0])
        file["intervals/trials"].attrs["colnames"] = ["start_time", "stop_time"]
        del file["intervals/trials"].attrs["colnames"]
        del file["session_description"]
        file["session_description"] = "a\x1b]0;title\x07b"

    summary = summarise(with_something(tmp_path / "session.nwb", "acquisition/none", make))
    told = repr(dataclasses.astuple(summary))
    assert "\\x" not in told
    assert "side" in [column.name.strip() for column in summary.columns]


# -- heaps


def test_a_hole_of_zeros_in_a_heap_is_damage_and_not_waited_for(tmp_path):
    path = tmp_path / "session.nwb"
    write_nwb(path, units=True, trials=True)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 4096] = bytes(4080)
    path.write_bytes(content)

    with pytest.raises(RecordingError, match=f"an entry of its heap at byte {heap} has no length"):
        summarise(path)
