"""LRC-X1: the weight changes over learning are a tensor of low rank, hardly higher than that of the last change.

The two papers meet here: one says that what learning adds in the end is a matrix of low rank, the other that all that
it added on the way is a tensor of low rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.settings import ConstantInputSettings, CosineSettings, TaskSettings
from ltr.simulations.suites.low_rank_change.learned_tasks import TITLES
from ltr.simulations.task_learning import record_constant_input, record_cosine, record_task_networks
from ltr.simulations.training_record import TrainingRecord
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import cumulative_share, decompose
from ltr.types import Array, Float

EXPLAINED = 0.995  # of them is all


def measure(protocol: Protocol) -> Measured:
    """Share of the squares of W - W0 by number of components, and by rank of the last change."""
    values: dict[str, list[float]] = {}
    curves: dict[str, list[list[float]]] = {}
    for title, record in learned(protocol):
        changes = np.subtract(record.weights, record.weights[0], dtype=float)
        of_matrix = cumulative_share(changes[-1])
        of_tensor = explained(changes, protocol["components"])
        by_rank = of_matrix[np.array(protocol["components"]) - 1]
        told = protocol["components"].index(protocol["told"])
        of_network = {
            f"explained by {protocol['told']} components, {title}": of_tensor[told],
            f"explained by a matrix of that rank, {title}": by_rank[told],
            "share of the last change by two ranks or more less that of all changes by as many components": max(
                (by_rank - of_tensor)[1:]
            ),
            "loss in the end, share of the first": record.loss[-10:].mean() / record.loss[:2].mean(),
        }
        for quantity, value in of_network.items():
            values.setdefault(quantity, []).append(float(value))
        curves.setdefault(title, []).append([*of_tensor, *by_rank])
    found = {title: np.array(rows) for title, rows in curves.items()}
    return Measured(values, found | {"components": np.array(protocol["components"])})


def explained(changes: Float[Array, "trial unit unit"], components: Sequence[int]) -> list[float]:
    """Share of the squares by number of components; where nothing is left to explain, more of them are not tried."""
    shares = [0.0]
    for count in components:
        shares.append(shares[-1] if shares[-1] > EXPLAINED else decompose(changes, (count,))[count].explained)
    return shares[1:]


def learned(protocol: Protocol) -> Iterator[tuple[str, TrainingRecord]]:
    """Networks of all tasks, with the weights after every few steps of training."""
    sizes = {"units": protocol["units"], "neurons": 1, "trials": protocol["trials"]}
    for name, gain, between in protocol["drawn_tasks"]:
        settings = TaskSettings(gain=gain, steps_per_trial=between, conditions=2, **sizes)
        for record in record_task_networks(name, settings, protocol.seeds):
            yield f"{TITLES[name]}, g = {gain:g}", record
    for gain in protocol["constant_input_gains"]:
        for record in record_constant_input(ConstantInputSettings(gain=gain, **sizes), protocol.seeds):
            yield f"constant input, g = {gain:g}", record
    for gain, between in protocol["cosine"]:
        oscillator = CosineSettings(gain=gain, steps_per_trial=between, **sizes)
        for record in record_cosine(oscillator, protocol.seeds):
            yield f"cosine, g = {gain:g}", record


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Share of the squares by rank, of the tensor of all changes and of the last change; one line a network."""
    tasks = [title for title in measured.curves if title != "components"]
    ranks = measured.curves["components"]
    figure = new_figure(2.6 * -(-len(tasks) // 4))
    panels = figure.subplots(-(-len(tasks) // 4), 4, sharex=True, sharey=True).ravel()
    for axes, title in zip(panels, tasks, strict=False):
        of_tensor, of_matrix = np.split(measured.curves[title], 2, axis=1)
        for colour, shares, label in (
            (PALETTE[0], of_matrix, "last change, by rank"),
            (PALETTE[1], of_tensor, "all changes, by components"),
        ):
            for index, line in enumerate(shares):
                axes.plot(ranks, line, "o-", color=colour, ms=3, lw=1, alpha=0.8, label=None if index else label)
        axes.set(title=title, ylim=(0, 1.03))
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    for axes in panels[max(0, len(tasks) - 4) : len(tasks)]:
        axes.set_xlabel("rank, or components")
        axes.tick_params(labelbottom=True)
    for axes in panels[::4]:
        axes.set_ylabel("share of the squares")
    panels[0].legend(loc="lower right")
    return figure


CLAIM = Claim(
    id="LRC-X1",
    title="Tensor rank of weight changes",
    source="ours, after section 3 and Pellegrino et al. (2023)",
    says="The last change has low rank. So all changes on the way should be a tensor of low rank: R components should"
    " explain them about as well as rank R does the last change.",
    kind="statistical",
    parameters={
        "units": 64,
        "trials": 150,
        "components": (1, 2, 3, 4, 6),
        "told": 2,
        # task, g, steps of training between two snapshots
        "drawn_tasks": (("flip-flop", 0.0, 2), ("flip-flop", 0.9, 1), ("mante", 0.9, 1), ("romo", 0.9, 3)),
        "constant_input_gains": (0.0, 0.6),
        "cosine": ((0.4, 4),),
    },
    sizes={"quick": {}, "full": {"units": 256, "trials": 250}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check(
            "share of the last change by two ranks or more less that of all changes by as many components", "<=", 0.06
        ),
        Check("explained by 2 components, flip-flop, g = 0", ">=", 0.9),
        Check("explained by 2 components, flip-flop, g = 0.9", "between", (0.6, 0.9)),
        Check("explained by 2 components, cosine, g = 0.4", ">=", 0.97),
        Check("explained by 2 components, constant input, g = 0.6", ">=", 0.99),
        Check("loss in the end, share of the first", "<=", 0.2),
    ),
    measure=measure,
    draw=draw,
)
