"""The figure of a claim that draws none itself: what was measured, what holds, and the paper's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltr.figures.style import INK, PALETTE, new_figure, plain_ticks, styled
from ltr.simulations.validation.claim import Check

ROW_IN, MARGIN_IN = 0.55, 0.6
DECADES = 2.5  # numbers that span more are drawn on a logarithmic axis


@styled
def plot_checks(
    checks: Sequence[Check], values: Mapping[str, Sequence[float]], reported: Mapping[str, float]
) -> Figure:
    """One row a check: dots are measured, the green range holds, the diamond is the paper's number."""
    figure = new_figure(MARGIN_IN + len(checks) * (ROW_IN + 0.45))
    panels = figure.subplots(len(checks), 1, squeeze=False)[:, 0]
    for axes, check in zip(panels, checks, strict=True):
        numbers = np.asarray(values.get(check.quantity, ()), dtype=float)
        _draw(axes, check, numbers[np.isfinite(numbers)], reported.get(check.quantity))
    return figure


def _draw(axes: Axes, check: Check, numbers: np.ndarray, reported: float | None) -> None:
    limits = [limit for limit in check.limits() if np.isfinite(limit)]
    shown = np.array([*numbers, *limits, *([] if reported is None else [reported])])
    logarithmic = bool((shown > 0).all()) and np.ptp(np.log10(shown)) > DECADES
    if logarithmic:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    elif (shown < 0).any() or not np.ptp(shown):
        axes.margins(x=0.3)
    axes.plot(numbers, np.zeros(len(numbers)), "o", color=PALETTE[0], alpha=0.7, clip_on=False, zorder=3)
    for limit in limits:
        axes.axvline(limit, color=PALETTE[2], lw=1.2)
    if reported is not None:
        axes.plot([reported], [0], "D", color=PALETTE[1], zorder=4)
        axes.annotate("paper", (reported, 0), (0, 7), textcoords="offset points", ha="center", color=INK)
    low, high = axes.get_xlim()
    holds_from, holds_to = check.limits()
    axes.axvspan(max(low, holds_from), min(high, holds_to), color=PALETTE[2], alpha=0.12, lw=0)
    axes.set_xlim(low, high)
    axes.set(yticks=[], ylim=(-1, 1))
    axes.set_title(check.text(), fontsize="medium")
    axes.spines["left"].set_visible(False)
