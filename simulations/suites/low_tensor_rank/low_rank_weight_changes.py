"""LTR-50: few components of a tensor decomposition explain the weight changes, nearly as many as matrices would."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import new_figure, styled
from ltr.simulations.suites.low_tensor_rank.target_spectra import (
    PARAMETERS,
    Experiment,
    draw_variance,
    explained,
    learn,
)
from ltr.simulations.target_network import SETTINGS
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol


def measure(protocol: Protocol) -> Measured:
    """Variance explained in all five settings, and whether gradients are exact and bounded all along."""
    experiment = Experiment.of(protocol)
    by_setting = {name: explained(name, experiment) for name in SETTINGS}
    courses = [learn(name, experiment) for name in SETTINGS]
    gap = np.array([of_tensor - of_unfoldings.min(1) for of_tensor, of_unfoldings in by_setting.values()])
    return Measured(
        values={
            "tensor above the best that unfoldings allow": gap.max(2).ravel().tolist(),
            "tensor below the best that unfoldings allow": (-gap).max(2).ravel().tolist(),
            "variance explained by 3 components": [
                share for tensor, _ in by_setting.values() for share in tensor[:, 2]
            ],
            "excess over the bound": np.concatenate([course.highest_excess for course in courses]).tolist(),
            "gradient, distance from automatic differentiation": np.concatenate(
                [course.autograd_error for course in courses]
            ).tolist(),
            "loss in the end, share of the first": np.concatenate(
                [course.loss[:, -1] / course.loss[:, 0] for course in courses]
            ).tolist(),
        },
        curves={
            name: np.vstack([of_tensor.mean(0), of_unfoldings.mean(0)])
            for name, (of_tensor, of_unfoldings) in by_setting.items()
        },
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Sup. Fig. 6 e of all settings, means over seeds."""
    figure = new_figure(2.8)
    panels = figure.subplots(1, len(measured.curves), sharey=True)
    for axes, (name, curves) in zip(panels, measured.curves.items(), strict=True):
        draw_variance(axes, curves[0], curves[1:])
        axes.set_title(name.replace("_", " "))
    panels[0].set_ylabel("variance explained")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return figure


CLAIM = Claim(
    id="LTR-50",
    title="Weight changes have low tensor rank",
    source="supplement D.4, Theorem 1, Sup. Fig. 6 e",
    says="A tensor decomposition of the weight changes explains them with few components, nearly as well as matrix"
    " decompositions of their unfoldings.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 5},
    checks=(
        Check("tensor above the best that unfoldings allow", "<=", 1e-9),
        Check("tensor below the best that unfoldings allow", "<=", 0.005),
        Check("variance explained by 3 components", ">=", 0.95),
        Check("excess over the bound", "<=", 1e-13),
        Check("gradient, distance from automatic differentiation", "<=", 1e-12),
        Check("loss in the end, share of the first", "<=", 0.01),
    ),
    measure=measure,
    draw=draw,
    shares="networks that learn a target",
)
