"""LTR-X5: with trials out of order, factors of held-out trials cannot be told, and nothing is gained on these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled
from ltr.simulations.suites.low_tensor_rank.held_out_gain import HOLDOUTS, gain
from ltr.simulations.validation.claim import Check, Claim, Measured, Protocol

ORDERS: Mapping[str, bool] = {"in order": False, "shuffled": True}


def measure(protocol: Protocol) -> Measured:
    """Gains over the static network, for both ways of holding out, with trials in order and permuted in conditions."""
    found = {
        f"gain, {holdout}, {order}": [gain(seed, "distinct", holdout, shuffled=shuffled) for seed in protocol.seeds]
        for holdout in HOLDOUTS
        for order, shuffled in ORDERS.items()
    }
    kept = {
        f"share of the gain kept, {holdout}": np.divide(
            found[f"gain, {holdout}, shuffled"], found[f"gain, {holdout}, in order"]
        ).tolist()
        for holdout in HOLDOUTS
    }
    return Measured({**found, **kept}, {name: np.array(gains) for name, gains in found.items()})


@styled
def draw(measured: Measured, reported: Mapping[str, float]) -> Figure:
    """One line a seed."""
    figure = new_figure(3.2)
    panels = figure.subplots(1, len(HOLDOUTS), sharey=True)
    for axes, holdout, colour in zip(panels, HOLDOUTS, PALETTE, strict=False):
        gains = np.stack([measured.curves[f"gain, {holdout}, {order}"] for order in ORDERS])
        axes.plot(list(ORDERS), gains, "o-", color=colour, alpha=0.7)
        axes.axhline(0, color=GREY, lw=0.8, zorder=0)
        axes.set(title=f"Held out: {holdout}", xlabel="trials within conditions")
        axes.margins(x=0.3)
    panels[0].set_ylabel("held-out error saved\nover the static network, share")
    return figure


CLAIM = Claim(
    id="LTR-X5",
    title="Shuffled trials: no gain on whole trials, but on blocks",
    source="beyond the paper",
    says="If trials are permuted within conditions, smooth factors have nothing to follow, and whole held-out trials"
    " are predicted no better than by the static network. Blocks of single neurons do not show this: there, the other"
    " neurons of the same trial tell its factors, and much of the gain stays.",
    kind="statistical",
    sizes={"quick": {}, "full": {}},
    seeds={"quick": 3, "full": 10},
    checks=(
        Check("gain, whole trials, in order", ">=", 0.2),
        Check("gain, whole trials, shuffled", "<=", 0.1),
        Check("share of the gain kept, whole trials", "<=", 0.1, over="median"),
        Check("gain, blocks, in order", ">=", 0.2),
        Check("gain, blocks, shuffled", ">=", 0.1),
        Check("share of the gain kept, blocks", "between", (0.3, 0.95)),
    ),
    measure=measure,
    draw=draw,
    shares="held-out gain",
)
