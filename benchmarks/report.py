"""Tables in markdown, a description of the machine, and the file that holds both."""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import ltr

IDLE_SHARE = 0.1  # of the processor's time that others may take while this machine counts as idle
SAMPLED_S = 2.0
RESULTS = Path(__file__).with_name("results.md")


@dataclass(frozen=True)
class Table:
    """One table: its title, header, rows, and sentences below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table with its title and notes.

        Example:
            >>> print(Table("Sum", ["a", "b"], [["1", "2"]], ["One note."]).markdown())
            ## Sum
            <BLANKLINE>
            | a | b |
            | --- | --- |
            | 1 | 2 |
            <BLANKLINE>
            One note.
        """
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join([f"## {self.title}", table, *self.notes])


def seconds_text(seconds: float) -> str:
    """A duration with three digits, in ms below one second.

    Example:
        >>> seconds_text(0.01234), seconds_text(8.3612)
        ('12.3 ms', '8.36 s')
    """
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def megabytes_text(size: float) -> str:
    """A size in bytes as MB, or GB from 1,000 MB on.

    Example:
        >>> megabytes_text(2.5e7), megabytes_text(3.25e9)
        ('25 MB', '3.25 GB')
    """
    return f"{size / 1e9:.3g} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def machine() -> list[str]:
    """What the numbers were measured on, one sentence a line."""
    busy = _busy_share()
    lines = [
        f"Date: {time.strftime('%Y-%m-%d')}.",
        f"Processor: {_processor()}, {os.cpu_count()} cores, {busy:.0%} busy before the start.",
        f"ltr {ltr.__version__}, torch {torch.__version__} with {torch.get_num_threads()} threads,"
        f" Python {platform.python_version()}, {platform.system()}.",
    ]
    if busy > IDLE_SHARE:
        lines.append("The machine had other work to do: no timing here is to be trusted.")
    if torch.cuda.is_available():
        lines.append(f"GPU: {torch.cuda.get_device_name()}.")
    else:
        lines.append("No GPU was there to measure.")
    return lines


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _busy_share() -> float:
    """Share of the processor's time that other work takes just now; NaN where the system does not say."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return math.nan

    def ticks() -> tuple[int, int]:
        user, nice, system, idle, waiting, *rest = map(int, stat.read_text(encoding="ascii").split()[1:9])
        return idle + waiting, user + nice + system + idle + waiting + sum(rest)

    idle, total = ticks()
    time.sleep(SAMPLED_S)
    idle_later, total_later = ticks()
    return 1 - (idle_later - idle) / max(total_later - total, 1)


def page(command: str, described: Sequence[str], tables: Sequence[Table]) -> str:
    """All results as one markdown text."""
    head = "\n".join([*(f"- {line}" for line in described), f"- Command: `{command}`"])
    return "\n\n".join(["# Benchmark results", head, *(table.markdown() for table in tables)]) + "\n"


def write(text: str, path: Path = RESULTS) -> None:
    """Write under a temporary name, then rename: an interrupted run leaves the old results."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
