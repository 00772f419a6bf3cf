"""Held-out score over the swept settings, with what was chosen and what simpler methods reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ltr.figures.style import GREY, INK, add_legend, condition_colours, new_figure, short, styled
from ltr.types import Array, Float

HEIGHT_IN = 5.0
LINE_SHARE = 0.046  # height of a line of text as a share of the axes
WIDE = 30.0  # settings that span more than this factor are drawn on a logarithmic axis
NAME_LETTERS = 30


@styled
def plot_cv_curve(
    table: pd.DataFrame,
    fits: pd.DataFrame,
    axes_names: Sequence[str],
    *,
    measure: str,
    measure_name: str,
    baselines: Mapping[str, float],
) -> Figure:
    """Draw a measure over the first swept setting, one line per combination of the others.

    Lines are means over folds with a band of one standard error; dots are fits; dashed grey is the score on
    training entries.

    Args:
        table: one row per configuration: the axes, ``best``, ``chosen``.
        fits: one row per fit: ``configuration`` (row of ``table``), ``picked``, ``train_score`` and the measure.
        axes_names: the swept settings, at least one.
        measure: column of ``fits`` that is drawn; training scores are drawn only with "score".
        measure_name: what it is called on the axis.
        baselines: name -> the same measure, mean over folds; those that are not finite are left out.
    """
    figure = new_figure(HEIGHT_IN)
    axes = figure.subplots()
    places, names = _places(table[axes_names[0]])
    groups = _groups(table, axes_names[1:])
    colours = condition_colours(groups)
    summary = _summary(fits, measure, len(table))
    handles = []
    for colour, rows in zip(colours.colours, groups.values(), strict=True):
        _draw_line(axes, places[rows], summary.iloc[rows], colour)
        _draw_fits(axes, places, fits[fits["configuration"].isin(rows)], measure, colour)
        handles.append(Line2D([], [], color=colour))
    labels = [short(name or "held out, mean over folds", NAME_LETTERS) for name in groups]
    if measure == "score" and fits["train_score"].notna().any():
        for rows in groups.values():
            train = _summary(fits, "train_score", len(table))["mean"].to_numpy()[rows]
            axes.plot(places[rows], train, color=GREY, linestyle="--", linewidth=1.2, zorder=2)
        handles.append(Line2D([], [], color=GREY, linestyle="--"))
        labels.append("training")
    for flag, style in MARKS.items():
        row = int(table[flag].to_numpy().argmax())
        axes.plot(places[row], summary["mean"].iloc[row], linestyle="", zorder=6, clip_on=False, **style)
        handles.append(Line2D([], [], linestyle="", **style))
        labels.append(flag)
    _limit(axes, fits[measure].to_numpy(dtype=float), summary)
    _draw_baselines(axes, {name: value for name, value in baselines.items() if np.isfinite(value)})
    _label_places(axes, names)
    axes.set_xlabel(axes_names[0].replace("_", " "))
    axes.set_ylabel(measure_name)
    add_legend(figure, handles, labels)
    return figure


MARKS: dict[str, dict[str, Any]] = {
    "best": {
        "marker": "o",
        "markersize": 13,
        "markerfacecolor": "none",
        "markeredgecolor": INK,
        "markeredgewidth": 1.2,
    },
    "chosen": {"marker": "D", "markersize": 8, "color": INK},
}


def _places(values: pd.Series) -> tuple[Float[Array, " configuration"], dict[float, str]]:
    """Where values lie along x, and what is written there: numbers to scale, or logarithmic; text side by side."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values) or values.isna().any():
        texts = ["none" if pd.isna(value) else str(value) for value in values]
        names = list(dict.fromkeys(texts))
        letters = max(4, 90 // len(names))
        places = np.array([names.index(text) for text in texts], dtype=float)
        return places, {float(number): short(name, letters) for number, name in enumerate(names)}
    numbers = values.to_numpy(dtype=float)
    wide = numbers.min() > 0 and numbers.max() > WIDE * numbers.min()
    places = np.log10(numbers) if wide else numbers
    return places, {float(place): f"{number:g}" for place, number in zip(places, numbers, strict=True)}


def _label_places(axes: Axes, names: Mapping[float, str]) -> None:
    low, high = min(names), max(names)
    shown: list[float] = []
    for place in sorted(names):
        # of numbers that lie too close together the later ones are not written
        if not shown or place - shown[-1] >= 0.045 * (high - low):
            shown.append(place)
    axes.set_xticks(shown, [names[place] for place in shown])
    axes.minorticks_off()
    if low == high:
        axes.set_xlim(low - 1, high + 1)


def _groups(table: pd.DataFrame, names: Sequence[str]) -> dict[str, list[int]]:
    """Rows of the table by the values of all settings but the first."""
    groups: dict[str, list[int]] = {}
    for row in range(len(table)):
        values = [f"{name.replace('_', ' ')} {table[name].iloc[row]}" for name in names]
        groups.setdefault(", ".join(values), []).append(row)
    return groups


def _summary(fits: pd.DataFrame, measure: str, count: int) -> pd.DataFrame:
    """Mean and standard error over folds per configuration, of the fits that stand for them."""
    grouped = fits[fits["picked"]].groupby("configuration")[measure]
    return pd.DataFrame({"mean": grouped.mean(), "error": grouped.sem()}).reindex(range(count))


def _draw_line(axes: Axes, places: Array, summary: pd.DataFrame, colour: Array) -> None:
    mean, error = summary["mean"].to_numpy(), summary["error"].to_numpy()
    axes.fill_between(places, mean - error, mean + error, color=colour, alpha=0.18, linewidth=0, zorder=1)
    axes.plot(places, mean, color=colour, linewidth=2, marker="o", markersize=4, zorder=4)
    if len(places) == 1:  # a band of no width
        axes.vlines(places, mean - error, mean + error, color=colour, linewidth=2, zorder=4)


def _draw_fits(axes: Axes, places: Array, fits: pd.DataFrame, measure: str, colour: Array) -> None:
    """Dots beside their place, folds from left to right; seeds that were not picked are paler."""
    x = places[fits["configuration"].to_numpy(dtype=int)]
    gaps = np.diff(np.unique(places))
    width = 0.3 * (float(gaps.min()) if len(gaps) else 1.0)
    folds = fits["fold"].to_numpy(dtype=float)
    spread = folds.max(initial=0.0) - folds.min(initial=0.0) if len(folds) else 0.0
    x = x + width * ((folds - folds.min(initial=0.0)) / spread - 0.5 if spread else 0.0)
    picked = fits["picked"].to_numpy(dtype=bool)
    y = fits[measure].to_numpy(dtype=float)
    for member, alpha in ((picked, 0.55), (~picked, 0.2)):
        axes.scatter(x[member], y[member], s=13, color=[colour], alpha=alpha, linewidths=0, zorder=3)


def _limit(axes: Axes, values: Array, summary: pd.DataFrame) -> None:
    """Keep a few diverged fits from flattening the curve; the number of those out of sight is written down."""
    edges = np.concatenate([summary["mean"] + sign * summary["error"].fillna(0) for sign in (-1, 1)])
    low, high = np.nanmin(edges), np.nanmax(edges)
    room = max(float(high - low), 1e-3)
    finite = values[np.isfinite(values)]
    near = finite[(finite >= low - room) & (finite <= high + room)]
    bottom, top = near.min(initial=low) - 0.06 * room, near.max(initial=high) + 0.06 * room
    lines = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])  # training, too
    if np.isfinite(lines).any():
        bottom, top = min(bottom, np.nanmin(lines) - 0.04 * room), max(top, np.nanmax(lines) + 0.04 * room)
    axes.set_ylim(bottom, top)
    hidden = int(((finite < bottom) | (finite > top)).sum())
    if hidden:
        axes.annotate(
            f"{hidden} {'fits lie' if hidden > 1 else 'fit lies'} outside", (1.0, 0.0), xycoords="axes fraction",
            xytext=(0, -32), textcoords="offset points", ha="right", va="baseline", fontsize=9, color="#666666",
        )  # fmt: skip


