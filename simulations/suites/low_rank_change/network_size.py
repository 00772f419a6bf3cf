"""LRC-35: time to learn, size and functional rank of the change do not grow with the network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import (
    PARAMETERS,
    SEEDS,
    SHARES,
    experiments,
    learn,
    truncated,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array


def measure(protocol: Protocol) -> Measured:
    """The flip-flop in networks of several sizes, trained until they have learned it."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    sizes = np.array(protocol["units_of_networks"])
    for experiment in experiments(protocol, "flip-flop"):
        learned = [learn(experiment._replace(units=int(units)), protocol) for units in sizes]
        title = f"g = {experiment.gain:g}"
        norms = np.array([np.linalg.norm(one.change, axis=(1, 2)) for one in learned])
        ranks = np.array([truncated(one, protocol).functional_rank for one in learned])
        epochs = np.array([one.convergence for one in learned])
        means = norms.mean(1)
        values[f"spread of the mean norms, {title}"] = [float(np.ptp(means) / means.mean())]
        values[f"epochs, largest over smallest, {title}"] = [float(np.median(epochs[-1]) / np.median(epochs[0]))]
        values[f"rank, {title}"] = ranks.ravel().tolist()
        curves |= {f"{title}: norm": norms, f"{title}: rank": ranks, f"{title}: epochs": epochs}
        if experiment.gain:
            initial = np.array([np.linalg.norm(one.initial, axis=(1, 2)) for one in learned])
            exponent = np.polyfit(np.log(sizes), np.log(initial.mean(1)), 1)[0]
            values[f"exponent of the initial norm, {title}"] = [float(exponent)]
    return Measured(values, curves | {"units": sizes})


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. S1 for the flip-flop: epochs, norm and rank over the number of units."""
    figure = new_figure(2.6)
    units = measured.curves["units"]
    titles = [key.removesuffix(": norm") for key in measured.curves if key.endswith(": norm")]
    looks = zip(
        figure.subplots(1, 3),
        ("epochs", "norm", "rank"),
        ("epochs", "norm of the change", "functional rank"),
        strict=True,
    )
    for axes, quantity, name in looks:
        for colour, title in zip(PALETTE, titles, strict=False):
            found = measured.curves[f"{title}: {quantity}"]
            axes.plot(np.repeat(units, found.shape[1]), found.ravel(), ".", color=colour, alpha=0.6)
            axes.plot(units, found.mean(1), "-", color=colour, label=title)
        axes.set(xlabel="units", xscale="log", xticks=units, xticklabels=units.astype(int), ylabel=name, ylim=(0, None))
        axes.minorticks_off()
    figure.axes[0].legend()
    return figure


CLAIM = Claim(
    id="LRC-35",
    title="Scaling with the number of units",
    source="Fig. S1",
    says="Time to learn, norm and functional rank of the change do not grow with N.",
    kind="statistical",
    parameters={
        **PARAMETERS,
        "units_of_networks": [64, 128, 256],
        "gains": {"flip-flop": [0.0, 0.9], "mante": [], "romo": []},
    },
    sizes={
        "quick": {},
        "full": {
            "units_of_networks": [64, 128, 256, 512, 1024],
            "gains": {"flip-flop": [0.0, 0.9, 1.8], "mante": [], "romo": []},
            "largest_rank": 25,
        },
    },
    seeds={**SEEDS, "full": 4},
    checks=(
        Check("spread of the mean norms, g = 0", "<=", 0.08),
        Check("spread of the mean norms, g = 0.9", "<=", 0.2),
        Check("rank, g = 0", "==", 2),
        Check("rank, g = 0.9", "<=", 8),
        Check("epochs, largest over smallest, g = 0.9", "<=", 1.0),
        Check("exponent of the initial norm, g = 0.9", "between", (0.49, 0.51)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
