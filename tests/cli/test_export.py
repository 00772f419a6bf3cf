"""``ltr export`` puts a result into a copy of its session, says where and what, and refuses what does not belong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ltr as package
from ltr.datasets.nwb.read_export import read_export
from tests.nwb_runs import fit_session, write_small_session


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run and its session."""
    folder = tmp_path_factory.mktemp("fitted")
    session = write_small_session(folder / "session.nwb")
    return fit_session(session, folder / "run"), session


def test_it_says_where_the_file_is_and_what_was_added(ltr: Callable, fitted: tuple[Path, Path]) -> None:
    run, session = fitted
    answer = ltr("export", run, "--nwb", session, "--out", "out.nwb")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "wrote out.nwb, processing module 'ltr':"
    assert "  predicted_rate  260 samples x 6, Hz" in lines
    assert any(line.startswith("  trials          13 rows: trial, event_time") for line in lines)
    factors = package.load(run).factors
    np.testing.assert_array_equal(read_export("out.nwb").dataset.trial_factor, factors.trial_factor)


def test_without_out_the_copy_lies_beside_the_session(ltr: Callable, fitted: tuple[Path, Path]) -> None:
    run, session = fitted
    assert f"wrote {session.parent / 'session-ltr.nwb'}" in ltr("export", run, "--nwb", session).out
    assert "trial_factor" in read_export(session.parent / "session-ltr.nwb").dataset
    answer = ltr("export", run, "--nwb", session)
    assert (answer.code, answer.out) == (2, "")
    assert "--overwrite" in answer.err
    assert ltr("export", run, "--nwb", session, "--overwrite").code == 0


def test_in_place_adds_to_the_session(ltr: Callable, fitted: tuple[Path, Path]) -> None:
    run, session = fitted
    Path("mine.nwb").write_bytes(session.read_bytes())
    answer = ltr("export", run, "--nwb", "mine.nwb", "--in-place")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("added to ")
    assert [path.name for path in Path().iterdir()] == ["mine.nwb"]
    assert "trial_factor" in read_export("mine.nwb").dataset


def test_wrong_use_is_explained(ltr: Callable, fitted: tuple[Path, Path]) -> None:
    run, session = fitted
    write_small_session(Path("other.nwb"), seed=1)
    for arguments, message in (
        ((run, "--nwb", "other.nwb"), "is not the session"),
        ((run, "--nwb", "none.nwb"), "there is no file none.nwb"),
        (("nowhere", "--nwb", session, "--out", "x.nwb"), "is not the folder of a run"),
        ((run,), "Missing option '--nwb'"),
    ):
        answer = ltr("export", *arguments)
        assert answer.code == 2
        assert message in " ".join(answer.err.split())
    assert [path.name for path in Path().iterdir()] == ["other.nwb"]


def test_loading_the_command_loads_no_pynwb() -> None:
    code = "import sys, ltr.cli.commands.export; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pynwb", "h5py", "torch"} & set(done.stdout.split())
