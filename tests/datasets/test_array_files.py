"""What is written to .nc and .npz is read back exactly, and files that do not fit are refused."""

import io
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr

from ltr.datasets.array_files import read_array_file, write_array_file
from ltr.errors import LtrError, RecordingError
from ltr.recording import Recording

SUFFIXES = (".nc", ".npz")


def make_recording(dtype, **changes):
    generator = np.random.default_rng(0)
    activity = generator.integers(0, 9, (6, 4, 3)).astype(dtype)
    settings = {
        "bin_edges": np.linspace(-0.1, 0.3, 5),
        "trial_numbers": [0, 1, 4, 5, 9, 12],
        "conditions": ["links", "rechts→", "links", "rechts→", "links", "漢字"],
        "epochs": ["baseline"] * 3 + ["lernen ü"] * 3,
        "neuron_ids": ["a", "b", "unit µ"],
        "areas": ["M1", "", "PMd"],
        "go_time": [0.0, 0.05, np.nan, 0.1, 0.0, 0.0],
        "known_input": generator.normal(size=(3, 4, 2)),
        "source": "file.nwb",
        "align": "cue_time",
        "description": "two lines\n<b>ü</b>",
        "notes": ["first note", "second note"],
    }
    return Recording.from_arrays(activity, **{**settings, **changes})


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64", "uint32", "float32", "float64"])
def test_a_recording_survives_write_and_read_exactly(tmp_path, suffix, dtype):
    recording = make_recording(dtype)

    write_array_file(recording, tmp_path / f"recording{suffix}")
    again = read_array_file(tmp_path / f"recording{suffix}")

    assert again.dataset.identical(recording.dataset)
    assert again.activity.dtype == np.dtype(dtype)
    assert again.fingerprint() == recording.fingerprint()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_event_times_survive_write_and_read_exactly(tmp_path, suffix):
    recording = make_recording("int32", event_times_s=[1.25, 3.0, np.nan, 7.1, 9.0, 1e5 + 1 / 3])

    write_array_file(recording, tmp_path / f"recording{suffix}")
    again = read_array_file(tmp_path / f"recording{suffix}")

    assert again.dataset.identical(recording.dataset)
    np.testing.assert_array_equal(again.event_times_s, recording.event_times_s)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_unobserved_entries_survive_as_nan(tmp_path, suffix):
    activity = np.ones((3, 4, 2))
    activity[1, 2, 0] = np.nan
    recording = Recording.from_arrays(activity, bin_edges=np.arange(5.0))

    write_array_file(recording, tmp_path / f"recording{suffix}")
    again = read_array_file(tmp_path / f"recording{suffix}")

    assert np.isnan(again.activity[1, 2, 0])
    assert int((~again.observed).sum()) == 1


