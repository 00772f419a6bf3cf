"""LTR-35: singular values of the gradient are bounded by those of rates and adjoints."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.low_tensor_rank.rate_network import (
    Loss,
    automatic_gradients,
    descend,
    full_network,
    operators,
    random_task,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float


def measure(protocol: Protocol) -> Measured:
    """Excess over the bound in random networks, at the start and while they learn."""
    excess: dict[Loss, list[float]] = {"final": [], "integrated": []}
    cases = product(protocol.seeds, protocol["units"], protocol["steps"], protocol["activations"], excess)
    for seed, units, steps, activation, loss in cases:
        rng = np.random.default_rng(seed)
        network = full_network(units, 2, 2, rng, activation=activation)
        task = random_task(network, rng, duration=protocol["duration"], step=protocol["duration"] / steps, loss=loss)
        rates, pulling = (values(matrix[0]) for matrix in operators(network, task))
        excess[loss].append(highest_excess(values(automatic_gradients(network, task).weights), rates, pulling))
    learning = []
    curves = {}
    for seed, activation in product(protocol.seeds, protocol["activations"]):
        rng = np.random.default_rng(seed)
        network = full_network(max(protocol["units"]), 2, 2, rng, activation=activation)
        task = random_task(network, rng, duration=protocol["duration"], step=0.1)
        rate = protocol["learning rate"]
        for _ in range(protocol["iterations"]):
            gradient = automatic_gradients(network, task).weights
            rates, pulling = (values(matrix[0]) for matrix in operators(network, task))
            learning.append(highest_excess(values(gradient), rates, pulling))
            network, rate = descend(network, task, rate)
        if seed == protocol.seeds[0]:
            shown = slice(protocol["shown"])
            curves[activation] = np.stack(
                [rates[shown], pulling[shown], values(gradient)[shown], bound(rates, pulling)[shown]]
            )
    return Measured(
        {
            "excess over the bound, loss at the end": excess["final"],
            "excess over the bound, loss over time": excess["integrated"],
            "excess over the bound while learning": learning,
        },
        curves,
    )


def values(matrix: Float[Array, "unit column"]) -> Float[Array, " unit"]:
    """All singular values, with zeros where there are fewer columns than units."""
    singular = np.linalg.svd(matrix, compute_uv=False)
    return np.pad(singular, (0, len(matrix) - len(singular)))


def bound(rates: Float[Array, " unit"], pulling: Float[Array, " unit"]) -> Float[Array, " unit"]:
    """Upper bound of Theorem 1 from the singular values of rates and adjoints."""
    return np.minimum(pulling[0] * rates, rates[0] * pulling)


def highest_excess(
    gradient: Float[Array, " unit"], rates: Float[Array, " unit"], pulling: Float[Array, " unit"]
) -> float:
    """Largest excess of a singular value over its bound, as a share of the largest singular value.

    A rectified network of few units may stay silent; its gradient is zero and has no scale, so the excess is absolute.
    """
    return float((gradient - bound(rates, pulling)).max() / (gradient[0] or 1.0))


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Singular values after learning with the loss at the end, as in Sup. Fig. 6c and d."""
    figure = new_figure(3.6)
    panels = figure.subplots(1, len(measured.curves), sharey=True, squeeze=False)[0]
    looks = {"rates": "-", "adjoints": "-", "gradient": "-", "bound": "--"}
    for axes, (activation, curves) in zip(panels, measured.curves.items(), strict=True):
        scales = [curves[0, 0], curves[1, 0], curves[3, 0], curves[3, 0]]  # gradient and bound stay comparable
        for (name, look), colour, curve in zip(
            looks.items(), PALETTE, curves / np.array(scales)[:, None], strict=False
        ):
            axes.semilogy(np.arange(1, len(curve) + 1), curve, look, color=colour, label=name)
        axes.set(xlabel="index", title=activation, ylim=(1e-16, 3))
    plain_ticks(panels[0].yaxis)
    panels[0].set_ylabel("singular value, share of the largest\n(gradient: of the largest bound)")
    panels[-1].legend()
    return figure


CLAIM = Claim(
    id="LTR-35",
    title="Theorem 1, upper bound",
    source="supplement D.2.1, equations D.2.1 to D.2.11, Sup. Fig. 6d",
    says="The i-th singular value of the gradient is at most the smaller of two products: the largest singular value"
    " of the adjoints with the i-th of the rates, and the other way round.",
    kind="exact",
    parameters={
        "units": [3, 5, 8, 100],
        "steps": [20, 100, 200, 300, 400],
        "duration": 5.0,
        "activations": ["tanh", "rectified tanh"],
        "iterations": 20,
        "learning rate": 0.05,
        "shown": 40,
    },
    sizes={"smoke": {"steps": [20, 100]}, "quick": {}, "full": {"activations": ["tanh", "rectified tanh", "softplus"]}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("excess over the bound, loss at the end", "<=", 1e-13),
        Check("excess over the bound, loss over time", "<=", 1e-13),
        Check("excess over the bound while learning", "<=", 1e-13),
    ),
    measure=measure,
    draw=draw,
)
