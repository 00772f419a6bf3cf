"""LTR-X4: a network that does not learn gets flat factors, and gains nothing from factors that may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.settings import FactorShape
from ltr.simulations.suites.low_tensor_rank.held_out_gain import gain
from ltr.simulations.suites.low_tensor_rank.recovery_curves import REFERENCE, fit
from ltr.simulations.teacher import simulate_teacher
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

SHAPES: Mapping[str, FactorShape] = {"learning": "distinct", "no learning": "constant"}


@dataclass(frozen=True, eq=False)
class Factors:
    """Trial factors of a fit to a whole recording.

    Attributes:
        fitted: over their means.
        true: of the teacher, over their means.
        passed: whether the fit's own gates let its components be read one by one.
    """

    fitted: Float[Array, "trial rank"]
    true: Float[Array, "trial rank"]
    passed: bool


def measure(protocol: Protocol) -> Measured:
    """Modulation of fitted factors, and held-out gains over the static network, of teachers with and without learning.

    Modulation is the sd over trials as a share of the mean; with learning that of the flattest component counts,
    without that of the liveliest.
    """
    factors = {name: [factors_of(seed, shape) for seed in protocol.seeds] for name, shape in SHAPES.items()}
    modulation = {name: np.array([each.fitted.std(axis=0) for each in of]) for name, of in factors.items()}
    lowest, highest = modulation["learning"].min(axis=1), modulation["no learning"].max(axis=1)
    return Measured(
        values={
            "lowest modulation, learning": lowest.tolist(),
            "highest modulation, no learning": highest.tolist(),
            "ratio of modulations": (lowest / highest).tolist(),
            **{f"components pass the gates, {name}": [each.passed for each in of] for name, of in factors.items()},
            **{
                f"held-out gain, {name}": [gain(seed, shape, "blocks") for seed in protocol.seeds]
                for name, shape in SHAPES.items()
            },
        },
        curves={name: of[0].fitted for name, of in factors.items()}
        | {f"{name}, truth": of[0].true for name, of in factors.items()},
    )


def factors_of(seed: int, shape: FactorShape) -> Factors:
    """Fitted to all entries of a recording at the reference setting."""
    teacher = simulate_teacher(replace(REFERENCE, seed=seed, factor_shape=shape))
    result = fit(teacher.recording, seed)
    fitted, true = result.factors.trial_factor.values, teacher.truth.trial_factor.values
    passed = bool(result.metrics["identifiability"]["passed"])
    return Factors(fitted / fitted.mean(axis=0), true / true.mean(axis=0), passed)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Fitted and true factors of the first seed, each over its mean."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(SHAPES), sharey=True)
    for axes, name in zip(panels, SHAPES, strict=True):
        truth, fitted = measured.curves[f"{name}, truth"], measured.curves[name]
        for index, (colour, fitted_one) in enumerate(zip(PALETTE, fitted.T, strict=False)):
            axes.plot(fitted_one, ".", color=colour, ms=4, label=f"fitted, component {index + 1}")
        for index, true_one in enumerate(truth.T):
            axes.plot(true_one, "-", color="0.4", lw=1, zorder=0, label="" if index else "truth")
        gains = measured.values[f"held-out gain, {name}"]
        title = f"{name}: held-out gain {min(gains):.2f} to {max(gains):.2f}"
        axes.set(xlabel="trial", title=title[0].upper() + title[1:])
    panels[0].set_ylabel("trial factor over its mean")
    panels[1].legend(loc="lower right")
    return figure


CLAIM = Claim(
    id="LTR-X4",
    title="No learning, flat factors",
    source="beyond the paper",
    says="Of a network that does not learn, fitted factors are flat to within a few percent, the fit says that its"
    " components cannot be told apart, and held-out entries are predicted no better than with constant factors; a"
    " network that learns is told from it by the first and the last, and nearly always by the second.",
    kind="statistical",
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("lowest modulation, learning", ">=", 0.15),
        Check("highest modulation, no learning", "<=", 0.03, over="median"),
        Check("highest modulation, no learning", "<=", 0.1),  # 0.07 in one network of ten
        Check("ratio of modulations", ">=", 10, over="median"),
        Check("ratio of modulations", ">=", 3),
        Check("components pass the gates, learning", "==", 1, over="median"),  # 9 of 10 do
        Check("components pass the gates, no learning", "==", 0),
        Check("held-out gain, learning", ">=", 0.2),
        Check("held-out gain, no learning", "between", (-0.03, 0.03)),
    ),
    measure=measure,
    draw=draw,
    shares="held-out gain",
)
