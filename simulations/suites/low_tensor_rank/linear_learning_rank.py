"""LTR-39: a linear network's weights keep rank 2R + m + d or less while they learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.linear_learning import EXPERIMENT, Learning, learn
from ltr.simulations.suites.low_tensor_rank.rate_network import numerical_rank, outside
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Ranks of weights and of their change, and what lies outside V, for every case; and from random states."""
    values: dict[str, list[float]] = {}
    curves = {}
    common = {name: protocol[name] for name in EXPERIMENT}
    for seed in protocol.seeds:
        for rank, inputs, outputs, loss, samples in protocol["cases"]:
            experiment = Learning(seed, rank, inputs, outputs, loss, samples, "descent", **common)
            learned = learn(experiment)
            ranks = np.array([numerical_rank(weights) for weights in learned.weights])
            changes = learned.weights - learned.weights[0]
            change_ranks = np.array([numerical_rank(change) for change in changes[1:]])
            away = [max(outside(change, learned.basis), outside(change.T, learned.basis)) for change in changes[1:]]
            case = f"({rank}, {inputs}, {outputs}), {loss} loss"
            found = {
                "highest rank of the weights minus 2R + m + d": ranks.max() - experiment.bound,
                "highest rank of the change minus 2R + m + d": change_ranks.max() - experiment.bound,
                "share of the change outside V": max(away),
                f"final rank of the weights, {case}": ranks[-1],
            }
            for name, value in found.items():
                values.setdefault(name, []).append(float(value))
            if seed == protocol.seeds[0]:
                curves[case] = np.array([ranks[1:], change_ranks, np.full(len(change_ranks), experiment.bound)])
        rank, inputs, outputs, loss, samples = protocol["contrast"]
        experiment = Learning(seed, rank, inputs, outputs, loss, samples, "descent", **common, from_rest=False)
        final = learn(experiment).weights[-1]
        name = "from random states: final rank minus 2R + m + d"
        values.setdefault(name, []).append(numerical_rank(final) - experiment.bound)
    return Measured(values, curves)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Ranks over learning, under the bound."""
    figure = new_figure(3.4)
    panels = figure.subplots(1, len(measured.curves), squeeze=False, sharey=True)[0]
    for axes, (case, (weights, change, bound)) in zip(panels, measured.curves.items(), strict=True):
        steps = np.arange(1, len(bound) + 1)
        axes.plot(steps, bound, "--", color=PALETTE[6], label="bound 2R + m + d")
        axes.step(steps, weights, color=PALETTE[0], where="mid", label="weights")
        axes.step(steps, change, color=PALETTE[1], where="mid", label="change of the weights")
        axes.set(xlabel="gradient step", title=f"(R, m, d) = {case}", xscale="log", ylim=(0, None))
        axes.xaxis.set_major_formatter(FormatStrFormatter("%d"))
    panels[0].set_ylabel("numerical rank")
    panels[-1].legend(loc="upper right")
    return figure


CLAIM = Claim(
    id="LTR-39",
    title="Theorem 2, claim 2: rank of the weights while learning",
    source="supplement D.2.3",
    says="Gradients of a linear network stay in V (x) V, where V is spanned by columns and rows of the first weights,"
    " the input map and the decoder, so the weights keep rank 2R + m + d or less (for networks that start at rest).",
    kind="exact",
    parameters={
        **EXPERIMENT,
        "cases": [(3, 2, 2, "final", 1), (3, 2, 2, "integrated", 8), (1, 1, 1, "final", 1)],
        "contrast": (3, 2, 2, "integrated", 8),
    },
    sizes={"smoke": {"iterations": 30}, "quick": {}, "full": {"units": 200, "iterations": 500}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("highest rank of the weights minus 2R + m + d", "<=", 0),
        Check("highest rank of the change minus 2R + m + d", "<=", 0),
        Check("share of the change outside V", "<=", 1e-10),
        Check("from random states: final rank minus 2R + m + d", ">=", 1),
    ),
    measure=measure,
    draw=draw,
    shares="linear learning",
)
