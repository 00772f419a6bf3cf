"""Exit codes and messages: whose fault it is, in one line or in the form given/allowed/fix, never a traceback."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ltr.cli.exit_codes import Interrupted, exit_code
from ltr.errors import DeviceError, DivergenceError, LtrError, NetworkError, RecordingError, RunError, SettingsError


def disk_full(number: int) -> RunError:
    error = RunError("cannot write runs/x/metrics.json.")
    error.__cause__ = OSError(number, os.strerror(number))
    return error


CODES = [
    (SettingsError("x"), 2),
    (RecordingError("x"), 2),
    (RunError("x"), 2),
    (DeviceError("x"), 2),
    (LtrError("x"), 2),
    (DivergenceError("x"), 1),
    (NetworkError("x"), 1),
    (disk_full(errno.ENOSPC), 1),
    (disk_full(errno.EFBIG), 1),
    (disk_full(errno.EACCES), 2),
    (OSError(errno.ENOSPC, "No space left on device"), 1),
    (MemoryError(), 1),
    (ValueError("boom"), 1),
    (Interrupted("x"), 130),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_code_of_an_error(error: Exception, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_an_error_inside_a_command_is_a_message_on_standard_error(
    ltr: Callable, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int
) -> None:
    def fail(_path: Path, settings: object) -> None:
        raise error

    monkeypatch.setattr("ltr.datasets.summarise", fail)
    answer = ltr("inspect", "session.nwb")
    assert (answer.code, answer.out) == (code, "")
    assert answer.err.startswith("ltr: ")
    assert "Traceback" not in answer.err


def test_an_unforeseen_error_is_one_line_that_names_debug(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path, settings: object) -> None:
        raise ValueError("two\nlines")

    monkeypatch.setattr("ltr.datasets.summarise", fail)
    expected = "ltr: unexpected ValueError: two lines (run again with --debug to see the traceback)\n"
    assert ltr("inspect", "session.nwb").err == expected
    assert "Traceback" in ltr("inspect", "session.nwb", "--debug").err


def test_ctrl_c_stops_any_command_with_130(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_path: Path, settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ltr.datasets.summarise", stop)
    answer = ltr("inspect", "session.nwb")
    assert (answer.code, answer.err) == (130, "ltr: stopped.\n")


def test_sigterm_stops_any_command_with_130(ltr: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminate(_path: Path, settings: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        pytest.fail("the signal was not heard")

    handler = signal.getsignal(signal.SIGTERM)
    # where the test fails, it is not to end the run
    signal.signal(signal.SIGTERM, lambda *_: None)
    monkeypatch.setattr("ltr.datasets.summarise", terminate)
    try:
        answer = ltr("inspect", "session.nwb")
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert (answer.code, answer.err) == (130, "ltr: stopped.\n")


WRONG_USE = {
    "unknown command": (["fti"], "No such command 'fti'"),
    "unknown flag": (["fit", "x.nwb", "--rnak", "3"], "--rank"),
    "no source": (["fit", "--rank", "3"], "no SOURCE was given"),
    "missing file": (["inspect", "none.nwb"], "none.nwb"),
    "missing recording": (["fit", "none.npz"], "none.npz"),
    "unknown format": (["inspect", "session.mat"], ".nwb (NWB session), .nc (netCDF) or .npz (NumPy)"),
    "not a number": (["fit", "x.nwb", "--rank", "many"], "model.rank = 'many' cannot be used"),
    "out of range": (["fit", "x.nwb", "--rank", "0"], "a whole number >= 1"),
    "not a choice": (["fit", "x.nwb", "--likelihood", "poison"], "auto, gaussian, poisson"),
    "half a window": (["fit", "x.nwb", "--window", "-0.5"], "2 arguments"),
    "window backwards": (["fit", "x.nwb", "--window", "1.5", "-0.5"], "start must come before end"),
    "broken bins": (["fit", "x.nwb", "--window", "0", "1", "--bin-ms", "30"], "33.3333 bins of 30 ms"),
    "missing config": (["fit", "x.nwb", "--config", "none.yaml"], "none.yaml cannot be read"),
    "resume what is no run": (["fit", "--resume", "."], "is not the folder of a run"),
    "resume with settings": (["fit", "--resume", ".", "--rank", "3", "--out", "x"], "so --rank, --out cannot"),
    "report of what is no run": (["report", "."], "config.yaml"),
    "simulate without a file": (["simulate", "teacher"], "--out"),
    "simulate into another format": (["simulate", "reach", "--out", "x.mat"], ".nwb"),
    "simulate out of range": (["simulate", "teacher", "--out", "x.nc", "--rank", "9"], "a whole number from 1 to 5"),
}


@pytest.mark.parametrize(("arguments", "text"), WRONG_USE.values(), ids=WRONG_USE.keys())
def test_wrong_use_is_told_on_standard_error_with_code_2(ltr: Callable, arguments: list[str], text: str) -> None:
    answer = ltr(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert text in answer.err
    assert "Traceback" not in answer.err
