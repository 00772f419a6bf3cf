"""Whether components come back in other fits: how similar they are, and their trial factors on top of each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ltr.figures.style import (
    INK,
    PALETTE,
    WIDTH_IN,
    add_legend,
    new_figure,
    panel_grid,
    shade_epochs,
    styled,
)
from ltr.figures.trial_factors import broken_at_gaps
from ltr.types import Array, Float

KINDS = {"seed": (PALETTE[0], "another seed, same fold"), "fold": (PALETTE[1], "another fold")}
PANELS = (("congruence", "congruence"), ("trial_corr", "correlation of trial factors"))


@styled
def plot_congruences(pairs: pd.DataFrame, *, fair: float, equal: float) -> Figure:
    """Draw how similar each component and its trial factor are in every other fit, one strip of dots per component.

    Args:
        pairs: one row per other fit and component: ``component`` (from 0), ``fit``, ``over`` ("seed" or "fold"),
            ``congruence``, ``trial_corr``; NaN is not drawn.
        fair: congruence from which two components are fairly similar.
        equal: congruence from which they are considered equal.
    """
    figure = new_figure(3.9)
    panels = figure.subplots(1, len(PANELS))
    count = int(pairs["component"].max()) + 1
    for axes, (measure, name) in zip(panels, PANELS, strict=True):
        _draw_strips(axes, pairs, measure)
        axes.set_title(name)
        axes.set(xlim=(-0.6, count - 0.4), xlabel="component")
        step = max(1, count // 12)
        axes.set_xticks(range(0, count, step), [str(number + 1) for number in range(0, count, step)])
        low = float(pairs[measure].min())
        axes.set_ylim(min(-0.03, (low if np.isfinite(low) else 0.0) - 0.05), 1.04)
    for value, name, side in ((fair, "fair", "top"), (equal, "equal", "bottom")):
        panels[0].axhline(value, color="#777777", linewidth=0.9, linestyle="--", zorder=1)
        panels[0].annotate(
            f"{name} {value:g}", (1.0, value), xycoords=panels[0].get_yaxis_transform(), xytext=(4, 0),
            textcoords="offset points", ha="left", va=side, fontsize=9, color="#666666",
        )  # fmt: skip
    panels[1].axhline(0, color="#777777", linewidth=0.9, zorder=1)
    present = [kind for kind in KINDS if (pairs["over"] == kind).any()]
    handles = [Line2D([], [], color=KINDS[kind][0], marker="o", linestyle="", markersize=5) for kind in present]
    handles.append(Line2D([], [], color=INK, linewidth=2))
    add_legend(figure, handles, [*(KINDS[kind][1] for kind in present), "median"])
    return figure


def _draw_strips(axes: Axes, pairs: pd.DataFrame, measure: str) -> None:
    fits = np.unique(pairs["fit"])
    # each fit has its own place in every strip, so that a fit that differs can be followed across components
    place = np.linspace(-0.28, 0.28, len(fits)) if len(fits) > 1 else np.zeros(1)
    x = pairs["component"].to_numpy(dtype=float) + place[np.searchsorted(fits, pairs["fit"])]
    for kind, (colour, _) in KINDS.items():
        member = (pairs["over"] == kind).to_numpy()
        axes.scatter(x[member], pairs[measure][member], s=20, color=colour, alpha=0.7, linewidths=0, zorder=3)
    medians = pairs.groupby("component")[measure].median()
    for component, median in zip(medians.index.to_numpy(dtype=float), medians, strict=True):
        axes.plot([component - 0.36, component + 0.36], [median, median], color=INK, linewidth=2, zorder=4)


@styled
def plot_returning_factors(
    trials: Array,
    epochs: Array,
    *,
    reference: Float[Array, "trial rank"],
    matched: Float[Array, "fit trial rank"],
    over: Array,
    titles: list[str],
) -> Figure:
    """Draw each component's trial factor in the reference fit, and those of all matched fits as thin lines.

    Args:
        trials: true trial numbers, increasing.
        epochs: epoch label of each trial.
        reference: in the reference fit.
        matched: in the other fits, in the same order and scale; NaN where a fit has no such component.
        over: "seed" or "fold" for each fit.
        titles: what to write beside each component.
    """
    rank = reference.shape[1]
    rows, columns = panel_grid(rank, 1 if rank <= 6 else 2)
    figure = new_figure(0.9 + 1.4 * rows)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for component, axes in enumerate(panels.T.flat):
        if component >= rank:
            axes.set_axis_off()
            continue
        shade_epochs(axes, trials, epochs, names=component % rows == 0, width_in=(WIDTH_IN - 0.8) / columns)
        for fit, kind in zip(matched[..., component], over, strict=True):
            axes.plot(
                *broken_at_gaps(trials, fit),
                color=KINDS[str(kind)][0],
                linewidth=0.8,
                alpha=0.5,
                zorder=2 + 0.5 * (kind == "seed"),
            )
        axes.plot(*broken_at_gaps(trials, reference[:, component]), color=INK, linewidth=1.8, zorder=3)
        axes.set_ylabel(titles[component])
        axes.margins(y=0.08)
    for axes in panels[-1]:
        axes.set_xlabel("trial")
    present = [kind for kind in KINDS if kind in set(map(str, over))]
    handles = [Line2D([], [], color=INK, linewidth=2), *(Line2D([], [], color=KINDS[kind][0]) for kind in present)]
    add_legend(figure, handles, ["reference fit", *(KINDS[kind][1] for kind in present)])
    figure.align_ylabels()
    return figure
