"""Latents over time, by condition, from early to late in learning."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from ltr.figures.blocks import condition_means, median_go_s, periods
from ltr.figures.style import CHARACTER_IN, WIDTH_IN, condition_colours, mark_events, new_figure, short, styled


@styled
def plot_latents(factors: xr.Dataset) -> Figure:
    """Draw the mean of each latent per condition, one column per period of :func:`periods`.

    Args:
        factors: ``latent`` (trial, time, rank), coordinates ``time``, ``condition``, ``epoch``, ``go_time``,
            ``condition_label``, attribute ``input_off_ms``.
    """
    rank = factors.sizes["rank"]
    columns = periods(factors.epoch.values)
    figure = new_figure(1.1 + 1.45 * rank)
    panels = figure.subplots(rank, len(columns), sharex=True, sharey="row", squeeze=False)
    colours = condition_colours(factors.condition_label.values)
    condition, time_s = factors.condition.values.astype(str), factors.time.values
    letters = int(WIDTH_IN / len(columns) / CHARACTER_IN) - 8
    go_s = median_go_s(factors.go_time.values)
    off_s = go_s + float(factors.attrs["input_off_ms"]) / 1000
    for column, (name, member) in enumerate(columns):
        means = condition_means(factors.latent.values[member], condition[member], np.array(colours.labels))
        for component in range(rank):
            axes = panels[component, column]
            for index in colours.order:
                axes.plot(time_s, means[index, :, component], color=colours.colours[index], alpha=0.9)
            axes.set_xlim(time_s[0], time_s[-1])
            mark_events(axes, go_s, off_s, names=component == 0)
            if column == 0:
                axes.set_ylabel(f"latent {component + 1}")
        panels[0, column].set_title(short(name, letters), pad=17)
        panels[-1, column].set_xlabel("time (s)")
    colours.add_key(figure, panels.ravel().tolist())
    figure.align_ylabels(panels[:, 0])
    return figure
