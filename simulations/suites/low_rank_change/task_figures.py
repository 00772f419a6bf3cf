"""Figures that claims on trained networks share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.suites.low_rank_change.learned_tasks import NAMES, TITLES
from ltr.types import Array, Float

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


@styled
def draw_lines(
    curves: Mapping[str, Float[Array, "seed point"]],
    groups: Sequence[str],
    *,
    x: str,
    y: str,
    first: int = 0,
    level: float | None = None,
    style: str = "-",
) -> Figure:
    """One panel a group, one line a network; colours tell gains apart.

    Args:
        curves: "GROUP, g = GAIN" -> the lines.
        groups: tasks, or ways of training.
        x, y: what the axes show.
        first: x of the first point.
        level: is drawn, too.
        style: of the lines.
    """
    figure = new_figure(2.6)
    for axes, group in zip(figure.subplots(1, len(groups)), groups, strict=True):
        for key in (key for key in curves if key.startswith(f"{group}, ")):
            colour = PALETTE[0] if key.endswith("= 0") else PALETTE[1]
            for index, line in enumerate(curves[key]):
                label = None if index else key.removeprefix(f"{group}, ")
                points = first + np.arange(len(line))
                axes.plot(points, line, style, ms=2.5, lw=0.8, color=colour, alpha=0.8, label=label)
        if level is not None:
            axes.axhline(level, color=INK, lw=0.8, ls=":")
        axes.set(title=group, xlabel=x)
    figure.axes[0].set_ylabel(y)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


@styled
def on_logarithmic_axes(figure: Figure) -> Figure:
    """The same with logarithmic y axes."""
    for axes in figure.axes:
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)
    return figure
