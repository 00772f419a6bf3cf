"""LRC-21: beyond the first two, singular values of the change appear one after another and stay orders smaller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.low_rank_change.constant_input_learning import (
    EXPERIMENT,
    PAPER,
    SEEDS,
    SHARES,
    effective_times,
    experiment,
    frozen,
    learned,
    readout_series,
    singular_value_series,
)
from ltr.simulations.suites.low_rank_change.linear_descent import Descended
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

SHOWN = 5  # singular values


def measure(protocol: Protocol) -> Measured:
    """Five singular values over learning."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    steps = np.unique(np.geomspace(3, protocol["updates"], protocol["points"]).astype(int))
    for gain in protocol["gains"]:
        learning = experiment(protocol, gain)
        descended = learned(learning)
        found = descended.singular_values(steps.tolist(), SHOWN)
        for index, target in enumerate(learning.targets):
            case = f"zhat = {target:g}, g = {gain:g}"
            time = effective_times(learning)[index, steps]
            reached = readout_series(time, target, learning.beta) >= target
            series = singular_value_series(time, target, learning.beta)
            curves |= {f"time, {case}": time, f"values, {case}": np.median(found[:, index], axis=0)}
            curves[f"theory, {case}"] = np.stack([frozen(curve, reached) for curve in series])
            values[f"final s_3 / s_1, {case}"] = (found[:, index, -1, 2] / found[:, index, -1, 0]).tolist()
            if gain:
                late = time >= 0.1
                for value in range(1, 4):
                    ratio = found[:, index, late, value - 1] / found[:, index, late, value]
                    name = f"least s_{value} / s_{value + 1}, beta^2 tau >= 0.1, {case}"
                    values[name] = ratio.min(1).tolist()
            else:
                single = np.stack([summed_in_float32(descended, seed, index) for seed in range(protocol["summed"])])
                singular = np.linalg.svd(single, compute_uv=False)
                values[f"final s_3 / s_1 in float32, {case}"] = (singular[:, 2] / singular[:, 0]).tolist()
    for value, power in enumerate(first_powers(protocol), start=1):
        values[f"power of learning time in s_{value} at first, g = {protocol['gains'][-1]:g}"] = power.tolist()
    return Measured(values, curves)


def first_powers(protocol: Protocol) -> Float[Array, "value seed"]:
    """Slopes of the logarithms of singular values over that of learning time, at first and with small steps."""
    refined, target = protocol["refined"], protocol["targets"][0]
    whole = experiment(protocol, protocol["gains"][-1])
    learning = replace(whole, targets=(target,), rates=(whole.rates[0] / refined,), updates=protocol["refined_updates"])
    ends = [learning.updates // 2, learning.updates]
    found = learned(learning).singular_values(ends, SHOWN - 1)[:, 0]
    return np.asarray(np.log2(found[:, 1] / found[:, 0]).T)


def summed_in_float32(descended: Descended, seed: int, target: int) -> Float[Array, "unit unit"]:
    """The change, if every update were added to weights of single precision, as the authors' are."""
    weights = np.zeros((descended.rows.shape[-1],) * 2, dtype=np.float32)
    for strength, column, row in zip(
        descended.strengths[seed, target], descended.columns[seed, target], descended.rows[seed, target], strict=True
    ):
        weights += np.outer((strength * column).astype(np.float32), row.astype(np.float32))
    return weights.astype(float)


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Five singular values over effective learning time, as in Fig. S3."""
    figure = new_figure(3.4)
    cases = [name.removeprefix("values, ") for name in measured.curves if name.startswith("values")]
    panels = figure.subplots(1, len(cases), squeeze=False, sharey=True)[0]
    for axes, case in zip(panels, cases, strict=True):
        time = measured.curves[f"time, {case}"]
        for value, colour in zip(range(SHOWN), PALETTE, strict=False):
            axes.semilogy(time, measured.curves[f"values, {case}"][:, value], color=colour, label=f"s_{value + 1}")
        for colour, curve in zip(PALETTE, measured.curves[f"theory, {case}"], strict=False):
            axes.plot(time, curve, "--", color=colour)
        axes.set(xlabel="beta^2 tau", title=case, ylim=(1e-18, 3))
        plain_ticks(axes.yaxis)
    panels[0].set_ylabel("singular values of the change")
    panels[-1].plot([], [], "--", color="k", label="third order")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


CLAIM = Claim(
    id="LRC-21",
    title="Later singular values",
    source="supplement S3, Fig. S3",
    says="Singular values of the change beyond the second vanish at third order of the learning time; later ones appear"
    " successively and stay orders of magnitude smaller. For g = 0, s_3 to s_5 lie on one curve.",
    kind="statistical",
    parameters={
        **EXPERIMENT,
        "gains": (0.0, 0.6),
        "points": 40,
        "refined": 20,
        "refined_updates": 80,
        "summed": 3,
    },
    sizes={"quick": {}, "full": PAPER},
    seeds=SEEDS,
    checks=(
        Check("final s_3 / s_1, zhat = 0.5, g = 0", "<=", 1e-12),
        Check("final s_3 / s_1, zhat = 2, g = 0", "<=", 1e-12),
        # the curve that the paper shows for g = 0 is what rounding to float32 leaves
        Check("final s_3 / s_1 in float32, zhat = 0.5, g = 0", "between", (1e-10, 1e-6)),
        Check("final s_3 / s_1 in float32, zhat = 2, g = 0", "between", (1e-10, 1e-6)),
        Check("final s_3 / s_1, zhat = 0.5, g = 0.6", "between", (1e-5, 1e-3)),
        Check("final s_3 / s_1, zhat = 2, g = 0.6", "between", (1e-4, 3e-3)),
        Check("least s_1 / s_2, beta^2 tau >= 0.1, zhat = 0.5, g = 0.6", ">=", 10),
        Check("least s_1 / s_2, beta^2 tau >= 0.1, zhat = 2, g = 0.6", ">=", 10),
        Check("least s_2 / s_3, beta^2 tau >= 0.1, zhat = 0.5, g = 0.6", ">=", 10),
        Check("least s_2 / s_3, beta^2 tau >= 0.1, zhat = 2, g = 0.6", ">=", 10),
        *(
            Check(f"power of learning time in s_{value} at first, g = 0.6", "between", (power - 0.25, power + 0.1))
            for value, power in enumerate((1, 3, 5, 7), start=1)
        ),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
