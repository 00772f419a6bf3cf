"""What a sweep costs on many workers: python -m benchmarks.scaling prints the numbers of docs/scaling.md."""

from __future__ import annotations

import pickle
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from distributed import get_worker

from ltr.recording import Recording
from ltr.settings import parse_settings
from ltr.sweep.cluster import Dask, _compute
from ltr.sweep.plan import Axis, PlannedFit, Sweep, stacks
from ltr.sweep.work import Outcome, Report, run_fits

TRIALS, BINS, NEURONS, UNITS = 250, 40, 80, 100
ITERATIONS = 60  # measured; a fit of the defaults takes up to 1,000
STACKS = (1, 4, 8, 10, 16)
FITS, FULL_ITERATIONS = 1000, 1000
WORKERS = (10, 100, 1000)
TASKS = 1000
NETWORK = 125e6  # bytes a second that one machine sends, 1 Gbit/s


def main() -> None:
    """Measure, then predict."""
    torch.set_num_threads(1)
    print(f"python {platform.python_version()}, torch {torch.__version__}, processor {platform.machine()}")
    recording = simulated_recording()
    settings = parse_settings({"units": UNITS, "iterations": ITERATIONS, "patience": ITERATIONS, "test_fraction": 0.2})
    sweep = Sweep(settings, (Axis("rank", (4, 5)),), folds=5, seeds=4, baselines=())
    fits = sweep.fits()
    start = import_seconds()
    print(f"start of a worker (import of ltr and torch): {start:.1f} s")
    each = {}
    for size in STACKS:
        begun = time.process_time()  # of one thread: what it takes on a core of its own
        outcomes = run_fits(recording, fits[:size])
        each[size] = (time.process_time() - begun) / size
        assert all(outcome.row["status"] == "done" for outcome in outcomes)
        print(f"stack of {size}: {each[size] / ITERATIONS * 1000:.1f} ms a step and fit")
    sent, task, back = bytes_of(recording, fits[0], outcomes[0])
    print(f"recording {sent / 1e6:.2f} MB, a fit's settings {task / 1e3:.1f} kB, an outcome {back / 1e3:.1f} kB")
    wall, own, event = scheduler_seconds(recording, stacks(fits, 1), back)
    print(f"a stack without work: {wall * 1000:.2f} ms, {own * 1000:.2f} ms of them in the process of the scheduler")
    print(f"a word on progress: {event * 1000:.2f} ms in that process")
    predict({size: seconds / ITERATIONS for size, seconds in each.items()}, start, sent, own)


def simulated_recording() -> Recording:
    """Counts of a size that is common in labs; how well they are fitted does not matter here."""
    generator = np.random.default_rng(0)
    drive = np.sin(np.linspace(0, 6, BINS)[None, :, None] + generator.uniform(0, 6, (1, 1, NEURONS)))
    counts = generator.poisson(np.exp(drive - 1) * np.ones((TRIALS, 1, 1)))
    conditions = [f"condition {trial % 4}" for trial in range(TRIALS)]
    return Recording.from_arrays(counts, bin_edges=np.arange(BINS + 1) * 0.02 - 0.2, conditions=conditions)


def import_seconds() -> float:
    """Median of three fresh processes."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import ltr.sweep.cluster, distributed"], check=True)
        times.append(time.perf_counter() - begun)
    return sorted(times)[1]


def bytes_of(recording: Recording, fit: PlannedFit, outcome: Outcome) -> tuple[int, int, int]:
    """Bytes of the recording, of a fit's task and of its outcome, as Dask pickles them."""
    task = (_compute, (fit,), {"work": run_fits, "ranks": (4, 5), "threads": 1, "topic": "t"})
    return len(pickle.dumps(recording, 5)), len(pickle.dumps(task, 5)), len(pickle.dumps(outcome, 5))


def scheduler_seconds(
    recording: Recording, made: Sequence[Sequence[PlannedFit]], size: int
) -> tuple[float, float, float]:
    """Per stack, from submission to outcomes of a size in bytes, where the stack itself costs nothing.

    Returns:
        Seconds that pass; processor time here, where scheduler and client live; and that of a word on progress.
    """
    with Dask(workers=2) as engine:
        engine.work = partial(nothing, size=size)
        repeated = list(made) * (TASKS // len(made))
        consume(engine.run(recording, made, ranks=(), report=ignore))  # sends the recording
        begun, own = time.perf_counter(), time.process_time()
        consume(engine.run(recording, repeated, ranks=(), report=ignore))
        wall, own = time.perf_counter() - begun, time.process_time() - own
        logs = engine._client.run(lambda dask_worker: len(dask_worker.transfer_incoming_log))
        print(f"transfers between the 2 workers for {len(made) + len(repeated):,} stacks: {sum(logs.values())}")
        event = event_seconds(engine)
    return wall / len(repeated), own / len(repeated), event


def event_seconds(engine: Dask) -> float:
    """Processor time of scheduler and client for a word on progress."""
    told: list[float] = []
    own = time.process_time()
    with engine._told(lambda fit, share: told.append(share)) as topic:
        engine._client.submit(tell, topic, TASKS, pure=False).result()
        while len(told) < TASKS:
            time.sleep(0.01)
    return (time.process_time() - own) / TASKS


def tell(topic: str, times: int) -> None:
    """In a worker: many words on progress, each on its own."""
    worker = get_worker()
    for _ in range(times):
        worker.log_event(topic, {"shares": {"fit": 0.5}})
        time.sleep(0.002)  # or they would travel together


def nothing(
    recording: Recording, fits: Sequence[PlannedFit], *, ranks: Sequence[int], report: Report, size: int
) -> list[Outcome]:
    """No work at all, but outcomes as large as usual."""
    return [Outcome(fit.id, {}, {"numbers": np.zeros(size, np.uint8)}) for fit in fits]


def ignore(fit: str, share: float) -> None:
    """Told of progress, to no avail."""


def consume(parts: Iterator[list[Outcome]]) -> None:
    """Go through all."""
    for _ in parts:
        pass


def predict(step: dict[int, float], start: float, sent: int, own: float) -> None:
    """Start, the recording sent to all by one machine, rounds of stacks."""
    print("| workers | fits in a stack | rounds | start | recording | fits | scheduler | minutes in all |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for workers in WORKERS:
        for size in STACKS:
            count = -(-FITS // size)
            rounds = -(-count // workers)
            sending, fitting = sent * min(workers, count) / NETWORK, rounds * step[size] * size * FULL_ITERATIONS
            total = start + sending + max(fitting, count * own)
            print(
                f"| {workers:,} | {size} | {rounds} | {start:.0f} s | {sending:.1f} s | {fitting:,.0f} s"
                f" | {count * own:.1f} s | {total / 60:.1f} |"
            )


if __name__ == "__main__":
    main()
