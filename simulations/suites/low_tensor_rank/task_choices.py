"""LTR-X9: which ranks of a network that learns to reach hang on choices that the paper leaves open.

How long it is trained, and the scales of inputs, readout and initial weights. That a perturbation changes the weights
along two components does not hang on them; that training from scratch takes three, and the overlap of the two, do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.reach_learning import train_and_record_many
from ltr.simulations.settings import ReachSettings
from ltr.simulations.suites.low_tensor_rank.motor_learning import change_in_pretraining, changes_in_session
from ltr.simulations.suites.low_tensor_rank.overlap_of_changes import DIRECTIONS, unexplained
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import cumulative_share, decompose

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "standard": {},
    "trained longer": {"pretraining_steps": 1000, "pretraining_rate": 1e-3},
    "larger inputs": {"input_scale": 1.0},
    "larger readout": {"readout_scale": 10.0},
    "larger readout, weaker weights": {"readout_scale": 10.0, "recurrent_gain": 0.3},
}
QUANTITIES = (
    "training: share explained by 3 components",
    "session: share explained by 2 components",
    "session: left unexplained by 3 components of training",
    "session: change relative to that by training",
)


def measure(protocol: Protocol) -> Measured:
    """Ranks and sizes of weight changes for every choice."""
    curves = {}
    for choice, changed in CHOICES.items():
        settings = ReachSettings(units=protocol["units"], neurons=min(protocol["units"], 80), **changed)
        found = []
        for record in train_and_record_many(settings, protocol.seeds, keep_weights=True):
            trained, changes = change_in_pretraining(record), changes_in_session(record)
            columns, _, rows = np.linalg.svd(trained)
            found.append(
                (
                    cumulative_share(trained)[2],
                    decompose(changes, (2,))[2].explained,
                    unexplained(changes, columns[:, :DIRECTIONS], rows[:DIRECTIONS].T),
                    np.linalg.norm(changes, axis=(1, 2)).max() / np.linalg.norm(trained),
                )
            )
        curves[choice] = np.array(found)
    standard = curves["standard"]
    others = np.concatenate([numbers for choice, numbers in curves.items() if choice != "standard"])
    values = {f"{name}, standard": standard[:, place].tolist() for place, name in enumerate(QUANTITIES)}
    values |= {f"{name}, other choices": others[:, place].tolist() for place, name in enumerate(QUANTITIES)}
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One panel a quantity, one row a choice, one dot a seed."""
    figure = new_figure(2.6)
    panels = figure.subplots(1, len(QUANTITIES), sharey=True)
    for place, (axes, name) in enumerate(zip(panels, QUANTITIES, strict=True)):
        for row, choice in enumerate(CHOICES):
            numbers = measured.curves[choice][:, place]
            axes.plot(numbers, np.full(len(numbers), row), "o", ms=4, color=PALETTE[0], alpha=0.7)
        axes.axvline(measured.curves["standard"][:, place].mean(), color=GREY, lw=1, ls=":")
        axes.set(xlim=(0, 1.03), xlabel=name.replace(": ", ":\n").replace(" by ", "\nby ").replace(" to ", "\nto "))
    panels[0].set_yticks(range(len(CHOICES)), CHOICES)
    panels[0].invert_yaxis()
    return figure


CLAIM = Claim(
    id="LTR-X9",
    title="What hangs on choices that the paper leaves open",
    source="ours, after supplement C",
    says="However long the network is trained, and whatever the scale of its inputs, readout and initial weights, a"
    " perturbation changes its weights along two components. That training from scratch takes three, and how much the"
    " two have in common, depends on these choices.",
    kind="qualitative",
    parameters={"units": 100},
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 1, "full": 3},
    checks=(
        Check("session: share explained by 2 components, standard", ">=", 0.95),
        Check("session: share explained by 2 components, other choices", ">=", 0.95, over="median"),
        Check("session: share explained by 2 components, other choices", ">=", 0.85),
        Check("training: share explained by 3 components, standard", ">=", 0.87),
        Check("training: share explained by 3 components, other choices", "<=", 0.8, over="some"),
        Check("session: left unexplained by 3 components of training, standard", "<=", 0.3),
        Check("session: left unexplained by 3 components of training, other choices", ">=", 0.5, over="some"),
        Check("session: change relative to that by training, other choices", "<=", 0.35),
    ),
    measure=measure,
    draw=draw,
)
