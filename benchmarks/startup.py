"""How long ``ltr --help`` takes to appear, beside the interpreter alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.report import Table, seconds_text
from benchmarks.timing import REPETITIONS, Timed, medians


def measure(*, quick: bool = False) -> list[Table]:
    """Wall-clock medians of both commands, taking turns."""
    commands = {"ltr --help": [ltr_command(), "--help"], "python -c pass": [sys.executable, "-c", "pass"]}
    timed = {
        name: Timed(partial(run_quietly, command), 2 if quick else REPETITIONS) for name, command in commands.items()
    }
    rows = [
        [name, seconds_text(median.seconds), str(median.runs)]
        for name, median in medians(timed, label="import").items()
    ]
    return [Table("Start of the command", ["command", "median", "runs"], rows)]


def ltr_command() -> str:
    """The ``ltr`` of this environment."""
    beside = Path(sys.executable).with_name("ltr")
    found = str(beside) if beside.exists() else shutil.which("ltr")
    if found is None:
        raise SystemExit("the ltr command is not installed in this environment (make install)")
    return found


def run_quietly(command: list[str]) -> None:
    """Run a command without its output; an error of the command is an error here."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own command lines
