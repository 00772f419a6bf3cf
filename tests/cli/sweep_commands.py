"""Commands that sweep: the smallest flags and recording, the lines of the help, and a sweep that is told what to do."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ltr.cli.commands.cv import cv
from ltr.datasets.array_files import write_array_file
from ltr.recording import Recording
from ltr.sweep.events import PartFinished, PartStarted
from ltr.sweep.plan import Sweep
from ltr.sweep.run import CvResult

# the smallest fits that are some
SHAPE = [
    *("--units", "6", "--inputs", "none", "--device", "cpu", "--iterations", "6", "--evaluate-every", "3"),
    *("--block-bins", "4", "--block-trials", "4", "--scored-bins", "2", "--scored-trials", "2"),
]
TINY = [*SHAPE, "--folds", "2", "--seeds", "1", "--jobs", "1"]
ONE = ["--rank", "1", "--baselines", "none", *TINY]


def write_rates(path: Path, shift: float = 0.0) -> Path:
    """12 trials x 10 bins x 5 neurons of smooth rates that drift over trials."""
    generator = np.random.default_rng(0)
    trial, seconds = np.arange(12)[:, None, None], np.linspace(0, 1, 10)[None, :, None]
    rates = np.sin(3 * seconds + np.arange(5)) * (1 + 0.1 * trial) + 0.1 * generator.standard_normal((12, 10, 5))
    edges = np.linspace(-0.1, 0.1, 11)
    write_array_file(
        Recording.from_arrays(rates + shift, bin_edges=edges, conditions=["left", "right"] * 6, source=path.name), path
    )
    return path


def help_lines() -> list[str]:
    text = inspect.cleandoc(cv.__doc__ or "")
    return re.sub(r"\[/?bold\]", "", text).splitlines()


class FakeSweep:
    """Stands in for the library: remembers how it was called, announces a few events, returns a real result."""

    def __init__(self, result: CvResult) -> None:
        self.calls: list[SimpleNamespace] = []
        self.result = result
        self.during: Callable[[Path], None] = lambda folder: None

    def __call__(self, recording: Recording, sweep: Sweep, *, listener: Callable, **how: Any) -> CvResult:
        self.calls.append(SimpleNamespace(recording=recording, sweep=sweep, **how))
        listener(PartStarted("sweep", fits=2, done=0, stacks=1, workers=1))
        self.during(how["folder"])
        listener(PartFinished("sweep", "rank 2: so it is."))
        return dataclasses.replace(self.result, folder=how["folder"])

    @property
    def plan(self) -> Sweep:
        return self.calls[-1].sweep
