"""LTR-19: single entries held out are told by their neighbours in time, so that more components always look better."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.crossval.baselines import pca
from ltr.crossval.masks import Masks
from ltr.crossval.scores import Scorer
from ltr.figures.style import INK, PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.correlated_recording import errors_by_rank, held_out_error, split
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Errors of tensor decompositions by rank, and two predictors that use neighbours in time only."""
    ranks = tuple(protocol["ranks"])
    entries, blocks, signal, averages, components = [], [], [], [], []
    for seed in protocol.seeds:
        on_test, to_signal = errors_by_rank(seed, "entries", ranks)
        entries.append(on_test)
        signal.append(to_signal)
        blocks.append(errors_by_rank(seed, "blocks", ranks)[0])
        averages.append(neighbour_error(split(seed, "entries")))
        components.append([time_component_error(split(seed, scheme), protocol) for scheme in ("entries", "blocks")])
    return Measured(
        values={
            "largest rise of the entry-wise error from one rank to the next": [np.diff(e).max() for e in entries],
            "entry-wise error at the highest rank": [e[-1] for e in entries],
            "rank with the lowest error to the signal": [ranks[e.argmin()] for e in signal],
            "error to the signal at the highest rank over the lowest": [e[-1] / e.min() for e in signal],
            "rank with the lowest error in blocks": [ranks[e.argmin()] for e in blocks],
            "error of the mean of both neighbours": averages,
            "error of time components, entries": [pair[0] for pair in components],
            "error of time components, blocks": [pair[1] for pair in components],
        },
        curves={
            "ranks": np.array(ranks, dtype=float),
            "entries": np.array(entries),
            "blocks": np.array(blocks),
            "signal": np.array(signal),
        },
    )


def neighbour_error(scorer: Scorer) -> float:
    """Mean squared error of (before + after) / 2 at test entries between two training entries."""
    activity, train = scorer.activity, scorer.masks.train
    inside = scorer.masks.test[:, 1:-1] & train[:, :-2] & train[:, 2:]
    mean = (activity[:, :-2] + activity[:, 2:]) / 2
    return float(((mean - activity[:, 1:-1])[inside] ** 2).mean())


def time_component_error(scorer: Scorer, protocol: Protocol) -> float:
    """Of principal components along time: each neuron in each trial is a row, and time bins take the neurons' place."""
    masks = scorer.masks
    turned = Masks(*(np.swapaxes(mask, 1, 2) for mask in (masks.train, masks.validation, masks.test)))
    swapped = Scorer.of(np.swapaxes(scorer.activity, 1, 2), turned, "gaussian")
    return held_out_error(pca(swapped, protocol["time_components"], 0.0), swapped)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Errors against rank, as the comparison of procedures in Sup. Fig. 3; one line a seed."""
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    ranks = measured.curves["ranks"]
    for name, colour, label in (
        ("entries", PALETTE[1], "test, single entries"),
        ("blocks", PALETTE[0], "test, blocks"),
        ("signal", INK, "distance to the true signal"),
    ):
        lines = axes.plot(ranks, measured.curves[name].T, "o-", color=colour, ms=3, alpha=0.8)
        lines[0].set_label(label)
    axes.axhline(1, color="0.6", ls=":", lw=1, label="variance of the noise")
    axes.axvline(3, color="0.6", ls="--", lw=1, label="true rank")
    axes.set(xlabel="number of components", ylabel="mean squared error", xticks=ranks)
    figure.legend(loc="outside right upper")
    return figure


CLAIM = Claim(
    id="LTR-19",
    title="Cross-validation by single entries is passed trivially",
    source="supplement B, Sup. Fig. 3",
    says="Activity is correlated along time, so an entry's neighbours tell it: with single entries held out, the test"
    " error behaves like the training error, whereas blocks tell the rank.",
    kind="statistical",
    parameters={"ranks": [1, 2, 3, 4, 5, 6, 8, 10, 14], "time_components": 10},
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("largest rise of the entry-wise error from one rank to the next", "<=", 0),
        Check("entry-wise error at the highest rank", "<=", 0.8),
        Check("rank with the lowest error to the signal", "between", (2, 4)),  # 3 on nine recordings of ten, once 4
        Check("error to the signal at the highest rank over the lowest", ">=", 2),
        Check("rank with the lowest error in blocks", "between", (2, 4)),
        Check("error of the mean of both neighbours", "<=", 0.01),
        Check("error of time components, entries", "<=", 0.01),
        Check("error of time components, blocks", ">=", 0.25),
    ),
    measure=measure,
    draw=draw,
    shares="correlated recording",
)
