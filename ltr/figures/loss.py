"""How the optimisation went: training and validation loss over iterations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ltr.figures.style import INK, PALETTE, add_legend, new_figure, styled

STAGES = {"fit": "the model", "constant_factors": "control: same factors on all trials"}
LINES = (("train_loss", PALETTE[0], "training"), ("validation_loss", PALETTE[1], "validation"))


@styled
def plot_loss(history: pd.DataFrame) -> Figure:
    """Draw one panel per stage; thin lines are restarts.

    Args:
        history: columns stage, restart, phase, iteration, train_loss, validation_loss.
    """
    stages = list(dict.fromkeys(history.stage))
    figure = new_figure(3.5)
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    values = history[["train_loss", "validation_loss"]].to_numpy(dtype=float)
    positive = bool((values[np.isfinite(values)] > 0).all())
    for axes, stage in zip(panels, stages, strict=True):
        _draw_stage(axes, history[history.stage == stage])
        axes.set_title(STAGES.get(stage, str(stage)))
        axes.set_xlabel("iteration")
        if positive:
            _logarithmic(axes, values)
    panels[0].set_ylabel("loss" + (" (log scale)" if positive else ""))
    present = [(colour, name) for column, colour, name in LINES if history[column].notna().any()]
    add_legend(figure, [Line2D([], [], color=colour) for colour, _ in present], [name for _, name in present])
    return figure


def _draw_stage(axes: Axes, history: pd.DataFrame) -> None:
    restarts = [rows for _, rows in history.groupby("restart", sort=False)]
    thin = len(restarts) > 1
    for rows in restarts:
        x = continued(rows.iteration.to_numpy(dtype=float))
        for column, colour, _ in LINES:
            y = rows[column].to_numpy(dtype=float)
            axes.plot(x, y, color=colour, linewidth=1.0 if thin else 1.6, alpha=0.7 if thin else 1.0)
        switches = x[1:][rows.phase.to_numpy()[1:] != rows.phase.to_numpy()[:-1]]
        for place in switches[:3]:
            axes.axvline(place, color=INK, linewidth=0.7, linestyle=":")


def continued(iteration: np.ndarray) -> np.ndarray:
    """Iterations as one increasing count, where a later phase starts again from 0.

    Example:
        >>> continued(np.array([0.0, 10.0, 0.0, 5.0])).tolist()
        [0.0, 10.0, 10.0, 15.0]
    """
    drops = np.where(np.diff(iteration) < 0, iteration[:-1] - iteration[1:], 0.0)
    return iteration + np.concatenate([[0.0], np.cumsum(drops)])


def _logarithmic(axes: Axes, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    axes.set_yscale("log")
    if not finite.size:
        return
    low, high = float(finite.min()), float(finite.max())
    room = max(1.001, (high / low) ** 0.06)
    axes.set_ylim(low / room, high * room)
    # decades alone would often leave the axis without any label
    ticks = [lead * 10.0**power for power in range(-12, 13) for lead in ((1, 2, 5) if high < 100 * low else (1,))]
    inside = [tick for tick in ticks if low / room <= tick <= high * room]
    if len(inside) < 3:
        inside = [tick for tick in MaxNLocator(5).tick_values(low, high) if low / room <= tick <= high * room]
    axes.set_yticks(inside, [f"{tick:.4g}" for tick in inside])
    axes.minorticks_off()
