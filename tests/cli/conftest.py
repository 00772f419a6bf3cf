"""Run the command in an empty folder, with what it prints captured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ltr.cli.main import main
from ltr.datasets.array_files import write_array_file
from ltr.recording import Recording


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
    """12 trials x 10 bins x 5 neurons of smooth rates that drift over trials."""
    generator = np.random.default_rng(0)
    trial, time = np.arange(12)[:, None, None], np.linspace(0, 1, 10)[None, :, None]
    rates = np.sin(3 * time + np.arange(5)) * (1 + 0.1 * trial) + 0.1 * generator.standard_normal((12, 10, 5))
    recording = Recording.from_arrays(
        rates, bin_edges=np.linspace(-0.1, 0.1, 11), conditions=["left", "right"] * 6, source="tiny.npz"
    )
    path = tmp_path / "tiny.npz"
    write_array_file(recording, path)
    return path
