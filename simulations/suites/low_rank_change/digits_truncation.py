"""LRC-39: a small LSTM changes by few singular values, and truncation of the changes hardly moves its logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, plain_ticks, styled
from ltr.simulations.suites.low_rank_change.digit_rows import PARAMETERS, SEEDS, SHARES, SIZES, Experiment, learn
from ltr.simulations.suites.low_rank_change.two_layer_lstm import (
    KINDS,
    TRUNCATED,
    accuracy,
    draw_by_rank,
    draw_spectra,
    energy,
    participation,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

LAST = "layer 2, recurrent"
RANK = 10
LEVEL = 1e-3  # of the variance of the logits


def measure(protocol: Protocol) -> Measured:
    """Spectra of the changes, and logits and accuracy after truncation of changes or of weights."""
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    found = learn(Experiment.of(protocol))
    for each in found:
        note("accuracy", accuracy(each.logits, each.labels))
        for block in TRUNCATED:
            note(f"energy of {RANK} values of the change, {block}", energy(each.spectra[block][1], RANK))
        _, change, final = each.spectra[LAST]
        note(f"energy of {RANK} values of the weights, {LAST}", energy(final, RANK))
        note("participation number, weights over change", participation(final) / participation(change))
        errors = {kind: each.deviation(kind, RANK) for kind in KINDS}
        for kind in KINDS:
            note(f"error of the logits, {kind} of rank {RANK}", errors[kind])
            note(f"rank of {kind} for an error of {LEVEL} over units", each.rank_for(kind, LEVEL) / protocol["units"])
            note(f"accuracy lost, {kind} of rank {RANK}", each.accuracy_lost(kind, RANK, RANK))
        note(f"error of the logits at rank {RANK}, weights over changes", errors["weights"] / errors["changes"])
    return Measured(
        values,
        {
            "spectra": np.mean([each.spectra[LAST] for each in found], 0),
            "ranks": np.array(found[0].ranks),
            "errors": np.array([[each.deviations(kind) for each in found] for kind in KINDS]),
            "accuracies": np.array([[each.accuracies(kind) for each in found] for kind in KINDS]),
        },
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 5 of this network; and the logits, which tell more than the accuracy here."""
    figure = new_figure(3.0)
    left, middle, right = figure.subplots(1, 3)
    draw_spectra(left, measured.curves["spectra"])
    left.set(title=LAST, ylabel="singular value", ylim=(0, None))
    left.legend()
    ranks = measured.curves["ranks"]
    draw_by_rank(middle, ranks, measured.curves["accuracies"])
    middle.set(ylabel="validation accuracy")
    middle.legend(loc="lower right")
    draw_by_rank(right, ranks[:-1], measured.curves["errors"][..., :-1])  # with all ranks there is no error
    right.set(yscale="log", ylabel="error of the logits / variance")
    plain_ticks(right.yaxis)
    return figure


CLAIM = Claim(
    id="LRC-39",
    title="Truncation of a small LSTM's changes",
    source="Fig. 5, on other data",
    says="The changes of an LSTM that learns from inputs of many dimensions have low rank, though initial and trained"
    " weights have full rank. Changes may be truncated to rank 10, weights may not. (Here for the parity of handwritten"
    " digits, read row by row, which needs no files; and for the logits: with data this easy, accuracy hides most of"
    " the difference.)",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    checks=(
        Check("accuracy", ">=", 0.93),
        *(Check(f"energy of {RANK} values of the change, {block}", ">=", 0.93) for block in TRUNCATED),
        Check(f"energy of {RANK} values of the weights, {LAST}", "<=", 0.65),
        Check("participation number, weights over change", ">=", 4),
        Check(f"error of the logits, changes of rank {RANK}", "<=", 1.2e-3),
        Check(f"error of the logits at rank {RANK}, weights over changes", ">=", 4),
        Check(f"rank of changes for an error of {LEVEL} over units", "<=", 0.25),
        Check(f"rank of weights for an error of {LEVEL} over units", ">=", 0.5),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
