"""Where each latent lives among the recorded neurons, and how much of the variance it carries."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    panels = figure.subplots(rank, 2, sharex="col", squeeze=False, width_ratios=(6, 1))
    area = factors.area.values.astype(str)
    order = np.argsort(area, kind="stable")
    names, starts = np.unique(area[order], return_index=True)
    ends = [*starts[1:], n_neurons]
    shares = np.atleast_1d(factors.attrs["latent_share"]).astype(float)
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
        axes.set_xlim(0, n_neurons)
        axes.set_ylabel(f"latent {component + 1}")
        bar.barh([0], np.nan_to_num(shares[component]), height=0.5, color=GREY)
        bar.text(
            np.nan_to_num(shares[component]), 0, " " + percent(shares[component]), ha="left", va="center", fontsize=9
        )
        bar.set_ylim(-0.7, 0.7)
        bar.set_yticks([])
        bar.spines.left.set_visible(False)
    _label_neurons(panels[-1, 0], factors.neuron.values[order])
    largest = float(np.nan_to_num(shares).max(initial=0))
    panels[-1, 1].set(xlim=(0, max(1e-3, 1.55 * largest)), xlabel="share of latent\nvariance")
    panels[-1, 1].xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    panels[-1, 1].locator_params(axis="x", nbins=2)
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
