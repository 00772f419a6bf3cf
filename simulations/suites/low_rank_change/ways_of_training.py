"""LRC-34: training the weights only, gradient descent, and other steps: changes stay of low rank, but not all learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.simulations.suites.low_rank_change.learned_tasks import (
    FULL,
    PARAMETERS,
    SEEDS,
    SHARES,
    Experiment,
    Variant,
    experiments,
    learn,
    truncated,
)
from ltr.simulations.suites.low_rank_change.task_figures import draw_lines, on_logarithmic_axes
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

VARIANTS = {
    "weights only": Variant(learned=("weight",)),
    "gradient descent": Variant(descent_rate=0.3),
    "steps half as long": Variant(finer=2),
    "steps of 1": Variant(coarser=2),
}


def measure(protocol: Protocol) -> Measured:
    """Epochs to learn the flip-flop and functional ranks."""
    values, curves = {}, {}
    for name, gains in protocol["variant_gains"].items():
        for experiment in experiments(protocol, "flip-flop", gains):
            learning = learn(_changed(experiment, name, protocol), protocol)
            title = f"{name}, g = {experiment.gain:g}"
            values[f"epochs, {title}"] = learning.convergence.tolist()
            values[f"norm of the change, {title}"] = np.linalg.norm(learning.change, axis=(1, 2)).tolist()
            if np.isfinite(learning.convergence).all():
                values[f"rank, {title}"] = truncated(learning, protocol).functional_rank.tolist()
            curves[title] = learning.loss
    ratio = np.median(values["epochs, weights only, g = 0.9"]) / np.median(values["epochs, weights only, g = 0"])
    values["g = 0.9 over 0, weights only"] = [float(ratio)]
    return Measured(values, curves)


def _changed(experiment: Experiment, name: str, protocol: Protocol) -> Experiment:
    epochs = protocol["variant_epochs"].get(name, experiment.epochs)
    return experiment._replace(variant=VARIANTS[name], epochs=epochs)


def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Loss over epochs, one line a network."""
    return on_logarithmic_axes(draw_lines(measured.curves, tuple(VARIANTS), x="epoch", y="loss"))


CLAIM = Claim(
    id="LRC-34",
    title="Other ways of training",
    source="section 2, supplement A",
    says="Training W only, gradient descent, a smaller step and fully discrete dynamics give similar results.",
    kind="statistical",
    parameters={
        **PARAMETERS,
        "variant_gains": {
            "weights only": [0.0, 0.9],
            "gradient descent": [0.9],
            "steps half as long": [0.9],
            "steps of 1": [0.0, 0.9],
        },
        # without initial connectivity, steps of 1 learn nothing however long they take
        "variant_epochs": {"steps of 1": 150},
    },
    sizes={"quick": {}, "full": FULL},
    seeds=SEEDS,
    checks=(
        Check("rank, weights only, g = 0", "<=", 8),
        Check("rank, weights only, g = 0.9", "<=", 8),
        Check("g = 0.9 over 0, weights only", "<=", 0.75),
        Check("rank, gradient descent, g = 0.9", "<=", 10),
        Check("rank, steps half as long, g = 0.9", "<=", 8),
        Check("rank, steps of 1, g = 0.9", "<=", 8),
        Check("norm of the change, steps of 1, g = 0", "==", 0),
    ),
    deviation="In fully discrete dynamics (a step of 1), a network without initial connectivity learns nothing at all:"
    " with W = 0 a state holds its last input only, while answers count from several steps after it, so that the"
    " gradient of W is exactly zero. The other three ways, and discrete dynamics with g = 0.9, learn, by changes of low"
    " rank.",
    measure=measure,
    draw=draw,
    shares=SHARES,
)
