"""Where the state is shortly after the go cue, by condition and epoch."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.figures.style import (
    FEW,
    ConditionColours,
    condition_colours,
    new_figure,
    panel_grid,
    shade_epochs,
    short,
    styled,
)
from ltr.types import Array, Float

DELAY_S = 0.1
SHOWN_EPOCHS = 5


def state_after_go(factors: xr.Dataset, delay_s: float = DELAY_S) -> Float[Array, "trial rank"]:
    """Latents of each trial in the bin nearest to go cue + delay; NaN where that is outside the window.

    Args:
        factors: ``latent`` (trial, time, rank), coordinates ``time`` and ``go_time`` in s.
        delay_s: seconds after the go cue.
    """
    time_s = factors.time.values
    bin_width_s = float(time_s[1] - time_s[0]) if len(time_s) > 1 else 0.0
    wanted = np.where(np.isfinite(factors.go_time.values), factors.go_time.values + delay_s, np.inf)
    nearest = np.abs(time_s[None, :] - wanted[:, None]).argmin(axis=1)
    inside = (wanted >= time_s[0] - bin_width_s / 2) & (wanted <= time_s[-1] + bin_width_s / 2)
    states = factors.latent.values[np.arange(len(wanted)), nearest].astype(float)
    return np.where(inside[:, None], states, np.nan)


@styled
def plot_go_state(factors: xr.Dataset) -> Figure:
    """Draw states in the two leading latents: one panel per epoch, then the path of the medians over epochs.

    Args:
        factors: as in :func:`state_after_go`, with ``condition``, ``epoch``, ``condition_label``.
            With rank 1 the latent is drawn over trials.
    """
    states = state_after_go(factors)
    colours = condition_colours(factors.condition_label.values)
    condition, epoch = factors.condition.values.astype(str), factors.epoch.values.astype(str)
    if states.shape[1] == 1:
        return _over_trials(factors, states[:, 0], colours)
    epochs = list(dict.fromkeys(epoch.tolist()))
    chosen = [epochs[i] for i in np.unique(np.linspace(0, len(epochs) - 1, SHOWN_EPOCHS).round().astype(int))]
    count = len(chosen) + (len(chosen) > 1)
    rows, columns = panel_grid(count, 4 if count == 4 else 3)
    figure = new_figure(4.6 if count == 1 else 0.9 + 3.0 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    medians = np.full((len(chosen), len(colours.labels), 2), np.nan)
    for position, axes in enumerate(panels.flat):
        if position >= count:
            axes.set_axis_off()
        elif position < len(chosen):
            member = epoch == chosen[position]
            medians[position] = _draw_epoch(axes, states[member, :2], condition[member], colours)
            axes.set_title(short(chosen[position], 30) if len(epochs) > 1 else "")
        else:
            _draw_paths(axes, medians, colours)
            axes.set_title("medians, first to last")
        axes.tick_params(labelbottom=position + columns >= count)
    figure.supxlabel("latent 1", fontsize=9.5)
    figure.supylabel("latent 2", fontsize=9.5)
    colours.add_key(figure, panels.ravel().tolist(), marker="o")
    return figure


def _draw_epoch(axes: Axes, states: Array, condition: Array, colours: ConditionColours) -> Array:
    medians = np.full((len(colours.labels), 2), np.nan)
    for index, label in enumerate(colours.labels):
        own = states[(condition == label) & np.isfinite(states).all(axis=1)]
        if not len(own):
            continue
        colour = colours.colours[index]
        axes.scatter(own[:, 0], own[:, 1], s=9, color=colour, alpha=0.4, linewidths=0, rasterized=True)
        medians[index] = np.median(own, axis=0)
    size = 75 if len(colours.labels) <= FEW else 45
    axes.scatter(medians[:, 0], medians[:, 1], s=size, c=colours.colours, edgecolors="white", linewidths=1.2, zorder=4)
    return medians


def _draw_paths(axes: Axes, medians: Float[Array, "epoch condition 2"], colours: ConditionColours) -> None:
    # paths of many conditions would only hide one another
    some = np.unique(np.linspace(0, len(colours.order) - 1, FEW).round().astype(int))
    for index in colours.order[some]:
        path = medians[np.isfinite(medians[:, index]).all(axis=1), index]
        if not len(path):
            continue
        colour = colours.colours[index]
        axes.plot(path[:, 0], path[:, 1], "-", color=colour, linewidth=1.4)
        axes.plot(path[:-1, 0], path[:-1, 1], "o", markerfacecolor="white", markeredgecolor=colour, markersize=5)
        axes.plot(path[-1, 0], path[-1, 1], "o", color=colour, markersize=8, markeredgecolor="white")


def _over_trials(factors: xr.Dataset, states: Array, colours: ConditionColours) -> Figure:
    figure = new_figure(3.6)
    axes = figure.subplots()
    trials = factors.trial.values
    shade_epochs(axes, trials, factors.epoch.values, names=True, width_in=9.0)
    for index, label in enumerate(colours.labels):
        own = factors.condition.values.astype(str) == label
        axes.scatter(trials[own], states[own], s=12, color=colours.colours[index], linewidths=0, rasterized=True)
    axes.set(xlabel="trial", ylabel="latent 1")
    colours.add_key(figure, [axes], marker="o")
    return figure
