"""Quantities of trained networks against the gain of their initial connectivity, as Fig. 2 draws them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import PALETTE, new_figure, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import NAMES, TITLES
from ltr.types import Array

# task -> g -> read off Fig. 2
Reported = Mapping[str, Mapping[float, float]]


@styled
def draw_over_gains(curves: Mapping[str, Array], reported: Reported, quantity: str) -> Figure:
    """One line a task, means and single networks; crosses are read off the paper's figure.

    Args:
        curves: task -> the quantity, gain x seed, of which infinite numbers are left out; and "TASK: g" -> g.
        reported: the paper's numbers.
        quantity: what it is.
    """
    figure = new_figure(2.8)
    for axes, name, colour in zip(figure.subplots(1, len(NAMES)), NAMES, PALETTE, strict=False):
        gains = curves[f"{name}: g"]
        values = np.where(np.isfinite(curves[name]), curves[name], np.nan)
        for seed in values.T:
            axes.plot(gains, seed, ".", color=colour, alpha=0.6)
        axes.plot(gains, np.nanmean(values, axis=1), "-", color=colour, label="mean")
        if name in reported:
            axes.plot(*zip(*reported[name].items(), strict=True), "x", color="0.3", label="paper, N = 256")
        axes.set(title=TITLES[name], xlabel="g", ylim=(0, None))
    figure.axes[0].set_ylabel(quantity)
    figure.axes[0].legend()
    return figure
