"""Sessions are read from an address as from a file: the same recording and summary, and no more than is needed."""

import dataclasses

import h5py
import numpy as np
import pytest

from ltr.cli.main import main
from ltr.datasets import open_recording, summarise
from ltr.errors import RecordingError
from ltr.settings import RecordingSettings

SETTINGS = RecordingSettings(align="cue_time", window=(-0.4, 1.0), bin_ms=50)


@pytest.fixture
def address(server, session_path, cache_folder):
    return server.add("/data/session.nwb", session_path.read_bytes())


def test_a_recording_is_the_same_as_from_disk(address, session_path):
    remote, local = open_recording(address, SETTINGS), open_recording(session_path, SETTINGS)

    assert remote.fingerprint() == local.fingerprint()
    assert remote.dataset.attrs["source"] == "session.nwb"


def test_a_summary_is_the_same_but_for_the_address(address, session_path):
    remote, local = summarise(address), summarise(session_path)

    assert address in remote.command
    same = dict.fromkeys(("path", "command"), "")
    assert dataclasses.replace(remote, **same) == dataclasses.replace(local, **same)


def test_what_is_not_needed_is_not_read(server, session_path, cache_folder, tmp_path):
    with h5py.File(tmp_path / "large.nwb", "w") as large, h5py.File(session_path) as small:
        for name in small:
            small.copy(name, large)
        large.attrs.update(small.attrs)
        waveforms = np.random.default_rng(0).integers(-99, 99, (2_000_000, 10), dtype=np.int16)
        large.create_dataset("units/waveforms", data=waveforms)
    content = (tmp_path / "large.nwb").read_bytes()

    summarise(server.add("/large.nwb", content))

    assert len(content) > 40_000_000
    assert 0 < server.sent < len(content) / 10


def test_the_command_inspects_an_address(address, capsys):
    assert main(["inspect", address]) == 0

    assert f"ltr fit {address} --align cue_time" in capsys.readouterr().out


def test_a_file_that_is_no_nwb_is_refused_as_one_on_disk_is(server, cache_folder):
    with pytest.raises(RecordingError, match="is not an HDF5 file"):
        summarise(server.add("/page.nwb", b"<html>log in</html>" * 100))


def test_binned_files_are_not_streamed(server):
    with pytest.raises(RecordingError, match=r"remote \.npz file.*\n.*\n.*download the file first"):
        open_recording(server.add("/binned.npz", b""))
