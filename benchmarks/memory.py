"""Resident memory of one step, each measured in a process of its own.

Run as ``python -m benchmarks.memory KIND ...`` it is that process, and prints its numbers as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import torch

from benchmarks.problem import LARGE, SMALL, STANDARD, Sizes, build_problem
from benchmarks.references import Reference, dense_states
from benchmarks.report import Table, megabytes_text
from benchmarks.resident import resident
from benchmarks.timing import progress

KINDS = ("ours", "dense")
MEASURED = (
    Sizes(trials=125, neurons=100, units=100),
    STANDARD,
    Sizes(trials=500, neurons=200, units=400),
)


def measure(*, quick: bool = False, large: bool = False) -> list[Table]:
    """Peak above what was there before the step: ours against all units with W in full."""
    rows = []
    for sizes in (SMALL,) if quick else MEASURED:
        ours, dense = (in_own_process(kind, sizes) for kind in KINDS)
        rows.append(
            [
                str(sizes),
                megabytes_text(ours["built"]),
                megabytes_text(ours["step"]),
                megabytes_text(dense["step"]),
                f"{dense['step'] / max(ours['step'], 1):.3g}",
            ]
        )
    if large:
        ours = in_own_process("ours", LARGE)
        rows.append([str(LARGE), megabytes_text(ours["built"]), megabytes_text(ours["step"]), "not run", ""])
    header = ["sizes", "data and objective", "one step, ours", "one step, (a) W in full", "(a) / ours"]
    notes = [
        "Peak resident memory of one step (float32 on the CPU, all bins fitted) above what was resident before it;"
        " data and objective: what was resident above a process that has only taken a tiny step."
    ]
    return [Table("Memory of a step", header, rows, notes)]


def in_own_process(kind: str, sizes: Sizes) -> dict[str, int]:
    """Bytes of ``built`` and ``step``, measured in a new process with as many threads."""
    progress(f"memory: {kind}, {sizes}")
    command = [sys.executable, "-m", "benchmarks.memory", kind, "--threads", str(torch.get_num_threads())]
    for name, value in asdict(sizes).items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  our own command line
    numbers: dict[str, int] = json.loads(done.stdout)
    return numbers


def take_stock(kind: str, sizes: Sizes) -> dict[str, int]:
    """Build a problem, take a step of it, and see what either needed."""
    _step_of(kind, SMALL)()  # libraries allocate for themselves when they are first used
    bare = resident("VmRSS")
    step = _step_of(kind, sizes)
    gc.collect()
    before = resident("VmRSS")
    _forget_peak()
    step()
    return {"built": before - bare, "step": resident("VmHWM") - before}


def _step_of(kind: str, sizes: Sizes) -> Callable[[], float]:
    problem = build_problem(sizes)
    if kind == "ours":
        return problem.step
    reference = Reference.of(problem)
    return lambda: reference.step(dense_states)


def _forget_peak() -> None:
    """Let VmHWM start again from what is resident now, so that building does not hide the step."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:  # not Linux, or not allowed: the peak of the step is then at least that of building
        return


def _main() -> None:
    parser = argparse.ArgumentParser(description="Measure one step's memory in this process.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--threads", type=int, default=1)
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    given = vars(parser.parse_args())
    kind, threads = given.pop("kind"), given.pop("threads")
    torch.set_num_threads(threads)
    print(json.dumps(take_stock(kind, Sizes(**given))))


if __name__ == "__main__":
    _main()
