"""Where each latent lives among the recorded neurons, and how much of the variance it carries."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ltr.figures.style import CHARACTER_IN, GREY, PALETTE, WIDTH_IN, new_figure, percent, short, styled
from ltr.types import Array

NAMED_NEURONS = 48  # beyond, their ids would overlap


@styled
def plot_directions(factors: xr.Dataset) -> Figure:
    """Draw each latent's direction over neurons sorted by area, beside its share of variance.

    Args:
        factors: ``data_column`` (neuron, rank), coordinates ``neuron`` and ``area``, attribute ``latent_share``.
    """
    rank, n_neurons = factors.sizes["rank"], factors.sizes["neuron"]
    figure = new_figure(1.0 + 1.1 * rank)
    panels = figure.subplots(rank, 2, squeeze=False, width_ratios=(6, 1))
    area = factors.area.values.astype(str)
    order = np.argsort(area, kind="stable")
    names, starts = np.unique(area[order], return_index=True)
    ends = [*starts[1:], n_neurons]
    shares = np.atleast_1d(factors.attrs["latent_share"]).astype(float)
    largest = float(np.nan_to_num(shares).max(initial=0))
    for component, (axes, bar) in enumerate(panels):
        values = factors.data_column.values[order, component]
        for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
            # one outline per area: a bar per neuron would be slow for hundreds of them
            axes.stairs(
                np.nan_to_num(values[start:end]), np.arange(start, end + 1), fill=True,
                color=PALETTE[index % len(PALETTE)], linewidth=0,
            )  # fmt: skip
            room = int((end - start) / n_neurons * WIDTH_IN * 0.78 / CHARACTER_IN) - 1
            if component == 0 and len(names) > 1 and room >= 3:
                axes.text(
                    (start + end) / 2, 1.03, short(names[index], room), transform=axes.get_xaxis_transform(),
                    ha="center", va="bottom", fontsize=9, color=PALETTE[index % len(PALETTE)],
                )  # fmt: skip
        axes.axhline(0, color="#666666", linewidth=0.7)
        axes.set(xlim=(0, n_neurons), xticks=[])  # names stand below the last row only
        axes.set_ylabel(f"latent {component + 1}")
        bar.barh([0], np.nan_to_num(shares[component]), height=0.5, color=GREY)
        bar.text(
            np.nan_to_num(shares[component]), 0, " " + percent(shares[component]), ha="left", va="center", fontsize=9
        )
        bar.set(xlim=(0, max(1e-3, 1.55 * largest)), ylim=(-0.7, 0.7), yticks=[])
        bar.xaxis.set_major_locator(MaxNLocator(2))
        bar.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        bar.tick_params(labelbottom=component == rank - 1)
        bar.spines.left.set_visible(False)
    _label_neurons(panels[-1, 0], factors.neuron.values[order])
    panels[-1, 1].set_xlabel("share of latent\nvariance")
    figure.align_ylabels(panels[:, 0])
    return figure


def _label_neurons(axes: Axes, ids: Array) -> None:
    names = [short(name, 12) for name in ids]
    axes.set_xlabel("neuron")
    if len(names) > NAMED_NEURONS:
        axes.set_xticks([])
        axes.set_xlabel(f"{len(names)} neurons, in the order of the file within each area")
        return
    long = max(map(len, names)) > 2
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90 if long else 0)
    axes.tick_params(axis="x", length=0)
