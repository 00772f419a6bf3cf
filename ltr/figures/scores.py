"""Held-out scores of the model and of the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from ltr.figures.style import GREY, PALETTE, new_figure, styled


@dataclass(frozen=True)
class Score:
    """One line of the chart: a name, its score, and whether it is the model's."""

    name: str
    value: float
    model: bool = False


@styled
def plot_scores(scores: Sequence[Score], *, score_name: str) -> Figure:
    """Draw scores as dots on a common scale, best on top; the model in colour.

    Args:
        scores: with finite values, at least one.
        score_name: what they measure, with its unit.
    """
    ordered = sorted(scores, key=lambda score: score.value)
    values = np.array([score.value for score in ordered])
    figure = new_figure(1.0 + 0.38 * len(ordered))
    axes = figure.subplots()
    low, high = min(0.0, values.min()), max(0.0, values.max())
    span = (high - low) or 1.0
    for height, score in enumerate(ordered):
        colour = PALETTE[0] if score.model else GREY
        axes.plot([0, score.value], [height, height], color=colour, linewidth=3, solid_capstyle="butt", alpha=0.45)
        axes.plot(score.value, height, "o", color=colour, markersize=10)
        right = score.value >= 0
        axes.annotate(
            f"{score.value:.3f}", (score.value, height), xytext=(10 if right else -10, 0), textcoords="offset points",
            ha="left" if right else "right", va="center", fontsize=9.5, fontweight="bold" if score.model else "normal",
        )  # fmt: skip
    axes.axvline(0, color="#777777", linewidth=0.9)
    axes.set_yticks(range(len(ordered)), [score.name for score in ordered])
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.spines.left.set_visible(False)
    axes.set(
        xlim=(low - (0.12 * span if low < 0 else 0.02 * span), high + 0.12 * span), ylim=(-0.6, len(ordered) - 0.4)
    )
    axes.set_xlabel(f"{score_name} on held-out entries")
    return figure