def _draw_baselines(axes: Axes, baselines: Mapping[str, float]) -> None:
    """Horizontal lines, each named at the right edge; the ones far away have their value instead of a line."""
    if not baselines:
        return
    bottom, top = axes.get_ylim()
    near = {
        name: value for name, value in baselines.items() if bottom - (top - bottom) <= value <= top + (top - bottom)
    }
    if near:
        pad = 0.03 * (top - bottom)
        bottom, top = min(bottom, min(near.values()) - pad), max(top, max(near.values()) + pad)
        axes.set_ylim(bottom, top)
    names = sorted(baselines, key=lambda name: baselines[name])
    heights = np.array([np.clip((baselines[name] - bottom) / (top - bottom), 0.0, 1.0) for name in names])
    for name, height, place in zip(names, heights, spread_out(heights, LINE_SHARE), strict=True):
        text = short(name, NAME_LETTERS)
        if name in near:
            axes.axhline(baselines[name], color="#777777", linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
        else:
            text += f" ({baselines[name]:.3g}, {'below' if baselines[name] < bottom else 'above'})"
        axes.text(1.035, place, text, transform=axes.transAxes, ha="left", va="center", fontsize=9, color="#444444")
        leader = Line2D([1.0, 1.03], [height, place], transform=axes.transAxes, color="#aaaaaa", linewidth=0.7)
        leader.set_clip_on(False)
        axes.add_artist(leader)


def spread_out(heights: Float[Array, " name"], gap: float) -> Float[Array, " name"]:
    """Move increasing heights apart to at least ``gap``, as little as possible (pool adjacent violators).

    Example:
        >>> spread_out(np.array([0.5, 0.5, 0.9]), 0.1).round(2).tolist()
        [0.45, 0.55, 0.9]
    """
    # in heights minus their least places, "at least a gap apart" reads "not decreasing"
    blocks: list[list[float]] = []
    for number, height in enumerate(heights):
        blocks.append([height - gap * number, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, weight = blocks.pop()
            before, count = blocks[-1]
            blocks[-1] = [(before * count + value * weight) / (count + weight), count + weight]
    flat = np.concatenate([np.full(int(count), value) for value, count in blocks]) if blocks else np.zeros(0)
    return flat + gap * np.arange(len(flat))
