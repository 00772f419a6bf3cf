"""Trajectories in the two leading latents, from the first trials to the last."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.figures.blocks import mean_over_trials, median_go_s, trial_blocks
from ltr.figures.style import (
    INK,
    add_trial_bar,
    condition_colours,
    new_figure,
    panel_grid,
    short,
    styled,
    trial_scale,
)
from ltr.types import Array

SHOWN_CONDITIONS = 8


@styled
def plot_trajectories(factors: xr.Dataset, *, blocks: int = 6) -> Figure:
    """Draw one panel per condition: mean trajectories of consecutive blocks of trials, coloured by trial.

    Args:
        factors: ``latent`` (trial, time, rank), coordinates ``trial``, ``time``, ``condition``,
            ``condition_label``, ``go_time``. With rank 1 the latent is drawn over time.
        blocks: number of blocks the session is cut into.
    """
    labels = factors.condition_label.values.astype(str)
    order = condition_colours(labels).order
    chosen = labels[order[np.unique(np.linspace(0, len(labels) - 1, SHOWN_CONDITIONS).round().astype(int))]]
    rows, columns = panel_grid(len(chosen), 4)
    figure = new_figure(4.6 if len(chosen) <= 2 else 0.7 + 2.6 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    flat = factors.sizes["rank"] == 1
    go_s = median_go_s(factors.go_time.values)
    for position, axes in enumerate(panels.flat):
        if position >= len(chosen):
            axes.set_axis_off()
            continue
        _draw_condition(axes, factors, chosen[position], blocks=blocks, go_s=go_s)
        if len(labels) > 1:
            axes.set_title("condition " + short(chosen[position], 18), fontsize=9.5)
        axes.tick_params(labelbottom=position + columns >= len(chosen))
    # with shared axes matplotlib hides inner labels; the figure's own labels serve all panels
    figure.supxlabel("time (s)" if flat else "latent 1", fontsize=9.5)
    figure.supylabel("latent 1" if flat else "latent 2", fontsize=9.5)
    add_trial_bar(figure, panels.ravel().tolist(), factors.trial.values)
    return figure


def _draw_condition(axes: Axes, factors: xr.Dataset, label: str, *, blocks: int, go_s: float) -> None:
    norm, colour_map = trial_scale(factors.trial.values)
    time_s = factors.time.values
    go_bin = int(np.argmin(np.abs(time_s - go_s))) if time_s[0] <= go_s <= time_s[-1] else None
    member = factors.condition.values.astype(str) == label
    for block in trial_blocks(len(member), blocks):
        inside = block[member[block]]
        if not len(inside):
            continue
        path = mean_over_trials(factors.latent.values[inside])
        x, y = (time_s, path[:, 0]) if path.shape[1] == 1 else (path[:, 0], path[:, 1])
        colour = colour_map(norm(factors.trial.values[inside].mean()))
        axes.plot(x, y, color=colour, linewidth=1.7)
        axes.plot(x[0], y[0], "o", color=colour, markersize=4)
        _arrowhead(axes, x, y, colour)
        if go_bin is not None:
            axes.plot(x[go_bin], y[go_bin], "D", markerfacecolor="white", markeredgecolor=INK, markersize=4, zorder=4)


def _arrowhead(axes: Axes, x: Array, y: Array, colour: tuple[float, ...]) -> None:
    back = max(0, len(x) - 1 - max(1, len(x) // 20))
    if np.isfinite([x[back], y[back], x[-1], y[-1]]).all():
        axes.annotate(
            "", (x[-1], y[-1]), xytext=(x[back], y[back]),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
