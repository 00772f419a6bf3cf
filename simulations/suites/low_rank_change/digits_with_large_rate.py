"""LRC-40: with too large a learning rate, the changes replace the initial weights, and their rank rises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.low_rank_change.digit_rows import PARAMETERS, SEEDS, SHARES, SIZES, Experiment, learn
from ltr.simulations.suites.low_rank_change.two_layer_lstm import Truncation, accuracy, energy, participation
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

BLOCK = "layer 2, recurrent"
RANK = 10


def measure(protocol: Protocol) -> Measured:
    """The same networks trained with a small and with a large rate."""
    small = learn(Experiment.of(protocol))
    large = learn(
        Experiment.of(
            protocol, **{"rate times units": protocol["large rate times units"], "steps": protocol["few steps"]}
        )
    )
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for slow, fast in zip(small, large, strict=True):
        changes = np.stack([each.spectra[BLOCK][1] for each in (slow, fast)])
        energies, numbers, norms = energy(changes, RANK), participation(changes), np.linalg.norm(changes, axis=1)
        note("accuracy with the large rate", accuracy(fast.logits, fast.labels))
        note(f"energy of {RANK} values of the change, small rate minus large", energies[0] - energies[1])
        note("participation number of the change, large rate over small", numbers[1] / numbers[0])
        note("norm of the change over that of the initial weights, small rate", norms[0] / _norm(slow))
        note("norm of the change over that of the initial weights, large rate", norms[1] / _norm(fast))
        note("norm of the change, large rate over small", norms[1] / norms[0])
        note("gain of truncating changes instead of weights, small rate over large", _gain(slow) / _gain(fast))
    return Measured(
        values,
        {
            name: np.mean([each.spectra[BLOCK] for each in networks], 0)
            for name, networks in (("small rate", small), ("large rate", large))
        },
    )


def _norm(network: Truncation) -> float:
    return float(np.linalg.norm(network.spectra[BLOCK][0]))


def _gain(network: Truncation) -> float:
    """Error of the logits with truncated weights over that with truncated changes."""
    return network.deviation("weights", RANK) / network.deviation("changes", RANK)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Singular values of changes with either rate, beside those of the initial weights."""
    figure = new_figure(3.0)
    axes = figure.subplots()
    index = np.arange(1, measured.curves["small rate"].shape[1] + 1)
    for colour, (name, (_, change, _)) in zip(PALETTE, measured.curves.items(), strict=False):
        axes.plot(index, change, color=colour, label=f"change, {name}")
    axes.plot(index, measured.curves["small rate"][0], color=GREY, label="initial weights")
    axes.set(xlabel="index", ylabel="singular value", title=BLOCK, yscale="log", ylim=(1e-3, None))
    plain_ticks(axes.yaxis)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="LRC-40",
    title="Large learning rates",
    source="supplement S6",
    says="If the learning rate is too large, changes are no longer small beside the initial weights, and their rank"
    " is higher.",
    kind="statistical",
    parameters={**PARAMETERS, "large rate times units": 0.3, "few steps": 500},
    sizes=SIZES,
    seeds=SEEDS,
    checks=(
        Check("accuracy with the large rate", ">=", 0.93),  # rank does not rise because learning fails
        Check(f"energy of {RANK} values of the change, small rate minus large", ">=", 0.03),
        Check("participation number of the change, large rate over small", ">=", 1.3),
        Check("norm of the change, large rate over small", ">=", 1.1),  # 1.17 to 1.37, with 128 units 1.4 to 1.5
        Check("gain of truncating changes instead of weights, small rate over large", ">=", 1.5),  # 2.3 to 18
        Check("gain of truncating changes instead of weights, small rate over large", ">=", 3, over="median"),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
