"""Data against model: condition averages of the best and of the worst predicted neurons."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ltr.figures.blocks import median_go_s, smooth_over_time
from ltr.figures.style import add_legend, condition_colours, mark_events, new_figure, panel_grid, short, styled
from ltr.types import Array, Float

SHOWN_CONDITIONS = 4
SMOOTHING_S = 0.03  # of the drawn data only: few trials of a condition give jagged averages


@styled
def plot_psth(factors: xr.Dataset, *, score_name: str, each: int = 4) -> Figure:
    """Draw condition averages, data (smoothed) solid and model dashed, in the last epoch with data.

    Args:
        factors: ``data_mean`` and ``model_mean`` (epoch_label, condition_label, time, neuron),
            ``neuron_score`` (neuron), attributes ``units`` ('Hz' or 'sd') and ``bin_width_s``.
        score_name: what ``neuron_score`` measures.
        each: how many of the best, and how many of the worst.
    """
    data = factors.data_mean.values
    epoch = int(max(np.flatnonzero(np.isfinite(data).any(axis=(1, 2, 3))), default=0))
    conditions = _shown_conditions(factors.condition_label.values, data[epoch])
    best, worst = ranked(factors.neuron_score.values, data[epoch], each)
    groups = [group for group in (("best", best), ("worst", worst)) if len(group[1])]
    columns = max(len(members) for _, members in groups)
    rows_each, columns = panel_grid(columns, 4)
    figure = new_figure(1.0 + 2.15 * rows_each * len(groups))
    panels = figure.subplots(rows_each * len(groups), columns, sharex=True, squeeze=False)
    for number, (name, members) in enumerate(groups):
        block = panels[number * rows_each : (number + 1) * rows_each].ravel()
        for position, axes in enumerate(block):
            if position >= len(members):
                axes.set_axis_off()
                continue
            _draw_neuron(axes, factors, epoch, int(members[position]), conditions=conditions)
            axes.set_title(_title(factors, int(members[position]), name, score_name), fontsize=9)
    units = str(factors.attrs["units"])
    figure.supylabel("rate (Hz)" if units == "Hz" else f"activity ({units})", fontsize=9.5)
    figure.supxlabel("time (s)", fontsize=9.5)
    _add_key(figure, factors, conditions)
    return figure


def ranked(scores: Float[Array, " neuron"], data: Array, each: int) -> tuple[Array, Array]:
    """Neurons with the best and with the worst scores; without any score, the most modulated ones.

    Example:
        >>> [group.tolist() for group in ranked(np.array([0.1, np.nan, 0.5, 0.2]), np.zeros((1, 1, 4)), 1)]
        [[2], [0]]
    """
    scored = np.flatnonzero(np.isfinite(scores))
    if not len(scored):
        values = np.where(np.isfinite(data), data, 0.0).reshape(-1, data.shape[-1])
        return np.argsort(-np.ptp(values, axis=0), kind="stable")[: 2 * each], np.array([], dtype=int)
    order = scored[np.argsort(-scores[scored], kind="stable")]
    half = min(each, -(-len(order) // 2))
    return order[:half], order[half:][-each:]


def _shown_conditions(labels: Array, data: Float[Array, "condition time neuron"]) -> Array:
    present = np.isfinite(data).any(axis=(1, 2))
    order = [index for index in condition_colours(labels).order if present[index]] or [0]
    return np.array(order)[np.unique(np.linspace(0, len(order) - 1, SHOWN_CONDITIONS).round().astype(int))]


def _title(factors: xr.Dataset, neuron: int, group: str, score_name: str) -> str:
    area = str(factors.area.values[neuron])
    score = float(factors.neuron_score.values[neuron])
    name = short(factors.neuron.values[neuron], 10) + (f" · {short(area, 8)}" if area else "")
    if not np.isfinite(score):
        return name
    return f"{name} · {group}, {score:.2f}" + (" bits" if score_name == "bits per spike" else "")


def _draw_neuron(axes: Axes, factors: xr.Dataset, epoch: int, neuron: int, *, conditions: Array) -> None:
    time_s = factors.time.values
    sd_bins = SMOOTHING_S / float(factors.attrs["bin_width_s"])
    for condition, colour in zip(conditions, _colours(factors, conditions), strict=True):
        data = smooth_over_time(factors.data_mean.values[epoch, condition, :, neuron], sd_bins)
        axes.plot(time_s, data, color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(
            time_s, factors.model_mean.values[epoch, condition, :, neuron], color=colour, linewidth=1.9, dashes=(3, 1.4)
        )
    axes.set_xlim(time_s[0], time_s[-1])
    axes.locator_params(axis="y", nbins=4)
    mark_events(axes, median_go_s(factors.go_time.values), float("nan"))


def _add_key(figure: Figure, factors: xr.Dataset, conditions: Array) -> None:
    handles = [
        Line2D([], [], color="#444444", alpha=0.6),
        Line2D([], [], color="#444444", linewidth=1.9, dashes=(2, 1)),
    ]
    names = ["data", "model"]
    if factors.sizes["condition_label"] > 1:
        handles += [Line2D([], [], color=colour, linewidth=2) for colour in _colours(factors, conditions)]
        names += [short(label) for label in factors.condition_label.values[conditions]]
    add_legend(figure, handles, names)


def _colours(factors: xr.Dataset, conditions: Array) -> Array:
    """The colours that these conditions have in the other figures, or the palette when there are many."""
    everywhere = condition_colours(factors.condition_label.values)
    if everywhere.few:
        return everywhere.colours[conditions]
    return condition_colours(factors.condition_label.values[conditions]).colours
