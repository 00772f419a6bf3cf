"""LTR-26: training from scratch changes the weights much more than a perturbation does, along few components."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.motor_learning import (
    PARAMETERS,
    PERTURBATIONS,
    SEEDS,
    SHARES,
    SIZES,
    change_in_pretraining,
    changes_in_session,
    records,
    shade,
)
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol
from ltr.simulations.weight_tensors import cumulative_share

SHOWN = 10


def measure(protocol: Protocol) -> Measured:
    """Singular values of the change in training, and sizes of the changes afterwards relative to it."""
    found = records(protocol)
    before = [change_in_pretraining(record) for record in found]
    shares = np.stack([cumulative_share(change) for change in before])
    sizes = {
        name: np.stack(
            [
                np.linalg.norm(changes_in_session(record), axis=(1, 2)) / np.linalg.norm(change)
                for record, change in zip(records(protocol, name), before, strict=True)
            ]
        )
        for name in PERTURBATIONS
    }
    return Measured(
        values={
            "share explained by 1 component": shares[:, 0].tolist(),
            "share explained by 2 components": shares[:, 1].tolist(),
            "share explained by 3 components": shares[:, 2].tolist(),
            "share explained by 5 components": shares[:, 4].tolist(),
            "components for 0.9": ((shares < 0.9).sum(1) + 1.0).tolist(),
            **{f"largest later change relative to it, {name}": size.max(1).tolist() for name, size in sizes.items()},
        },
        curves={
            "shares": shares[:, :SHOWN],
            "epoch": found[0].epoch == "adaptation",
            **{f"size, {name}": size for name, size in sizes.items()},
        },
    )


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """Cumulative share of the singular values, and sizes of later changes; one line a seed."""
    curves = measured.curves
    figure = new_figure(3.2)
    shares, sizes = figure.subplots(1, 2)
    rank = np.arange(1, SHOWN + 1)
    shares.plot(rank, curves["shares"].T, "o-", color=PALETTE[0], ms=4, lw=1, alpha=0.7)
    shares.axvline(reported["components"], color="0.6", ls="--", lw=1, label="reported")
    shares.set(title="Change by training, W* - W0", xlabel="singular values", xticks=rank, ylim=(0, 1.02))
    shares.set_ylabel("share of the squares")
    shares.legend(loc="lower right")
    perturbed = np.flatnonzero(curves["epoch"])
    trials = np.arange(len(curves["epoch"]))
    epochs = np.where(trials < perturbed[0], "baseline", np.where(trials <= perturbed[-1], "adaptation", "washout"))
    for name, colour in zip(PERTURBATIONS, PALETTE, strict=False):
        lines = sizes.plot(curves[f"size, {name}"].T, color=colour, lw=1, alpha=0.7)
        lines[0].set_label(name)
    shade(sizes, epochs, 4.4)
    sizes.set(ylim=(0, None), ylabel="size of W - W*\nrelative to W* - W0")
    sizes.legend()
    return figure


CLAIM = Claim(
    id="LTR-26",
    title="Training changes weights much more than a perturbation",
    source="supplement C",
    says="The change of the weights by the initial training is of rank three, and much larger than changes by"
    " learning a perturbation.",
    kind="statistical",
    parameters=PARAMETERS,
    sizes=SIZES,
    seeds=SEEDS,
    reported={"components": 3},
    checks=(
        Check("share explained by 1 component", "<=", 0.6),
        Check("share explained by 3 components", ">=", 0.87),
        Check("share explained by 5 components", ">=", 0.93),
        Check("components for 0.9", "between", (3, 4)),
        *(Check(f"largest later change relative to it, {name}", "<=", 0.15) for name in PERTURBATIONS),
    ),
    measure=measure,
    draw=draw,
    shares=SHARES,
)
