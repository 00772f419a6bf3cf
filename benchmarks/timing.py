"""Medians of interleaved repetitions: what slows the machine down for a while slows all variants alike."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

REPETITIONS = 7
FAST_S = 0.5  # what is faster is warmed up and timed several times at each turn
TIMED_A_TURN = 3


@dataclass(frozen=True)
class Timed:
    """What is run, and how many turns it gets (slow variants get fewer)."""

    run: Callable[[], object]
    repetitions: int = REPETITIONS


@dataclass(frozen=True)
class Median:
    """Median seconds of so many runs."""

    seconds: float
    runs: int


def medians(variants: Mapping[str, Timed], *, device: str | torch.device = "cpu", label: str = "") -> dict[str, Median]:
    """Median seconds of each variant, taking turns.

    Each is run beforehand, untimed. A fast one is then run once more, untimed, at the start of each turn: in a
    fit a step follows upon a step, and finds in the caches what that left there, not what another variant did.

    Args:
        variants: by name.
        device: waited for before the clock is read.
        label: of the progress lines.
    """
    fast = set()
    for name, variant in variants.items():
        progress(f"{label}: warming up {name}")
        seconds_once = seconds_of(variant.run, device)
        if seconds_once < 10 * FAST_S:  # the first run also loads libraries
            seconds_once = seconds_of(variant.run, device)
        if seconds_once < FAST_S:
            fast.add(name)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    rounds = max(variant.repetitions for variant in variants.values())
    for index in range(rounds):
        progress(f"{label}: round {index + 1} of {rounds}")
        for name, variant in variants.items():
            if index < variant.repetitions:
                if name in fast:
                    variant.run()
                timed = TIMED_A_TURN if name in fast else 1
                seconds[name] += [seconds_of(variant.run, device) for _ in range(timed)]
    return {name: Median(statistics.median(values), len(values)) for name, values in seconds.items()}


def seconds_of(run: Callable[[], object], device: str | torch.device = "cpu") -> float:
    """Wall-clock seconds of one run."""
    _wait_for(device)
    begun = time.perf_counter()
    run()
    _wait_for(device)
    return time.perf_counter() - begun


def _wait_for(device: str | torch.device) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def progress(message: str) -> None:
    """One line on the terminal's error stream; it never mixes with the results."""
    print(message, file=sys.stderr, flush=True)
