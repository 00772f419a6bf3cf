"""The two entry points choose the reader by suffix and load nothing heavy before they are used."""

import subprocess
import sys

import numpy as np
import pytest

from ltr.datasets import open_recording, summarise
from ltr.datasets.array_files import write_array_file
from ltr.errors import RecordingError
from ltr.recording import Recording


@pytest.mark.parametrize("suffix", [".nc", ".npz", ".NPZ"])
def test_binned_files_are_opened_by_their_suffix(tmp_path, suffix):
    recording = Recording.from_arrays(np.ones((2, 3, 1), dtype=int), bin_edges=np.arange(4.0))
    write_array_file(recording, tmp_path / f"binned{suffix}")

    assert open_recording(str(tmp_path / f"binned{suffix}")).fingerprint() == recording.fingerprint()


def test_nwb_files_are_opened_with_default_settings(session_path):
    assert open_recording(session_path).activity.shape == (20, 75, 4)


@pytest.mark.parametrize("action", [open_recording, summarise])
def test_another_suffix_is_refused_with_the_three_that_are_known(action):
    with pytest.raises(RecordingError, match=r"suffix '\.mat'[\s\S]*\.nwb[\s\S]*\.nc[\s\S]*\.npz"):
        action("session.mat")


def test_importing_the_package_loads_no_heavy_library():
    code = (
        "import sys, ltr.datasets;"
        "print([name for name in ('numpy', 'xarray', 'h5py', 'pynwb', 'torch', 'pandas') if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


def test_inspecting_loads_nothing_that_only_a_fit_needs(session_path):
    code = (
        f"import sys, ltr.datasets; ltr.datasets.summarise({str(session_path)!r});"
        "names = ('torch', 'scipy', 'pandas', 'xarray', 'matplotlib', 'pynwb', 'requests');"
        "print([name for name in names if name in sys.modules])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
