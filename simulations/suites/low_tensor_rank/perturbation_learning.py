"""LTR-25: errors jump when a perturbation begins and when it ends, and decay within tens of trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.reach_learning import LearningRecord
from ltr.simulations.suites.low_tensor_rank.motor_learning import (
    EPOCHS,
    PARAMETERS,
    PERTURBATIONS,
    SEEDS,
    SHARES,
    SIZES,
    records,
    shade,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.types import Array, Float

SETTLED_TRIALS = 10  # at the end of an epoch
TARGETS = 8  # each is reached for once in as many trials


def measure(protocol: Protocol) -> Measured:
    """Jumps of the loss, what is left of them, and in which direction the hand errs."""
    values: dict[str, list[float]] = {}
    curves: dict[str, Array] = {}
    for name in PERTURBATIONS:
        found = records(protocol, name)
        for record in found:
            for quantity, value in jumps(record).items():
                values.setdefault(f"{quantity}, {name}", []).append(value)
        curves[f"loss, {name}"] = np.stack([record.loss for record in found])
        curves[f"angle, {name}"] = np.stack([turned(record) for record in found])
        curves |= {f"{epoch}, {name}": first_reaches(found[0], epoch) for epoch in EPOCHS}
    curves["epoch"] = np.repeat(np.arange(3.0), [(found[0].epoch == epoch).sum() for epoch in EPOCHS])
    return Measured(values=values, curves=curves)


def jumps(record: LearningRecord) -> dict[str, float]:
    """Losses relative to that before the perturbation, and directions of the first reaches of an epoch."""
    loss = {epoch: record.loss[record.epoch == epoch] for epoch in EPOCHS}
    before, adapted, final = (loss[epoch][-SETTLED_TRIALS:].mean() for epoch in EPOCHS)
    onset, aftereffect = loss["adaptation"][0], loss["washout"][0]
    angle = {epoch: turned(record)[record.epoch == epoch] for epoch in EPOCHS}
    first, last, after = (
        float(np.mean(angle[epoch][part]))
        for epoch, part in (
            ("adaptation", slice(TARGETS)),
            ("adaptation", slice(-TARGETS, None)),
            ("washout", slice(TARGETS)),
        )
    )
    return {
        "loss at onset over that before": onset / before,
        "share of the jump left after adaptation": (adapted - before) / (onset - before),
        "loss at removal over that before": aftereffect / before,
        "share of the after-effect left after washout": (final - before) / (aftereffect - before),
        "error of direction at onset (degrees)": abs(first),
        "share of it left after adaptation": abs(last / first),
        "error of direction at removal over that at onset": after / first,
    }


def turned(record: LearningRecord) -> Float[Array, " trial"]:
    """Degrees by which the end of the reach is turned, counter-clockwise, from where it ended before."""
    end = record.position[:, -1]
    error = (np.rad2deg(np.arctan2(end[:, 1], end[:, 0])) - record.target_angle_deg + 180) % 360 - 180
    usual = {
        angle: error[(record.epoch == "baseline") & (record.target_angle_deg == angle)].mean()
        for angle in np.unique(record.target_angle_deg)
    }
    return error - np.array([usual[angle] for angle in record.target_angle_deg])


def first_reaches(record: LearningRecord, epoch: str) -> Float[Array, "trial time 2"]:
    """One reach to each target: the first of the epoch, but before the perturbation the last."""
    order = -1 if epoch == "baseline" else 1
    trials = np.flatnonzero(record.epoch == epoch)[::order]
    _, first = np.unique(record.target_angle_deg[trials], return_index=True)
    return record.position[trials[first]]


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Loss over trials, direction, and reaches before, at onset and at removal, for both perturbations."""
    curves = measured.curves
    figure = new_figure(5.6)
    rows = figure.subplots(2, 3, width_ratios=(1.3, 1.3, 1))
    epochs = np.array(EPOCHS)[curves["epoch"].astype(int)]
    for (loss, angle, paths), name in zip(rows, PERTURBATIONS, strict=True):
        for axes, quantity in ((loss, "loss"), (angle, "angle")):
            axes.plot(curves[f"{quantity}, {name}"].T, color=PALETTE[0], lw=0.9, alpha=0.7)
            shade(axes, epochs, 3.7)
        loss.set_ylabel(f"{name}\nloss")
        angle.set_ylabel("hand turned by (degrees)")
        for epoch, colour, label in zip(
            EPOCHS, (PALETTE[6], PALETTE[1], PALETTE[2]), ("before", "at onset", "at removal"), strict=True
        ):
            lines = [paths.plot(*path.T, color=colour, lw=1)[0] for path in curves[f"{epoch}, {name}"]]
            lines[0].set_label(label)
        paths.set(xlabel="x", ylabel="y", aspect="equal")
    figure.legend(*rows[0, 2].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


CLAIM = Claim(
    id="LTR-25",
    title="Learning and forgetting a perturbation",
    source="supplement C",
    says="The error jumps when the perturbation begins, decays within tens of trials of gradient descent, and jumps"
    " and decays again when it ends.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    checks=tuple(
        check
        for name in PERTURBATIONS
        for check in (
            Check(f"loss at onset over that before, {name}", ">=", 2.5),
            Check(f"share of the jump left after adaptation, {name}", "<=", 0.1),
            Check(f"loss at removal over that before, {name}", ">=", 2.3),
            Check(f"share of the after-effect left after washout, {name}", "<=", 0.03),
            Check(f"error of direction at onset (degrees), {name}", ">=", 20),
            Check(f"share of it left after adaptation, {name}", "<=", 0.2),
            Check(f"error of direction at removal over that at onset, {name}", "<=", -0.7),
        )
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
