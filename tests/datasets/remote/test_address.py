"""Addresses are told from paths, named and shown, before any library of the network is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ltr.datasets.remote import file_name, is_remote, open_remote
from ltr.datasets.remote.address import shown
from ltr.errors import RecordingError, SettingsError


@pytest.mark.parametrize(
    "source", ["https://host/a.nwb", "http://host/a.nwb", "dandi://000688/a.nwb", "HTTPS://host/a"]
)
def test_addresses_are_remote(source):
    assert is_remote(source)


@pytest.mark.parametrize(
    "source", ["a.nwb", "/data/a.nwb", "C:\\data\\a.nwb", "https.nwb", "file:///a.nwb", "ftp://a", ""]
)
def test_paths_and_other_schemes_are_not(source):
    assert not is_remote(source)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://host/folder/a.nwb", "a.nwb"),
        ("https://host/folder/a.nwb?X-Signature=abc/def.txt#top", "a.nwb"),
        ("https://host/day%201.nwb", "day 1.nwb"),
        ("https://host/folder%2Fa.nwb", "a.nwb"),
        ("https://host/folder/", "folder"),
        ("https://host/a/%2E%2E", "host"),
        ("https://me:secret@host:8000", "host"),
        ("dandi://000688@0.240122.1735/sub-C/sub-C_ses-1.nwb", "sub-C_ses-1.nwb"),
        ("dandi://000688/sub-C/what?.nwb", "what?.nwb"),
    ],
)
def test_the_name_of_a_file_is_the_last_part_of_its_path(source, name):
    assert file_name(source) == name


def test_passwords_and_signatures_are_not_shown():
    assert shown("https://me:secret@host:8000/a.nwb?X-Signature=secret#secret") == "https://host:8000/a.nwb"


def test_importing_the_package_loads_no_library():
    code = (
        "import sys; from ltr.datasets.remote import file_name, is_remote; file_name('https://host/a') if "
        "is_remote('https://host/a') else 1 / 0;"
        "print([name for name in ('requests', 'urllib3', 'platformdirs', 'h5py', 'numpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("library", ["requests", "platformdirs"])
def test_a_missing_library_names_the_extra(library, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("ltr.datasets.remote.")]:
        if name.rpartition(".")[2] not in ("address", "patience"):
            monkeypatch.delitem(sys.modules, name)

    class Missing:
        def find_spec(self, name, *_):
            if name == library:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.delitem(sys.modules, library, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])

    with (
        pytest.raises(RecordingError, match=rf"library '{library}'[\s\S]*pip install 'ltr-rnn\[remote\]'") as caught,
        open_remote("https://me:secret@host/a.nwb?signature=secret"),
    ):
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("cache_mb", [-1.0, float("nan"), float("inf")])
def test_a_cache_of_no_size_is_refused(cache_mb):
    with (
        pytest.raises(SettingsError, match=r"cache_mb = .*[\s\S]*0 for no cache"),
        open_remote("https://h/a", cache_mb=cache_mb),
    ):
        pass
