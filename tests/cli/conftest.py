"""Run the command in an empty folder, with what it prints captured; one real sweep, and a stand-in for others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ltr.cli.main import main
from ltr.sweep.run import load_sweep
from tests.cli.sweep_commands import TINY, FakeSweep, write_rates


@dataclass(frozen=True)
class Answer:
    """Exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def ltr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``ltr("fit", "--rank", 3)`` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments: object) -> Answer:
        code = main([str(argument) for argument in arguments])
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def rates_file(tmp_path: Path) -> Path:
    """The recording ``tiny.npz`` in the empty folder."""
    return write_rates(tmp_path / "tiny.npz")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.npz, and with the sweep 'cv/tiny' of it, reports included."""
    home = tmp_path_factory.mktemp("finished")
    write_rates(home / "tiny.npz")
    before = Path.cwd()
    os.chdir(home)
    try:
        assert main(["cv", "tiny.npz", "--rank", "1,2", "--baselines", "psth,constant_factors", *TINY]) == 0
    finally:
        os.chdir(before)
    return home


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished sweep, in 'sweep' of the current folder."""
    shutil.copytree(finished / "cv" / "tiny", tmp_path / "sweep")
    return Path("sweep")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than all that is drawn."""
    monkeypatch.setattr("ltr.report.write_report", lambda folder: folder / "report.html")
    monkeypatch.setattr("ltr.report.write_cv_report", lambda folder: folder / "cv.html")


@pytest.fixture
def fake(finished: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch) -> FakeSweep:
    """Takes the place of the sweep, and returns the finished one."""
    fake = FakeSweep(load_sweep(finished / "cv" / "tiny"))
    monkeypatch.setattr("ltr.sweep.run.cross_validate", fake)
    return fake
