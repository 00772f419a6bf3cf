"""How long the fits of a sweep take one after another, as stacks, and as stacks on two processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.report import Table, seconds_text
from benchmarks.timing import Timed, medians, seconds_of
from ltr.preprocess import resolve_likelihood
from ltr.recording import Recording
from ltr.settings import parse_settings
from ltr.sweep.cluster import Dask
from ltr.sweep.engines import Engine, Serial
from ltr.sweep.plan import Axis, PlannedFit, Sweep, stacks

RANKS, SEEDS = (1, 2, 3, 4, 5), 3
REPETITIONS = 3
BIN_S = 0.02
GOAL = 3.0


@dataclass(frozen=True)
class Case:
    """A recording to sweep over, and how its fits are made."""

    trials: int
    bins: int
    neurons: int
    units: int
    inputs: str
    iterations: int
    polish_iterations: int = 0

    def __str__(self) -> str:
        with_inputs = "neural-ODE inputs" if self.inputs != "none" else "no inputs"
        sizes = f"{self.trials} trials x {self.bins} bins x {self.neurons} neurons, {self.units} units, {with_inputs}"
        return f"{sizes}, then L-BFGS" if self.polish_iterations else sizes


TEACHER = Case(60, 25, 40, 60, "none", 60)
CASES = (
    TEACHER,
    replace(TEACHER, polish_iterations=60),
    Case(120, 40, 60, 50, "neural_ode", 20),
    Case(250, 40, 80, 100, "neural_ode", 12),
)
QUICK = (Case(24, 20, 6, 10, "none", 4, polish_iterations=2),)


def measure(*, quick: bool = False) -> list[Table]:
    """Fifteen fits: five ranks from three seeds, the same steps in every way of doing them."""
    rows, notes = [], []
    for case in QUICK if quick else CASES:
        recording, fits = problem(case)
        singles, pairs, whole = ([*stacks(fits, size)] for size in (1, 8, 15))
        engine = Dask("local", workers=2)
        start = seconds_of(engine.__enter__)
        try:
            work: dict[str, Callable[[], object]] = {
                "one after another": partial(run, Serial(), recording, singles),
                "one after another, one thread": partial(one_thread, partial(run, Serial(), recording, singles)),
                "one stack": partial(run, Serial(), recording, whole),
                "two processes": partial(run, engine, recording, singles),
                "two processes with stacks": partial(run, engine, recording, pairs),
            }
            timed = {name: Timed(function, 1 if quick else REPETITIONS) for name, function in work.items()}
            found = medians(timed, label=str(case))
        finally:
            engine.__exit__(None, None, None)
        base = min(found[name].seconds for name in ("one after another", "one after another, one thread"))
        for name, median in found.items():
            rows.append([str(case), name, seconds_text(median.seconds), f"{base / median.seconds:.2f}"])
        notes.append(f"{case}: workers were up after {seconds_text(start)}, which is not counted.")
    header = ["recording", "how", "median", "times as fast as the faster way of one after another"]
    notes.append(
        f"15 fits, ranks {', '.join(map(str, RANKS))} from {SEEDS} seeds, {torch.get_num_threads()} threads in this"
        f" process, one in each worker; goal: {GOAL:g} times as fast. All train the same steps to the same losses."
    )
    return [Table("Many fits at once", header, rows, notes)]


def problem(case: Case) -> tuple[Recording, list[PlannedFit]]:
    """Counts that follow a few smooth courses, and the plan of the sweep."""
    generator = np.random.default_rng(0)
    time, trial = np.linspace(0, 1, case.bins), np.linspace(0, 1, case.trials)
    courses = np.sin(2 * np.pi * (np.outer(time, [1, 2, 3]) + generator.uniform(size=3)))
    strength = 1 + 0.5 * np.sin(2 * np.pi * np.outer(trial, [0.5, 1, 0.7]))
    rates = np.exp(np.einsum("kr,tr,rn->ktn", strength, courses, generator.normal(size=(3, case.neurons)) / 3) - 1)
    recording = Recording.from_arrays(
        generator.poisson(rates),
        bin_edges=(np.arange(case.bins + 1) - case.bins // 2) * BIN_S,
        conditions=[f"{index % 8}" for index in range(case.trials)],
    )
    chosen: dict[str, Any] = {
        "units": case.units,
        "inputs": case.inputs,
        "iterations": case.iterations,
        "patience": case.iterations,
        "evaluate_every": max(1, case.iterations // 3),
        "initial_weights": "random",
        "split_seed": 0,
    }
    if case.polish_iterations:
        chosen |= {"polish": "lbfgs", "polish_iterations": case.polish_iterations}
    base = resolve_likelihood(recording, parse_settings(chosen))
    return recording, Sweep(base, (Axis("rank", RANKS),), folds=1, seeds=SEEDS).fits()


def run(engine: Engine, recording: Recording, made: Sequence[Sequence[PlannedFit]]) -> None:
    """All fits; one that failed would make the time worthless."""
    for outcomes in engine.run(recording, made, ranks=(), report=lambda fit, share: None):
        for outcome in outcomes:
            if outcome.row["status"] != "done":
                raise SystemExit(f"{outcome.fit} failed: {outcome.row['error']}")


def one_thread(work: Callable[[], None]) -> None:
    """With one thread of torch, as in a worker."""
    with threads(1):
        work()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """So many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
