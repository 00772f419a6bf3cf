"""LRC-37: an LSTM that learned sentiment keeps its logits if changes are truncated, not if weights are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsFloat

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, new_figure, plain_ticks, styled
from ltr.simulations.suites.low_rank_change.sentiment_network import (
    NEEDS,
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    Experiment,
    learn,
)
from ltr.simulations.suites.low_rank_change.two_layer_lstm import KINDS, accuracy, draw_by_rank
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

RANK, FEW = 10, 4
LOSS = 0.01  # of accuracy
LEVEL = 0.01  # of the variance of the logits


def measure(protocol: Protocol) -> Measured:
    """Accuracy and logits on the validation set after truncation of all 4 N x N blocks at once."""
    courses, origin = learn(Experiment.of(protocol))
    networks, units = [course.truncation for course in courses], protocol["units"]
    values: dict[str, list[float]] = {}

    def note(name: str, number: SupportsFloat) -> None:
        values.setdefault(name, []).append(float(number))

    for each in networks:
        note("accuracy", accuracy(each.logits, each.labels))
        note(f"accuracy lost, changes of rank {RANK}", each.accuracy_lost("changes", RANK, RANK))
        accurate = {kind: each.rank_for_accuracy(kind, LOSS) for kind in KINDS}
        exact = {kind: each.rank_for(kind, LEVEL) for kind in KINDS}
        for kind in KINDS:
            note(f"accuracy, {kind} of rank 0", each.accuracies(kind)[each.ranks.index(0)])
            note(f"mean accuracy lost, {kind} of ranks {FEW} to a quarter", each.accuracy_lost(kind, FEW, units // 4))
            note(f"rank of {kind} that loses {LOSS} of accuracy", accurate[kind])
            note(f"error of the logits, {kind} of rank {RANK}", each.deviation(kind, RANK))
            note(f"rank of {kind} for an error of {LEVEL} of the logits, share of all", exact[kind] / units)
        note("rank for accuracy, weights over changes", accurate["weights"] / max(accurate["changes"], 1))
        gain = each.deviation("weights", RANK) / each.deviation("changes", RANK)
        note(f"error of the logits at rank {RANK}, weights over changes", gain)
    return Measured(
        values,
        {
            "ranks": np.array(networks[0].ranks),
            "accuracies": np.array([[each.accuracies(kind) for each in networks] for kind in KINDS]),
            "errors": np.array([[each.deviations(kind) for each in networks] for kind in KINDS]),
        },
        note=origin,
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. 5 b, and the same for the logits."""
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2)
    draw_by_rank(left, measured.curves["ranks"], measured.curves["accuracies"])
    left.axhline(np.mean(measured.values["accuracy"]), color=GREY, lw=0.8, zorder=0)
    left.set(ylabel="validation accuracy")
    draw_by_rank(right, measured.curves["ranks"], measured.curves["errors"])
    right.set(yscale="log", ylabel="error of the logits / variance")
    plain_ticks(right.yaxis)
    left.legend(loc="lower right")
    return figure


CLAIM = Claim(
    id="LRC-37",
    title="Truncation of an LSTM's changes and weights",
    source="Fig. 5 b",
    says="Changes of the recurrent weights, and of the second layer's input weights, can be truncated to rank 10 while"
    " the accuracy stays what it is, if the initial weights are kept. Truncated weights need more than half of the"
    " rank.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={"accuracy": 0.795, f"accuracy lost, changes of rank {RANK}": 0.01},
    checks=(
        Check("accuracy", "between", (0.75, 0.84)),
        # the standard error of an accuracy on the validation set is 0.014: changes of rank 10 lose -0.003 to 0.016 on
        # seeds 0-5, weights on average 0.009 to 0.05, but nothing in one network of 128 units
        Check(f"accuracy lost, changes of rank {RANK}", "<=", 0.02),
        Check(f"mean accuracy lost, changes of ranks {FEW} to a quarter", "<=", 0.01, over="median"),
        Check(f"mean accuracy lost, weights of ranks {FEW} to a quarter", ">=", 0.01, over="some"),
        Check("rank for accuracy, weights over changes", ">=", 3, over="some"),
        Check(f"error of the logits, changes of rank {RANK}", "<=", 0.01),
        Check(f"error of the logits at rank {RANK}, weights over changes", ">=", 10),
        Check(f"rank of changes for an error of {LEVEL} of the logits, share of all", "<=", 0.15),
        # 0.5 to 0.75, on a grid
        Check(f"rank of weights for an error of {LEVEL} of the logits, share of all", ">=", 0.4),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
    needs=NEEDS,
    reads_embeddings=True,
    deviation="That truncated weights need more than half of the rank does not hold of the accuracy: with 64 units and"
    " word vectors from the training sentences, they need 0.125 to 0.875 of it, and lose hardly anything in some"
    " networks. It holds of the logits, which truncated weights change at least 10 times as much as truncated changes"
    " do at rank 10, and for which weights need half of the rank or more; and changes can be truncated as it says.",
)
