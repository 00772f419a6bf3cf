"""LTR-13: with the identity as activation, a network of tensor rank one has a line of fixed points at c = 1."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy.integrate import solve_ivp

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array

COLUMN = np.array([-1.0, 1.0]) / np.sqrt(2)


def measure(protocol: Protocol) -> Measured:
    """Where trajectories end at c = 1, and how fast they grow along the column at other strengths."""
    ends, expected = [], []
    paths = []
    for start in np.array(protocol["starts"], dtype=float):
        path = trajectory(start, 1.0, duration=protocol["duration"])
        paths.append(path)
        ends.append(path[-1])
        expected.append(COLUMN * (COLUMN @ start))
    rates = []
    for strength in protocol["strengths"]:
        path = trajectory(COLUMN, strength, duration=protocol["growth_duration"])
        rates.append(np.log(COLUMN @ path[-1] / (COLUMN @ path[0])) / protocol["growth_duration"])
    errors = [rate / (strength - 1) - 1 for rate, strength in zip(rates, protocol["strengths"], strict=True)]
    return Measured(
        values={
            "distance of the end from the projected start": np.abs(np.subtract(ends, expected)).max(1).tolist(),
            "relative error of the rate c - 1": np.abs(errors).tolist(),
        },
        curves={"paths": np.array(paths)},
    )


def trajectory(start: Array, strength: float, *, duration: float) -> Array:
    """States of the full network x' = -x + c a a^T x, time x unit."""
    weights = strength * np.outer(COLUMN, COLUMN)
    solved = solve_ivp(
        lambda _, state: weights @ state - state,
        (0, duration),
        start,
        t_eval=np.linspace(0, duration, 100),
        method="DOP853",
        rtol=1e-13,
        atol=1e-14,
    )
    return solved.y.T


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """The state plane at c = 1, as in Sup. Fig. 1."""
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    line = np.array([-2.0, 2.0])
    axes.plot(line, -line, color="0.6", lw=4, alpha=0.5, label="fixed points")
    for colour, path in zip(PALETTE, measured.curves["paths"], strict=False):
        axes.plot(*path.T, color=colour)
        axes.plot(*path[0], "o", color=colour, mfc="white")
        axes.plot(*path[-1], "o", color=colour)
    axes.set(xlabel="x1", ylabel="x2", aspect="equal", title="Open: start, full: end")
    axes.legend()
    return figure


CLAIM = Claim(
    id="LTR-13",
    title="Line attractor with the identity as activation",
    source="supplement A.2, Sup. Fig. 1",
    says="At c = 1 every point with x1 = -x2 is fixed and everything else decays onto that line; the origin is stable"
    " for c < 1 and unstable for c > 1.",
    kind="exact",
    parameters={
        "starts": [(1, 0), (2, -1), (3, 3)],
        "duration": 40.0,
        "strengths": [0.9, 1.1],
        "growth_duration": 10.0,
    },
    checks=(
        Check("distance of the end from the projected start", "<=", 1e-10),
        Check("relative error of the rate c - 1", "<=", 0.01),
    ),
    measure=measure,
    draw=draw,
)
