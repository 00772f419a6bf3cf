"""What the weights of every trial do by themselves, over trials."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ltr.figures.style import (
    GREY,
    INK,
    WIDTH_IN,
    ConditionColours,
    add_legend,
    condition_colours,
    new_figure,
    shade_epochs,
    short,
    styled,
)
from ltr.figures.trial_factors import broken_at_gaps
from ltr.types import Array

EDGE: dict[str, Any] = {"color": "#777777", "linewidth": 0.9, "linestyle": "--", "zorder": 1}
WEIGHTS, VISITED = INK, GREY


@styled
def plot_trial_dynamics(dynamics: xr.Dataset, *, kinds: tuple[str, ...]) -> Figure:
    """Draw growth, frequency, normality and amplification over trials, and what the activity of each comes to.

    Args:
        dynamics: as :func:`ltr.analysis.trial_dynamics.trial_dynamics` makes it.
        kinds: what activity may come to, from the bottom of the last panel to its top.
    """
    figure = new_figure(8.4)
    panels = figure.subplots(4, 2, sharex=True, squeeze=False)
    trials, epochs = dynamics.trial.values, dynamics.epoch.values
    for position, axes in enumerate(panels.flat):
        shade_epochs(axes, trials, epochs, names=position < 2, width_in=WIDTH_IN / 2 - 0.8)
        axes.tick_params(labelbottom=position >= 6)
    shown = (("growth_rate_per_s", "growth rate (1/s)"), ("frequency_hz", "frequency (Hz)"))
    for axes, (name, label) in zip(panels[0], shown, strict=True):
        _dots(axes, trials, dynamics[f"visited_{name}"].values, VISITED)
        _line(axes, trials, dynamics[name].values, WEIGHTS)
        axes.set_ylabel(label)
    panels[0, 0].axhline(0, **EDGE)
    _steps(panels[1, 0], trials, dynamics["outside"].values)
    panels[1, 0].set_ylabel(f"eigenvalues\nbeyond {1 + dynamics.attrs['margin']:g}")
    _line(panels[1, 1], trials, dynamics["henrici"].values, WEIGHTS)
    panels[1, 1].set_ylabel("Henrici number")
    _line(panels[2, 0], trials, dynamics["symmetric_part"].values, WEIGHTS)
    panels[2, 0].axhline(1, **EDGE)
    panels[2, 0].set_ylabel("symmetric part,\nlargest eigenvalue")
    _amplification(panels[2, 1], trials, dynamics["transient_amplification"].values)
    _ends(panels[3, 0], dynamics, kinds)
    _end_frequencies(panels[3, 1], dynamics)
    for axes in panels[-1]:
        axes.set_xlabel("trial")
    _key(figure, dynamics)
    figure.align_ylabels()
    return figure


def _line(axes: Axes, trials: Array, values: Array, colour: str) -> None:
    axes.plot(*broken_at_gaps(trials, values), color=colour, linewidth=1.8)
    _room(axes, values)


def _dots(axes: Axes, trials: Array, values: Array, colour: Any) -> None:
    axes.scatter(
        trials, values, s=7 if len(trials) <= 500 else 4, color=colour, linewidths=0, alpha=0.7, rasterized=True
    )


def _steps(axes: Axes, trials: Array, values: Array) -> None:
    axes.plot(*broken_at_gaps(trials, values.astype(float)), color=WEIGHTS, linewidth=1.8, drawstyle="steps-mid")
    top = int(values.max(initial=0))
    axes.set_ylim(-0.3, top + 0.5)
    axes.set_yticks(range(0, top + 1, max(1, top // 4)))


def _amplification(axes: Axes, trials: Array, values: Array) -> None:
    _line(axes, trials, values, WEIGHTS)
    axes.axhline(1, **EDGE)
    axes.set_ylabel("transient\namplification")


def _room(axes: Axes, values: Array) -> None:
    """Keep a flat line off the frame, and rounding from looking like a signal."""
    finite = values[np.isfinite(values)]
    if finite.size and np.ptp(finite) < 1e-6 * max(1.0, np.abs(finite).max()) and len(axes.collections) == 0:
        axes.set_ylim(finite.mean() - 0.5, finite.mean() + 0.5)
    else:
        axes.margins(y=0.12)


def _ends(axes: Axes, dynamics: xr.Dataset, kinds: tuple[str, ...]) -> None:
    """A row per kind; conditions side by side within it."""
    colours = condition_colours(dynamics.condition_label.values)
    condition = dynamics.condition.values.astype(str)
    height = {kind: row for row, kind in enumerate(kinds)}
    rows = np.array([height[kind] for kind in dynamics.comes_to.values], dtype=float)
    for place, index in enumerate(colours.order):
        own = condition == colours.labels[index]
        offset = 0.6 * (place / (len(colours.labels) - 1) - 0.5) if len(colours.labels) > 1 else 0.0
        _dots(axes, dynamics.trial.values[own], rows[own] + offset, _colour(colours, index))
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(-0.5, len(kinds) - 0.5)
    axes.set_ylabel("comes to")


def _end_frequencies(axes: Axes, dynamics: xr.Dataset) -> None:
    colours = condition_colours(dynamics.condition_label.values)
    condition = dynamics.condition.values.astype(str)
    going_on = dynamics.comes_to.values == "oscillation"
    for index in colours.order:
        own = (condition == colours.labels[index]) & going_on
        _dots(axes, dynamics.trial.values[own], dynamics["end_frequency_hz"].values[own], _colour(colours, index))
    axes.set_ylabel("frequency of\noscillation (Hz)")
    if not going_on.any():
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no oscillation", transform=axes.transAxes, ha="center", va="center", fontsize=9.5)


def _colour(colours: ConditionColours, index: int) -> Any:
    return colours.colours[index] if len(colours.labels) > 1 else INK


def _key(figure: Figure, dynamics: xr.Dataset) -> None:
    handles = [
        Line2D([], [], color=WEIGHTS, linewidth=2),
        Line2D([], [], color=VISITED, marker="o", linestyle="", markersize=5),
    ]
    names = ["weights", "Jacobian on visited states"]
    colours = condition_colours(dynamics.condition_label.values)
    if len(colours.labels) > 1 and colours.few:
        for index in colours.order:
            handles.append(Line2D([], [], color=colours.colours[index], marker="o", linestyle="", markersize=5))
            names.append(short(colours.labels[index]))
    add_legend(figure, handles, names)
