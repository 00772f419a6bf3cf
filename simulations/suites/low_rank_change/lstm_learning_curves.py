"""LRC-38: how an LSTM with a small learning rate learns sentiment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.sentiment_network import (
    NEEDS,
    PARAMETERS,
    SEEDS,
    SHARES,
    SIZES,
    Experiment,
    learn,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

CHANCE = float(np.log(2))
SETS = ("training", "validation")


def measure(protocol: Protocol) -> Measured:
    """Loss and accuracy on both sets, by epoch."""
    courses, origin = learn(Experiment.of(protocol))
    losses = [np.stack([course.loss, course.validation_loss]) for course in courses]
    accuracies = [np.stack([course.accuracy, course.validation_accuracy]) for course in courses]
    return Measured(
        values={
            "epochs": [course.shape[1] for course in losses],
            "training loss in the first epoch over that of chance": [course[0, 0] / CHANCE for course in losses],
            "training loss in the last epoch": [course[0, -1] for course in losses],
            "largest rise of the training loss between epochs": [np.diff(course[0]).max() for course in losses],
            "least validation loss": [course[1].min() for course in losses],
            "validation loss in the last epoch": [course[1, -1] for course in losses],
            "training accuracy": [course[0, -1] for course in accuracies],
            "validation accuracy": [course[1, -1] for course in accuracies],
        },
        curves={f"seed {index}": np.vstack(pair) for index, pair in enumerate(zip(losses, accuracies, strict=True))},
        note=origin,
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fig. S6 a and b, one line a seed."""
    figure = new_figure(3.0)
    left, right = figure.subplots(1, 2)
    looks = [(axes, name, colour) for axes in (left, right) for name, colour in zip(SETS, PALETTE, strict=False)]
    for number, curves in enumerate(measured.curves.values()):
        for (axes, name, colour), curve in zip(looks, curves, strict=True):
            label = name if number == 0 else None
            axes.plot(np.arange(1, len(curve) + 1), curve, color=colour, lw=1, label=label)
    left.set(xlabel="epoch", ylabel="cross-entropy")
    right.set(xlabel="epoch", ylabel="accuracy")
    right.legend(loc="lower right")
    return figure


CLAIM = Claim(
    id="LRC-38",
    title="Learning curves of an LSTM",
    source="Fig. S6 a, b",
    says="After a plateau at chance, the training loss falls smoothly to 0.37, where 0.83 of the training sentences are"
    " answered rightly; the validation loss has its least value, 0.49, before, and 0.79 of the validation sentences are"
    " answered rightly in the end.",
    kind="qualitative",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={
        "training loss in the last epoch": 0.37,
        "least validation loss": 0.49,
        "validation loss in the last epoch": 0.51,
        "training accuracy": 0.83,
        "validation accuracy": 0.79,
    },
    checks=(
        Check("training loss in the first epoch over that of chance", "between", (0.95, 1.02)),
        Check("largest rise of the training loss between epochs", "<=", 0.01),
        Check("least validation loss", "between", (0.43, 0.53)),
        Check("training accuracy", "between", (0.79, 0.87)),
        Check("validation accuracy", "between", (0.75, 0.84)),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
    needs=NEEDS,
    reads_embeddings=True,
)