def save(path, arrays):
    """The named arrays in either format, as a user would save them."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return
    dimensions = {
        "activity": ("trial", "time", "neuron"),
        "observed": ("a", "b", "c"),
        "bin_edge": ("edge",),
        "bin_edges": ("edge",),
        "trial": ("trial",),
        "condition": ("trial",),
        "neuron": ("neuron",),
        "go_time": ("cue",),
    }
    variables = {
        name: (dimensions.get(name, tuple("uvwxyz"))[: array.ndim], array)
        for name, array in ((name, np.asarray(values)) for name, values in arrays.items())
    }
    xr.Dataset(variables).to_netcdf(path, engine="h5netcdf")


ACTIVITY = np.ones((3, 4, 2), dtype=np.int32)
EDGES = np.linspace(0, 0.4, 5)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("edges_name", ["bin_edge", "bin_edges"])
def test_activity_and_edges_are_enough(tmp_path, suffix, edges_name):
    save(tmp_path / f"plain{suffix}", {"activity": ACTIVITY, edges_name: EDGES})

    recording = read_array_file(tmp_path / f"plain{suffix}")

    assert recording.kind == "counts"
    assert recording.conditions == ["all"]
    assert recording.trial_numbers.tolist() == [0, 1, 2]
    assert recording.dataset.attrs["source"] == f"plain{suffix}"


def test_dimensions_of_netcdf_may_come_in_any_order(tmp_path):
    activity = np.arange(24).reshape(3, 4, 2)
    variables = {"activity": (("neuron", "trial", "time"), activity.transpose(2, 0, 1)), "bin_edge": ("edge", EDGES)}
    xr.Dataset(variables).to_netcdf(tmp_path / "turned.nc", engine="h5netcdf")

    np.testing.assert_array_equal(read_array_file(tmp_path / "turned.nc").activity, activity)


def test_a_unit_of_seconds_does_not_turn_edges_into_dates(tmp_path):
    variables = {
        "activity": (("trial", "time", "neuron"), ACTIVITY),
        "bin_edge": ("edge", EDGES, {"units": "seconds"}),
    }
    xr.Dataset(variables).to_netcdf(tmp_path / "seconds.nc", engine="h5netcdf")

    np.testing.assert_array_equal(read_array_file(tmp_path / "seconds.nc").dataset.bin_edge, EDGES)


def test_text_as_bytes_is_decoded(tmp_path):
    labels = np.array([text.encode() for text in ("ä", "b", "ä")])
    save(tmp_path / "bytes.npz", {"activity": ACTIVITY, "bin_edge": EDGES, "condition": labels})

    assert read_array_file(tmp_path / "bytes.npz").conditions == ["b", "ä"]


RATES = np.ones((3, 4, 2))
WITH_NAN = RATES.copy()
WITH_NAN[0, 1, 1] = np.nan
WITH_INFINITY = RATES.copy()
WITH_INFINITY[2, 0, 0] = np.inf
INPUT = np.ones((1, 4, 2))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"bin_edge": EDGES}, "there is no array 'activity'"),
        ({"activity": ACTIVITY}, "there is no array 'bin_edge'"),
        ({"activty": ACTIVITY, "bin_edge": EDGES}, "did you mean 'activty'"),
        ({"activity": ACTIVITY[0], "bin_edge": EDGES}, "activity has 2 dimension"),
        ({"activity": ACTIVITY, "bin_edge": EDGES[:-1]}, "bin_edges has shape (4,) for 4 bins"),
        ({"activity": ACTIVITY, "bin_edge": [0, 1, 2, 3, 9.0]}, "bins differ in width"),
        ({"activity": WITH_INFINITY, "bin_edge": EDGES, "observed": RATES > 0}, "1 NaN or infinite entries"),
        ({"activity": WITH_NAN, "bin_edge": EDGES, "observed": RATES > 0}, "trial 0, bin 1, neuron 1"),
        ({"activity": -ACTIVITY, "bin_edge": EDGES}, "counts are negative"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "observed": np.ones((3, 4, 1), bool)}, "'observed' has shape"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "observed": RATES}, "'observed' holds float64"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "go_time": np.zeros(2)}, "'go_time' has shape (2,)"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "event_time": np.zeros(2)}, "'event_time' has shape (2,)"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "event_time": np.array(list("abc"))}, "'event_time' holds <U1"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "event_time": np.array([0, np.inf, 0])}, "event_time is infinite"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "known_input": np.zeros((2, 4, 1))}, "'known_input' has shape"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "go_time": np.array([0, np.inf, 0])}, "go_time is infinite"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "known_input": INPUT * np.nan}, "known_input holds NaN"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "known_input": INPUT * np.inf}, "known_input holds NaN or inf"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "known_input": INPUT[..., :0]}, "known_input has shape (1, 4, 0)"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "trial": np.array([0, 2, 2])}, "strictly increasing"),
        ({"activity": ACTIVITY, "bin_edge": EDGES, "neuron": np.array([7, 7])}, "two neurons have the same id"),
    ],
)
def test_content_that_does_not_fit_is_explained(tmp_path, suffix, arrays, message):
    path = tmp_path / f"bad{suffix}"
    save(path, arrays)

    with pytest.raises(RecordingError) as caught:
        read_array_file(path)

    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_labels_of_the_wrong_length_are_explained(tmp_path):
    save(tmp_path / "bad.npz", {"activity": ACTIVITY, "bin_edge": EDGES, "condition": np.array(["a", "b"])})

    with pytest.raises(RecordingError, match=r"conditions has shape \(2,\)"):
        read_array_file(tmp_path / "bad.npz")


def test_pickled_objects_are_refused_and_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    np.savez(tmp_path / "trap.npz", activity=ACTIVITY, bin_edge=EDGES, condition=np.array([Trap()] * 3, dtype=object))

    with pytest.raises(RecordingError, match="pickled Python objects"):
        read_array_file(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def text_content(path, _good):
    path.write_text("trial,time\n")


def empty_content(path, _good):
    path.write_bytes(b"")


def truncated_content(path, good):
    path.write_bytes(good[: len(good) // 2])


def scrambled_content(path, good):
    path.write_bytes(good[:200] + bytes(len(good) - 300) + good[-100:])


def single_array(path, _good):
    with path.open("wb") as stream:
        np.save(stream, ACTIVITY)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("spoil", [text_content, empty_content, truncated_content, scrambled_content, single_array])
def test_files_that_cannot_be_read_are_refused(tmp_path, suffix, spoil):
    path = tmp_path / f"recording{suffix}"
    write_array_file(make_recording("int32"), path)
    spoil(path, path.read_bytes())

    with pytest.raises(RecordingError) as caught:
        read_array_file(path)

    assert str(path) in str(caught.value)
    assert "fix:" in str(caught.value)


def test_an_hdf5_file_without_our_arrays_says_what_it_lacks(tmp_path):
    xr.Dataset({"x": ("t", np.ones(2))}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")

    with pytest.raises(RecordingError, match=r"no array 'activity'[\s\S]*the file has: (t, )?x"):
        read_array_file(tmp_path / "other.nc")


def test_a_missing_file_suggests_its_neighbours(tmp_path):
    write_array_file(make_recording("int32"), tmp_path / "recording.nc")

    with pytest.raises(RecordingError, match=r"did you mean 'recording\.nc'"):
        read_array_file(tmp_path / "recoding.nc")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_stays_whole_when_writing_fails(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"recording{suffix}"
    write_array_file(make_recording("int32"), path)
    before = path.read_bytes()

    def full_disk(self, _target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(LtrError, match="No space left on device"):
        write_array_file(make_recording("float64"), path)

    assert path.read_bytes() == before


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"suffix '\.mat'"):
        write_array_file(make_recording("int32"), tmp_path / "recording.mat")


def header_only(path, shape, dtype="<f8"):
    """An archive whose array is there by name and size only."""
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("activity.npy", header.getvalue())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**12, 1, 1), "1000000000000 entries along one dimension"),
        ((10**4, 10**4, 10**4), "'activity' in .* takes 7629395 MB"),
    ],
)
def test_nominal_sizes_are_refused_before_room_is_made(tmp_path, shape, message):
    header_only(tmp_path / "huge.npz", shape)
    with h5py.File(tmp_path / "huge.nc", "w") as file:
        file.create_dataset("activity", shape=shape, dtype="f8", chunks=tuple(min(size, 100) for size in shape))

    for suffix in SUFFIXES:
        with pytest.raises(RecordingError, match=message):
            read_array_file(tmp_path / f"huge{suffix}")


def test_links_to_other_files_are_not_followed(tmp_path):
    write_array_file(make_recording("int32"), tmp_path / "other.nc")
    with h5py.File(tmp_path / "linked.nc", "w") as file:
        file["activity"] = h5py.ExternalLink("other.nc", "/activity")

    with pytest.raises(RecordingError, match=r"'activity' is a link to another file, other\.nc"):
        read_array_file(tmp_path / "linked.nc")


def test_a_hole_of_zeros_in_a_heap_is_damage_and_not_waited_for(tmp_path):
    path = tmp_path / "recording.nc"
    write_array_file(make_recording("int32"), path)
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 4096] = bytes(4080)
    path.write_bytes(content)

    with pytest.raises(RecordingError, match="an entry of its heap at byte"):
        read_array_file(path)


def test_texts_come_without_control_characters(tmp_path):
    labels = np.array(["\x1b[31mred", "b\x07", "c"])
    save(
        tmp_path / "odd.npz",
        {"activity": ACTIVITY, "bin_edge": EDGES, "condition": labels, "description": np.array("\x1b]0;title\x07")},
    )

    recording = read_array_file(tmp_path / "odd.npz")
    assert recording.conditions == ["[31mred", "b", "c"]
    assert recording.dataset.attrs["description"] == "]0;title"


def test_arrays_without_named_dimensions_are_read_without_a_word(tmp_path):
    with h5py.File(tmp_path / "plain.nc", "w") as file:
        file["activity"], file["bin_edge"] = ACTIVITY, EDGES

    assert read_array_file(tmp_path / "plain.nc").n_trials == 3


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("condition", np.zeros(3, dtype=[("a", "f8")]), "'condition' holds"),
        ("trial", np.arange(3.0), "'trial' holds float64"),
        ("bin_edge", EDGES.astype(np.longdouble), "'bin_edge' holds float128"),
        ("bin_edge", np.array([-np.inf, -np.inf, 0, 1, 2]), "bin edges must increase"),
    ],
    ids=["compound", "float numbers", "wide", "infinite"],
)
def test_arrays_of_odd_types_are_refused(tmp_path, name, values, message):
    save(tmp_path / "odd.npz", {"activity": ACTIVITY, "bin_edge": EDGES, name: values})

    with pytest.raises(RecordingError, match=message):
        read_array_file(tmp_path / "odd.npz")
