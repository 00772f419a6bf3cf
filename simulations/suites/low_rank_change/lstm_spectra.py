"""LRC-36: the weights of an LSTM that learns sentiment change by few singular values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.low_rank_change.sentiment_network import (
    NEEDS,
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    Experiment,
    learn,
)
from ltr.simulations.suites.low_rank_change.two_layer_lstm import (
    BLOCKS,
    TRUNCATED,
    draw_spectra,
    energy,
    initial_edges,
    participation,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.word_vectors import DIMENSION

INPUTS, LAST = "layer 1, input", "layer 2, recurrent"
RANK = 10
ALTERED = 5  # singular values by which trained weights visibly differ


def measure(protocol: Protocol) -> Measured:
    """Singular values of weights before and after training, and of their change."""
    courses, origin = learn(Experiment.of(protocol))
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for course in courses:
        spectra = course.truncation.spectra
        for block, (initial, change, final) in spectra.items():
            note(f"energy of {RANK} values of the change, {block}", energy(change, RANK))
            if block in TRUNCATED:
                note(f"first value of the change, {block}", change[0])
                note(
                    "participation number, initial weights over change", participation(initial) / participation(change)
                )
                ratio = final / initial
                note("first value of trained over that of initial weights", ratio[0])
                note(f"largest relative change of the values beyond {ALTERED}", np.abs(ratio[ALTERED:] - 1).max())
            edges = initial_edges(protocol["units"], DIMENSION if block == INPUTS else protocol["units"])
            note("edges of initial spectra, relative error", np.abs(initial[[0, -1]] / edges - 1).max())
        inputs, *others = (energy(spectra[block][1], RANK) for block in BLOCKS)
        note(f"energy of {RANK} values, inputs of layer 1 over the least of the others", inputs / min(others))
    mean = {block: np.mean([course.truncation.spectra[block] for course in courses], 0) for block in BLOCKS}
    return Measured(values, mean, note=origin)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 5 a and Fig. S6 c-f, means over seeds."""
    figure = new_figure(2.9)
    panels = figure.subplots(1, len(BLOCKS), sharey=True)
    for axes, block in zip(panels, BLOCKS, strict=True):
        draw_spectra(axes, measured.curves[block])
        axes.set_title(block)
    panels[0].set(ylabel="singular value", ylim=(0, None))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


CLAIM = Claim(
    id="LRC-36",
    title="Singular values of an LSTM's weights",
    source="Fig. 5 a, Fig. S6 c-f",
    says="A two-layer LSTM learns the sentiment of sentences. Initial and trained weights have full rank and differ"
    " visibly in their first singular values only; the changes have approximately low rank, those of the first layer's"
    " input weights least so.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={f"first value of the change, {LAST}": 3.5},
    checks=(
        # of a random block of this shape, 0.29 with 64 units and 0.08 with 256. Measured with 64: 0.79, 0.93, 0.98 at
        # least; with 256, at four times the rate: 0.56, 0.87, 0.94
        Check(f"energy of {RANK} values of the change, layer 1, recurrent", ">=", 0.5),
        Check(f"energy of {RANK} values of the change, layer 2, input", ">=", 0.8),
        Check(f"energy of {RANK} values of the change, {LAST}", ">=", 0.9),
        *(Check(f"first value of the change, {block}", "between", (1.8, 6)) for block in TRUNCATED),
        Check("participation number, initial weights over change", ">=", 7),
        Check(f"energy of {RANK} values, inputs of layer 1 over the least of the others", "<=", 0.8),
        Check("first value of trained over that of initial weights", ">=", 1.3),
        Check(f"largest relative change of the values beyond {ALTERED}", "<=", 0.1),
        Check("edges of initial spectra, relative error", "<=", 0.1),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
    needs=NEEDS,
    reads_embeddings=True,
)
