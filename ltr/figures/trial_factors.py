"""Trial factors over true trial numbers: what the model says about learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.figures.style import (
    GREY,
    INK,
    WIDTH_IN,
    ConditionColours,
    condition_colours,
    new_figure,
    panel_grid,
    percent,
    shade_epochs,
    styled,
)
from ltr.types import Array, Float

GAP = 5  # a line breaks where trial numbers jump by more than this many ordinary steps


@styled
def plot_trial_factors(factors: xr.Dataset) -> Figure:
    """Draw each component's factor: raw as dots, smooth as a line, epochs shaded.

    Args:
        factors: ``trial_factor`` and ``trial_factor_smooth`` (trial, rank), coordinates ``trial``,
            ``condition``, ``epoch``, ``condition_label``, attribute ``latent_share``.
    """
    rank = factors.sizes["rank"]
    rows, columns = panel_grid(rank, 1 if rank <= 6 else 2)
    figure = new_figure(0.9 + 1.35 * rows)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    trials, epochs = factors.trial.values, factors.epoch.values
    shares = np.atleast_1d(factors.attrs["latent_share"])
    colours = condition_colours(factors.condition_label.values)
    for component, axes in enumerate(panels.T.flat):
        if component >= rank:
            axes.set_axis_off()
            continue
        width_in = (WIDTH_IN - 0.8) / columns
        shade_epochs(axes, trials, epochs, names=component % rows == 0, width_in=width_in)
        _dots(axes, trials, factors.trial_factor.values[:, component], factors.condition.values, colours)
        axes.plot(*broken_at_gaps(trials, factors.trial_factor_smooth.values[:, component]), color=INK, linewidth=2)
        axes.set_ylabel(f"factor {component + 1}\n({percent(float(shares[component]))})")
        axes.margins(y=0.12)
    for axes in panels[-1]:
        axes.set_xlabel("trial")
    if colours.few:
        colours.add_key(figure, panels.ravel().tolist(), marker="o")
    figure.align_ylabels()
    return figure


def _dots(axes: Axes, trials: Array, values: Array, conditions: Array, colours: ConditionColours) -> None:
    style: dict[str, Any] = {
        "s": 9 if len(trials) <= 500 else 5,
        "linewidths": 0,
        "alpha": 0.55,
        "rasterized": True,
        "zorder": 2,
    }
    if not colours.few or len(colours.labels) == 1:
        axes.scatter(trials, values, color=GREY, **style)
        return
    for label, colour in zip(colours.labels, colours.colours, strict=True):
        chosen = conditions.astype(str) == label
        axes.scatter(trials[chosen], values[chosen], color=colour, **style)


def broken_at_gaps(trials: Array, values: Float[Array, " trial"]) -> tuple[Array, Array]:
    """A line's points, with NaN put in where trial numbers jump, so that gaps stay visible.

    Example:
        >>> broken_at_gaps(np.array([1, 2, 3, 40]), np.ones(4))[1].tolist()
        [1.0, 1.0, 1.0, nan, 1.0]
    """
    steps = np.diff(trials)
    gaps = np.flatnonzero(steps > GAP * np.median(steps)) + 1 if len(steps) else np.array([], dtype=int)
    return np.insert(trials.astype(float), gaps, np.nan), np.insert(values.astype(float), gaps, np.nan)
