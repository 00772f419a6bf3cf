"""LTR-09: how the time of a training step grows with trials, units, components and time bins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.problem import Problem
from ltr.recording import Recording
from ltr.settings import parse_settings
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.training.loop import new_adam


class Sizes(NamedTuple):
    """Of a fit; the first row of Table 2, unless said otherwise."""

    trials: int = 370
    units: int = 200
    rank: int = 5
    bins: int = 60


TRIALS, UNITS, RANKS, BINS = (370, 740), (200, 400), (2, 5, 10), (30, 60, 120)
MINUTES: Mapping[Sizes, float] = {
    Sizes(370, 200): 12,
    Sizes(370, 400): 22,
    Sizes(740, 200): 16,
    Sizes(740, 400): 40,
}
"""Of a fit in Table 2."""
SERIES: Mapping[str, tuple[Sizes, ...]] = {
    "trials, 200 units": tuple(Sizes(trials=trials) for trials in TRIALS),
    "trials, 400 units": tuple(Sizes(trials, 400) for trials in TRIALS),
    "units, 370 trials": tuple(Sizes(units=units) for units in UNITS),
    "units, 740 trials": tuple(Sizes(740, units) for units in UNITS),
    "components": tuple(Sizes(rank=rank) for rank in RANKS),
    "time bins": tuple(Sizes(bins=bins) for bins in BINS),
}
"""Fits that differ in one size."""
NEURONS, CONDITIONS, BIN_MS = 72, 8, 10.0


def measure(protocol: Protocol) -> Measured:
    """Time at the largest over that at the smallest size of each series, and exponents: 1 is linear, 0 constant."""
    sizes = sorted({size for series in SERIES.values() for size in series})
    seconds = seconds_of_a_step(sizes, protocol)
    courses = {name: np.array([seconds[size] for size in series]) for name, series in SERIES.items()}
    ratios = {name: course[-1] / course[0] for name, course in courses.items()}
    return Measured(
        values={
            "740 trials over 370": [ratios["trials, 200 units"], ratios["trials, 400 units"]],
            "400 units over 200": [ratios["units, 370 trials"], ratios["units, 740 trials"]],
            "10 components over 2": [ratios["components"]],
            "exponent over components": [exponent(RANKS, courses["components"])],
            "120 time bins over 30": [ratios["time bins"]],
            "exponent over time bins": [exponent(BINS, courses["time bins"])],
        },
        curves={name: course / seconds[Sizes()] for name, course in courses.items()},
    )


def exponent(sizes: tuple[int, ...], seconds: np.ndarray) -> float:
    """Slope of log time against log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def seconds_of_a_step(sizes: list[Sizes], protocol: Protocol) -> dict[Sizes, float]:
    """The fastest of several steps for each of the sizes, which take turns.

    On a CPU its own time counts, since other programs may take the processor away; on other devices, which
    work on while this program does not, the time until the loss is there.
    """
    clock = time.process_time if protocol.device.type == "cpu" else time.perf_counter
    steps = {size: training_step(size, str(protocol.device)) for size in sizes}
    seconds = dict.fromkeys(sizes, np.inf)
    for turn in range(protocol["turns"] + 1):
        for size, step in steps.items():
            begun = clock()
            step()
            if turn > 0:  # the first one allocates memory
                seconds[size] = min(seconds[size], clock() - begun)
    return seconds


def training_step(size: Sizes, device: str) -> Callable[[], float]:
    """A step of Adam on noise, with the default settings; the input is on in the first half of the bins."""
    rng = np.random.default_rng(0)
    bin_s = BIN_MS / 1000
    recording = Recording.from_arrays(
        rng.normal(size=(size.trials, size.bins, NEURONS)),
        bin_edges=bin_s * np.arange(size.bins + 1),
        conditions=np.resize(np.arange(CONDITIONS), size.trials).astype(str),
        go_time=bin_s * size.bins / 2,
    )
    chosen = {"rank": size.rank, "units": size.units, "input_off_ms": 0, "device": device, "smooth_ms": 0}
    problem = Problem.open(recording, parse_settings({**chosen, "likelihood": "gaussian", "readout": "linear"}))
    network, objective = problem.network(), problem.objective()
    optimiser = new_adam(network, problem.settings.training)

    def step() -> float:
        optimiser.zero_grad()
        loss = objective.training_loss(network)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Table 2 as a plot, relative to its first row, and the sizes that should not matter."""
    figure = new_figure(3.4)
    table, others = figure.subplots(1, 2)
    base = MINUTES[Sizes()]
    for units, colour in zip(UNITS, PALETTE, strict=False):
        table.plot(TRIALS, measured.curves[f"trials, {units} units"], "o-", color=colour, label=f"{units} units")
        paper = [MINUTES[Sizes(trials, units)] / base for trials in TRIALS]
        table.plot(TRIALS, paper, "D--", color=colour, mfc="none", label=f"{units} units, Table 2")
    table.set(xlabel="trials", ylabel="time, relative to 370 trials, 200 units", xticks=TRIALS, ylim=(0, None))
    table.legend()
    for name, sizes, colour in (("components", RANKS, PALETTE[2]), ("time bins", BINS, PALETTE[3])):
        middle = sizes[1]
        relative = np.array(sizes) / middle
        others.loglog(relative, measured.curves[name], "o-", color=colour, label=f"{name} (1: {middle})")
    others.loglog([0.4, 2], [0.4, 2], ":", color=INK, lw=1, label="linear")
    others.axhline(1, color=INK, ls="--", lw=1, label="paper: hardly any effect")
    ticks = [0.5, 1, 2]
    for axis in (others.xaxis, others.yaxis):
        axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axis.set_minor_formatter(lambda *_: "")
    others.set(xlabel="size, relative to the middle one", ylabel="time, relative to the middle size")
    others.legend()
    return figure


CLAIM = Claim(
    id="LTR-09",
    title="Training time over trials, units, components and time bins",
    source="supplement, Table 2",
    says="Training time is dominated by the numbers of trials and units (12 to 40 minutes); components and time steps"
    " have little effect.",
    kind="qualitative",
    parameters={"turns": 15},
    sizes={"quick": {"turns": 4}, "full": {}},
    reported={"740 trials over 370": 16 / 12, "400 units over 200": 22 / 12},
    checks=(
        Check("740 trials over 370", "between", (1.4, 2.2)),
        Check("400 units over 200", "between", (1.3, 2.2)),
        Check("10 components over 2", "<=", 1.5),
        Check("exponent over time bins", "between", (0.8, 1.2)),
    ),
    measure=measure,
    draw=draw,
    deviation="Time is linear in the number of time bins (exponent 0.97 to 1.00 on one core, 30 to 120 bins): steps in"
    " time follow one another, and here each is cheap, so that nothing hides them. The paper's times are those of a"
    " GPU and of full weight matrices for every trial, whose cost outweighs that of the steps. The rest holds: twice"
    " the trials take 1.6 to 1.8 times as long, twice the units 1.5 to 1.6 times, five times the components 1.2"
    " times.",
)
