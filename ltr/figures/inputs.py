"""Inputs to the network, as the model inferred (or was given) them, per condition."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from ltr.figures.blocks import median_go_s
from ltr.figures.style import condition_colours, mark_events, new_figure, panel_grid, styled

SHOWN_INPUTS = 12


@styled
def plot_inputs(factors: xr.Dataset) -> Figure:
    """Draw one panel per input, one line per condition.

    Args:
        factors: ``input`` (condition_label, time, input_label) with at least one input, coordinates ``time``,
            ``go_time``, ``condition_label``, attribute ``input_off_ms``. The first 12 inputs are shown.
    """
    values = factors["input"].values
    count = min(values.shape[2], SHOWN_INPUTS)
    rows, columns = panel_grid(count, 2 if count == 4 else 3)
    figure = new_figure(0.9 + 2.0 * rows)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    colours = condition_colours(factors.condition_label.values)
    time_s = factors.time.values
    go_s = median_go_s(factors.go_time.values)
    off_s = go_s + float(factors.attrs["input_off_ms"]) / 1000
    for index, axes in enumerate(panels.flat):
        if index >= count:
            axes.set_axis_off()
            continue
        for position in colours.order:
            axes.plot(time_s, values[position, :, index], color=colours.colours[position], alpha=0.9)
        axes.set_xlim(time_s[0], time_s[-1])
        mark_events(axes, go_s, off_s, names=index == 0)
        axes.set_ylabel(f"input {index + 1}")
        if index + columns >= count:
            axes.set_xlabel("time (s)")
            axes.tick_params(labelbottom=True)
    colours.add_key(figure, panels.ravel().tolist())
    figure.align_ylabels()
    return figure
